"""What people may send to an approval, what they get back, and the one table of verbs.

Commands come from outside (signals, updates, HTTP bodies), so unknown fields are ignored and free text is bounded.

Must not know: which door a command came through.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, ValidationError

from hitl_temporal.domain.addresses import address
from hitl_temporal.domain.approval.stage import Assurance
from hitl_temporal.domain.duration import Duration
from hitl_temporal.domain.ids import PersonName
from hitl_temporal.domain.problems import key_of, refused
from hitl_temporal.domain.value import FromOutside, Json, Value, canonical

Status = Literal["invalid", "closed", "superseded", "not_eligible", "duplicate", "needs_step_up", "counted", "recorded"]
STATUSES: tuple[Status, ...] = get_args(Status)

MAX_ATTACHMENTS = 20


def _json(values: dict[str, Json]) -> dict[str, Json]:
    try:
        canonical(values).encode()
    except ValueError as error:
        raise ValueError(f"not JSON: {error}"[:300]) from error
    return values


Text = Annotated[str, StringConstraints(max_length=10_000)]
Said = Annotated[str, StringConstraints(min_length=1, max_length=10_000, strip_whitespace=True)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Values = Annotated[dict[str, Json], AfterValidator(_json)]


class Command(FromOutside):
    """Who does something, and the key that makes a repetition harmless.

    Attributes:
        click: What an Update without a key has in common with the Signal that takes its place: they count once.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    actor: Name
    key: Key | None = None
    via: Name | None = None
    click: Key | None = None


class Reference(Value):
    """A document by reference: where it is, and the digest of what it was."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Name
    url: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None


class Attached(Reference):
    """A document that somebody attaches: what is kept already is not judged again when it is read."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(address)]


References = Annotated[tuple[Attached, ...], Field(max_length=MAX_ATTACHMENTS)]


class Decide(Command):
    """One person's answer."""

    outcome: Name
    comment: Text = ""
    form: Values = Field(default_factory=dict)
    edit: Values = Field(default_factory=dict)
    """Path to the value that the person wants instead, with a positive outcome."""
    digest: Name | None = None
    """The digest of what the person saw; None: whatever is shown now."""
    on_behalf_of: PersonName | None = None
    assurance: Assurance = "low"
    confirm: bool = False
    """The answer that is kept of this person is confirmed, and nothing else is said."""


class Say(Command):
    """Something is said about the request."""

    text: Said
    attachments: References = ()


class RequestInfo(Command):
    """An approver needs to know more; the clocks stop until there is an answer."""

    text: Said
    to: PersonName | None = None
    """Who is asked; None: the requester."""


class Delegate(Command):
    """One who is asked lets somebody else answer in their name."""

    to: PersonName
    reason: Text = ""


class Reassign(Command):
    """An operator gives the place of one person to another, or adds somebody where nobody can act."""

    source: PersonName | None = Field(default=None, alias="from")
    to: PersonName
    reason: Said


class AddApprover(Command):
    """Somebody more must agree, beside those who are asked."""

    to: PersonName
    reason: Text = ""


class Withdraw(Command):
    """The requester takes the request back."""

    reason: Text = ""


class Amend(Command):
    """The requester changes what is asked."""

    changes: Annotated[Values, Field(alias="set", min_length=1, max_length=100)]
    """Path to the new value."""
    reason: Text = ""


class Override(Command):
    """An administrator, or one who may break the glass, decides alone."""

    outcome: Name
    reason: Said
    assurance: Assurance = "low"


class Extend(Command):
    """An operator moves the deadline of the open stages."""

    by: Duration
    reason: Said


class Retract(Command):
    """One whose vote has decided takes it back, while the decision cools off."""

    reason: Text = ""


class Verb(NamedTuple):
    """One verb of an approval.

    Attributes:
        command: What is sent.
        who: Who may, in words.
    """

    command: type[Command]
    who: str


VERBS: Mapping[str, Verb] = {
    "decide": Verb(Decide, "those who are asked"),
    "comment": Verb(Say, "whoever sees it"),
    "request_info": Verb(RequestInfo, "those who are asked"),
    "provide_info": Verb(Say, "the requester, or who was asked for it"),
    "delegate": Verb(Delegate, "those who are asked"),
    "reassign": Verb(Reassign, "operators and admins"),
    "add_approver": Verb(AddApprover, "the requester, those who are asked, operators and admins"),
    "claim": Verb(Command, "those who are asked"),
    "release_claim": Verb(Command, "who has claimed it, operators and admins"),
    "withdraw": Verb(Withdraw, "the requester"),
    "amend": Verb(Amend, "the requester"),
    "override": Verb(Override, "admins, and those who may break the glass"),
    "extend": Verb(Extend, "operators and admins"),
    "retract": Verb(Retract, "whose vote has just decided"),
}
"""Every verb of an approval: handlers, commands and routes are made from this table."""


class Receipt(Value):
    """What became of a command: said at once, and again for the same key."""

    status: Status
    reason: str = ""
    tally: str = ""
    key: str = ""


def parse(verb: str, raw: object) -> Command | Receipt:
    """Return the command that a raw payload holds, or the `invalid` receipt that says which field is wrong."""
    try:
        return VERBS[verb].command.model_validate(raw)
    except ValidationError as error:
        return Receipt(status="invalid", reason=refused(error, verb), key=key_of(raw))
