"""Large outputs: the history holds a reference, the value lies in the blob store under the digest of what it is.

A reference is `{"$blob": "sha256:...", "size": 1048576, "type": "application/json"}`, its size in bytes. It is passed
on as it is; an activity that is given one gets the value.

Must not know: where blobs lie, who puts and gets them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeGuard, cast

from hitl_temporal.domain.value import Json, canonical
from hitl_temporal.domain.words import shorten

__all__ = [
    "INLINE_BYTES",
    "KEY",
    "MAX_BYTES",
    "BlobError",
    "advice",
    "as_outputs",
    "digests_in",
    "is_digest",
    "is_reference",
    "reference",
    "reference_in",
    "too_large",
]

KEY: Final = "$blob"
"""The key that holds the digest."""
INLINE_BYTES: Final = 256 * 1024
"""Of all outputs of a step in the history, as JSON: they travel in one payload, which Temporal bounds at 2 MiB."""
MAX_BYTES: Final = 64 * 1024 * 1024
"""Of one output, as JSON: whoever puts or gets it holds it in memory."""

_JSON: Final = "application/json"
_KEYS: Final = frozenset({KEY, "size", "type"})
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_SMALLEST_BYTES: Final = 1024
"""What is smaller is not worth a reference, which has some 120 bytes itself."""


class BlobError(ValueError):
    """Outputs that are too large to be kept anywhere; the message completes `its outputs can't be kept: ...`."""


def is_digest(text: str) -> bool:
    """Tell whether a text names a blob: `sha256:` and 64 hexadecimal digits in lower case."""
    return _DIGEST.fullmatch(text) is not None


def reference(digest: str, size_bytes: int) -> dict[str, Json]:
    """Return what stands for a value that is kept in the store as canonical JSON of this size."""
    return {KEY: digest, "size": size_bytes, "type": _JSON}


def is_reference(value: object) -> TypeGuard[dict[str, Json]]:
    """Tell whether a value is a reference; an object with other keys, or whose digest is none, is what it is."""
    if not isinstance(value, dict):
        return False
    found = cast("dict[str, object]", value)
    digest = found.get(KEY)
    return isinstance(digest, str) and found.keys() == _KEYS and is_digest(digest)


def reference_in(value: Json) -> dict[str, Json] | None:
    """Return the first reference that a value is, or holds, None when there is none."""
    return next(_references(value), None)


def digests_in(value: Json) -> frozenset[str]:
    """Return the digests of all references in a value."""
    return frozenset(str(found[KEY]) for found in _references(value))


def advice(path: str, found: Mapping[str, Json]) -> str:
    """Return what to tell somebody who looks into a reference.

    Args:
        path: Where it was found, such as `steps.load.outputs.rows`.
        found: The reference.
    """
    size = found["size"]
    path = shorten(path, 120)
    kept = f"{path} has {size:,} bytes" if isinstance(size, int) else f"{path} is large"
    return (
        f"{kept} and is kept in the blob store: pass it whole to an activity, which gets the value, and let that look"
    )


def as_outputs(found: Json) -> dict[str, Json]:
    """Return what an activity gave as outputs of its step: an object's keys, anything else as `result`."""
    return found if isinstance(found, dict) and not is_reference(found) else {"result": found}


def too_large(outputs: Mapping[str, Json]) -> dict[str, bytes]:
    """Return the outputs that the history has no room for, by name, as the bytes to keep: the largest, as few as do.

    Raises:
        BlobError: One is too large for the store, or there are too many small ones.
        ValueError: They are no JSON.
        RecursionError: They are nested too deeply.
    """
    contents = {name: canonical(value).encode() for name, value in outputs.items()}
    total = len(canonical(dict.fromkeys(outputs))) + sum(map(len, contents.values()))
    kept: dict[str, bytes] = {}
    for name, content in sorted(contents.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        if total <= INLINE_BYTES:
            break
        if len(content) > MAX_BYTES:
            raise BlobError(f"{name!r} has {len(content):,} bytes, at most {MAX_BYTES:,} are kept; give a link instead")
        if len(content) < _SMALLEST_BYTES:
            raise BlobError(f"there are {len(outputs):,} of them, too many to keep each apart; give them as one")
        kept[name] = content
        total -= len(content) - len(canonical(reference("sha256:" + 64 * "0", len(content))))
    return kept


def _references(value: Json) -> Iterator[dict[str, Json]]:
    if is_reference(value):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)
