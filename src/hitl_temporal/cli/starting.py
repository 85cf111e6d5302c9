"""`hitl start` and `hitl wait`."""

from datetime import timedelta
from typing import Annotated

import typer

from hitl_temporal.cli import output, values
from hitl_temporal.cli.command import people
from hitl_temporal.cli.inputs import FlowName, InputFile, Inputs, OnBehalfOf
from hitl_temporal.cli.session import Session
from hitl_temporal.cli.waiting import Patience, wait_for

app = typer.Typer()

WaitParked = Annotated[bool, typer.Option("--wait-parked", help="Wait, also while it is parked.")]
Timeout = Annotated[
    str | None,
    typer.Option("--timeout", metavar="DURATION", help="Wait no longer, such as 10m; then exit 5."),
]


@people(app)
def start(  # noqa: PLR0913 one parameter per option
    session: Session,
    flow: FlowName,
    *,
    inputs: Inputs = None,
    file: InputFile = None,
    run_id: Annotated[str | None, typer.Option("--id", metavar="ID", help="The run's id; it must be free.")] = None,
    on_behalf_of: OnBehalfOf = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="Started again with the same key, it is the same run.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end and print the result.")] = False,
    wait_parked: WaitParked = False,
    timeout: Timeout = None,
) -> int | None:
    """Start a run of a flow and print its id; with --wait, its result as JSON."""
    patience = Patience(_timeout(timeout), wait_parked)
    given = values.inputs_for(session.client, flow, inputs or (), file)
    started = session.client.start(flow, given, run_id=run_id, on_behalf_of=on_behalf_of, key=key)
    if wait or wait_parked or timeout:
        output.note(started.id)
        return wait_for(session, started.id, patience, has_answered=True)
    if session.as_json:
        output.as_json(started.document())
    else:
        output.line(started.id)
    return None


@people(app)
def wait(
    session: Session,
    run_id: Annotated[str, typer.Argument(metavar="ID", help="The run's id.")],
    *,
    wait_parked: WaitParked = False,
    timeout: Timeout = None,
) -> int:
    """Wait for the end of a run that was started before, as `hitl start --wait` does."""
    return wait_for(session, run_id, Patience(_timeout(timeout), wait_parked))


def _timeout(text: str | None) -> timedelta | None:
    return values.duration("--timeout", text) if text is not None else None
