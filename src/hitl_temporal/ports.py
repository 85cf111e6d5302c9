"""What the world must satisfy, and the only two errors that it may raise.

Exception
├── TemporaryError         try again, at the earliest after `retry_after`
└── PermanentError         trying again cannot help; `reason` says why
    ├── UnknownFlowError   there is no such flow
    └── InvalidInputError  the inputs do not fit it

Must not know: who implements a port, Temporal, HTTP.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Generic, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, SecretStr

from hitl_temporal.domain.absence import Absence
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.message import Message
from hitl_temporal.domain.approval.routes import Table
from hitl_temporal.domain.audit import Fact
from hitl_temporal.domain.calendar import Calendar
from hitl_temporal.domain.flow.alerts import AlertEntry
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.policies import Policy
from hitl_temporal.domain.people import Roster
from hitl_temporal.domain.resources.document import Resource
from hitl_temporal.domain.value import Json


class TemporaryError(Exception):
    """The other side can't now; the same call may succeed later.

    Attributes:
        retry_after: What the other side asked to wait, None when it said nothing.
    """

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(Exception):
    """The other side will never accept this call as it is.

    Attributes:
        reason: One line for a person: what was refused and what to do.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Secrets(Protocol):
    """Knows the values that documents only name."""

    async def secret(self, name: str) -> SecretStr:
        """Return the value of a secret.

        Raises:
            PermanentError: There is none of this name; it says where one is put.
            TemporaryError: It can't be read now.
        """
        ...


class Blobs(Protocol):
    """Keeps what is too large for a history, under the digest of what it is: `sha256:` and 64 hexadecimal digits."""

    async def put(self, content: bytes) -> str:
        """Keep these bytes and return their digest, once they are safe. The same bytes again change nothing.

        Raises:
            TemporaryError: They may not be safe.
        """
        ...

    async def get(self, digest: str) -> bytes:
        """Return the bytes of a digest, and never others.

        Raises:
            PermanentError: There are none, or what is there has another digest.
            TemporaryError: They can't be read now.
        """
        ...


class AuditSink(Protocol):
    """Where the facts of the audit trail go."""

    async def append(self, facts: Sequence[Fact]) -> None:
        """Keep these facts for good; return only when they are safe. The same facts again change nothing.

        Raises:
            TemporaryError: They may not be safe; the caller repeats until they are.
            PermanentError: Something else is known under the id of one of them.
        """
        ...


class AuditReader(Protocol):
    """Reading the audit trail back."""

    async def of_workflow(self, workflow_id: str) -> tuple[Fact, ...]:
        """Return the facts of the latest execution of a workflow by `seq`; none if it is unknown."""
        ...

    async def of_trace(self, trace_id: str) -> tuple[Fact, ...]:
        """Return the facts of all workflows of a trace, each one's together and by `seq`; none if it is unknown."""
        ...

    async def trace_of(self, workflow_id: str) -> str | None:
        """Return the trace of the latest execution of a workflow, None if it is unknown."""
        ...


class Directory(Protocol):
    """Knows people, groups, roles and owners."""

    async def read(self, selectors: Sequence[str], people: Sequence[str]) -> Roster:
        """Return who each selector names now, and the cards of all of them and of `people`.

        A selector that names nobody, and a person who is unknown, is no error: it is absent or empty.

        Raises:
            TemporaryError: The directory can't be reached.
        """
        ...

    async def groups_of(self, person: str) -> tuple[str, ...]:
        """Return the groups that hold a person, directly or through another group; none for the unknown.

        Raises:
            TemporaryError: The directory can't be reached.
        """
        ...

    async def zone_of(self, person: str) -> str:
        """Return the IANA name of the time zone in which a person lives; `UTC` when it is not known.

        Raises:
            TemporaryError: The directory can't be reached.
        """
        ...


class AbsenceBook(Protocol):
    """Knows who is out of office, and when."""

    async def of(self, people: Sequence[str]) -> dict[str, tuple[Absence, ...]]:
        """Return the absences of these people, of their substitutes, of theirs, and so on, as they are now.

        One entry per person who has any. Reasons are left out: who judges, and everybody who may read that, need not
        know why.

        Raises:
            TemporaryError: They can't be read.
        """
        ...


class Notifier(Protocol):
    """One channel on which people are told."""

    @property
    def name(self) -> str:
        """The channel's name, as `via` writes it."""
        ...

    async def send(self, message: Message) -> str:
        """Send a message, or bring the one it settles up to date; return the channel's reference.

        The same `message.key` again sends nothing again.

        Raises:
            TemporaryError: The channel can't now.
            PermanentError: The channel will never take this message.
        """
        ...


class TicketFound(NamedTuple):
    """An open ticket.

    Attributes:
        ref: How its system calls it.
    """

    ref: str


class Tickets(Protocol):
    """One ticket system.

    Whatever is done is done once for its key. A ticket that was closed is not found any more: the next one is another.
    """

    @property
    def name(self) -> str:
        """The system's name, as `via` writes it."""
        ...

    async def find(self, key: str) -> TicketFound | None:
        """Return the open ticket of a key, None when there is none.

        Raises:
            TemporaryError: The system can't now.
            PermanentError: It will never answer this.
        """
        ...

    async def open(self, key: str, title: str, body: str, fields: Mapping[str, Json]) -> str:
        """Open a ticket and return its reference; while one with this key is open, that one is returned.

        Raises:
            TemporaryError: The system can't now.
            PermanentError: It will never take this ticket.
        """
        ...

    async def comment(self, ref: str, text: str, key: str) -> None:
        """Add a comment; the same key again adds nothing.

        Raises:
            TemporaryError: The system can't now.
            PermanentError: There is no such ticket, or it takes no comments.
        """
        ...

    async def resolve(self, ref: str, text: str, key: str) -> None:
        """Close a ticket with these words; one that is closed already stays as it is.

        Raises:
            TemporaryError: The system can't now.
            PermanentError: There is no such ticket, or it can't be closed so.
        """
        ...


class Loaded(NamedTuple):
    """A definition ready to run: its calendars, and the inputs completed with their defaults.

    Attributes:
        flows: The definitions that its `flow` steps name, and those that these name.
        notify: The alert routes of the site that it names; one that the site has not is not there.
    """

    definition: Flow
    calendars: dict[str, Calendar]
    inputs: dict[str, Json]
    flows: dict[str, Flow]
    notify: Mapping[str, tuple[AlertEntry, ...]] = MappingProxyType({})


class UnknownFlowError(PermanentError):
    """There is no flow of this name; `reason` lists those there are."""


class InvalidInputError(PermanentError):
    """The inputs do not fit; `reason` names the field."""


class Catalogue(Protocol):
    """Knows the definitions and calendars of the project as they are on disk now."""

    async def flow(self, name: str) -> Flow:
        """Return one definition.

        Raises:
            UnknownFlowError: No such flow, or its document has errors.
        """
        ...

    async def every_flow(self) -> Mapping[str, Flow]:
        """Return every definition that is sound, by name."""
        ...

    async def load(self, flow: str, inputs: Json, pinned: Flow | None = None) -> Loaded:
        """Return a definition and its checked inputs.

        Args:
            flow: Its name.
            inputs: As given.
            pinned: This definition, whatever the documents say now; then `flows` is empty, they are pinned with it.

        Raises:
            UnknownFlowError: No such flow, or its document has errors.
            InvalidInputError: An input is missing, unknown or of the wrong type.
        """
        ...

    async def calendars(self, names: Sequence[str]) -> dict[str, Calendar]:
        """Return those of the named calendars that exist."""
        ...

    async def faults(self, ask: Ask, written: Json) -> tuple[str, ...]:
        """Return what keeps a question from being asked here, as `ask.key: what is wrong`; none when it is sound.

        Args:
            ask: As it was understood.
            written: Its document, whose keys are named.

        Raises:
            TemporaryError: The people or the site can't be read.
        """
        ...

    async def route(self, name: str) -> Table | None:
        """Return a decision table of the site, None if there is none of this name.

        Raises:
            TemporaryError: The site's document can't be read, or has errors.
        """
        ...

    async def resource(self, name: str) -> Resource | None:
        """Return a resource of the site, None if there is none of this name.

        Raises:
            TemporaryError: The site's document can't be read, or has errors.
        """
        ...

    async def policies(self) -> tuple[Policy, ...]:
        """Return what the site says about actions on runs, in order.

        Raises:
            TemporaryError: The site's document can't be read, or has errors: nobody is let through meanwhile.
        """
        ...


class Places(Protocol):
    """Knows which files of this machine flows may touch."""

    def path(self, written: str) -> Path:
        """Return the file that a flow means; a relative one lies in the project.

        Raises:
            PermanentError: It lies outside of the project and of every folder that was opened to flows.
        """
        ...


class StartedRun(NamedTuple):
    """A run that a connector has started.

    Attributes:
        status: How it has ended, as its result says; `running` when nobody waited for the end.
        outputs: What it gave; none while it runs.
    """

    id: str
    status: str
    outputs: Mapping[str, Json]


class Runs(Protocol):
    """Starts and operates runs of flows."""

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
        """Start a run once for a key, and wait for its end if that is asked.

        Args:
            flow: Its name.
            inputs: Checked by the run itself.
            run_id: Its id.
            key: Whose start it is: a run of this id that the same key has started is returned as it is.
            requester: Who asks; None: a machine.
            is_awaited: Whether to return at its end only.

        Raises:
            TemporaryError: Temporal does not answer.
            PermanentError: The id is in use, or the run has refused its inputs.
        """
        ...

    async def operate(self, run_id: str, action: str, command: Mapping[str, Json]) -> Mapping[str, Json]:
        """Send an operator's action, with its key, and return its receipt.

        Raises:
            TemporaryError: Temporal does not answer, or no worker does.
            PermanentError: There is no such run.
        """
        ...


Given = TypeVar("Given", bound=BaseModel)
Gives = TypeVar("Gives", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Connector(Generic[Given, Gives]):
    """One thing that a system does for a flow: what a `call` names.

    Attributes:
        name: What `call` writes.
        given: What `with` must hold.
        gives: The outputs of the step.
        run: Does it. Its second argument is the key of this piece of work: the same key is the same work, tried again.
            It raises TemporaryError and PermanentError, and nothing else.
        is_done_once: Tells of work that must not be done twice and can't be told by its key: when the worker is lost
            in the middle of it, nobody knows how far it came. A TemporaryError says that it has not begun.
    """

    name: str
    given: type[Given]
    gives: type[Gives]
    run: Callable[[Given, str], Awaitable[Gives]]
    is_done_once: Callable[[Given], bool] = lambda _: False
