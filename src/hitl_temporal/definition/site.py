"""The document of a project: its calendars, decision tables, resources, blackouts, policies and alert routes.

Must not know: flows, files.
"""

from typing import Annotated

from pydantic import ConfigDict, Field

from hitl_temporal.domain.approval.routes import Table
from hitl_temporal.domain.calendar import CalendarDocument
from hitl_temporal.domain.flow.alerts import AlertRoute, RouteName
from hitl_temporal.domain.flow.policies import Policy
from hitl_temporal.domain.resources.document import RESOURCE_NAME, Resource
from hitl_temporal.domain.schedules import Blackout
from hitl_temporal.domain.value import Value

__all__ = ["Calendars", "Site"]


class Calendars(Value):
    """The calendars by name, and the name of the one that holds where nothing else is written."""

    # The names stand beside `default` in the document; pydantic checks what stands there as extras of this type.
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, CalendarDocument] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]

    default: str | None = None
    """None: MON-FRI 09:00-17:00 UTC."""

    @property
    def by_name(self) -> dict[str, CalendarDocument]:
        """The calendars of this project."""
        return dict(self.__pydantic_extra__)


class Site(Value):
    """What holds for the whole project, as site.yaml writes it."""

    calendars: Calendars = Calendars()
    routes: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=100)], Table] = Field(
        default_factory=dict
    )
    """Decision tables by name: which stages a request goes through."""
    resources: dict[Annotated[str, Field(pattern=RESOURCE_NAME, max_length=100)], Resource] = Field(
        default_factory=dict
    )
    """What runs share, by name: how many units there are of it."""
    blackouts: dict[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=100)],
        Annotated[tuple[Blackout, ...], Field(min_length=1)],
    ] = Field(default_factory=dict)
    """Times by name in which the flows that name them start nothing by themselves."""
    policies: tuple[Policy, ...] = ()
    """What holds for actions on runs; the first that matches counts."""
    notify: dict[RouteName, AlertRoute] = Field(default_factory=dict)
    """Alert routes by name: who is told, and whom after them."""
