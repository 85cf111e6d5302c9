"""Where a simulated run takes place: its people, calendars, resources, and the flows that it may begin.

Must not know: what happens in it.
"""

from collections.abc import Callable, Mapping

from hitl_temporal.domain.absence import Absence
from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.people import People
from hitl_temporal.domain.value import Json

__all__ = ["Check", "Setting"]

Check = Callable[[Flow, dict[str, Json]], dict[str, Json]]
"""Returns the inputs of a flow complete, or raises ValueError."""


def _as_given(_: Flow, inputs: dict[str, Json]) -> dict[str, Json]:
    return inputs


class Setting:
    """Where a run takes place.

    Attributes:
        flows: Those that a step may begin, by name.
        people: The directory.
        absences: Out of office, by person.
        resources: How many units there are of each.
        check: Of the inputs of runs within.
    """

    def __init__(
        self,
        *,
        flows: Mapping[str, Flow] | None = None,
        people: People | None = None,
        absences: Mapping[str, tuple[Absence, ...]] | None = None,
        calendars: Mapping[str, Calendar] | None = None,
        resources: Mapping[str, int] | None = None,
        check: Check = _as_given,
    ) -> None:
        self.flows = dict(flows or {})
        self.people = people or People()
        self.absences = dict(absences or {})
        self.calendars = dict(calendars or {})
        self.resources = dict(resources or {})
        self.check = check
