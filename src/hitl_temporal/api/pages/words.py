"""What happens inside, in words for people: times, values, receipts, and why there is nothing to decide.

Must not know: markup, where the words go.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from hitl_temporal.domain.approval.commands import Receipt, Status
from hitl_temporal.domain.approval.status import Status as Approval
from hitl_temporal.domain.duration import Unit, parse
from hitl_temporal.domain.flow.commands import Became
from hitl_temporal.domain.flow.commands import Receipt as OperationReceipt
from hitl_temporal.domain.value import Json, canonical

RECEIPTS: Mapping[Status, str] = {
    "counted": "Your answer counts",
    "recorded": "Your answer is kept",
    "duplicate": "You have answered before",
    "superseded": "The request has changed",
    "closed": "It is decided already",
    "not_eligible": "You can't decide this",
    "needs_step_up": "Log in again to confirm",
    "invalid": "Your answer does not fit",
}
"""The headline of each receipt of an answer."""

_REFUSED: Mapping[Status, str] = {
    "duplicate": "It was done before",
    "not_eligible": "You can't do this",
    "invalid": "This does not fit",
    "recorded": "It is kept",
    "needs_step_up": "Log in again first",
}
"""What is said otherwise where nobody was answered."""

_OPERATED: Mapping[Became, str] = {
    "done": "Done",
    "asked": "People are asked",
    "recorded": "It is kept",
    "invalid": "This does not fit",
    "closed": "It can't be done now",
    "not_eligible": "You can't do this",
}

_DONE = {"withdraw": "Your request is withdrawn", "override": "You have decided alone"}

REMARKS = {
    "comment": "said",
    "info_requested": "asked",
    "info_provided": "answered",
    "sent_back": "sent it back to",
    "resubmitted": "sent it in again, to",
}
"""What somebody did who said something; whom follows."""

KINDS = {
    "vote": "",
    "auto": "by a rule",
    "override": "as admin, alone",
    "break_glass": "in an emergency",
}
"""What a decision was that is no vote."""

_LONG_UNITS: Mapping[Unit, str] = {
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "bh": "working hour",
    "bd": "working day",
}

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?\+00:00")
"""A moment as the domain and its facts write it."""

_LABELS = {"with.for": "By how much", "by": "By how much"}
"""The field of a command to what its page calls it."""

_ALONE = frozenset({"override", "break_glass"})

_UNITS = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))


def relative(at: datetime, now: datetime) -> str:
    """Return how far a moment is from now, in one unit: `in 2 days`, `3 hours ago`, `just now`, `in a moment`."""
    distance = abs(at - now)
    for name, unit in _UNITS:
        if count := distance // unit:
            words = f"{count} {name}{'' if count == 1 else 's'}"
            return f"in {words}" if at > now else f"{words} ago"
    return "in a moment" if at > now else "just now"


def moment(at: datetime) -> str:
    """Return the exact moment: weekday, date and time in UTC."""
    return at.strftime("%a %d %b %Y, %H:%M UTC")


def span(duration: str) -> str:
    """Return how long a duration is, as people say it: `1d4bh` is `1 day and 4 working hours`."""
    parts = (f"{part.count} {_LONG_UNITS[part.unit]}{'' if part.count == 1 else 's'}" for part in parse(duration))
    return " and ".join(parts)


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
    text = readable(text)
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}" if text else ""


def readable(text: str) -> str:
    """Return a text with its moments as people read them: to the minute, in UTC."""
    return ISO.sub(lambda found: moment(datetime.fromisoformat(found[0])), text)


def wrong(reason: str) -> str:
    """Return what is wrong with a form, by the label that its field has on the page."""
    field, colon, rest = reason.partition(": ")
    return f"{_LABELS[field]}: {rest}" if colon and field in _LABELS else reason


def overruled(status: Approval, person: str) -> tuple[str, ...]:
    """Return what came of somebody's decision over everybody's head; a broken glass is reviewed."""
    mine = next((d for d in reversed(status.decisions) if d.actor == person and d.kind in _ALONE), None)
    if mine is None:
        return ()
    chosen = status.outcomes.get(mine.outcome)
    said = f"It has ended: {chosen.label if chosen is not None else plain(mine.outcome)}."
    return (said, "A review of it was asked of others.") if mine.kind == "break_glass" else (said,)


def headline(receipt: Receipt, verb: str = "decide") -> str:
    """Return what became of an answer, or of any other verb, in one line."""
    if verb == "decide":
        return RECEIPTS[receipt.status]
    if receipt.status == "counted":
        return _DONE.get(verb, "Done")
    return _REFUSED.get(receipt.status, RECEIPTS[receipt.status])


def operated(receipt: OperationReceipt) -> str:
    """Return what became of an operator action in one line."""
    return _OPERATED[receipt.status]


def comment_hint(status: Approval) -> str:
    """Return with which outcomes a comment is needed."""
    labels = [outcome.label for name, outcome in status.outcomes.items() if name in status.comment_on]
    if not labels:
        return "If you like; everybody who takes part can read it."
    return "Needed." if len(labels) == len(status.outcomes) else f"Needed with: {', '.join(labels)}."


def unquoted(text: str) -> str:
    """Return a value that is written as JSON, to read."""
    return value(json.loads(text))


def why_not(status: Approval, person: str) -> str | None:
    """Return why this person has nothing to decide here now, None when they have."""
    acting = {p for stage in status.stages for p in stage.may_act}
    if person in acting:
        return None
    if not status.is_live:
        return f"It has ended: {plain(status.outcome or status.state)}."
    if status.state == "parked":
        return _parked(status)
    if mine := [d.outcome for d in status.decisions if d.actor == person]:
        return f"You have answered: {plain(mine[-1])}. Now it is up to others."
    if status.cooling is not None:
        return f"It is decided: {plain(status.cooling.outcome)}."
    if status.info is not None and status.info.rework:
        return "It was sent back, and can be decided when it comes again."
    if claim := next((s.claim for s in status.stages if s.claim is not None and person in s.asked), None):
        return f"{claim.holder} has claimed it until {moment(claim.until)}."
    if person in status.barred:
        return "It is your own request, so somebody else decides."
    return "You are not asked now."


def _parked(status: Approval) -> str:
    """Return what can be done for a request that nobody can decide; without a stage there is no place to give away."""
    ways = ["its requester can change or withdraw it", "an admin can decide alone"]
    if any(s.state == "parked" for s in status.stages):
        ways.insert(0, "an operator can give a place to somebody else")
    return f"Nobody can decide it as it stands: {', '.join(ways[:-1])}, or {ways[-1]}."
