"""Who would be asked, and why, before anything is started: for whoever may start the flow.

Must not know: HTTP, terminals, how it is judged (`domain.flow.preview`).
"""

from datetime import UTC, datetime

from pydantic import AwareDatetime

from hitl_temporal.domain.expressions import ExpressionError
from hitl_temporal.domain.flow.machine import new_run
from hitl_temporal.domain.flow.preview import AskPreview, previews, wanted
from hitl_temporal.domain.value import Json, Value
from hitl_temporal.effects.rosters import read_roster
from hitl_temporal.ports import AbsenceBook, Catalogue, Directory
from hitl_temporal.service.errors import InvalidError
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.questions import as_put, calendars_of
from hitl_temporal.service.starting import demand_may_start, load

NO_RUN = "preview"
"""In the place of a run's id: there is none, and no expression sees it."""


class Previewed(Value):
    """A flow as it would ask people if it were started now.

    Attributes:
        asks: One entry per step that asks, in the order of the document.
    """

    flow: str
    requester: str
    on_behalf_of: str | None
    at: AwareDatetime
    asks: tuple[AskPreview, ...]


class Previews:
    """The use case of a dry run."""

    def __init__(self, catalogue: Catalogue, directory: Directory, absences: AbsenceBook) -> None:
        self._catalogue = catalogue
        self._directory = directory
        self._absences = absences

    async def preview(self, me: Identity, flow: str, inputs: Json, *, on_behalf_of: str | None = None) -> Previewed:
        """Return whom a run started by me with these inputs would ask; nothing is started, nobody is told.

        Raises:
            NotFoundError: No such flow.
            InvalidError: The inputs, or the person acted for, do not fit.
            ForbiddenError: The flow's `start` does not name me.
        """
        loaded = await load(self._catalogue, flow, inputs)
        definition = loaded.definition
        await demand_may_start(self._directory, me, definition, on_behalf_of)
        written = {s.step.id: s.step.ask for s in definition.plan.every if s.step.ask is not None}
        asks = {step: await as_put(self._catalogue, definition, ask) for step, ask in written.items()}
        try:
            run = new_run(
                NO_RUN,
                definition,
                loaded.inputs,
                requester=me.person,
                on_behalf_of=on_behalf_of,
                calendars=await calendars_of(self._catalogue, asks.values()),
                at=datetime.now(UTC),
            )
        except ExpressionError as error:  # such a run would be refused at its start
            raise InvalidError(f"vars: {error.told(definition.hides)}") from error
        roster = await read_roster(self._directory, self._absences, *wanted(run, asks))
        return Previewed(
            flow=flow,
            requester=me.person,
            on_behalf_of=on_behalf_of,
            at=run.started_at,
            asks=previews(run, asks, roster),
        )
