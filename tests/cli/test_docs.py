"""docs/cli.md has every command, argument and option, in the words of the command itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from hitl_temporal.cli.application import app
from hitl_temporal.cli.errors import DONE, FAILED, NEGATIVE, PARKED, TIMED_OUT, USAGE

DOCS = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
BAR = r"\|"
"""How a table in Markdown holds a bar."""
EVERYWHERE = {"--help", "--as", "--json"}
"""Explained once, in front of the tables."""


def commands(command: Any = None, path: str = "hitl") -> Iterator[tuple[str, Any]]:
    """Yield every command with the words that call it."""
    command = command or typer.main.get_command(app)
    inner = getattr(command, "commands", {})
    if not inner:
        yield path, command
    for name, found in inner.items():
        yield from commands(found, f"{path} {name}")


def section(path: str, command: Any) -> str:
    """Return what the page must say of one command."""
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not EVERYWHERE & set(p.opts)]
    words = [_word(argument) for argument in arguments]
    rows = [f"| `{name.replace('|', BAR)}` | {a.help} |" for name, a in zip(words, arguments, strict=True)]
    rows += [f"| `{_spelled(option)}` | {option.help} |" for option in options]
    table = "\n".join(["", "| | |", "| --- | --- |", *rows, ""]) if rows else ""
    summary = (command.help or "").strip()
    return f"### `{' '.join([path, *words])}`\n\n{summary}\n{table}"


def _word(argument: Any) -> str:
    name = argument.metavar + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _spelled(option: Any) -> str:
    names = ", ".join(sorted(option.opts, key=len))
    if getattr(option, "is_flag", False):
        return names
    return f"{names} {option.metavar}"


def test_every_command_is_in_the_page_as_it_is() -> None:
    """What the page says of a command is what the command says of itself."""
    missing = [text for path, command in commands() if (text := section(path, command)) not in DOCS]

    assert not missing, "write into docs/cli.md:\n\n" + "\n".join(missing)


def test_the_page_has_no_command_that_is_not_there() -> None:
    """A command that was removed leaves the page, too."""
    there = {section(path, command).partition("\n")[0] for path, command in commands()}

    assert {line for line in DOCS.splitlines() if line.startswith("### `")} == there


def test_the_page_explains_what_every_command_takes() -> None:
    """The shared options, and those of the program itself."""
    program = [name for p in typer.main.get_command(app).params for name in p.opts]

    assert all(f"`{name}" in DOCS for name in [*program, *EVERYWHERE, "-h"])


def test_the_page_has_every_exit_code() -> None:
    """Scripts rely on them."""
    rows = [line.split("|")[1].strip() for line in DOCS.splitlines() if line.startswith("| ")]

    assert [row for row in rows if row.isdigit()] == [
        str(code) for code in (DONE, FAILED, USAGE, NEGATIVE, PARKED, TIMED_OUT)
    ]
