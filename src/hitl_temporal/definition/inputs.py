"""Check what somebody gives a flow against the inputs that it declares, and complete it.

ValueError
└── InputError    something does not fit; names the input, says what it must be

Must not know: who asks, forms, HTTP, the command line.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from hitl_temporal.domain.blobs import advice, is_reference
from hitl_temporal.domain.flow.commands import unfit
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.form import complete
from hitl_temporal.domain.inputs import Input
from hitl_temporal.domain.value import Json, weigh
from hitl_temporal.domain.violations import TYPES, path, said
from hitl_temporal.domain.words import found, shorten

from .problems import resembling
from .violations import DRAFT, violations

__all__ = ["InputError", "InputProblem", "check_inputs", "check_value", "coerce_text", "input_schema"]


class InputProblem(NamedTuple):
    """What is wrong with one input.

    Attributes:
        field: Its name; empty when it is about the inputs as a whole.
        message: One line that names it.
    """

    field: str
    message: str


class InputError(ValueError):
    """What was given does not fit the inputs that the flow declares.

    Attributes:
        problems: All of them, unknown inputs first, then in the order of the flow's inputs; never empty.
    """

    def __init__(self, problems: Iterable[InputProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.message)

    @property
    def field(self) -> str:
        """The first input that does not fit."""
        return self.problems[0].field

    @property
    def message(self) -> str:
        """What is wrong with it, and how many other problems there are."""
        more = len(self.problems) - 1
        return self.problems[0].message + (f" (and {more} more)" if more else "")


MAX_INPUT_BYTES = 128 * 1024
"""Inputs travel with every question and every continue-as-new of a run, which Temporal bounds at 2 MiB."""


def check_inputs(flow: Flow, inputs: object) -> dict[str, Json]:
    """Return the inputs complete and in the types declared: defaults filled in, optional ones not given as null.

    Args:
        flow: Declares the inputs.
        inputs: What somebody gave; anything at all.

    Raises:
        InputError: Something is missing, unknown or does not fit.
    """
    if not isinstance(inputs, dict):
        raise InputError([InputProblem("", f"inputs must be one JSON object, found {found(inputs)}")])
    if (wrong := unfit(inputs)) is not None:  # pyright: ignore[reportUnknownArgumentType] - any object at all
        raise InputError([InputProblem("", f"inputs are {wrong}")])
    if (size := weigh(inputs)) > MAX_INPUT_BYTES:  # pyright: ignore[reportUnknownArgumentType]
        text = f"inputs have {size} bytes, at most {MAX_INPUT_BYTES} are taken: pass a reference to what is large"
        raise InputError([InputProblem("", text)])
    given: dict[str, Json] = {str(name): value for name, value in inputs.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    problems = list(_unknown(flow, given))
    for name, declared in flow.inputs.items():
        value = given.get(name)
        if name not in given and declared.is_required:
            problems.append(InputProblem(name, f"input {name!r} is missing; it is {TYPES[declared.type]}"))
        elif value is not None or declared.is_required:
            problems += check_value(name, declared, value)
    if problems:
        raise InputError(problems)
    return complete(flow.inputs, given)


def check_value(name: str, declared: Input, value: Json) -> tuple[InputProblem, ...]:
    """Return what is wrong with one value; a sensitive one is not repeated."""
    wrong = tuple(violations(declared.json_schema(), value))
    if wrong and is_reference(value):  # the run that gives it may have been written for less
        return (InputProblem(name, f"input {advice(repr(name), value)}; declare it as an object to take it"),)
    return tuple(
        InputProblem(name, f"input {path(name, violation)!r}: {said(violation, is_sensitive=declared.sensitive)}")
        for violation in wrong
    )


def input_schema(flow: Flow) -> dict[str, Json]:
    """Return the inputs as one JSON Schema, from which a form can be made."""
    properties: dict[str, Json] = {name: declared.form_schema() for name, declared in flow.inputs.items()}
    return {
        "$schema": DRAFT,
        "type": "object",
        "properties": properties,
        "required": [name for name, declared in flow.inputs.items() if declared.is_required],
        "additionalProperties": False,
    }


def coerce_text(flow: Flow, texts: Mapping[str, str]) -> dict[str, Json]:
    """Return values in the declared types for what somebody typed; lists and objects are typed as JSON.

    Raises:
        InputError: A text is not of its input's type, or the flow has no such input.
    """
    problems = list(_unknown(flow, texts))
    values: dict[str, Json] = {}
    for name, declared in flow.inputs.items():
        if name not in texts:
            continue
        try:
            values[name] = _from_text(declared.type, texts[name])
        except ValueError:
            value = "the text" if declared.sensitive else found(texts[name])
            problems.append(InputProblem(name, f"input {name!r}: {value} is not {TYPES[declared.type]}"))
    if problems:
        raise InputError(problems)
    return values


def _unknown(flow: Flow, given: Iterable[str]) -> Iterator[InputProblem]:
    known = f"this flow has {', '.join(flow.inputs)}" if flow.inputs else "this flow has no inputs"
    for name in given:
        if name not in flow.inputs:
            message = f"unknown input {shorten(name, 100)!r}; {resembling(name, flow.inputs, known)}"
            yield InputProblem(shorten(name, 100), message)


def _from_text(kind: str, text: str) -> Json:
    match kind:
        case "string":
            return text
        case "integer":
            return int(_matching(r"[-+]?[0-9]{1,20}", text))
        case "number":
            return float(_matching(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?", text))
        case "boolean":
            return _matching(r"true|false", text.lower()) == "true"
        case _:
            return json.loads(text)  # Of another type than declared: `check_inputs` tells.


def _matching(pattern: str, text: str) -> str:
    if not re.fullmatch(pattern, text.strip()):
        raise ValueError(text)
    return text.strip()
