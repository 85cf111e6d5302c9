"""The document of a scenario: what is given, what happens, and what must have come of it.

Must not know: how it is played, YAML, files.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field, StrictInt, model_validator

from hitl_temporal.domain.approval import commands as verbs
from hitl_temporal.domain.duration import Duration, PositiveDuration
from hitl_temporal.domain.fault import fault
from hitl_temporal.domain.flow import commands as actions
from hitl_temporal.domain.flow.state import StepState
from hitl_temporal.domain.ids import PersonName
from hitl_temporal.domain.people import CLIENT, People
from hitl_temporal.domain.value import Document, Json

MONDAY_MORNING = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""When a scenario begins that does not say: within hours, in most calendars."""

Moment = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]


def _listed(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]  # pyright: ignore[reportUnknownVariableType]


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Answer(Document):
    """How a job ends, or one attempt of it: well, unless it says `fail`."""

    outputs: dict[str, Json] = Field(default_factory=dict)
    outcome: Annotated[str, BeforeValidator(_text)] | None = None
    """The exit code of a command; how the run ends that a `flow` step would have begun."""
    fail: str | None = None
    """The error with which it fails."""
    times: Annotated[StrictInt, Field(ge=1)] | None = None
    """How many attempts fail before one succeeds; None: all do."""
    permanent: bool = False
    """Whether it is no use to try again."""
    takes: Duration | None = None
    """How long an attempt runs; None: it is over at once, and nobody waits before the next one."""

    @model_validator(mode="after")
    def _fails_so_often(self) -> "Answer":
        if self.times is not None and self.fail is None:
            raise fault("`times` says how often a job fails; write `fail` beside it, or remove it", "times")
        return self


Answers = Annotated[tuple[Answer, ...], BeforeValidator(_listed), Field(min_length=1)]
"""One answer for each attempt, the last one for all that follow."""


class Away(Document):
    """Somebody is out of office."""

    person: PersonName
    since: Moment | None = Field(default=None, alias="from")
    """None: from the beginning of the scenario on."""
    until: Moment | None = None
    """None: for as long as the scenario lasts."""
    substitute: PersonName | None = None
    flow: str | None = None
    condition: str | None = Field(default=None, alias="if")

    @model_validator(mode="before")
    @classmethod
    def _since(cls, raw: object) -> object:
        """Take `since` for `from`, as other doors have it."""
        if isinstance(raw, dict) and "since" in raw and "from" not in raw:
            return {("from" if key == "since" else key): value for key, value in raw.items()}  # pyright: ignore[reportUnknownVariableType]
        return raw  # pyright: ignore[reportUnknownVariableType]


class Given(Document):
    """What a run begins with."""

    inputs: dict[str, Json] = Field(default_factory=dict)
    requester: PersonName = CLIENT
    on_behalf_of: PersonName | None = None
    at: Moment = MONDAY_MORNING
    jobs: dict[str, Answers] = Field(default_factory=dict)
    """By address, or by the bare id of a step for all its items and turns."""
    people: People = People()
    """Beside, or instead of, those of people.yaml."""
    absences: tuple[Away, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _people(cls, raw: object) -> object:
        """Let people stand alone, without groups and owners beside them, and without a name."""
        if not isinstance(raw, dict) or not isinstance(written := raw.get("people"), dict):  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            return raw  # pyright: ignore[reportUnknownVariableType]
        directory: dict[str, object] = written if written.keys() & People.model_fields.keys() else {"people": written}  # pyright: ignore[reportUnknownVariableType]
        people = directory.get("people")
        if isinstance(people, dict):
            named = {p: {"name": p, **card} if isinstance(card, dict) else card for p, card in people.items()}  # pyright: ignore[reportUnknownVariableType]
            directory = {**directory, "people": named}
        return {**raw, "people": directory}  # pyright: ignore[reportUnknownVariableType]


# --- What happens -----------------------------------------------------------------------------------------------------


class _Sent(Document):
    """Something that is answered with a receipt; what else is written goes with it as it is."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Json] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]

    receipt: str | None = None
    """The status it must get; None: that does not matter."""

    @property
    def body(self) -> dict[str, Json]:
        """What is sent."""
        return {**(self.__pydantic_extra__ or {})}


class Act(_Sent):
    """A verb of an approval."""

    step: str


class Answering(Act):
    """The answer to a question what to do about a failure."""

    actor: PersonName
    outcome: str


class Operation(_Sent):
    """An operator's action."""

    action: str
    step: str | None = None


class Told(_Sent):
    """An event from outside, as CloudEvents writes it."""

    type: str


class Directory(Document):
    """People leave, and join groups."""

    leave: Names | dict[str, Names] = ()
    """Whom the directory knows as inactive from now on; or by group, who is no member any more."""
    join: dict[str, Names] = Field(default_factory=dict)
    """By group, who is a member from now on."""


RunState = Literal[
    "completed", "rejected", "expired", "withdrawn", "failed", "cancelled", "running", "waiting", "parked", "undoing"
]
Occasions = Literal["asked", "reminders", "escalations", "notices"]


class Expected(Document):
    """What must be so; only what is written is looked at."""

    status: RunState | None = None
    steps: dict[str, StepState] = Field(default_factory=dict)
    outcomes: dict[str, Annotated[str, BeforeValidator(_text)] | None] = Field(default_factory=dict)
    outputs: dict[str, Json] = Field(default_factory=dict)
    """Of the run, by the name of the output; of a step, by its address, the outputs that are named."""
    asked: dict[str, Names] = Field(default_factory=dict)
    """By ask, who may act now."""
    waiting: dict[str, str | None] = Field(default_factory=dict)
    """By step, the reason for which it waits; null: it does not."""
    sent: dict[Occasions, StrictInt] = Field(default_factory=dict)
    """How often people were told something: a reminder of a group is one, whoever is in it."""
    order: tuple[str, ...] | None = None
    """In which order these steps ended."""
    undone: tuple[str, ...] | None = None
    """The steps that were undone, in order."""


class Entry(Document):
    """One thing that happens, or that is looked at in between."""

    decide: Act | None = None
    comment: Act | None = None
    request_info: Act | None = None
    provide_info: Act | None = None
    delegate: Act | None = None
    reassign: Act | None = None
    add_approver: Act | None = None
    claim: Act | None = None
    release_claim: Act | None = None
    withdraw: Act | None = None
    amend: Act | None = None
    override: Act | None = None
    extend: Act | None = None
    retract: Act | None = None
    operate: Operation | None = None
    answer: Answering | None = None
    event: Told | None = None
    passes: PositiveDuration | None = Field(default=None, alias="pass")
    """The clock moves on; what is due happens on the way."""
    directory: Directory | None = None
    expect: Expected | None = None

    _NAMES: ClassVar[Mapping[str, str]] = {"passes": "pass"}

    @model_validator(mode="after")
    def _one(self) -> "Entry":
        written = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(written) != 1:
            known = ", ".join(self._NAMES.get(name, name) for name in type(self).model_fields)
            found = " and ".join(written) or "nothing"
            raise fault(f"an entry of `when` is one thing, and this is {found}; write one of {known}", *written[1:2])
        _refuse_strange_keys(self.key, self.value)
        return self

    @property
    def key(self) -> str:
        """What happens, as it is written."""
        return self._NAMES.get(self._field, self._field)

    @property
    def value(self) -> object:
        """What is written beside it."""
        return getattr(self, self._field)

    @property
    def _field(self) -> str:
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)


def _refuse_strange_keys(key: str, value: object) -> None:
    """Refuse a key that nothing would read: commands from outside may have more, but here it is a slip of the pen."""
    match value:
        case Operation(action=action) if action not in actions.ACTIONS:
            raise fault(f"there is no action {action!r}; write one of {', '.join(actions.ACTIONS)}", key, "action")
        case Operation(action=action):
            command = actions.ACTIONS[action]
        case Answering():
            known = ("with", "comment", "assurance", "key")
            return _refuse_others(key, value.body, known)
        case Act():
            command = verbs.VERBS[key].command
        case _:
            return None
    return _refuse_others(key, value.body, [f.alias or name for name, f in command.model_fields.items()])


def _refuse_others(key: str, body: Mapping[str, Json], known: "tuple[str, ...] | list[str]") -> None:
    for name in body:
        if name not in known:
            raise fault(f"`{key}` takes no {name!r}; known keys: {', '.join(known)}", key, name)


class Scenario(Document):
    """One story of a run."""

    scenario: str = Field(min_length=1, max_length=200)
    """What is told."""
    given: Given = Given()
    when: tuple[Entry, ...] = ()
    then: Expected = Expected()
