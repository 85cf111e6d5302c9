"""A run that has ended is done again: a new run begins with what the old one has done and need not do again.

The new run has the old one's definition, requester and values. What is kept of a step is everything: its outputs, who
decided it and about what, what its undo will need. A step of the outermost list is kept whole or done again whole.

Must not know: who reads the old run, how the new one is started.
"""

from collections.abc import Mapping

from hitl_temporal.domain.flow import blocks, grants, rerunning, tickets
from hitl_temporal.domain.flow.commands import Receipt, Rerun
from hitl_temporal.domain.flow.editing import unfit_change
from hitl_temporal.domain.flow.events import Operated
from hitl_temporal.domain.flow.keeping import kept_bytes
from hitl_temporal.domain.flow.plan import ROOT
from hitl_temporal.domain.flow.policy import policy_of, refusal
from hitl_temporal.domain.flow.readiness import succeeded
from hitl_temporal.domain.flow.state import Run, Seeded, StepRun
from hitl_temporal.domain.flow.step import BLOCKS
from hitl_temporal.domain.value import Json

_LEFT_OUT_ON_PURPOSE = ("if: ", "skipped by ", "passed by ")
"""How the reasons begin for which a step was skipped in its turn: not since a need failed, or since the run ended."""

_EDITABLE = frozenset({"call", "run", "flow"})


def judged(old: Run, event: Operated) -> Receipt:
    """Return whether somebody may do a run again that has ended, and that as they wish; `done` when all is well."""
    command = event.command
    assert isinstance(command, Rerun), "only a rerun is done to a run that has ended"
    # Nothing is passed by: what is done again waits for its needs, and asks anew whoever said no.
    refused = refusal(old, event.but(command=command.model_copy(update={"step": None})))
    if refused is not None:
        return Receipt(status="not_eligible", reason=refused)
    if old.status is None:
        return Receipt(status="closed", reason="the run is open")
    policy = policy_of(old, event)
    if policy is not None and policy.reason == "required" and not command.reason.strip():
        return Receipt(status="invalid", reason=f"reason: rerun of {old.definition.flow!r} needs one; say why")
    if policy is not None and policy.ask is not None:
        reason = "a policy has people agree to a rerun, which is possible only while the run is open; start it anew"
        return Receipt(status="not_eligible", reason=reason)
    wrong = _wrong(old, command)
    return Receipt(status="done") if wrong is None else Receipt(status="invalid", reason=wrong)


def _wrong(old: Run, command: Rerun) -> str | None:
    top = old.definition.plan.lists[ROOT]
    if command.scope == "all" or (command.scope == "failed" and not command.inputs):
        return None
    if command.scope == "failed":
        return "with: what was decided stands for the inputs it was decided about; change them with `as: all`"
    if command.step is None:
        return f"rerun needs a step; steps: {', '.join(top)}"
    if command.step not in top:
        whole = "steps of the outermost list are kept or done again whole"
        return f"step {command.step!r}: {whole}; write one of {', '.join(top)}"
    document = old.definition.step(command.step)
    if command.inputs and document.verb not in _EDITABLE:
        return "with: only a `call`, a `run` or a `flow` that is done again takes other arguments"
    return None if document.run is None else unfit_change(document.run, command.inputs)


def again_in(old: Run, command: Rerun) -> tuple[str, ...]:
    """Return the steps of the outermost list that a new run does again; it keeps the others.

    Whatever follows a step that is done again is done again, too: what people have decided about work that was undone
    since is no decision about the work that is done anew.
    """
    top = old.definition.plan.lists[ROOT]
    if command.scope == "all":
        return top
    first = [name for name in top if name == command.step or not _is_kept(old, name)]
    found = {name for start in first for name in rerunning.following(old, start)}
    return tuple(name for name in top if name in found)


def kept_by_both(other: Run, old: Run, command: Rerun) -> tuple[str, ...]:
    """Return the steps whose results a new run would keep, and another that does the same run again has kept already.

    Only one may have them: it may undo them, or has done so.
    """
    again, kept = again_in(old, command), () if other.seed is None else other.seed.kept
    return tuple(name for name in kept if name not in again)


def _is_kept(old: Run, name: str) -> bool:
    """Tell whether what a step has done stands: it came to its end in its turn, and was not undone since."""
    step, definition = old.steps[name], old.definition
    if step.state == "skipped":
        return step.error.startswith(_LEFT_OUT_ON_PURPOSE)
    is_no = step.positive is False and not definition.names(name, step.outcome or "")
    if is_no or not (step.state == "succeeded" or succeeded(definition.step(name), step)):
        return False
    return not any(grants.is_undone(s) for a, s in old.steps.items() if a == name or _outermost(old, a) == name)


def _outermost(run: Run, address: str) -> str:
    """Return the step of the outermost list in which one lies."""
    return [address, *run.definition.plan.around(address)][-1]


def seeded(old: Run, fresh: Run, command: Rerun, first_run_id: str) -> Run:
    """Return a run that has not begun, with what it keeps of one that has ended.

    Args:
        old: The run that has ended.
        fresh: A new run of the same definition, for the same people.
        command: What is done again, and with what.
        first_run_id: The first execution run id of the old run.
    """
    again = again_in(old, command)
    kept = {a: s for a, s in old.steps.items() if _outermost(old, a) not in again}
    steps: dict[str, StepRun] = {}
    for address, step in fresh.steps.items():
        edited = None if command.scope == "all" else old.steps[address].edited
        steps[address] = kept.get(address) or step.but(edited=edited, **_counted_on(old, address))
    steps |= {a: s for a, s in kept.items() if a not in steps}
    if command.step is not None and command.inputs and command.scope != "all":
        was = steps[command.step].edited or {}
        steps[command.step] = steps[command.step].but(edited={**was, **command.inputs})
    keeps_values: dict[str, object] = {} if command.scope == "all" else {"vars": old.vars}
    seed = Seeded(
        run=old.id,
        first_run_id=first_run_id,
        scope=command.scope,
        step=command.step,
        actor=command.actor,
        reason=command.reason,
        kept=tuple(name for name in old.definition.plan.lists[ROOT] if name not in again),
    )
    run = fresh.but(
        steps={a: s.but(extensions=(), repair=None) for a, s in steps.items()},
        done=tuple(d for d in old.done if _outermost(old, d.step) not in again),
        seed=seed,
        watch=fresh.watch.but(tickets=tickets.left_to(old, again)),
        **keeps_values,
    )
    return run.but(kept=kept_bytes(run))


def _counted_on(old: Run, address: str) -> Mapping[str, object]:
    """Return what a step that is done again counts on from: no later start has the number of an earlier one."""
    before = old.steps[address]
    most = blocks.most_starts(old, address) if old.definition.step(address).verb in BLOCKS else None
    counted: dict[str, object] = {"n": before.n + 1 if before.n else 0, "undos": before.undos}
    return counted if most is None else {**counted, "block": blocks.begun_before(most)}


def inputs_of(old: Run, command: Rerun) -> dict[str, Json]:
    """Return what the new run is given: what the old one was, and with `all` what is changed of it."""
    return {**old.inputs, **(command.inputs if command.scope == "all" else {})}


def told(run_id: str, old: Run, command: Rerun) -> tuple[str, ...]:
    """Return in words what a new run does again, and keeps."""
    again = again_in(old, command)
    kept = [name for name in old.definition.plan.lists[ROOT] if name not in again]
    return (
        f"{run_id}: started",
        *(f"{name}: kept" for name in kept),
        *(f"{name}: again" for name in again),
    )
