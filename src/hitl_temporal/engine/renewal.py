"""When a workflow should continue as new: what the server suggested, sampled where a task begins.

The suggestion must not be read after a local activity: when a query splits the task, the live run sees the next task's
flag there and a replay the earlier one's. So handlers, timers and ends of activities sample it, and decisions use the
sample (docs/measured.md).
"""

from typing import NoReturn

from temporalio import workflow

from hitl_temporal.engine import options


class Renewal:
    """Remembers the server's suggestion."""

    def __init__(self) -> None:
        self.is_suggested = False
        self.is_urgent = False

    def sample(self) -> None:
        """Look at the server's suggestion; call it only where a workflow task begins."""
        info = workflow.info()
        self.is_suggested = self.is_suggested or info.is_continue_as_new_suggested()
        self.is_urgent = self.is_urgent or info.get_current_history_length() > options.LONG_HISTORY

    @property
    def is_possible(self) -> bool:
        """Whether it is suggested, and no cancellation is on its way that a new run would not see."""
        return self.is_suggested and workflow.cancellation_reason() is None

    def is_due(self, *, is_busy: bool) -> bool:
        """Tell whether to do it now.

        What is in flight is waited for until the history is full: its end would fail the task, and with it an Update
        that came with it.
        """
        return self.is_possible and (not is_busy or self.is_urgent)

    def continue_as_new(self, *args: object) -> NoReturn:
        """Go on in a new run, with the memo as it is now: Temporal itself carries that of the start (measured)."""
        workflow.continue_as_new(args=args, memo=dict(workflow.memo()))
