"""Bodies of commands: read as JSON objects, however broken; the judge's own parser says what is wrong with them.

Must not know: which fields a command has.
"""

import json
from typing import Annotated, Any, cast

from fastapi import Depends, Request

MAX_BODY_BYTES = 256 * 1024


class BadBodyError(Exception):
    """The body is no JSON object; answered with an `invalid` receipt."""


async def json_object(request: Request) -> dict[str, object]:
    """Return the body as an object; an empty one is `{}`.

    Raises:
        BadBodyError: It is too large, no JSON, or no object.
    """
    body = bytearray()
    async for chunk in request.stream():
        body.extend(chunk)
        if len(body) > MAX_BODY_BYTES:
            raise BadBodyError(f"the body is larger than {MAX_BODY_BYTES} bytes")
    if not body:
        return {}
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadBodyError(f"the body is not JSON: {str(error)[:200]}") from error
    if not isinstance(found, dict):
        raise BadBodyError(f"the body is a JSON {type(found).__name__}; an object is needed")
    return cast("dict[str, Any]", found)  # JSON objects have text keys


Body = Annotated[dict[str, object], Depends(json_object)]
