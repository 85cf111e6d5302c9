"""A connector as an activity: its name, its types, its key, its errors."""

import inspect
from dataclasses import replace
from typing import get_type_hints

import pytest
from pydantic import BaseModel
from temporalio import activity
from temporalio.testing import ActivityEnvironment

from hitl_temporal.effects.connectors import as_activity
from hitl_temporal.ports import Connector, PermanentError, TemporaryError


class Given(BaseModel, frozen=True):
    """What it takes."""

    text: str


class Gives(BaseModel, frozen=True):
    """What it gives."""

    text: str
    key: str


async def echo(given: Given, key: str) -> Gives:
    """Give back what was given."""
    if not given.text:
        raise PermanentError("nothing was said")
    return Gives(text=given.text, key=key)


ECHO = as_activity(Connector("echo.say", Given, Gives, echo))


def test_it_is_registered_under_its_name_and_types() -> None:
    """What checks `with` before a run reads them; Temporal does so too."""
    assert get_type_hints(ECHO) == {"given": Given, "return": Gives}
    assert list(inspect.signature(ECHO).parameters) == ["given"]
    definition = activity._Definition.must_from_callable(ECHO)
    assert (definition.name, definition.arg_types, definition.is_async) == ("echo.say", [Given], True)


async def test_its_key_is_that_of_the_steps_start() -> None:
    """Retries keep it: workflow id and activity id are the same then."""
    environment = ActivityEnvironment()
    first = await environment.run(ECHO, Given(text="a"))
    again = await environment.run(ECHO, Given(text="a"))
    assert first == again == Gives(text="a", key=f"{environment.info.workflow_id}.{environment.info.activity_id}")


async def test_outside_of_a_workflow_each_call_is_work_of_its_own() -> None:
    """Else two calls would be taken for one."""
    assert (await ECHO(Given(text="a"))).key != (await ECHO(Given(text="a"))).key


async def test_its_errors_are_those_of_ports() -> None:
    """The interceptor that all activities have maps them."""
    with pytest.raises(PermanentError, match="nothing was said"):
        await ActivityEnvironment().run(ECHO, Given(text=""))


async def test_what_must_not_be_done_twice_is_begun_once() -> None:
    """A try that finds that an earlier one had begun, and was lost, is in doubt; one that had not begun is tried."""
    done: list[str] = []

    async def pay(given: Given, key: str) -> Gives:
        done.append(given.text)
        if given.text == "away":
            raise TemporaryError("nobody is there")
        return Gives(text=given.text, key=key)

    once = as_activity(Connector("pay.once", Given, Gives, pay, lambda given: given.text != "free"))
    environment, told = ActivityEnvironment(), list[tuple[object, ...]]()
    environment.on_heartbeat = lambda *details: told.append(details)
    await environment.run(once, Given(text="a"))
    with pytest.raises(TemporaryError):
        await environment.run(once, Given(text="away"))
    assert told == [("begun",), ("begun",), ()]
    environment.info = replace(environment.info, attempt=2, heartbeat_details=["begun"])
    with pytest.raises(PermanentError, match="in_doubt"):
        await environment.run(once, Given(text="b"))
    await environment.run(once, Given(text="free"))
    assert done == ["a", "away", "free"]
    assert (await once(Given(text="c"))).text == "c"
