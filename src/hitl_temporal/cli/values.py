"""Values from a command line: `name=value` texts, and files of inputs.

A text becomes what its schema says. One that does not fit is sent as it is: the server judges inputs, and says better
what it wanted.

Must not know: what a flow does, HTTP.
"""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from hitl_temporal.cli.errors import UsageError

if TYPE_CHECKING:
    from hitl_temporal.client import Client
    from hitl_temporal.domain.value import Json

_WHOLE = re.compile(r"[-+]?[0-9]{1,20}")
_BOOLEANS = {"true": True, "false": False}


def pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    """Return `name=value` texts by name; of a name given twice the last stands.

    Raises:
        UsageError: A text has no name.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (equals and name.strip()):
            raise UsageError(f"{option} {text[:100]!r} is not NAME=VALUE; write for example `{option} port=443`")
        found[name.strip()] = value
    return found


def typed(texts: Mapping[str, str], schema: Mapping[str, "Json"]) -> dict[str, "Json"]:
    """Return the texts in the types that a JSON Schema of an object declares; unknown names stay texts."""
    properties = schema.get("properties")
    declared = properties if isinstance(properties, dict) else {}
    return {name: _typed(text, declared.get(name)) for name, text in texts.items()}


def loose(texts: Mapping[str, str]) -> dict[str, "Json"]:
    """Return what nothing declares: what is JSON as JSON, everything else as text."""
    return {name: _parsed(text, _json) for name, text in texts.items()}


def inputs_of(file: str) -> dict[str, "Json"]:
    """Return the inputs in a file of JSON or YAML; `-` is stdin.

    Raises:
        UsageError: It can't be read, or is no object.
    """
    from hitl_temporal.definition.documents import parse, read

    document, problems = parse(sys.stdin.read(), "stdin") if file == "-" else read(Path(file))
    if document is None:
        raise UsageError(f"--input {problems[0]}")
    if not isinstance(document.data, dict):
        raise UsageError(f"--input {file}: inputs are one object; write `name: value` lines, or JSON")
    return dict(document.data)


def inputs_for(client: "Client", flow: str, given: Iterable[str], file: str | None) -> dict[str, "Json"]:
    """Return the inputs of a flow from its `-i` and `--input`, in the types that it declares.

    Raises:
        UsageError: One of them can't be read.
    """
    texts = pairs("-i", given)
    found = inputs_of(file) if file else {}
    return found | typed(texts, client.flow(flow).inputs) if texts else found


def duration(option: str, text: str) -> timedelta:
    """Return a duration such as `90s` or `1h30m`.

    Raises:
        UsageError: It is none, or counts working hours.
    """
    from hitl_temporal.domain.duration import DurationError, fixed

    try:
        length = fixed(text)
    except DurationError as error:
        raise UsageError(f"{option}: {error}") from error
    if length is None:
        raise UsageError(f"{option} {text!r} counts working hours; write one such as 30s, 10m or 2h")
    return length


def _typed(text: str, declared: "Json") -> "Json":
    match declared:
        case {"type": "integer"}:
            return int(text) if _WHOLE.fullmatch(text.strip()) else text
        case {"type": "number"}:
            return _parsed(text, _number)
        case {"type": "boolean"}:
            return _BOOLEANS.get(text.strip().lower(), text)
        case {"type": "array" | "object"}:
            return _parsed(text, _json)
        case _:
            return text


def _parsed(text: str, parse: "Callable[[str], Json]") -> "Json":
    try:
        return parse(text)
    except ValueError:
        return text


def _number(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _not_json(text)


def _json(text: str) -> "Json":
    return json.loads(text, parse_constant=_not_json)


def _not_json(text: str) -> NoReturn:
    raise ValueError(f"{text} is not in JSON")
