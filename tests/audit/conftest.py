"""A recorded trace for the tests of the audit store: a run, and the approval that it asked for."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import NamedTuple

import pytest

from hitl_temporal.domain.audit import Evidence, Fact, TraceParent, Trail, child_attributes, record
from hitl_temporal.domain.value import Json

START = datetime(2026, 3, 1, 9, tzinfo=UTC)


class Told:
    """Records the facts of one workflow, a minute apart."""

    def __init__(self, trail: Trail, minutes: "count[int]", run_id: str) -> None:
        self.trail, self._minutes, self._run_id = trail, minutes, run_id
        self.facts: tuple[Fact, ...] = ()

    def tell(self, name: str, attributes: Mapping[str, Json] | None = None) -> Fact:
        """Record the next fact."""
        at = START + timedelta(minutes=next(self._minutes))
        self.trail, fact = record(
            self.trail,
            name=name,
            key=f"{name}:{self.trail.events}",
            at=at,
            began=at - timedelta(seconds=30) if name.endswith(("decided", "ended")) else None,
            attributes=attributes or {},
            run_id=self._run_id,
        )
        self.facts = (*self.facts, fact)
        return fact


class Trace(NamedTuple):
    """A run that has ended, with the approval it asked for."""

    run: tuple[Fact, ...]
    approval: tuple[Fact, ...]
    result: Evidence

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All facts as a store gives them back: each workflow's together."""
        return (*self.run, *self.approval)


def recorded(run_id: str = "run-1") -> Trace:
    """Record the trace, the two workflows interleaved in time."""
    minutes = count()
    run = Told(Trail.begin(run_id, "r1"), minutes, "r1")
    run.tell("run.started", {"hitl.requester": "ann", "hitl.flow": "firewall_change"})
    run.tell("step.started", {"hitl.step": "ask"})
    approval = Told(Trail.begin(f"{run_id}.ask.1", "c1", TraceParent.of(run.trail)), minutes, "c1")
    approval.tell("approval.opened", {"hitl.title": "Open port 443?"})
    approval.tell("approval.asked", {"hitl.who": ["bob", "eve"], "hitl.due": None})
    approval.tell(
        "approval.decided", {"hitl.actor": "bob", "hitl.outcome": "approved", "hitl.limits": {"port": [443, 1.5]}}
    )
    approval.tell("approval.ended", {"hitl.outcome": "approved"})
    run.tell("step.answered", child_attributes(f"{run_id}.ask.1", approval.trail.evidence()))
    run.tell("job.ended", {"hitl.exit": 0, "hitl.huge": 2**70, "hitl.ok": True})
    run.tell("run.ended", {"hitl.status": "completed"})
    return Trace(run.facts, approval.facts, run.trail.evidence())


@pytest.fixture(scope="session")
def trace() -> Trace:
    """Give the recorded trace of `run-1`."""
    return recorded()


@pytest.fixture(scope="session")
def other_trace() -> Trace:
    """Give the recorded trace of `run-2`."""
    return recorded("run-2")
