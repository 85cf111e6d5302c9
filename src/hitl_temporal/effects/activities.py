"""The platform's activities: each carries out one effect through a port, and may safely be repeated.

Must not know: workflows, who stands behind a port.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any

from temporalio import activity

from hitl_temporal.domain.approval.message import Message
from hitl_temporal.domain.flow.effects import Notify
from hitl_temporal.domain.flow.policies import governing
from hitl_temporal.domain.value import digest
from hitl_temporal.effects.alerting import tell
from hitl_temporal.effects.rosters import read_roster
from hitl_temporal.effects.sending import Sending
from hitl_temporal.effects.server_clock import ServerClock
from hitl_temporal.messages import (
    ALERT,
    DELIVER,
    EXPORT_FACTS,
    LOAD_FLOW,
    READ_PEOPLE,
    READ_ROUTE,
    AlertTold,
    Delivered,
    Facts,
    FlowLoaded,
    LoadFlow,
    PeopleRead,
    ReadPeople,
    ReadRoute,
    RouteRead,
)
from hitl_temporal.ports import (
    AbsenceBook,
    AuditSink,
    Catalogue,
    Directory,
    InvalidInputError,
    Notifier,
    PermanentError,
    TemporaryError,
    UnknownFlowError,
)

REFUSED_AGAIN = timedelta(seconds=30)
"""Between two tries with a sink that has refused for good: only a person can help, so there is no hurry."""


class Effects:
    """Holds the ports; its methods are the activities."""

    def __init__(
        self,
        catalogue: Catalogue,
        directory: Directory,
        notifiers: Sequence[Notifier],
        sink: AuditSink,
        absences: AbsenceBook,
        clock: ServerClock,
    ) -> None:
        """Take the ports.

        Args:
            catalogue: Definitions and calendars.
            directory: People.
            notifiers: Channels; the first is used where nobody says otherwise.
            sink: Where facts go.
            absences: Who is out of office.
            clock: Tells workflows the time.
        """
        self._catalogue = catalogue
        self._directory = directory
        self._sending = Sending(notifiers)
        self._sink = sink
        self._absences = absences
        self._clock = clock

    @property
    def activities(self) -> tuple[Callable[..., Any], ...]:
        """What a worker registers."""
        return (self.load_flow, self.read_people, self.read_route, self.deliver, self.alert, self.export_facts)

    @activity.defn(name=LOAD_FLOW)
    async def load_flow(self, request: LoadFlow) -> FlowLoaded:
        """Load a definition and check the inputs; a refusal is an answer, not an error to retry."""
        try:
            loaded = await self._catalogue.load(request.flow, request.inputs, request.pinned)
        except UnknownFlowError as error:
            return FlowLoaded(refused="UnknownFlow", reason=error.reason)
        except InvalidInputError as error:
            return FlowLoaded(refused="InvalidInput", reason=error.reason)
        every = await self._catalogue.every_flow()
        at = await self._clock.time(request.at)
        return FlowLoaded(
            definition=loaded.definition,
            flows=loaded.flows,
            calendars=loaded.calendars,
            notify=dict(loaded.notify),
            inputs=loaded.inputs,
            is_followed=any(t.run.flow == request.flow for f in every.values() for t in f.triggers if t.run),
            at=at,
        )

    @activity.defn(name=READ_PEOPLE)
    async def read_people(self, request: ReadPeople) -> PeopleRead:
        """Read the directory and the absences as they are now, and the calendars that are asked for."""
        calendars = await self._catalogue.calendars(request.calendars) if request.calendars else {}
        policy, named = None, tuple[str, ...]()
        if (asked := request.governed) is not None:
            policy = governing(await self._catalogue.policies(), asked.flow, asked.action)
            named = () if policy is None else policy.who_may(asked.requester)
        selectors = tuple(dict.fromkeys((*request.selectors, *named)))
        return PeopleRead(
            roster=await read_roster(self._directory, self._absences, selectors, request.people),
            policies=() if policy is None else (policy,),
            calendars={n: c for n, c in calendars.items() if request.known.get(n) != digest(c.model_dump(mode="json"))},
            at=await self._clock.time(request.at),
        )

    @activity.defn(name=READ_ROUTE)
    async def read_route(self, request: ReadRoute) -> RouteRead:
        """Look up a decision table of the site."""
        return RouteRead(table=await self._catalogue.route(request.name))

    @activity.defn(name=DELIVER)
    async def deliver(self, message: Message) -> Delivered:
        """Send a message on the first channel that takes it, in the person's order of preference."""
        began, started = activity.info().started_time, monotonic()  # the server's time, which tests may skip
        channel, reference = await self._sending.send(message)
        at = began + timedelta(seconds=monotonic() - started)
        return Delivered(channel=channel, reference=reference, at=at)

    @activity.defn(name=ALERT)
    async def alert(self, notice: Notify) -> AlertTold:
        """Tell everybody whom the selectors name now; who was told before is not told again."""
        roster = await self._directory.read(notice.to, ())
        return await tell(notice, roster, self._sending)

    @activity.defn(name=EXPORT_FACTS)
    async def export_facts(self, facts: Facts) -> None:
        """Hand facts to every sink; returns only when all have confirmed.

        Nothing of a trail is ever given up: a sink that refuses for good is tried again until somebody mends it.
        """
        try:
            await self._sink.append(facts.facts)
        except PermanentError as error:
            raise TemporaryError(f"the audit sink must be mended: {error.reason}", REFUSED_AGAIN) from error
