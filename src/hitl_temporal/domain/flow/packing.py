"""A run in one message: as it is while it is small, so that people can read it, and packed when it is large.

The states of a thousand steps are nearly the same text a thousand times, and what an item gave stands in several
places; a message of Temporal's holds 2 MiB.

Must not know: what a run is.
"""

import base64
import zlib
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer
from pydantic_core import from_json

from hitl_temporal.domain.flow.state import Run

__all__ = ["PackedRun"]

READABLE_BYTES = 1024 * 1024
"""Of a run as JSON; a larger one is packed."""

_lzma: Any = import_module("lzma") if find_spec("_lzma") else None
"""None: this Python was built without it."""

_PRESET = 1
"""A window of 1 MiB, in which what stands twice is found, at half a second for 4 MB."""


def _in_short(run: Run) -> Any:
    text = run.model_dump_json(by_alias=True).encode()
    if len(text) <= READABLE_BYTES:
        return from_json(text)
    kind, packed = ("zlib", zlib.compress(text)) if _lzma is None else ("lzma", _lzma.compress(text, preset=_PRESET))
    return {kind: base64.b64encode(packed).decode()}


def _whole(raw: Any) -> Any:
    if not isinstance(raw, dict) or len(raw) != 1:  # pyright: ignore[reportUnknownArgumentType]
        return raw  # pyright: ignore[reportUnknownVariableType]
    ((kind, packed),) = raw.items()  # pyright: ignore[reportUnknownVariableType]
    unpack = {"lzma": getattr(_lzma, "decompress", None), "zlib": zlib.decompress}.get(str(kind))  # pyright: ignore[reportUnknownArgumentType]
    if unpack is None:
        raise ValueError(f"a run that was packed by {str(kind)[:20]!r} can't be read by this Python")  # pyright: ignore[reportUnknownArgumentType]
    return Run.model_validate_json(unpack(base64.b64decode(packed)))  # pyright: ignore[reportUnknownArgumentType]


PackedRun = Annotated[Run, BeforeValidator(_whole), PlainSerializer(_in_short, when_used="json")]
"""A run as a field of a message."""
