"""Printing: for a person at a terminal, for a program in a pipe, as JSON.

Answers go to stdout, everything said beside them to stderr. In a pipe a table is one tab-separated line a row, without
headings, never cut. What people wrote may hold anything, so no control character reaches the terminal.

Must not know: what is printed.
"""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import typer


def is_terminal() -> bool:
    """Tell whether a person reads stdout as it comes."""
    return sys.stdout.isatty()


def is_watched() -> bool:
    """Tell whether a person reads stderr as it comes."""
    return sys.stderr.isatty()


def line(text: str) -> None:
    """Print one line of the answer."""
    typer.echo(printable(text))


def block(text: str) -> None:
    """Print a text of several lines that is safe already."""
    typer.echo(text)


def note(text: str) -> None:
    """Say something beside the answer."""
    typer.echo(printable(text), err=True)


def error(text: str) -> None:
    """Say in one line why it did not work."""
    note(f"hitl: {' '.join(text.split())}")


def as_json(document: object) -> None:
    """Print the answer as JSON."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows: under headings for a person, tab-separated for a program."""
    if not is_terminal():
        for row in rows:
            typer.echo("\t".join(map(printable, row)))
        return
    # At a terminal only: the tables take longer to import than everything else that a listing needs.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*headings, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in drawn.columns:
        column.overflow = "fold"  # an id that is cut can't be copied
    for row in rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    Console().print(drawn)


def fields(pairs: Iterable[tuple[str, str]]) -> None:
    """Print names and values, one pair a line; pairs without a value are left out."""
    for name, value in pairs:
        if value:
            line(f"{name + ':':<12} {value}")


def moment(at: datetime | None) -> str:
    """Return a moment as text, in UTC to the second; empty for none."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def value(given: object) -> str:
    """Return a JSON value as people read it: texts as they are, everything else as JSON."""
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)


def printable(text: str) -> str:
    """Return the text on one line, control characters spelled out."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
