"""Addresses of pages, for programs that have to send a person there.

Must not know: what the pages show.
"""

from urllib.parse import quote

from fastapi import Request


def approval_page(request: Request, approval_id: str) -> str:
    """Return where a person finds this approval, at the address under which the service was called."""
    return f"{request.base_url}approvals/{quote(approval_id, safe='')}"


def receipt_path(approval_id: str, key: str) -> str:
    """Return where a program reads what became of a command, by its key."""
    return f"/v1/approvals/{quote(approval_id, safe='')}/decisions/{quote(key, safe='')}"
