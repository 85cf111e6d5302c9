"""What an author of a Python workflow imports: `ask(...)`, and the types of its answer.

Safe in the sandbox: it reaches no I/O. A question is a workflow `Approval` of its own, so it survives the author's
deploys, shows in every inbox, and is judged by the same judge as any other.
"""

import asyncio
from collections.abc import Mapping, Sequence

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.approval.records import Decision
    from hitl_temporal.domain.value import Json
    from hitl_temporal.messages import (
        APPROVAL,
        FETCH_CHILD,
        Answered,
        ApprovalResult,
        Child,
        FetchChild,
        ReportTo,
    )

from hitl_temporal.engine.reading import read
from hitl_temporal.engine.withdrawing import withdraw

__all__ = ["ApprovalResult", "Decision", "ask"]


async def ask(
    name: str,
    title: str,
    *,
    requester: str,
    who: Sequence[str] = (),
    stages: Sequence[Mapping[str, Json]] = (),
    context: Mapping[str, Json] | None = None,
    attempt: int = 1,
    **document: Json,
) -> ApprovalResult:
    """Ask people and wait, for months if need be, for their one outcome.

    A negative outcome is an answer, not an error: look at `positive` or `outcome`. When the workflow is cancelled, the
    question is withdrawn.

    Args:
        name: Names the question within this workflow: its id is `<workflow id>.<name>.<attempt>`.
        title: One line; may hold `{{ }}` over `context`.
        requester: Who asks, by id of the directory; they cannot decide it.
        who: Selectors of one stage, such as `manager:requester` or `group:secops`; or give `stages`.
        stages: Several stages, each a mapping with the keys of a stage.
        context: What expressions of the document see.
        attempt: Counts from 1; one more to ask the same again.
        **document: Every other key of an ask (`body`, `show`, `due`, `at_due`, `remind`, `outcomes`, ...).

    Raises:
        ChildWorkflowError: The question can't be put; its cause `InvalidInput` names the key.
    """
    me = workflow.info()
    approval = f"{me.workflow_id}.{name}.{attempt}"
    request: dict[str, Json] = {
        "title": title,
        "requester": requester,
        "context": dict(context or {}),
        "origin": {"run": me.workflow_id, "step": name, "attempt": attempt, "flow": me.workflow_type},
        **({"stages": [dict(s) for s in stages]} if stages else {}),
        **({"who": list(who)} if who else {}),
        **document,
    }
    # A task of its own: a cancellation that comes while the question is being put must still find it, to withdraw it.
    is_put = asyncio.Event()
    waiting = asyncio.create_task(_put(approval, request, name, attempt, is_put))
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        await workflow.wait_condition(lambda: is_put.is_set() or waiting.done())
        if is_put.is_set():
            await withdraw(approval, "the workflow that asked was cancelled")
        raise


async def _put(
    approval: str, request: dict[str, Json], name: str, attempt: int, is_put: asyncio.Event
) -> ApprovalResult:
    """Start the question's workflow, say so, and wait for its answer."""
    try:
        child = await workflow.start_child_workflow(
            APPROVAL,
            request,
            id=approval,
            result_type=ApprovalResult,
            memo={"parent_run": workflow.info().first_execution_run_id},
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            static_summary=f"{name}: {str(request['title'])[:150]}",
        )
    except WorkflowAlreadyStartedError:  # after a reset the question is out already
        return await _adopt(approval, name, attempt, is_put)
    is_put.set()
    return await child


async def _adopt(approval: str, name: str, attempt: int, is_put: asyncio.Event) -> ApprovalResult:
    """Take over a question that was put before this workflow was reset."""
    me, answers = workflow.info(), _answers()
    request = FetchChild(workflow_id=approval, first_run_id=me.first_execution_run_id)
    child = await read(FETCH_CHILD, request, Child)
    if not child.is_ours:
        raise ApplicationError(f"id {approval!r} belongs to another workflow; ask with another name or attempt")
    is_put.set()
    if child.is_open:
        report = ReportTo(workflow_id=me.workflow_id, step=name, n=attempt)
        try:
            await workflow.get_external_workflow_handle(approval).signal("report_to", report)
        except ApplicationError:  # it has closed in between
            child = await read(FETCH_CHILD, request, Child)
        else:
            await workflow.wait_condition(lambda: approval in answers)
            return answers[approval]
    if child.result is None:
        raise ApplicationError(f"approval {approval!r} ended without an outcome: {child.error}", non_retryable=True)
    return child.result


def _answers() -> dict[str, ApprovalResult]:
    """Return where adopted questions of this workflow report to: one handler, however many questions."""
    if workflow.get_signal_handler("answered") is None:  # pyright: ignore[reportUnknownMemberType] - untyped in the SDK
        known: dict[str, ApprovalResult] = {}

        def answered(told: Answered) -> None:
            known[told.approval] = told.result

        workflow.set_signal_handler("answered", answered)  # pyright: ignore[reportUnknownMemberType]
        setattr(workflow.instance(), _KNOWN, known)
    found: dict[str, ApprovalResult] = getattr(workflow.instance(), _KNOWN)
    return found


_KNOWN = "_hitl_answers"
