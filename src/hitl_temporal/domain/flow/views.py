"""What others see of a run: its result and status, why it waits, its graph.

Must not know: who looks, how it is drawn.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal

from pydantic import AwareDatetime, Field

from hitl_temporal.domain.audit import Evidence
from hitl_temporal.domain.flow.address import child_id, step_id
from hitl_temporal.domain.flow.alarms import acknowledged_by
from hitl_temporal.domain.flow.extensions import asks_people, rule
from hitl_temporal.domain.flow.forecast import Forecast, forecast
from hitl_temporal.domain.flow.holding import lacking, lacking_since
from hitl_temporal.domain.flow.incident import TICKET_CLOSED
from hitl_temporal.domain.flow.lateness import WHOLE, is_late
from hitl_temporal.domain.flow.plan import Plan, Spot
from hitl_temporal.domain.flow.readiness import is_reached, missing
from hitl_temporal.domain.flow.state import Proposal, Run, StepRun
from hitl_temporal.domain.flow.step import Branch, Step
from hitl_temporal.domain.flow.tickets import is_awaited, ticket_of
from hitl_temporal.domain.inputs import hidden
from hitl_temporal.domain.value import Json, Value
from hitl_temporal.domain.words import moment


class ExtensionStands(Value):
    """More time for a grant, wished or made; `by` is who wants it, `approval` what people were asked."""

    duration: str
    by: str
    state: str
    approval: str | None = None


class GrantStands(Value):
    """Until when what a step gave may be used; `ended` when it may not any more, for this reason.

    Attributes:
        extend: Who decides whether it may end later.
    """

    until: AwareDatetime
    extensions: tuple[ExtensionStands, ...] = ()
    state: str
    reason: str = ""
    extend: Literal["never", "operators", "people"] = "never"


class StepResult(Value):
    """How a step ended, or stands; `grant` is there from the success of its call on.

    Attributes:
        late: Whether something was not kept that its `expect` says.
        ticket: How the ticket system calls the ticket that it is in; its key while that is not known.
    """

    state: str
    outcome: str | None = None
    outputs: dict[str, Json] = Field(default_factory=dict)
    reason: str = ""
    approval: str | None = None
    run: str | None = None
    since: AwareDatetime | None = None
    grant: GrantStands | None = None
    late: bool = False
    ticket: str | None = None


class ProposalStands(Value):
    """An action that waits for people to agree: who wants it, since when, and why."""

    approval: str
    action: str
    step: str | None = None
    actor: str
    reason: str = ""
    since: AwareDatetime


class Result(Value):
    """What a flow returns; while it is open, `status` is what `HitlState` shows."""

    status: str
    outputs: dict[str, Json]
    steps: dict[str, StepResult]
    evidence: Evidence
    reason: str = ""


class Status(Result):
    """The answer of the query `status`: the result so far, and what a page needs beside it.

    Attributes:
        late: Whether something was not kept that the flow's `expect` says of the whole run.
        projection: When it will have ended; None: no past run tells.
    """

    id: str
    flow: str
    version: int | str | None
    definition_digest: str
    requester: str
    on_behalf_of: str | None
    inputs: dict[str, Json]
    started: AwareDatetime
    rerun_of: str | None = None
    proposals: tuple[ProposalStands, ...] = ()
    late: bool = False
    projection: Forecast | None = None


class Reason(Value):
    """Why one step does not move, and what would move it.

    Attributes:
        late: Whether something was not kept that its `expect` says.
        acknowledged: Who looks at it; None: nobody has said so.
        ticket: As in `StepResult`.
        pool: Whose agents do the job that is out; None: any worker, or there is none out.
    """

    step: str
    state: str
    reason: str
    since: AwareDatetime
    by: tuple[str, ...] = ()
    releases: str
    late: bool = False
    acknowledged: str | None = None
    ticket: str | None = None
    pool: str | None = None


def result(run: Run, evidence: Evidence) -> Result:
    """Return the result of a run, final or so far."""
    return Result(
        status=run.state,
        outputs=run.outputs,
        reason=run.reason or (run.ending.reason if run.ending else ""),
        evidence=evidence,
        steps={
            name: StepResult(
                state=step.state,
                outcome=step.outcome,
                outputs=_shown_outputs(run, name),
                reason=step.error,
                approval=_approval(run, name),
                run=_child(run, name),
                since=step.since,
                grant=_grant(run, name),
                late=is_late(run, name),
                ticket=_ticket(run, name),
            )
            for name, step in run.steps.items()
        },
    )


def status(run: Run, evidence: Evidence) -> Status:
    """Return the run as people may see it."""
    return Status(
        **dict(result(run, evidence)),
        id=run.id,
        flow=run.definition.flow,
        version=run.definition.version,
        definition_digest=run.definition.digest,
        requester=run.requester,
        on_behalf_of=run.on_behalf_of,
        inputs=hidden(run.definition.inputs, run.inputs),
        started=run.started_at,
        rerun_of=None if run.seed is None else run.seed.run,
        proposals=tuple(_proposal(p) for p in run.proposals),
        late=is_late(run, WHOLE),
        projection=forecast(run, run.now),
    )


def _proposal(proposal: Proposal) -> ProposalStands:
    said = {name: proposal.command.get(name) for name in ("step", "actor", "reason")}
    return ProposalStands.model_validate(
        {"approval": proposal.approval, "action": proposal.action, "since": proposal.since, **said}
    )


def why(run: Run) -> tuple[Reason, ...]:
    """Return one reason per step that has not ended, in document order; a moving step says what it does."""
    if run.status:
        return ()
    proposed = tuple(_why_proposed(proposal) for proposal in run.proposals)
    return (*proposed, *(reason for step in run.steps for reason in _whys(run, step)))


def _whys(run: Run, name: str) -> Iterator[Reason]:
    """Yield why a step does not move; that it is held is said before its turn has come, too."""
    reason, step = _why(run, name), run.steps[name]
    if reason is None:
        return
    yield reason
    if step.held and step.state == "waiting" and not step.is_begun and reason.reason != "hold":
        yield _held(run, name, reason)


def _held(run: Run, name: str, because: Reason) -> Reason:
    """Return the reason of a step that an operator keeps from starting: it alone, or all of them."""
    step = run.steps[name]
    hold, what = (step.hold, f"{run.id} {name}") if step.held else (run.hold, run.id)
    if step.held and run.held:
        what = f"{what} and hitl release {run.id}"
    by = () if hold is None else (hold.by,)
    since = step.since if hold is None else max(hold.since, step.since)
    return because.but(reason="hold", releases=f"hitl release {what}", by=by, since=since)


def _why_proposed(proposal: Proposal) -> Reason:
    """Return what an action waits for; its `step` is empty when it is about the whole run."""
    how = "the withdrawal of" if proposal.is_over else "an answer to"
    return Reason(
        step=str(proposal.command.get("step") or ""),
        state="waiting",
        reason="answer",
        since=proposal.since,
        by=(proposal.approval,),
        releases=f"{how} {proposal.approval}",
    )


def waiting_reasons(run: Run) -> tuple[str, ...]:
    """Return the reasons for which steps wait, each once, sorted: what `HitlWaiting` holds."""
    if run.status is not None:
        return ()
    found = {"answer"} if run.proposals else set[str]()
    for address, step in run.steps.items():
        if any(e.is_out for e in step.extensions) or step.repair is not None:
            found.add("answer")
        if step.state != "waiting":
            continue
        if step.is_begun:
            found.update(_waits_for(run, address, step))
        elif run.ending is None:
            found.update(_keeps_from_beginning(run, address, step))
    if is_awaited(run):  # by this whoever has events finds the runs that wait for them
        found.add(f"event:{TICKET_CLOSED}")
    return tuple(sorted(found))


def _waits_for(run: Run, address: str, step: StepRun) -> tuple[str, ...]:
    if run.definition.step(address).wait is None:
        return ("answer",)
    if not step.awaits:
        return ("time",)
    return ("event", step.awaits) if step.awaits.startswith("event:") else ("event",)


def _keeps_from_beginning(run: Run, address: str, step: StepRun) -> tuple[str, ...]:
    """Return why a step has not begun; where nobody holds anything, it can only be that its turn has not come."""
    is_held = run.holds(step)
    if not (is_held or run.holdings) or _lacks(run, address, step):
        return ("predecessor", "hold") if step.held else ("predecessor",)
    return ("hold",) if is_held else ("resource",)


def _lacks(run: Run, address: str, step: StepRun) -> bool:
    """Tell whether a step that has not begun has to wait for others."""
    return not is_reached(run, address) or (not step.again and bool(missing(run, address)))


def graph(run: Run) -> dict[str, Json]:
    """Return nodes (`id`, `verb`, `state`) and edges (`from`, `to`, `results`) for drawing."""
    definition = run.definition
    return {
        "flow": definition.flow,
        "nodes": [_node(run, spot) for spot in definition.plan.every],
        "edges": [
            {"from": before, "to": step, "results": list(need.results)}
            for step, needs in definition.plan.needs.items()
            for need in needs
            for before in need.of
        ],
    }


def _node(run: Run, spot: Spot) -> dict[str, Json]:
    """Return a step for drawing: of one that lies in items, how many are in which state."""
    node: dict[str, Json] = {"id": spot.step.id, "verb": spot.step.verb}
    if spot.parent is not None:
        node |= {"parent": spot.parent, "branch": spot.list[1]}
    node |= conditions(run.definition.plan, spot)
    if not spot.each:
        return {**node, "state": run.steps[spot.step.id].state}
    states = Counter(s.state for a, s in run.steps.items() if step_id(a) == spot.step.id)
    leading = next((state for state in _LEADING if states[state]), "waiting")
    return {**node, "state": leading, "states": dict(states)}


def conditions(plan: Plan, spot: Spot) -> dict[str, Json]:
    """Return on what it depends whether a step is done: its own `if`, and `when` the branch is taken in which it is."""
    found: dict[str, Json] = {} if spot.step.condition is None else {"if": spot.step.condition}
    choose = None if spot.parent is None else plan.spots[spot.parent].step.choose
    if choose is not None and spot.list[1].isdecimal():
        branch = choose[int(spot.list[1])]
        found["when"] = branch.condition if isinstance(branch, Branch) else "else"
    return found


_LEADING = ("parked", "running", "waiting", "failed", "cancelled", "succeeded", "skipped")


def _approval(run: Run, name: str) -> str | None:
    """Return the id of the question that the present start of a step has put, None when it has put none."""
    step = run.steps[name]
    if step.repair is not None:
        return step.repair.approval
    is_asked = run.definition.step(name).ask is not None and step.started_at is not None
    return child_id(run.id, name, step.n) if is_asked else None


def _child(run: Run, name: str) -> str | None:
    """Return the id of the run that the present start of a step has begun, None when it has begun none."""
    step = run.steps[name]
    is_begun = run.definition.step(name).flow is not None and step.started_at is not None
    return child_id(run.id, name, step.n) if is_begun else None


def _grant(run: Run, name: str) -> GrantStands | None:
    """Return how the grant of the present start of a step stands, None when it has granted nothing."""
    step = run.steps[name]
    if step.grant is None or step.grant.state == "pending":
        return None
    return GrantStands(
        until=step.grant.until,
        extensions=tuple(
            ExtensionStands(duration=e.duration, by=e.by, state=e.state, approval=e.approval)
            for e in step.extensions
            if e.n == step.n
        ),
        state=step.grant.state,
        reason=step.grant.reason,
        extend="never" if rule(run, name) is None else "people" if asks_people(run, name) else "operators",
    )


def _ticket(run: Run, name: str) -> str | None:
    ticket = ticket_of(run, name)
    return None if ticket is None else ticket.ref or ticket.key


def _shown_outputs(run: Run, name: str) -> dict[str, Json]:
    """Return what a step gave; of a form what is sensitive is for the steps that follow alone."""
    ask = run.definition.step(name).ask
    return run.steps[name].outputs if ask is None else hidden(ask.form, run.steps[name].outputs)


Because = Callable[..., Reason]


def _why(run: Run, name: str) -> Reason | None:
    step, definition = run.steps[name], run.definition.step(name)

    def because(reason: str, releases: str, *by: str, state: str = step.state) -> Reason:
        return Reason(
            step=name,
            state=state,
            reason=reason,
            since=step.since,
            by=by,
            releases=releases,
            late=is_late(run, name),
            acknowledged=acknowledged_by(run, name),
            ticket=_ticket(run, name),
        )

    out = [e.approval for e in step.extensions if e.is_out and e.approval is not None]
    match step.state:
        case _ if definition.undo is not None and step.undo in {"running", "parked"}:
            return _why_undoing(run, name, because)
        case _ if step.granted is not None:
            until = moment(step.granted.until)
            return because(f"grant until {until}", f"{until}, or hitl revoke {run.id} {name}", *out)
        case "parked":
            return _why_parked(run, name, because)
        case "running" | "waiting" if step.is_begun:
            return _why_going(run, name, definition, because)
        case "waiting":
            return None if run.ending else _why_not_begun(run, name, because)
        case _ if out:
            return because("answer", f"the withdrawal of {', '.join(out)}", *out, state="waiting")
        case _ if step.repair is not None:
            return because("answer", f"the withdrawal of {step.repair.approval}", step.repair.approval, state="waiting")
        case _ if step.goes_on:
            return because("job", "the end of the items that are under way", state="running")
        case _:
            return None


def _why_going(run: Run, name: str, definition: Step, because: Because) -> Reason | None:
    """Return what a step that is under way does, or waits for; a block goes on with what lies within it."""
    step, is_stopping = run.steps[name], run.steps[name].instead is not None
    match definition.verb:
        case "ask":
            approval = child_id(run.id, name, step.n)
            return because("answer", f"{'the withdrawal of' if is_stopping else 'an answer to'} {approval}", approval)
        case "wait":
            return _why_waiting(run, name, because)
        case "flow":
            child = child_id(run.id, name, step.n)
            return because("job", f"the {'stop' if is_stopping else 'end'} of {child}", child)
        case "call" | "run":
            what = definition.call or "its command"
            found = because("job", f"the {'stop' if is_stopping else 'end'} of {what}", what)
            pool = definition.pool or (None if definition.run is None else definition.run.pool)
            return found if pool is None else found.but(pool=pool)
        case _:
            how = "is closing" if step.closing is not None else "goes on"
            return because("job", f"the end of the steps within it, which {how}")


def _why_waiting(run: Run, name: str, because: Because) -> Reason:
    step, by_hand = run.steps[name], f"hitl skip {run.id} {name}"
    if step.until is not None and not step.awaits:
        return because("time", f"{moment(step.until)}, or {by_hand}")
    late = "" if step.until is None else f", its timeout at {moment(step.until)}"
    return because("event", f"{step.awaits}{late}, or {by_hand}", step.awaits)


def _why_parked(run: Run, name: str, because: Because) -> Reason:
    step, releases = run.steps[name], f"hitl rerun {run.id} {name}, or skip, finish or cancel it"
    if step.error.startswith("demand: "):  # what was decided stays as it is until people are asked again
        asks = ", ".join(f"hitl rerun {run.id} {ask}" for ask in run.definition.step(name).demand)
        releases = f"asking again first ({asks}), then {releases}"
    if step.repair is not None:
        return because(step.error, f"an answer to {step.repair.approval}, or {releases}", step.repair.approval)
    return because(step.error, releases)


def _why_undoing(run: Run, name: str, because: Because) -> Reason:
    step, undo = run.steps[name], run.definition.step(name).undo
    assert undo is not None, f"step {name!r} has no undo"
    if step.undo == "running":
        what = undo.call or undo.flow or "its command"
        return because("job", f"the end of its undo, {what}", what, state="running")
    releases = f"hitl rerun {run.id} {name}, or hitl skip {run.id} {name}"
    return because(f"its undo failed: {step.error}", releases, state="parked")


def _why_not_begun(run: Run, name: str, because: Because) -> Reason:
    step = run.steps[name]
    parent = run.definition.plan.parent(name)
    if parent is not None and not is_reached(run, name):
        return because("predecessor", f"the turn of {parent}, in which it lies", parent)
    before = () if step.again else missing(run, name)
    if before:
        return because("predecessor", f"the end of {', '.join(before)}", *before)
    if run.holds(step):
        return _held(run, name, because("hold", ""))
    names = lacking(run, name)
    found = because("resource", f"units of {', '.join(names)}, or hitl start-step {run.id} {name}", *names)
    return found.but(since=lacking_since(run, name) or step.since)
