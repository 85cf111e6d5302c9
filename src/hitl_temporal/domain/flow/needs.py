"""What a step needs of others before it may start: every written form is one `Need`.

`needs: [a]`, `{b: failed}`, `{c: [approved, later]}`, `{any: [x, y], is: done}`, `{of: [x, y, z], count: 2}`.

Must not know: definitions, runs.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, model_validator

from hitl_temporal.domain.value import Document

RESULTS = ("succeeded", "failed", "done", "skipped", "cancelled")
"""The results that are no outcomes."""


class Need(Document):
    """So many of these steps must have ended with one of these results."""

    of: Annotated[tuple[str, ...], Field(min_length=1)]
    count: Annotated[int, Field(ge=1)] | None = None
    """None: all of them."""
    results: Annotated[tuple[str, ...], Field(min_length=1)] = ("succeeded",)

    @model_validator(mode="after")
    def _may_be_met(self) -> "Need":
        if len(set(self.of)) < len(self.of):
            raise ValueError(f"a step stands twice in {', '.join(self.of)}; each counts once")
        if self.needed > len(self.of):
            raise ValueError(f"`count: {self.count}` of {len(self.of)} steps can never be met")
        return self

    @property
    def needed(self) -> int:
        """How many of the steps must have such a result."""
        return len(self.of) if self.count is None else self.count


def read_needs(value: object) -> object:
    """Turn the written forms into the fields of `Need`; what is none of them is left for the error to show.

    Raises:
        ValueError: An entry has a form that means nothing.
    """
    return None if value is None else tuple(_entry(entry) for entry in _listed(value))


def _entry(entry: object) -> object:
    match _form(entry):
        case str() as name:
            return _fields(name)
        case {"any": names, **rest} if rest.keys() <= {"is"}:
            return _fields(names, 1, rest.get("is", "succeeded"))
        case {"of": names, **rest} if rest.keys() <= {"count", "is", "results"}:
            return _fields(names, rest.get("count"), rest.get("results", rest.get("is", "succeeded")))
        case {**pair} if len(pair) == 1:
            ((name, results),) = pair.items()
            return _fields(name, None, results)
        case _:
            raise ValueError(
                f"{str(entry)[:100]!r} is no need; write a step id, {{step: result}}, {{any: [steps], is: result}} "
                "or {of: [steps], count: N}"
            )


def _fields(of: object, count: object = None, results: object = "succeeded") -> dict[str, object]:
    """Return every field, written or not: the same need is the same document, also after a journey as JSON."""
    return {"of": _listed(of), "count": count, "results": tuple(_text(result) for result in _listed(results))}


def _text(result: object) -> object:
    """Return the text of a result; YAML reads a single exit code as a number."""
    return str(result) if isinstance(result, int) and not isinstance(result, bool) else result


def _form(entry: object) -> str | dict[str, object] | None:
    """Return an entry as written, None when it is neither a name nor a mapping."""
    match entry:
        case str():
            return entry
        case Need():
            return {"of": entry.of, "count": entry.count, "results": entry.results}
        case Mapping():
            return {str(key): value for key, value in entry.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case _:
            return None


def _listed(value: object) -> tuple[object, ...]:
    """Return the items of a list, or the one item that was written without one."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
