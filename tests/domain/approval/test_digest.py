"""What one person has to do, in a few numbers."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from hitl_temporal.domain.approval.digest import MOST_ITEMS, Digest, Item, digest_of

NOW = datetime(2026, 3, 2, 22, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def row(name: str, due: datetime | None = None, flow: str | None = None) -> Item:
    return Item(id=name, title=name, flow=flow, requester="ann", state="open", due=due, tally="0 of 1")


def test_what_is_overdue_and_what_is_due_today() -> None:
    """What is due this very moment is overdue; what has no deadline is neither."""
    rows = [row("late", NOW - HOUR), row("now", NOW), row("soon", NOW + HOUR), row("later", NOW + 2 * HOUR), row("x")]
    found = digest_of("bob", rows, at=NOW, zone=UTC)
    assert (found.person, found.total, found.overdue, found.due_today) == ("bob", 5, 2, 1)


@pytest.mark.parametrize(("hours", "due_today"), [(0, 1), (1, 0), (2, 1), (-5, 1)])
def test_a_day_is_the_persons_own(hours: int, due_today: int) -> None:
    """The same moment is tomorrow for who looks at 23:30, and today for who looks at 00:30 or at half past five."""
    zone = timezone(timedelta(hours=hours), f"there{hours}")
    found = digest_of("bob", [row("a", NOW + HOUR)], at=NOW, zone=zone)
    assert (found.due_today, found.zone, found.at) == (due_today, f"there{hours}", NOW)


def test_the_most_urgent_are_shown() -> None:
    """Soonest due first, those without a deadline last, and no more than anybody reads; the numbers are of all."""
    rows = [row(f"{n:03}", NOW + n * HOUR if n % 2 else None) for n in range(100)]
    found = digest_of("bob", rows, at=NOW, zone=UTC, has_more=True)
    assert [i.id for i in found.items] == [f"{n:03}" for n in range(1, 100, 2)]
    assert (len(found.items), found.total, found.has_more) == (MOST_ITEMS, 100, True)
    assert [i.id for i in digest_of("bob", rows[:4], at=NOW, zone=UTC).items] == ["001", "003", "000", "002"]


def test_each_flow_has_its_number() -> None:
    """Most first; what no flow has asked counts under its own type."""
    rows = [row("a"), row("b", flow="spend"), row("c", flow="spend")]
    assert list(digest_of("bob", rows, at=NOW, zone=UTC).by_flow.items()) == [("spend", 2), ("Approval", 1)]


def test_an_empty_inbox_is_a_digest_too() -> None:
    """Of nothing, and it is one value."""
    found = digest_of("bob", [], at=NOW, zone=UTC)
    assert (found.total, found.overdue, found.due_today, found.by_flow, found.items) == (0, 0, 0, {}, ())
    assert Digest.model_validate_json(found.model_dump_json()) == found
