"""What a run has under way outside: jobs, questions, runs within, compensations; each ends as an event for the domain.

A question, or a run within, is a child workflow of its own that outlives its parent's continue-as-new; the new run
adopts it (docs/measured.md): it asks the child to report, and reads the result of one that has closed meanwhile.
"""

import asyncio
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import (
    ApplicationError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.approval.ask import Ask
    from hitl_temporal.domain.audit import TraceParent, Trail
    from hitl_temporal.domain.flow import events
    from hitl_temporal.domain.flow.effects import ClaimUnits, ReturnUnits, StartAsk, StartCall, StartFlow, StopStep
    from hitl_temporal.domain.flow.state import Run
    from hitl_temporal.domain.flow.waiting import left_looking, watches
    from hitl_temporal.domain.value import Json
    from hitl_temporal.messages import (
        APPROVAL,
        CLAIM_UNITS,
        FETCH_CHILD,
        RELEASE_UNITS,
        ApprovalResult,
        Child,
        FetchChild,
        ReleaseUnits,
        ReportTo,
        RequestUnits,
        RunResult,
        StartedBy,
        Within,
    )
    from hitl_temporal.messages import ClaimUnits as ClaimUnitsOf

from hitl_temporal.engine import options
from hitl_temporal.engine.jobs import perform
from hitl_temporal.engine.kin import Kin
from hitl_temporal.engine.reading import read
from hitl_temporal.engine.renewal import Renewal
from hitl_temporal.engine.tasks import Tasks
from hitl_temporal.engine.withdrawing import cancel, withdraw

Errand = StartCall | StartFlow | StartAsk | StopStep | ReturnUnits
"""What a run wants done outside."""


class Errands:
    """Starts, stops and adopts; puts what comes of it into `news`."""

    def __init__(self, news: list[events.Event], renewal: Renewal, postponed: tuple[StartCall, ...] = ()) -> None:
        self._news = news
        self._renewal = renewal
        self.tasks = Tasks()
        self._calls: set[str] = set()
        self._put: set[str] = set()
        """Children that are out and ours."""
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

    def carry_out(self, effect: Errand, run: Run, trail: Trail) -> None:
        """Begin an effect; its end arrives in `news`."""
        match effect:
            case StartCall(is_watch=True):
                self._watch(effect)
            case StartCall() if self._is_postponing:
                self._postponed.append(effect)
            case StartCall():
                self._start(effect)
            case StartAsk():
                self.tasks.start(Kin.of(effect).task, self._ask(effect, trail))
            case StartFlow():
                self.tasks.start(Kin.of(effect).task, self._run(effect, run, trail))
            case StopStep():
                self._stop(effect)
            case ReturnUnits():
                self.tasks.start(f"return:{effect.claim}:{effect.resource}", self._give_back(effect))

    def resume(self, run: Run) -> None:
        """Take up what a run that continued as new has left: postponed calls, open children, what is looked for."""
        postponed, self._postponed = self._postponed, []
        for call in postponed:
            self._start(call)
        for kin in Kin.all_of(run):
            self.tasks.start(kin.task, self._adopt(kin))
        for watch in watches(run):
            self._watch(watch)
        for step, n in left_looking(run):
            self._news.append(events.JobCancelled(at=workflow.now(), step=step, n=n))

    def close(self, kin: Kin) -> None:
        """Stop waiting for a child whose end came as a signal."""
        self.tasks.cancel(kin.task)

    def _watch(self, effect: StartCall) -> None:
        """Let a worker look; a run that continues as new leaves it behind, and begins another one."""
        self.tasks.start(effect.step, self._call(effect)).add_done_callback(lambda done: self._ended(effect, done))

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
        event = await perform(effect)
        self._renewal.sample()
        self._news.append(event)

    async def _ask(self, effect: StartAsk, trail: Trail) -> None:
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
        summary = f"{effect.step or 'run'}: {_first_line(effect.ask)}"
        await self._start_child(APPROVAL, [request], Kin.of(effect), ApprovalResult, summary)

    async def _run(self, effect: StartFlow, run: Run, trail: Trail) -> None:
        within = Within(
            definition=run.flows[effect.flow],
            flows=run.flows,
            depth=run.depth + 1,
            workflow_id=run.id,
            first_run_id=workflow.info().first_execution_run_id,
            parent=TraceParent.of(trail),
        )
        started_by = StartedBy(requester=effect.requester, on_behalf_of=effect.on_behalf_of, within=within)
        arguments = [effect.inputs, started_by]
        await self._start_child(effect.flow, arguments, Kin.of(effect), RunResult, f"{effect.step}: {effect.flow}")

    async def _start_child(
        self, kind: str, arguments: Sequence[object], kin: Kin, answer: type[ApprovalResult | RunResult], summary: str
    ) -> None:
        with self._delicately():
            try:
                child = await workflow.start_child_workflow(
                    kind,
                    args=arguments,
                    id=kin.child,
                    result_type=answer,
                    memo={"parent_run": workflow.info().first_execution_run_id},
                    # A run that continues as new, or is terminated, must not take its children with it.
                    parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                    cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    static_summary=summary[:200],
                )
                self._put.add(kin.child)
            except WorkflowAlreadyStartedError:  # a reset to before the start: it is out already
                child = None
        if child is None:
            await self._adopt(kin)
            return
        try:
            ended: ApprovalResult | RunResult = await asyncio.shield(child)
        except ChildWorkflowError as error:
            self._news.append(await self._ended_badly(kin, error))
        else:
            self._news.append(kin.ended(ended) if isinstance(ended, RunResult) else kin.answered(ended))
        self._renewal.sample()

    async def _ended_badly(self, kin: Kin, error: ChildWorkflowError) -> events.Event:
        """Return the event that a child has failed, or was cancelled; a run that has failed still has a result."""
        if not kin.is_run:
            is_cancelled = is_cancelled_exception(error)
            return kin.stopped() if is_cancelled else kin.failed(f"the approval failed: {error.cause or error}"[:1000])
        request = FetchChild(workflow_id=kin.child, first_run_id=workflow.info().first_execution_run_id, is_run=True)
        child = await read(FETCH_CHILD, request, Child)
        return (
            kin.failed(f"the run failed: {error.cause or error}"[:1000]) if child.run is None else kin.ended(child.run)
        )

    async def _adopt(self, kin: Kin) -> None:
        """Take over a child that another run of ours has started, or learn that the id is somebody else's."""
        with self._delicately():
            request = FetchChild(
                workflow_id=kin.child, first_run_id=workflow.info().first_execution_run_id, is_run=kin.is_run
            )
            child = await read(FETCH_CHILD, request, Child)
            (self._put if child.is_ours else self._strange).add(kin.child)
            if child.is_open:
                report = ReportTo(workflow_id=workflow.info().workflow_id, step=kin.step, n=kin.n)
                try:
                    await workflow.get_external_workflow_handle(kin.child).signal("report_to", report)
                    return
                except ApplicationError:  # it has closed in between
                    child = await read(FETCH_CHILD, request, Child)
        if not child.is_ours:
            self._news.append(kin.taken())
        elif child.result is not None:
            self._news.append(kin.answered(child.result))
        elif child.run is not None:
            self._news.append(kin.ended(child.run))
        else:
            self._news.append(kin.failed(child.error))

    def claim(self, wishes: Sequence[ClaimUnits], at: datetime) -> None:
        """Ask pools for units: what is wished for at one moment together, so that its order is kept."""
        info = workflow.info()
        requests = tuple(
            RequestUnits(
                resource=wish.resource,
                claim=wish.claim,
                units=wish.units,
                priority=wish.priority,
                workflow_id=info.workflow_id,
                run_id=info.first_execution_run_id,
                requested_at=at,
                order=wish.order,
                pool_units=wish.pool_units,
            )
            for wish in wishes
        )
        if requests:
            self.tasks.start(f"claim:{requests[0].claim}:{requests[0].resource}", self._claim(requests))

    async def _claim(self, requests: tuple[RequestUnits, ...]) -> None:
        """The pools answer by a signal, whenever there are units."""
        summary = f"ask for {', '.join(f'{r.units} of {r.resource}' for r in requests)}"
        with self._delicately():
            await workflow.execute_activity(
                CLAIM_UNITS, ClaimUnitsOf(requests=requests), summary=summary[:200], **options.REACH
            )
        self._renewal.sample()

    async def _give_back(self, effect: ReturnUnits) -> None:
        release = ReleaseUnits(resource=effect.resource, claim=effect.claim, at=effect.at)
        with self._delicately():
            await workflow.execute_activity(
                RELEASE_UNITS, release, summary=f"give back {effect.resource}"[:200], **options.REACH
            )
        self._renewal.sample()

    def _stop(self, effect: StopStep) -> None:
        if effect.child is not None:
            self.tasks.start(f"{effect.child}:stop", self._stop_child(effect, effect.child))
        elif any(call.step == effect.step for call in self._postponed):  # it was never begun
            self._postponed = [call for call in self._postponed if call.step != effect.step]
            self._news.append(events.JobCancelled(at=workflow.now(), step=effect.step, n=effect.n))
        else:
            self.tasks.cancel(effect.step)

    async def _stop_child(self, effect: StopStep, child: str) -> None:
        """Take a question back, or cancel a run; its outcome, whatever it is, ends the step."""
        with self._delicately():
            # A signal to a workflow that is not there yet would be taken for one that has closed.
            await workflow.wait_condition(lambda: child in self._put or child in self._strange)
            if child not in self._strange:
                await (cancel if effect.is_run else withdraw)(child, effect.reason)


def _task_name(effect: StartCall) -> str:
    return f"{effect.step}:undo" if effect.undo else effect.step


def _first_line(ask: Ask) -> str:
    return ask.title.splitlines()[0][:150] if ask.title else "approval"
