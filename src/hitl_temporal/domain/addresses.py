"""Where a document is: a web address, or a name that no program opens by itself.

Addresses become links on pages and in messages, where a browser or a chat runs `javascript:` and `data:`. What is
allowed is listed, since what is dangerous can't be.

Must not know: who says where it is, how it is shown.
"""

import re

__all__ = ["address", "unsafe"]

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*)\s*:")
_WEB = re.compile(r"https?://[^/\s]", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""Browsers pass over tabs and line ends, also within `java\\tscript:`."""


def unsafe(text: str) -> str | None:
    """Return why this may not be the address of a document, None when it may."""
    if _CONTROL.search(text):
        return "an address is one line, without control characters"
    scheme = _SCHEME.match(text)
    if scheme is None or _WEB.match(text):
        return None
    mend = "write an address with http:// or https://, or a name without `:`"
    return f"{scheme[1][:50]!r} is no way to a document: {mend}"


def address(text: str) -> str:
    """Return an address that may be shown.

    Raises:
        ValueError: It may not.
    """
    if (reason := unsafe(text)) is not None:
        raise ValueError(reason)
    return text
