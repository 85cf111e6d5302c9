"""What is asked before a run: whether there is such a flow, whether its inputs fit, whether the caller may start it.

A start and a preview ask the same, so that a preview shows nobody what they could not ask for.

Must not know: how a run is started.
"""

from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.value import Json
from hitl_temporal.ports import Catalogue, Directory, InvalidInputError, Loaded, UnknownFlowError
from hitl_temporal.service.errors import ForbiddenError, InvalidError, NotFoundError
from hitl_temporal.service.identity import Identity


async def load(catalogue: Catalogue, flow: str, inputs: Json) -> Loaded:
    """Return a definition and its checked inputs.

    Raises:
        NotFoundError: No such flow.
        InvalidError: The inputs do not fit; the message names the field.
    """
    try:
        return await catalogue.load(flow, inputs)
    except UnknownFlowError as error:
        raise NotFoundError(error.reason) from error
    except InvalidInputError as error:
        raise InvalidError(error.reason) from error


async def demand_may_start(directory: Directory, me: Identity, definition: Flow, on_behalf_of: str | None) -> None:
    """Pass whoever may start this flow, for themselves or for this person.

    Raises:
        ForbiddenError: The flow's `start` does not name me.
        InvalidError: The person acted for is none.
    """
    named = [s for s in definition.start if "{{" not in s]
    roster = await directory.read(named, [on_behalf_of] if on_behalf_of else [])
    if definition.start and me.person not in roster.named_by(named):
        raise ForbiddenError(f"{me.person!r} may not start {definition.flow!r}: it is for {', '.join(named)}")
    if on_behalf_of is not None and (stranger := roster.stranger(on_behalf_of)) is not None:
        raise InvalidError(f"on_behalf_of: {stranger}")
