"""Tampering with a stored trace is found, and its place named."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hitl_temporal.audit.verify import Report, abandoned, export_lines, verify, verify_file
from hitl_temporal.domain.audit import Evidence, Fact, TraceParent, Trail, record

if TYPE_CHECKING:
    from conftest import Trace

START = datetime(2026, 3, 1, 9, tzinfo=UTC)

CHANGES = {
    "workflow_id": "run-9",
    "first_run_id": "r9",
    "run_id": "r9",
    "trace_id": "ab" * 16,
    "span_id": "ab" * 8,
    "parent_span_id": "ab" * 8,
    "seq": 99,
    "name": "approval.rejected",
    "key": "forged",
    "attributes": {"hitl.actor": "mallory"},
    "prev": "ab" * 32,
    "hash": "cd" * 32,
}


def is_told(report: Report, workflow_id: str, *seqs: int) -> bool:
    """Tell whether a proof of tampering points at one of these places of a workflow's chain."""
    return any(p.workflow_id == workflow_id and p.seq in seqs and p.what != "open" for p in report.problems)


def test_an_untouched_trace_is_whole(trace: "Trace") -> None:
    """All facts of a run and its approval verify, with the run's result too."""
    report = verify(trace.facts, trace.result)
    assert report == Report(ok=True, status="ok", events=9, workflows=2)


def test_the_order_of_workflows_does_not_matter(trace: "Trace") -> None:
    """Facts sorted by time, the workflows interleaved, are the same trace."""
    assert verify(sorted(trace.facts, key=lambda fact: fact.at)).ok


@given(data=st.data())
def test_any_changed_field_is_found_at_its_fact(trace: "Trace", data: st.DataObject) -> None:
    """Whichever field of whichever fact is another than it was, the report says which fact has changed."""
    index = data.draw(st.integers(0, len(trace.facts) - 1))
    field = data.draw(st.sampled_from([*CHANGES, "at", "began"]))
    fact = trace.facts[index]
    changed = fact.but(**{field: CHANGES.get(field, fact.at + timedelta(microseconds=1))})
    report = verify((*trace.facts[:index], changed, *trace.facts[index + 1 :]))
    assert report.status == "broken"
    assert is_told(report, changed.workflow_id, changed.seq)


@given(data=st.data())
def test_any_removed_fact_is_found_at_its_place(trace: "Trace", data: st.DataObject) -> None:
    """A missing fact is named by its place; the root's last one alone leaves no more than an open trail."""
    index = data.draw(st.integers(0, len(trace.facts) - 1))
    gone = trace.facts[index]
    rest = (*trace.facts[:index], *trace.facts[index + 1 :])
    if gone.name == "run.ended":
        assert verify(rest).status == "incomplete"
        assert is_told(verify(rest, trace.result), "run-1", gone.seq)
    else:
        report = verify(rest)
        assert [(p.workflow_id, p.seq, p.what) for p in report.problems[:1]] == [
            (gone.workflow_id, gone.seq, "removed")
        ]


@given(data=st.data())
def test_any_reordering_is_found_at_the_first_fact_out_of_place(trace: "Trace", data: st.DataObject) -> None:
    """Facts of one workflow in another order are found where the order first breaks."""
    chain, other = data.draw(st.permutations([trace.run, trace.approval]))
    shuffled = data.draw(st.permutations(chain).filter(lambda facts: tuple(facts) != chain))
    place = next(n for n, fact in enumerate(chain) if shuffled[n] != fact) + 1
    report = verify((*shuffled, *other))
    assert report.status == "broken"
    assert [(p.seq, p.what) for p in report.problems] == [(place, "reordered")]


@given(data=st.data())
def test_any_inserted_fact_is_found(trace: "Trace", other_trace: "Trace", data: st.DataObject) -> None:
    """A copy, a forgery that is sealed and linked, or a genuine fact from elsewhere is found where it stands."""
    before = data.draw(st.sampled_from(trace.facts))
    kind = data.draw(st.sampled_from(["copy", "forged", "elsewhere"]))
    match kind:
        case "copy":
            new = before
        case "forged":
            trail = Trail.begin(before.workflow_id, before.first_run_id)
            trail = trail.but(
                trace_id=before.trace_id, root_span_id=trace.run[0].span_id, events=before.seq, head=before.hash
            )
            new = record(trail, name="a.b", key="forged", at=before.at, attributes={}, run_id=before.run_id)[1]
        case _:
            new = data.draw(st.sampled_from(other_trace.facts))
    place = trace.facts.index(before) + 1
    report = verify((*trace.facts[:place], new, *trace.facts[place:]))
    assert report.status == "broken"
    assert is_told(report, new.workflow_id, 1, new.seq)


@given(data=st.data())
def test_a_fact_replaced_by_a_sealed_one_is_found(trace: "Trace", data: st.DataObject) -> None:
    """Who can recompute one hash still breaks the link to the next fact, the parent's word, or the result."""
    index = data.draw(st.integers(0, len(trace.facts) - 1))
    fact = trace.facts[index]
    replaced = fact.but(attributes={"hitl.actor": "mallory"}).seal()
    report = verify((*trace.facts[:index], replaced, *trace.facts[index + 1 :]), trace.result)
    assert report.status == "broken"
    assert is_told(report, fact.workflow_id, fact.seq, fact.seq + 1)


def test_a_child_that_was_cut_short_is_found_by_its_parent(trace: "Trace") -> None:
    """However much of a child's tail is gone, down to all of it, the report names the first missing fact."""
    for kept in range(len(trace.approval)):
        (problem,) = verify((*trace.run, *trace.approval[:kept])).problems
        assert (problem.workflow_id, problem.seq, problem.what) == ("run-1.ask.1", kept + 1, "removed")
        assert "fact 3 of 'run-1' vouches for 4 facts" in problem.detail


def test_a_child_that_grew_after_its_end_is_found_by_its_parent(trace: "Trace") -> None:
    """A whole chain forged anew, longer or of the same length, is not what the parent vouches for."""
    run_head = TraceParent(trace_id=trace.run[0].trace_id, span_id=trace.run[0].span_id)
    trail = Trail.begin("run-1.ask.1", "c1", run_head)
    forged: list[Fact] = []
    for name in ("approval.opened", "approval.asked", "approval.decided", "approval.overridden", "approval.ended"):
        trail, fact = record(trail, name=name, key=name, at=trace.run[-1].at, attributes={}, run_id="c1")
        forged.append(fact)
    (longer,) = verify((*trace.run, *forged)).problems
    assert (longer.workflow_id, longer.seq, longer.what) == ("run-1.ask.1", 5, "inserted")
    (same,) = verify((*trace.run, *forged[:4])).problems
    assert (same.workflow_id, same.seq, same.what) == ("run-1.ask.1", 4, "changed")


def test_a_child_that_still_runs_leaves_the_trace_incomplete(trace: "Trace") -> None:
    """Nothing is wrong with a run that waits for people; it has only not ended."""
    report = verify((*trace.run[:2], *trace.approval[:2]))
    assert (report.ok, report.status) == (False, "incomplete")
    assert [(p.workflow_id, p.seq, p.what) for p in report.problems] == [
        ("run-1", 2, "open"),
        ("run-1.ask.1", 2, "open"),
    ]


def test_a_child_whose_parent_is_gone_is_found(trace: "Trace") -> None:
    """A chain that hangs under a span which the trace does not have is no proof of anything."""
    (problem,) = verify(trace.approval).problems
    assert (problem.workflow_id, problem.what) == ("run-1.ask.1", "foreign")


def test_two_traces_are_not_one(trace: "Trace", other_trace: "Trace") -> None:
    """A second top-level workflow among the facts of a trace is foreign."""
    problems = verify((*trace.facts, *other_trace.facts)).problems
    assert [(p.workflow_id, p.what) for p in problems] == [("run-2", "foreign")]


def review_of(approval: str, run_id: str = "v1", *, is_over: bool = True) -> tuple[Fact, ...]:
    """Return the trail of the review of an approval: a trace of its own."""
    trail, facts = Trail.begin(f"{approval}.review", run_id), []
    for number, name in enumerate(("approval.opened", "approval.ended")[: 2 if is_over else 1]):
        at = START + timedelta(hours=number)
        trail, fact = record(trail, name=name, key=name, at=at, attributes={}, run_id=run_id)
        facts.append(fact)
    return tuple(facts)


def broken_glass(run_id: str = "r1") -> tuple[tuple[Fact, ...], Evidence]:
    """Return the trail of an approval whose glass was broken, and what its result says of it."""
    trail, facts = Trail.begin("a", run_id), []
    for name, more in (("opened", {}), ("review_asked", {"hitl.approval": "a.review"}), ("ended", {})):
        trail, fact = record(trail, name=f"approval.{name}", key=name, at=START, attributes=more, run_id=run_id)
        facts.append(fact)
    return tuple(facts), trail.evidence()


@pytest.mark.parametrize("is_first", [True, False])
def test_a_review_is_a_trace_beside(is_first: bool) -> None:
    """The trace that names it is whole with it, in whatever order; what the result says is about the approval alone."""
    glass, result = broken_glass()
    review = review_of("a")
    report = verify((*review, *glass) if is_first else (*glass, *review), result)
    assert report == Report(ok=True, status="ok", events=5, workflows=2)


def test_a_review_that_nobody_has_asked_for_is_foreign() -> None:
    """Only what the trace names belongs to it."""
    glass, _ = broken_glass()
    problems = verify((*glass, *review_of("b"))).problems
    assert [(p.workflow_id, p.what) for p in problems] == [("b.review", "foreign")]


def test_a_review_that_is_still_asked_leaves_the_trail_open() -> None:
    """It has told no end yet."""
    report = verify((*broken_glass()[0], *review_of("a", is_over=False)))
    assert [(p.workflow_id, p.what) for p in report.problems] == [("a.review", "open")]


def test_nothing_is_not_proved() -> None:
    """No facts are an incomplete trail, and a removed one for who holds a result."""
    assert verify(()).status == "incomplete"
    result = Trail.begin("run-1", "r1").evidence()
    assert verify((), result).status == "broken"


def test_a_child_that_was_reset_after_it_answered_keeps_its_parents_word(trace: "Trace") -> None:
    """The parent vouches for the branch that it heard; the later branch is live, the former abandoned."""
    parent = TraceParent(trace_id=trace.run[0].trace_id, span_id=trace.run[0].span_id)
    trail = Trail.begin("run-1.ask.1", "c1", parent)
    for fact in trace.approval[:2]:
        again = fact.model_dump(include={"name", "key", "at", "began", "attributes"})
        trail, _ = record(trail, **again, run_id="c2")
    later = trace.run[-1].at + timedelta(hours=1)
    _, ended = record(trail, name="approval.ended", key="ended", at=later, attributes={}, run_id="c2")
    report = verify((*trace.facts, ended))
    assert (report.status, report.abandoned) == ("ok", 2)
    assert abandoned((*trace.facts, ended)) == trace.approval[2:]


def test_an_export_verifies_offline(trace: "Trace", tmp_path: Path) -> None:
    """A file with one fact a line proves what the store proves."""
    path = tmp_path / "run-1.jsonl"
    path.write_text("".join(export_lines(trace.facts)), encoding="utf-8")
    assert verify_file(path) == verify(trace.facts)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_changed_byte_of_an_export_is_found_at_its_line(
    trace: "Trace", tmp_path: Path, data: st.DataObject
) -> None:
    """Whichever byte of an export is another, the report names the fact, or the line that is none any more."""
    content = bytearray("".join(export_lines(trace.facts)).encode())
    index = data.draw(st.integers(0, len(content) - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[index]))
    line = content[:index].count(b"\n")
    content[index] = byte
    path = tmp_path / "changed.jsonl"
    path.write_bytes(content)
    report = verify_file(path)
    assert report.status == "broken"
    # A line that became two by a newline may have nothing before it.
    unreadable = {p.seq for p in report.problems if not p.workflow_id}
    changed = [p.name for p in report.problems if p.what == "changed" and p.workflow_id]
    assert unreadable & {line + 1, line + 2} or len(changed) == 1


def test_line_separators_in_texts_do_not_split_a_line(tmp_path: Path) -> None:
    """What people wrote may contain the characters that some programs take for a line's end."""
    trail = Trail.begin("run-1", "r1")
    text = {"hitl.reason": "a\u2028b\x85c"}
    trail, first = record(trail, name="run.started", key="started", at=START, attributes=text, run_id="r1")
    _, last = record(trail, name="run.ended", key="ended", at=START, attributes=text, run_id="r1")
    path = tmp_path / "run-1.jsonl"
    path.write_text("".join(export_lines((first, last))), encoding="utf-8")
    assert verify_file(path).ok


@pytest.mark.parametrize("content", [b"{}\n", b"\xff\xfe\n", b"[]", b"not json\n\n"])
def test_a_file_of_anything_else_is_no_proof(content: bytes, tmp_path: Path) -> None:
    """A line that is no fact is named by its number, and never raises."""
    path = tmp_path / "other.jsonl"
    path.write_bytes(content)
    report = verify_file(path)
    assert report.status == "broken"
    assert (report.problems[0].seq, report.problems[0].what) == (1, "changed")
