"""Parameters written `:name`, in the form that PostgreSQL's driver takes; no value comes near the text.

Must not know: values, connections.
"""

import re
from collections.abc import Collection
from typing import Final

__all__ = ["placeholders"]

_PART: Final = re.compile(
    r"""
      (?P<kept> '(?:[^']|'')*'                        # a text
              | "(?:[^"]|"")*"                        # a name
              | \$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?(tag)(?P=tag))\$  # a text in dollars
              | --[^\n]*                              # a comment to the end of the line
              | ::                                    # a cast
      )
      | (?P<comment>/\*)                              # a comment, which may have others in it
      | (?<![\w:\]]):(?P<name>[A-Za-z_]\w*)
      | (?P<percent>%)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\b[eE]'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_COMMENT: Final = re.compile(r"/\*|\*/")


def placeholders(sql: str, known: Collection[str]) -> str:
    """Return the statement with `%(name)s` for each `:name`, and each `%` of its own doubled.

    Texts, quoted names, comments and casts are left as they are.

    Source: https://www.postgresql.org/docs/15/sql-syntax-lexical.html (read 2026-12-01).

    Raises:
        KeyError: A parameter is not known; its name is the error's argument.
    """
    written: list[str] = []
    at = 0
    while at < len(sql):
        escaped = _ESCAPED.match(sql, at)
        part = escaped or _PART.match(sql, at)
        if part is None:
            written.append(sql[at])
            at += 1
            continue
        end = part.end()
        if escaped is None and part["name"]:
            if part["name"] not in known:
                raise KeyError(part["name"])
            written.append(f"%({part['name']})s")
        else:
            if escaped is None and part["comment"]:
                end = _end_of_comment(sql, at)
            written.append(sql[at:end].replace("%", "%%"))
        at = end
    return "".join(written)


def _end_of_comment(sql: str, start: int) -> int:
    depth = 0
    for mark in _COMMENT.finditer(sql, start):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(sql)
