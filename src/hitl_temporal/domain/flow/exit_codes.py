"""Exit codes as the result of a job: `needs: [{load: "1,5,22-30"}]`.

A code is 0 to 255; what a signal ended has 128 and the signal's number, as in a shell: 137 for SIGKILL.

Must not know: processes, needs.
"""

import re
from typing import Final, NamedTuple

__all__ = ["HIGHEST", "ExitCodes", "code_of", "matches", "parse"]

HIGHEST: Final = 255
_RANGES = re.compile(r"\s*[0-9]{1,3}(\s*-\s*[0-9]{1,3})?(\s*,\s*[0-9]{1,3}(\s*-\s*[0-9]{1,3})?)*\s*", re.ASCII)
_MAX_CHARACTERS = 200


class ExitCodes(NamedTuple):
    """Ranges of exit codes, both ends included, in the order written."""

    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, code: object) -> bool:
        """Tell whether a code lies in one of the ranges."""
        return isinstance(code, int) and any(low <= code <= high for low, high in self.ranges)


def parse(text: str) -> ExitCodes | None:
    """Return the exit codes that a result names, None when it is no list of codes and ranges: an outcome, perhaps.

    A range that falls (`5-2`) and a code above 255 are none: no job could ever end so.
    """
    if len(text) > _MAX_CHARACTERS or not _RANGES.fullmatch(text):
        return None
    ranges = tuple(_range(part) for part in text.split(","))
    return ExitCodes(ranges) if all(low <= high <= HIGHEST for low, high in ranges) else None


def matches(text: str, code: int | None) -> bool:
    """Tell whether a result names this exit code; what names none, or is none, matches none."""
    return code in (parse(text) or ExitCodes(()))


def code_of(outcome: str | None) -> int | None:
    """Return the exit code that is the outcome of a command, None when an operator has given it another one."""
    return int(outcome) if outcome is not None and outcome.isdecimal() else None


def _range(text: str) -> tuple[int, int]:
    low, dash, high = text.partition("-")
    return int(low), int(high if dash else low)
