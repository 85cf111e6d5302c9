"""What people see of an approval whose workflow was ended from outside, which no code of ours could tell anybody.

What it knew last says that people are asked; nobody is, and no outcome will come.

Must not know: how that was found out.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from hitl_temporal.domain.approval.status import StageStatus, Status
from hitl_temporal.domain.waits import LIVE

Cut = Literal["terminated", "timed_out", "failed"]
"""How a workflow ends without a result, as the state of its approval."""

_HOW: Mapping[Cut, str] = {
    "terminated": "its workflow was terminated in Temporal",
    "timed_out": "the execution timeout of its workflow is over",
    "failed": "its workflow has failed",
}


def why_cut(how: Cut) -> str:
    """Return why nothing comes of it any more, and what to do."""
    return f"{_HOW[how]}: it is closed without an outcome; ask again where an answer is needed"


def cut_off(known: Status, how: Cut, at: datetime | None) -> Status:
    """Return an approval as it stands after such an end; one with an outcome stays as it is.

    Args:
        known: What it knew last.
        how: It ended.
        at: When; None: that is not known.
    """
    if known.outcome is not None:
        return known
    return known.but(
        state=how,
        reason=why_cut(how),
        tally="",
        ended=at,
        stages=tuple(_left(stage) for stage in known.stages),
        info=None,
        cooling=None,
        intents={},
        kept=(),
    )


def _left(stage: StageStatus) -> StageStatus:
    if stage.state not in {*LIVE, "pending"}:
        return stage
    return stage.but(state="skipped", tally="", may_act=(), due=None, next_reminder=None, claim=None, stand_ins={})
