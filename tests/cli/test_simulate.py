"""`hitl simulate`: when runs of a flow are over, and what they wait for."""

from pathlib import Path

import pytest

FLOW = """\
flow: hello
inputs: {x: {type: integer}}
steps:
  - {id: a, call: job.a}
  - {id: ok, ask: {title: May we?, who: [user:bob], due: 10d}}
  - {id: b, call: job.b, with: {y: "{{steps.a.outputs.y}}"}}
"""
GOOD = "scenario: x\ngiven: {inputs: {x: 1}, requester: ann, jobs: {a: {outputs: {y: 2}}}}\nthen: {status: completed}\n"


@pytest.fixture
def project(elsewhere: Path) -> Path:
    """The project of the working directory, with a scenario that gives what its jobs need."""
    folder = elsewhere / "workflows/hello/scenarios"
    folder.mkdir(parents=True)
    (folder.parent / "flow.yaml").write_text(FLOW)
    (folder.parent.parent / "people.yaml").write_text("people: {ann: {name: Ann}, bob: {name: Bob}}\n")
    (folder / "bad.yaml").write_text(GOOD.replace("completed", "parked").replace("outputs: {y: 2}", "fail: no"))
    (folder / "good.yaml").write_text(GOOD)
    (folder / "wrong.yaml").write_text("scenario: x\nthn: {}\n")
    return elsewhere


def test_it_tells_when_runs_are_over_and_why_not_before(hitl, project) -> None:
    """People are most of it."""
    done = hitl(
        "simulate", "hello", "--runs", "20", "--took", "ok=30h..30h", "--took", "a=1m..1m", "--took", "b=1m..1m"
    )

    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == "runs:        20 completed"
    assert lines[1] == "half within: 1d6h"
    assert lines[3].split("\t") == ["ok", "people", "100%", "1d6h", "1d6h"]


def test_json_has_all_of_it(hitl, project) -> None:
    """Lengths in seconds."""
    done = hitl("simulate", "hello", "--runs", "5", "-i", "x=3", "--json")
    assert (done.document["runs"], done.document["path"][0]["who"]) == (5, "people")


def test_a_scenario_is_chosen_by_name(hitl, project) -> None:
    """One in which a job fails shows where runs stop."""
    done = hitl("simulate", "hello", "--runs", "5", "--scenario", "bad")
    assert done.out == "runs:        5 parked\n"
    assert "a parked in 5 of 5 runs: " in done.err
    assert "--scenario NAME" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "there is no flow 'nothing'; flows: hello"),
        (["hello", "--scenario", "wrong"], "wrong.yaml:2: unknown key 'thn'"),
        (["hello", "-i", "y=1"], "unknown input 'y'"),
        (["hello", "--took", "c=1m..2m"], "flow 'hello' has no step 'c'; steps: a, ok, b"),
        (["hello", "--took", "a=fast"], "fast"),
    ],
)
def test_what_can_not_be_told_is_an_error(hitl, project, words, said) -> None:
    """In one line, with what to do."""
    done = hitl("simulate", *words)
    assert done.code == 1
    assert said in done.err
    assert done.err.count("\n") == 1
