"""One approval: what is asked, how it stands, what was said, and a form for each verb that the visitor may send.

Must not know: who may do what; `offers` says what to show, the judge what becomes of it.
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from hitl_temporal.api.addresses import APPROVAL
from hitl_temporal.api.identity import UseCases
from hitl_temporal.api.pages import acting
from hitl_temporal.api.pages.forms import OwnForm
from hitl_temporal.api.pages.offers import amendable, offers
from hitl_temporal.api.pages.people import names_of
from hitl_temporal.api.pages.questions import NameOf, questions
from hitl_temporal.api.pages.rendering import render
from hitl_temporal.api.pages.route import page_router
from hitl_temporal.api.pages.stepup import kept_answer, would_wait
from hitl_temporal.api.pages.values import asked, declared, inputs_now
from hitl_temporal.api.pages.visitor import Me, Visitor
from hitl_temporal.api.pages.words import KINDS, REMARKS, comment_hint, headline, overruled, why_not, wrong
from hitl_temporal.api.receipts import receipt_response
from hitl_temporal.app.services import Services
from hitl_temporal.domain.approval.commands import Receipt
from hitl_temporal.domain.approval.status import Status
from hitl_temporal.service.errors import NotFoundError

if TYPE_CHECKING:
    from hitl_temporal.domain.value import Json

router = page_router()

ENDING = frozenset({"decide", "override", "withdraw"})
"""What is answered by a receipt; everything else leads back to the request, where it can be seen."""


@router.get(f"/approvals/{APPROVAL}")
async def approval_page(request: Request, approval_id: str, visitor: Me, use: UseCases) -> HTMLResponse:
    """Show one approval; each form carries a key that makes sending it twice harmless, and an answer what was shown."""
    if not approval_id:  # browsers leave `.` out of an address, and `%2E` too
        raise NotFoundError("this address names no request; one whose id is a dot opens with `hitl show .` alone")
    return await _page(request, await use.approvals.show(visitor.me, approval_id), visitor, use)


@router.post(f"/approvals/{APPROVAL}")
async def act(request: Request, approval_id: str, visitor: Me, use: UseCases, form: OwnForm) -> Response:
    """Do what the form says, and show what became of it; what does not fit comes back to be mended."""
    verb = form.get("verb", "decide")
    if verb not in acting.FIELDS:
        raise HTTPException(400, f"{verb[:50]!r} is nothing that can be done to an approval; open its page again")
    receipt = await use.approvals.act(visitor.me, approval_id, verb, acting.body(verb, form))
    if receipt.status == "counted" and verb not in ENDING:
        return RedirectResponse(f"/approvals/{quote(approval_id, safe='')}", 303)
    if receipt.status == "invalid" and (status := await _visible(use, visitor, approval_id)) is not None:
        return await _page(request, status, visitor, use, verb=verb, form=form, error=wrong(receipt.reason))
    alone = verb == "override" and receipt.status == "counted"
    status = await _visible(use, visitor, approval_id) if alone else None
    said = overruled(status, visitor.me.person) if status is not None else ()
    return _told(request, approval_id, verb, receipt, form, said)


async def _visible(use: Services, visitor: Visitor, approval_id: str) -> Status | None:
    """Return the approval, None to those who may not see it: they are told what is wrong all the same."""
    try:
        return await use.approvals.show(visitor.me, approval_id)
    except NotFoundError:
        return None


def _told(
    request: Request, approval_id: str, verb: str, receipt: Receipt, form: Mapping[str, str], said: tuple[str, ...]
) -> HTMLResponse:
    problem = receipt_response(receipt)
    return render(
        request,
        "receipt.html",
        status=problem.status_code,
        headers={k: v for k, v in problem.headers.items() if k == "www-authenticate"},
        kind="/approvals",
        subject=approval_id,
        headline=headline(receipt, verb),
        receipt=receipt,
        is_taken=receipt.status in {"counted", "recorded"},
        steps_up=receipt.status == "needs_step_up",
        is_kept=verb == "decide",
        said=said,
        comment=form.get("comment") or form.get("text") or form.get("reason", ""),
    )


async def _page(
    request: Request,
    status: Status,
    visitor: Visitor,
    use: Services,
    *,
    verb: str = "",
    form: Mapping[str, str] | None = None,
    error: str = "",
) -> HTMLResponse:
    filled = form or {}

    def typed(of: str, name: str) -> str:
        """Return what was typed into the form of a verb that did not fit."""
        return filled.get(name, "") if of == verb else ""

    form_schema: dict[str, Json] = {"properties": status.form, "required": list(status.required)}
    parts = await declared(use, status)
    inputs = await inputs_now(use, visitor.me, status, parts) if visitor.me.person in status.barred else {}
    answered, amended = (filled if verb == of else {} for of in ("decide", "amend"))
    names = await names_of(use.directory, _people(status))
    stands_in = dict.fromkeys(s.stand_ins[visitor.me.person] for s in status.stages if visitor.me.person in s.stand_ins)
    return render(
        request,
        "approval.html",
        status=422 if error else 200,
        approval=status,
        names=names,
        offers=offers(status, visitor.me, inputs),
        why_not=why_not(status, visitor.me.person),
        comment_hint=comment_hint(status),
        kept=kept_answer(status, visitor.me, datetime.now(UTC)),
        would_wait=would_wait(status, visitor.me),
        acts_for=", ".join(names.get(person, person) for person in stands_in),
        form_questions=questions(form_schema, answered, _named("form")),
        edit_questions=asked(status.edit, parts, answered, _named("edit")),
        amend_questions=asked(amendable(status, inputs), parts, amended, _named("set")),
        failed=[d for d in status.deliveries if d.state == "failed"],
        told=[d for d in status.deliveries if d.state != "failed"],
        remark_words=REMARKS,
        kind_words=KINDS,
        typed=typed,
        tried=verb,
        error=error,
        key=secrets.token_urlsafe(16),
    )


def _named(group: str) -> NameOf:
    return lambda name, is_text: acting.field(group, name, is_text=is_text)


def _people(status: Status) -> list[str | None]:
    found: list[str | None] = [status.requester, status.on_behalf_of]
    for stage in status.stages:
        found.extend((*stage.asked, *stage.may_act, *stage.stand_ins, *stage.stand_ins.values()))
        found.append(stage.claim.holder if stage.claim is not None else None)
    for decision in (*status.decisions, *(v.decision for v in status.voided)):
        found.extend((decision.actor, decision.on_behalf_of))
    for remark in status.conversation:
        found.extend((remark.actor, remark.to))
    found.extend(amendment.actor for amendment in status.amendments)
    found.extend((status.info.by, status.info.to) if status.info is not None else ())
    found.extend(intent.on_behalf_of for intent in status.kept)
    for delivery in status.deliveries:
        found.extend((delivery.person, delivery.on_behalf_of))
    return found
