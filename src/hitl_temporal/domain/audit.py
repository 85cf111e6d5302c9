"""The audit trail as values: facts, and the trail that a workflow carries to add the next one.

One workflow execution (all its runs: retries, continue-as-new, resets) has one chain. Each fact holds the hash of the
one before; the hash of the last, the head, goes into the workflow's result and from there into its parent's chain. Ids
derive from what happened and never from when it was told, so telling it twice tells the same thing.

Must not know: OpenTelemetry, stores, Temporal, how a chain is proved (`chain`).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, Field, PlainSerializer, StrictInt

from hitl_temporal.domain.value import Json, Value, canonical, digest

__all__ = [
    "CHILD_DIGEST",
    "CHILD_EVENTS",
    "CHILD_WORKFLOW",
    "ENDLESS",
    "REVIEW_ASKED",
    "Evidence",
    "Fact",
    "Instant",
    "TraceParent",
    "Trail",
    "child_attributes",
    "record",
    "reviews",
    "span_id",
    "trace_id",
]

CHILD_WORKFLOW = "hitl.child.workflow_id"
CHILD_EVENTS = "hitl.child.events"
CHILD_DIGEST = "hitl.child.digest"

REVIEW_ASKED = "approval.review_asked"
"""The fact that an approval reviews a broken glass; it has a trace of its own, since it outlives what it is about."""

ENDLESS = frozenset({"absence", "resource"})
"""Subjects of trails that never end: there is always a next change."""


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Instant = Annotated[AwareDatetime, AfterValidator(_utc), PlainSerializer(_text, when_used="json")]
"""A moment in UTC, written in one fixed width: hashes are taken over the text, so no library may choose it for us."""


def trace_id(workflow_id: str, first_run_id: str) -> str:
    """Return the trace id (32 hex digits) of a top-level workflow and of everything that happens under it."""
    return digest(["trace", workflow_id, first_run_id])[:32]


def span_id(workflow_id: str, first_run_id: str, key: str) -> str:
    """Return the span id (16 hex digits) of the fact with this key; retry, continue-as-new and reset keep it."""
    return digest(["span", workflow_id, first_run_id, key])[:16]


class TraceParent(Value):
    """The fact under which a child workflow's trail hangs."""

    trace_id: str
    span_id: str

    @classmethod
    def of(cls, trail: "Trail") -> Self:
        """Return what a child needs to hang its trail under the first fact of this one.

        Raises:
            ValueError: There is no fact yet.
        """
        if trail.root_span_id is None:
            raise ValueError(f"the trail of {trail.workflow_id!r} has no fact yet; record one before starting a child")
        return cls(trace_id=trail.trace_id, span_id=trail.root_span_id)


class Evidence(Value):
    """What a result says of its trail.

    Attributes:
        events: How many facts the chain has.
        digest: The hash of the last one, thereby of all.
    """

    trace_id: str
    events: int
    digest: str


def child_attributes(workflow_id: str, evidence: Evidence) -> dict[str, Json]:
    """Return the attributes by which a parent's fact vouches for the whole chain of a child that has ended."""
    return {CHILD_WORKFLOW: workflow_id, CHILD_EVENTS: evidence.events, CHILD_DIGEST: evidence.digest}


class Fact(Value):
    """One thing that happened, sealed: a span that holds the hash of the one before it.

    Attributes:
        first_run_id: The first run of the execution; it stays over retry, continue-as-new and reset.
        run_id: The run in which this was judged.
        parent_span_id: None for the first fact of a top-level workflow alone.
        seq: The place in the workflow's chain, from 1.
        name: Dotted, past tense: `approval.decided`.
        key: Unique within the workflow.
        at: When it happened; the end of the span.
        began: The start of what has now ended (a human wait), None for a moment.
        attributes: Names start with `hitl.`.
        prev: The hash of the fact before, empty for the first.
        hash: SHA-256 of the canonical text of everything above.
    """

    workflow_id: str
    first_run_id: str
    run_id: str
    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    seq: Annotated[StrictInt, Field(ge=1)]
    name: str
    key: str
    at: Instant
    began: Instant | None = None
    attributes: dict[str, Json] = Field(default_factory=dict)
    prev: str
    hash: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the fact whose `text()` this is.

        Raises:
            ValueError: It is not the text of a fact to the letter; a tolerant reader would let changes pass.
        """
        fact = cls.model_validate_json(text)
        if fact.text() != text:
            raise ValueError(f"fact {fact.seq} of {fact.workflow_id!r} is not written in its canonical form")
        return fact

    def content(self) -> dict[str, Json]:
        """Return what the hash covers. Absent fields are left out, so that a later optional field keeps old hashes."""
        fields: dict[str, Json] = self.model_dump(mode="json", exclude={"hash"})
        return {name: value for name, value in fields.items() if value is not None}

    def text(self) -> str:
        """Return the one line that is this fact wherever it is kept: canonical JSON, content and hash."""
        return canonical({**self.content(), "hash": self.hash})

    def seal(self) -> Self:
        """Return the fact with the hash that its content has."""
        return self.but(hash=digest(self.content()))

    @property
    def is_sealed(self) -> bool:
        """Tell whether the content still has the hash that the fact states."""
        return self.hash == digest(self.content())

    @property
    def subject(self) -> str:
        """What the fact is about: `approval` of `approval.decided`."""
        return self.name.partition(".")[0]


class Trail(Value):
    """The end of a chain, small enough to live in a workflow's state: all that is needed to add the next fact.

    Attributes:
        parent_span_id: The parent workflow's fact, None at top level.
        root_span_id: The first fact, under which all later ones hang; None before there is one.
        events: How many facts there are.
        head: The hash of the last one, empty before the first.
    """

    workflow_id: str
    first_run_id: str
    trace_id: str
    parent_span_id: str | None = None
    root_span_id: str | None = None
    events: int = 0
    head: str = ""

    @classmethod
    def begin(cls, workflow_id: str, first_run_id: str, parent: TraceParent | None = None) -> Self:
        """Return the empty trail of a workflow, in its parent's trace if it has one."""
        return cls(
            workflow_id=workflow_id,
            first_run_id=first_run_id,
            trace_id=parent.trace_id if parent else trace_id(workflow_id, first_run_id),
            parent_span_id=parent.span_id if parent else None,
        )

    def evidence(self) -> Evidence:
        """Return what the workflow's result says of its trail."""
        return Evidence(trace_id=self.trace_id, events=self.events, digest=self.head)


def record(
    trail: Trail,
    *,
    name: str,
    key: str,
    at: datetime,
    attributes: Mapping[str, Json],
    run_id: str,
    began: datetime | None = None,
) -> tuple[Trail, Fact]:
    """Add one fact to a trail; the first one becomes the workflow's root span, under which all others hang.

    Args:
        trail: The chain so far.
        name: Dotted, past tense.
        key: Unique within the workflow.
        at: When it happened.
        attributes: Names start with `hitl.`.
        run_id: The run that judges it now.
        began: The start of what has now ended, None for a moment.

    Raises:
        ValueError: An attribute is not under `hitl.`, or a value has no JSON text (NaN, a lone surrogate).
    """
    if strangers := sorted(attribute for attribute in attributes if not attribute.startswith("hitl.")):
        raise ValueError(f"fact {key!r} has attributes outside 'hitl.': {', '.join(strangers)[:200]}")
    span = span_id(trail.workflow_id, trail.first_run_id, key)
    fact = Fact(
        workflow_id=trail.workflow_id,
        first_run_id=trail.first_run_id,
        run_id=run_id,
        trace_id=trail.trace_id,
        span_id=span,
        parent_span_id=trail.root_span_id or trail.parent_span_id,
        seq=trail.events + 1,
        name=name,
        key=key,
        at=at,
        began=began,
        attributes=dict(attributes),
        prev=trail.head,
    ).seal()
    return trail.but(events=fact.seq, head=fact.hash, root_span_id=trail.root_span_id or span), fact


def reviews(facts: Iterable[Fact]) -> tuple[str, ...]:
    """Return the ids of the approvals that review what these facts tell of, each once, in order."""
    asked = (fact.attributes.get("hitl.approval") for fact in facts if fact.name == REVIEW_ASKED)
    return tuple(dict.fromkeys(review for review in asked if isinstance(review, str)))
