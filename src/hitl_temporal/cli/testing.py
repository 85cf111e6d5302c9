"""`hitl test`: the scenarios of flows, one line each, with what came out otherwise."""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_temporal.cli import output
from hitl_temporal.cli.command import local
from hitl_temporal.cli.errors import DONE, FAILED, CommandError
from hitl_temporal.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hitl_temporal.testing.running import Run

app = typer.Typer()


@local(app, "test")
def play(
    session: Session,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", exists=True, help="Projects, folders or scenarios; default: the project."),
    ] = None,
) -> int:
    """Play the scenarios of flows, without a server and without a real job, and say what comes out otherwise."""
    from hitl_temporal.testing.running import find, run_all

    wanted = paths or [session.settings.project]
    files = tuple(dict.fromkeys(file for path in wanted for file in find(path)))
    if not files and paths:
        where = ", ".join(str(path) for path in paths)
        raise CommandError(f"there is no scenario at {where}; write workflows/<flow>/scenarios/*.yaml")
    runs = [_told(run, is_silent=session.as_json) for run in run_all(files)]
    failed = sum(not run.has_passed for run in runs)
    if session.as_json:
        output.as_json([_document(run) for run in runs])
    else:
        output.note(f"{_some(len(runs), 'scenario')}, {failed or 'none'} failed")
    return FAILED if failed else DONE


def _told(run: "Run", *, is_silent: bool) -> "Run":
    """Print how a scenario went as soon as it is over."""
    if is_silent:
        return run
    output.line(f"{'ok  ' if run.has_passed else 'FAIL'} {run.file}: {run.name}")
    for text in _texts(run.problems):
        output.line(f"     {text}")
    for text in _texts(run.hints):
        output.line(f"     hint: {text}")
    return run


def _texts(problems: "Iterable[object]") -> list[str]:
    return [str(problem) for problem in problems]


def _document(run: "Run") -> dict[str, object]:
    written = run.model_dump(mode="json")
    return {"scenario": written.pop("name"), "passed": run.has_passed, **written}


def _some(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
