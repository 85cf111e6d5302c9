"""Addresses of pages, for programs that have to send a person there.

Must not know: what the pages show.
"""

from urllib.parse import quote

from fastapi import Request


def approval_page(request: Request, approval_id: str) -> str:
    """Return where a person finds this approval, at the address under which the service was called."""
    return f"{request.base_url}approvals/{quote(approval_id, safe='')}"
