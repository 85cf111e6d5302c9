"""What a visitor may do to an approval as it stands: pages offer nothing else.

An offer is no promise: the judge has the last word, on the people as they are then.

Must not know: markup, how a verb is judged in detail.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from hitl_temporal.domain.approval.context import IN_A_RUN
from hitl_temporal.domain.approval.status import StageStatus, Status
from hitl_temporal.domain.value import Json
from hitl_temporal.service.identity import Identity

_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_IN_A_RUN = tuple(f"{name}." for name in IN_A_RUN)


def offers(status: Status, me: Identity, inputs: Mapping[str, Json] = MappingProxyType({})) -> frozenset[str]:
    """Return the verbs that this person may send now.

    Args:
        status: How it stands.
        me: Who looks.
        inputs: Those of the run that asks, by path.
    """
    if not status.is_live:
        return frozenset()
    return frozenset(("comment", *_to_asked(status, me), *_to_requesters(status, me, inputs), *_to_all(status, me)))


def amendable(status: Status, inputs: Mapping[str, Json] = MappingProxyType({})) -> dict[str, Json]:
    """Return what the requester is offered to change, by path, with its value now.

    It is the inputs of the run that asks, what approvers may edit and what decisions are bound to; of a run nothing but
    its inputs and variables.
    """
    found = {
        **inputs,
        **{path: value for path, value in status.material.items() if _PATH.fullmatch(path)},
        **status.edit,
    }
    is_free = status.origin is None
    return {p: v for p, v in found.items() if p != "requester" and (is_free or p.startswith(_IN_A_RUN))}


def live(status: Status) -> tuple[StageStatus, ...]:
    """Return the stages that have begun and not ended."""
    return tuple(s for s in status.stages if s.state in {"open", "parked"})


def _to_asked(status: Status, me: Identity) -> Iterator[str]:
    acting = [s for s in live(status) if me.person in s.may_act]
    if acting:
        yield from ("decide", "request_info", "delegate", "add_approver")
        if all(s.claim is None or s.claim.holder != me.person for s in acting):
            yield "claim"
    if status.cooling is not None and _has_decided(status, status.cooling.stage, me.person):
        yield "retract"


def _to_requesters(status: Status, me: Identity, inputs: Mapping[str, Json]) -> Iterator[str]:
    is_theirs = me.person in status.barred
    if status.info is not None and (is_theirs or (me.person == status.info.to and not status.info.rework)):
        yield "provide_info"
    if is_theirs:
        yield "withdraw"
        if live(status):
            yield "add_approver"
        if status.cooling is None and amendable(status, inputs):
            yield "amend"


def _to_all(status: Status, me: Identity) -> Iterator[str]:
    """Yield what roles and claims allow, whether or not somebody is asked."""
    stages = live(status)
    if any(s.claim is not None and (me.is_operator or s.claim.holder == me.person) for s in stages):
        yield "release_claim"
    if me.is_operator and stages:
        yield from ("reassign", "add_approver")
        if any(s.due is not None for s in stages):
            yield "extend"
    may_overrule = "admin" in me.roles or me.person in status.break_glass
    has_a_part = me.person in status.barred or any(d.actor == me.person for d in status.decisions)
    if may_overrule and not has_a_part:
        yield "override"


def _has_decided(status: Status, stage: str, person: str) -> bool:
    votes = [d.actor for d in status.decisions if d.stage == stage and d.kind == "vote"]
    return votes[-1:] == [person]
