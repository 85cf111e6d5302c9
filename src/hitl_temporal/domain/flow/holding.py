"""Units of resources that a step uses: taken before its first job begins, given back while only people are waited for.

A block takes what it uses for the steps within it. The flow's own `concurrency` is taken in the same way, by the run.
Of all that a step needs, for itself and for what it lies in, one resource is asked for after the other, by name. What
is idle is held meanwhile only if all that is still lacking comes after it: two runs never wait for each other's.

Must not know: who has the units (domain.resources), what begins.
"""

from collections.abc import Iterator
from datetime import datetime

from hitl_temporal.domain.flow.address import as_id, place
from hitl_temporal.domain.flow.effects import ClaimUnits, ReturnUnits
from hitl_temporal.domain.flow.ends import park
from hitl_temporal.domain.flow.events import UnitsGranted, UnitsRefused
from hitl_temporal.domain.flow.readiness import is_reached, readiness
from hitl_temporal.domain.flow.state import Holding, Run
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.flow.within import inside

WHOLE = ""
"""The address under which the run itself holds what its `concurrency` counts."""

_JOBS = frozenset({"run", "call", "flow"})


def uses(run: Run, holder: str) -> dict[str, int]:
    """Return the units that a step, or the run itself, takes: by resource, in the order in which they are asked for.

    What is taken already for what a step lies in, it does not take once more: it would wait for itself.
    """
    if holder == WHOLE and run.concurrency:
        return dict(sorted(run.concurrency.uses.items()))
    definition = run.definition
    taken = {name for outer in definition.plan.around(holder) for name in definition.step(outer).uses}
    return {name: units for name, units in sorted(definition.step(holder).uses.items()) if name not in taken}


def may_begin(turn: Turn, address: str) -> bool:
    """Tell whether a step holds all it needs to begin; of what is missing, the first by name is asked for."""
    missing = sorted(_missing(turn.run, address))
    if not missing:
        return True
    name, holder = missing[0]
    holding = turn.run.holdings.get(holder)
    if holding is None or holding.asked is None:
        _ask(turn, holder, name)
    return False


def _missing(run: Run, address: str) -> Iterator[tuple[str, str]]:
    """Yield what a step lacks to begin: the resource, and who is to hold it."""
    for holder in _needed(run, address):
        holding = run.holdings.get(holder)
        if holding is None or not holding.is_complete:
            got = () if holding is None else holding.got
            yield from ((name, holder) for name in uses(run, holder) if name not in got)


def lacking(run: Run, address: str) -> tuple[str, ...]:
    """Return the resources that a step still waits for."""
    return tuple(holding.asked for holding in _asking(run, address) if holding.asked is not None)


def lacking_since(run: Run, address: str) -> datetime | None:
    """Return since when a step waits for units; None: for none."""
    return min((holding.since for holding in _asking(run, address)), default=None)


def _asking(run: Run, address: str) -> Iterator[Holding]:
    held = (run.holdings.get(holder) for holder in _needed(run, address))
    return (holding for holding in held if holding is not None and holding.asked is not None)


def _needed(run: Run, address: str) -> Iterator[str]:
    """Yield whose units a step needs to begin, the outermost first: a question and a wait need none, unless kept."""
    is_job = run.definition.step(address).verb in _JOBS
    if run.concurrency is not None and is_job:
        yield WHOLE
    for holder in reversed([address, *run.definition.plan.around(address)]):
        if uses(run, holder) and (is_job or run.definition.step(holder).keep):
            yield holder


def _ask(turn: Turn, holder: str, name: str) -> None:
    """Ask for the units of a resource."""
    if holder not in turn.run.holdings:
        k = turn.run.claims + 1
        claim = f"{turn.run.id}.{as_id(holder) or 'run'}.{k}"
        turn.set(claims=k, holdings={**turn.run.holdings, holder: Holding(claim=claim, since=turn.now)})
    holding = turn.run.holdings[holder].but(asked=name)
    _set(turn, holder, holding)
    run, is_whole = turn.run, holder == WHOLE
    turn.effects.append(
        ClaimUnits(
            resource=name,
            claim=holding.claim,
            units=uses(run, holder)[name],
            priority=run.definition.priority if is_whole else run.definition.priority_of(holder),
            order=0 if is_whole else run.definition.plan.spots[place(holder).step].order,
            pool_units=run.concurrency.units if is_whole and run.concurrency else None,
        )
    )


def hear(turn: Turn, event: UnitsGranted | UnitsRefused) -> None:
    """Take the answer of a pool; one to a claim that is over gives back what it has given."""
    claims = {holding.claim: holder for holder, holding in turn.run.holdings.items()}
    holder = claims.get(event.claim)
    if holder is None:
        turn.effects.append(ReturnUnits(resource=event.resource, claim=event.claim, at=turn.now))
        return
    holding = turn.run.holdings[holder]
    if holding.asked != event.resource:
        return
    if isinstance(event, UnitsGranted):
        _take(turn, holder, holding.but(got=(*holding.got, event.resource), asked=None))
    else:
        _refused(turn, holder, f"resource {event.resource!r}: {event.reason}")


def _take(turn: Turn, holder: str, holding: Holding) -> None:
    """Take units that were granted; whoever waited for them begins, or asks for what it lacks next."""
    is_complete = set(uses(turn.run, holder)) <= set(holding.got)
    _set(turn, holder, holding.but(is_complete=is_complete))
    if is_complete:
        turn.record("units.taken", f"units:{holding.claim}:taken", step=holder or None, resources=[*holding.got])
    turn.touch(_within(turn.run, holder))


def _within(run: Run, holder: str) -> list[str]:
    """Return for whom units are held."""
    return [*run.steps] if holder == WHOLE else [a for a in (holder, *inside(run, holder)) if a in run.steps]


def _refused(turn: Turn, holder: str, reason: str) -> None:
    """Park the first step that waits for what is not there; the next one will ask for itself.

    In a run that is ending none waits any more: one that has parked would keep it from its end.
    """
    give_up(turn, holder)
    if turn.run.ending is not None:
        return
    waiting = next((a for a in _within(turn.run, holder) if _waits_for(turn.run, a, holder)), None)
    if waiting is not None:
        park(turn, waiting, reason)
    turn.touch(_within(turn.run, holder))


def _waits_for(run: Run, address: str, holder: str) -> bool:
    """Tell whether a step would begin but for units, some of which this holder is to hold."""
    step = run.steps[address]
    is_next = step.state == "waiting" and not step.is_begun and holder in _needed(run, address)
    return is_next and is_reached(run, address) and (step.again or readiness(run, address) == "met")


def waive(turn: Turn, address: str) -> None:
    """Let a step begin without the units that it waits for."""
    for holder in _needed(turn.run, address):
        old = turn.run.holdings.get(holder)
        if old is not None and old.is_complete:
            continue
        if old is not None:
            give_up(turn, holder)
        claim = f"{turn.run.id}.waived" if old is None else old.claim
        _set(turn, holder, Holding(claim=claim, since=turn.now, is_complete=True))


def give_back(turn: Turn) -> None:
    """Give back what nobody needs now: of what has ended, and while only people and the world are waited for."""
    for holder, holding in [*turn.run.holdings.items()]:
        is_idle = holding.asked is None and not _is_kept(turn.run, holder, holding)
        if is_idle or _is_over(turn.run, holder):
            give_up(turn, holder)


def _is_over(run: Run, holder: str) -> bool:
    if run.status is not None or run.ending is not None:
        return not _has_jobs(run, holder)
    return holder != WHOLE and (holder not in run.steps or run.steps[holder].is_final)


def _is_kept(run: Run, holder: str, holding: Holding) -> bool:
    wants_to_keep = holding.is_complete and holder != WHOLE and run.definition.step(holder).keep
    return wants_to_keep or _has_jobs(run, holder) or _is_wanted(run, holder, holding)


def _is_wanted(run: Run, holder: str, holding: Holding) -> bool:
    """Tell whether a step waits for further units beside these, all of which come after them by name.

    Else what was taken for a block, or for the run, would be given back as soon as a step in it asks for its own.
    """
    if run.held:
        return False
    waiting = (a for a in _within(run, holder) if not run.steps[a].held and _waits_for(run, a, holder))
    last = max(holding.got, default="")
    return any(all(name > last for name, _ in _missing(run, a)) for a in waiting)


def _has_jobs(run: Run, holder: str) -> bool:
    """Tell whether a job is under way at, or within, what holds units."""
    return any(_is_job(run, address) for address in _within(run, holder))


def _is_job(run: Run, address: str) -> bool:
    step = run.steps[address]
    is_going = step.state == "running" and step.block is None and not step.has_given
    return is_going or step.undo == "running"


def give_up(turn: Turn, holder: str) -> None:
    """Give back what a step, or the run itself, holds, and wish for the rest no more."""
    holding = turn.run.holdings[holder]
    asked = () if holding.asked is None else (holding.asked,)
    turn.effects.extend(ReturnUnits(resource=name, claim=holding.claim, at=turn.now) for name in (*holding.got, *asked))
    turn.set(holdings={h: held for h, held in turn.run.holdings.items() if h != holder})
    if holding.got:
        turn.record("units.given_back", f"units:{holding.claim}:back", step=holder or None, resources=[*holding.got])


def _set(turn: Turn, holder: str, holding: Holding) -> None:
    turn.set(holdings={**turn.run.holdings, holder: holding})
