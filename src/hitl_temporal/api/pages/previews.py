"""The button "who will be asked" of a flow's page: the same form, with the answer above it and what was typed in it.

Must not know: how it is told who would be asked.
"""

from fastapi import Request, Response

from hitl_temporal.api.identity import UseCases
from hitl_temporal.api.pages.catalog import flow_form
from hitl_temporal.api.pages.forms import OwnForm
from hitl_temporal.api.pages.people import names_of
from hitl_temporal.api.pages.questions import answers
from hitl_temporal.api.pages.route import page_router
from hitl_temporal.api.pages.visitor import Me
from hitl_temporal.service.errors import InvalidError
from hitl_temporal.service.previews import Previewed

router = page_router()


@router.post("/catalog/{flow}/preview")
async def preview(request: Request, flow: str, visitor: Me, use: UseCases, form: OwnForm) -> Response:
    """Show whom a start with these inputs would ask; nothing is started."""
    card = await use.catalogue.show(flow)
    try:
        found = await use.previews.preview(visitor.me, flow, answers(card.inputs, form))
    except InvalidError as error:
        return flow_form(request, card, form, status=422, error=str(error))
    names = await names_of(use.directory, _people(found))
    return flow_form(request, card, form, preview=found, names=names)


def _people(found: Previewed) -> list[str | None]:
    stages = [stage for ask in found.asks for stage in ask.preview.stages]
    left_out = [p.person for stage in stages for p in stage.left_out]
    away = [person for stage in stages for a in stage.away for person in (a.person, a.substitute)]
    return [*left_out, *away, *(p.on_behalf_of for stage in stages for p in stage.people)]
