"""What others see of a run: its result and status, why it waits, its graph.

Must not know: who looks, how it is drawn.
"""

from collections.abc import Callable
from typing import Literal

from pydantic import AwareDatetime, Field

from hitl_temporal.domain.audit import Evidence
from hitl_temporal.domain.flow.extensions import asks_people, rule
from hitl_temporal.domain.flow.readiness import missing
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.flow.steps import approval_id
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
    """How a step ended, or stands; `grant` is there from the success of its call on."""

    state: str
    outcome: str | None = None
    outputs: dict[str, Json] = Field(default_factory=dict)
    reason: str = ""
    approval: str | None = None
    since: AwareDatetime | None = None
    grant: GrantStands | None = None


class Result(Value):
    """What a flow returns; while it is open, `status` is what `HitlState` shows."""

    status: str
    outputs: dict[str, Json]
    steps: dict[str, StepResult]
    evidence: Evidence
    reason: str = ""


class Status(Result):
    """The answer of the query `status`: the result so far, and what a page needs beside it."""

    id: str
    flow: str
    version: int | str | None
    definition_digest: str
    requester: str
    on_behalf_of: str | None
    inputs: dict[str, Json]
    started: AwareDatetime


class Reason(Value):
    """Why one step does not move, and what would move it."""

    step: str
    state: str
    reason: str
    since: AwareDatetime
    by: tuple[str, ...] = ()
    releases: str


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
                since=step.since,
                grant=_grant(run, name),
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
    )


def why(run: Run) -> tuple[Reason, ...]:
    """Return one reason per step that has not ended, in document order; a moving step says what it does."""
    return () if run.status else tuple(r for step in run.steps for r in (_why(run, step),) if r is not None)


def waiting_reasons(run: Run) -> tuple[str, ...]:
    """Return the reasons for which steps wait, each once, sorted: what `HitlWaiting` holds."""
    return tuple(sorted({r.reason for r in why(run) if r.state == "waiting"}))


def graph(run: Run) -> dict[str, Json]:
    """Return nodes (`id`, `verb`, `state`) and edges (`from`, `to`, `results`) for drawing."""
    definition = run.definition
    return {
        "flow": definition.flow,
        "nodes": [{"id": s.id, "verb": s.verb, "state": run.steps[s.id].state} for s in definition.steps],
        "edges": [
            {"from": before, "to": step, "results": list(need.results)}
            for step, needs in definition.all_needs.items()
            for need in needs
            for before in need.of
        ],
    }


def _approval(run: Run, name: str) -> str | None:
    """Return the id of the question that the present start of a step has put, None when it has put none."""
    is_asked = run.definition.step(name).ask is not None and run.steps[name].started_at is not None
    return approval_id(run.id, name, run.steps[name].n) if is_asked else None


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


def _shown_outputs(run: Run, name: str) -> dict[str, Json]:
    """Return what a step gave; of a form what is sensitive is for the steps that follow alone."""
    ask = run.definition.step(name).ask
    return run.steps[name].outputs if ask is None else hidden(ask.form, run.steps[name].outputs)


def _why(run: Run, name: str) -> Reason | None:
    step, definition = run.steps[name], run.definition.step(name)

    def because(reason: str, releases: str, *by: str, state: str = step.state) -> Reason:
        return Reason(step=name, state=state, reason=reason, since=step.since, by=by, releases=releases)

    out = [e.approval for e in step.extensions if e.is_out and e.approval is not None]
    match step.state:
        case _ if definition.undo is not None and step.undo in {"running", "parked"}:
            return _why_undoing(run, name, definition.undo.call, because)
        case _ if step.granted is not None:
            until = moment(step.granted.until)
            return because(f"grant until {until}", f"{until}, or hitl revoke {run.id} {name}", *out)
        case "parked":
            return _why_parked(run, name, because)
        case "running":
            what = "the end of" if step.instead is None else "the stop of"
            return because("job", f"{what} {definition.call}", definition.call or "")
        case "waiting" if step.is_begun and step.until is not None:
            return because("time", f"{moment(step.until)}, or hitl skip {run.id} {name}")
        case "waiting" if step.is_begun:
            approval = approval_id(run.id, name, step.n)
            what = "an answer to" if step.instead is None else "the withdrawal of"
            return because("answer", f"{what} {approval}", approval)
        case "waiting":
            return None if run.ending else _why_not_begun(run, name, because)
        case _ if out:
            return because("answer", f"the withdrawal of {', '.join(out)}", *out, state="waiting")
        case _:
            return None


def _why_parked(run: Run, name: str, because: Callable[..., Reason]) -> Reason:
    error, releases = run.steps[name].error, f"hitl rerun {run.id} {name}, or skip, finish or cancel it"
    if error.startswith("demand: "):  # what was decided stays as it is until people are asked again
        asks = ", ".join(f"hitl rerun {run.id} {ask}" for ask in run.definition.step(name).demand)
        releases = f"asking again first ({asks}), then {releases}"
    return because(error, releases)


def _why_undoing(run: Run, name: str, call: str, because: Callable[..., Reason]) -> Reason:
    step = run.steps[name]
    if step.undo == "running":
        return because("job", f"the end of its undo, {call}", call, state="running")
    releases = f"hitl rerun {run.id} {name}, or hitl skip {run.id} {name}"
    return because(f"its undo failed: {step.error}", releases, state="parked")


def _why_not_begun(run: Run, name: str, because: Callable[..., Reason]) -> Reason:
    step = run.steps[name]
    before = () if step.again else missing(run, run.definition.all_needs[name])
    if before:
        return because("predecessor", f"the end of {', '.join(before)}", *before)
    return because("hold", f"hitl release {run.id}" + ("" if run.held else f" {name}"))
