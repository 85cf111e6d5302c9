"""`hitl event send`: tell that something has happened, as another system would."""

from typing import TYPE_CHECKING, Annotated

import typer

from hitl_temporal.cli import output, values
from hitl_temporal.cli.command import As, AsJson, people
from hitl_temporal.cli.errors import DONE, FAILED
from hitl_temporal.cli.session import Session

if TYPE_CHECKING:
    from hitl_temporal.client import EventError

app = typer.Typer(no_args_is_help=True)


@app.callback()
def before(ctx: typer.Context, *, as_user: As = None, as_json: AsJson = False) -> None:
    """Events: send one, which may start runs and move those that wait."""
    ctx.ensure_object(Session).hear(as_user, is_json=as_json)


@people(app)
def send(
    session: Session,
    *,
    kind: Annotated[str, typer.Option("--type", metavar="TYPE", help="What has happened, such as order.paid.")],
    source: Annotated[str, typer.Option("--source", metavar="SOURCE", help="Where, such as /shop.")],
    event_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="With the same source and id it counts once; default: new.")
    ] = None,
    subject: Annotated[str | None, typer.Option("--subject", metavar="TEXT", help="What it is about.")] = None,
    time: Annotated[str | None, typer.Option("--time", metavar="TIME", help="When it happened.")] = None,
    data: Annotated[str | None, typer.Option("--data", metavar="VALUE", help="What it says, as JSON or text.")] = None,
) -> int:
    """Send one event as CloudEvents has it, and print the runs that it starts and moves."""
    given = None if data is None else values.loose({"data": data})["data"]
    done = session.client.send_event(kind, source, data=given, event_id=event_id, subject=subject, time=time)
    if session.as_json:
        output.as_json(done.document())
    else:
        rows = [("started", run, "") for run in done.started] + [("there already", run, "") for run in done.already]
        rows += [("advanced", run, "") for run in done.advanced]
        rows += [("failed", *_failed(error)) for error in done.errors]
        output.table(("DONE", "RUN", "REASON"), rows)
        output.note(f"{len(done.started)} started, {len(done.advanced)} advanced, kept by {done.kept}")
    return FAILED if done.errors else DONE


def _failed(error: "EventError") -> tuple[str, str]:
    return error.run or f"{error.flow} (trigger {error.trigger})", error.reason
