"""References in the arguments of activities: the history holds `{"$secret": "name"}`, the activity gets the value.

What `{"$blob": ...}` stands for is put in likewise. It is data, which may name no secret: nothing in it is looked up.

A worker registers an activity as `sealed`: its input reaches the interceptor as it came, since the reference need not
fit where the value will. The interceptor puts in the values, and then reads the input as the activity declares it.

Nothing that leaves the activity shows a value: it is taken out of errors, and a result or a heartbeat that has one is
refused.

PermanentError     a secret is unknown or empty, a blob is not there or damaged, the arguments do not fit, or the result
                   shows the value of a secret

Must not know: where secrets and blobs are kept, which activity it is.
"""

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn, cast

from pydantic import ValidationError
from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.exceptions import is_cancelled_exception
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)
from typing_extensions import override

from hitl_temporal.domain.blobs import KEY, is_reference
from hitl_temporal.domain.flow.secrets import REFERENCE
from hitl_temporal.domain.problems import first_problem
from hitl_temporal.domain.value import Json
from hitl_temporal.effects.veil import Veil
from hitl_temporal.ports import Blobs, PermanentError, Secrets


class Resolved(NamedTuple):
    """Arguments with the values put in, and those of secrets by their names."""

    arguments: Json
    values: Mapping[str, str]


async def resolve(arguments: Json, secrets: Secrets, blobs: Blobs) -> Resolved:
    """Return the arguments with each `{"$secret": "name"}` and each reference to a blob replaced, however deep it lies.

    Raises:
        PermanentError: A secret is unknown or empty, a blob is not there or damaged, or the arguments are nested too
            deeply.
    """
    values: dict[str, str] = {}

    async def put_in(value: Json) -> Json:
        match value:
            case {"$secret": str(name)} if len(value) == 1:
                values[name] = values.get(name) or (await secrets.secret(name)).get_secret_value()
                if not values[name]:
                    raise PermanentError(f"the secret {name!r} is empty; give it a value")
                return values[name]
            case {"$blob": str(digest)} if is_reference(value):
                return cast("Json", json.loads(await blobs.get(digest)))
            case dict():
                return {key: await put_in(part) for key, part in value.items()}
            case list():
                return [await put_in(part) for part in value]
            case _:
                return value

    try:
        return Resolved(await put_in(arguments), values)
    except RecursionError:
        raise PermanentError("the arguments are nested too deeply to look for references in them") from None


class _Sealed(NamedTuple):
    """An activity whose input the interceptor reads.

    Attributes:
        hints: The types of its parameters in order; None: it declares none.
    """

    function: Callable[..., Any]
    hints: Sequence[type] | None


_SEALED: Final = "_hitl_sealed"
_DEFINITION: Final = "__temporal_activity_definition"
_KEYS: Final = (REFERENCE.encode(), KEY.encode())


def sealed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an activity for a worker that has the interceptor `Unsealing`, which it needs; the same by any name.

    The SDK (temporalio 1.35) has no public way to take an input unread, so this changes its definition's types.
    """
    definition = getattr(function, _DEFINITION)
    hints: Sequence[type] | None = definition.arg_types
    if definition.name is None or (hints is not None and not hints):
        return function  # a dynamic one reads its input itself; of the others some have none

    @functools.wraps(function)
    def stand_in(*_: Any) -> NoReturn:
        raise RuntimeError(
            f"the activity {definition.name!r} was sealed, and its worker lacks the interceptor Unsealing"
        )

    types = [RawValue] * len(hints or (None,))
    setattr(stand_in, _DEFINITION, dataclasses.replace(definition, fn=stand_in, arg_types=types))
    setattr(stand_in, _SEALED, _Sealed(function, hints))
    return stand_in


def is_sealed(function: Callable[..., Any]) -> bool:
    """Tell whether this is what `sealed` has made: an activity that somebody wrote, or a connector."""
    return hasattr(function, _SEALED)


class Unsealing(Interceptor):
    """Worker interceptor: puts in the values of secrets and blobs, and lets none of the former out."""

    def __init__(self, secrets: Secrets, blobs: Blobs) -> None:
        self._secrets = secrets
        self._blobs = blobs

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Wrap the chain; the parameter's name is Temporal's."""
        return _Unsealed(next, self._secrets, self._blobs)


class _Discreet(ActivityOutboundInterceptor):
    """Refuses heartbeats that show a value: Temporal keeps their details."""

    veil = Veil({})

    @override
    def heartbeat(self, *details: Any) -> None:
        if (name := self.veil.seen_in_value(list(details))) is not None:
            raise PermanentError(f"a heartbeat shows the value of the secret {name!r}; leave it out")
        super().heartbeat(*details)


class _Unsealed(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, secrets: Secrets, blobs: Blobs) -> None:  # noqa: A002
        super().__init__(next)
        self._secrets = secrets
        self._blobs = blobs

    @override
    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._told = _Discreet(outbound)
        super().init(self._told)

    @override
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        found: _Sealed | None = getattr(input.fn, _SEALED, None)
        if found is None:
            return await super().execute_activity(input)
        input.fn = found.function
        try:
            input.args = await self._opened(input.args, found)
            result = await super().execute_activity(input)
        except Exception as error:  # whatever an author's code raises is written into the history
            veil = self._told.veil
            if is_cancelled_exception(error) or not veil.seen_in_error(error):
                raise
            clean = veil.hide_in_error(error)
            raise clean from clean.__cause__
        if (name := self._told.veil.seen_in_value(result)) is not None:
            raise PermanentError(f"the result shows the value of the secret {name!r}; leave it out of what is returned")
        return result

    async def _opened(self, args: Sequence[Any], found: _Sealed) -> list[Any]:
        """Return the arguments as the activity declares them, the first with the values of its references."""
        if not args:
            return []
        first = args[0]
        if isinstance(first, RawValue):
            first = RawValue(await self._put_in(first.payload))
        elif isinstance(first, dict):  # of several parameters not all were given, so the SDK has read it without a type
            first = await self._values(cast("Json", first))
        known = found.hints if found.hints is not None and len(found.hints) == len(args) else [Any] * len(args)
        try:
            return [_read(arg, hint) for arg, hint in zip([first, *args[1:]], known, strict=True)]
        except ValidationError as error:
            name = activity.info().activity_type
            # Not from the error: pydantic's says the values that were given.
            raise PermanentError(f"the arguments of {name!r} do not fit: {first_problem(error)}") from None

    async def _put_in(self, payload: Payload) -> Payload:
        """Return the payload with the values in it; one without a reference is not even read."""
        if payload.metadata.get("encoding") != b"json/plain" or not any(key in payload.data for key in _KEYS):
            return payload
        arguments = cast("Json", json.loads(payload.data))
        if not isinstance(arguments, dict):
            return payload
        return Payload(metadata=payload.metadata, data=json.dumps(await self._values(arguments)).encode())

    async def _values(self, arguments: Json) -> Json:
        resolved = await resolve(arguments, self._secrets, self._blobs)
        self._told.veil = Veil(resolved.values)
        return resolved.arguments


def _read(arg: object, hint: Any) -> Any:
    """Return an argument as the activity declares it; what the SDK has read already stays."""
    return activity.payload_converter().from_payload(arg.payload, hint) if isinstance(arg, RawValue) else arg
