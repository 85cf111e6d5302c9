"""What the audit trail says of absences: who entered or removed which, for whom, and who stands in; never why."""

from datetime import timedelta

import pytest

from hitl_temporal.domain.absence_facts import fact
from hitl_temporal.domain.absences import Absences, AddAbsence, Command, RemoveAbsence, carry_out
from hitl_temporal.domain.effects import Record
from tests.domain.approval.playing import MONDAY, PEOPLE

DAY = timedelta(days=1)
ROSTER = PEOPLE.roster((), PEOPLE.people)
ADD = AddAbsence.model_validate(
    {
        "actor": "eli",
        "person": "bob",
        "since": MONDAY,
        "until": MONDAY + 2 * DAY,
        "substitute": "cai",
        "flow": "finance.*",
        "if": "amount > 10",
        "reason": "an operation",
    }
)


def done(state: Absences, command: Command, after: timedelta) -> tuple[Absences, Record | None]:
    """Return the list after a command, and the fact of it."""
    changed, receipt = carry_out(state, command, roster=ROSTER, at=MONDAY + after)
    return changed, fact(command, receipt, MONDAY + after)


def test_an_absence_that_is_added_is_told_without_its_reason() -> None:
    """Who entered it, for whom, from when to when, from what, and who stands in."""
    _, told = done(Absences(), ADD, -DAY)
    assert told is not None
    assert (told.name, told.key, told.at) == ("absence.added", "added:1", MONDAY - DAY)
    assert {name.removeprefix("hitl."): value for name, value in told.attributes.items()} == {
        "absence": "1",
        "actor": "eli",
        "person": "bob",
        "substitute": "cai",
        "since": MONDAY.isoformat(),
        "until": (MONDAY + 2 * DAY).isoformat(),
        "flow": "finance.*",
        "condition": "amount > 10",
    }


@pytest.mark.parametrize(("after", "was"), [(-DAY, "ahead"), (DAY, "running"), (2 * DAY, "over")])
def test_a_removal_says_how_far_the_absence_was(after: timedelta, was: str) -> None:
    """One that is removed while it runs has ended early."""
    state, _ = done(Absences(), ADD, -2 * DAY)
    _, told = done(state, RemoveAbsence(actor="bob", id="1"), after)
    assert told is not None
    assert (told.name, told.key, told.attributes["hitl.actor"]) == ("absence.removed", "removed:1", "bob")
    assert told.attributes["hitl.was"] == was


def test_what_is_refused_is_no_change() -> None:
    """There is nothing to tell."""
    assert done(Absences(), RemoveAbsence(actor="bob", id="7"), DAY)[1] is None
