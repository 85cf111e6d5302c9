"""What a person is told when Temporal stalls after something was sent: never that nothing was recorded."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import pytest
from temporalio.service import RPCError, RPCStatusCode

from hitl_temporal.domain.approval.commands import Receipt
from hitl_temporal.service import door
from hitl_temporal.service.errors import UnansweredError, UnavailableError

KEPT = Receipt(status="recorded", key="click")
COUNTED = Receipt(status="counted", key="click")


@dataclass
class Stalling:
    """A workflow's handle: an Update and a Signal that each end with an error, or never; None: it is taken."""

    update: Exception | None
    signalled: Exception | None
    id: str = "a-1"

    async def execute_update(self, *_: object, **__: object) -> Receipt:
        """Answer nothing."""
        return await _ends_with(self.update)

    async def signal(self, *_: object, **__: object) -> None:
        """Take it or not."""
        if self.signalled is not None:
            await _ends_with(self.signalled)


async def _ends_with(error: Exception | None) -> Any:
    if error is None:
        await asyncio.Event().wait()
        raise AssertionError
    raise error


def failed(status: RPCStatusCode) -> RPCError:
    """Return an error of the server."""
    return RPCError("no", status, b"")


async def counted() -> Receipt:
    """The answer of a workflow that ended with this click."""
    return COUNTED


async def for_ever() -> Receipt:
    """No answer."""
    return await _ends_with(None)


async def unreachable() -> Receipt:
    """A read that failed before anything was looked at."""
    raise UnavailableError("Temporal does not answer for 'a-1': nothing was recorded")


async def send(handle: Stalling, closed: Callable[[], Awaitable[Receipt]] = counted) -> Receipt:
    """Send a click."""
    return await door.send(cast("Any", handle), "decide", {}, Receipt, recorded=KEPT, closed=closed)


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits two seconds."""
    monkeypatch.setattr(door, "PATIENCE", timedelta(seconds=0.04))


@pytest.mark.parametrize(
    "handle",
    [
        Stalling(None, failed(RPCStatusCode.UNAVAILABLE)),
        Stalling(failed(RPCStatusCode.UNAVAILABLE), failed(RPCStatusCode.DEADLINE_EXCEEDED)),
        Stalling(failed(RPCStatusCode.INTERNAL), None),
        Stalling(None, TimeoutError()),
    ],
    ids=["frozen", "gone", "broken", "slow"],
)
async def test_of_what_was_sent_and_not_answered_nobody_knows(handle: Stalling) -> None:
    """It may count by now: the key is named, and sending it again with that is safe."""
    with pytest.raises(UnansweredError, match=r"not known whether this was recorded.*'click'.*counts once") as told:
        await send(handle)
    assert told.value.key == "click"
    assert "nothing was recorded" not in str(told.value)


@pytest.mark.parametrize("closed", [for_ever, unreachable])
async def test_what_ends_while_the_answer_is_lost_may_have_counted(closed: Callable[[], Awaitable[Receipt]]) -> None:
    """The end may be that very click's; who can't read the result says so."""
    with pytest.raises(UnansweredError, match="not known"):
        await send(Stalling(None, failed(RPCStatusCode.NOT_FOUND)), closed)
    assert await send(Stalling(None, failed(RPCStatusCode.NOT_FOUND))) == COUNTED


@pytest.mark.parametrize("closed", [for_ever, unreachable])
async def test_what_had_ended_before_has_recorded_nothing(closed: Callable[[], Awaitable[Receipt]]) -> None:
    """The server has looked for it and found it closed: the update went nowhere."""
    with pytest.raises(UnavailableError, match="nothing was recorded") as told:
        await send(Stalling(failed(RPCStatusCode.NOT_FOUND), None), closed)
    assert not isinstance(told.value, UnansweredError)


async def test_what_the_server_refuses_is_recorded_nowhere() -> None:
    """It has looked at it, and said no."""
    with pytest.raises(UnavailableError, match=r"refused.*nothing was recorded") as told:
        await send(Stalling(failed(RPCStatusCode.PERMISSION_DENIED), None))
    assert not isinstance(told.value, UnansweredError)


async def test_a_signal_that_is_taken_is_kept() -> None:
    """As always: the receipt is `recorded`."""
    assert await send(Stalling(failed(RPCStatusCode.UNAVAILABLE), None)) == KEPT
