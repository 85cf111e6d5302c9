"""The whole command, put together: every module of commands, the options before them, the exit.

Must not know: what any command does.
"""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from hitl_temporal.cli import (
    absences,
    approvers,
    auditing,
    authoring,
    changing,
    conversing,
    deciding,
    drawing,
    events,
    forecasting,
    hosting,
    looking,
    operating,
    output,
    policy,
    previewing,
    scheduling,
    starting,
    tailing,
    testing,
)
from hitl_temporal.cli.command import As, AsJson
from hitl_temporal.cli.errors import USAGE
from hitl_temporal.cli.session import Session, World

app = typer.Typer(
    name="hitl",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _module in (
    *(hosting, authoring, testing, forecasting, starting, previewing, looking, tailing, drawing),
    *(deciding, conversing, approvers, changing, operating),
):
    app.add_typer(_module.app)
app.add_typer(absences.app, name="absence")
app.add_typer(auditing.app, name="audit")
app.add_typer(events.app, name="event")
app.add_typer(policy.app, name="policy")
app.add_typer(scheduling.app, name="schedule")


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    code = run(sys.argv[1:])
    if "temporalio" in sys.modules:  # its threads may abort the interpreter at its exit, also after a refused start
        hosting.leave(code)
    sys.exit(code)


def run(arguments: Sequence[str], world: World | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        arguments: Without the name of the program.
        world: What a test replaces.
    """
    try:
        code = app(list(arguments), prog_name="hitl", standalone_mode=False, obj=Session(world or World()))
    except typer.TyperException as error:
        return _misused(error)
    except typer.Abort:
        return USAGE
    return code if isinstance(code, int) else 0


def _print_version(is_asked: bool) -> None:  # noqa: FBT001 typer passes it so
    if is_asked:
        output.line(version("hitl-temporal"))
        raise typer.Exit


@app.callback()
def _before(
    ctx: typer.Context,
    *,
    as_user: As = None,
    as_json: AsJson = False,
    _: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Jobs and people in one durable flow, on Temporal."""
    ctx.ensure_object(Session).hear(as_user, is_json=as_json)


def _misused(error: typer.TyperException) -> int:
    """Say in one line what is wrong with the command line; a command without any argument gets its help."""
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if "\n" in message:
        typer.echo(message, err=True)
    else:
        output.error(f"{message.rstrip('.')}; see `{getattr(context, 'command_path', 'hitl')} --help`")
    return error.exit_code
