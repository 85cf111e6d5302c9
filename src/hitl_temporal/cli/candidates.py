"""The version of a question that is tried out, read from files: a flow.yaml, an ask by itself, a site.yaml.

A table that a question names is taken from the site.yaml that is given beside it, else from the service's own site.

Must not know: what is done with it.
"""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from hitl_temporal.cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hitl_temporal.definition.documents import Document
    from hitl_temporal.definition.problems import Problem
    from hitl_temporal.domain.approval.ask import Ask
    from hitl_temporal.domain.approval.routes import Table
    from hitl_temporal.domain.value import Json

_OPTION = "--with"


def candidate(files: Sequence[Path], step: str) -> "dict[str, Json]":
    """Return the document of the ask that these files hold.

    Args:
        files: One flow.yaml, whose step of this id is meant, or one ask; with it, perhaps, one site.yaml.
        step: The step that asks.

    Raises:
        UsageError: One can't be read, has an error, or they are not these.
    """
    from hitl_temporal.definition.documents import read

    asks: list[Ask] = []
    sites: list[Mapping[str, Table]] = []
    for file in files:
        document, problems = read(file)
        if document is None:
            _refuse(problems)
        match document.data:
            case {"steps": _}:
                asks.append(_of_flow(file, step))
            case {"title": _}:
                asks.append(_of_ask(document))
            case _:
                sites.append(_tables(file))
    if len(asks) != 1 or len(sites) > 1:
        raise UsageError(f"{_OPTION} takes one flow.yaml or one ask, and beside it at most one site.yaml")
    return _complete(asks[0], sites[0] if sites else {}).model_dump(mode="json", by_alias=True)


def _of_flow(file: Path, step: str) -> "Ask":
    from hitl_temporal.definition.project import load_text

    flow, problems = load_text(file.read_text(encoding="utf-8-sig"), str(file))
    if flow is None:
        _refuse(problems)
    asks = {s.step.id: s.step.ask for s in flow.plan.every if s.step.ask is not None}
    if step not in asks:
        raise UsageError(f"{_OPTION} {file}: no step {step!r} asks there; those that do: {', '.join(asks) or 'none'}")
    ask = asks[step]
    return ask if ask.calendar or flow.calendar is None else ask.but(calendar=flow.calendar)


def _of_ask(document: "Document") -> "Ask":
    from pydantic import ValidationError

    from hitl_temporal.definition.translate import translate
    from hitl_temporal.domain.approval.ask import Ask

    try:
        return Ask.model_validate(document.data, by_alias=True, by_name=False)
    except ValidationError as error:
        _refuse(translate(error, document, Ask))


def _tables(file: Path) -> "Mapping[str, Table]":
    from hitl_temporal.definition.project import load_site

    site, problems = load_site(file)
    if site is None:
        _refuse(problems)
    return site.routes


def _complete(ask: "Ask", tables: "Mapping[str, Table]") -> "Ask":
    """Return an ask with the table that it names, where that is one of these."""
    from pydantic import ValidationError

    from hitl_temporal.domain.approval.routing import route_named, with_table
    from hitl_temporal.domain.problems import first_problem

    name = route_named(ask)
    if name is None or name not in tables:
        return ask
    try:
        return with_table(ask, tables[name])
    except ValidationError as error:
        raise UsageError(f"{_OPTION}: route {name!r} does not fit: {first_problem(error)}") from error


def _refuse(problems: "Iterable[Problem]") -> NoReturn:
    wrong = [p for p in problems if p.severity == "error"]
    more = f" (and {len(wrong) - 1} more; see `hitl validate`)" if len(wrong) > 1 else ""
    raise UsageError(f"{_OPTION} {wrong[0]}{more}")
