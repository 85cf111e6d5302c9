"""What every value of the domain is: immutable, strict about its fields, JSON on the wire.

Must not know: clocks, environment, I/O, Temporal.
"""

import hashlib
import json
from typing import TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic import JsonValue as Json

__all__ = ["Json", "Value", "canonical", "digest"]

_V = TypeVar("_V", bound="Value")


class Value(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def but(self: _V, **changes: object) -> _V:
        """Return a copy with these fields replaced. The caller vouches for their types: nothing is validated again."""
        return self.model_copy(update=changes)


def canonical(value: object) -> str:
    """Return the one JSON text of a value: keys sorted, no blanks, non-ASCII kept.

    Two values are the same exactly when their canonical texts are; digests are taken over it.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: object) -> str:
    """Return the lower-case hex SHA-256 of the canonical text of `value`."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()
