"""Forms that people send: read within bounds, and taken only from a page of the sender's own session.

Must not know: which fields a form has.
"""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, HTTPException, Request

from hitl_temporal.api.bodies import MAX_BODY_BYTES, bounded
from hitl_temporal.api.pages.visitor import COOKIE, Me, sessions

MAX_FIELDS = 500
TOKEN = "form_token"  # noqa: S105 - the name of the field


async def open_form(request: Request) -> dict[str, str]:
    """Return the fields of a URL-encoded form; of a field sent twice the last one counts.

    Browsers send line ends as CR LF; what people wrote has LF.

    Raises:
        HTTPException: The form is too large (413) or has too many fields (400).
    """
    body = await bounded(request)
    if body is None:
        raise HTTPException(413, f"the form is larger than {MAX_BODY_BYTES} bytes")
    try:
        fields = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise HTTPException(400, f"the form has more than {MAX_FIELDS} fields") from error
    return {name: text.replace("\r\n", "\n") for name, text in fields}


async def own_form(request: Request, _: Me) -> dict[str, str]:
    """Return the fields of a form that was made for the visitor's session.

    Raises:
        HTTPException: Another site, or an older session, made the form (403).
    """
    form = await open_form(request)
    if not sessions(request).is_form_token(request.cookies.get(COOKIE, ""), form.get(TOKEN, "")):
        raise HTTPException(403, "this form was not made for your session; open the page again and send it from there")
    return form


OpenForm = Annotated[dict[str, str], Depends(open_form)]
OwnForm = Annotated[dict[str, str], Depends(own_form)]
