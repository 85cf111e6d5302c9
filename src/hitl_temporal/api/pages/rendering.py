"""Draws a page from its template. Whatever a template is given is escaped, and a name that it lacks is an error.

Must not know: routes, use cases.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from hitl_temporal.api.pages.markup import paragraphs
from hitl_temporal.api.pages.visitor import visitor_of
from hitl_temporal.api.pages.words import moment, plain, readable, relative, sentence, span, unquoted, value


def render(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **context: object
) -> HTMLResponse:
    """Return a page; every template also knows `visitor` (None when nobody is logged in), `path` and `now`."""
    html = _TEMPLATES.get_template(template).render(
        visitor=visitor_of(request), path=request.url.path, now=datetime.now(UTC), **context
    )
    return HTMLResponse(html, status, dict(headers or {}))


def _segment(name: str) -> str:
    """Return an id as one segment of a path, whatever characters a foreign one has."""
    return quote(name, safe="")


_TEMPLATES = Environment(
    loader=PackageLoader("hitl_temporal.api"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_FILTERS: dict[str, Any] = {  # Jinja2 infers the type of its filters from its own
    "moment": moment,
    "paragraphs": paragraphs,
    "plain": plain,
    "readable": readable,
    "relative": relative,
    "segment": _segment,
    "sentence": sentence,
    "span": span,
    "unquoted": unquoted,
    "value": value,
}
_TEMPLATES.filters.update(_FILTERS)
