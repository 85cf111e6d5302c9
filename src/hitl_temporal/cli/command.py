"""How a function becomes a command: it is given a session, its errors become one line and an exit code.

`--as` and `--json` may stand before or after the command's name, so every command of a person takes them too.

Must not know: which commands there are.
"""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from hitl_temporal.cli import output
from hitl_temporal.cli.errors import DONE, FAILED, CommandError
from hitl_temporal.cli.session import Session

As = Annotated[str | None, typer.Option("--as", metavar="USER", help="Act as this person (development identity).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]

Command = TypeVar("Command", bound=Callable[..., int | None])
"""Takes a session first, then what the command line gives; returns the exit code, None for 0."""


def people(app: typer.Typer, name: str | None = None) -> Callable[[Command], Command]:
    """Add a command that goes over HTTP as a person: it takes `--as` and `--json`."""
    return _register(app, name, {"as_user": (As, None), "as_json": (AsJson, False)}, _over_http)


def local(app: typer.Typer, name: str | None = None) -> Callable[[Command], Command]:
    """Add a command that works on files: it takes `--json`."""
    return _register(app, name, {"as_json": (AsJson, False)}, _here)


def process(app: typer.Typer, name: str | None = None) -> Callable[[Command], Command]:
    """Add a command that runs until it is stopped."""
    return _register(app, name, {}, _here)


def _register(
    app: typer.Typer,
    name: str | None,
    common: dict[str, tuple[Any, object]],
    carry_out: Callable[[Callable[[], int | None]], int],
) -> Callable[[Command], Command]:
    def register(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        session, *own = signature.parameters.values()
        assert session.annotation is Session, f"{command.__name__} takes a session first"
        shared = [
            Parameter(option, Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for option, (kind, default) in common.items()
        ]
        context = Parameter("ctx", Parameter.KEYWORD_ONLY, annotation=typer.Context)
        parameters = [*(p.replace(kind=Parameter.KEYWORD_ONLY) for p in own), *shared, context]

        @functools.wraps(command)
        def run(*, ctx: typer.Context, as_user: str | None = None, as_json: bool = False, **given: Any) -> NoReturn:
            session = ctx.ensure_object(Session)
            session.hear(as_user, is_json=as_json)
            raise typer.Exit(carry_out(lambda: command(session, **given)))

        # typer reads both: which parameters there are, and what they are.
        run.__signature__ = signature.replace(parameters=parameters)  # pyright: ignore[reportAttributeAccessIssue]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        app.command(name)(run)
        return command

    return register


def _here(command: Callable[[], int | None]) -> int:
    try:
        return command() or DONE
    except CommandError as error:
        output.error(str(error))
        return error.code


def _over_http(command: Callable[[], int | None]) -> int:
    from hitl_temporal.client import ApiError, UnauthenticatedError

    try:
        return _here(command)
    except UnauthenticatedError as error:
        output.error(f"{error}; here: set HITL_TOKEN, or say --as USER under `hitl up`")
        return FAILED
    except ApiError as error:
        output.error(str(error))
        return FAILED
