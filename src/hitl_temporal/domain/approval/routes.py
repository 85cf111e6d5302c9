"""Decision tables: rows of conditions that say which stages a request goes through.

An approval matrix by amount and cost centre is one table of site.yaml, used by many flows as `stages: {route: spend}`.
The table is put into the ask when it is loaded, so a running approval never changes because the site did.

Must not know: where tables are kept.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from hitl_temporal.domain.approval.notation import Expression
from hitl_temporal.domain.approval.stage import Parallel, Stage, kind_of_entry
from hitl_temporal.domain.expressions import is_true
from hitl_temporal.domain.fault import fault
from hitl_temporal.domain.value import Document, Json

Entry = Annotated[Annotated[Stage, Tag("stage")] | Annotated[Parallel, Tag("parallel")], Discriminator(kind_of_entry)]
"""One entry of `stages`: a stage, or several at once."""

Entries = Annotated[tuple[Entry, ...], Field(min_length=1)]


class Row(Document):
    """One row: the stages of requests for which it holds; without `if` it always does."""

    condition: Expression | None = Field(default=None, alias="if")
    stages: Entries

    @model_validator(mode="after")
    def _own_names(self) -> "Row":
        refuse_names(self.stages)
        return self


class Table(Document):
    """A decision table.

    Attributes:
        hit: `first`: the first row that holds. `all`: every row that holds, one after the other; a stage that is
            written the same in two rows is asked once.
    """

    hit: Literal["first", "all"] = "first"
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]


class Routed(Document):
    """`stages: {route: spend}`, and the table itself once it has been looked up."""

    route: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=100)] | Table


def stages_of(entries: tuple[Stage | Parallel, ...]) -> tuple[Stage, ...]:
    """Return the stages of some entries, in document order."""
    return tuple(s for entry in entries for s in (entry.parallel if isinstance(entry, Parallel) else (entry,)))


_ADDED = re.compile(r"added(-\d+)?")
"""What stages are called that people add in flight (handing.py)."""


def refuse_names(entries: tuple[Stage | Parallel, ...]) -> None:
    """Raise the fault of the first stage whose name another one has, or might get."""
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        inner = entry.parallel if isinstance(entry, Parallel) else (entry,)
        for place, stage in enumerate(inner):
            at = ("stages", index, "parallel", place) if isinstance(entry, Parallel) else ("stages", index)
            if stage.name in seen:
                raise fault(f"two stages are named {stage.name!r}; give each a `name` of its own", *at, "name")
            if _ADDED.fullmatch(stage.name):
                raise fault(f"{stage.name!r} is what a stage is called that people add; rename it", *at, "name")
            seen.add(stage.name)


def choose(table: Table, scope: Mapping[str, Json]) -> tuple[Stage | Parallel, ...]:
    """Return the entries that a request goes through; none when no row holds.

    Raises:
        ExpressionError: A condition fails. It is never taken for false: the row might have asked more people.
    """
    holding = [row for row in table.rows if row.condition is None or is_true(row.condition, dict(scope))]
    if table.hit == "first":
        return holding[0].stages if holding else ()
    return _together([entry for row in holding for entry in row.stages])


def _together(entries: list[Stage | Parallel]) -> tuple[Stage | Parallel, ...]:
    """Return the entries of several rows as one list: the same one once, others of the same name with a number."""
    once = [e for n, e in enumerate(entries) if e not in entries[:n]]
    chosen: list[Stage | Parallel] = []
    names: set[str] = set()
    for entry in once:
        # What stands side by side has names of its own already, which none of them may be given.
        written = {s.name for s in stages_of((entry,))}
        inner = [_with_own_name(s, names, written) for s in stages_of((entry,))]
        names.update(s.name for s in inner)
        chosen.append(entry.but(parallel=tuple(inner)) if isinstance(entry, Parallel) else inner[0])
    return tuple(chosen)


def _with_own_name(stage: Stage, taken: set[str], beside: set[str]) -> Stage:
    if stage.name not in taken:
        return stage
    used = taken | beside
    number = next(n for n in range(2, len(used) + 3) if f"{stage.name}-{n}" not in used)
    return stage.but(name=f"{stage.name}-{number}")
