"""What the paths of expressions hold, as far as the document says it, and values to try expressions with.

Must not know: expressions, problems.
"""

from collections.abc import Iterator
from typing import Final

from hitl_temporal.domain.expressions import expressions_in
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.rules import Kind, Rules
from hitl_temporal.domain.value import Json
from hitl_temporal.domain.violations import IS

__all__ = ["kind_of", "rules_of", "samples"]

_TEXT: Final = Rules(type="string")
_COUNT: Final = Rules(type="integer")

_SAMPLES: Final[dict[Kind, tuple[Json, ...]]] = {
    "string": ("", "a"),
    "integer": (0, 1, -7),
    "number": (0, 1, 0.5),
    "boolean": (True, False),
    "array": ([],),
    "object": ({},),
}
"""A few values of each type: with these an expression that mixes types fails, and one that mixes none does not."""


def rules_of(flow: Flow, path: str) -> tuple[str, Rules] | None:
    """Return the rules for what a path holds, with the part of the path that they are for; None: nobody knows.

    Of `inputs.order.amount` it may be `inputs.order` alone for which there are rules.
    """
    match path.split("."):
        case ["inputs", name, *rest] if name in flow.inputs:
            return _within(f"inputs.{name}", flow.inputs[name], rest)
        case ["vars", name, *_] if name in flow.vars:
            kind = kind_of(flow.vars[name])
            return (f"vars.{name}", Rules(type=kind)) if kind and not expressions_in(flow.vars[name]) else None
        case ["steps", step, "state", *_]:
            return f"steps.{step}.state", _TEXT
        case ["steps", step, "outcome", *_]:
            return f"steps.{step}.outcome", _TEXT
        case ["steps", step, "outputs", name, *rest] if step in flow.plan.spots:
            ask = flow.plan.spots[step].step.ask
            known = None if ask is None else ask.form.get(name)
            return None if known is None else _within(f"steps.{step}.outputs.{name}", known, rest)
        case ["requester", *_]:
            return "requester", _TEXT
        case ["index", *_]:
            return "index", _COUNT
        case ["run", "id" | "flow" as name, *_]:
            return f"run.{name}", _TEXT
        case _:
            return None


def _within(path: str, rules: Rules, rest: list[str]) -> tuple[str, Rules]:
    """Follow a path as far as there are rules."""
    for name in rest:
        inner = (rules.properties or {}).get(name)
        if inner is None or inner.type is None:
            break
        path, rules = f"{path}.{name}", inner
    return path, rules


def kind_of(value: Json) -> Kind | None:
    """Return the type of a value, None for null: that of a whole number is `integer`."""
    order: tuple[Kind, ...] = ("boolean", "integer", "number", "string", "array", "object")
    return next((kind for kind in order if IS[kind](value)), None)


def samples(rules: Rules) -> Iterator[Json]:
    """Yield a few values such as the rules allow, of every kind that matters to an expression."""
    if rules.type is not None:
        yield from _SAMPLES[rules.type]
    yield from (value for value in rules.enum or () if rules.type is None or IS[rules.type](value))
