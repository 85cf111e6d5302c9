"""What a step needs of others before it may start: every written form is one `Need`.

`needs: [a]`, `{b: failed}`, `{c: [approved, later]}`, `{any: [x, y], is: done}`, `{of: [x, y, z], count: 2}`.

Must not know: definitions, runs.
"""

from typing import Annotated

from pydantic import Field

from hitl_temporal.domain.value import Document

RESULTS = ("succeeded", "failed", "done", "skipped", "cancelled")
"""The results that are no outcomes."""


class Need(Document):
    """So many of these steps must have ended with one of these results."""

    of: Annotated[tuple[str, ...], Field(min_length=1)]
    count: Annotated[int, Field(ge=1)] | None = None
    """None: all of them."""
    results: Annotated[tuple[str, ...], Field(min_length=1)] = ("succeeded",)

    @property
    def needed(self) -> int:
        """How many of the steps must have such a result."""
        return len(self.of) if self.count is None else self.count


def read_needs(value: object) -> object:
    """Turn the written forms into the fields of `Need`; what is none of them is left for the error to show.

    Raises:
        ValueError: An entry has a form that means nothing.
    """
    if value is None or isinstance(value, tuple):
        return value
    entries: list[object] = list(value) if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return tuple(_entry(e) for e in entries)


def _entry(entry: object) -> object:
    match entry:
        case Need():
            return entry
        case str():
            return {"of": (entry,)}
        case {"any": names, **rest} if rest.keys() <= {"is"}:
            return {"of": _names(names), "count": 1, "results": _names(rest.get("is", "succeeded"))}
        case {"of": names, **rest} if rest.keys() <= {"count", "is", "results"}:
            results = rest.get("results", rest.get("is", "succeeded"))
            of = _names(names)
            count = rest.get("count")
            if isinstance(count, int) and count > len(of):
                raise ValueError(f"`count: {count}` of {len(of)} steps can never be met")
            return {"of": of, "count": count, "results": _names(results)}
        case {**pair} if len(pair) == 1:
            ((name, results),) = pair.items()
            return {"of": (name,), "results": _names(results)}
        case _:
            raise ValueError(
                f"{str(entry)[:100]!r} is no need; write a step id, {{step: result}}, {{any: [steps], is: result}} "
                "or {of: [steps], count: N}"
            )


def _names(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
