"""Self-service: which flows there are, and a form to start one.

Must not know: who may start what; starting tells.
"""

import secrets
from collections.abc import Mapping
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from hitl_temporal.api.identity import UseCases
from hitl_temporal.api.pages.forms import OwnForm
from hitl_temporal.api.pages.questions import answers, questions
from hitl_temporal.api.pages.rendering import render
from hitl_temporal.api.pages.route import page_router
from hitl_temporal.api.pages.visitor import Me
from hitl_temporal.service.catalogue import FlowCard
from hitl_temporal.service.errors import InvalidError
from hitl_temporal.service.previews import Previewed

router = page_router()


@router.get("/catalog")
async def catalog_page(request: Request, _: Me, use: UseCases) -> HTMLResponse:
    """Show every flow."""
    return render(request, "catalog.html", flows=await use.catalogue.list())


@router.get("/catalog/{flow}")
async def flow_page(request: Request, flow: str, _: Me, use: UseCases) -> HTMLResponse:
    """Show one flow and ask for its inputs; the form carries a key that makes sending it twice start one run."""
    return flow_form(request, await use.catalogue.show(flow), {})


@router.post("/catalog/{flow}")
async def start(request: Request, flow: str, visitor: Me, use: UseCases, form: OwnForm) -> Response:
    """Start a run and show it; when the inputs don't fit, say which and keep what was typed."""
    card = await use.catalogue.show(flow)
    key = form.get("key") or None
    try:
        started = await use.runs.start(visitor.me, flow, answers(card.inputs, form), key=key)
    except InvalidError as error:
        return flow_form(request, card, form, status=422, error=str(error))
    return RedirectResponse(f"/runs/{quote(started.id, safe='')}", 303)


def flow_form(
    request: Request,
    card: FlowCard,
    form: Mapping[str, str],
    *,
    status: int = 200,
    error: str = "",
    preview: Previewed | None = None,
    names: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Return the page of a flow with what was typed, and above it what is wrong with that, or whom it would ask.

    Args:
        request: From a visitor.
        card: The flow.
        form: What was typed; empty: the defaults stand there.
        status: Of the answer.
        error: What is wrong.
        preview: Whom it would ask.
        names: Of the people in the preview, by id.
    """
    asked, key = questions(card.inputs, form), secrets.token_urlsafe(16)
    return render(
        request,
        "flow.html",
        status=status,
        flow=card,
        questions=asked,
        key=key,
        error=error,
        preview=preview,
        names=names or {},
    )
