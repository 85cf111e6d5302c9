"""What is wrong with a document: where, what, and how to mend it.

Must not know: YAML, pydantic, which document it is.
"""

import difflib
from collections.abc import Iterable
from typing import Literal

from hitl_temporal.domain.value import Value

__all__ = ["Problem", "Severity", "has_errors", "nearest", "resembling"]

Severity = Literal["error", "warning"]


class Problem(Value):
    """One thing that is wrong with a document.

    Attributes:
        path: The file, as it was reached.
        line: Counted from 1.
        column: Counted from 1.
        message: What is wrong, one line.
        mend: What to do about it, one line; empty when the message says it.
        severity: A document with an error is not used; one with warnings is.
    """

    path: str
    line: int = 1
    column: int = 1
    message: str
    mend: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        """Return `path:line: what is wrong; how to mend it`."""
        return f"{self.path}:{self.line}: {'; '.join(filter(None, (self.message, self.mend)))}"


def has_errors(problems: Iterable[Problem]) -> bool:
    """Tell whether any of the problems is more than a warning."""
    return any(p.severity == "error" for p in problems)


def resembling(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return the mend for a name that is not known: the one that was probably meant, else `otherwise`."""
    near = nearest(name, known)
    return otherwise if near is None else f"did you mean {near!r}?"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like this one, None when none is."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)
