"""Secrets in arguments: the activity gets the value, and nothing that leaves it shows one."""

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import BaseModel, SecretStr, field_validator
from temporalio import activity
from temporalio.common import RawValue
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ActivityOutboundInterceptor, ExecuteActivityInput

from hitl_temporal.effects.secrets import Unsealing, resolve, sealed
from hitl_temporal.effects.veil import Veil
from hitl_temporal.ports import PermanentError, TemporaryError
from tests.fakes import FakeBlobs, FakeSecrets

VALUE = 'p@ss "word"/é'
SECRETS = FakeSecrets({"snow": VALUE, "key": "-----BEGIN KEY-----\nAbCdEfGhIj\n-----END KEY-----\n", "none": ""})
BLOBS = FakeBlobs()
REFERENCE = {"$secret": "snow"}


class Login(BaseModel, frozen=True, extra="forbid"):
    """A typed input whose secret is no object."""

    user: str
    token: SecretStr = SecretStr("")

    @field_validator("user")
    @classmethod
    def _known(cls, user: str) -> str:
        if user.startswith("p@"):
            raise ValueError(f"{user} is nobody")
        return user


class Inner(ActivityInboundInterceptor):
    """The end of the chain: calls the function, and keeps what takes its heartbeats."""

    def __init__(self) -> None:
        """Be the last."""

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        """Keep it."""
        self.outbound = outbound

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - Temporal's name
        """Call the function."""
        return await input.fn(*input.args)


class Deaf(ActivityOutboundInterceptor):
    """Takes heartbeats."""

    def __init__(self) -> None:
        """Be the last."""

    def heartbeat(self, *details: Any) -> None:
        """Take one."""


TOLD: list[ActivityOutboundInterceptor] = []
"""What takes the heartbeats of the activity that is called."""


async def called(function: Callable[..., Any], *arguments: object) -> Any:
    """Return what an activity gives to Temporal for these arguments."""
    stand_in = sealed(function)
    inner = Inner()
    chain = Unsealing(SECRETS, BLOBS).intercept_activity(inner)
    chain.init(Deaf())
    TOLD[:] = [inner.outbound]
    convert = pydantic_data_converter.payload_converter
    raw = [RawValue(convert.to_payload(a)) for a in arguments]
    environment = ActivityEnvironment()
    environment.payload_converter = convert

    async def run() -> Any:
        return await chain.execute_activity(ExecuteActivityInput(fn=stand_in, args=raw, executor=None, headers={}))

    return await environment.run(run)


async def refused(function: Callable[..., Any], arguments: object) -> Exception:
    """Return the error that leaves the activity; neither it nor a cause shows the value."""
    with pytest.raises(Exception, match=r"\w") as caught:
        await called(function, arguments)
    link: BaseException | None = caught.value
    while link is not None:
        assert not any(form in f"{link} {link!r}" for form in (VALUE, "word", quote(VALUE, safe="")))
        link = link.__cause__
    return caught.value


async def test_a_reference_is_replaced_wherever_it_lies() -> None:
    """An object with another key beside it, and a reference that names nothing, are no references."""
    found = await resolve(
        {"a": [REFERENCE, 1], "b": {"c": REFERENCE}, "d": {"$secret": "snow", "x": 1}}, SECRETS, BLOBS
    )
    assert found.arguments == {"a": [VALUE, 1], "b": {"c": VALUE}, "d": {"$secret": "snow", "x": 1}}
    assert found.values == {"snow": VALUE}
    assert (await resolve({"$secret": 5}, SECRETS, BLOBS)).arguments == {"$secret": 5}


@pytest.mark.parametrize(("name", "said"), [("nobody", "nobody"), ("none", "'none' is empty")])
async def test_a_secret_that_is_not_there_is_refused_by_name(name: str, said: str) -> None:
    """An empty one too: with it a door would be tried that is open to everybody."""
    with pytest.raises(PermanentError, match=said):
        await resolve({"x": {"$secret": name}}, SECRETS, BLOBS)


async def test_too_deep_arguments_are_refused() -> None:
    """They are no reason to retry."""
    deep: Any = REFERENCE
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(PermanentError, match="too deeply"):
        await resolve(deep, SECRETS, BLOBS)


async def test_the_activity_gets_the_value_in_its_own_type() -> None:
    """The reference itself would not fit there."""

    @activity.defn
    async def login(given: Login) -> dict[str, object]:
        return {"user": given.user, "right": given.token.get_secret_value() == VALUE}

    assert await called(login, {"user": "ann", "token": REFERENCE}) == {"user": "ann", "right": True}
    assert await called(login, {"user": "ann"}) == {"user": "ann", "right": False}


async def test_an_activity_without_types_gets_it_too() -> None:
    """So does one of plain objects; a first argument that is no object has no references."""

    @activity.defn
    async def untyped(given):  # noqa: ANN202
        return given == {"token": VALUE}

    @activity.defn
    async def listed(given: list[Any]) -> list[Any]:
        return given

    assert await called(untyped, {"token": REFERENCE})
    assert await called(listed, [REFERENCE]) == [REFERENCE]


async def test_arguments_that_do_not_fit_are_refused_for_good() -> None:
    """Whatever a validator says of the value."""

    @activity.defn
    async def login(given: Login) -> None:
        pass

    error = await refused(login, {"user": REFERENCE})
    assert isinstance(error, PermanentError)
    assert "[secret 'snow'] is nobody" in str(error)
    assert "user: missing" in str(await refused(login, {"token": REFERENCE}))


@pytest.mark.parametrize(
    "form",
    [VALUE, json.dumps(VALUE), repr(VALUE), quote(VALUE, safe=""), base64.b64encode(VALUE.encode()).decode()],
    ids=["plain", "json", "repr", "url", "base64"],
)
async def test_no_error_shows_the_value(form: str) -> None:
    """Nor what it was raised from; its kind, and what it asks for, stay."""

    @activity.defn
    async def fails(given: dict[str, Any]) -> None:
        kind = {"t": TemporaryError, "p": PermanentError, "v": ValueError}.get(given["kind"])
        cause = KeyError(form)
        if kind is None:
            raise ApplicationError(form, form, 7, type="Mine", non_retryable=True) from cause
        raise kind(f"no login with {form}") from cause

    arguments = {"token": REFERENCE}
    assert isinstance(await refused(fails, {**arguments, "kind": "t"}), TemporaryError)
    permanent = await refused(fails, {**arguments, "kind": "p"})
    assert isinstance(permanent, PermanentError)
    assert "no login with" in permanent.reason
    assert "[secret 'snow']" in permanent.reason
    other = await refused(fails, {**arguments, "kind": "v"})
    assert isinstance(other, ApplicationError)
    assert other.type == "ValueError"
    assert isinstance(other.__cause__, ApplicationError)
    assert other.__cause__.type == "KeyError"
    mine = await refused(fails, {**arguments, "kind": "a"})
    assert isinstance(mine, ApplicationError)
    assert (mine.type, mine.non_retryable, tuple(mine.details)) == ("Mine", True, (7,))


async def test_an_error_without_the_value_passes_as_it_is() -> None:
    """So does a cancellation."""

    @activity.defn
    async def fails(given: dict[str, Any]) -> None:
        raise (CancelledError(VALUE) if given["cancelled"] else LookupError("nothing there"))

    assert isinstance(await refused(fails, {"token": REFERENCE, "cancelled": False}), LookupError)
    with pytest.raises(CancelledError):
        await called(fails, {"token": REFERENCE, "cancelled": True})


async def test_a_result_with_the_value_is_refused_by_the_name_of_the_secret() -> None:
    """Also as a key, and deep inside; one that can't travel is left to the SDK."""

    @activity.defn
    async def echo(given: dict[str, Any]) -> Any:
        return {"list": [{given["token"]: 1}]} if given["shows"] else {"seen": SecretStr(given["token"])}

    error = await refused(echo, {"token": REFERENCE, "shows": True})
    assert isinstance(error, PermanentError)
    assert "the secret 'snow'" in error.reason
    assert "seen" in await called(echo, {"token": REFERENCE, "shows": False})


async def test_a_heartbeat_with_the_value_is_refused() -> None:
    """Temporal keeps the last one."""

    @activity.defn
    async def beats(given: dict[str, Any]) -> None:
        TOLD[0].heartbeat("on the way")
        TOLD[0].heartbeat({"at": given["token"]})

    assert "heartbeat" in str(await refused(beats, {"token": REFERENCE}))


async def test_a_line_of_a_key_file_is_hidden_by_itself() -> None:
    """A library may show the one that it does not like."""
    veil = Veil((await resolve({"k": {"$secret": "key"}}, SECRETS, BLOBS)).values)
    assert veil.hide("bad line AbCdEfGhIj here") == "bad line [secret 'key'] here"
    assert veil.seen_in("nothing of it") is None


def test_what_has_no_input_is_registered_as_it_is() -> None:
    """A stand-in has the name of its activity, and says what it lacks when it is called by itself."""

    @activity.defn(name="x.none")
    async def none() -> None:
        pass

    @activity.defn(name="x.some")
    async def some(given: Login) -> None:
        pass

    assert sealed(none) is none
    assert activity._Definition.must_from_callable(sealed(some)).name == "x.some"
    with pytest.raises(RuntimeError, match=r"'x\.some'.*Unsealing"):
        sealed(some)({})
