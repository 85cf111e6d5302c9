"""What the models of triggers check by validators of their own, as JSON Schema.

Must not know: what editors show.
"""

from typing import cast

from hitl_temporal.domain.schedules import KINDS
from hitl_temporal.domain.value import Json

__all__ = ["bind_triggers"]

Schema = dict[str, Json]

_WALL: Schema = {"type": "string", "pattern": "^(?=.*[1-9])([0-9]+[smhdw])+$", "examples": ["30m", "4h"]}
"""A length of time that counts no working hours."""


def bind_triggers(parts: Schema) -> None:
    """Write down which keys of a trigger go together.

    Args:
        parts: The definitions of a schema, by name; changed in place.
    """
    trigger, schedule = cast("Schema", parts["Trigger"]), cast("Schema", parts["Schedule"])
    trigger["oneOf"] = [_has(kind) for kind in KINDS]
    schedule["oneOf"] = [_has("cron"), _has("day")]
    schedule["allOf"] = [
        {"if": _has("day"), "then": _has("at")},
        {"if": _has("cron"), "then": {"properties": {"at": {"type": "null"}}}},
    ]
    _properties(schedule)["catchup"] = {"anyOf": [_WALL, {"type": "null"}], "default": None}
    _properties(cast("Schema", parts["FileTrigger"]))["stable"] = {**_WALL, "default": "10s"}
    status = _properties(cast("Schema", parts["RunTrigger"]))
    several = cast("Schema", status["status"])
    status["status"] = {"anyOf": [several["items"], {**several}], "default": ["completed"]}


def _has(key: str) -> Schema:
    return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}


def _properties(part: Schema) -> Schema:
    return cast("Schema", part["properties"])
