"""`hitl audit`: what is shown, proved and handed on is made of the facts alone."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from hitl_temporal.domain.audit import Fact, Trail, record

REPORT = {"ok": True, "status": "ok", "events": 1, "workflows": 1, "abandoned": 0, "problems": []}
START = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.fixture
def facts() -> list[Fact]:
    """The facts of a run that has ended, as the service gives them."""
    trail, found = Trail.begin("r", "first"), []
    for number, name in enumerate(("run.started", "job.ended", "run.ended")):
        at = START + timedelta(minutes=number)
        attributes = {"hitl.actor": "ann"}
        trail, fact = record(trail, name=name, key=str(number), at=at, attributes=attributes, run_id="first")
        found.append(fact)
    return found


@pytest.fixture
def trail(service, facts) -> Callable[..., None]:
    """Let the service answer with these facts."""

    def serve(of=None) -> None:
        shown = [fact.model_dump(mode="json") for fact in (facts if of is None else of)]
        report = {"ok": True, "status": "ok", "events": len(shown), "workflows": 1, "abandoned": 0, "problems": []}
        service.on("GET /v1/runs/r/audit", {"facts": shown, "report": report})

    serve()
    return serve


@pytest.mark.parametrize("words", [("audit", "show", "r"), ("audit", "r"), ("audit", "r", "--format", "table")])
def test_audit_of_an_id_shows_it(hitl, trail, words) -> None:
    """`show` may be left out."""
    done = hitl(*words)

    assert done.code == 0
    assert [line.split()[3] for line in done.out.splitlines()[1:]] == ["run.started", "job.ended", "run.ended"]


@pytest.mark.parametrize(
    "words", [("audit", "--json", "r"), ("audit", "r", "--json"), ("audit", "--as", "ann", "r", "--format", "json")]
)
def test_the_trail_as_json_is_every_fact_and_the_proof(hitl, trail, facts, words) -> None:
    """Options may stand before the id, also where `show` is left out."""
    document = hitl(*words).document

    assert [fact["hash"] for fact in document["facts"]] == [fact.hash for fact in facts]
    assert document["report"]["status"] == "ok"


def test_the_trail_as_html_is_one_page(hitl, trail) -> None:
    """HTML is for handing on."""
    assert hitl("audit", "show", "r", "--format", "html").out.startswith("<!doctype html>")


def test_an_export_is_proved_by_anybody(hitl, trail, tmp_path) -> None:
    """A file needs no service to be verified."""
    assert hitl("audit", "export", "r", "-o", "trail.jsonl").code == 0

    done = hitl("audit", "verify", "trail.jsonl")

    assert done.code == 0
    assert done.out == "trail.jsonl: complete and unchanged; 3 facts of 1 workflows\n"
    assert hitl("audit", "export", "r", "-o", "-").out == (tmp_path / "trail.jsonl").read_text()


@pytest.mark.parametrize(
    "spoil", [lambda text: text.replace('"ann"', '"eve"', 1), lambda text: text[: text.rindex('{"')]]
)
def test_a_changed_or_truncated_file_is_exit_1(hitl, trail, tmp_path, spoil) -> None:
    """What was changed, and what was cut off, is found."""
    hitl("audit", "export", "r", "-o", "trail.jsonl")
    file = tmp_path / "trail.jsonl"
    file.write_text(spoil(file.read_text()))

    done = hitl("audit", "verify", "trail.jsonl")

    assert done.code == 1
    assert done.err.count("\n") == 1
    assert hitl("audit", "verify", "trail.jsonl", "--json").document["ok"] is False


def test_a_run_is_proved_against_its_own_result(hitl, service, trail, facts, a_run) -> None:
    """A tail that the store has lost is seen by what the result says."""
    evidence = {"trace_id": facts[0].trace_id, "events": 3, "digest": facts[-1].hash}
    service.on("GET /v1/runs/r", a_run(evidence=evidence))
    assert hitl("audit", "verify", "r").code == 0

    trail(facts[:2])
    done = hitl("audit", "verify", "r")

    assert done.code == 1
    assert "removed: r, fact 3" in done.out


def test_a_trail_without_an_end_is_fine_while_its_run_is_open(hitl, service, trail, facts, a_run) -> None:
    """An open run has not told its end yet; a closed one must have."""
    trail(facts[:2])
    service.on("GET /v1/runs/r", a_run("waiting", evidence=None))

    done = hitl("audit", "verify", "r")

    assert (done.code, done.out) == (0, "r: open: complete and unchanged so far; 2 facts of 1 workflows\n")


@pytest.mark.parametrize("is_asked", [True, False])
def test_the_review_of_a_closed_run_may_still_be_open(hitl, service, trail, facts, a_run, is_asked) -> None:
    """While people are asked its trail can have no end; once they have answered it must have one."""
    told = {"hitl.approval": "r.review"}
    first, glass = record(
        Trail.begin("r", "f"), name="approval.review_asked", key="g", at=START, attributes=told, run_id="f"
    )
    _, end = record(first, name="approval.ended", key="e", at=START, attributes={}, run_id="f")
    _, review = record(
        Trail.begin("r.review", "v"), name="approval.opened", key="o", at=START, attributes={}, run_id="v"
    )
    trail([glass, end, review])
    outcome = None if is_asked else "approved"
    shown = {"id": "r.review", "state": outcome or "open", "outcome": outcome}
    service.on("GET /v1/approvals/r.review", shown)

    done = hitl("audit", "verify", "r")

    assert (done.code, "r: open: complete and unchanged so far" in done.out) == ((0, True) if is_asked else (1, False))


def test_the_trail_of_absences_never_ends(hitl, service, tmp_path) -> None:
    """It is complete so far, in the service and in a file."""
    at = {"at": START, "attributes": {}, "run_id": "a"}
    _, fact = record(Trail.begin("hitl.absences", "a"), name="absence.added", key="1", **at)
    service.on("GET /v1/runs/hitl.absences/audit", {"facts": [fact.model_dump(mode="json")], "report": REPORT})
    assert hitl("audit", "export", "hitl.absences", "-o", "absences.jsonl").code == 0

    for subject in ("hitl.absences", "absences.jsonl"):
        done = hitl("audit", "verify", subject)

        assert (done.code, done.out) == (0, f"{subject}: open: complete and unchanged so far; 1 facts of 1 workflows\n")


def test_facts_of_a_newer_server_are_not_half_understood(hitl, service, trail, facts) -> None:
    """Nobody can prove what they don't understand, so an unknown field is an error that says so."""
    newer = {**facts[0].model_dump(mode="json"), "from_2030": 1}
    service.on("GET /v1/runs/r/audit", {"facts": [newer], "report": {"ok": True, "status": "ok"}})

    done = hitl("audit", "r")

    assert done.code == 1
    assert "facts.0.from_2030" in done.err


def test_a_file_that_cannot_be_written_is_one_line(hitl, trail) -> None:
    """The line names the file and the cause."""
    done = hitl("audit", "export", "r", "-o", "no/such/folder")

    assert done == (1, "", "hitl: no/such/folder: No such file or directory; choose another file with -o\n")


def test_an_export_says_what_it_wrote_as_json(hitl, trail) -> None:
    """Every command that prints has `--json`."""
    assert json.loads(hitl("audit", "export", "r", "-o", "t", "--json").out) == {"file": "t", "facts": 3}
