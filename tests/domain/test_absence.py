"""When an absence counts, and who then stands in."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hitl_temporal.domain.absence import (
    MAX_CHAIN,
    MAX_PERIOD,
    Absence,
    applies,
    in_force,
    is_absent,
    stand_in,
    with_substitutes,
)

NOW = datetime(2026, 12, 28, 9, tzinfo=UTC)
DAY = timedelta(days=1)
PEOPLE = [f"p{n}" for n in range(6)]
FLOWS = (None, "finance.pay", "finance.refund", "firewall_change")


def away(person: str, substitute: str | None = None, **changes: Any) -> Absence:
    """Return an absence of three days around `NOW`."""
    whole = {"id": "1", "since": NOW - DAY, "until": NOW + 2 * DAY, "person": person, "substitute": substitute}
    return Absence.model_validate({**whole, **changes})


def book(*absences: Absence) -> dict[str, tuple[Absence, ...]]:
    """Return absences by person."""
    return {a.person: tuple(b for b in absences if b.person == a.person) for a in absences}


def where(**changes: Any) -> dict[str, Any]:
    """Return the approval that is meant: one without a flow and without context, now."""
    return {"at": NOW, "flow": None, "context": {}, **changes}


# --- one absence ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"until": NOW - DAY}, "must lie after `since`"),
        ({"until": NOW - 2 * DAY}, "must lie after `since`"),
        ({"until": NOW - DAY + MAX_PERIOD + timedelta(seconds=1)}, "at most 732 days"),
        ({"since": "2026-12-24T00:00:00"}, "timezone"),
        ({"since": "0001-01-01T00:00:00+01:00"}, "out of range"),
        ({"until": "9999-12-31T23:59:59-01:00"}, "out of range"),
        ({"substitute": "bob"}, "can't stand in for themself"),
        ({"substitute": ""}, "at least 1 character"),
        ({"flow": ""}, "at least 1 character"),
        ({"if": "amount >"}, "is not CEL"),
        ({"if": "secret('x')"}, "calls secret()"),
        ({"if": ""}, "is empty"),
        ({"if": "a" * 1_001}, "at most 1000"),
        ({"reason": "x" * 501}, "at most 500"),
        ({"reason": "\ud800"}, "unicode"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_what_can_be_no_absence_is_refused(changes: dict[str, Any], says: str) -> None:
    """When it is made, so that nobody has to ask again."""
    with pytest.raises(ValidationError, match=says.replace("(", r"\(").replace(")", r"\)")):
        away("bob", **changes)


def test_the_longest_absence_is_two_years() -> None:
    """To the second."""
    assert away("bob", until=NOW - DAY + MAX_PERIOD).until == NOW - DAY + MAX_PERIOD


def test_moments_are_kept_in_utc() -> None:
    """Whatever zone they were written in; and the document reads back the same."""
    there = timezone(timedelta(hours=5))
    absence = away("bob", since=datetime(2026, 12, 28, 4, tzinfo=there), **{"if": "amount > 5"})
    assert absence.since.isoformat() == "2026-12-27T23:00:00+00:00"
    assert Absence.model_validate_json(absence.model_dump_json(by_alias=True)) == absence


@pytest.mark.parametrize(
    ("at", "holds"),
    [(NOW - DAY, True), (NOW, True), (NOW + 2 * DAY, False), (NOW - DAY - timedelta(microseconds=1), False)],
)
def test_a_period_has_its_first_moment_and_not_its_last(at: datetime, *, holds: bool) -> None:
    """`since` belongs to it, `until` does not."""
    assert applies(away("bob"), **where(at=at)) is holds


@pytest.mark.parametrize(
    ("glob", "flow", "holds"),
    [
        (None, "finance.pay", True),
        (None, None, True),
        ("finance.*", "finance.pay", True),
        ("finance.*", "finance", False),
        ("finance.pay", "finance.pay", True),
        ("*", None, False),
        ("*_change", "firewall_change", True),
        ("F*", "firewall_change", False),
        ("[!f]*", "firewall_change", False),
    ],
)
def test_a_glob_names_flows(glob: str | None, flow: str | None, *, holds: bool) -> None:
    """Only one without a glob is from what no flow asks."""
    assert applies(away("bob", flow=glob), **where(flow=flow)) is holds


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("amount > 100", True),
        ("amount > 1000", False),
        ("missing > 1", False),
        ("amount", False),
        ("amount / 0 == 1", False),
        ("true || missing", True),
    ],
)
def test_a_condition_is_asked_over_the_context(condition: str, *, holds: bool) -> None:
    """One that can't be told does not hold, and raises nothing: the person stays asked."""
    assert applies(away("bob", **{"if": condition}), **where(context={"amount": 500})) is holds


def test_the_most_particular_absence_counts() -> None:
    """A condition, then a flow, then the later entry; what does not apply does not count."""
    plain, later = away("bob", "a", id="1"), away("bob", "b", id="2")
    for_flow = away("bob", "c", id="3", flow="finance.*")
    when = away("bob", "d", id="4", **{"if": "amount > 100"})
    both = away("bob", "e", id="5", flow="finance.*", **{"if": "amount > 100"})
    everything = (both, when, for_flow, plain, later)
    found = [
        in_force(everything, at=NOW, flow=flow, context={"amount": amount})
        for flow in ("finance.pay", "other")
        for amount in (500, 5)
    ]
    assert found == [both, for_flow, when, later]
    assert in_force(everything, **where(at=NOW + 5 * DAY)) is None


# --- chains -----------------------------------------------------------------------------------------------------------


def test_who_is_there_needs_nobody() -> None:
    """Neither absent nor stood in for, also when others are away."""
    absences = book(away("bob", "cai"))
    assert not is_absent(absences, "dee", **where())
    assert stand_in(absences, "dee", **where()) is None


def test_the_substitute_stands_in_until_the_absence_ends() -> None:
    """The chain is the two of them."""
    absences = book(away("bob", "cai"))
    found = stand_in(absences, "bob", **where())
    assert is_absent(absences, "bob", **where())
    assert found is not None
    assert (found.person, found.chain, found.until) == ("cai", ("bob", "cai"), NOW + 2 * DAY)


def test_an_absent_substitute_has_one_in_turn() -> None:
    """The last in the chain acts, until the first of the absences on the way ends."""
    absences = book(away("bob", "cai"), away("cai", "dee", until=NOW + DAY), away("dee", "eli", since=NOW + DAY))
    found = stand_in(absences, "bob", **where())
    assert found is not None
    assert (found.person, found.chain, found.until) == ("dee", ("bob", "cai", "dee"), NOW + DAY)


@pytest.mark.parametrize(
    "absences",
    [
        book(away("bob")),
        book(away("bob", "cai"), away("cai")),
        book(away("bob", "cai"), away("cai", "bob")),
        book(away("bob", "cai"), away("cai", "dee"), away("dee", "cai")),
    ],
)
def test_a_chain_that_leads_nowhere_gives_nobody(absences: dict[str, tuple[Absence, ...]]) -> None:
    """Open at the end, or a circle; the person is away all the same."""
    assert is_absent(absences, "bob", **where())
    assert stand_in(absences, "bob", **where()) is None


@pytest.mark.parametrize(("length", "is_found"), [(MAX_CHAIN, True), (MAX_CHAIN + 1, False)])
def test_a_chain_has_so_many_substitutes_at_most(length: int, *, is_found: bool) -> None:
    """One more gives nobody."""
    absences = book(*(away(f"p{n}", f"p{n + 1}") for n in range(length)))
    assert (stand_in(absences, "p0", **where()) is not None) is is_found


def test_each_link_is_judged_for_this_approval() -> None:
    """A substitute who is away from other flows only is there for this one."""
    absences = book(away("bob", "cai"), away("cai", "dee", flow="finance.*"))
    chains = [stand_in(absences, "bob", **where(flow=flow)) for flow in (None, "finance.pay")]
    assert [found.chain for found in chains if found] == [("bob", "cai"), ("bob", "cai", "dee")]


@st.composite
def books(draw: st.DrawFn) -> dict[str, tuple[Absence, ...]]:
    """Return absences of a few people, in every combination."""
    found: list[Absence] = []
    for number in range(draw(st.integers(0, 10))):
        person = draw(st.sampled_from(PEOPLE))
        since = NOW + draw(st.integers(-3, 3)) * DAY
        others = [None, *(p for p in PEOPLE if p != person)]
        found.append(
            away(
                person,
                draw(st.sampled_from(others)),
                id=str(number),
                since=since,
                until=since + draw(st.integers(1, 4)) * DAY,
                flow=draw(st.sampled_from([None, "finance.*", "*"])),
                **{"if": draw(st.sampled_from([None, "amount > 5", "nothing.at.all", "true"]))},
            )
        )
    return book(*found)


@given(books(), st.sampled_from(PEOPLE), st.sampled_from(FLOWS), st.sampled_from([{}, {"amount": 9}, {"amount": 1}]))
def test_whoever_stands_in_is_there(
    absences: dict[str, tuple[Absence, ...]], person: str, flow: str | None, context: dict[str, Any]
) -> None:
    """The chain goes over absent people to one who is not, over nobody twice, as far as each absence says."""
    asked = where(flow=flow, context=context)
    found = stand_in(absences, person, **asked)
    if found is None:
        return
    links = [in_force(absences.get(p, ()), **asked) for p in found.chain]
    assert (found.chain[0], found.chain[-1], links[-1]) == (person, found.person, None)
    assert len(set(found.chain)) == len(found.chain) <= MAX_CHAIN + 1
    assert [a.substitute for a in links if a is not None] == list(found.chain[1:])
    assert found.until == min(a.until for a in links if a is not None) > NOW


@given(books(), st.sampled_from(PEOPLE), st.sampled_from(FLOWS))
def test_nobody_stands_in_for_reasons_that_can_be_named(
    absences: dict[str, tuple[Absence, ...]], person: str, flow: str | None
) -> None:
    """No stand-in means: there, or following the substitutes ends at nobody or where it has been."""
    asked = where(flow=flow)
    if stand_in(absences, person, **asked) is not None:
        return
    been, at = [person], person
    while (absence := in_force(absences.get(at, ()), **asked)) is not None:
        at = absence.substitute
        if at is None or at in been:
            return
        been.append(at)
    assert been == [person]


@given(books(), st.sets(st.sampled_from(PEOPLE)), st.sampled_from(FLOWS))
def test_what_is_read_for_some_people_is_all_that_matters_to_them(
    absences: dict[str, tuple[Absence, ...]], people: set[str], flow: str | None
) -> None:
    """Judged on the part that their chains touch, each has the stand-in that they have on the whole."""
    part = with_substitutes(absences, people)
    assert part.items() <= absences.items()
    for person in people:
        assert stand_in(part, person, **where(flow=flow)) == stand_in(absences, person, **where(flow=flow))
        assert is_absent(part, person, **where(flow=flow)) == is_absent(absences, person, **where(flow=flow))
