"""Large outputs leave an activity for the blob store, and come to the next one as they were."""

import json
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio import activity
from temporalio.common import RawValue
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ActivityOutboundInterceptor, ExecuteActivityInput

from hitl_temporal.domain.blobs import INLINE_BYTES, reference
from hitl_temporal.domain.value import Json, canonical
from hitl_temporal.effects.keeping import Keeping, kept
from hitl_temporal.effects.secrets import Unsealing, resolve, sealed
from hitl_temporal.ports import PermanentError
from tests.fakes import FakeBlobs, FakeSecrets

LARGE = "x" * INLINE_BYTES
SECRETS = FakeSecrets({"snow": "s3cr3t-of-snow"})
CONVERTER = pydantic_data_converter.payload_converter


class Inner(ActivityInboundInterceptor):
    """The end of the chain: calls the function."""

    def __init__(self) -> None:
        """Be the last."""

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        """Need nothing of it."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - Temporal's name
        """Call the function."""
        return await input.fn(*input.args)


class Outbound(ActivityOutboundInterceptor):
    """Takes nothing."""

    def __init__(self) -> None:
        """Be the last."""


class Report(BaseModel, frozen=True, extra="forbid"):
    """What a typed activity takes and gives."""

    rows: tuple[str, ...]
    count: int = 0


@activity.defn(name="echo")
async def echo(given: dict[str, Any]) -> Any:
    """Return what it was given under `value`."""
    return given["value"]


@activity.defn(name="grow")
async def grow(given: Report) -> Report:
    """Return a large report of what it was given."""
    return Report(rows=(*given.rows, LARGE), count=len(given.rows))


async def called(function: Any, argument: Json, blobs: FakeBlobs) -> Json:
    """Return what an activity gives to Temporal for an argument, as JSON."""
    chain = Keeping(blobs).intercept_activity(Unsealing(SECRETS, blobs).intercept_activity(Inner()))
    chain.init(Outbound())
    environment = ActivityEnvironment()
    environment.payload_converter = CONVERTER

    async def run() -> Any:
        raw = RawValue(CONVERTER.to_payload(argument))
        return await chain.execute_activity(ExecuteActivityInput(fn=function, args=[raw], executor=None, headers={}))

    found: Json = json.loads(CONVERTER.to_payloads([await environment.run(run)])[0].data)
    return found


def stands_for(value: Json, blobs: FakeBlobs) -> Json:
    """Return the reference to a value that was kept."""
    content = canonical(value).encode()
    digest = next(digest for digest, found in blobs.kept.items() if found == content)
    return reference(digest, len(content))


@pytest.mark.parametrize("value", [1, "text", {"a": 1}, [1, 2], {"a": "x" * (INLINE_BYTES - 100)}])
async def test_what_is_small_goes_as_it_is(value: Json) -> None:
    """Nothing is kept."""
    blobs = FakeBlobs()
    assert await called(sealed(echo), {"value": value}, blobs) == value
    assert blobs.kept == {}


async def test_a_large_output_is_kept_and_the_others_stay() -> None:
    """The run sees which it is."""
    blobs = FakeBlobs()
    found = await called(sealed(echo), {"value": {"log": LARGE, "n": 3}}, blobs)
    assert found == {"log": stands_for(LARGE, blobs), "n": 3}


async def test_what_is_no_object_is_kept_as_the_one_output_that_it_is() -> None:
    """A run knows it as `result`."""
    blobs = FakeBlobs()
    assert await called(sealed(echo), {"value": [LARGE]}, blobs) == {"result": stands_for([LARGE], blobs)}


async def test_typed_activities_pass_it_on_without_knowing() -> None:
    """The second one gets, as its model says, what the first one gave."""
    blobs = FakeBlobs()
    first = await called(sealed(grow), {"rows": ["a"]}, blobs)
    assert first == {"rows": stands_for(["a", LARGE], blobs), "count": 1}
    assert await called(sealed(grow), first, blobs) == {"rows": stands_for(["a", LARGE, LARGE], blobs), "count": 2}


async def test_the_platforms_own_activities_are_left_alone() -> None:
    """What they give is bounded, and read by a workflow."""
    blobs = FakeBlobs()
    environment = ActivityEnvironment()
    environment.payload_converter = CONVERTER

    async def give(_: object) -> str:
        return LARGE

    chain = Keeping(blobs).intercept_activity(Inner())
    given = ExecuteActivityInput(fn=give, args=[1], executor=None, headers={})
    assert await chain.execute_activity(given) == LARGE
    assert blobs.kept == {}


async def test_a_blob_names_no_secret() -> None:
    """It is data: whoever fills it could otherwise have any secret put into a call, and any other blob."""
    blobs = FakeBlobs()
    inner = reference(await blobs.put(b'"private"'), 9)
    value: Json = {"a": {"$secret": "snow"}, "b": inner}
    outer = reference(await blobs.put(canonical(value).encode()), 99)
    opened = await resolve({"given": [outer], "token": {"$secret": "snow"}}, SECRETS, blobs)
    assert opened.arguments == {"given": [value], "token": "s3cr3t-of-snow"}


async def test_a_blob_that_is_gone_fails_for_good_and_by_name() -> None:
    """It will not come back by itself."""
    with pytest.raises(PermanentError, match="there is no blob 'sha256:aaa"):
        await called(sealed(echo), {"value": reference("sha256:" + "a" * 64, 9)}, FakeBlobs())


async def test_outputs_that_cannot_be_kept_fail_for_good() -> None:
    """The message says which and why."""
    with pytest.raises(PermanentError, match="its outputs can't be kept: there are 10,000 of them"):
        await kept({f"key{n}": "x" * 50 for n in range(10_000)}, FakeBlobs())
