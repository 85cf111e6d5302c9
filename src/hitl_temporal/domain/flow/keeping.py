"""How much a run keeps of what it is given: outputs, forms, variables, arguments in place of a document's.

All of it travels with the run, in one message of Temporal's, when its history is renewed and when it ends. A run that
does not fit into that message stands still for ever; so what would be too much is refused where it comes in, and the
step parks with nothing lost but the value.

Must not know: the engine, how large a message may be there (docs/measured.md says).
"""

from collections.abc import Iterator, Mapping

from hitl_temporal.domain.flow.address import within
from hitl_temporal.domain.flow.commands import unfit
from hitl_temporal.domain.flow.state import Each, Run
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.value import Json, weigh

__all__ = [
    "MAX_ARGUMENT_BYTES",
    "MAX_KEPT_BYTES",
    "MAX_RESULT_BYTES",
    "count",
    "grows_too_large",
    "kept_bytes",
    "no_place",
]

MAX_KEPT_BYTES = 512 * 1024
"""Of a run, as JSON: what stands in several places, as in a step of an item and in its `each`, is counted once."""

MAX_ARGUMENT_BYTES = 1024 * 1024
"""Of one call, command or run within, as JSON: a scope may be given whole."""

MAX_RESULT_BYTES = 256 * 1024
"""Of the outputs of the flow, all together, as JSON."""


def no_place(turn: Turn, values: Mapping[str, Json]) -> str | None:
    """Return why a run can't keep what it is given; None once there is a place for it.

    What is kept is counted anew only when it may be too much: `kept` tells how much it is at most.
    """
    try:
        size = weigh(values)
    except ValueError:
        return unfit(values)
    run = turn.run
    before = run.kept if run.kept + size <= MAX_KEPT_BYTES else kept_bytes(run)
    if before + size > MAX_KEPT_BYTES:
        return _said(size, before)
    turn.set(kept=before + size)
    return None


def count(turn: Turn) -> str | None:
    """Count what a run keeps, after something was put in its place; return that it is too much, None: it is not."""
    found = kept_bytes(turn.run)
    turn.set(kept=found)
    return None if found <= MAX_KEPT_BYTES else f"too much: {found:,} bytes; {_BOUND}"


def grows_too_large(trial: Turn, before: Run) -> str | None:
    """Return why a run can't keep what an action brings; None: it can, or the action brings nothing."""
    too_much = count(trial)
    return too_much if too_much is not None and trial.run.kept > kept_bytes(before) else None


def _said(size: int, before: int) -> str:
    return f"too much: {size:,} bytes, beside the {before:,} that the run keeps already; {_BOUND}"


_BOUND = f"it keeps {MAX_KEPT_BYTES:,} at most: give a reference to what is large"


def kept_bytes(run: Run) -> int:
    """Return how many bytes of what it was given a run keeps."""
    return sum(weigh(value) for value in _kept(run) if value)


def _kept(run: Run) -> Iterator[Json]:
    yield run.inputs
    yield run.vars
    for address, step in run.steps.items():
        each = None if step.block is None else step.block.each
        if each is None:
            yield step.outputs
        else:
            yield [*each.values]
            yield from _folded(run, address, each)
        if step.edited is not None:
            yield step.edited
        if step.instead is not None:
            yield step.instead.outputs
    for done in run.done:
        now = run.steps.get(done.step)
        if now is None or now.n != done.n:
            yield done.outputs
    for proposal in run.proposals:
        yield proposal.command


def _folded(run: Run, address: str, each: Each) -> Iterator[Json]:
    """Yield what items gave of which only that is left."""
    for index, gave in each.given.items():
        before = within(address, index)
        if not any(before + name in run.steps for name in gave):
            yield from gave.values()
