"""One approval: what is asked, how it stands, and the form to decide it.

Must not know: who may decide; the judge tells.
"""

import secrets

from fastapi import Request
from fastapi.responses import HTMLResponse

from hitl_temporal.api.identity import UseCases
from hitl_temporal.api.pages.forms import OwnForm
from hitl_temporal.api.pages.people import names_of
from hitl_temporal.api.pages.rendering import render
from hitl_temporal.api.pages.route import page_router
from hitl_temporal.api.pages.visitor import Me
from hitl_temporal.api.pages.words import headline, why_not
from hitl_temporal.api.problems import receipt_response
from hitl_temporal.domain.approval.views import Status

router = page_router()

FIELDS = ("outcome", "comment", "digest", "key")
"""What the form sends of a decision; the door adds who and how."""


# `:path`, since a foreign id may have slashes.
@router.get("/approvals/{approval_id:path}")
async def approval_page(request: Request, approval_id: str, visitor: Me, use: UseCases) -> HTMLResponse:
    """Show one approval; the form carries what was shown, and a key that makes sending it twice harmless."""
    status = await use.approvals.show(visitor.me, approval_id)
    return render(
        request,
        "approval.html",
        approval=status,
        names=await names_of(use.directory, _people(status)),
        why_not=why_not(status, visitor.me.person),
        failed=[d for d in status.deliveries if d.state == "failed"],
        key=secrets.token_urlsafe(16),
    )


@router.post("/approvals/{approval_id:path}")
async def decide(request: Request, approval_id: str, visitor: Me, use: UseCases, form: OwnForm) -> HTMLResponse:
    """Decide and show the receipt, with the status that the API gives it."""
    answer = {name: form[name] for name in FIELDS if form.get(name)}
    receipt = await use.approvals.act(visitor.me, approval_id, "decide", answer)
    problem = receipt_response(receipt)
    return render(
        request,
        "receipt.html",
        status=problem.status_code,
        headers={k: v for k, v in problem.headers.items() if k == "www-authenticate"},
        approval_id=approval_id,
        headline=headline(receipt),
        receipt=receipt,
        is_taken=receipt.status in {"counted", "recorded"},
        comment=form.get("comment", ""),
    )


def _people(status: Status) -> list[str | None]:
    stages = [p for stage in status.stages for p in (*stage.asked, *stage.may_act)]
    acted = [p for decision in status.decisions for p in (decision.actor, decision.on_behalf_of)]
    return [status.requester, status.on_behalf_of, *stages, *acted, *(d.person for d in status.deliveries)]
