"""Values in a sentence for a person: a few words, on one line, bounded.

Must not know: what the sentence is about.
"""

from datetime import datetime

__all__ = ["found", "moment", "shorten"]

_LONGEST_TEXT = 300


def found(value: object) -> str:
    """Return a few words for a value that stands where it should not, bounded."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return repr(shorten(value, 60))
        case int() | float():
            return f"the number {shorten(str(value), 60)}"
        case list() | tuple():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return shorten(str(value), 60)


def moment(at: datetime) -> str:
    """Return a moment to the second: what is kept has more of it than anybody reads."""
    return at.isoformat(timespec="seconds")


def shorten(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Return the text as one line that is no longer than this."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
