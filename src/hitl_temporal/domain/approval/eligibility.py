"""Who may act in a stage, and why somebody may not: the one place that knows the bars.

Everything here is judged on the people last read, `state.roster`.

Must not know: votes needed, time, doors.
"""

from collections.abc import Callable

from hitl_temporal.domain.approval.state import Approval, StageRun


def eligible(state: Approval, stage: StageRun, selectors: tuple[str, ...]) -> tuple[str, ...]:
    """Return the people named by `selectors` who could be counted in this stage, in order; voters included."""
    bar_of = _bars(state, stage)
    return tuple(p for p in state.roster.named_by(selectors) if bar_of(p) is None)


def may_act(state: Approval, stage: StageRun) -> tuple[str, ...]:
    """Return who can vote now."""
    if stage.state != "open" or state.outcome is not None:
        return ()
    voted = voters(state, stage)
    return tuple(p for p in eligible(state, stage, stage.who) if p not in voted)


def bar(state: Approval, stage: StageRun, person: str) -> str | None:
    """Return what keeps a person from this stage even if it names them, None when nothing does."""
    return _bars(state, stage)(person)


def refusal(state: Approval, stage: StageRun, person: str) -> str | None:
    """Return why this person's answer does not count in this stage, None when it does."""
    if stage.state == "parked":
        return f"stage {stage.name!r} is parked: {stage.reason}"
    barred = bar(state, stage, person)
    if barred is not None:
        return barred
    if person not in state.roster.named_by(stage.who):
        return f"{person!r} is not asked in stage {stage.name!r}"
    return None


def voters(state: Approval, stage: StageRun) -> frozenset[str]:
    """Return who has been counted in this stage."""
    return frozenset(d.actor for d in state.decisions if d.stage == stage.name)


def _bars(state: Approval, stage: StageRun) -> Callable[[str], str | None]:
    """Return what tells the bar of a person: its sets are made once, for a stage may ask a thousand people."""
    parties = frozenset(() if stage.document.allow_requester else state.barred)
    excluded = frozenset(state.roster.named_by(stage.barred))
    others = [d for d in state.decisions if stage.document.distinct and d.stage != stage.name]
    decided = {d.actor: d.stage for d in reversed(others)}  # reversed: the first stage of each is the one to name

    def bar_of(person: str) -> str | None:
        if person in parties:
            return f"{person!r} is {_relation(state, person)} of this request: nobody decides their own"
        if person in excluded:
            return f"{person!r} is excluded from stage {stage.name!r} by its `not`"
        if not state.roster.is_active(person):
            return f"{person!r} is not an active person of the directory"
        if person in decided:
            return f"{person!r} has decided stage {decided[person]!r}; this one needs somebody else"
        return None

    return bar_of


def _relation(state: Approval, person: str) -> str:
    if person == state.requester:
        return "the requester"
    return "the beneficiary, author or principal"
