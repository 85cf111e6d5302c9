"""The route of many decisions at once."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from hitl_temporal.api.bodies import IdempotencyKey, RequestBody
from hitl_temporal.api.description import takes
from hitl_temporal.api.identity import Caller, UseCases
from hitl_temporal.api.links import approval_page
from hitl_temporal.domain.approval.commands import Decide, Name
from hitl_temporal.service.batch import MOST, BatchReceipt, answers_of, decide_many

router = APIRouter(prefix="/v1", tags=["approvals"])


class One(Decide):
    """One decision, and the approval it is about."""

    id: Name


class Many(BaseModel):
    """What is sent; read by `answers_of`, which leaves what each says to the judge."""

    decisions: Annotated[tuple[One, ...], Field(max_length=MOST)]


class AnsweredOne(BatchReceipt):
    """One receipt; `confirm` is the page on which a person confirms what `needs_step_up`."""

    confirm: str | None = None


class Batch(BaseModel):
    """The receipts, in the order of the decisions."""

    receipts: tuple[AnsweredOne, ...]


@router.post("/decisions:batch", response_model_exclude_none=True, openapi_extra=takes(Many))
async def decide_batch(
    request: Request,
    me: Caller,
    use: UseCases,
    body: RequestBody,
    key: IdempotencyKey = None,
) -> Batch:
    """Many decisions: `{decisions: [{id, outcome, comment, form, edit, digest, key, on_behalf_of}]}`, at most 100.

    Always 200 with a receipt for each, in order: whether it counts is in its `status`. An unknown id is
    `not_eligible`, one for which Temporal did not answer `unavailable`, and `unanswered` where it is not
    known whether it was recorded. `Idempotency-Key` is the key of each decision that has none.
    """
    answers = answers_of(body)
    if key is not None:
        answers = tuple(a._replace(body={**a.body, "key": a.body.get("key") or key}) for a in answers)
    receipts = await decide_many(use.approvals, me, answers)
    return Batch(receipts=tuple(_answered(request, receipt) for receipt in receipts))


def _answered(request: Request, receipt: BatchReceipt) -> AnsweredOne:
    confirm = approval_page(request, receipt.id) if receipt.status == "needs_step_up" else None
    return AnsweredOne(**receipt.model_dump(), confirm=confirm)
