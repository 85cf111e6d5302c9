"""Who reads a trail back: those who take part, and operators."""

import pytest

from hitl_temporal.domain.audit import Fact, Trail, record
from hitl_temporal.domain.value import Json
from hitl_temporal.service.audit import Audit
from hitl_temporal.service.errors import NotFoundError
from hitl_temporal.service.identity import Identity
from tests.domain.approval.playing import MONDAY


class Kept:
    """One trail of one fact, which bob has caused."""

    def __init__(self, name: str) -> None:
        trail = Trail.begin("w", "run-1")
        _, self.fact = record(trail, name=name, key="k", at=MONDAY, attributes={"hitl.actor": "bob"}, run_id="run-1")

    async def of_trace(self, trace_id: str) -> tuple[Fact, ...]:
        """Return the fact."""
        return (self.fact,) if trace_id == self.fact.trace_id else ()

    async def trace_of(self, workflow_id: str) -> str | None:
        """Return its trace."""
        return self.fact.trace_id if workflow_id == "w" else None


def person(name: str, *roles: str) -> Identity:
    """Return somebody who has signed in."""
    return Identity(name, frozenset(roles), frozenset(), "medium", "api")


async def test_whoever_takes_part_reads_a_trail() -> None:
    """And operators read every one; for others there is none."""
    audit = Audit(Kept("approval.decided"))
    for me in (person("bob"), person("gus", "operator")):
        assert len((await audit.show(me, "w")).facts) == 1
    for me, name in ((person("cai"), "w"), (person("gus", "operator"), "v")):
        with pytest.raises(NotFoundError, match="no audit trail"):
            await audit.show(me, name)


@pytest.mark.parametrize("name", ["absence.added", "absence.removed"])
async def test_the_trail_of_absences_is_for_operators_alone(name: str) -> None:
    """It is everybody's: who has one absence in it must not read those of all others."""
    audit = Audit(Kept(name))
    assert len((await audit.show(person("gus", "operator"), "w")).facts) == 1
    with pytest.raises(NotFoundError, match="no audit trail"):
        await audit.show(person("bob"), "w")


class Shelf:
    """Trails by the workflow that each tells of."""

    def __init__(self, *told: tuple[str, str, dict[str, Json]]) -> None:
        self.facts: list[Fact] = []
        for workflow_id, name, attributes in told:
            trail = Trail.begin(workflow_id, f"{workflow_id}-1")
            _, fact = record(trail, name=name, key="k", at=MONDAY, attributes=attributes, run_id=f"{workflow_id}-1")
            self.facts.append(fact)

    async def of_trace(self, trace_id: str) -> tuple[Fact, ...]:
        """Return what was told in a trace."""
        return tuple(fact for fact in self.facts if fact.trace_id == trace_id)

    async def trace_of(self, workflow_id: str) -> str | None:
        """Return its trace."""
        return next((fact.trace_id for fact in self.facts if fact.workflow_id == workflow_id), None)


BROKEN: tuple[str, str, dict[str, Json]] = (
    "w",
    "approval.review_asked",
    {"hitl.actor": "bob", "hitl.approval": "w.review"},
)


async def test_the_trail_leads_to_the_review_of_a_broken_glass() -> None:
    """It has a trace of its own, which follows; who takes part in the review alone does not read what it is about."""
    audit = Audit(Shelf(("w.review", "approval.decided", {"hitl.actor": "cai"}), BROKEN))
    found = await audit.show(person("bob"), "w")
    assert [fact.workflow_id for fact in found.facts] == ["w", "w.review"]
    assert {problem.what for problem in found.report.problems} == {"open"}
    with pytest.raises(NotFoundError):
        await audit.show(person("cai"), "w")


@pytest.mark.parametrize("other", [(), (("w.review", "run.started", {"hitl.requester": "mallory"}),)])
async def test_what_is_no_review_is_left_out(other: tuple[tuple[str, str, dict[str, Json]], ...]) -> None:
    """There is none yet, or a run had been given its id: that is nobody's business here."""
    found = await Audit(Shelf(BROKEN, *other)).show(person("bob"), "w")
    assert [fact.workflow_id for fact in found.facts] == ["w"]
