"""`hitl init`, `validate`, `schema`: for those who write flows."""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_temporal.cli import output
from hitl_temporal.cli.command import local
from hitl_temporal.cli.errors import DONE, FAILED, CommandError, UsageError
from hitl_temporal.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hitl_temporal.definition.problems import Problem

app = typer.Typer()


@local(app)
def init(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
) -> None:
    """Make a project: a flow that calls and asks, its activity, a directory, tests."""
    from hitl_temporal.app.scaffold import ScaffoldError, write_project

    try:
        written = write_project(folder)
    except ScaffoldError as error:
        raise CommandError(str(error)) from error
    if session.as_json:
        output.as_json({"project": str(folder), "files": [str(file) for file in written]})
        return
    for file in written:
        output.line(str(file))
    output.note(f"next: `cd {folder}`, `hitl validate`, `hitl up`; README.md goes on from there")


@local(app)
def validate(
    session: Session,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", exists=True, help="Projects, folders or files; default: the project."),
    ] = None,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
) -> int:
    """Say everything that is wrong with documents, with file, line and how to mend it."""
    from hitl_temporal.cli.validation import problems_of
    from hitl_temporal.definition.problems import has_errors

    problems = [p for path in paths or [session.settings.project] for p in problems_of(path)]
    if session.as_json:
        output.as_json([problem.model_dump(mode="json") for problem in problems])
    else:
        for problem in problems:
            output.line(str(problem))
        output.note(_summary(problems))
    return FAILED if has_errors(problems) or (strict and problems) else DONE


@local(app)
def schema(
    _: Session,
    document: Annotated[
        str, typer.Argument(metavar="DOCUMENT", help="flow.yaml, people.yaml or site.yaml.")
    ] = "flow.yaml",
) -> None:
    """Print the JSON Schema of a document, for editors."""
    from hitl_temporal.definition.schema import SCHEMAS

    name = document if document in SCHEMAS else f"{document}.yaml"
    if name not in SCHEMAS:
        raise UsageError(f"there is no document {document!r}; write one of {', '.join(SCHEMAS)}")
    output.as_json(SCHEMAS[name]())


def _summary(problems: "Iterable[Problem]") -> str:
    kinds = [problem.severity for problem in problems]
    return f"{_some(kinds.count('error'), 'error')}, {_some(kinds.count('warning'), 'warning')}"


def _some(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
