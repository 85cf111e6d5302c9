"""One approval as the HTTP service shows it: what is asked, how far it is, and all that was said and done about it.

As with every answer, only what clients act on is named, and whatever else there is stays in it.

Must not know: HTTP, terminals.
"""

from pydantic import AwareDatetime, Field

from hitl_temporal.client.answers import Answer
from hitl_temporal.domain.value import Json
from hitl_temporal.domain.waits import LIVE


class Choice(Answer):
    """An outcome that a person may choose."""

    label: str
    positive: bool = False
    comment: str = "optional"


class Reference(Answer):
    """A document, by where it is and the digest of what it was."""

    name: str
    url: str
    digest: str | None = None


class Claim(Answer):
    """Who has taken a stage on, and until when the others wait."""

    holder: str
    until: AwareDatetime | None = None


class Move(Answer):
    """A deadline that was moved, and why."""

    why: str
    at: AwareDatetime | None = None
    before: AwareDatetime | None = None
    after: AwareDatetime | None = None


class Stage(Answer):
    """One stage; `stand_ins` names who may act for whom."""

    name: str
    state: str
    tally: str = ""
    may_act: tuple[str, ...] = ()
    due: AwareDatetime | None = None
    reason: str = ""
    asked: tuple[str, ...] = ()
    assurance: str = "low"
    claim: Claim | None = None
    stand_ins: dict[str, str] = Field(default_factory=dict)
    moves: tuple[Move, ...] = ()

    @property
    def is_live(self) -> bool:
        """Whether it has begun and not ended."""
        return self.state in {"open", "parked"}


class Change(Answer):
    """One value before and after."""

    before: Json = None
    after: Json = None


class Decision(Answer):
    """One counted answer; `kind` tells a vote from a rule or an override."""

    actor: str
    outcome: str
    on_behalf_of: str | None = None
    stage: str = ""
    comment: str = ""
    kind: str = "vote"
    at: AwareDatetime | None = None
    form: dict[str, Json] = Field(default_factory=dict)
    edited: dict[str, Change] = Field(default_factory=dict)


class Voided(Answer):
    """An answer that counts no more, and why."""

    decision: Decision
    why: str
    at: AwareDatetime | None = None


class Remark(Answer):
    """One contribution to the conversation."""

    kind: str
    actor: str
    text: str
    at: AwareDatetime | None = None
    to: str | None = None
    attachments: tuple[Reference, ...] = ()


class InfoWanted(Answer):
    """The clocks stand still until `to` has said something; `rework`: the whole request was sent back."""

    by: str
    to: str
    since: AwareDatetime | None = None
    rework: bool = False


class Amendment(Answer):
    """What is asked was changed: by its requester, or with an approver's answer."""

    kind: str
    actor: str
    changes: dict[str, Change]
    reason: str = ""
    at: AwareDatetime | None = None


class Cooling(Answer):
    """The outcome is there, and may be taken back until then."""

    outcome: str
    until: AwareDatetime | None = None


class Kept(Answer):
    """An answer below the needed assurance: it counts once its author has confirmed it."""

    actor: str
    outcome: str
    stage: str = ""
    at: AwareDatetime | None = None


class Shadowed(Answer):
    """What a rule would have decided; `agrees` is None while people have not."""

    outcome: str
    rule: str = ""
    agrees: bool | None = None


class Delivery(Answer):
    """One message to one person."""

    person: str
    occasion: str
    state: str
    stage: str = ""
    reason: str = ""
    channel: str | None = None


class Approval(Answer):
    """One question to people, as the caller may see it; `outcome` is None while it is open, and where it was cut off.

    Attributes:
        form: The JSON Schema of each field.
        required: The fields that a positive answer must have.
        break_glass: Who may decide alone in an emergency.
        edit: What may be changed with an answer, by path, with its value now.
        barred: Whose request it is: they never decide it.
        kept: The caller's answer that waits to be confirmed.
    """

    id: str
    state: str
    outcome: str | None = None
    digest: str = ""
    title: str = ""
    body: str = ""
    show: dict[str, Json] = Field(default_factory=dict)
    attachments: tuple[Reference, ...] = ()
    form: dict[str, Json] = Field(default_factory=dict)
    required: tuple[str, ...] = ()
    edit: dict[str, Json] = Field(default_factory=dict)
    outcomes: dict[str, Choice] = Field(default_factory=dict)
    requester: str = ""
    on_behalf_of: str | None = None
    barred: tuple[str, ...] = ()
    break_glass: tuple[str, ...] = ()
    reason: str = ""
    tally: str = ""
    stages: tuple[Stage, ...] = ()
    decisions: tuple[Decision, ...] = ()
    voided: tuple[Voided, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    conversation: tuple[Remark, ...] = ()
    info: InfoWanted | None = None
    amendments: tuple[Amendment, ...] = ()
    cooling: Cooling | None = None
    shadowed: Shadowed | None = None
    kept: tuple[Kept, ...] = ()

    @property
    def is_live(self) -> bool:
        """Whether it may still get an outcome; one that was terminated in Temporal never has one."""
        return self.outcome is None and self.state in LIVE

    def places_of(self, person: str) -> tuple[str, ...]:
        """Return the names of the live stages in which somebody has a place that is not filled.

        They may act there; or were asked in a stage that is parked, perhaps because they have left, and nobody stands
        in for them.
        """
        decided = {d.stage for d in self.decisions if d.actor == person}
        return tuple(
            stage.name
            for stage in self.stages
            if stage.is_live and stage.name not in decided and (person in stage.may_act or _is_missed(stage, person))
        )


def _is_missed(stage: Stage, person: str) -> bool:
    return stage.state == "parked" and person in stage.asked and person not in stage.stand_ins.values()
