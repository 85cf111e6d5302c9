"""Scenarios of a project are found, run, and told by file and line; those of the reference project hold."""

from pathlib import Path

import pytest

from hitl_temporal.definition.project import load_project
from hitl_temporal.testing.running import find, run_all, run_file

ROOT = Path(__file__).parents[2]
FILES = find(ROOT)
PROJECT = load_project(ROOT)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.parent.name}/{f.stem}")
def test_the_scenarios_of_the_reference_project_hold(file: Path) -> None:
    """What its flows promise, they do."""
    run = run_file(file, PROJECT)
    assert [str(p) for p in run.problems] == [], run.hints


@pytest.mark.parametrize("flow", PROJECT.flows)
def test_every_flow_of_the_reference_project_tells_its_stories(flow: str) -> None:
    """Somebody says no, nobody answers, the requester takes it back, and it goes well."""
    told = {file.stem for file in FILES if file.parent.parent.name == flow}
    assert {"reject", "expire", "withdraw"} <= told
    assert len(told) >= 6


FLOW = "flow: hello\nsteps:\n  - {id: ok, ask: {title: May we?, who: [user:bob], due: 1bd}}\n"
UNKNOWN = "calendars: {default: x, x: {tz: UTC, hours: {MON: '09:00-10:00'}, holidays: XX}}\n"
PEOPLE = "people: {ann: {name: Ann}, bob: {name: Bob}}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one flow and no scenario."""
    (tmp_path / "workflows/hello/scenarios").mkdir(parents=True)
    (tmp_path / "workflows/hello/flow.yaml").write_text(FLOW)
    (tmp_path / "workflows/people.yaml").write_text(PEOPLE)
    return tmp_path


def told(project: Path, text: str) -> tuple[list[str], list[str]]:
    """Return what is wrong with a scenario of this project, and the hints."""
    file = project / "workflows/hello/scenarios/one.yaml"
    file.write_text(text)
    (run,) = run_all(find(project))
    name = f"{file}:"
    assert run.has_passed == (not run.problems)
    return [str(p).removeprefix(name) for p in run.problems], [str(p).removeprefix(name) for p in run.hints]


def test_what_comes_out_otherwise_is_told_with_its_line(project) -> None:
    """And with what did not count on the way."""
    text = "scenario: x\nwhen:\n  - decide: {step: ok, actor: ann, outcome: approved}\nthen:\n  status: completed\n"
    problems, hints = told(project, text)
    assert problems == ["5: status: expected completed, found waiting (ok: answer)"]
    assert hints[0].startswith("3: this did not count: not_eligible ('ann' is not asked")


def test_hints_are_given_only_where_something_is_wrong(project) -> None:
    """Else they would be read as mistakes."""
    text = "scenario: x\nwhen:\n  - decide: {step: ok, actor: ann, outcome: approved}\n"
    assert told(project, text) == ([], [])


def test_a_scenario_that_can_not_be_read_has_failed(project) -> None:
    """With what is wrong about it."""
    assert told(project, "scenario: x\nthn: {}\n")[0] == ["2: unknown key 'thn' in a scenario; did you mean 'then'?"]


def test_a_flow_with_errors_fails_its_scenarios(project) -> None:
    """With the errors of the flow."""
    (project / "workflows/hello/flow.yaml").write_text(FLOW.replace("due:", "deu:"))
    assert "unknown key 'deu' in an ask" in told(project, "scenario: x\n")[0][0]


def test_a_scenario_without_a_flow_has_failed(project) -> None:
    """It lies in a folder that is none of a flow."""
    (project / "workflows/hello/flow.yaml").unlink()
    assert told(project, "scenario: x\n")[0] == ["1: there is no flow 'hello'; write hello/flow.yaml"]


def test_a_scenario_outside_of_a_project_has_failed(tmp_path) -> None:
    """Its flow can't be found."""
    file = tmp_path / "one.yaml"
    file.touch()
    (run,) = run_all((file,))
    assert run.problems[0].message == "this lies in no project"


def test_a_calendar_that_can_not_be_built_fails_a_scenario(project) -> None:
    """What it would count in is not there."""
    (project / "workflows/site.yaml").write_text(
        "calendars: {default: x, x: {tz: UTC, hours: {MON: '09:00-10:00'}, holidays: XX}}\n"
    )
    assert "unknown holidays 'XX'" in told(project, "scenario: x\n")[0][0]


def test_time_is_counted_in_the_calendar_of_the_site(project) -> None:
    """One working day from a Monday is the next Monday where only Mondays are worked."""
    (project / "workflows/site.yaml").write_text("calendars: {default: x, x: {tz: UTC, hours: {MON: '09:00-17:00'}}}\n")
    text = "scenario: x\nwhen:\n  - pass: 6d\n  - expect: {status: waiting}\n  - pass: 1bd\nthen: {status: expired}\n"
    assert told(project, text) == ([], [])


def test_inputs_are_checked_against_the_flow(project) -> None:
    """By the line on which they stand."""
    problems, _ = told(project, "scenario: x\ngiven:\n  inputs: {x: 1}\n")
    assert problems == ["3: unknown input 'x'; this flow has no inputs"]
