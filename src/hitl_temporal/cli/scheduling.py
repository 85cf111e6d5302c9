"""`hitl schedule sync`, `ls`, `pause`, `resume`, `trigger`, `backfill`, `next`: Temporal Schedules from the documents.

These commands speak to Temporal, not to the HTTP service; `next` reads the documents alone.
"""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from hitl_temporal.cli import output
from hitl_temporal.cli.command import AsJson, local
from hitl_temporal.cli.errors import DONE, FAILED, CommandError, UsageError
from hitl_temporal.cli.session import Session

if TYPE_CHECKING:
    from hitl_temporal.app.timetable import DocumentTimetable
    from hitl_temporal.service.schedule_specs import Coming, Listed
    from hitl_temporal.service.schedules import Schedules

app = typer.Typer(no_args_is_help=True)

PATIENCE = timedelta(seconds=5)
"""A person waits for the answer; Temporal is there, or is not."""

T = TypeVar("T")


@app.callback()
def before(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Schedules: make them from the documents, look, pause, run."""
    ctx.ensure_object(Session).hear(None, is_json=as_json)


Flow = Annotated[str, typer.Argument(metavar="FLOW", help="The flow's name.")]
AnyFlow = Annotated[str | None, typer.Argument(metavar="FLOW", help="One flow; default: all.")]
Name = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="One of its schedules; as `hitl schedule ls` shows it.")
]
Reason = Annotated[str, typer.Option("--reason", "-m", metavar="TEXT", help="Why; kept as the schedule's note.")]

_POLICIES = "skip, queue, cancel or all"
_WHEN = "a date in the schedule's time zone, or a time with an offset"


@local(app)
def sync(session: Session, flow: AnyFlow = None) -> int:
    """Make the schedules in Temporal what the documents say; what is unchanged is not written."""
    done = _in_temporal(session, lambda schedules: schedules.sync(flow))
    if session.as_json:
        output.as_json([one.model_dump(mode="json") for one in done])
    else:
        headings = ("FLOW", "NAME", "DONE", "UNTIL", "REASON")
        output.table(headings, ((one.flow, one.name, one.did, output.moment(one.until), one.reason) for one in done))
        output.note(f"{len(done)} schedule{'' if len(done) == 1 else 's'}")
    return FAILED if any(one.did == "kept" for one in done) else DONE


@local(app, "ls")
def list_schedules(session: Session, flow: AnyFlow = None) -> None:
    """List the schedules in Temporal: whether they run, when next, when last, and why they are paused."""
    _show(session, _in_temporal(session, lambda schedules: schedules.list(flow)))


@local(app)
def pause(session: Session, flow: Flow, *, name: Name = None, reason: Reason = "") -> None:
    """Let no run of a flow start by schedule until it is resumed."""
    _show(session, _in_temporal(session, lambda schedules: schedules.pause(flow, name, reason)))


@local(app)
def resume(session: Session, flow: Flow, *, name: Name = None, reason: Reason = "") -> None:
    """Let runs start again; what was left out meanwhile is not made up for: see `backfill`."""
    _show(session, _in_temporal(session, lambda schedules: schedules.resume(flow, name, reason)))


Overlap = Literal["skip", "queue", "cancel", "all"]


@local(app)
def trigger(
    session: Session,
    flow: Flow,
    *,
    name: Name = None,
    overlap: Annotated[
        Overlap | None, typer.Option("--overlap", metavar="POLICY", help=f"While another run is open: {_POLICIES}.")
    ] = None,
) -> None:
    """Start a run now, as the schedule would, also while it is paused."""
    _show(session, (_in_temporal(session, lambda schedules: schedules.trigger(flow, name, overlap)),))


@local(app)
def backfill(
    session: Session,
    flow: Flow,
    *,
    since: Annotated[str, typer.Option("--from", metavar="WHEN", help=f"Its first moment: {_WHEN}.")],
    until: Annotated[str, typer.Option("--to", metavar="WHEN", help=f"Its last day, or the moment after it: {_WHEN}.")],
    name: Name = None,
    overlap: Annotated[
        Overlap, typer.Option("--overlap", metavar="POLICY", help=f"While one of them is still open: {_POLICIES}.")
    ] = "queue",
) -> None:
    """Start the runs of a past range that were never started, each with its own scheduled time, each once."""
    first, last = _moment("--from", since), _moment("--to", until)
    done = _in_temporal(session, lambda s: s.backfill(flow, first, last, name=name, overlap=overlap))
    if session.as_json:
        output.as_json(done.model_dump(mode="json"))
        return
    rows = [(at, "started", "") for at in done.started] + [(at, "there already", "") for at in done.already]
    rows += [(one.at, "left out", one.reason) for one in done.left_out]
    output.table(("TIME", "DONE", "REASON"), ((output.moment(at), what, why) for at, what, why in sorted(rows)))
    output.note(f"{len(done.started)} of {len(done.started) + len(done.already)} started")


@local(app, "next")
def coming(
    session: Session,
    flow: AnyFlow = None,
    *,
    name: Name = None,
    number: Annotated[
        int, typer.Option("--count", "-n", metavar="N", min=1, max=1000, help="So many runs of each schedule.")
    ] = 10,
) -> None:
    """List the coming runs as the documents say, and why a day is left out."""
    from hitl_temporal.service.forecast import Forecast

    found = _carried_out(lambda: Forecast(_timetable(session)).next(flow, name, number))
    if session.as_json:
        output.as_json({"items": [_document(one) for one in found]})
        return
    headings = ("LOCAL", "TIME ZONE", "UTC", "FLOW", "NAME", "RUNS", "REASON")
    output.table(headings, map(_row, found))


def _timetable(session: Session) -> "DocumentTimetable":
    from hitl_temporal.app.documents import Documents
    from hitl_temporal.app.timetable import DocumentTimetable

    return DocumentTimetable(Documents(session.settings.project))


def _in_temporal(session: Session, call: "Callable[[Schedules], Awaitable[T]]") -> T:
    """Do something with the schedules in the Temporal that the environment names."""
    from hitl_temporal.app.temporal import TemporalUnreachableError, connect
    from hitl_temporal.service.schedules import Schedules

    settings = session.settings

    async def do() -> T:
        try:
            client = await connect(patience=PATIENCE)
        except TemporalUnreachableError as error:
            raise CommandError(str(error)) from error
        return await call(Schedules(client, _timetable(session), settings.task_queue))

    return _carried_out(do)


def _carried_out(call: Callable[[], Awaitable[T]]) -> T:
    """Wait for a use case; what it refuses with is one line."""
    from hitl_temporal.service.errors import InvalidError, ServiceError

    async def do() -> T:
        return await call()

    try:
        return asyncio.run(do())
    except InvalidError as error:
        raise UsageError(str(error)) from error
    except ServiceError as error:
        raise CommandError(str(error)) from error


def _show(session: Session, found: "Iterable[Listed]") -> None:
    if session.as_json:
        output.as_json({"items": [one.model_dump(mode="json") for one in found]})
        return
    headings = ("FLOW", "NAME", "STATE", "NEXT", "LAST", "RUNNING", "NOTE")
    output.table(headings, map(_listed_row, found))


def _listed_row(one: "Listed") -> tuple[str, ...]:
    state = "paused" if one.paused else "active"
    return (one.flow, one.name, state, output.moment(one.next), output.moment(one.last), str(one.running), one.note)


def _row(one: "Coming") -> tuple[str, ...]:
    runs = "yes" if one.runs else "no"
    return (one.local.replace("T", " "), one.tz, output.moment(one.at), one.flow, one.name, runs, one.reason)


def _document(one: "Coming") -> dict[str, object]:
    return {**one.model_dump(mode="json"), "at": output.moment(one.at)}


def _moment(option: str, text: str) -> date:
    """Return a date, or a moment in UTC.

    Raises:
        UsageError: It is neither.
    """
    wanted = f"{option} {text[:50]!r} is neither a date such as 2026-12-24 nor a time such as 2026-12-24T13:00:00+01:00"
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
        found = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise UsageError(wanted) from error
    if found.tzinfo is None:
        raise UsageError(f"{option} {text[:50]!r} has no offset; add Z or one such as +01:00, or give a date alone")
    return found.astimezone(UTC)
