r"""Regular expressions that documents write, matched in a time that grows with the text and no faster.

Python's own `re` tries every way through an expression: `^(a+)+$` over forty letters keeps a worker busy for years. RE2
follows all ways at once, and refuses what can't be matched so: looking ahead and behind, and referring back.
Source: https://github.com/google/re2/wiki/Syntax, read 2026-12-01.

Must not know: schemas, inputs, forms.
"""

from functools import lru_cache
from typing import Any, Final, TypeAlias

import re2  # pyright: ignore[reportMissingTypeStubs] - google-re2 1.1 has none

__all__ = ["PatternError", "check", "first", "is_found"]

MAX_LENGTH: Final = 1_000
MAX_SIZE: Final = 5_000
"""How many instructions an expression may come to: each may be looked at for each character of a text."""

_Untyped: TypeAlias = Any
"""What `re2` hands out: it is made in C++ and carries no types."""


class PatternError(ValueError):
    """A text is no regular expression that is matched here; the message says why."""


def check(pattern: str) -> None:
    """Pass an expression that can be matched.

    Raises:
        PatternError: It can't: it is wrong, too large, or needs more than one look at the text.
    """
    _compiled(pattern)


def is_found(pattern: str, text: str) -> bool:
    """Return whether an expression is found in a text, wherever.

    Raises:
        PatternError: It is none.
    """
    try:
        return _compiled(pattern).search(text) is not None
    except UnicodeEncodeError:  # half a character, which no expression can name
        return False


def first(pattern: str, text: str) -> str | None:
    """Return what the first group holds where an expression is first found, the whole find if it has no group.

    None: it is not found, or its first group took no part in the find.

    Raises:
        PatternError: It is none.
    """
    expression = _compiled(pattern)
    try:
        found = expression.search(text)
    except UnicodeEncodeError:  # as above
        return None
    held: str | None = None if found is None else found.group(1 if expression.groups else 0)
    return held


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> _Untyped:
    if len(pattern) > MAX_LENGTH:
        raise PatternError(f"it has {len(pattern)} characters, at most {MAX_LENGTH} are taken")
    try:
        found = _RE2.compile(pattern, _OPTIONS)
    except _RE2.error as error:
        (why,) = error.args
        raise PatternError(why.decode(errors="replace") if isinstance(why, bytes) else str(why)) from error
    except UnicodeEncodeError as error:
        raise PatternError("it has half a character in it") from error
    if found.programsize > MAX_SIZE:
        raise PatternError("it is too large: shorten its repetitions, `maxLength` bounds a text as well")
    return found


_RE2: _Untyped = re2
_OPTIONS: _Untyped = _RE2.Options()
_OPTIONS.log_errors = False  # it writes to stderr otherwise
