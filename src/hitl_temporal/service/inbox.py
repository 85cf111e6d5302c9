"""Rows of approvals: what one person may decide now, or may see in a state, page by page.

Must not know: HTTP, terminals, what an approval holds beside its row.
"""

from collections.abc import Mapping

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus

from hitl_temporal.domain.approval.ask import BUILT_IN, RESERVED_OUTCOMES
from hitl_temporal.domain.approval.cut import Cut
from hitl_temporal.domain.approval.digest import Item
from hitl_temporal.domain.waits import LIVE
from hitl_temporal.effects.visibility import literal
from hitl_temporal.engine.attributes import DUE, FLOW, REQUESTER, STATE
from hitl_temporal.messages import APPROVAL
from hitl_temporal.service.errors import InvalidError
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.participation import asked_or_acted, may_act, names_me, owed_by, waits_for
from hitl_temporal.service.reading import Page, list_page, memo_of

_CUT: Mapping[WorkflowExecutionStatus, Cut] = {
    WorkflowExecutionStatus.TERMINATED: "terminated",
    WorkflowExecutionStatus.TIMED_OUT: "timed_out",
    WorkflowExecutionStatus.FAILED: "failed",
}

_CUT_STATES = {"terminated": "Terminated", "timed_out": "TimedOut"}
"""State to the execution status that lists have; one that failed was refused at its start, and has never been asked."""

STATES = frozenset({*LIVE, *BUILT_IN, *RESERVED_OUTCOMES, *_CUT_STATES})
"""The states that every approval may be in; beside them there are the outcomes of asks."""


async def inbox_page(
    client: Client,
    whose: Identity,
    *,
    state: str | None,
    flow: str | None,
    text: str | None,
    info: bool,
    cursor: str | None,
    limit: int,
) -> Page[Item]:
    """Return what this person may decide now, soonest due first; with `state`, all they may see in that state.

    With `info` it is what they are asked to answer, or to send in again.

    Raises:
        InvalidError: The cursor is not one of ours, or there is no such state.
    """
    conditions = _conditions(whose, state, flow, info=info)

    def is_theirs(row: WorkflowExecution, memo: Mapping[str, object]) -> bool:
        if info:
            return waits_for(row, memo) == whose.person
        if state is None:
            return names_me(row, memo, whose) and not _is_kept_out(memo, whose)
        is_requester = row.typed_search_attributes.get(REQUESTER) == whose.person
        return whose.is_operator or is_requester or names_me(row, memo, whose, or_acted=True)

    items: list[Item] = []
    while not items:
        rows, cursor = await list_page(client, " AND ".join(conditions), cursor, limit)
        found = [(row, await memo_of(row)) for row in rows]
        shown = [_item(row, memo) for row, memo in found if is_theirs(row, memo)]
        items = [item for item in shown if text is None or text.lower() in item.title.lower()]
        if cursor is None:
            break
    if not items and state is not None:
        await _must_be_known(client, state)
    # Visibility sorts by start alone; by due within what was read, and `next` says when there is more.
    items.sort(key=lambda item: item.urgency)
    return Page(items=tuple(items), next=cursor)


def _conditions(whose: Identity, state: str | None, flow: str | None, *, info: bool) -> list[str]:
    conditions = [f"WorkflowType = '{APPROVAL}'"]
    if info:
        conditions.append(f"ExecutionStatus = 'Running' AND {owed_by(whose)}")
    elif state is None:
        conditions.append("ExecutionStatus = 'Running'")
        conditions.append(f"{STATE.name} IN ('open', 'parked', 'info')")  # of a block one stage may be parked
        conditions.append(may_act(whose))
    elif not whose.is_operator:
        conditions.append(f"({asked_or_acted(whose)} OR {REQUESTER.name} = {literal(whose.person)})")
    if state is not None:
        conditions.append(_in_state(state))
    if flow is not None:
        conditions.append(f"{FLOW.name} = {literal(flow)}")
    return conditions


def _in_state(state: str) -> str:
    """Return the condition for a state: of what was ended from outside the row still says that it is open."""
    told = f"{STATE.name} = {literal(state)}"
    if state in LIVE:
        return f"ExecutionStatus = 'Running' AND {told}"
    if state in _CUT_STATES:
        was_live = f"{STATE.name} IN ({', '.join(literal(name) for name in sorted(LIVE))})"
        return f"({told} OR (ExecutionStatus = '{_CUT_STATES[state]}' AND {was_live}))"
    return told


def cut(row: WorkflowExecution) -> Cut | None:
    """Return how a workflow was ended from outside, None when it was not."""
    return _CUT.get(row.status) if row.status is not None else None


async def _must_be_known(client: Client, state: str) -> None:
    """Tell a state that only happens to be nobody's from one that there is not: asks have outcomes of their own."""
    if state in STATES:
        return
    of_anybody = f"WorkflowType = '{APPROVAL}' AND {STATE.name} = {literal(state)}"
    rows, _ = await list_page(client, of_anybody, None, 1)
    if rows:
        return
    known = ", ".join(sorted(STATES))
    raise InvalidError(f"state: no approval is {state[:100]!r}; it is one of {known}, or an outcome of the ask's own")


def _is_kept_out(memo: Mapping[str, object], whose: Identity) -> bool:
    """Tell what the query finds by groups and they could not decide: their requests, what they have answered."""
    barred = memo.get("barred")
    return isinstance(barred, list) and whose.person in barred


def _item(row: WorkflowExecution, memo: Mapping[str, object]) -> Item:
    found = row.typed_search_attributes

    def said(name: str) -> str | None:
        text = memo.get(name)
        return str(text) if text else None

    state = found.get(STATE) or "open"
    how = cut(row) if state in LIVE else None
    return Item(
        id=row.id,
        title=said("title") or row.id,
        flow=said("flow"),
        requester=found.get(REQUESTER) or "",
        state=how or state,
        due=found.get(DUE) if how is None else None,
        tally=said("tally") or "" if how is None else "",
        digest=said("digest") or "",
        stage=said("stage") or "",
        claimed_by=said("claimed_by") if how is None else None,
        waits_for=waits_for(row, memo) if how is None else None,
    )
