"""The words and signs of CEL, as far as its brackets, names and strings have to be told apart.

Must not know: what they mean, or that a document stands around them.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
      (?P<blank> \s+ | //[^\n]* )
    | (?P<text>  (?: [bB]?[rR] (?: \"{3}.*?\"{3} | '{3}.*?'{3} | "[^"\n]*" | '[^'\n]*' ) )
               | [bB]? (?: \"{3}(?:\\.|[^\\])*?\"{3} | '{3}(?:\\.|[^\\])*?'{3}
                         | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' ) )
    | (?P<name>  [A-Za-z_][A-Za-z0-9_]* )
    | (?P<number> [0-9][A-Za-z0-9_.]* )
    | (?P<sign>  . )
    """,
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """One word or sign: its kind (`text`, `name`, `number`, `sign`), how it is written, and where it begins."""

    kind: str
    text: str
    at: int


def tokens(text: str, start: int = 0) -> Iterator[Token]:
    """Yield what stands in a text from `start` on, blanks and comments left out; any text has tokens."""
    for found in _TOKEN.finditer(text, start):
        if found.lastgroup != "blank":
            yield Token(found.lastgroup or "", found[0], found.start())
