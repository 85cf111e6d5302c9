"""An answer that waits until its author has logged in afresh, and whether the next one would have to wait, too.

Must not know: markup, how a login is made, how an answer is judged.
"""

from datetime import datetime
from typing import NamedTuple

from hitl_temporal.api.pages.offers import live
from hitl_temporal.domain.approval.records import Intent
from hitl_temporal.domain.approval.stage import suffices
from hitl_temporal.domain.approval.status import Status
from hitl_temporal.service.identity import Identity


class Kept(NamedTuple):
    """The visitor's own answer, counted for nothing yet.

    Attributes:
        label: Its outcome, as the button says it.
        may_confirm: Whether this login is fresh enough to confirm it.
    """

    intent: Intent
    label: str
    may_confirm: bool


def kept_answer(status: Status, me: Identity, now: datetime) -> Kept | None:
    """Return my answer that waits for a confirmation, None when there is none or its time is over."""
    intent = next((i for i in status.kept if i.actor == me.person and now <= i.until), None)
    if intent is None or all(me.person not in stage.may_act for stage in live(status)):
        return None
    outcome = status.outcomes.get(intent.outcome)
    label = outcome.label if outcome is not None else intent.outcome
    return Kept(intent, label, all(suffices(me.assurance, s.assurance) for s in live(status) if s.name == intent.stage))


def would_wait(status: Status, me: Identity) -> bool:
    """Tell whether an answer that I gave now would be kept until I log in afresh."""
    mine = next((s for s in live(status) if me.person in s.may_act), None)
    return mine is not None and not suffices(me.assurance, mine.assurance)
