"""What happens inside, in words for people: times, values, receipts, and why there is nothing to decide.

Must not know: markup, where the words go.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from hitl_temporal.domain.approval.commands import Receipt, Status
from hitl_temporal.domain.approval.views import Status as Approval
from hitl_temporal.domain.value import Json, canonical

RECEIPTS: Mapping[Status, str] = {
    "counted": "Your answer counts",
    "recorded": "Your answer is kept",
    "duplicate": "You have answered before",
    "superseded": "The request has changed",
    "closed": "It is decided already",
    "not_eligible": "You can't decide this",
    "needs_step_up": "Log in again first",
    "invalid": "Your answer does not fit",
}
"""The headline of each receipt."""

_UNITS = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))


def relative(at: datetime, now: datetime) -> str:
    """Return how far a moment is from now: `in 2 days`, `3 hours ago`, `just now`; rounded down to one unit."""
    distance = abs(at - now)
    for name, unit in _UNITS:
        if count := distance // unit:
            words = f"{count} {name}{'' if count == 1 else 's'}"
            return f"in {words}" if at > now else f"{words} ago"
    return "just now"


def moment(at: datetime) -> str:
    """Return the exact moment: weekday, date and time in UTC."""
    return at.strftime("%a %d %b %Y, %H:%M UTC")


def value(found: Json) -> str:
    """Return a value to read: texts as they are, `none` for what is absent or empty, the rest as JSON."""
    if found is None or found in ([], {}):
        return "none"
    return found if isinstance(found, str) else canonical(found)


def plain(name: str) -> str:
    """Return a name of ours as words: `timed_out` is `timed out`."""
    return name.replace("_", " ").replace(".", " ")


def sentence(text: str) -> str:
    """Return a reason as a sentence: with a capital, unless it begins with a quoted id, and a full stop."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}" if text else ""


def headline(receipt: Receipt) -> str:
    """Return what became of an answer, in one line."""
    return RECEIPTS[receipt.status]


def why_not(status: Approval, person: str) -> str | None:
    """Return why this person has nothing to decide here now, None when they have."""
    acting = {p for stage in status.stages for p in stage.may_act}
    if person in acting:
        return None
    if status.outcome is not None:
        return f"It has ended: {plain(status.outcome)}."
    if status.state == "parked":
        return "Nobody can decide it as it stands; an operator has to look at it."
    if mine := [d.outcome for d in status.decisions if d.actor == person]:
        return f"You have answered: {plain(mine[-1])}. Now it is up to others."
    if person in {status.requester, status.on_behalf_of}:
        return "It is your own request, so somebody else decides."
    return "You are not asked now."
