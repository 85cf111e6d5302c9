"""Who takes part in an approval, as conditions of the visibility query language.

Must not know: what is asked about those rows.
"""

from collections.abc import Mapping

from hitl_temporal.effects.visibility import literal
from hitl_temporal.engine.attributes import ASSIGNEES, GROUPS
from hitl_temporal.service.identity import Identity


def may_act(me: Identity) -> str:
    """Return the condition for approvals that name me, or a group of mine, now."""
    groups = "".join(f" OR {GROUPS.name} = {literal(g)}" for g in sorted(me.groups))
    return f"({ASSIGNEES.name} = {literal(me.person)}{groups})"


def asked_or_acted(me: Identity) -> str:
    """Return the condition for approvals that name me now, or in which I have been counted."""
    return f"({may_act(me)} OR {ASSIGNEES.name} = {literal(f'acted:{me.person}')})"


def foreign_actor(me: Identity, body: Mapping[str, object]) -> str | None:
    """Return what is wrong when a body names an actor other than the caller, None when it does not."""
    if body.get("actor", me.person) == me.person:
        return None
    return f"actor: {str(body['actor'])[:100]!r} is not you; leave it out, a door sets it"
