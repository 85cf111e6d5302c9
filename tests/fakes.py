"""The few fakes that tests share: each stands behind a port, remembers what it was asked, and can be told to fail."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from hitl_temporal.definition.inputs import InputError, check_inputs
from hitl_temporal.definition.project import load_text
from hitl_temporal.domain.absence import Absence, with_substitutes
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.message import Message
from hitl_temporal.domain.approval.routes import Table
from hitl_temporal.domain.audit import Fact
from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.flow.alerts import AlertEntry
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.policies import Policy
from hitl_temporal.domain.people import People, Roster
from hitl_temporal.domain.resources.document import Resource
from hitl_temporal.domain.value import Json
from hitl_temporal.ports import (
    InvalidInputError,
    Loaded,
    PermanentError,
    StartedRun,
    TemporaryError,
    TicketFound,
    UnknownFlowError,
)

PEOPLE = People.model_validate(
    {
        "people": {
            "ann": {"name": "Ann", "manager": "bob"},
            "bob": {"name": "Bob", "manager": "eli"},
            "cai": {"name": "Cai"},
            "dee": {"name": "Dee"},
            "eli": {"name": "Eli", "roles": ["admin"]},
            "gus": {"name": "Gus", "roles": ["operator"]},
            "zoe": {"name": "Zoe", "active": False},
        },
        "groups": {"secops": {"members": ["cai", "dee"]}, "leads": {"members": ["bob"]}, "gone": {"members": ["zoe"]}},
    }
)


def flow(text: str, name: str = "test_flow") -> Flow:
    """Return the flow that this YAML is; a wrong one fails the test with its problems."""
    found, problems = load_text(f"flow: {name}\n{text}", name)
    assert found is not None, [str(p) for p in problems]
    return found


class FakeDirectory:
    """A `Directory` over `people`, which a test may replace while it runs."""

    def __init__(self, people: People = PEOPLE) -> None:
        self.people = people
        self.delay = 0.0

    async def read(self, selectors: Sequence[str], people: Sequence[str]) -> Roster:
        """Answer from `people`."""
        await asyncio.sleep(self.delay)
        return self.people.roster(selectors, people)

    async def groups_of(self, person: str) -> tuple[str, ...]:
        """Answer from `people`."""
        return self.people.groups_of(person)

    async def zone_of(self, person: str) -> str:
        """Answer from `people`."""
        return self.people.zone_of(person)


class FakeAbsences:
    """An `AbsenceBook` over `absences`, one entry per person; while `is_down` it can't be read."""

    def __init__(self) -> None:
        self.absences: dict[str, tuple[Absence, ...]] = {}
        self.is_down = False

    async def of(self, people: Sequence[str]) -> dict[str, tuple[Absence, ...]]:
        """Answer from `absences`."""
        if self.is_down:
            raise TemporaryError("absences can't be read")
        return with_substitutes(self.absences, people)


class FakeCatalogue:
    """A `Catalogue` of the flows it is given."""

    def __init__(self) -> None:
        self.flows: dict[str, Flow] = {}
        self.routes: dict[str, Table] = {}
        self.known: dict[str, Calendar] = {}
        self.resources: dict[str, Resource] = {}
        self.rules: tuple[Policy, ...] = ()
        self.is_broken = False
        self.notify = dict[str, tuple[AlertEntry, ...]]()
        self.delay = 0.0

    def add(self, text: str, name: str = "test_flow") -> Flow:
        """Add a flow."""
        self.flows[name] = flow(text, name)
        return self.flows[name]

    async def flow(self, name: str) -> Flow:
        """Answer from `flows`."""
        if name not in self.flows:
            raise UnknownFlowError(f"no flow {name!r}")
        return self.flows[name]

    async def every_flow(self) -> Mapping[str, Flow]:
        """Answer from `flows`."""
        return self.flows

    async def load(self, flow: str, inputs: Json, pinned: Flow | None = None) -> Loaded:
        """Check inputs as the real one does."""
        await asyncio.sleep(self.delay)
        definition = pinned or await self.flow(flow)
        within = {} if pinned else {name: self.flows[name] for name in self.flows if name != flow}
        try:
            return Loaded(definition, {}, check_inputs(definition, inputs), within, self.notify)
        except InputError as error:
            raise InvalidInputError(str(error)) from error

    async def faults(self, ask: Ask, written: Json) -> tuple[str, ...]:
        """Know no calendar but those in `known`, and everybody."""
        named = (ask.calendar, *(s.calendar for s in ask.every_stage))
        return tuple(f"ask.calendar: unknown calendar {name!r}" for name in named if name and name not in self.known)

    async def route(self, name: str) -> Table | None:
        """Answer from `routes`."""
        return self.routes.get(name)

    async def resource(self, name: str) -> Resource | None:
        """Answer from `resources`."""
        return self.resources.get(name)

    async def policies(self) -> tuple[Policy, ...]:
        """Answer from `rules`, unless the site's document is broken."""
        if self.is_broken:
            raise TemporaryError("site.yaml can't be read")
        return self.rules

    async def calendars(self, names: Sequence[str]) -> dict[str, Calendar]:
        """Answer from `known`; as long as there are none, MON-FRI 09:00-17:00 UTC counts."""
        return {name: self.known[name] for name in names if name in self.known}


class FakeNotifier:
    """A `Notifier` that keeps messages; while `is_down` it takes none, and never one for those it `refuses`."""

    name = "fake"

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.refuses: frozenset[str] = frozenset()
        self.is_down = False

    async def send(self, message: Message) -> str:
        """Keep the message under its key."""
        if self.is_down:
            raise TemporaryError("the channel is down")
        if message.person in self.refuses:
            raise PermanentError(f"{message.person} has no address")
        self.messages[message.key] = message
        return message.key

    def sent(self, occasion: str) -> list[str]:
        """Return who got messages of this kind, in order."""
        return [m.person for m in self.messages.values() if m.occasion == occasion]


class FakeServerClock:
    """A `ServerClock` that takes a workflow at its word."""

    async def time(self, shown: datetime | None) -> datetime | None:
        """Return what it says."""
        return shown


class FakeSink:
    """An `AuditSink` that keeps facts; while `is_down` it confirms none."""

    def __init__(self) -> None:
        self.facts: dict[tuple[str, str], Fact] = {}
        self.is_down = False

    async def append(self, facts: Sequence[Fact]) -> None:
        """Keep each fact once."""
        if self.is_down:
            raise TemporaryError("the sink is down")
        self.facts.update({(f.span_id, f.run_id): f for f in facts})

    def of(self, workflow_id: str) -> list[Fact]:
        """Return a workflow's facts, in order."""
        return sorted((f for f in self.facts.values() if f.workflow_id == workflow_id), key=lambda f: f.seq)

    def names(self, workflow_id: str) -> list[str]:
        """Return the names of a workflow's facts, in order."""
        return [f.name for f in self.of(workflow_id)]

    async def of_workflow(self, workflow_id: str) -> tuple[Fact, ...]:
        """Answer as an `AuditReader`."""
        return tuple(self.of(workflow_id))

    async def of_trace(self, trace_id: str) -> tuple[Fact, ...]:
        """Answer as an `AuditReader`."""
        return tuple(f for f in self.facts.values() if f.trace_id == trace_id)

    async def trace_of(self, workflow_id: str) -> str | None:
        """Answer as an `AuditReader`."""
        return next((f.trace_id for f in self.of(workflow_id)), None)


class FakeTickets:
    """A `Tickets` that keeps what was done with each, in order; while `is_down` it does nothing."""

    name = "fake"

    def __init__(self) -> None:
        self.works: list[tuple[str, str, str]] = []
        self.opened: dict[str, str] = {}
        self.keys: set[str] = set()
        self.is_down = False

    async def find(self, key: str) -> TicketFound | None:
        """Answer with the open one."""
        if self.is_down:
            raise TemporaryError("the ticket system is down")
        return next((TicketFound(ref) for ref, of in self.opened.items() if of == key), None)

    async def open(self, key: str, title: str, body: str, fields: Mapping[str, Json]) -> str:
        """Open one, unless there is one."""
        del title, fields
        if (found := await self.find(key)) is not None:
            return found.ref
        ref = f"T-{sum(doing == 'open' for doing, *_ in self.works) + 1}"
        self.opened[ref] = key
        self.works.append(("open", ref, body))
        return ref

    async def comment(self, ref: str, text: str, key: str) -> None:
        """Keep it once for its key."""
        if key not in self.keys:
            self.keys.add(key)
            self.works.append(("comment", ref, text))

    async def resolve(self, ref: str, text: str, key: str) -> None:
        """Close it."""
        if self.opened.pop(ref, None) is not None:
            self.keys.add(key)
            self.works.append(("resolve", ref, text))

    def done(self) -> list[str]:
        """Return what was done, in order."""
        return [doing for doing, *_ in self.works]


class FakeRuns:
    """A `Runs` that writes down what it is asked, and answers with `receipt`."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.receipt: dict[str, Json] = {"status": "done", "changes": ["step a is skipped"], "key": "k"}

    async def start(
        self,
        flow: str,
        inputs: Mapping[str, Json],
        *,
        run_id: str,
        key: str,
        requester: str | None,
        is_awaited: bool,
    ) -> StartedRun:
        """Start nothing."""
        self.asked.append((flow, dict(inputs), run_id, key, requester))
        return StartedRun(run_id, "completed", {"n": 1}) if is_awaited else StartedRun(run_id, "running", {})

    async def operate(self, run_id: str, action: str, command: Mapping[str, Json]) -> Mapping[str, Json]:
        """Do nothing."""
        self.asked.append((run_id, action, dict(command)))
        return self.receipt


class FakePlaces:
    """A `Places` that opens one folder to flows."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, written: str) -> Path:
        """Answer what lies in `root`."""
        path = (self.root / written).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise PermanentError(f"{written!r} lies outside of the project")
        return path


class FakeBlobs:
    """A `Blobs` over a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def put(self, content: bytes) -> str:
        """Keep it."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.kept[digest] = content
        return digest

    async def get(self, digest: str) -> bytes:
        """Answer what was kept."""
        if digest not in self.kept:
            raise PermanentError(f"there is no blob {digest!r}")
        return self.kept[digest]


class FakeSecrets:
    """A `Secrets` over these values."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    async def secret(self, name: str) -> SecretStr:
        """Answer from `values`."""
        if name not in self.values:
            raise PermanentError(f"there is no secret {name!r}")
        return SecretStr(self.values[name])


def answer(outcome: str, actor: str, **rest: object) -> Mapping[str, object]:
    """Return the payload of a decision."""
    return {"actor": actor, "outcome": outcome, **rest}
