"""`If-Match` of a decision: what its sender has seen, said in the header instead of the body.

Whether that is still so is not for this door to say: the judge answers `superseded`.

Source: https://www.rfc-editor.org/rfc/rfc9110#field.if-match (2026-11).

Must not know: how anything is judged.
"""

import re
from collections.abc import Mapping
from typing import Annotated

from fastapi import Header

from hitl_temporal.api.bodies import BadBodyError, Body

IfMatch = Annotated[
    str | None, Header(alias="If-Match", max_length=300, description="The ETag of what was seen: its digest.")
]

_TAG = re.compile(r'(?:W/)?"(?P<quoted>[^"]*)"|(?P<bare>[^",\s]+)')
"""One entity tag; a proxy that compresses makes ours weak, and people forget the quotes."""


def bound(body: Mapping[str, object], if_match: str | None) -> dict[str, object]:
    """Return the body of a decision with the digest of its header; `*` binds it to nothing.

    Raises:
        BadBodyError: The header is not one entity tag, or the body names another digest.
    """
    wanted = (if_match or "*").strip()
    if wanted == "*":
        return dict(body)
    tag = _TAG.fullmatch(wanted)
    if tag is None:
        raise BadBodyError(f'If-Match: {wanted[:100]!r} is not one ETag; send "<digest>" as the approval gave it')
    digest = tag["quoted"] if tag["quoted"] is not None else tag["bare"]
    said = body.get("digest")
    if said is not None and said != digest:
        raise BadBodyError("digest: it is another one than If-Match has; send one of them")
    return {**body, "digest": digest}


async def bound_body(body: Body, if_match: IfMatch = None) -> dict[str, object]:
    """Return the body of a decision, bound to what its sender has seen."""
    return bound(body, if_match)
