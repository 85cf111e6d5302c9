"""Reading the world from a workflow: a local activity that must succeed before anything can be judged.

Whatever it fails with, it is tried again: a worker that shuts down cancels its local activities, and a slow one times
out. Neither may end an approval, so the error never reaches the workflow that asked.
"""

from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError

from hitl_temporal.engine import options

T = TypeVar("T")


async def read(activity: str, request: object, answer: type[T]) -> T:
    """Return what a local activity answers, however long that takes.

    Args:
        activity: Its name.
        request: Its one argument.
        answer: The type of what it returns.
    """
    pause = options.READ_AGAIN_FIRST
    while True:
        try:
            found: T = await workflow.execute_local_activity(activity, request, result_type=answer, **options.READ)
        except FailureError as error:
            workflow.logger.warning("read.failed", extra={"activity": activity, "reason": str(error.cause or error)})
            await workflow.sleep(pause, summary=f"{activity} failed: try again")
            pause = min(pause * 2, options.READ_AGAIN_LATEST)
        else:
            return found
