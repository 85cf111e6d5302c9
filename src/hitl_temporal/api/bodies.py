"""Bodies of commands: read as JSON objects, however broken; the judge's own parser says what is wrong with them.

Must not know: which fields a command has.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends, Header, Request
from pydantic import BaseModel, ValidationError

from hitl_temporal.domain.problems import first_problem
from hitl_temporal.domain.value import canonical
from hitl_temporal.service.errors import InvalidError

M = TypeVar("M", bound=BaseModel)

MAX_BODY_BYTES = 256 * 1024
MAX_DEPTH = 60


class BadBodyError(Exception):
    """The body is no JSON object; answered with an `invalid` receipt."""


async def bounded(request: Request) -> bytes | None:
    """Return the body, None when it is larger than `MAX_BODY_BYTES`: no more than that is read."""
    body = bytearray()
    async for chunk in request.stream():
        body.extend(chunk)
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


async def json_object(request: Request) -> dict[str, object]:
    """Return the body as an object; an empty one is `{}`.

    Raises:
        BadBodyError: It is too large, no JSON, or no object.
    """
    body = await bounded(request)
    if body is None:
        raise BadBodyError(f"the body is larger than {MAX_BODY_BYTES} bytes")
    if not body:
        return {}
    try:
        found: object = json.loads(body)
        canonical(found).encode()  # NaN, infinity and half characters are read, but are no JSON
    except (ValueError, RecursionError) as error:
        raise BadBodyError(f"the body is not JSON: {str(error)[:200]}") from error
    if not isinstance(found, dict):
        raise BadBodyError(f"the body is a JSON {type(found).__name__}; an object is needed")
    if _depth(cast("object", found)) > MAX_DEPTH:
        raise BadBodyError(f"the body is nested deeper than {MAX_DEPTH} levels")
    return cast("dict[str, Any]", found)  # JSON objects have text keys


def _depth(value: object) -> int:
    """Return how deep a JSON value is nested, looking no deeper than matters."""
    level: list[object] = [value]
    for depth in range(MAX_DEPTH + 2):
        inner = [i for v in level for i in _inside(v)]
        if not inner:
            return depth
        level = inner
    return MAX_DEPTH + 1


def _inside(value: object) -> list[object]:
    match value:
        case dict():
            return list(cast("dict[str, object]", value).values())
        case list():
            return cast("list[object]", value)
        case _:
            return []


async def request_object(request: Request) -> dict[str, object]:
    """Return the body of a request that is no command, and so has no receipt.

    Raises:
        InvalidError: It is no JSON object.
    """
    try:
        return await json_object(request)
    except BadBodyError as error:
        raise InvalidError(str(error)) from error


async def raw_body(request: Request) -> bytes:
    """Return the body of a request as it was sent.

    Raises:
        InvalidError: It is too large.
    """
    body = await bounded(request)
    if body is None:
        raise InvalidError(f"the body is larger than {MAX_BODY_BYTES} bytes")
    return body


def read_as(model: type[M], body: Mapping[str, object]) -> M:
    """Return a body as what the route takes.

    Raises:
        InvalidError: It does not fit; the message names the field.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise InvalidError(first_problem(error)) from error


IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]
"""What makes a repetition harmless."""

Body = Annotated[dict[str, object], Depends(json_object)]
RequestBody = Annotated[dict[str, object], Depends(request_object)]
RawBody = Annotated[bytes, Depends(raw_body)]
