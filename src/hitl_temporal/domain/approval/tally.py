"""Counting: which outcome the votes of a stage have reached, if any, and the count in words.

Each positive outcome is counted by itself against `approve`, each negative one against `reject`.

Must not know: who is allowed to vote.
"""

from collections import Counter
from typing import NamedTuple

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.eligibility import eligible, may_act
from hitl_temporal.domain.approval.state import Approval, StageRun
from hitl_temporal.domain.people import Roster


class Verdict(NamedTuple):
    """What the votes say: an outcome, or a reason to park, or neither yet."""

    outcome: str | None = None
    parked: str | None = None


def judge_votes(state: Approval, stage: StageRun, roster: Roster) -> Verdict:
    """Return what the votes of a stage amount to, given who could still vote.

    A threshold that votes have put out of reach rejects; one that only leavers have put out of reach parks, because
    people who went away have not said no.
    """
    votes = _votes(state, stage)
    for outcome, count in votes.items():
        needed = stage.approve if state.ask.is_positive(outcome) else stage.reject
        if count >= needed:
            return Verdict(outcome=outcome)
    best = max((n for o, n in votes.items() if state.ask.is_positive(o)), default=0)
    voted = frozenset(d.actor for d in state.decisions if d.stage == stage.name)
    present = frozenset(eligible(state, stage, roster, stage.who)) - voted
    if best + len(present) >= stage.approve:
        return Verdict()
    if best + len((present | frozenset(stage.asked)) - voted) < stage.approve:
        return Verdict(outcome="rejected")
    return Verdict(parked=f"{stage.approve} approvals are needed and only {best + len(present)} are still possible")


def in_words(state: Approval, stage: StageRun) -> str:
    """Return the tally for people: `1 of 2, secops pending`."""
    votes = _votes(state, stage)
    positive, negative = _best(state.ask, votes, positive=True), _best(state.ask, votes, positive=False)
    words = [f"{positive} of {max(stage.approve, 1)}"]
    if negative:
        words.append(f"{negative} of {max(stage.reject, 1)} against")
    waiting = may_act(state, stage)
    if waiting:
        pending = [s for s in stage.who if not frozenset(waiting).isdisjoint(state.roster.members.get(s, ()))]
        words.append(f"{' and '.join(_short(s, waiting, state.roster) for s in pending)} pending")
    if stage.state == "parked":
        words.append(f"parked: {stage.reason}")
    return ", ".join(words)


def of_approval(state: Approval) -> str:
    """Return the tally of the stage people look at: the live one, else the last that has ended."""
    stage = state.live_stage
    if stage is None:
        ended = [s for s in state.stages if s.state not in {"pending", "skipped"}]
        stage = ended[-1] if ended else None
    return "" if stage is None else in_words(state, stage)


def _votes(state: Approval, stage: StageRun) -> Counter[str]:
    return Counter(d.outcome for d in state.decisions if d.stage == stage.name)


def _best(ask: Ask, votes: Counter[str], *, positive: bool) -> int:
    return max((n for o, n in votes.items() if ask.is_positive(o) is positive), default=0)


def _short(selector: str, waiting: tuple[str, ...], roster: Roster) -> str:
    kind, _, name = selector.partition(":")
    if kind in {"group", "role", "owner"}:
        return name
    return next((p for p in roster.members.get(selector, ()) if p in waiting), selector)
