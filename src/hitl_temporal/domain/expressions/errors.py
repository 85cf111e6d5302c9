"""What goes wrong with an expression, told in words of bounded length.

Exception
└── ExpressionError   refused by its text, refused on its values, or failed on them

Must not know: how expressions are read and evaluated.
"""

import json
from collections.abc import Callable
from typing import cast


class ExpressionError(Exception):
    """An expression that may not be used, or that failed on these values.

    Attributes:
        expression: Its text.
        reason: What happened and, where it helps, what to write instead.
        values: Path and shortened value of what it referenced, sorted by path; empty when it was not evaluated.
    """

    def __init__(self, expression: str, reason: str, values: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(expression, reason, values)
        self.expression = expression
        self.reason = reason
        self.values = values

    def __str__(self) -> str:
        """Say it in one bounded line."""
        known = short(", ".join(f"{path} = {value}" for path, value in self.values), 300)
        return f"expression {short(self.expression, 200)!r}: {self.reason}" + (f" (with {known})" if known else "")

    def told(self, is_sensitive: Callable[[str], bool]) -> str:
        """Say it to those who are shown no sensitive value: also what it gave, or failed with, may be made of one.

        Args:
            is_sensitive: Tells of a path, or of an expression, whether it reads such a value.
        """
        if any(map(is_sensitive, (self.expression, *(path for path, _ in self.values)))):
            return f"expression {short(self.expression, 200)!r}: fails on a sensitive value, which is not shown"
        return str(self)


def glimpse(value: object) -> str:
    """Return a value as an error shows it: the size of a list or map, at most 60 characters of anything else."""
    match value:
        case dict():
            return f"a map of {len(cast('dict[object, object]', value))}"
        case list() | tuple():
            return f"a list of {len(cast('list[object]', value))}"
        case str():
            readable = value[:61].encode(errors="replace").decode()
            return json.dumps(short(readable, 60), ensure_ascii=False)
        case _:
            return short(json.dumps(value), 60)


def short(text: str, length: int) -> str:
    """Return a text cut to this many characters, the last of which then tells that there was more."""
    return text if len(text) <= length else text[: length - 1] + "…"
