"""What an open question waits for: why, whom for, and what releases it.

Whoever holds the question itself and whoever has only the service's answer about it ask here, so that a run, a page and
a terminal say the same. What is not said here waits for nothing.

Must not know: who looks, how a question goes on, doors.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

LIVE = frozenset({"open", "parked", "info", "cooling"})
"""The states of a question that may still be answered, or changed; every other is how it ended."""

ANSWER = "answer"
"""The reason of a wait for those who are asked to decide."""


class Wait(NamedTuple):
    """One wait of a question.

    Attributes:
        stage: The stage that waits; empty when the question as a whole does.
        state: How that stands.
        reason: Why: `answer`, or in words.
        by: Whose move it is; empty: nobody's in particular.
        releases: What ends it, in words.
    """

    stage: str
    state: str
    reason: str
    by: tuple[str, ...]
    releases: str


class Info(Protocol):
    """What has to be said first."""

    @property
    def by(self) -> str:
        """Who wants it."""
        ...

    @property
    def to(self) -> str:
        """Who is asked."""
        ...

    @property
    def rework(self) -> bool:
        """Whether the whole request was sent back."""
        ...


class Cooling(Protocol):
    """An outcome that may be taken back."""

    @property
    def outcome(self) -> str:
        """The outcome."""
        ...

    @property
    def until(self) -> datetime | None:
        """How long it may be."""
        ...


class Stage(Protocol):
    """A stage as it stands."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def state(self) -> str:
        """Its state; `open` and `parked` ones wait."""
        ...

    @property
    def reason(self) -> str:
        """Why it is parked."""
        ...

    @property
    def may_act(self) -> tuple[str, ...]:
        """Who may decide it now."""
        ...

    @property
    def due(self) -> datetime | None:
        """When its time is over."""
        ...


class Question(Protocol):
    """A question to people as it stands."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def state(self) -> str:
        """Its state."""
        ...

    @property
    def outcome(self) -> str | None:
        """None while it is open."""
        ...

    @property
    def reason(self) -> str:
        """Why the whole is parked."""
        ...

    @property
    def barred(self) -> tuple[str, ...]:
        """Whose request it is."""
        ...

    @property
    def info(self) -> Info | None:
        """What has to be said first."""
        ...

    @property
    def cooling(self) -> Cooling | None:
        """The outcome that may be taken back."""
        ...

    @property
    def stages(self) -> Sequence[Stage]:
        """All stages, in order."""
        ...


def waits(question: Question) -> tuple[Wait, ...]:
    """Return what an open question waits for: first what keeps others waiting; nothing once it has ended."""
    if question.outcome is not None or question.state not in LIVE:
        return ()
    if question.cooling is not None:
        return (_cooling(question.cooling),)
    live = [s for s in question.stages if s.state in {"open", "parked"}]
    if not live and question.state == "parked":
        return (Wait("", "parked", question.reason or "no stage is left to ask", (), way_out(question)),)
    return tuple(_of_live(question, live)) or (_LOOKED_UP,)


def way_out(question: Question) -> str:
    """Return what can be done for a question that is parked: with no stage, nobody has a place to be given away."""
    ways = ["its requester changing it or taking it back (hitl amend, hitl withdraw)"]
    if any(s.state == "parked" for s in question.stages):
        ways.insert(0, "an operator reassigning it (hitl reassign)")
    return f"{', '.join(ways)}, or an admin deciding alone (hitl override)"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_LOOKED_UP = Wait("", "open", "people are looked up", (), "the directory's answer")


def _of_live(question: Question, live: Sequence[Stage]) -> Iterator[Wait]:
    info = question.info
    if info is not None:
        yield _info(question, info)
    for stage in live:
        end = _end(stage, info)
        if stage.state == "parked":
            yield Wait(stage.name, "parked", stage.reason or "nobody may decide it", (), f"{way_out(question)}{end}")
        elif info is None or not info.rework:
            yield Wait(stage.name, "open", ANSWER, stage.may_act, f"{_answered(question, stage)}{end}")


def _end(stage: Stage, info: Info | None) -> str:
    """Return when a stage ends by itself, a parked one too; while somebody owes an answer its clock stands still."""
    if stage.due is None:
        return ""
    return (
        f", or its end at {_moment(stage.due)}" if info is None else f"; its time stands still until {info.to} answers"
    )


def _answered(question: Question, stage: Stage) -> str:
    return f"an answer to {question.id} by {', '.join(stage.may_act) or 'those who are asked'}"


def _info(question: Question, info: Info) -> Wait:
    if info.rework:
        releases = f"{info.to} changing the request or answering (hitl amend, hitl give-info)"
        by = tuple(dict.fromkeys((info.to, *question.barred)))
        return Wait("", "info", f"sent back by {info.by}", by, releases)
    releases = f"{info.to} answering (hitl give-info {question.id})"
    return Wait("", "info", f"{info.by} has asked {info.to} for more", (info.to,), releases)


def _cooling(cooling: Cooling) -> Wait:
    until = f"time, at {_moment(cooling.until)}" if cooling.until is not None else "time"
    releases = f"{until}; until then whoever gave the deciding vote may take it back (hitl retract)"
    return Wait("", "cooling", f"{cooling.outcome} may still be taken back", (), releases)
