"""What others see of an approval without asking it: lists, the details and the timers of Temporal's UI.

Must not know: how an approval goes on.
"""

from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.approval.clock import moments, next_moment
    from hitl_temporal.domain.approval.listing import listing
    from hitl_temporal.domain.approval.state import Approval

from hitl_temporal.engine.details import approval_details
from hitl_temporal.engine.listing import Listing
from hitl_temporal.engine.surroundings import about


def show(shown: Listing, now: Approval) -> None:
    """Write what has changed of an approval where lists and Temporal's UI read it."""
    seen = listing(now)
    shown.show(
        {
            "state": seen.state,
            "flow": now.flow,
            "requester": now.requester,
            "waiting": (about(now, seen.subject).mark,) if seen.subject is not None else (),
            "due": seen.due,
            "assignees": seen.assignees,
            "groups": seen.groups,
        },
        {
            "kind": "approval",
            "title": seen.title,
            "tally": seen.tally,
            "requester": now.requester,
            "run": now.origin.run if now.origin else None,
            "flow": now.flow,
            "due": seen.due.isoformat() if seen.due else None,
            "digest": now.shown.digest,
            "started": now.started_at.isoformat(),
            "stage": seen.stage,
            "answers": seen.answers.model_dump(mode="json", by_alias=True),
            "barred": list(seen.barred),
            "claimed_by": seen.claimed_by,
        },
    )
    workflow.set_current_details(approval_details(now))


def what_comes(now: Approval, moment: datetime) -> str:
    """Return what a timer waits for."""
    found = min((m for m in moments(now) if m.at == moment), default=None)
    if found is None:
        return "look at people again" if moment == next_moment(now) else "export audit facts"
    what = now.stage(found.stage).document.at_due if found.kind == "due" else found.kind
    return f"{what}: {found.stage} at {moment.isoformat()}"
