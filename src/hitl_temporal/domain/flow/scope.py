"""What expressions of a flow may see: one scope, the same for every step.

Must not know: which expression is asked for.
"""

from collections.abc import Iterable, Iterator

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.opening import AskError
from hitl_temporal.domain.calendar import CalendarError
from hitl_temporal.domain.expressions import ExpressionError, render
from hitl_temporal.domain.flow.address import index_of, place
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.plan import steps_in
from hitl_temporal.domain.flow.state import Done, Run, StepRun
from hitl_temporal.domain.value import Json, canonical


def scope(
    run: Run, address: str | None = None, *, everything: bool = False, turn: int | None = None
) -> dict[str, Json]:
    """Return the scope of a run as it is now.

    Args:
        run: As it stands.
        address: Whose expressions are evaluated; None: those of the flow itself, which see every step in no item.
        everything: Whether steps are there that the document of this one does not name.
        turn: Of the block at this address, while it decides whether there is another one.
    """
    plan = run.definition.plan
    reads = None if address is None or everything else plan.reads[place(address).step]
    seen = _visible(run, address, plan.standing if reads is None and address is None else reads)
    now: dict[str, Json] = {
        "inputs": run.inputs,
        "vars": run.vars,
        "steps": {name: step_view(run.steps[at]) for name, at in seen.items() if at in run.steps},
        "requester": run.requester,
        "run": {
            "id": run.id,
            "flow": run.definition.flow,
            "version": run.definition.version,
            "started": run.started_at.isoformat(),
        },
        "attempt": 1,
    }
    if address is not None:
        now |= around(run, address)
    if turn is not None:
        now["index"] = turn
    return now


def _visible(run: Run, address: str | None, names: Iterable[str] | None) -> dict[str, str]:
    """Return the addresses of the steps that an expression may see, by id, in document order."""
    plan = run.definition.plan
    if address is None:
        return {name: name for name in names or ()}
    wanted = plan.spots if names is None else names
    found = ((name, plan.see(address, name)) for name in wanted)
    return {name: at for name, at in found if at is not None}


def around(run: Run, address: str) -> dict[str, Json]:
    """Return `item` and `index` of the innermost item or turn that a step lies in.

    A step whose work is undone may lie in an item that is there no more, since its `each` was begun again over less, or
    in an `each` that itself lies in such an item.
    """
    seen: dict[str, Json] = {}
    here = address
    for outer in run.definition.plan.around(address):
        block = run.steps[outer].block if outer in run.steps else None
        if block is not None and block.each is not None and place(here).before != place(outer).before:
            index, values = index_of(here), block.each.values
            if index < len(values):
                seen.setdefault("item", values[index])
                seen.setdefault("index", index)
        elif block is not None and run.definition.step(outer).repeat is not None:
            seen.setdefault("index", block.index)
        here = outer
    return seen


MAX_CARRIED = 64_000
"""How many characters of a scope a question carries whatever it names."""


def scope_of(ask: Ask, now: dict[str, Json]) -> dict[str, Json]:
    """Return what a question carries of a scope: of a large one not the outputs of steps that it does not name.

    It carries it for as long as people take, and through every continue-as-new.
    """
    steps = now["steps"]
    if not isinstance(steps, dict) or len(canonical(now)) <= MAX_CARRIED:
        return now
    named = {name for text in _texts(ask.model_dump(mode="json")) for name in steps_in(text)}
    if None in named:  # which steps are meant is worked out later
        return now
    kept: dict[str, Json] = {}
    for name, step in steps.items():
        kept[name] = step if name in named or not isinstance(step, dict) else {**step, "outputs": {}}
    return {**now, "steps": kept}


def _texts(value: Json) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            yield from value
            for inner in value.values():
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)
        case _:
            pass


def known_before(run: Run) -> dict[str, Json]:
    """Return what can be known of a scope before the run: not its id, and nothing of what its steps will have done.

    An expression that needs more fails, so nothing is guessed.
    """
    begun: dict[str, Json] = {
        "flow": run.definition.flow,
        "version": run.definition.version,
        "started": run.started_at.isoformat(),
    }
    return {**scope(run), "steps": {step: {} for step in run.steps}, "run": begun}


def step_view(step: StepRun) -> dict[str, Json]:
    """Return what an expression sees of one step."""
    seen: dict[str, Json] = {
        "state": step.state,
        "outcome": step.outcome,
        "outputs": step.outputs,
        "by": list(step.by),
    }
    if step.decided is not None:
        decided = step.decided
        seen |= {"approval": decided.approval, "token": decided.token, "digest": decided.digest}
    return seen


def self_view(step: StepRun, done: Done) -> dict[str, Json]:
    """Return what an `undo` sees as `self`: the step as it succeeded, whatever has become of it since."""
    return {"state": "succeeded", "outcome": done.outcome, "outputs": done.outputs, "by": list(step.by)}


def initial_vars(definition: Flow, scope_at_start: dict[str, Json]) -> dict[str, Json]:
    """Return the variables as evaluated at the start; each sees the inputs, none sees another.

    Raises:
        ExpressionError: An expression of `vars` fails over these inputs.
    """
    return {name: render(value, scope_at_start) for name, value in definition.vars.items()}


def told(run: Run, error: ExpressionError | AskError | CalendarError | ValueError) -> str:
    """Return what kept a step from starting as people may see it."""
    if isinstance(error, ExpressionError | AskError):
        return error.told(run.definition.hides)
    return str(error)
