"""The values that a question is about: read, changed and judged by their path, such as `inputs.days`.

Must not know: who changes them, what a change leads to.
"""

from collections.abc import Mapping

from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.form import check, complete
from hitl_temporal.domain.value import Json

IN_A_RUN = ("inputs", "vars")
"""What of a flow's scope may be amended: everything else has already happened."""

MISSING = object()
"""There is nothing at a path; compared by identity alone, never kept."""


def amended(context: dict[str, Json], changes: Mapping[str, Json]) -> dict[str, Json]:
    """Return the context with these values at these paths."""
    for path, value in changes.items():
        context = _with(context, path.split("."), value)
    return context


def unfit_value(state: Approval, path: str, value: Json) -> str | None:
    """Return why this value can't stand at this path, None when it can."""
    head, _, rest = path.partition(".")
    if state.origin is not None and (head not in IN_A_RUN or not rest):
        return f"{path[:100]!r} can't be changed: of a run only inputs.* and vars.* may be"
    before = at_path(state.context, path)
    if before is MISSING or head == "requester":
        known = ", ".join(sorted(state.context.keys() - {"requester"}))
        return f"there is no {path[:100]!r} to change; there is {known[:200]}"
    if before is not None and value is not None and _kind(before) != _kind(value):
        return f"{path[:100]!r} is {_kind(before)}, not {_kind(value)}"
    return None


def unfit_field(state: Approval, path: str, context: dict[str, Json]) -> str | None:
    """Return what is wrong with a declared value after a change of it, of a part of it, or of what it is a part of."""
    for name, field in state.fields.items():
        if path == name or path.startswith(f"{name}.") or name.startswith(f"{path}."):
            value = at_path(context, name)
            is_null = value is None or value is MISSING
            wrong = check(name, field, None if is_null else value) if field.is_required or not is_null else None
            if wrong is not None:
                return wrong
    return None


def as_declared(state: Approval, path: str, value: Json) -> Json:
    """Return a value in the type that is declared at its path: a `number` is a double."""
    field = state.fields.get(path)
    return value if field is None else complete({path: field}, {path: value})[path]


def _kind(value: object) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"


def at_path(context: Mapping[str, Json], path: str) -> Json:
    """Return the value at a path, `MISSING` where there is none."""
    value: object = context
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return MISSING  # pyright: ignore[reportReturnType] - it looks like a value to the type alone
        value = value[part]  # pyright: ignore[reportUnknownVariableType]
    return value  # pyright: ignore[reportReturnType, reportUnknownVariableType]


def found_at(context: Mapping[str, Json], path: str) -> Json:
    """Return the value at a path, None where there is none."""
    value = at_path(context, path)
    return None if value is MISSING else value


def _with(context: dict[str, Json], parts: list[str], value: Json) -> dict[str, Json]:
    head, *rest = parts
    if not rest:
        return {**context, head: value}
    inner = context.get(head)
    return {**context, head: _with(inner if isinstance(inner, dict) else {}, rest, value)}
