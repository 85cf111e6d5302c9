"""Routes of approvals: inbox, one approval, and its verbs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from hitl_temporal.api.addresses import APPROVAL, KEY
from hitl_temporal.api.bodies import IdempotencyKey, json_object
from hitl_temporal.api.description import takes
from hitl_temporal.api.identity import Caller, UseCases
from hitl_temporal.api.links import approval_page, receipt_path
from hitl_temporal.api.preconditions import bound_body
from hitl_temporal.api.receipts import Answered, answers, receipt_response
from hitl_temporal.domain.approval.commands import STATUSES, VERBS
from hitl_temporal.domain.approval.digest import Item
from hitl_temporal.domain.approval.status import Status
from hitl_temporal.service.errors import UnansweredError
from hitl_temporal.service.reading import Page

router = APIRouter(prefix="/v1/approvals", tags=["approvals"])


VERB_PATHS = {
    "decide": "decisions",
    "comment": "comments",
    "request_info": "info-requests",
    "provide_info": "info",
    "delegate": "delegations",
    "reassign": "reassignments",
    "add_approver": "approvers",
    "claim": "claim",
    "release_claim": "claim",
    "withdraw": "withdrawal",
    "amend": "amendments",
    "override": "override",
    "extend": "extensions",
    "retract": "retractions",
}
"""The path of each verb of an approval; a test compares it with the table of verbs."""


RECEIPTS = answers(Answered, STATUSES)


@router.get("")
async def list_approvals(
    me: Caller,
    use: UseCases,
    person: Annotated[str | None, Query(max_length=200, description="Somebody else; for operators and admins.")] = None,
    state: str | None = None,
    flow: str | None = None,
    q: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[Item]:
    """What I may decide now, soonest due first; with `state`, everything I may see in that state."""
    return await use.approvals.list(me, person=person, state=state, flow=flow, text=q, cursor=cursor, limit=limit)


@router.get(f"/{APPROVAL}/decisions/{KEY}", response_model=None, responses=RECEIPTS)
async def show_receipt(approval_id: str, key: str, me: Caller, use: UseCases) -> JSONResponse:
    """What became of a command of mine that was `recorded`, whatever its verb was."""
    return receipt_response(await use.approvals.receipt(me, approval_id, key))


def _add(verb: str, path: str) -> None:
    read = bound_body if verb == "decide" else json_object

    async def act(
        request: Request,
        approval_id: str,
        me: Caller,
        use: UseCases,
        body: Annotated[dict[str, object], Depends(read)],
        key: IdempotencyKey = None,
    ) -> JSONResponse:
        command = {**body, "key": key} if key is not None else body
        try:
            receipt = await use.approvals.act(me, approval_id, verb, command)
        except UnansweredError as lost:
            said = f"{lost}. What became of it: GET {receipt_path(approval_id, lost.key)}"
            raise UnansweredError(said, lost.key) from lost
        return receipt_response(receipt, confirm=approval_page(request, approval_id))

    act.__doc__ = f"`{verb}` as the caller; the body is the receipt, its status says what became of it."
    router.add_api_route(
        f"/{APPROVAL}/{path}",
        act,
        methods=["DELETE" if verb == "release_claim" else "POST"],
        name=verb,
        response_model=None,
        responses=RECEIPTS,
        openapi_extra=takes(VERBS[verb].command),
    )


for _verb, _path in VERB_PATHS.items():
    _add(_verb, _path)


# Last: bare slashes of a foreign id are taken, too, so this one takes whatever no other route has taken.
# The keys that were spent tell people nothing: a receipt has a route of its own.
@router.get(f"/{APPROVAL}", response_model_exclude={"spent"})
async def show_approval(approval_id: str, me: Caller, use: UseCases, response: Response) -> Status:
    """One approval: what is asked, the stages with tally, decisions, deliveries. The ETag is the digest."""
    status = await use.approvals.show(me, approval_id)
    response.headers["ETag"] = f'"{status.digest}"'
    return status
