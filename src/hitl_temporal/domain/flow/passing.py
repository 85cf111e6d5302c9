"""Which asks an operator passes by: whoever lets work go on without an answer decides in place of those asked.

Must not know: who may (policy.py), what it changes.
"""

from hitl_temporal.domain.flow.address import place
from hitl_temporal.domain.flow.commands import WAIVED, Operate, Rerun, StartStep
from hitl_temporal.domain.flow.readiness import readiness, succeeded
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.flow.within import inside

_PASSING = frozenset({"skip", "finish", "start_step"})


def passed(run: Run, action: str, command: Operate) -> tuple[str, ...]:
    """Return the addresses of the asks, and of the runs within that ask people, that a command passes by."""
    address = command.step
    if address not in run.steps or run.ending is not None:
        return ()
    found: list[str] = []
    if action in _PASSING and not (action == "start_step" and _is_over(run, address)):
        within = [address, *inside(run, address)]
        waits = action != "start_step" or run.steps[address].is_begun
        found = [a for a in within if waits and not run.steps[a].is_final and _asks_people(run, a)]
    if _ignores_needs(command) and readiness(run, address) != "met":
        found += _before(run, address)
    return tuple(dict.fromkeys(found))


def _is_over(run: Run, address: str) -> bool:
    return run.steps[address].is_final


def _ignores_needs(command: Operate) -> bool:
    match command:
        case StartStep():
            return "predecessor" in (frozenset(command.waive) or WAIVED)
        case Rerun():
            return True
        case _:
            return False


def _asks_people(run: Run, address: str) -> bool:
    """Tell whether a step puts a question, or starts a run that may put one at any depth."""
    step = run.definition.step(address)
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
