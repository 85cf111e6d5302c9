"""The catalogue: which flows there are and what they want to know.

Must not know: HTTP, terminals.
"""

from typing import Protocol

from hitl_temporal.definition.inputs import input_schema
from hitl_temporal.definition.project import Project
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.value import Json, Value
from hitl_temporal.ports import UnknownFlowError
from hitl_temporal.service.errors import NotFoundError


class Library(Protocol):
    """Holds the project's documents as they are now."""

    async def project(self) -> Project:
        """Return all of them."""
        ...

    async def flow(self, name: str) -> Flow:
        """Return one definition; UnknownFlowError when there is none."""
        ...


class FlowCard(Value):
    """One flow as the catalogue shows it; `inputs` is a JSON Schema."""

    name: str
    title: str
    description: str
    category: str
    version: int | str | None
    owner: str | None
    inputs: dict[str, Json]


class FlowCatalogue:
    """Lists and shows flows."""

    def __init__(self, library: Library) -> None:
        self._library = library

    async def list(self) -> tuple[FlowCard, ...]:
        """Return every flow that has no errors, by name."""
        flows = (await self._library.project()).flows
        return tuple(_card(flows[name]) for name in sorted(flows))

    async def show(self, name: str) -> FlowCard:
        """Return one flow.

        Raises:
            NotFoundError: There is none of this name, or its document has errors.
        """
        try:
            return _card(await self._library.flow(name))
        except UnknownFlowError as error:
            raise NotFoundError(error.reason) from error


def _card(flow: Flow) -> FlowCard:
    return FlowCard(
        name=flow.flow,
        title=flow.title or flow.flow,
        description=flow.description,
        category=flow.category,
        version=flow.version,
        owner=flow.owner,
        inputs=input_schema(flow),
    )
