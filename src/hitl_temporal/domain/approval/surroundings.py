"""What has to be read for an approval to be judged: whom its selectors name, which people, what picking needs.

Must not know: directories, how they are read.
"""

from hitl_temporal.domain.approval import answering, glass
from hitl_temporal.domain.approval.notation import picking
from hitl_temporal.domain.approval.picking import turn_key
from hitl_temporal.domain.approval.state import Approval
from hitl_temporal.domain.people import SYSTEM


def selectors(state: Approval) -> tuple[str, ...]:
    """Return every selector that the directory must be asked for to judge this approval now.

    Those of stages that have ended are among them: their people are told the end, by name and where they prefer.
    """
    if state.outcome is not None:
        return ()
    found: list[str] = []
    for stage in state.stages:
        if stage.state != "skipped":
            found.extend((*stage.who, *stage.cast.everybody))
    return tuple(dict.fromkeys((*found, *glass.selectors(state), *answering.selectors(state))))


def picks(state: Approval) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Return what picking needs to know: key of the turn, policy and people, of each stage that may open next."""
    pending = [s for s in state.stages if s.state == "pending"]
    first = min((s.block for s in pending), default=None)
    return tuple(
        (turn_key(state, s), picking(s.document.pick).policy, state.roster.named_by((*s.cast.who, *s.cast.fallback)))
        for s in pending
        if s.block == first and s.document.pick is not None
    )


def people(state: Approval) -> tuple[str, ...]:
    """Return whom the directory must be asked for by id: they are told things, whoever else may decide."""
    acted = (d.actor for d in state.decisions)
    said = (r.actor for r in state.conversation)
    taken = (p for s in state.stages for h in s.handovers for p in (h.taker, h.giver) if p is not None)
    asked = (state.info.to, state.info.by) if state.info is not None else ()
    found = dict.fromkeys((*state.barred, *acted, *said, *taken, *asked))
    return tuple(p for p in found if not p.startswith(SYSTEM))
