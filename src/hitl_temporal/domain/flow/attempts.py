"""Whether a command is begun again, by how it has ended.

One that has said that it failed may be begun again: it is known how far it came. Of another nobody knows, so that it
must be harmless to begin it twice. That its agent was lost is no failure of the command, and counts by itself.

Must not know: Temporal, how long is waited before.
"""

from typing import Literal, TypeAlias

from hitl_temporal.domain.flow.effects import StartCall

SPARE_STARTS = 4
"""Of a command that may be begun twice, where the document does not say how often: five in all, as of a call."""

End: TypeAlias = Literal["told", "lost", "unclear"]
"""How a command ended without success: it has said so, its agent was lost, or something else came between."""


def may_begin_again(effect: StartCall, *, begun: int, failed: int, end: End) -> bool:
    """Tell whether a command that has just ended without success may be begun again.

    Args:
        effect: What it is.
        begun: How often it was begun.
        failed: How often it failed, of these times; a lost agent is no failure.
        end: How it ended this time.
    """
    is_harmless = effect.is_idempotent or end == "told"
    has_tries = failed < effect.attempts or end == "lost"
    return is_harmless and has_tries and begun < effect.attempts + effect.spare_starts
