r"""What a job gives, read from what it wrote to stdout.

A rule is one text, and its form says what it is:

- `$.rows`, `$.items[0].id`, `$['a key']`, `$.items[*].id`: a path in stdout, which is JSON as a whole or in its last
  line. `stdout.rows` and a bare `rows` or `result.rows` are the same as `$.rows`: an expression of names and dots
  alone could only give itself.
- `stdout`: the text itself, without blanks around it.
- `/rows: (\d+)/`, `regex:rows: (\d+)`, and any other text: a regular expression of RE2; what its first group holds, or
  all that it finds. `^` and `$` are the ends of a line.

Must not know: processes, where a definition came from.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, NoReturn, TypeAlias, cast

from hitl_temporal.domain import patterns
from hitl_temporal.domain.patterns import PatternError
from hitl_temporal.domain.value import Json, weigh
from hitl_temporal.domain.words import found, shorten

__all__ = ["MAX_BYTES", "MAX_DEPTH", "OutputError", "Path", "Pattern", "Text", "extract", "read"]

MAX_BYTES: Final = 2 * 1024 * 1024
"""What all outputs of a job come to at most, as JSON: they are read from less of stdout, but may overlap in it."""
MAX_DEPTH: Final = 64
"""Lists and maps in one another, at most."""

_NAME = r"[^\W\d][\w-]*"
_STEP = rf"""\.(?:{_NAME}|\*)|\[(?:-?[0-9]{{1,9}}|\*|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\]"""
_PATH = re.compile(rf"(?P<head>\$|{_NAME})(?P<steps>(?:{_STEP})*)")
_STEPS = re.compile(_STEP)


class OutputError(ValueError):
    """A job did not give what its document promises; the message names the output."""


class _All(NamedTuple):
    """Every item of a list, every value of a map."""


Step: TypeAlias = str | int | _All


class Path(NamedTuple):
    """The way to a value in JSON."""

    steps: tuple[Step, ...]


class Pattern(NamedTuple):
    """A regular expression, matched line by line."""

    pattern: str


class Text(NamedTuple):
    """The whole text."""


Rule: TypeAlias = Path | Pattern | Text


def read(text: str) -> Rule:
    """Return what a rule says.

    Raises:
        ValueError: It is neither a path nor a regular expression.
    """
    if text == "stdout":
        return Text()
    if path := _PATH.fullmatch(text):
        head = path["head"]
        own: tuple[Step, ...] = () if head in {"$", "stdout"} else (head,)
        return Path((*own, *(_step(step) for step in _STEPS.findall(path["steps"]))))
    if text.startswith(("$", ".")):
        raise ValueError(
            f"{found(text)} is no path; write names, numbers and stars such as $.items[0].id or $.items[*].id, "
            "or a regular expression as /.../"
        )
    is_framed = len(text) > 2 and text[0] == text[-1] == "/"
    pattern = f"(?m){text[1:-1] if is_framed else text.removeprefix('regex:')}"
    try:
        patterns.check(pattern)
    except PatternError as error:
        wrong = f"{found(text)} is neither a path ($.rows) nor a regular expression of RE2"
        raise ValueError(f"{wrong} ({shorten(str(error), 100)})") from error
    return Pattern(pattern)


def extract(rules: Mapping[str, str], stdout: str, *, dropped_bytes: int = 0) -> dict[str, Json]:
    """Return what each rule gives, by name.

    Args:
        rules: Name to rule, as written.
        stdout: What the job wrote, or the end of it.
        dropped_bytes: How much of its beginning is not there.

    Raises:
        OutputError: A path leads nowhere, an expression is not found, stdout is no JSON, or it is all too much.
    """
    read_rules = {name: read(written) for name, written in rules.items()}
    path = next((name for name, rule in read_rules.items() if isinstance(rule, Path)), None)
    document = None if path is None else _document(path, stdout, dropped_bytes)
    outputs: dict[str, Json] = {}
    size = 0
    for name, rule in read_rules.items():
        if isinstance(rule, Path):
            value = _at(name, rules[name], document, rule.steps)
        elif isinstance(rule, Pattern):
            value = patterns.first(rule.pattern, stdout)
            if value is None:
                raise OutputError(f"output {name!r}: {found(rules[name])} is not found in stdout{_cut(dropped_bytes)}")
        else:
            value = stdout.strip()
        size += _size(name, value)
        if size > MAX_BYTES:
            raise OutputError(
                f"output {name!r}: with it the outputs have over {MAX_BYTES} bytes; write large ones to a file"
            )
        outputs[name] = value
    return outputs


def _step(written: str) -> Step:
    inner = written[1:] if written[0] == "." else written[1:-1]
    if inner == "*":
        return _All()
    if written[0] == ".":
        return inner
    return re.sub(r"\\(.)", r"\1", inner[1:-1], flags=re.DOTALL) if inner[0] in "'\"" else int(inner)


def _document(name: str, stdout: str, dropped_bytes: int) -> Json:
    """Return stdout as JSON: the whole of it, else its last line."""
    text = stdout.strip()
    for candidate in (text, text.rpartition("\n")[2]):
        try:
            return cast("Json", json.loads(candidate, parse_constant=_no_number))
        except (ValueError, RecursionError):
            continue
    raise OutputError(
        f"output {name!r}: stdout is no JSON{_cut(dropped_bytes)}, neither as a whole nor in its last line; "
        "write anything else to stderr"
    )


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _at(name: str, written: str, document: Json, steps: tuple[Step, ...]) -> Json:
    """Follow a path; after a star the values are a list, and those that lack what follows are left out."""
    for index, step in enumerate(steps):
        if isinstance(step, _All):
            return [
                value
                for item in _items(name, written, document)
                for value in _beyond(name, written, item, steps[index + 1 :])
            ]
        try:
            document = _child(document, step)
        except LookupError as error:
            raise OutputError(f"output {name!r}: {found(written)}: {error.args[0]}") from None
    return document


def _beyond(name: str, written: str, item: Json, steps: tuple[Step, ...]) -> Iterator[Json]:
    try:
        value = _at(name, written, item, steps)
    except OutputError:
        return
    if any(isinstance(step, _All) for step in steps):
        yield from cast("list[Json]", value)
    else:
        yield value


def _items(name: str, written: str, value: Json) -> list[Json]:
    match value:
        case list():
            return value
        case dict():
            return list(value.values())
        case _:
            raise OutputError(f"output {name!r}: {found(written)}: the star stands for the items of {found(value)}")


def _child(value: Json, step: str | int) -> Json:
    """Return what lies one step further.

    Raises:
        LookupError: Nothing does; it says why.
    """
    match value, step:
        case dict(), str():
            if step not in value:
                raise LookupError(f"{found(step)} is not there; there are: {shorten(', '.join(value), 200) or 'none'}")
            return value[step]
        case list(), int():
            if not -len(value) <= step < len(value):
                raise LookupError(f"[{step}] is not there, the list has {len(value)} items")
            return value[step]
        case _:
            kind = "a name" if isinstance(step, str) else "a number"
            raise LookupError(f"{kind} is followed into {_kind(value)}")


def _kind(value: Json) -> str:
    match value:
        case dict() | list() | None:
            return found(value)
        case str():
            return "a text"
        case _:
            return "a number or a truth value"


def _size(name: str, value: Json) -> int:
    if _is_deeper(value, MAX_DEPTH):
        raise OutputError(f"output {name!r}: it has lists and maps in one another more than {MAX_DEPTH} times")
    try:
        return weigh(value)
    except UnicodeEncodeError as error:
        raise OutputError(f"output {name!r}: it holds half a character, an escape such as \\ud800") from error


def _is_deeper(value: Json, depth: int) -> bool:
    match value:
        case list():
            return depth == 0 or any(_is_deeper(item, depth - 1) for item in value)
        case dict():
            return depth == 0 or any(_is_deeper(item, depth - 1) for item in value.values())
        case _:
            return False


def _cut(dropped_bytes: int) -> str:
    return f" (of which the first {dropped_bytes} bytes were dropped)" if dropped_bytes else ""
