"""One run: its steps, why it waits, what it has given for a time, and what has happened, with the proof of it.

Must not know: how a trail is proved, who may do what (`grants` says what to offer, the run what becomes of it).
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from hitl_temporal.api.addresses import RUN
from hitl_temporal.api.identity import UseCases
from hitl_temporal.api.pages import grants
from hitl_temporal.api.pages.forms import OwnForm
from hitl_temporal.api.pages.people import names_of
from hitl_temporal.api.pages.rendering import render
from hitl_temporal.api.pages.route import page_router
from hitl_temporal.api.pages.timeline import timeline
from hitl_temporal.api.pages.visitor import Me, Visitor
from hitl_temporal.api.pages.words import operated, wrong
from hitl_temporal.api.receipts import receipt_response
from hitl_temporal.app.services import Services
from hitl_temporal.domain.flow.commands import Receipt
from hitl_temporal.domain.flow.state import FINAL
from hitl_temporal.domain.flow.timeline import Bar
from hitl_temporal.domain.flow.timeline import timeline as gantt
from hitl_temporal.domain.flow.views import Status
from hitl_temporal.service.audit import Audit, Trail
from hitl_temporal.service.errors import NotFoundError
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.runs import Refusal

MOST_BARS = 200
"""Of a timeline: the first of them; `hitl show ID --timeline` has more."""

router = page_router()


@router.get(f"/runs/{RUN}")
async def run_page(request: Request, run_id: str, visitor: Me, use: UseCases) -> HTMLResponse:
    """Show one run, or why it was refused."""
    return await _page(request, run_id, visitor, use, {})


@router.post(f"/runs/{RUN}")
async def act(request: Request, run_id: str, visitor: Me, use: UseCases, form: OwnForm) -> Response:
    """Give back what was given for a time, or let it last longer; what does not fit comes back to be mended."""
    action = form.get("action", "")
    if action not in grants.FIELDS:
        raise HTTPException(400, f"{action[:50]!r} is nothing that this page does to a run; open it again")
    receipt = await use.runs.operate(visitor.me, run_id, action, grants.body(action, form))
    if receipt.status in {"done", "asked"}:
        return RedirectResponse(f"/runs/{quote(run_id, safe='')}", 303)
    if receipt.status == "invalid":
        return await _page(request, run_id, visitor, use, form, error=wrong(receipt.reason))
    return _told(request, run_id, receipt, form)


async def _page(
    request: Request, run_id: str, visitor: Visitor, use: Services, form: Mapping[str, str], *, error: str = ""
) -> HTMLResponse:
    run = await use.runs.show(visitor.me, run_id)
    if isinstance(run, Refusal):
        return render(request, "refused_run.html", run=run)
    reasons = await use.runs.why(visitor.me, run_id)
    jobs = await use.runs.jobs(visitor.me, run_id)
    trail = await _trail(use.audit, visitor.me, run_id)
    moments = timeline(trail.facts) if trail else ()
    acting = [p for named in (*(r.by for r in reasons), *(m.who for m in moments)) for p in named]
    wishing = [e.by for step in run.steps.values() if step.grant is not None for e in step.grant.extensions]
    return render(
        request,
        "run.html",
        status=422 if error else 200,
        run=run,
        jobs={job.step: job for job in jobs},
        why={reason.step: reason for reason in reasons},
        trail=trail,
        moments=moments,
        bars=_bars(run, trail),
        names=await names_of(use.directory, [run.requester, run.on_behalf_of, *acting, *wishing]),
        may=grants.offers(run, visitor.me),
        form={"action": "", "for": "", "reason": "", **form},
        tried=form.get("step", ""),
        error=error,
        key=secrets.token_urlsafe(16),
    )


def _bars(run: Status, trail: Trail | None) -> tuple[tuple[Bar, float, float], ...]:
    """Return when each step was under way, and is projected to be; from where to where in the whole, in percent."""
    projection = run.projection
    spans = () if projection is None else projection.steps
    found = gantt(
        run.id,
        () if trail is None else trail.facts,
        datetime.now(UTC),
        projected=[(s.step, s.start, s.end) for s in spans if s.state not in FINAL],
        critical=() if projection is None else [s.step for s in projection.critical_path],
    )
    if not found:
        return ()
    first, last = found[0].start, max(bar.end for bar in found)
    whole = (last - first).total_seconds() or 1.0
    return tuple(
        (bar, 100 * (bar.start - first).total_seconds() / whole, 100 * (bar.end - bar.start).total_seconds() / whole)
        for bar in found[:MOST_BARS]
    )


def _told(request: Request, run_id: str, receipt: Receipt, form: Mapping[str, str]) -> HTMLResponse:
    return render(
        request,
        "receipt.html",
        status=receipt_response(receipt).status_code,
        kind="/runs",
        subject=run_id,
        headline=operated(receipt),
        receipt={"status": receipt.status, "reason": receipt.reason, "tally": ""},
        is_taken=receipt.status == "recorded",
        steps_up=False,
        is_kept=False,
        said=(),
        comment=form.get("reason", ""),
    )


async def _trail(audit: Audit, me: Identity, run_id: str) -> Trail | None:
    """Return the trail as far as it has been told, None while nothing has."""
    try:
        return await audit.show(me, run_id)
    except NotFoundError:
        return None
