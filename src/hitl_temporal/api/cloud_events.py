"""CloudEvents over HTTP: structured, in binary mode, or as a batch.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md, read 2026-12-01.

Must not know: what becomes of an event.
"""

import json
from collections.abc import Mapping
from typing import cast
from urllib.parse import unquote

from pydantic import ValidationError

from hitl_temporal.domain.flow.cloud_event import CloudEvent
from hitl_temporal.domain.problems import first_problem
from hitl_temporal.domain.value import Json
from hitl_temporal.service.errors import InvalidError

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
VERSION = "1.0"

_PREFIX = "ce-"


def cloud_events(headers: Mapping[str, str], body: bytes) -> tuple[CloudEvent, ...]:
    """Return the events of a request, in order.

    Args:
        headers: Their names in lower case.
        body: As it was sent.

    Raises:
        InvalidError: They are no CloudEvents of version 1.0; the message names the attribute.
    """
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == BATCH:
        found = _json(body)
        if not isinstance(found, list):
            raise InvalidError(f"a batch is a JSON array of events; see {BATCH}")
        return tuple(_event(one, f"event {index}: ") for index, one in enumerate(found))
    if media_type == STRUCTURED or f"{_PREFIX}specversion" not in headers:
        return (_event(_json(body)),)
    attributes: dict[str, Json] = {
        name.removeprefix(_PREFIX): unquote(value) for name, value in headers.items() if name.startswith(_PREFIX)
    }
    return (_event({**attributes, "data": _data(media_type, body)}),)


def _event(written: Json, where: str = "") -> CloudEvent:
    if not isinstance(written, dict):
        raise InvalidError(
            f"{where}an event is a JSON object, with `Content-Type: {STRUCTURED}`, or headers `ce-type` ..."
        )
    version = written.get("specversion")
    if version != VERSION:
        said = "is missing" if version is None else f"{str(version)[:20]!r} is not known"
        raise InvalidError(f"{where}specversion: {said}; events of CloudEvents {VERSION} are taken")
    if "data_base64" in written:
        written = {**written, "data": written["data_base64"]}
    try:
        return CloudEvent.model_validate(written)
    except ValidationError as error:
        raise InvalidError(f"{where}{first_problem(error)}") from error


def _data(media_type: str, body: bytes) -> Json:
    """Return the data of an event in binary mode: JSON as what it is, anything else as text."""
    if not body:
        return None
    if not media_type or media_type == "application/json" or media_type.endswith("+json"):
        return _json(body)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise InvalidError("the data is neither JSON nor text; send it structured, as `data_base64`") from error


def _json(body: bytes) -> Json:
    try:
        found = json.loads(body, parse_constant=_no_json)
        json.dumps(found, ensure_ascii=False).encode()  # half characters are read, but are no JSON
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"the body is not JSON: {str(error)[:200]}") from error
    return cast("Json", found)


def _no_json(text: str) -> None:
    raise ValueError(f"{text} is not in JSON")
