"""What a run has given for a time: what a visitor may do about it, and a form of the page as an operator action.

An offer is no promise: the run judges what is sent, on the people as they are then.

Must not know: HTTP, markup, how an action is judged in detail.
"""

from collections.abc import Mapping

from hitl_temporal.domain.flow.views import GrantStands, Status
from hitl_temporal.domain.value import Json
from hitl_temporal.service.identity import Identity

FIELDS: Mapping[str, tuple[str, ...]] = {"revoke": ("step", "reason"), "extend_grant": ("step", "reason")}
"""What a form sends of each action as it is."""


def offers(run: Status, me: Identity) -> Mapping[str, frozenset[str]]:
    """Return the actions that this person may send now, by step; what has ended is nobody's to give back."""
    active = {name: s.grant for name, s in run.steps.items() if s.grant is not None and s.grant.state == "active"}
    return {name: frozenset(_of_one(grant, run, me)) for name, grant in active.items()}


def body(action: str, form: Mapping[str, str]) -> dict[str, Json]:
    """Return what a form says to a run; its key is that of the page with action and step: sent twice, it is done once.

    The length of the extension is part of the key: another wish from the same page is another one.
    """
    said: dict[str, Json] = {name: form[name] for name in FIELDS[action] if form.get(name)}
    longer = form.get("for", "").strip()
    if form.get("key"):
        said["key"] = ".".join(filter(None, (form["key"], action, form.get("step"), longer)))[:200]
    return {**said, "with": {"for": longer}} if action == "extend_grant" else said


def _of_one(grant: GrantStands, run: Status, me: Identity) -> tuple[str, ...]:
    is_own = me.person in {run.requester, run.on_behalf_of}
    found = [
        ("revoke", is_own or me.is_operator),
        ("extend_grant", grant.extend == "people" and (is_own or me.is_operator)),
        ("extend_grant", grant.extend == "operators" and me.is_operator),
    ]
    return tuple(action for action, may in found if may)
