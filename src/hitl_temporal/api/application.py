"""The application: routes, pages, errors, health."""

import asyncio

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from temporalio.service import RPCError

from hitl_temporal.api import (
    absences,
    approvals,
    batch,
    digest,
    events,
    pages,
    policies,
    previews,
    problems,
    refreshing,
    runs,
    webhooks,
)
from hitl_temporal.api.addresses import AsSent
from hitl_temporal.api.bodies import BadBodyError
from hitl_temporal.api.description import OPEN, describe
from hitl_temporal.api.receipts import receipt_response
from hitl_temporal.app.services import Services
from hitl_temporal.domain.approval.commands import Receipt

READY_WITHIN_SECONDS = 2.0


def create_app(services: Services, *, is_development: bool = False) -> FastAPI:
    """Return the HTTP service.

    Args:
        services: The use cases.
        is_development: Whether callers may just say who they are: `hitl up` on a loopback bind, nothing else.
    """
    app = FastAPI(
        title="hitl-temporal", description="Jobs and people in one durable flow", version="1", strict_content_type=False
    )
    app.state.services = services
    app.state.is_development = is_development
    app.add_middleware(AsSent)
    problems.install(app)
    app.include_router(runs.router)
    app.include_router(approvals.router)
    app.include_router(absences.router)
    app.include_router(batch.router)
    app.include_router(digest.router)
    app.include_router(events.router)
    app.include_router(previews.router)
    app.include_router(policies.router)
    app.include_router(refreshing.router)
    app.include_router(webhooks.router)
    pages.install(app)
    app.openapi = lambda: describe(app)

    async def bad_body(request: Request, error: Exception) -> JSONResponse:
        key = request.headers.get("Idempotency-Key", "")
        return receipt_response(Receipt(status="invalid", reason=str(error), key=key[:200]))

    app.add_exception_handler(BadBodyError, bad_body)

    @app.get("/healthz", tags=[OPEN])
    async def healthz() -> dict[str, str]:
        """Whether this process answers."""
        return {"status": "ok"}

    @app.get("/readyz", tags=[OPEN], response_model=None)
    async def readyz() -> JSONResponse:
        """Whether Temporal answers this process."""
        try:
            async with asyncio.timeout(READY_WITHIN_SECONDS):
                ready = await services.client.service_client.check_health()
        except (RPCError, TimeoutError):
            ready = False
        return JSONResponse({"status": "ok" if ready else "temporal does not answer"}, 200 if ready else 503)

    return app
