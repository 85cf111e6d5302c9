"""`hitl init`, `validate`, `schema`: what is made validates, and what is wrong is told by file and line."""

import subprocess
import sys
from pathlib import Path

import pytest

FLOW = """\
flow: hello
steps:
  - id: greet
    call: hello.draft
    withh: {name: World}
"""


@pytest.fixture
def project(hitl, tmp_path) -> Path:
    """A new project, as `hitl init` makes it."""
    assert hitl("init", "my-flows").code == 0
    return tmp_path / "my-flows"


def test_a_new_project_has_no_problem_at_all(hitl, project) -> None:
    """What `init` makes validates, warnings included."""
    done = hitl("validate", "my-flows", "--strict")

    assert done == (0, "", "no errors, no warnings\n")


@pytest.mark.process
def test_a_new_project_passes_its_own_tests(project) -> None:
    """What `init` makes passes the tests that come with it."""
    package = Path(__file__).parents[2] / "src"
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = subprocess.run(
        words, cwd=project, env={"PYTHONPATH": str(package), "PATH": ""}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_init_lists_what_it_wrote_and_names_the_project(hitl, tmp_path) -> None:
    """No template's suffix, and no placeholder, is left."""
    written = [Path(line) for line in hitl("init", "my-flows").out.splitlines()]

    assert Path("my-flows/workflows/hello/flow.yaml") in written
    assert Path("my-flows/.gitignore") in written
    assert all(file.suffix != ".tmpl" for file in written)
    assert (tmp_path / "my-flows/README.md").read_text().startswith("# my-flows\n")
    assert "$$" not in (tmp_path / "my-flows/README.md").read_text()


def test_init_leaves_a_folder_alone_that_holds_something(hitl, tmp_path) -> None:
    """Nothing is overwritten."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("precious")

    done = hitl("init", "mine")

    assert done.code == 1
    assert done.err.startswith("hitl: mine is not empty")
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_init_says_when_it_cannot_write(hitl, tmp_path) -> None:
    """A file in the way is one line, too."""
    (tmp_path / "file").write_text("")

    assert hitl("init", "file").err.startswith("hitl: file: File exists")


@pytest.mark.parametrize("path", [(), (".",), ("workflows",), ("workflows/hello",), ("workflows/hello/flow.yaml",)])
def test_a_problem_has_file_line_and_mend_however_it_is_reached(hitl, project, monkeypatch, path) -> None:
    """The project, a folder of it, or one file: each leads to the same problem."""
    monkeypatch.chdir(project)
    (project / "workflows/hello/flow.yaml").write_text(FLOW)

    done = hitl("validate", *path)

    assert done.code == 1
    assert done.out.startswith("workflows/hello/flow.yaml:5: unknown key 'withh' in a step; did you mean 'with'?\n")


def test_only_what_lies_at_the_path_is_told(hitl, project, monkeypatch) -> None:
    """A problem of one flow is no problem of another file."""
    monkeypatch.chdir(project)
    (project / "workflows/hello/flow.yaml").write_text(FLOW)

    assert hitl("validate", "workflows/people.yaml").code == 0


ROUTED = """\
flow: hello
inputs: {amount: {type: number}}
steps:
  - id: agree
    ask: {title: May I spend this?, stages: {route: spend}}
"""
ROUTE = """\
routes:
  spend:
    hit: %s
    rows:
      - if: inputs.amount > 10
        stages: [{name: lead, who: %s, due: 1d}]
      - stages: [{name: other, who: user:%s, due: 1d}]
"""


@pytest.mark.parametrize("hit", ["first", "all"])
def test_a_flow_that_goes_by_a_route_validates(hitl, project, monkeypatch, hit) -> None:
    """Either hit policy passes, warnings included."""
    monkeypatch.chdir(project)
    (project / "workflows/hello/flow.yaml").write_text(ROUTED)
    (project / "workflows/site.yaml").write_text(ROUTE % (hit, "manager:requester", "ann"))

    assert hitl("validate", "--strict") == (0, "", "no errors, no warnings\n")


@pytest.mark.parametrize("path", [(), ("workflows/site.yaml",), ("workflows/hello",), ("workflows/hello/flow.yaml",)])
def test_a_mistake_in_a_route_is_told_once_where_it_stands(hitl, project, monkeypatch, path) -> None:
    """Whether the site is asked for or a flow that goes by it: it is the same line of site.yaml."""
    monkeypatch.chdir(project)
    (project / "workflows/hello/flow.yaml").write_text(ROUTED)
    (project / "workflows/site.yaml").write_text(ROUTE % ("first", "manager:requester", "anna"))

    done = hitl("validate", *path)

    assert done.code == 1
    assert done.out == "workflows/site.yaml:7: unknown user 'anna'; did you mean 'ann'?\n"


def test_an_activity_that_nobody_registered_is_an_error(hitl, project) -> None:
    """Flows are checked against the project's own activities."""
    (project / "activities/hello.py").unlink()

    done = hitl("validate", "my-flows")

    assert done.code == 1
    assert "hello.draft" in done.out


def test_code_that_does_not_import_is_an_error_of_its_file(hitl, project) -> None:
    """The documents are checked all the same."""
    (project / "activities/hello.py").write_text("import nowhere_to_be_found\n")
    (project / "workflows/hello/flow.yaml").write_text(FLOW)

    lines = hitl("validate", "my-flows").out.splitlines()

    assert "activities/hello.py:1: ModuleNotFoundError" in lines[0]
    assert any("withh" in line for line in lines)


def test_a_document_outside_a_project_is_checked_by_itself(hitl, tmp_path) -> None:
    """Its name and folder are not held against it."""
    (tmp_path / "draft.yaml").write_text(FLOW.replace("withh", "with"))
    (tmp_path / "broken.yaml").write_text("flow: [\n")

    assert hitl("validate", "draft.yaml").code == 0
    done = hitl("validate", "draft.yaml", "broken.yaml")
    assert done.code == 1
    assert done.out.startswith("broken.yaml:")


def test_warnings_are_told_and_fail_only_when_strict(hitl, tmp_path) -> None:
    """A question without `due` waits for ever: a warning."""
    ask = "flow: f\nsteps:\n  - id: ask\n    ask: {title: Well?, who: [user:ann]}\n"
    (tmp_path / "draft.yaml").write_text(ask)

    assert hitl("validate", "draft.yaml").code == 0
    assert hitl("validate", "draft.yaml").out
    assert hitl("validate", "draft.yaml", "--strict").code == 1


def test_problems_as_json_have_their_place(hitl, project) -> None:
    """Editors and CI read them."""
    (project / "workflows/hello/flow.yaml").write_text(FLOW)

    [problem, *_] = hitl("validate", "my-flows", "--json").document

    assert (problem["path"], problem["line"]) == ("my-flows/workflows/hello/flow.yaml", 5)
    assert problem["severity"] == "error"


def test_a_path_that_is_not_there_is_a_wrong_command_line(hitl) -> None:
    """Nothing to check is not the same as nothing wrong."""
    assert hitl("validate", "nowhere").code == 2


def test_a_folder_that_is_no_project_is_told_so(hitl, tmp_path) -> None:
    """An empty folder does not pass in silence."""
    done = hitl("validate")

    assert done.code == 1
    assert "there is no such folder" in done.out


@pytest.mark.parametrize("document", [(), ("flow",), ("people.yaml",), ("site",)])
def test_schemas_are_json(hitl, document) -> None:
    """With or without `.yaml`; the flow's if none is named."""
    assert hitl("schema", *document).document["type"] == "object"


def test_an_unknown_document_has_no_schema(hitl) -> None:
    """The line lists those that have one."""
    done = hitl("schema", "flows")

    assert (done.code, done.out) == (2, "")
    assert "flow.yaml, people.yaml, site.yaml" in done.err
