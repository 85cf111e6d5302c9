"""Reading from Temporal: lists page by page, descriptions, queries; with errors in our own words.

Must not know: what the rows mean.
"""

import asyncio
import base64
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict
from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.messages import EARLY
from hitl_temporal.service.errors import InvalidError, NotFoundError, UnavailableError

T = TypeVar("T")
V = TypeVar("V", bound=BaseModel)

ASK_AGAIN_SECONDS = 0.05

ANSWER_WITHIN_SECONDS = 5.0
"""A query needs a worker; without one it would wait as long as it is allowed to."""


class Page(BaseModel, Generic[T]):
    """Some items, and the cursor of the next ones; None: there are no more."""

    model_config = ConfigDict(frozen=True)

    items: tuple[T, ...]
    next: str | None = None


async def list_page(
    client: Client, query: str, cursor: str | None, limit: int
) -> tuple[tuple[WorkflowExecution, ...], str | None]:
    """Return so many rows, the newest first, and the cursor of the next."""
    token = token_of(cursor) if cursor else None
    rows = client.list_workflows(query, page_size=limit, next_page_token=token)
    async with _answering("the list"):
        await rows.fetch_next_page()
    following = base64.urlsafe_b64encode(rows.next_page_token).decode() if rows.next_page_token else None
    return tuple(rows.current_page or ()), following


def token_of(cursor: str) -> bytes:
    """Return where Temporal has left off.

    Raises:
        InvalidError: We have given no such cursor.
    """
    try:
        # Decoding skips what is not of its alphabet unless it is told not to.
        return base64.b64decode(cursor.encode(), altchars=b"-_", validate=True)
    except ValueError as error:
        said = f"cursor {cursor[:100]!r} is none of ours; leave it out to start from the beginning"
        raise InvalidError(said) from error


async def describe(client: Client, workflow_id: str) -> WorkflowExecutionDescription:
    """Return the description of the latest run under this id.

    Raises:
        NotFoundError: There is none.
    """
    async with _answering(repr(workflow_id)):
        return await client.get_workflow_handle(workflow_id).describe()


async def answer_of(handle: WorkflowHandle[Any, Any], query: str, answer: type[V], *args: object) -> V:
    """Return what a workflow answers to a query; closed ones answer too, while Temporal keeps them.

    A workflow that has only just been started answers None until it has loaded what it is: it is asked again.
    """
    try:
        async with _answering(repr(handle.id)):
            while (found := await _asked(handle, query, args)) is None:
                if (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING:
                    raise NotFoundError(f"{handle.id!r} was refused at its start; `temporal workflow show` tells why")
                await asyncio.sleep(ASK_AGAIN_SECONDS)
    except WorkflowQueryFailedError as error:
        said = f"{handle.id!r} does not answer {query!r}: {str(error)[:200]}"
        # Another team's workflow has no such query, in the words of the SDKs; ours is there, and can't answer now.
        is_foreign = any(words in str(error).lower() for words in ("not found", "unknown query"))
        raise (NotFoundError if is_foreign else UnavailableError)(said) from error
    return answer.model_validate(found, extra="ignore")  # a newer worker may say more


async def _asked(handle: WorkflowHandle[Any, Any], query: str, args: tuple[object, ...]) -> Any:
    """Ask until a worker answers that knows the whole history: one that has just taken over may have to begin anew."""
    while True:
        try:
            return await handle.query(query, args=args)
        except WorkflowQueryFailedError as error:
            if EARLY not in str(error):
                raise
        await asyncio.sleep(ASK_AGAIN_SECONDS)


async def memo_of(row: WorkflowExecution) -> Mapping[str, Any]:
    """Return a row's memo."""
    return await row.memo()


@asynccontextmanager
async def _answering(what: str) -> AsyncGenerator[None]:
    """Bound a read, and say in our words why it failed: the SDK itself would try for half a minute."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
            yield
    except TimeoutError as error:
        raise UnavailableError(
            f"neither Temporal nor a worker answers for {what}; are both running? (`hitl up`, `hitl worker`)"
        ) from error
    except RPCError as error:
        raise _in_our_words(what, error) from error


def _in_our_words(what: str, error: RPCError) -> Exception:
    if error.status is RPCStatusCode.NOT_FOUND:
        return NotFoundError(f"there is no {what}, or Temporal keeps it no longer")
    if error.status is RPCStatusCode.INVALID_ARGUMENT:
        return InvalidError(f"{what}: {error.message[:300]}")
    return UnavailableError(f"Temporal does not answer for {what}: {error.message[:200]}; nothing was recorded")
