"""Which asks an operator passes by: whoever lets work go on without an answer decides in place of those asked.

Must not know: who may (policy.py), what it changes.
"""

from hitl_temporal.domain.flow.address import place
from hitl_temporal.domain.flow.commands import WAIVED, Operate, Rerun, StartStep
from hitl_temporal.domain.flow.readiness import readiness, succeeded
from hitl_temporal.domain.flow.state import Run, StepRun
from hitl_temporal.domain.flow.step import CATCH, Step
from hitl_temporal.domain.flow.within import inside

_PASSING = frozenset({"skip", "finish", "start_step"})


def passed(run: Run, action: str, command: Operate) -> tuple[str, ...]:
    """Return the addresses of the asks, and of the runs within that ask people, that a command passes by."""
    address = command.step
    if address not in run.steps or run.ending is not None:
        return ()
    found: list[str] = []
    if action in _PASSING and (action != "start_step" or run.steps[address].is_begun):
        found = [a for a in (address, *inside(run, address)) if not run.steps[a].is_final and _asks_people(run, a)]
    if _ignores_needs(command) and readiness(run, address) != "met":
        found += _before(run, address)
    return tuple(dict.fromkeys(found))


def _ignores_needs(command: Operate) -> bool:
    match command:
        case StartStep():
            return "predecessor" in (frozenset(command.waive) or WAIVED)
        case Rerun():
            return True
        case _:
            return False


def _asks_people(run: Run, address: str) -> bool:
    """Tell whether a step puts a question, starts a run that may put one, or has items to come that may.

    What would mend a failure counts once it is being done: until then nobody would have been asked.
    """
    plan, now = run.definition.plan, run.steps[address]
    if _is_of_idle_catch(run, address):
        return False
    if not _has_items_to_come(now, plan.spots[place(address).step].step):
        return _asks(run, plan.spots[place(address).step].step)
    lists = plan.within(place(address).step, "0")
    return any(_asks(run, plan.spots[n].step) for name in lists for n in (name, *plan.inside[name]))


def _is_of_idle_catch(run: Run, address: str) -> bool:
    plan, inner = run.definition.plan, address
    for outer in plan.around(address):
        block = run.steps[outer].block
        if plan.spots[place(inner).step].list[1] == CATCH and (block is None or block.branch != CATCH):
            return True
        inner = outer
    return False


def _has_items_to_come(now: StepRun, step: Step) -> bool:
    if step.each is None:
        return False
    return now.block is None or now.block.each is None or now.block.each.started < len(now.block.each.values)


def _asks(run: Run, step: Step) -> bool:
    return step.ask is not None or (step.flow is not None and _has_asks(run, step.flow, frozenset()))


def _has_asks(run: Run, name: str, seen: frozenset[str]) -> bool:
    if name in seen or name not in run.flows:
        return False
    steps = [spot.step for spot in run.flows[name].plan.every]
    deeper = (s.flow for s in steps if s.flow is not None)
    return any(s.ask is not None for s in steps) or any(_has_asks(run, flow, seen | {name}) for flow in deeper)


def _before(run: Run, address: str) -> list[str]:
    """Return the questions before a step in its list that have not been answered with a yes."""
    before, name = place(address)
    plan, found, rest = run.definition.plan, dict[str, None](), [name]
    while rest:
        for needed in (n for need in plan.needs[rest.pop()] for n in need.of):
            here = before + needed
            if here in found or succeeded(run.definition.step(here), run.steps[here]):
                continue
            found[here] = None
            rest.append(needed)
    within = [inner for a in found for inner in (a, *inside(run, a))]
    return [a for a in within if _asks_people(run, a)]
