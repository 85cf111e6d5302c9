"""Who may act in a stage, and why somebody may not: the one place that knows the bars.

Must not know: votes needed, time, doors.
"""

from hitl_temporal.domain.approval.state import Approval, StageRun
from hitl_temporal.domain.people import Roster


def eligible(state: Approval, stage: StageRun, roster: Roster, selectors: tuple[str, ...]) -> tuple[str, ...]:
    """Return the people named by `selectors` who could be counted in this stage, in order; voters included."""
    return tuple(p for p in roster.named_by(selectors) if bar(state, stage, roster, p) is None)


def may_act(state: Approval, stage: StageRun) -> tuple[str, ...]:
    """Return who can vote now, on the people last read."""
    if stage.state != "open" or state.outcome is not None:
        return ()
    voted = voters(state, stage)
    return tuple(p for p in eligible(state, stage, state.roster, stage.who) if p not in voted)


def bar(state: Approval, stage: StageRun, roster: Roster, person: str) -> str | None:
    """Return what keeps a named person from this stage, None when nothing does.

    Being asked is another question: this looks at the person alone.
    """
    if person in state.barred and not stage.document.allow_requester:
        return f"{person!r} is {_relation(state, person)} of this request: nobody decides their own"
    if person in roster.named_by(stage.barred):
        return f"{person!r} is excluded from stage {stage.name!r} by its `not`"
    if not roster.is_active(person):
        return f"{person!r} is not an active person of the directory"
    if stage.document.distinct:
        before = next((d.stage for d in state.decisions if d.actor == person and d.stage != stage.name), None)
        if before is not None:
            return f"{person!r} has decided stage {before!r}; this one needs somebody else"
    return None


def refusal(state: Approval, stage: StageRun, roster: Roster, person: str) -> str | None:
    """Return why this person's answer does not count in this stage, None when it does."""
    if stage.state == "parked":
        return f"stage {stage.name!r} is parked: {stage.reason}"
    barred = bar(state, stage, roster, person)
    if barred is not None:
        return barred
    if person not in roster.named_by(stage.who):
        return f"{person!r} is not asked in stage {stage.name!r}"
    return None


def voters(state: Approval, stage: StageRun) -> frozenset[str]:
    """Return who has been counted in this stage."""
    return frozenset(d.actor for d in state.decisions if d.stage == stage.name)


def _relation(state: Approval, person: str) -> str:
    if person == state.requester:
        return "the requester"
    return "the beneficiary, author or principal"
