"""What a run has under way outside: calls, questions, compensations; each ends as an event for the domain.

A question is a child workflow of its own that outlives its parent's continue-as-new; the new run adopts it
(docs/measured.md): it asks the child to report, and reads the result of one that has closed meanwhile.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from pydantic import ValidationError
from temporalio import workflow
from temporalio.common import RetryPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.approval.ask import Ask
    from hitl_temporal.domain.audit import TraceParent, Trail
    from hitl_temporal.domain.flow import events
    from hitl_temporal.domain.flow.effects import StartAsk, StartCall, StopStep
    from hitl_temporal.domain.flow.state import Run
    from hitl_temporal.domain.problems import first_problem
    from hitl_temporal.domain.value import Json, canonical
    from hitl_temporal.messages import APPROVAL, FETCH_CHILD, ApprovalResult, Child, FetchChild, ReportTo

from hitl_temporal.engine import options
from hitl_temporal.engine.question import Question
from hitl_temporal.engine.reading import read
from hitl_temporal.engine.renewal import Renewal
from hitl_temporal.engine.tasks import Tasks
from hitl_temporal.engine.withdrawing import withdraw

MAX_OUTPUT_BYTES = 256 * 1024
"""Of one step: all of them together travel in one payload, which Temporal bounds at 2 MiB."""


class Errands:
    """Starts, stops and adopts; puts what comes of it into `news`."""

    def __init__(self, news: list[events.Event], renewal: Renewal, postponed: tuple[StartCall, ...] = ()) -> None:
        self._news = news
        self._renewal = renewal
        self.tasks = Tasks()
        self._calls: set[str] = set()
        self._put: set[str] = set()
        """Questions that are out and ours."""
        self._strange: set[str] = set()
        """Ids that belong to somebody else's."""
        self._delicate = 0
        """How many tasks may not be left now: questions being put or adopted, withdrawals on their way."""
        self._is_postponing = False
        self._postponed: list[StartCall] = list(postponed)

    @property
    def are_open(self) -> bool:
        """Whether anything is under way."""
        return len(self.tasks) > 0

    @property
    def may_be_left(self) -> bool:
        """Whether the run may continue as new: what a new run could not take up again is not under way."""
        return not self._calls and self._delicate == 0

    @property
    def calls_in_flight(self) -> bool:
        """Whether a call is under way: it can't be carried over continue-as-new, a question can."""
        return bool(self._calls)

    @property
    def postponed(self) -> tuple[StartCall, ...]:
        """Calls that the next run starts."""
        return tuple(self._postponed)

    def postpone_calls(self) -> None:
        """Start no more calls in this run."""
        self._is_postponing = True

    def carry_out(self, effect: StartCall | StartAsk | StopStep, trail: Trail) -> None:
        """Begin an effect; its end arrives in `news`."""
        match effect:
            case StartCall() if self._is_postponing:
                self._postponed.append(effect)
            case StartCall():
                self._start(effect)
            case StartAsk():
                self.tasks.start(Question.of(effect).task, self._ask(effect, trail))
            case StopStep():
                self._stop(effect)

    def resume(self, run: Run) -> None:
        """Take up what a run that continued as new has left: postponed calls, open questions."""
        postponed, self._postponed = self._postponed, []
        for call in postponed:
            self._start(call)
        for question in Question.all_of(run):
            self.tasks.start(question.task, self._adopt(question))

    def close(self, question: Question) -> None:
        """Stop waiting for a question whose answer came as a signal."""
        self.tasks.cancel(question.task)

    def _start(self, effect: StartCall) -> None:
        self._calls.add(effect.key)
        task = self.tasks.start(_task_name(effect), self._call(effect))
        task.add_done_callback(lambda done: self._ended(effect, done))

    def _ended(self, effect: StartCall, task: asyncio.Task[None]) -> None:
        """Say so when a call was stopped before its task had even begun: nobody else would."""
        self._calls.discard(effect.key)
        if task.cancelled():
            self._news.append(events.JobCancelled(at=workflow.now(), step=effect.step, n=effect.n))

    @contextmanager
    def _delicately(self) -> Generator[None]:
        self._delicate += 1
        try:
            yield
        finally:
            self._delicate -= 1

    async def _call(self, effect: StartCall) -> None:
        try:
            found: Json = await workflow.execute_activity(
                effect.activity,
                effect.arguments,
                activity_id=effect.key.removeprefix(f"{workflow.info().workflow_id}."),
                task_queue=f"{workflow.info().task_queue}-pool-{effect.pool}" if effect.pool else None,
                summary=effect.summary,
                start_to_close_timeout=effect.timeout,
                schedule_to_close_timeout=effect.budget,
                heartbeat_timeout=None if effect.pool else min(options.HEARTBEAT, effect.timeout),
                retry_policy=RetryPolicy(
                    initial_interval=effect.first_backoff,
                    maximum_interval=max(effect.max_backoff, effect.first_backoff),
                    maximum_attempts=effect.attempts,
                    non_retryable_error_types=options.PERMANENT,
                ),
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            )
            event = self._success(effect, found)
        except ActivityError as error:
            event = self._failure(effect, error)
        self._renewal.sample()
        self._news.append(event)

    @staticmethod
    def _success(effect: StartCall, found: Json) -> events.Event:
        at = workflow.now()
        if effect.undo:
            return events.UndoSucceeded(at=at, step=effect.step)
        outputs: dict[str, Json] = found if isinstance(found, dict) else {"result": found}
        try:
            size = len(canonical(outputs).encode())
            if size > MAX_OUTPUT_BYTES:
                reason = f"its outputs have {size} bytes, at most {MAX_OUTPUT_BYTES} are kept: return a reference"
                return events.JobFailed(at=at, step=effect.step, n=effect.n, error=reason)
            return events.JobSucceeded(at=at, step=effect.step, n=effect.n, outputs=outputs)
        except (ValidationError, ValueError, RecursionError) as error:  # too deep, or no JSON at all
            what = first_problem(error) if isinstance(error, ValidationError) else str(error)[:300]
            reason = f"its outputs can't be kept: {what}"
            return events.JobFailed(at=at, step=effect.step, n=effect.n, error=reason)

    @staticmethod
    def _failure(effect: StartCall, error: ActivityError) -> events.Event:
        at = workflow.now()
        if is_cancelled_exception(error) and not effect.undo:
            return events.JobCancelled(at=at, step=effect.step, n=effect.n)
        reason = _reason(error)
        if effect.undo:
            return events.UndoFailed(at=at, step=effect.step, error=reason)
        return events.JobFailed(at=at, step=effect.step, n=effect.n, error=reason)

    async def _ask(self, effect: StartAsk, trail: Trail) -> None:
        question = Question.of(effect)
        document = effect.ask.model_dump(mode="json", by_alias=True)
        request: dict[str, Json] = {
            **document,
            "requester": effect.requester,
            "on_behalf_of": effect.on_behalf_of,
            "context": effect.context,
            "fields": {path: field.model_dump(mode="json", by_alias=True) for path, field in effect.fields.items()},
            "origin": effect.origin.model_dump(mode="json"),
            "parent": TraceParent.of(trail).model_dump(mode="json"),
        }
        with self._delicately():
            try:
                child = await workflow.start_child_workflow(
                    APPROVAL,
                    request,
                    id=effect.approval,
                    result_type=ApprovalResult,
                    memo={"parent_run": workflow.info().first_execution_run_id},
                    # A run that continues as new, or is terminated, must not take its open questions with it.
                    parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                    cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    static_summary=f"{effect.step}: {_first_line(effect.ask)}",
                )
                self._put.add(effect.approval)
            except WorkflowAlreadyStartedError:  # a reset to before the start: the question is out already
                child = None
        if child is None:
            await self._adopt(question)
            return
        try:
            answer = await asyncio.shield(child)
        except ChildWorkflowError as error:
            self._news.append(_child_failed(question, error))
        else:
            self._news.append(question.answered(answer))
        self._renewal.sample()

    async def _adopt(self, question: Question) -> None:
        """Take over a question that another run of ours has put, or learn that the id is somebody else's."""
        with self._delicately():
            approval = question.approval
            request = FetchChild(workflow_id=approval, first_run_id=workflow.info().first_execution_run_id)
            child = await read(FETCH_CHILD, request, Child)
            (self._put if child.is_ours else self._strange).add(approval)
            if child.is_open:
                report = ReportTo(workflow_id=workflow.info().workflow_id, step=question.step, n=question.n)
                try:
                    await workflow.get_external_workflow_handle(approval).signal("report_to", report)
                    return
                except ApplicationError:  # it has closed in between
                    child = await read(FETCH_CHILD, request, Child)
        if not child.is_ours:
            self._news.append(question.taken())
        elif child.result is not None:
            self._news.append(question.answered(child.result))
        else:
            self._news.append(question.failed(child.error))

    def _stop(self, effect: StopStep) -> None:
        if effect.approval is not None:
            self.tasks.start(f"{effect.approval}:withdraw", self._withdraw(effect.approval, effect.reason))
        elif any(call.step == effect.step for call in self._postponed):  # it was never begun
            self._postponed = [call for call in self._postponed if call.step != effect.step]
            self._news.append(events.JobCancelled(at=workflow.now(), step=effect.step, n=effect.n))
        else:
            self.tasks.cancel(effect.step)

    async def _withdraw(self, approval: str, reason: str) -> None:
        """Take a question back; its outcome, whatever it is, ends the step."""
        with self._delicately():
            # A signal to a workflow that is not there yet would be taken for one that has closed.
            await workflow.wait_condition(lambda: approval in self._put or approval in self._strange)
            if approval not in self._strange:
                await withdraw(approval, reason)


def _task_name(effect: StartCall) -> str:
    return f"{effect.step}:undo" if effect.undo else effect.step


def _first_line(ask: Ask) -> str:
    return ask.title.splitlines()[0][:150] if ask.title else "approval"


def _reason(error: ActivityError) -> str:
    """Return what happened in one bounded line, with the error's type: the innermost cause says most."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    kind = cause.type if isinstance(cause, ApplicationError) and cause.type else type(cause).__name__
    return f"{kind}: {cause}"[:1000]


def _child_failed(question: Question, error: ChildWorkflowError) -> events.Event:
    if is_cancelled_exception(error):
        return question.stopped()
    return question.failed(f"the approval failed: {error.cause or error}"[:1000])
