"""Amounts of bytes as documents write them: `64KB`, `1MB`, `4096`.

K is 1,024 and M is 1,024 times that, with or without an `i`: who bounds a log does not mean the difference.

Must not know: what has this size.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["PATTERN", "SizeError", "parse"]

PATTERN = r"([0-9]{1,10}) ?(?:([KM])i?)?B"
"""How one is written, unless it is a bare number of bytes."""
_UNITS: Final[Mapping[str, int]] = MappingProxyType({"": 1, "K": 1024, "M": 1024 * 1024})


class SizeError(ValueError):
    """A text that is no amount of bytes."""


def parse(size: str | int) -> int:
    """Return how many bytes a size is.

    Raises:
        SizeError: It is not written as one.
    """
    if isinstance(size, int):
        return size
    found = re.fullmatch(PATTERN, size)
    if found is None:
        raise SizeError(f"{size[:60]!r} is not a size; write 4096, 64KB or 1MB")
    return int(found[1]) * _UNITS[found[2] or ""]
