"""The chain of facts: what it proves, run by run, and what it finds."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_temporal.domain.audit import Fact, TraceParent, Trail, child_attributes, record, reviews, span_id, trace_id
from hitl_temporal.domain.chain import follow, verify_chain
from hitl_temporal.domain.value import canonical

T0 = datetime(2026, 3, 1, 9, tzinfo=UTC)
EVENTS = ("run.started", "step.started", "job.ended", "step.succeeded", "step.answered", "run.ended")


def told(trail: Trail, *keys: str, run_id: str = "r1", minute: int = 0) -> tuple[Trail, tuple[Fact, ...]]:
    """Record one fact a minute; a key is the name too."""
    facts: list[Fact] = []
    for key in keys:
        at = T0 + timedelta(minutes=minute + len(facts))
        trail, fact = record(trail, name=key, key=key, at=at, attributes={"hitl.key": key}, run_id=run_id)
        facts.append(fact)
    return trail, tuple(facts)


def new_trail() -> Trail:
    return Trail.begin("run-1", "r1")


def test_a_chain_that_nobody_touched_is_whole() -> None:
    """The facts of a run, as recorded, verify; the run has ended."""
    trail, facts = told(new_trail(), *EVENTS)
    assert verify_chain(facts) == ()
    assert follow(facts).has_ended
    assert trail.evidence().model_dump() == {
        "trace_id": trace_id("run-1", "r1"),
        "events": 6,
        "digest": facts[-1].hash,
    }


def test_a_job_that_ended_does_not_end_the_run() -> None:
    """Only `<subject of the first fact>.ended` is the end of a chain."""
    _, facts = told(new_trail(), *EVENTS[:3])
    assert facts[-1].name == "job.ended"
    assert not follow(facts).has_ended


def test_no_facts_are_no_problem_of_a_chain() -> None:
    """A chain without facts has nothing wrong and no end."""
    assert follow(()).problem is None
    assert not follow(()).has_ended


def test_the_first_fact_is_the_root_span_of_the_others() -> None:
    """The first fact has no parent at top level; the others hang under it."""
    _, facts = told(new_trail(), *EVENTS)
    assert facts[0].parent_span_id is None
    assert {fact.parent_span_id for fact in facts[1:]} == {facts[0].span_id}


def test_a_childs_root_hangs_under_its_parents_root_in_the_same_trace() -> None:
    """An approval's trail joins the trace of its run."""
    trail, facts = told(new_trail(), "run.started")
    child, child_facts = told(Trail.begin("run-1.ask.1", "c1", TraceParent.of(trail)), "approval.opened")
    assert child.trace_id == trail.trace_id
    assert child_facts[0].parent_span_id == facts[0].span_id
    assert child_attributes("run-1.ask.1", child.evidence()) == {
        "hitl.child.workflow_id": "run-1.ask.1",
        "hitl.child.events": 1,
        "hitl.child.digest": child_facts[0].hash,
    }


def test_a_trail_without_facts_can_be_nobodys_parent() -> None:
    """A child can't hang under a root that was never told."""
    with pytest.raises(ValueError, match="no fact yet"):
        TraceParent.of(new_trail())


def test_ids_derive_from_the_first_run_and_the_key_alone() -> None:
    """A retry, a continue-as-new and a reset tell the same span again, in the same trace."""
    _, (one,) = told(new_trail(), "run.started", run_id="r1")
    _, (two,) = told(new_trail(), "run.started", run_id="r2", minute=5)
    assert (one.trace_id, one.span_id) == (two.trace_id, two.span_id)
    assert one.hash != two.hash
    assert span_id("a", "bc", "d") != span_id("ab", "c", "d")


def test_anybody_can_recompute_a_hash_from_the_line_alone() -> None:
    """The hash is the SHA-256 of the line's other members in canonical JSON: a verifier needs nothing of ours."""
    began = T0 - timedelta(hours=1)
    _, fact = record(
        new_trail(),
        name="approval.decided",
        key="decided:ann:1",
        at=T0.astimezone(timezone(timedelta(hours=2))),
        began=began,
        attributes={"hitl.actor": "Zoë", "hitl.amount": 1.5, "hitl.form": {"b": [1, None], "a": True}},
        run_id="r1",
    )
    line = json.loads(fact.text())
    stated = line.pop("hash")
    text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == stated
    assert line["at"] == "2026-03-01T09:00:00.000000Z"
    assert "parent_span_id" not in line


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc\x85\u2028é", max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(value=json_values, at=st.datetimes(timezones=st.just(UTC), min_value=datetime(1990, 1, 1)))  # noqa: DTZ001
def test_a_fact_is_the_same_after_any_way_through_json(value: object, at: datetime) -> None:
    """Whatever attributes hold, text and Temporal payload give the fact back, sealed."""
    attributes = {"hitl.value": value}
    _, fact = record(new_trail(), name="a.b", key="k", at=at, attributes=attributes, run_id="r1")  # type: ignore[arg-type]
    assert Fact.read(fact.text()) == fact
    again = Fact.model_validate_json(fact.model_dump_json())
    assert again.is_sealed
    assert again.text() == fact.text()


@pytest.mark.parametrize("change", [(":", ": "), ('"seq":1', '"seq":1.0'), ('"seq":1', '"seq":"1"'), ("}", ',"x":1}')])
def test_a_text_that_means_the_same_is_not_the_same(change: tuple[str, str]) -> None:
    """Reading accepts a fact to the letter only."""
    _, (fact,) = told(new_trail(), "run.started")
    with pytest.raises(ValueError):
        Fact.read(fact.text().replace(*change))


def test_attributes_of_others_are_refused() -> None:
    """An attribute that is not under `hitl.` never gets into a chain."""
    with pytest.raises(ValueError, match=r"outside 'hitl\.': http\.url"):
        record(new_trail(), name="a.b", key="k", at=T0, attributes={"http.url": "x"}, run_id="r1")


def test_continue_as_new_goes_on_where_the_run_before_ended() -> None:
    """The trail is carried in the input: the first fact of the next run follows the last one, nothing is abandoned."""
    trail, before = told(new_trail(), *EVENTS[:3], run_id="r1")
    _, after = told(trail, *EVENTS[3:], run_id="r2", minute=3)
    chain = follow((*before, *after))
    assert chain.problem is None
    assert chain.abandoned == ()
    assert chain.live == (*before, *after)


def reset(facts: tuple[Fact, ...], to: int, run_id: str, *later: str, judged_from: int = 0) -> tuple[Fact, ...]:
    """Return what a reset tells: it judges the facts up to `to` again, silently, then tells others."""
    carried = {"events": judged_from, "head": facts[judged_from - 1].hash, "root_span_id": facts[0].span_id}
    trail = new_trail().but(**carried) if judged_from else new_trail()
    for fact in facts[judged_from:to]:
        again = fact.model_dump(include={"name", "key", "at", "attributes"})
        trail, _ = record(trail, **again, run_id=run_id)
    _, told_later = told(trail, *later, run_id=run_id, minute=100 * int(run_id[1:]))
    return told_later


def test_a_reset_forks_the_chain_and_leaves_a_branch_behind() -> None:
    """The new run goes on from the facts as it judged them again; the old branch is abandoned."""
    _, old = told(new_trail(), *EVENTS)
    new = reset(old, 3, "r2", "step.skipped", "run.ended")
    chain = follow(sorted((*old, *new), key=lambda fact: fact.seq))
    assert chain.problem is None
    assert chain.live == (*old[:3], *new)
    assert chain.abandoned == old[3:]
    assert chain.tips == (old[-1], new[-1])


def test_a_reset_may_be_reset_again() -> None:
    """A third run judges the facts of both earlier ones again."""
    _, old = told(new_trail(), *EVENTS)
    second = reset(old, 2, "r2", "step.skipped", "run.ending", "run.ended")
    third = reset((*old[:2], *second), 3, "r3", "run.ended")
    chain = follow((*old, *second, *third))
    assert chain.problem is None
    assert chain.live == (*old[:2], second[0], *third)
    assert chain.abandoned == (*old[2:], *second[1:])


def test_a_reset_after_continue_as_new_judges_only_its_own_run_again() -> None:
    """Facts that were carried in the input keep the run id they had."""
    trail, first = told(new_trail(), *EVENTS[:2], run_id="r1")
    _, second = told(trail, *EVENTS[2:], run_id="r2", minute=2)
    third = reset((*first, *second), 4, "r3", "run.ended", judged_from=2)
    from_its_start = reset((*first, *second), 2, "r4", "run.ended", judged_from=2)
    chain = follow((*first, *second, *third, *from_its_start))
    assert chain.problem is None
    assert chain.live == (*first, *from_its_start)
    assert chain.tips == (first[-1], second[-1], from_its_start[-1], third[-1])


def test_a_retry_begins_again() -> None:
    """A workflow that is retried has a second branch from the first fact on."""
    _, old = told(new_trail(), *EVENTS[:2])
    _, new = told(new_trail(), *EVENTS, run_id="r2", minute=10)
    chain = follow((*old, *new))
    assert chain.problem is None
    assert (chain.live, chain.abandoned) == (new, old)


def test_of_branches_that_end_at_the_same_moment_the_later_told_is_live() -> None:
    """A retry within the same instant does not bring the run before it back to life."""
    _, old = told(new_trail(), *EVENTS[:2])
    _, new = told(new_trail(), *EVENTS[:2], run_id="r2")
    assert follow((*old, *new)).live == new


def test_a_first_fact_follows_nothing() -> None:
    """A chain whose first fact states one before it has lost its beginning."""
    _, (first,) = told(new_trail(), "run.started")
    (problem,) = verify_chain((first.but(prev="ab" * 32).seal(),))
    assert (problem.what, problem.seq) == ("removed", 1)


def test_one_run_that_tells_two_stories_is_a_fork() -> None:
    """Two branches with the same run id are explained by nothing."""
    trail, facts = told(new_trail(), *EVENTS[:3])
    _, other = told(trail.but(events=2, head=facts[1].hash), "step.rejected")
    (problem,) = verify_chain((*facts, *other))
    assert (problem.what, problem.seq, problem.name) == ("fork", 3, "step.rejected")


def test_another_run_that_goes_on_from_nothing_known_is_a_fork() -> None:
    """A new run id excuses a branch only if it follows the earlier facts as that run would have judged them."""
    _, facts = told(new_trail(), *EVENTS)
    _, stranger = told(new_trail().but(events=3, head=facts[2].hash, root_span_id=facts[0].span_id), "x.y", run_id="r2")
    (problem,) = verify_chain((*facts, *stranger))
    assert (problem.what, problem.seq, problem.name) == ("fork", 4, "x.y")


def test_nothing_follows_the_end() -> None:
    """A fact that was added to a run that had told its end is found, however well it is forged."""
    trail, facts = told(new_trail(), *EVENTS)
    _, forged = told(trail, "step.approved")
    (problem,) = verify_chain((*facts, *forged))
    assert (problem.what, problem.seq) == ("inserted", 7)


def test_a_fact_of_another_workflow_is_foreign() -> None:
    """A genuine fact of another workflow has no place here, not even the first."""
    _, facts = told(new_trail(), *EVENTS)
    _, others = told(Trail.begin("run-2", "x1"), "run.started")
    for chain in ((*others, *facts), (*facts[:3], *others, *facts[3:])):
        (problem,) = verify_chain(chain)
        assert (problem.what, problem.workflow_id) == ("foreign", "run-2")


def test_a_trace_id_of_ones_own_making_is_found() -> None:
    """The root's trace id derives from its workflow, so a trail can't be moved into another trace."""
    trail = new_trail().but(trace_id="ab" * 16)
    _, facts = told(trail, *EVENTS)
    (problem,) = verify_chain(facts)
    assert (problem.what, problem.seq) == ("foreign", 1)


def test_a_span_id_of_ones_own_making_is_found() -> None:
    """A sealed fact whose span id does not derive from its key is not what it says."""
    _, facts = told(new_trail(), *EVENTS)
    (problem,) = verify_chain((facts[0], facts[1].but(span_id="ab" * 8).seal()))
    assert (problem.what, problem.seq) == ("changed", 2)


def test_what_is_missing_is_named_with_its_place() -> None:
    """A gap says from where to where, and what comes after it."""
    _, facts = told(new_trail(), *EVENTS)
    (problem,) = verify_chain((facts[0], *facts[3:]))
    assert (problem.what, problem.seq, problem.name) == ("removed", 2, "")
    assert problem.detail == "facts 2 to 3 are missing before 'step.succeeded' (4)"


def test_the_hash_of_a_known_fact_never_changes() -> None:
    """Evidence of today verifies with the programs of tomorrow: this hash was computed when the format was made."""
    _, (fact,) = told(new_trail(), "run.started")
    assert canonical(fact.content()) == (
        '{"at":"2026-03-01T09:00:00.000000Z","attributes":{"hitl.key":"run.started"},"first_run_id":"r1",'
        '"key":"run.started","name":"run.started","prev":"","run_id":"r1","seq":1,"span_id":"0be68dd9ac81336f",'
        '"trace_id":"ddd865939b91acd2637ea1880274a929","workflow_id":"run-1"}'
    )
    assert fact.hash == "934b5f36c4b66c0f51cfadb511c7e77c93efadbd6d18e3702bc3bacf60869a07"


# --- Each kind of damage ----------------------------------------------------------------------------------------------


def whole() -> tuple[Fact, ...]:
    return told(new_trail(), *EVENTS)[1]


def damage(facts: tuple[Fact, ...]) -> list[tuple[int, str]]:
    return [(p.seq, p.what) for p in verify_chain(facts)]


def test_a_text_that_is_not_canonical_is_no_fact() -> None:
    """To the letter: a tolerant reader would let changes pass."""
    text = whole()[0].text()
    assert Fact.read(text).text() == text
    with pytest.raises(ValueError, match="not written in its canonical form"):
        Fact.read(text.replace('":', '": ', 1))


def test_a_fact_whose_content_has_changed_does_not_have_its_hash() -> None:
    """Found at its place, whatever it says now."""
    facts = whole()
    assert damage((*facts[:2], facts[2].but(name="step.failed"), *facts[3:])) == [(3, "changed")]


def test_a_fact_that_is_there_twice_was_inserted() -> None:
    """It is the same one, at a place where another belongs."""
    facts = whole()
    assert damage((*facts[:3], facts[2], *facts[3:])) == [(3, "inserted")]


def test_a_fact_that_was_replaced_does_not_follow() -> None:
    """It is sealed, and the one after it was sealed over another."""
    facts = whole()
    forged = facts[2].but(attributes={"hitl.key": "forged"}).seal()
    assert damage((*facts[:2], forged, *facts[3:])) == [(4, "changed")]


def test_a_fact_out_of_its_place_is_reordered() -> None:
    """The report names the place where it belongs."""
    facts = whole()
    assert damage((facts[0], facts[2], facts[1], *facts[3:])) == [(2, "reordered")]


def test_a_run_whose_beginning_is_missing_is_told_so() -> None:
    """The facts that it goes on from are not there."""
    trail, before = told(new_trail(), *EVENTS[:3])
    _, after = told(trail, *EVENTS[3:], run_id="r2", minute=9)
    assert damage((*before, *after)) == []
    assert damage((*before[:2], *after)) == [(3, "removed")]


def test_facts_name_the_reviews_of_what_they_tell() -> None:
    """Each once; a name that is no text, as a forger may write it, names none."""
    trail = Trail.begin("w", "r")
    told = ({"hitl.approval": "w.review"}, {"hitl.approval": "w.review"}, {"hitl.approval": 3}, {})
    at = datetime(2026, 3, 2, tzinfo=UTC)
    facts = [
        record(trail, name="approval.review_asked", key=str(n), at=at, attributes=a, run_id="r")[1]
        for n, a in enumerate(told)
    ]
    other = record(trail, name="approval.asked", key="o", at=at, attributes=told[0], run_id="r")[1]
    assert reviews([other]) == ()
    assert reviews(facts) == ("w.review",)
