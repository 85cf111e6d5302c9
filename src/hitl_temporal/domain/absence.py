"""Out of office: when somebody does not act, and who stands in for them, over as many substitutes as it takes.

A substitute acts under their own name; the chain says for whom.

Must not know: clocks, who keeps absences, what an approval is.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, model_validator

from hitl_temporal.domain.expressions import MAX_LENGTH, ExpressionError, checked, is_true
from hitl_temporal.domain.ids import PersonName
from hitl_temporal.domain.value import Json, Value

MAX_CHAIN = 10
"""Substitutes on the way from an absent person to the one who stands in."""

MAX_PERIOD = timedelta(days=2 * 366)

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:  # the first and the last day of the calendar, in other zones
        raise ValueError("is out of range") from error


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Condition = Annotated[str, StringConstraints(max_length=MAX_LENGTH), AfterValidator(checked)]


class Terms(Value):
    """When somebody is away, from what, and who stands in.

    Attributes:
        since: The first moment of it.
        until: The first moment after it.
        substitute: Who stands in; None: nobody does.
        flow: A glob over names of flows, such as `finance.*`; None: away from everything, flow or not.
        condition: CEL over an approval's context; away from those for which it holds. None: from all.
        reason: For those who may read it; it never leaves the list.
    """

    since: Moment
    until: Moment
    substitute: PersonName | None = None
    flow: Name | None = None
    condition: Condition | None = Field(default=None, alias="if")
    reason: Annotated[str, StringConstraints(max_length=500)] = ""

    @model_validator(mode="after")
    def _has_a_period(self) -> Self:
        if self.until <= self.since:
            raise ValueError("until: it must lie after `since`")
        if self.until - self.since > MAX_PERIOD:
            raise ValueError(f"until: an absence lasts at most {MAX_PERIOD.days} days; end it earlier")
        return self


class Absence(Terms):
    """One absence of one person.

    Attributes:
        id: Unique among all.
        by: Who has entered it for them; None: the person did.
    """

    id: Name
    person: Name
    by: Name | None = None

    @model_validator(mode="after")
    def _has_another_substitute(self) -> Self:
        if self.substitute == self.person:
            raise ValueError(f"substitute: {self.person!r} can't stand in for themself")
        return self


class StandIn(Value):
    """Who acts in place of an absent person.

    Attributes:
        person: Who stands in.
        chain: Everybody on the way, from the absent person to the one who stands in, both included.
        until: When the first of the absences on the way ends.
    """

    person: str
    chain: tuple[str, ...]
    until: AwareDatetime


def applies(absence: Absence, *, at: datetime, flow: str | None, context: Mapping[str, Json]) -> bool:
    """Tell whether somebody is away from an approval by this absence.

    A condition that can't be told does not hold: the person stays asked.

    Args:
        absence: Theirs.
        at: The moment that is meant.
        flow: The name of the flow that asks; None: none does.
        context: The approval's.
    """
    if not absence.since <= at < absence.until:
        return False
    if absence.flow is not None and (flow is None or not fnmatchcase(flow, absence.flow)):
        return False
    try:
        return absence.condition is None or is_true(absence.condition, context)
    except ExpressionError:
        return False


def in_force(
    absences: Iterable[Absence], *, at: datetime, flow: str | None, context: Mapping[str, Json]
) -> Absence | None:
    """Return the absence of one person that counts, None when they are there.

    Of several the most particular: one with a condition goes before one without, then one for a flow before one for
    all, then a later entry before an earlier one.
    """
    found = [a for a in absences if applies(a, at=at, flow=flow, context=context)]
    return max(reversed(found), key=lambda a: (a.condition is not None, a.flow is not None), default=None)


def is_absent(
    absences: Mapping[str, Sequence[Absence]],
    person: str,
    *,
    at: datetime,
    flow: str | None,
    context: Mapping[str, Json],
) -> bool:
    """Tell whether a person is away from an approval."""
    return in_force(absences.get(person, ()), at=at, flow=flow, context=context) is not None


def stand_in(
    absences: Mapping[str, Sequence[Absence]],
    person: str,
    *,
    at: datetime,
    flow: str | None,
    context: Mapping[str, Json],
) -> StandIn | None:
    """Return who acts in place of a person.

    Whether that one is active, or barred, is not asked here.

    Args:
        absences: Of everybody who may be on the way.
        person: Who was asked.
        at: The moment that is meant.
        flow: The name of the flow that asks; None: none does.
        context: The approval's.

    Returns:
        None: the person is there; or away, and nobody is at the end of the chain (it is open, goes in a circle, or is
        longer than `MAX_CHAIN`).
    """
    chain, until = [person], None
    while (away := in_force(absences.get(chain[-1], ()), at=at, flow=flow, context=context)) is not None:
        if away.substitute is None or away.substitute in chain or len(chain) > MAX_CHAIN:
            return None
        chain.append(away.substitute)
        until = away.until if until is None else min(until, away.until)
    return StandIn(person=chain[-1], chain=tuple(chain), until=until) if until is not None else None


def with_substitutes(
    absences: Mapping[str, tuple[Absence, ...]], people: Iterable[str]
) -> dict[str, tuple[Absence, ...]]:
    """Return the absences of these people, of their substitutes, of theirs, and so on; who has none is left out."""
    found: dict[str, tuple[Absence, ...]] = {}
    pending = list(people)
    for person in pending:  # it grows on the way
        if person in absences and person not in found:
            found[person] = absences[person]
            pending += [a.substitute for a in absences[person] if a.substitute is not None]
    return found
