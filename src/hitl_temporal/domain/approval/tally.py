"""Counting: which outcome the votes of a stage have reached, if any, and the count in words.

Each positive outcome is counted by itself against `approve`, each negative one against `reject`.

Must not know: who is allowed to vote.
"""

from collections import Counter

from hitl_temporal.domain.approval.eligibility import eligible, may_act, voters
from hitl_temporal.domain.approval.state import Approval, StageRun

MAX_NAMED = 10
"""How many of those who are waited for a tally names: it is part of every message, receipt and listing."""


def reached(state: Approval, stage: StageRun) -> str | None:
    """Return the outcome that the votes of a stage amount to, None while it is open.

    Votes that have put `approve` out of reach reject. People who went away have not said no: whoever was asked still
    counts as possible here, and `out_of_reach` tells when leavers are the reason.
    """
    votes = _votes(state, stage)
    for outcome, count in votes.items():
        if count >= (stage.approve if state.ask.is_positive(outcome) else stage.reject):
            return outcome
    asked = frozenset(stage.asked).union(eligible(state, stage, stage.who)) - voters(state, stage)
    return "rejected" if _most(state, votes, positive=True) + len(asked) < stage.approve else None


def out_of_reach(state: Approval, stage: StageRun) -> str | None:
    """Return why the people who are left can't reach `approve` any more, None when they can."""
    possible = _most(state, _votes(state, stage), positive=True) + len(may_act(state, stage))
    if stage.state != "open" or possible >= stage.approve:
        return None
    return f"people have left: {stage.approve} must agree, only {possible} can"


def in_words(state: Approval, stage: StageRun) -> str:
    """Return the tally for people: `1 of 2, secops pending`."""
    if stage.state == "pending":
        return "not open yet"
    if stage.state == "skipped":
        return "skipped"
    votes = _votes(state, stage)
    words = [f"{_most(state, votes, positive=True)} of {stage.approve}"]
    against = _most(state, votes, positive=False)
    if against:
        words.append(f"{against} of {stage.reject} against")
    pending = _pending(state, stage)
    if pending:
        words.append(f"{' and '.join(pending)} pending")
    if stage.state == "parked":
        words.append(f"parked: {stage.reason}")
    return ", ".join(words)


def of_approval(state: Approval) -> str:
    """Return the tally of the stage people look at: the live one, else the last that has ended."""
    stage = state.live_stage or next((s for s in reversed(state.stages) if s.opened_at is not None), None)
    if stage is not None:
        return in_words(state, stage)
    return f"parked: {state.reason}" if state.state == "parked" else ""


def _votes(state: Approval, stage: StageRun) -> Counter[str]:
    return Counter(d.outcome for d in state.decisions if d.stage == stage.name)


def _most(state: Approval, votes: Counter[str], *, positive: bool) -> int:
    return max((n for o, n in votes.items() if state.ask.is_positive(o) is positive), default=0)


def _pending(state: Approval, stage: StageRun) -> tuple[str, ...]:
    """Return whom the stage waits for: groups by their name, people by their id, each once, then how many more."""
    waiting = frozenset(may_act(state, stage))
    names: list[str] = []
    for selector in stage.who:
        kind, _, name = selector.partition(":")
        people = [p for p in state.roster.members.get(selector, ()) if p in waiting]
        if people:
            names.append(name if kind in {"group", "role", "owner"} else people[0])
    named = tuple(dict.fromkeys(names))
    more = len(named) - MAX_NAMED
    return named if more <= 0 else (*named[:MAX_NAMED], f"{more} more")
