"""Puts the pages into the HTTP service, with their stylesheet and the key that signs sessions.

Must not know: what the pages show.
"""

import secrets
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from hitl_temporal.api.pages import approvals, catalog, inbox, login, many, previews, runs
from hitl_temporal.api.pages.session import Sessions

STATIC = Path(__file__).parent.parent / "static"


def install(app: FastAPI) -> None:
    """Add every page; a restart makes a new key, so everybody logs in again."""
    app.state.sessions = Sessions(secrets.token_bytes(32))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    pages = (inbox, many, approvals, runs, catalog, previews, login)
    for router in (page.router for page in pages):
        app.include_router(router)
