"""`hitl ls`, `inbox`, `show`, `why`: what there is, how it stands, why it does not move."""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from hitl_temporal.cli import output
from hitl_temporal.cli.command import people
from hitl_temporal.cli.errors import UsageError
from hitl_temporal.cli.projecting import projected, show_timeline, timeline_of
from hitl_temporal.cli.session import Session
from hitl_temporal.cli.showing import show_approval

if TYPE_CHECKING:
    from hitl_temporal.client import Approval, ApprovalItem, Client, Page, Reason, Run, RunItem, StepResult
    from hitl_temporal.domain.audit import Fact

_T = TypeVar("_T")
_Item = TypeVar("_Item", "RunItem", "ApprovalItem")

app = typer.Typer()

PAGE = 200
"""The most that the service gives at a time."""

Id = Annotated[str, typer.Argument(metavar="ID", help="The id of a run or of an approval.")]
State = Annotated[str | None, typer.Option("--state", metavar="STATE", help="Only those in this state.")]
Flow = Annotated[str | None, typer.Option("--flow", metavar="FLOW", help="Only those of this flow.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="No more than this.")]


@people(app, "ls")
def list_runs(
    session: Session,
    *,
    mine: Annotated[bool, typer.Option("--mine", help="Only those that you have asked for.")] = False,
    state: State = None,
    flow: Flow = None,
    limit: Limit = 50,
) -> None:
    """List runs, the newest first: your own, or all of them if you are an operator."""

    def page(cursor: str | None) -> "Page[RunItem]":
        return session.client.runs(state=state, flow=flow, mine=mine, cursor=cursor, limit=PAGE)

    def row(item: "RunItem") -> tuple[str, ...]:
        return (item.id, item.flow, item.state, item.requester, output.moment(item.started), output.moment(item.ended))

    _list(session, page, limit, ("ID", "FLOW", "STATE", "REQUESTER", "STARTED", "ENDED"), row)


@people(app)
def inbox(
    session: Session,
    *,
    digest: Annotated[bool, typer.Option("--digest", help="In short: how much, how urgent, the most urgent.")] = False,
    person: Annotated[
        str | None, typer.Option("--person", metavar="USER", help="Somebody else's; for operators and admins.")
    ] = None,
    state: State = None,
    flow: Flow = None,
    limit: Limit = 50,
) -> None:
    """List what you may decide now, soonest due first, and tell what you are asked to answer.

    With --state, list all approvals you may see in that state.
    """
    from hitl_temporal.client import InvalidError

    if digest:
        if person is not None or state is not None or flow is not None:
            raise UsageError("--digest is about all that you may decide; leave --person, --state and --flow out")
        _show_digest(session)
        return

    def page(cursor: str | None) -> "Page[ApprovalItem]":
        return session.client.approvals(person=person, state=state, flow=flow, cursor=cursor, limit=PAGE)

    try:
        _list(session, page, limit, _ROW, _row)
    except InvalidError as error:
        raise UsageError(str(error)) from error
    if state is None and not session.as_json:
        _tell_owed(session, person, flow)


@people(app)
def show(
    session: Session,
    subject: Id,
    *,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Of a run: when each step was, and is projected to be, under way.")
    ] = False,
) -> None:
    """Show a run, or what an approval asks and how it stands."""

    def of_run(run: "Run") -> None:
        if not timeline:
            _show_run(session, run)
            return
        bars = timeline_of(run, _told(session.client, run.id))
        if session.as_json:
            output.as_json({**run.document(), "timeline": [bar.model_dump(mode="json") for bar in bars]})
            return
        _show_run(session, run)
        show_timeline(bars)

    _of_either(session.client, subject, of_run, lambda a: show_approval(session, a))


def _told(client: "Client", run_id: str) -> "Sequence[Fact]":
    """Return the facts of a run, none while nothing has been told."""
    from hitl_temporal.client import NotFoundError

    try:
        return client.audit(run_id).facts
    except NotFoundError:
        return ()


@people(app, "output")
def output_of(
    session: Session,
    run_id: Annotated[str, typer.Argument(metavar="ID", help="The id of a run.")],
    step: Annotated[str, typer.Argument(metavar="STEP", help="A step of it.")],
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One of its outputs; default: all.")] = None,
) -> None:
    """Print what a step of a run has given, as JSON, also what is kept in the blob store."""
    from hitl_temporal.cli.errors import CommandError
    from hitl_temporal.domain.blobs import KEY, is_reference

    run = session.client.run(run_id)
    if step not in run.steps:
        raise CommandError(f"the run {run_id!r} has no step {step!r}; it has {', '.join(run.steps) or 'none'}")
    outputs = run.steps[step].outputs
    if name is not None and name not in outputs:
        raise CommandError(f"{step!r} has given no {name!r}; it has given {', '.join(outputs) or 'nothing'}")
    wanted = outputs if name is None else {name: outputs[name]}
    whole = {n: session.client.output(run_id, str(v[KEY])) if is_reference(v) else v for n, v in wanted.items()}
    output.as_json(whole if name is None else whole[name])


@people(app)
def why(session: Session, subject: Id) -> None:
    """Say why a run or an approval does not move, and what would move it."""
    client = session.client
    reasons = _of_either(client, subject, lambda run: () if run.has_ended else client.why(run.id), _why_open)
    if session.as_json:
        output.as_json([reason.document() for reason in reasons])
    elif reasons:
        rows = [
            (
                r.step or "(run)",
                r.state,
                r.reason,
                ", ".join(r.by),
                r.releases,
                output.moment(r.since),
                _looked_after(r),
            )
            for r in reasons
        ]
        output.table(("STEP", "STATE", "REASON", "BY", "RELEASED BY", "SINCE", ""), rows)
    else:
        output.note(f"{subject} waits for nothing; `hitl show {subject}` says how it ended")


def _looked_after(reason: "Reason") -> str:
    """Return what else there is to know: whether it is late, in which ticket it is, who looks at it."""
    ticket = f"ticket {reason.ticket}" if reason.ticket else ""
    looked_at = f"{reason.acknowledged} looks at it" if reason.acknowledged else ""
    return ", ".join(filter(None, ("late" if reason.late else "", ticket, looked_at)))


_ROW = ("ID", "TITLE", "REQUESTER", "DUE", "STANDS")


def _row(item: "ApprovalItem") -> tuple[str, ...]:
    return (item.id, item.title, item.requester, output.moment(item.due), item.tally or item.state)


def _tell_owed(session: Session, person: str | None, flow: str | None) -> None:
    """Tell what goes on once it is answered: beside the list, which scripts take for what may be decided."""
    from hitl_temporal.client import NotFoundError

    try:
        owed = session.client.info_requests(person=person, flow=flow, limit=PAGE).items
    except NotFoundError:
        return  # a service that is older than the command
    if owed:
        output.note("You are asked to answer:" if person is None else f"{person} is asked to answer:")
    for item in owed:
        output.note(f"  {item.id}  {item.title}  (hitl give-info {item.id} TEXT)")


def _show_digest(session: Session) -> None:
    found = session.client.digest()
    if session.as_json:
        output.as_json(found.document())
        return
    counts = (f"{found.total} to decide", f"{found.overdue} overdue", f"{found.due_today} due today ({found.zone})")
    output.line(", ".join(counts))
    for flow, number in found.by_flow.items():
        output.line(f"{number} of {flow}")
    output.table(_ROW, map(_row, found.items))
    if found.has_more:
        output.note(f"there are more than {found.total}; `hitl inbox --limit N` lists them")


def _list(
    session: Session,
    page: "Callable[[str | None], Page[_Item]]",
    limit: int,
    headings: tuple[str, ...],
    row: Callable[[_Item], tuple[str, ...]],
) -> None:
    """Print so many items, however the service divides them into pages."""
    found = page(None)
    items, following = list(found.items), found.next
    while following is not None and len(items) < limit:
        found = page(following)
        items, following = [*items, *found.items], found.next
    has_more = following is not None or len(items) > limit
    if session.as_json:
        output.as_json({"items": [item.document() for item in items[:limit]], "next": following})
    else:
        output.table(headings, map(row, items[:limit]))
    if has_more:
        output.note(f"there are more than {limit}; --limit shows them")


def _of_either(
    client: "Client", subject: str, of_run: "Callable[[Run], _T]", of_approval: "Callable[[Approval], _T]"
) -> _T:
    """Return what is wanted of the run, or else of the approval, with this id."""
    from hitl_temporal.cli.errors import CommandError
    from hitl_temporal.client import NotFoundError

    try:
        run = client.run(subject)
    except NotFoundError:
        try:
            approval = client.approval(subject)
        except NotFoundError:
            text = f"there is no run or approval {subject!r} that you take part in; look with `hitl ls` or `hitl inbox`"
            raise CommandError(text) from None
        return of_approval(approval)
    return of_run(run)


def _show_run(session: Session, run: "Run") -> None:
    if session.as_json:
        output.as_json(run.document())
        return
    version = f" (version {run.version})" if run.version is not None else ""
    output.fields(
        [
            ("run", run.id),
            ("flow", f"{run.flow}{version}"),
            ("status", run.status),
            ("reason", run.reason),
            ("requester", run.requester),
            ("on behalf of", run.on_behalf_of or ""),
            ("started", output.moment(run.started)),
            ("rerun of", run.rerun_of or ""),
            ("late", "yes" if run.late else ""),
            *projected(run),
            *((f"input {name}", output.value(given)) for name, given in run.inputs.items()),
            *((f"output {name}", output.value(given)) for name, given in run.outputs.items()),
        ]
    )
    rows = [(name, s.state, s.outcome or "", s.approval or s.run or "", _reason(s)) for name, s in run.steps.items()]
    if rows:
        output.table(("STEP", "STATE", "OUTCOME", "IN", "REASON"), rows)
    granted = [row for name, step in run.steps.items() if (row := _grant(name, step)) is not None]
    if granted:
        output.table(("STEP", "GRANT", "UNTIL", "ENDED", "MORE TIME"), granted)
    wanted = [(p.action, p.step or "", p.actor, p.approval, p.reason) for p in run.proposals]
    if wanted:
        output.table(("WANTED", "STEP", "BY", "ONCE AGREED IN", "WHY"), wanted)
    told = [(name, "yes" if s.late else "", s.ticket or "") for name, s in run.steps.items() if s.late or s.ticket]
    if told:
        output.table(("STEP", "LATE", "TICKET"), told)


def _grant(name: str, step: "StepResult") -> tuple[str, ...] | None:
    """Return how what a step has given for a time stands, None when it has given nothing."""
    grant = step.grant
    if grant is None:
        return None
    wishes = ((w.duration, "by", w.by, w.state, w.approval or "") for w in grant.extensions)
    more = "; ".join(" ".join(filter(None, wish)) for wish in wishes)
    return name, grant.state, output.moment(grant.until), grant.reason, more


def _reason(step: "StepResult") -> str:
    """Return why a step is as it is, or until when what it has given may be used."""
    if step.grant is None or step.grant.state != "active":
        return step.reason
    return f"granted until {output.moment(step.grant.until)}"


def _why_open(approval: "Approval") -> "tuple[Reason, ...]":
    """Return what an open approval waits for; the service explains runs only."""
    from hitl_temporal.client import Reason
    from hitl_temporal.domain.waits import waits

    return tuple(
        Reason(step=wait.stage, state=wait.state, reason=wait.reason, by=wait.by, releases=wait.releases)
        for wait in waits(approval)
    )
