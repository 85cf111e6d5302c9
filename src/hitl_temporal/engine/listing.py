"""What lists filter on and show: search attributes and memo, written only when something has changed.

SQL visibility allows three KeywordLists and 2,048 bytes a value; a longer list becomes `overflow` and stands in the
memo (docs/measured.md).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate

from hitl_temporal.engine.attributes import ASSIGNEES, DUE, FLOW, GROUPS, PRIORITY, REQUESTER, STATE, WAITING

MAX_VALUE_BYTES = 1_900
OVERFLOW = "overflow"


class Shown(TypedDict, total=False):
    """The values of one workflow; what is absent stays as it is, None unsets."""

    state: str
    flow: str | None
    requester: str
    due: datetime | None
    priority: int
    assignees: Sequence[str]
    groups: Sequence[str]
    waiting: Sequence[str]


class Listing:
    """Remembers what was written last, so that an upsert that changes nothing is not made."""

    def __init__(self) -> None:
        pairs: list[SearchAttributePair[Any]] = list(workflow.info().typed_search_attributes)
        known = {pair.key.name: pair.value for pair in pairs}
        self._attributes: dict[str, object] = {n: known[key.name] for n, key in _KEYS.items() if key.name in known}
        self._memo: dict[str, object] = {}

    def show(self, shown: Shown, memo: dict[str, object]) -> None:
        """Write what differs from what was written last: one upsert of each kind at most."""
        wanted: dict[str, object] = {}
        memo = dict(memo)
        for name, value in shown.items():
            wanted[name] = self._bounded(name, value, memo)
        changed = {n: v for n, v in wanted.items() if n not in self._attributes or self._attributes[n] != v}
        updates = [u for n, v in changed.items() if (u := self._update(n, v)) is not None]
        if updates:
            workflow.upsert_search_attributes(updates)  # pyright: ignore[reportUnknownMemberType] - untyped in the SDK
        self._attributes.update(changed)
        news = {n: v for n, v in memo.items() if n not in self._memo or self._memo[n] != v}
        if news:
            workflow.upsert_memo(news)
        self._memo.update(news)

    @staticmethod
    def _bounded(name: str, value: object, memo: dict[str, object]) -> object:
        if not isinstance(value, (list, tuple)):
            return value
        texts = [str(v) for v in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        if sum(len(t.encode()) + 1 for t in texts) <= MAX_VALUE_BYTES:
            return texts
        memo[name] = texts
        return [OVERFLOW]

    def _update(self, name: str, value: object) -> SearchAttributeUpdate[Any] | None:
        key = _KEYS[name]
        if value is None or value == []:
            return key.value_unset() if self._attributes.get(name) not in (None, []) else None
        return key.value_set(value)


_KEYS: dict[str, SearchAttributeKey[Any]] = {  # pyright: ignore[reportAssignmentType]
    "state": STATE,
    "flow": FLOW,
    "requester": REQUESTER,
    "due": DUE,
    "priority": PRIORITY,
    "assignees": ASSIGNEES,
    "groups": GROUPS,
    "waiting": WAITING,
}
