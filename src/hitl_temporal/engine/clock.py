"""What time it is for a workflow: the same while it lives and when its history is replayed.

When a query or an update comes while a local activity runs, the server cuts the workflow task in two. Live, the code
went on with the time of the first part; a replay takes both together, at the time of the second (measured). A fact
would then have another moment, and with it another hash, than the one that was exported. So each reading carries the
time at which it was begun to the activity and back: what the history keeps of it is the time that counts from then on.
The first task is no exception: a workflow begins at `info.workflow_start_time`, which is an event's.
"""

from datetime import datetime

from temporalio import workflow


class Clock:
    """Workflow time, held at what the last reading has brought back until the workflow waits again."""

    def __init__(self) -> None:
        self._held: datetime | None = None

    @property
    def now(self) -> datetime:
        """The time of what happens now."""
        return self._held or workflow.now()

    def hold(self, at: datetime | None) -> None:
        """Take the time that a reading has brought back; a worker of an older release brings none."""
        self._held = at or self._held

    def release(self) -> None:
        """Go with the workflow's own time again: a new task has begun."""
        self._held = None
