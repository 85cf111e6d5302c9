"""Who takes part in an approval: as conditions of the visibility query language, and of a row that these have found.

A list too long for visibility stands there as `overflow`, and whole in the memo: the conditions find it for everybody,
so whoever asks by name looks at the row again.

Must not know: what is asked about those rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from temporalio.client import WorkflowExecution
from temporalio.common import SearchAttributeKey

from hitl_temporal.effects.visibility import literal
from hitl_temporal.engine.attributes import ASSIGNEES, GROUPS
from hitl_temporal.engine.listing import OVERFLOW
from hitl_temporal.service.identity import Identity

_OWES = "info:"
"""Before the id of who owes an answer, in the list of assignees."""


def naming(people: Iterable[str], groups: Iterable[str]) -> str:
    """Return the condition for approvals that name one of these now; lists too long for visibility may name anybody."""
    return f"({_one_of(ASSIGNEES, people)} OR {_one_of(GROUPS, groups)})"


def may_act(me: Identity) -> str:
    """Return the condition for approvals that name me, or a group of mine, now; `names_me` looks at them again."""
    return naming((me.person,), me.groups)


def asked_or_acted(me: Identity) -> str:
    """Return the condition for approvals that name me now, or have counted me; `names_me` looks at them again."""
    return naming((me.person, *_parts(me)), me.groups)


def owed_by(me: Identity) -> str:
    """Return the condition for approvals that wait for what I have to say; `waits_for` looks at them again."""
    return _one_of(ASSIGNEES, (f"{_OWES}{me.person}",))


def waits_for(row: WorkflowExecution, memo: Mapping[str, object]) -> str | None:
    """Return who owes an answer before this goes on, None when nobody does."""
    people = _whole(row, memo, "assignees", ASSIGNEES)
    return next((p.removeprefix(_OWES) for p in people if p.startswith(_OWES)), None)


def names_me(row: WorkflowExecution, memo: Mapping[str, object], me: Identity, *, or_acted: bool = False) -> bool:
    """Tell whether a row that one of the conditions has found names me, also where its list is too long for it."""
    people = _whole(row, memo, "assignees", ASSIGNEES)
    groups = _whole(row, memo, "groups", GROUPS)
    acted = or_acted and any(part in people for part in _parts(me))
    return me.person in people or acted or not me.groups.isdisjoint(groups)


def foreign_actor(me: Identity, body: Mapping[str, object]) -> str | None:
    """Return what is wrong when a body names an actor other than the caller, None when it does not."""
    if body.get("actor", me.person) == me.person:
        return None
    return f"actor: {str(body['actor'])[:100]!r} is not you; leave it out, a door sets it"


def _parts(me: Identity) -> tuple[str, ...]:
    """Return how a list names me where I have, or am, something else than somebody who may act."""
    return f"acted:{me.person}", f"{_OWES}{me.person}"


def _one_of(key: SearchAttributeKey[Sequence[str]], names: Iterable[str]) -> str:
    return f"{key.name} IN ({', '.join(literal(name) for name in sorted({*names, OVERFLOW}))})"


def _whole(
    row: WorkflowExecution, memo: Mapping[str, object], name: str, key: SearchAttributeKey[Sequence[str]]
) -> Sequence[str]:
    listed = row.typed_search_attributes.get(key) or ()
    whole = memo.get(name)
    return cast("list[str]", whole) if list(listed) == [OVERFLOW] and isinstance(whole, list) else listed
