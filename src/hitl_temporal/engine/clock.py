"""What time it is for a workflow: the same while it lives and when its history is replayed.

`workflow.now()` alone is not: a query can cut a workflow task in two while a local activity runs, and after a killed
worker one that comes first leaves the time of the task before (both measured). A fact would then have another moment,
and with it another hash, than the one that was exported; a moment would be due for one and not for the other. So what
counts is what the history keeps: the time that a reading carried to its activity and back, and that a timer has fired.
The first task is no exception: a workflow begins at `info.workflow_start_time`, which is an event's.
"""

from collections.abc import Callable
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.messages import READ_PEOPLE, PeopleRead, ReadPeople

from hitl_temporal.engine import options
from hitl_temporal.engine.reading import read
from hitl_temporal.engine.renewal import Renewal


class Clock:
    """Workflow time, held at what the last reading has brought back until the workflow waits again."""

    def __init__(self, renewal: Renewal) -> None:
        """Take what must look at the server's suggestion whenever a timer has fired."""
        self._renewal = renewal
        self.held: datetime | None = None
        """What the last reading has brought back; None once the workflow has waited again."""
        self._reached: datetime | None = None

    @property
    def now(self) -> datetime:
        """The time of what happens now; only once it is held does the history keep it."""
        return self.held or max(workflow.now(), self._reached or workflow.now())

    @property
    def has_slept(self) -> bool:
        """Whether the last wait ended because its moment came."""
        return self._reached is not None

    def has_come(self, moment: datetime | None) -> bool:
        """Tell whether the history says that a moment has come; a wait for it makes it say so."""
        known = self.held or self._reached
        return moment is not None and known is not None and moment <= known

    def hold(self, at: datetime | None) -> None:
        """Take the time that a reading has brought back; a worker of an older release brings none."""
        self.held = at or self.held

    async def fix(self) -> None:
        """Read the time alone, and hold it: for what happens without anything else that must be read."""
        self.hold((await read(READ_PEOPLE, ReadPeople(at=self.now), PeopleRead)).at)

    async def wait(self, until: datetime | None, summary: str | None, is_woken: Callable[[], bool]) -> None:
        """Wait until something has happened or a moment has come; None: for ever."""
        now, self.held, self._reached = self.now, None, None
        # A wait without a time has no timer, and so leaves nothing in the history: asyncio ends it at once.
        timeout = None if until is None else max(until - now, options.BREATH)
        try:
            await workflow.wait_condition(is_woken, timeout=timeout, timeout_summary=summary)
        except TimeoutError:
            self._reached = until
            self._renewal.sample()

    async def breathe(self) -> None:
        """Go on in another workflow task: one that judges thousands of letters would be taken for a deadlock."""
        await workflow.sleep(options.BREATH, summary="go on with what has come")
        self._renewal.sample()
        self.held = None
