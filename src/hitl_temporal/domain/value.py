"""What every value of the domain is: immutable, strict about its fields, JSON on the wire.

Must not know: clocks, environment, I/O, Temporal.
"""

import hashlib
import json
from functools import cache
from typing import Self

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic import JsonValue as Json

__all__ = ["Document", "FromOutside", "Json", "Value", "canonical", "digest", "weigh"]


class Value(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def but(self, **changes: object) -> Self:
        """Return a copy with these fields replaced. The caller vouches for their types: nothing is validated again."""
        return self.model_copy(update=changes)


class Document(Value):
    """A value that a person wrote: it is passed on as written, without the defaults of what was left out.

    So a definition reads the same after a journey through a history, where what is written and what is not may mean
    different things; and histories stay small.
    """

    @model_serializer(mode="wrap")
    def _as_written(self, dump: SerializerFunctionWrapHandler) -> dict[str, Json]:
        whole: dict[str, Json] = dump(self)
        written, fields = self.model_fields_set, _fields(type(self))
        return {key: value for key, value in whole.items() if fields[key] in written}


@cache
def _fields(document: type[Document]) -> dict[str, str]:
    """Return the field that each key of a document, its name or its alias, belongs to: a definition has thousands."""
    keys = {name: name for name in document.model_fields}
    return keys | {field.alias: name for name, field in document.model_fields.items() if field.alias is not None}


class FromOutside(BaseModel):
    """What comes from clients in other languages, which write every field of their types: null is read as absent."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, raw: object) -> object:
        if not isinstance(raw, dict):
            return raw
        return {k: v for k, v in raw.items() if v is not None}  # pyright: ignore[reportUnknownVariableType]


def canonical(value: object) -> str:
    """Return the one JSON text of a value: keys sorted, no blanks, non-ASCII kept.

    Two values are the same exactly when their canonical texts are; digests are taken over it.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def weigh(value: object) -> int:
    """Return how many bytes a value has as JSON; ValueError when it has none."""
    return len(canonical(value).encode())


def digest(value: object) -> str:
    """Return the lower-case hex SHA-256 of the canonical text of `value`."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()
