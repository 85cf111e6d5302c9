"""The one table of activity options: how long, how often, and why.

Retry types are matched by name, so each that must not be retried is listed.
"""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy

PERMANENT = ["PermanentError", "UnknownFlow", "InvalidInput", "ValidationError"]


class LocalOptions(TypedDict):
    """Keyword arguments of `workflow.execute_local_activity`."""

    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    retry_policy: RetryPolicy


class Options(TypedDict, total=False):
    """Keyword arguments of `workflow.execute_activity`."""

    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta | None
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy


def _seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


FOR_EVER = RetryPolicy(initial_interval=_seconds(1), maximum_interval=_seconds(60), non_retryable_error_types=PERMANENT)

READ = LocalOptions(
    start_to_close_timeout=_seconds(4),
    schedule_to_close_timeout=_seconds(4),
    retry_policy=RetryPolicy(initial_interval=_seconds(0.2), maximum_interval=_seconds(1)),
)
"""Definitions, people, children: a fast read that must succeed before anything is judged.

Bounded, so that a directory that is broken for a day costs a timer now and then: a local activity that is tried for
ever keeps its workflow task open, and each of the task's heartbeats grows the history.
"""

READ_AGAIN_FIRST = _seconds(1)
READ_AGAIN_LATEST = _seconds(60)
"""Between reads that failed for good: an operator mends the directory, and the approval goes on by itself."""

EXPORT = Options(start_to_close_timeout=_seconds(30), retry_policy=FOR_EVER)
"""For as long as the sink needs: nothing of the trail is ever given up."""

EXPORT_LAST = Options(start_to_close_timeout=_seconds(5), schedule_to_close_timeout=_seconds(5), retry_policy=FOR_EVER)
"""The last facts may hold back the result for so long; then the outbox takes over."""

DELIVER = Options(start_to_close_timeout=_seconds(60), heartbeat_timeout=_seconds(3), retry_policy=FOR_EVER)
"""A lazy heartbeat shows a killed worker within seconds; quick calls never beat (measured)."""

SETTLE = Options(
    start_to_close_timeout=_seconds(60),
    schedule_to_close_timeout=_seconds(30),
    heartbeat_timeout=_seconds(3),
    retry_policy=FOR_EVER,
)
"""Bringing a message up to date may hold back the result for so long; then the outbox takes over."""

REACH = Options(start_to_close_timeout=_seconds(10), retry_policy=FOR_EVER)
"""Another workflow of ours, which may have to be started first."""

LOOK_BACK = Options(
    start_to_close_timeout=_seconds(30),
    schedule_to_close_timeout=_seconds(300),
    heartbeat_timeout=_seconds(3),
    retry_policy=FOR_EVER,
)
"""What past runs took: nobody waits for it, and without it nothing is projected."""

MAX_FACTS = 200
MAX_MESSAGES = 100
"""In one payload: Temporal bounds it at 2 MiB."""

FACTS_WITHIN = _seconds(60)
"""A fact is handed to the exporter within this time of happening, however long the wait."""

LONG_HISTORY = 20_000
"""Events after which a workflow continues as new even with something in flight; the server's limit is 51,200.

Until then it waits for a moment when nothing is: an activity that ends meanwhile would make the server refuse the
continue-as-new, and with it the click that came in the same task.
"""

COMMAND_HEARTBEAT = _seconds(10)
"""For commands: live tails are told with it, which the SDK holds back to four fifths of this."""

HEARTBEAT = _seconds(3)
"""For calls of authors: a killed worker is noticed after this, not after the whole timeout."""

MAX_LETTERS = 250
"""How many commands are judged in one workflow task.

The SDK takes a task that runs for two seconds for a deadlock, and what it interrupts can't be evicted any more: the
worker never ends. A refused Signal takes 0.4 ms of an idle processor, ten times that on a busy one (docs/measured.md).
"""
BREATH = _seconds(0.001)
"""Only so that there is another task."""

LINGER = _seconds(1)
"""After an Update that came too late: who else acts at this moment gets a receipt as well.

The server aborts the Updates that it has taken while a workflow's last task is done, and makes them no reason for
another (docs/decisions/0013).
"""

NO_TIME = timedelta()
"""A moment that has passed while the task ran: look again at once."""
