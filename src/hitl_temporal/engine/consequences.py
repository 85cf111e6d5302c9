"""What an approval sets going outside, beside its messages: older requests withdrawn, a review asked for.

Each goes on for as long as it takes; the approval ends only when it has been set going.
"""

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.approval.effects import StartReview, Supersede
    from hitl_temporal.domain.approval.state import Approval
    from hitl_temporal.messages import APPROVAL, SUPERSEDE

from hitl_temporal.engine import options
from hitl_temporal.engine.renewal import Renewal
from hitl_temporal.engine.surroundings import about
from hitl_temporal.engine.tasks import Tasks

Consequence = Supersede | StartReview


class Consequences:
    """Carries them out, each once."""

    def __init__(self, renewal: Renewal) -> None:
        self._renewal = renewal
        self._open: dict[str, Consequence] = {}
        self.tasks = Tasks()

    @property
    def open(self) -> tuple[Consequence, ...]:
        """Those that are under way."""
        return tuple(self._open.values())

    def begin(self, effect: Consequence, now: Approval) -> None:
        """Set one going."""
        name = f"supersede {effect.subject}" if isinstance(effect, Supersede) else "review"
        self._open[name] = effect
        self.tasks.start(name, self._carry_out(name, effect, now))

    async def _carry_out(self, name: str, effect: Consequence, now: Approval) -> None:
        match effect:
            case Supersede():
                await workflow.execute_activity(
                    SUPERSEDE, about(now, effect.subject), summary="withdraw older requests", **options.EXPORT
                )
            case StartReview():
                await _ask_for_review(effect)
        self._renewal.sample()
        self._open.pop(name, None)


async def _ask_for_review(effect: StartReview) -> None:
    try:
        await workflow.start_child_workflow(
            APPROVAL,
            effect.request,
            id=effect.approval,
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            static_summary=f"review of {workflow.info().workflow_id}",
        )
    except WorkflowAlreadyStartedError:  # a reset to before the start: it has been asked for already
        workflow.logger.info("review.exists", extra={"approval": effect.approval})
