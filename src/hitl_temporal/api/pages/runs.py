"""One run: its steps, why it waits, and what has happened, with the proof that nothing of it was changed.

Must not know: how a trail is proved.
"""

from fastapi import Request
from fastapi.responses import HTMLResponse

from hitl_temporal.api.identity import UseCases
from hitl_temporal.api.pages.people import names_of
from hitl_temporal.api.pages.rendering import render
from hitl_temporal.api.pages.route import page_router
from hitl_temporal.api.pages.timeline import timeline
from hitl_temporal.api.pages.visitor import Me
from hitl_temporal.service.audit import Audit, Trail
from hitl_temporal.service.errors import NotFoundError
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.runs import Refusal

router = page_router()


@router.get("/runs/{run_id:path}")
async def run_page(request: Request, run_id: str, visitor: Me, use: UseCases) -> HTMLResponse:
    """Show one run, or why it was refused."""
    run = await use.runs.show(visitor.me, run_id)
    if isinstance(run, Refusal):
        return render(request, "refused_run.html", run=run)
    reasons = await use.runs.why(visitor.me, run_id)
    trail = await _trail(use.audit, visitor.me, run_id)
    moments = timeline(trail.facts) if trail else ()
    acting = [p for named in (*(r.by for r in reasons), *(m.who for m in moments)) for p in named]
    return render(
        request,
        "run.html",
        run=run,
        why={reason.step: reason for reason in reasons},
        trail=trail,
        moments=moments,
        names=await names_of(use.directory, [run.requester, run.on_behalf_of, *acting]),
    )


async def _trail(audit: Audit, me: Identity, run_id: str) -> Trail | None:
    """Return the trail as far as it has been told, None while nothing has."""
    try:
        return await audit.show(me, run_id)
    except NotFoundError:
        return None
