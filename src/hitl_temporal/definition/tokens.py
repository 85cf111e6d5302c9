"""The YAML parser as a stream of typed tokens; the one place that touches `ruamel.yaml`.

NotYamlError    the text is not YAML: says where, what, and how to mend it

Must not know: values, keys, documents.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml import events as parsed
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from hitl_temporal.domain.words import shorten

__all__ = ["NotYamlError", "Position", "Token", "tokens"]

_Untyped: TypeAlias = Any
"""What `ruamel.yaml` 0.19 hands out: its events and marks carry no types."""

Kind = Literal["document", "mapping", "end of mapping", "sequence", "end of sequence", "scalar", "alias"]

_KINDS: dict[type[parsed.Event], Kind] = {
    parsed.DocumentStartEvent: "document",
    parsed.MappingStartEvent: "mapping",
    parsed.MappingEndEvent: "end of mapping",
    parsed.SequenceStartEvent: "sequence",
    parsed.SequenceEndEvent: "end of sequence",
    parsed.ScalarEvent: "scalar",
    parsed.AliasEvent: "alias",
}


class Position(NamedTuple):
    """A place in a text; both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Token:
    """One step of the parser.

    Attributes:
        kind: What begins or ends here.
        position: Where.
        text: The text of a scalar; the version that a document demands, "" if none.
        is_plain: Whether a scalar stands without quotes, so that its text decides its type.
        tag: The tag written before it, None if none is.
        anchor: The name that it is given, or that an alias refers to.
    """

    kind: Kind
    position: Position
    text: str = ""
    is_plain: bool = False
    tag: str | None = None
    anchor: str | None = None


class NotYamlError(Exception):
    """The text is not YAML.

    Attributes:
        position: Where the mistake is.
        mend: What probably helps.
    """

    def __init__(self, message: str, position: Position, mend: str) -> None:
        super().__init__(message)
        self.position = position
        self.mend = mend


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text, in order.

    Raises:
        NotYamlError: Where the text stops being YAML.
    """
    try:
        # "pure" is the parser written in Python: only that one speaks YAML 1.2, and it does not recurse.
        for event in YAML(typ="safe", pure=True).parse(text):  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            token = _token(event)
            if token is not None:
                yield token
    except ReaderError as error:
        raise _unreadable(error, text) from error
    except MarkedYAMLError as error:
        raise _misread(error) from error
    except YAMLError as error:
        raise NotYamlError(shorten(str(error)), Position(1, 1), "see https://yaml.org") from error


def _token(event: _Untyped) -> Token | None:
    kind = _KINDS.get(event.__class__)
    if kind is None:
        return None
    position = _position(event.start_mark)
    match kind:
        case "document":
            return Token(kind, position, text=".".join(map(str, event.version or ())))
        case "scalar":
            return Token(
                kind, position, _joined(str(event.value)), bool(event.implicit[0]), _text(event.tag), event.anchor
            )
        case "mapping" | "sequence":
            return Token(kind, position, tag=_text(event.tag), anchor=event.anchor)
        case "alias":
            return Token(kind, position, anchor=event.anchor)
        case _:
            return Token(kind, position)


def _joined(text: str) -> str:
    r"""Return the text with pairs such as `\ud83d\ude00` joined, as in JSON: the parser takes each half by itself."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _text(tag: _Untyped) -> str | None:
    return None if tag is None else str(tag)


def _position(mark: _Untyped) -> Position:
    return Position(mark.line + 1, mark.column + 1)


_MENDS = {
    r"\t": "indent with spaces, not with tabs",
    "cannot start any token": "put the text in quotes",
    "mapping values are not allowed": "put text that holds a colon in quotes, or look at the indentation",
    "could not find expected ':'": "write `key: value`, with a blank after the colon",
    "<stream end>": "close the bracket",
    "end of stream": "close the quote",
    "while parsing a flow": "separate by commas and close the bracket; put text with brackets or colons in quotes",
    "expected <block end>": "look at the indentation of this line and of those above",
    "unknown escape character": r"in double quotes a backslash is written \\",
}
"""What in the parser's words calls for which mend, most telling first."""


def _misread(error: _Untyped) -> NotYamlError:
    said = ", ".join(filter(None, (error.context, error.problem)))
    mark = error.problem_mark or error.context_mark
    if "end of stream" in said or "while parsing a flow" in said:
        # A bracket or quote that was left open is noticed much later, often at the end of the file.
        mark = error.context_mark or mark
    mend = next((mend for words, mend in _MENDS.items() if words in said), "look at indentation, quotes and brackets")
    return NotYamlError(shorten(said), _position(mark) if mark else Position(1, 1), mend)


def _unreadable(error: _Untyped, text: str) -> NotYamlError:
    position = Position(text.count("\n", 0, error.position) + 1, 1)
    return NotYamlError("a character that YAML does not allow", position, "remove it")
