"""A live run goes over to the present definition: what differs, whether it may, and what becomes of its steps.

What has begun stays as it was begun. So a run goes over only if every step that has begun stands in the new definition
as it stood in the old one, with all that lies within it; its `needs` may differ, since they count no more.

Must not know: where definitions are kept, who may.
"""

from collections.abc import Iterator

from hitl_temporal.domain.expressions import ExpressionError
from hitl_temporal.domain.flow import holding, lateness
from hitl_temporal.domain.flow.address import place
from hitl_temporal.domain.flow.commands import Migrate, Receipt
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.events import Present
from hitl_temporal.domain.flow.plan import ROOT
from hitl_temporal.domain.flow.scope import initial_vars, scope, told
from hitl_temporal.domain.flow.state import Run, StepRun
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.value import Json, Value

SHORTEST_DIGEST = 8
"""How much of a digest names a definition."""


class Difference(Value):
    """What a new definition does otherwise, by the ids of steps of the outermost list, in document order.

    Attributes:
        moved: Steps that are as they were, but for what they need.
        broken: Those of `removed` and `changed` that have begun, which keeps a run from going over.
        flows: The flows started within, of which there is another version.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """Return it in words, one line a step."""
        return tuple(self._lines())

    def _lines(self) -> Iterator[str]:
        for kind, steps in (("added", self.added), ("removed", self.removed), ("changed", self.changed)):
            for step in steps:
                yield f"{step}: {kind}" + (" although it has begun" if step in self.broken else "")
        yield from (f"{step}: needs something else" for step in self.moved)
        yield from (f"flow {name}: another version" for name in self.flows)


def difference(run: Run, present: Present) -> Difference:
    """Return what the present definition does otherwise than the one that a run has."""
    old, new = run.definition, present.definition
    before, after = _documents(old), _documents(new)
    removed = tuple(name for name in before if name not in after)
    changed = tuple(name for name in after if name in before and after[name] != before[name])
    same = [name for name in after if name in before and name not in changed]
    begun = {name for name in before if _has_begun(run.steps[name])}
    return Difference(
        added=tuple(name for name in after if name not in before),
        removed=removed,
        changed=changed,
        moved=tuple(name for name in same if old.plan.needs[name] != new.plan.needs[name] and name not in begun),
        broken=tuple(name for name in (*removed, *changed) if name in begun),
        flows=tuple(n for n, f in present.flows.items() if n in run.flows and f.digest != run.flows[n].digest),
    )


def _documents(definition: Flow) -> dict[str, Json]:
    """Return the steps of the outermost list as they are written, with all that lies within them, but for `needs`."""
    steps = (definition.plan.spots[name].step for name in definition.plan.lists[ROOT])
    return {step.id: step.model_dump(mode="json", by_alias=True, exclude={"needs"}) for step in steps}


def _has_begun(step: StepRun) -> bool:
    return step.n > 0 or step.is_begun or step.is_final


def judged(run: Run, command: Migrate, present: Present | None) -> Receipt:
    """Return whether a run may go over to the present definition; the difference stands in the receipt in any case."""
    if present is None or present.refused:
        reason = present.refused if present is not None else "there is no present definition to go over to"
        return Receipt(status="invalid", reason=reason)
    wanted, found = command.to.digest, present.definition.digest
    if wanted and (len(wanted) < SHORTEST_DIGEST or not found.startswith(wanted)):
        return Receipt(status="invalid", reason=f"with.digest: {wanted!r} is not the present definition, {found!r}")
    differs = difference(run, present)
    if differs.broken:
        reason = f"what has begun stays as it was begun: {', '.join(differs.broken)}"
        return Receipt(status="invalid", reason=reason, changes=differs.lines())
    try:
        _vars(run, present)
    except ExpressionError as error:
        return Receipt(status="invalid", reason=f"vars: {told(run, error)}", changes=differs.lines())
    return Receipt(status="done")


def _vars(run: Run, present: Present) -> dict[str, Json]:
    """Return the variables of the present definition: those that the run has keep their values.

    Raises:
        ExpressionError: A new one can't be evaluated.
    """
    now = scope(run.but(inputs=present.inputs))
    return {name: run.vars.get(name, value) for name, value in initial_vars(present.definition, now).items()}


def migrate(turn: Turn, present: Present) -> tuple[str, ...]:
    """Let a run go over to the present definition; return what is different."""
    run, differs = turn.run, difference(turn.run, present)
    new = present.definition
    fresh = {name: StepRun(since=turn.now) for name in new.plan.standing}
    kept = {name: run.steps[name] for name in fresh if name in run.steps}
    of_items = {a: s for a, s in run.steps.items() if place(a).before}
    for name in (*differs.removed, *differs.changed):
        if name in run.holdings:  # it has not begun, and may need other units now
            holding.give_up(turn, name)
    turn.set(
        definition=new,
        flows={**run.flows, **present.flows},
        calendars={**run.calendars, **present.calendars},
        inputs=present.inputs,
        vars=_vars(run, present),
        steps={**{name: kept.get(name, step) for name, step in fresh.items()}, **of_items},
    )
    turn.set(watch=turn.run.watch.but(expected=lateness.expected(turn.run), routes=present.notify))
    turn.touch(turn.run.steps)
    turn.look_anew({**run.steps, **turn.run.steps})
    turn.record(
        "run.migrated",
        f"migrated:{run.operations + 1}",
        from_=run.definition.digest,
        to=new.digest,
        version=new.version,
        added=list(differs.added),
        removed=list(differs.removed),
        changed=list(differs.changed),
        flows=list(differs.flows),
    )
    return differs.lines()
