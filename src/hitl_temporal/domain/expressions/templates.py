"""Expressions in a document: where `{{` and `}}` stand in its strings, and what takes their place.

Must not know: CEL beyond its tokens, the values of secrets.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hitl_temporal.domain.blobs import advice, reference_in
from hitl_temporal.domain.expressions.errors import ExpressionError
from hitl_temporal.domain.expressions.evaluating import evaluate
from hitl_temporal.domain.expressions.tokens import tokens
from hitl_temporal.domain.value import Json, canonical

_SECRET = re.compile(r"""\{\{\s*secret\(\s*(["'])([^"'\\{}]+)\1\s*\)\s*\}\}""")


class _Expression(NamedTuple):
    text: str


def render(value: Json, scope: Mapping[str, Json]) -> Json:
    """Return a document's value with each `{{ expr }}` in its strings replaced; keys stay as they are.

    A string that is one expression becomes its result, with its type. Within text null is nothing, numbers are written
    as people do (`3`, `0.8`), lists and maps as canonical JSON. What an expression gives is never rendered again, so
    values cannot smuggle expressions in. A whole-value `{{secret('name')}}` stays: the activity resolves it.
    A literal `{{` is written `{{ "{{" }}`.

    Raises:
        ExpressionError: As for `evaluate`, or a `{{` is not closed.
    """
    match value:
        case str():
            return value if is_secret(value) else _rendered(value, scope)
        case list():
            return [render(item, scope) for item in value]
        case dict():
            return {key: render(item, scope) for key, item in value.items()}
        case _:
            return value


def as_text(value: Json) -> str:
    """Return a value as it reads within text: null is nothing, a number as people write it."""
    match value:
        case None:
            return ""
        case str():
            return value
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return canonical(value)


def pieces(text: str) -> tuple[tuple[str, bool], ...]:
    """Return a text in pieces, in order, each with whether it is an expression in its braces.

    Raises:
        ExpressionError: A `{{` is not closed.
    """
    return tuple(
        (f"{{{{{part.text}}}}}", True) if isinstance(part, _Expression) else (part, False) for part in _parts(text)
    )


def expressions_in(value: Json) -> tuple[str, ...]:
    """Return the expressions of a document's value in reading order, whole-value secrets left out.

    Raises:
        ExpressionError: A `{{` is not closed.
    """
    return tuple(
        part.text
        for text in _strings(value)
        if not is_secret(text)
        for part in _parts(text)
        if isinstance(part, _Expression)
    )


def is_secret(text: str) -> str | None:
    """Return the name in a value that is wholly `{{secret('name')}}`, None for any other text."""
    found = _SECRET.fullmatch(text)
    return found[2] if found else None


def secrets_in(value: Json) -> tuple[str, ...]:
    """Return the names of the whole-value secrets in a document's value, in reading order."""
    return tuple(name for text in _strings(value) if (name := is_secret(text)))


def _parts(text: str) -> Iterator[str | _Expression]:
    """Yield a string's literal text and its expressions in turn, beginning and ending with text."""
    at = 0
    while (start := text.find("{{", at)) >= 0:
        end = _closing(text, start)
        yield text[at:start]
        yield _Expression(text[start + 2 : end].strip())
        at = end + 2
    yield text[at:]


def _closing(text: str, start: int) -> int:
    """Return where the `}}` is that closes the `{{` at `start`: not within a CEL string or a CEL map."""
    depth = 0
    for token in tokens(text, start + 2):
        if token.text == "{":
            depth += 1
        elif token.text == "}" and depth:
            depth -= 1
        elif token.text == "}" and text.startswith("}}", token.at):
            return token.at
    raise ExpressionError(text[start:], "has a `{{` that is not closed by `}}`")


def _rendered(text: str, scope: Mapping[str, Json]) -> Json:
    parts = tuple(_parts(text))
    match parts:
        case ("", _Expression(whole), ""):
            return evaluate(whole, scope)
        case _:
            return "".join(_within(part.text, scope) if isinstance(part, _Expression) else part for part in parts)


def _within(text: str, scope: Mapping[str, Json]) -> str:
    """Return what an expression gives as it reads within text.

    Raises:
        ExpressionError: As for `evaluate`, or it gives what is kept in the blob store, which no text can hold.
    """
    value = evaluate(text, scope)
    if (found := reference_in(value)) is not None:
        raise ExpressionError(text, advice("what it gives", found))
    return as_text(value)


def _strings(value: Json) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _strings(item)
        case dict():
            for item in value.values():
                yield from _strings(item)
        case _:
            return
