"""A run in one message: as it is while it is small, so that people can read it, and packed when it is large.

The states of a thousand steps are nearly the same text a thousand times, and what an item gave stands in several
places; a message of Temporal's holds 2 MiB.

Must not know: what a run is.
"""

import base64
import lzma
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer
from pydantic_core import from_json

from hitl_temporal.domain.flow.state import Run

__all__ = ["PackedRun"]

READABLE_BYTES = 1024 * 1024
"""Of a run as JSON; a larger one is packed."""

_PRESET = 1
"""A window of 1 MiB, in which what stands twice is found, at half a second for 4 MB."""


def _in_short(run: Run) -> Any:
    text = run.model_dump_json(by_alias=True).encode()
    if len(text) <= READABLE_BYTES:
        return from_json(text)
    return {"lzma": base64.b64encode(lzma.compress(text, preset=_PRESET)).decode()}


def _whole(raw: Any) -> Any:
    if isinstance(raw, dict) and raw.keys() == {"lzma"}:  # pyright: ignore[reportUnknownMemberType]
        return Run.model_validate_json(lzma.decompress(base64.b64decode(raw["lzma"])))  # pyright: ignore[reportUnknownArgumentType]
    return raw  # pyright: ignore[reportUnknownVariableType]


PackedRun = Annotated[Run, BeforeValidator(_whole), PlainSerializer(_in_short, when_used="json")]
"""A run as a field of a message."""
