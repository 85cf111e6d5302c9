"""Read a YAML 1.2 document as JSON, and remember where each key and item stands.

Plain scalars follow the core schema of YAML 1.2 and nothing else: `on`, `yes` and `2026-12-24` are text. What JSON
cannot say (tags, keys that are no text, infinities) is refused, and so is a document made to exhaust its reader.
Source: https://yaml.org/spec/1.2.2/#103-core-schema, read 2026-11-22.

Must not know: what a document means.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from hitl_temporal.domain.value import Json
from hitl_temporal.domain.words import shorten

from .problems import Problem, Severity
from .tokens import NotYamlError, Position, Token, tokens

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_VALUES", "At", "Document", "parse", "read"]

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_VALUES = 50_000
"""Every use of an anchor counts again, so that aliases of aliases stay as small as they look."""

At = tuple[str | int, ...]
"""The way to a place in a document: `("steps", 1, "ask", "title")`."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, and where in the file it says it.

    Attributes:
        path: The file, as it was reached.
        data: The whole document; None when the file holds none.
        positions: The position of each mapping's keys and each list's items, and of the whole at `()`.
    """

    path: str
    data: Json
    positions: Mapping[At, Position]

    def place(self, at: At) -> At:
        """Return the place in the document that a place in its model stands for.

        What only models have is left out: branches of unions, the list around a lone entry, the stage that is made of
        keys written in the ask itself.
        """
        place: At = ()
        data = self.data
        for part in at:
            match data, part:
                case dict(), str() if part in data:
                    data = data[part]
                case list(), int() if part < len(data):
                    data = data[part]
                case _:
                    continue
            place = (*place, part)
        return place

    def position(self, at: At) -> Position:
        """Return where a place stands; of a place that isn't there, where the nearest one around it does."""
        at = self.place(at)
        while at and at not in self.positions:
            at = at[:-1]  # It came with an alias.
        return self.positions.get(at, Position(1, 1))

    def problem(self, at: At, message: str, mend: str = "", severity: Severity = "error") -> Problem:
        """Return a problem at a place of this document."""
        line, column = self.position(at)
        message, mend = shorten(message), shorten(mend)
        return Problem(path=self.path, line=line, column=column, message=message, mend=mend, severity=severity)


def read(path: Path) -> tuple[Document | None, tuple[Problem, ...]]:
    """Read a file; no document when anything about its form is wrong."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        return None, (Problem(path=str(path), message=f"the file can't be read: {error.strerror}"),)
    if len(raw) > MAX_BYTES:
        return None, (_too_large(str(path)),)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return None, (Problem(path=str(path), line=line, message="this is not UTF-8", mend="save the file as UTF-8"),)
    return parse(text, str(path))


def parse(text: str, path: str) -> tuple[Document | None, tuple[Problem, ...]]:
    """Read a text that came from `path`; no document when anything about its form is wrong."""
    if len(text) > MAX_BYTES:  # Whatever their encoding, there are no more characters than bytes.
        return None, (_too_large(path),)
    reader = _Reader(tokens(text))
    try:
        data = reader.document()
    except NotYamlError as error:
        reader.wrong.append((error.position, f"this is not YAML: {error}", error.mend))
    except _UselessError as error:
        reader.wrong.append(error.args)
    else:
        if not reader.wrong:
            return Document(path, data, reader.positions), ()
    return None, tuple(
        Problem(path=path, line=position.line, column=position.column, message=message, mend=mend)
        for position, message, mend in reader.wrong
    )


def _too_large(path: str) -> Problem:
    return Problem(path=path, message=f"the document is larger than {MAX_BYTES:,} bytes", mend="split it")


class _UselessError(Exception):
    """Reading on makes no sense."""

    args: tuple[Position, str, str]


@dataclass(slots=True)
class _Reader:
    """Builds the value out of tokens; the tokens come without recursion, so the depth is ours to bound."""

    tokens: Iterator[Token]
    positions: dict[At, Position] = field(default_factory=dict[At, Position])
    wrong: list[tuple[Position, str, str]] = field(default_factory=list[tuple[Position, str, str]])
    """Where, what and how to mend it: of what does not keep us from reading on."""
    anchors: dict[str, tuple[Json, int]] = field(default_factory=dict[str, tuple[Json, int]])
    """Each anchor's value, and how many values are in it."""
    values: int = 0

    def document(self) -> Json:
        """Read the one document of the stream."""
        documents = 0
        data: Json = None
        for token in self.tokens:
            if token.kind != "document":
                self.positions.setdefault((), token.position)
                data = self._value(token, ())
                continue
            documents += 1
            if documents > 1:
                self._stop(token, "a second document begins here", "one file holds one; remove `---`")
            if token.text not in {"", "1.2"}:
                self._stop(token, f"documents are YAML 1.2, not {token.text}", "remove the `%YAML` line")
        return data

    def _value(self, token: Token, at: At) -> Json:
        before = self.values
        self._count(token, 1)
        if len(at) > MAX_DEPTH:
            self._stop(token, f"this is nested more than {MAX_DEPTH} levels deep", "write it flatter")
        match token.kind:
            case "alias":
                return self._alias(token)
            case "scalar":
                value = self._scalar(token)
            case "sequence":
                value = self._sequence(token, at)
            case _:
                value = self._mapping(token, at)
        if token.anchor:
            self.anchors[token.anchor] = (value, self.values - before)
        return value

    def _sequence(self, token: Token, at: At) -> Json:
        self._refuse_tag(token)
        items: list[Json] = []
        while (item := next(self.tokens)).kind != "end of sequence":
            here = (*at, len(items))
            self.positions[here] = item.position
            items.append(self._value(item, here))
        return items

    def _mapping(self, token: Token, at: At) -> Json:
        self._refuse_tag(token)
        pairs: dict[str, Json] = {}
        while (written := next(self.tokens)).kind != "end of mapping":
            key = self._key(written)
            here = (*at, key)
            if key in pairs:
                first = self.positions[here].line
                self._note(written, f"the key {key!r} stands here twice, first in line {first}", "remove one of them")
            else:
                self.positions[here] = written.position
            pairs[key] = self._value(next(self.tokens), here)
        return pairs

    def _key(self, token: Token) -> str:
        if token.kind in {"mapping", "sequence"}:
            self._stop(token, f"a {token.kind} can't be a key", 'put an expression in quotes: "{{ ... }}"')
        if token.kind == "alias" or token.anchor:
            self._stop(token, "a key has no anchor and is no alias", "write it out")
        if token.text == "<<" and token.is_plain:
            self._note(token, "the merge key `<<` is not part of YAML 1.2", "write the keys out")
        elif not isinstance(self._scalar(token), str):
            self._note(token, f"the key {shorten(token.text, 60)!r} is not text", "put it in quotes")
        return token.text

    def _scalar(self, token: Token) -> Json:
        if any("\ud800" <= character <= "\udfff" for character in token.text):
            self._note(token, "there is half of a character in this text", "write the character itself")
        if token.tag in {"!", "tag:yaml.org,2002:str"}:
            return token.text
        self._refuse_tag(token)
        if not token.is_plain:
            return token.text
        value = _core_schema(token.text)
        if isinstance(value, float) and not math.isfinite(value):
            self._note(token, f"{token.text!r} is no number of JSON", "write a finite number, or put it in quotes")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            self._note(token, f"the number {shorten(token.text, 40)} does not fit into 64 bits", "put it in quotes")
        return value

    def _alias(self, token: Token) -> Json:
        name = token.anchor or ""
        if name not in self.anchors:
            self._stop(token, f"the alias {name!r} stands for nothing", f"put `&{name}` before what it stands for")
        value, values = self.anchors[name]
        self._count(token, values)
        return value

    def _refuse_tag(self, token: Token) -> None:
        if token.tag is not None:
            self._note(token, f"the tag {shorten(token.tag, 60)!r} has no meaning here", "remove it")

    def _count(self, token: Token, values: int) -> None:
        self.values += values
        if self.values > MAX_VALUES:
            self._stop(token, f"the document has more than {MAX_VALUES:,} values, each alias counted out", "split it")

    def _note(self, token: Token, message: str, mend: str) -> None:
        self.wrong.append((token.position, message, mend))

    def _stop(self, token: Token, message: str, mend: str) -> NoReturn:
        raise _UselessError(token.position, message, mend)


_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST_NUMBER = 400
"""Nobody means a longer text as a number, and Python reads no integer of more than 4,300 digits."""


def _core_schema(text: str) -> Json:
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OTHER_BASE.fullmatch(text):
        return int(text, base=0)
    if _NOT_FINITE.fullmatch(text):
        return math.inf
    return float(text) if _FLOAT.fullmatch(text) else text
