"""The site's list of absences: who may change it, what becomes of each command, how it stays small.

It is packed into a text of a few kilobytes for those who judge (docs/decisions/0008-absences.md).

Must not know: Temporal, doors, where the list lies.
"""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from pydantic import ConfigDict, TypeAdapter, ValidationError

from hitl_temporal.domain.absence import Absence, Name, Terms, with_substitutes
from hitl_temporal.domain.ids import PersonName
from hitl_temporal.domain.people import OPERATORS, Roster
from hitl_temporal.domain.problems import key_of, refused
from hitl_temporal.domain.value import FromOutside, Value, canonical, digest

SEMANTICS = 1
"""Whether a command changes the list may be judged otherwise only behind a higher number (docs/decisions/0006)."""

MAX_OF_PERSON = 100
KEPT_AFTER_END = timedelta(days=90)
MAX_ENDED = 1_000
"""Absences that are over and still listed, of all people together; the oldest go first."""

MAX_KEYS = 100
"""Commands whose keys are remembered: a repetition comes soon."""

PACKED_AFTER_END = timedelta(days=7)
"""An answer may be judged so long after it was given, when no worker has run meanwhile."""

MAX_PACKED_BYTES = 60_000
"""More would not fit into the visibility store of every database that Temporal runs on (docs/measured.md)."""

MAX_PACKED_BYTES_OF_PERSON = 4_000
"""A hundred ordinary absences take 3,000; so nobody fills the list of all."""

MAX_BYTES = 1_500_000
"""Of the whole list as JSON: Temporal takes 2 MiB at a time."""

MAX_CONCERNED = 100
"""People named in a receipt: those whose open questions should look again."""

_LIST: TypeAdapter[tuple[Absence, ...]] = TypeAdapter(tuple[Absence, ...])


class _Command(FromOutside):
    model_config = ConfigDict(frozen=True, extra="ignore")


class AddAbsence(_Command, Terms):
    """Somebody will be away; `person` None: the actor."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    actor: PersonName
    key: Name | None = None
    person: PersonName | None = None


class RemoveAbsence(_Command):
    """An absence was a mistake, or is over early."""

    actor: PersonName
    key: Name | None = None
    id: Name


Command: TypeAlias = AddAbsence | RemoveAbsence

COMMANDS: Mapping[str, type[Command]] = {"add": AddAbsence, "remove": RemoveAbsence}


Status = Literal["done", "unknown", "invalid", "not_eligible", "recorded"]


class Receipt(Value):
    """What became of a command; sent again with the same key, the same comes back.

    Attributes:
        absence: What was added or removed; None: nothing was.
        concerns: Those who may now act in other places than before, and those for whom.
    """

    status: Status
    reason: str = ""
    absence: Absence | None = None
    concerns: tuple[str, ...] = ()
    key: str = ""


class Spent(Value):
    """A key that has done something, and the digest of what."""

    actor: str
    digest: str
    receipt: Receipt


class Absences(Value):
    """The whole list, in the order of entry.

    Attributes:
        entered: How many absences there ever were; ids count them.
        spent: Keys of the last commands that were done, the oldest first.
        semantics: How commands are judged: what changed the list must change it at a replay.
    """

    semantics: int = SEMANTICS
    absences: tuple[Absence, ...] = ()
    entered: int = 0
    spent: tuple[Spent, ...] = ()

    def of(self, person: str | None) -> tuple[Absence, ...]:
        """Return a person's absences, everybody's for None, those that begin first in front."""
        mine = (a for a in self.absences if person in {None, a.person})
        return tuple(sorted(mine, key=lambda a: (a.since, a.until)))


def parse(verb: str, raw: object) -> Command | Receipt:
    """Return the command that a raw payload holds, or the `invalid` receipt that says which field is wrong."""
    try:
        return COMMANDS[verb].model_validate(raw)
    except ValidationError as error:
        return Receipt(status="invalid", reason=refused(error), key=key_of(raw))


def people_of(command: Command) -> tuple[str, ...]:
    """Return whose cards the roster must hold to judge a command."""
    named = (command.actor, command.person, command.substitute) if isinstance(command, AddAbsence) else (command.actor,)
    return tuple(dict.fromkeys(n for n in named if n is not None))


def carry_out(state: Absences, command: Command, *, roster: Roster, at: datetime) -> tuple[Absences, Receipt]:
    """Return the list after a command, and its receipt; a refused one changes nothing.

    Args:
        state: The list.
        command: What somebody wants.
        roster: Has the cards of `people_of`.
        at: Now.
    """
    asked = digest([type(command).__name__, command.model_dump(mode="json", exclude={"key"})])
    for spent in state.spent:
        if (spent.actor, spent.receipt.key) == (command.actor, command.key):
            again = f"key {command.key!r} was used for something else; choose a new one"
            return state, spent.receipt if spent.digest == asked else _refused(command, "invalid", again)
    if (stranger := roster.stranger(command.actor)) is not None:
        return state, _refused(command, "not_eligible", stranger)
    if isinstance(command, AddAbsence):
        changed, receipt = _add(state, command, roster, at)
    else:
        changed, receipt = _remove(state, command, roster, at)
    if receipt.status == "done" and command.key is not None:
        spent = Spent(actor=command.actor, digest=asked, receipt=receipt)
        changed = changed.but(spent=(*changed.spent, spent)[-MAX_KEYS:])
    return changed, receipt


def pack(absences: Iterable[Absence], at: datetime) -> bytes:
    """Return what those need who judge: what is not long over, without reasons, in few bytes."""
    needed = (a.but(reason="", by=None) for a in absences if a.until + PACKED_AFTER_END > at)
    documents = [a.model_dump(mode="json", by_alias=True, exclude_defaults=True) for a in needed]
    return zlib.compress(canonical(documents).encode(), 9)


def unpack(packed: bytes) -> dict[str, tuple[Absence, ...]]:
    """Return packed absences by person, in the order of entry."""
    found: dict[str, list[Absence]] = defaultdict(list)
    for absence in _LIST.validate_json(zlib.decompress(packed)):
        found[absence.person].append(absence)
    return {person: tuple(absences) for person, absences in found.items()}


def _add(state: Absences, add: AddAbsence, roster: Roster, at: datetime) -> tuple[Absences, Receipt]:
    person = add.person or add.actor
    if (strange := _not_theirs(add.actor, person, roster)) is not None:
        return state, _refused(add, "not_eligible", strange)
    if (wrong := _unfit(add, person, roster, at)) is not None:
        return state, _refused(add, "invalid", wrong)
    absence = Absence(
        id=str(state.entered + 1),
        person=person,
        by=None if person == add.actor else add.actor,
        **{name: getattr(add, name) for name in Terms.model_fields},
    )
    changed = state.but(absences=_kept((*state.absences, absence), at), entered=state.entered + 1)
    if (full := _too_large(changed, person, at)) is not None:
        return state, _refused(add, "invalid", full)
    return changed, _done(add, absence, changed)


def _remove(state: Absences, remove: RemoveAbsence, roster: Roster, at: datetime) -> tuple[Absences, Receipt]:
    absence = next((a for a in state.absences if a.id == remove.id), None)
    if absence is None:
        return state, _refused(remove, "unknown", f"there is no absence {remove.id!r}")
    if (strange := _not_theirs(remove.actor, absence.person, roster)) is not None:
        return state, _refused(remove, "not_eligible", strange)
    changed = state.but(absences=_kept((a for a in state.absences if a.id != remove.id), at))
    return changed, _done(remove, absence, changed)


def _not_theirs(actor: str, person: str, roster: Roster) -> str | None:
    """Return why this actor may not speak for this person, None when they may."""
    if actor == person or OPERATORS.intersection(roster.cards[actor].roles):
        return None
    return f"the absences of others need the role operator or admin, which {actor!r} does not have"


def _unfit(add: AddAbsence, person: str, roster: Roster, at: datetime) -> str | None:
    for field, named in (("person", person), ("substitute", add.substitute)):
        if named is not None and (stranger := roster.stranger(named)) is not None:
            return f"{field}: {stranger}; name somebody who is"
    if add.substitute == person:
        return f"substitute: {person!r} can't stand in for themself; name somebody else"
    if add.until <= at:
        return "until: this absence is over already; give its real end"
    return None


def _too_large(state: Absences, person: str, at: datetime) -> str | None:
    """Return which bound the list has now passed, None when there is room."""
    mine = [a for a in state.absences if a.person == person]
    if len(mine) > MAX_OF_PERSON:
        return f"{person!r} has {MAX_OF_PERSON} absences already; remove one that is not needed"
    if len(pack(mine, at)) > MAX_PACKED_BYTES_OF_PERSON:
        return f"the absences of {person!r} take too much room; shorten conditions, or remove one that is not needed"
    if len(pack(state.absences, at)) > MAX_PACKED_BYTES or len(state.model_dump_json()) > MAX_BYTES:
        return "the site's list of absences is full; an operator can remove some that are not needed"
    return None


def _kept(absences: Iterable[Absence], at: datetime) -> tuple[Absence, ...]:
    """Leave out what has been over for long, and more than enough of what is over."""
    young = [a for a in absences if a.until + KEPT_AFTER_END > at]
    ended = sorted((a for a in young if a.until <= at), key=lambda a: a.until)
    surplus = {a.id for a in ended[: max(len(ended) - MAX_ENDED, 0)]}
    return tuple(a for a in young if a.id not in surplus)


def _done(command: Command, absence: Absence, changed: Absences) -> Receipt:
    concerned = tuple(dict.fromkeys(_concerned(changed.absences, absence)))[:MAX_CONCERNED]
    return Receipt(status="done", absence=absence, concerns=concerned, key=command.key or "")


def _refused(command: Command, status: Status, reason: str) -> Receipt:
    return Receipt(status=status, reason=reason, key=command.key or "")


def _concerned(absences: Sequence[Absence], changed: Absence) -> Iterator[str]:
    """Yield the absent person, all for whom they may stand in, and all who may stand in for them."""
    behind: dict[str, list[str]] = defaultdict(list)
    ahead: dict[str, tuple[Absence, ...]] = {}
    for absence in absences:
        ahead[absence.person] = (*ahead.get(absence.person, ()), absence)
        if absence.substitute is not None:
            behind[absence.substitute].append(absence.person)
    waiting = [changed.person]
    for person in waiting:  # it grows on the way
        waiting += [p for p in behind[person] if p not in waiting]
    yield from waiting
    if changed.substitute is not None:
        yield changed.substitute
        for found in with_substitutes(ahead, [changed.substitute]).values():
            yield from (a.substitute for a in found if a.substitute is not None)
