"""`hitl test`: one line a scenario; what comes out otherwise by file and line."""

from pathlib import Path

import pytest

FLOW = "flow: hello\nsteps:\n  - {id: ok, ask: {title: May we?, who: [user:bob], due: 1bd}}\n"
PEOPLE = "people: {ann: {name: Ann}, bob: {name: Bob}}\n"
GOOD = (
    "scenario: bob says yes\nwhen: [{decide: {step: ok, actor: bob, outcome: approved}}]\nthen: {status: completed}\n"
)
BAD = (
    "scenario: ann says yes\nwhen:\n  - decide: {step: ok, actor: ann, outcome: approved}\nthen: {status: completed}\n"
)


@pytest.fixture
def project(elsewhere: Path) -> Path:
    """The project of the working directory, with two scenarios."""
    folder = elsewhere / "workflows/hello/scenarios"
    folder.mkdir(parents=True)
    (folder.parent / "flow.yaml").write_text(FLOW)
    (folder.parent.parent / "people.yaml").write_text(PEOPLE)
    (folder / "good.yaml").write_text(GOOD)
    (folder / "bad.yaml").write_text(BAD)
    return elsewhere


def test_each_scenario_is_a_line(hitl, project) -> None:
    """What is otherwise stands below, with a hint."""
    done = hitl("test")

    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[0] == "FAIL workflows/hello/scenarios/bad.yaml: ann says yes"
    assert lines[1].startswith("     workflows/hello/scenarios/bad.yaml:4: status: expected completed, found waiting")
    assert lines[2].startswith("     hint: workflows/hello/scenarios/bad.yaml:3: this did not count: not_eligible")
    assert lines[3] == "ok   workflows/hello/scenarios/good.yaml: bob says yes"
    assert done.err == "2 scenarios, 1 failed\n"


def test_a_path_chooses(hitl, project) -> None:
    """All of them held: exit 0."""
    done = hitl("test", "workflows/hello/scenarios/good.yaml")

    assert (done.code, done.err) == (0, "1 scenario, none failed\n")


def test_json_has_all_of_it(hitl, project) -> None:
    """And nothing else on stdout."""
    done = hitl("test", "--json")

    bad, good = done.document
    assert (done.code, good["passed"], good["problems"]) == (1, True, [])
    assert (bad["scenario"], bad["passed"], bad["problems"][0]["line"]) == ("ann says yes", False, 4)
    assert bad["hints"][0]["line"] == 3


def test_no_scenario_where_some_are_meant_is_an_error(hitl, project) -> None:
    """A project without any has simply none."""
    assert hitl("test", "workflows/hello/scenarios").code == 1
    (project / "empty").mkdir()
    done = hitl("test", "empty")
    assert (done.code, done.out) == (1, "")
    assert done.err == "hitl: there is no scenario at empty; write workflows/<flow>/scenarios/*.yaml\n"


def test_a_project_without_scenarios_passes(hitl) -> None:
    """There is nothing to fail."""
    assert hitl("test") == (0, "", "no scenarios, none failed\n")


def test_a_new_project_tells_stories_that_hold(hitl) -> None:
    """What `init` makes passes."""
    assert hitl("init", "mine").code == 0
    done = hitl("test", "mine")
    assert (done.code, done.err) == (0, "2 scenarios, none failed\n"), done.out
