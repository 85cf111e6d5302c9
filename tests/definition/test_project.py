"""A project is loaded as far as it is sound."""

import json
import shutil
from pathlib import Path

import pytest

from hitl_temporal.definition.project import load_flow, load_project

ROOT = Path(__file__).parents[2]
ACTIVITIES = dict.fromkeys(
    {"firewall.assess", "firewall.apply", "firewall.remove", "accounts.open", "accounts.close", "budgets.record"}
)
FLOW = "flow: {name}\nsteps:\n  - id: a\n    call: firewall.apply\n"


def project(tmp_path: Path, **flows: str) -> Path:
    for name, text in flows.items():
        folder = tmp_path / "workflows" / name
        folder.mkdir(parents=True)
        (folder / "flow.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_the_reference_project_has_no_problems() -> None:
    """What we ship as an example passes every check, warnings included."""
    loaded = load_project(ROOT, ACTIVITIES)
    assert loaded.problems == ()
    assert set(loaded.flows) == {"budget_request", "firewall_change", "temporary_access"}
    assert loaded.site.calendars.default == "office-nl"


def test_the_reference_directory_has_the_promised_people() -> None:
    """The people whom the contract names are there, with their managers, groups and roles."""
    people = load_project(ROOT).people
    assert set(people.resolve("group:employees")) >= {"ann", "bob", "cai", "dee", "eli", "fay", "gus"}
    assert people.resolve("manager:user:ann") == ("bob",)
    assert people.resolve("group:it-leads") == ("bob",)
    assert people.resolve("group:secops") == ("cai", "dee")
    assert people.resolve("group:security-leads") == ("eli",)
    assert people.resolve("group:finance") == people.resolve("group:controllers") == ("fay",)
    assert people.resolve("group:network") == ("gus",)
    assert people.resolve("role:admin") == ("eli",)
    assert people.resolve("role:operator") == ("gus",)


def test_a_flow_with_an_error_is_left_out_and_the_others_load(tmp_path: Path) -> None:
    """One broken file does not stop the rest."""
    loaded = load_project(project(tmp_path, good=FLOW.format(name="good"), bad="flow: bad\nstep: []\n"))
    assert list(loaded.flows) == list(loaded.sources) == ["good"]
    assert [p.path for p in loaded.problems] == [str(tmp_path / "workflows" / "bad" / "flow.yaml")]
    assert loaded.has_errors


def test_a_flow_is_named_by_its_digest_whatever_its_layout(tmp_path: Path) -> None:
    """Comments and order of keys do not make another definition, another value does."""
    text = FLOW.format(name="good")
    first = load_project(project(tmp_path / "1", good=text)).sources["good"].digest
    moved = "# moved\nsteps: [{call: firewall.apply, id: a}]\nflow: good\n"
    second = load_project(project(tmp_path / "2", good=moved)).sources["good"].digest
    third = load_project(project(tmp_path / "3", good=text.replace("id: a", "id: b"))).sources["good"].digest
    assert first == second != third


def test_folder_and_flow_bear_the_same_name(tmp_path: Path) -> None:
    """A flow is found by its folder, so the names must agree."""
    path = project(tmp_path, other=FLOW.format(name="good")) / "workflows" / "other" / "flow.yaml"
    flow, (problem,) = load_flow(path)
    assert flow is None
    assert str(problem) == f"{path}:1: the flow 'good' lies in the folder 'other'; give both the same name"


def test_a_folder_without_a_flow_is_none(tmp_path: Path) -> None:
    """Workflows in Python and other folders are left alone."""
    (tmp_path / "workflows" / "review").mkdir(parents=True)
    assert load_project(tmp_path).problems == ()


def test_a_project_without_workflows_says_so(tmp_path: Path) -> None:
    """A wrong root is one problem, not an empty project."""
    (problem,) = load_project(tmp_path).problems
    assert "there is no such folder" in problem.message


def test_a_broken_directory_names_nobody_and_blames_no_flow(tmp_path: Path) -> None:
    """An error in people.yaml is told once; selectors of flows are not checked against half a directory."""
    ask = "flow: good\nsteps:\n  - id: a\n    ask: {title: May I?, who: [group:secops], due: 1d}\n"
    root = project(tmp_path, good=ask)
    (root / "workflows" / "people.yaml").write_text("people: {ann: {nam: Ann}}\n", encoding="utf-8")
    loaded = load_project(root)
    assert len(loaded.problems) == 1
    assert loaded.people.people == {}
    assert "good" in loaded.flows


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ("due: 2bd", "due"),
        ("due: 2d, remind: [1h, 4bh]", "remind"),
        ("due: 2d, escalate: [{after: 4bh, to: 'user:bob'}]", "after"),
        ("due: 2d, lease: 1bh", "lease"),
        ("due: 2d, cooling_off: 1bh", "cooling_off"),
        ("due: 2d, break_glass: {who: 'user:bob', review: {who: 'user:ann', due: 1bd}}", "due"),
    ],
)
def test_business_time_without_a_calendar_is_warned_about(tmp_path: Path, keys: str, key: str) -> None:
    """Where nobody says when work is done, the author is told what holds instead."""
    ask = f"flow: good\nsteps:\n  - id: a\n    ask: {{title: May I?, who: ['user:ann'], {keys}}}\n"
    loaded = load_project(project(tmp_path, good=ask))
    (problem,) = loaded.problems
    assert (problem.severity, problem.line) == ("warning", 4)
    assert problem.message.startswith(f"`{key}: ")
    assert "MON-FRI 09:00-17:00 UTC holds" in problem.mend
    assert "good" in loaded.flows


@pytest.mark.parametrize("named", ["calendar: nl\n", "", "    ask: {calendar: nl, "])
def test_business_time_is_counted_in_the_nearest_calendar(tmp_path: Path, named: str) -> None:
    """The flow's, the site's default, the ask's: one of them is enough."""
    ask = "steps:\n  - id: a\n    ask: {title: May I?, who: ['user:ann'], due: 2bd, cooling_off: 1bh}\n"
    text = "flow: good\n" + (ask.replace("    ask: {", named) if "ask" in named else named + ask)
    root = project(tmp_path, good=text)
    default = "" if named else "default: nl, "
    (root / "workflows" / "site.yaml").write_text(f"calendars: {{{default}nl: {{tz: UTC}}}}\n", encoding="utf-8")
    assert load_project(root).problems == ()


def test_an_activity_of_a_pool_is_not_ours_to_know(tmp_path: Path) -> None:
    """A `call` with a `pool` is another worker's; it is not checked."""
    text = "flow: good\nsteps:\n  - id: a\n    call: sap.post\n    pool: sap\n"
    assert load_project(project(tmp_path, good=text), ACTIVITIES).problems == ()


def test_site_and_people_may_be_commented_out(tmp_path: Path) -> None:
    """A file in which nothing is left is no mistake."""
    root = project(tmp_path, good=FLOW.format(name="good"))
    for name in ("site.yaml", "people.yaml"):
        (root / "workflows" / name).write_text("# later\n", encoding="utf-8")
    assert load_project(root).problems == ()


def test_dates_of_a_calendar_are_dates(tmp_path: Path) -> None:
    """`closed: [2026-12-24]` is read as a day although YAML 1.2 knows no dates."""
    root = project(tmp_path, good=FLOW.format(name="good"))
    shutil.copy(ROOT / "workflows" / "site.yaml", root / "workflows")
    calendar = load_project(root).site.calendars.by_name["office-nl"]
    assert [day.isoformat() for day in calendar.closed] == ["2026-12-24"]


DOES = "flow: {name}\nsteps:\n  - id: a\n    call: firewall.apply\n  - id: b\n    flow: {other}\n"


def test_a_flow_may_do_one_that_comes_later_and_they_each_other(tmp_path: Path) -> None:
    """Names are known before any flow is looked at."""
    choose = "flow: b\nsteps:\n  - {id: c, flow: a, if: 'run.flow == \"\"'}\n"
    loaded = load_project(project(tmp_path, a=DOES.format(name="a", other="b"), b=choose))
    assert loaded.problems == ()
    assert list(loaded.flows) == ["a", "b"]


def test_flows_that_do_each_other_for_ever_are_told(tmp_path: Path) -> None:
    """Each of them; it is a warning, since somebody may end it by hand."""
    flows = {name: DOES.format(name=name, other=other) for name, other in (("a", "b"), ("b", "c"), ("c", "a"))}
    loaded = load_project(project(tmp_path, **flows))
    assert [p.message for p in loaded.problems] == [
        "every run of 'a' does another one, through b, c, until the depth of 20 stops it",
        "every run of 'b' does another one, through c, a, until the depth of 20 stops it",
        "every run of 'c' does another one, through a, b, until the depth of 20 stops it",
    ]
    assert not loaded.has_errors


def test_a_flow_that_is_left_out_leaves_out_those_that_do_it(tmp_path: Path) -> None:
    """They could not be started: a run has every definition that it needs from its start."""
    flows = {name: DOES.format(name=name, other=other) for name, other in (("a", "b"), ("b", "c"))}
    loaded = load_project(project(tmp_path, **flows, c="flow: c\nsteps: []\n", d=FLOW.format(name="d")))
    assert list(loaded.flows) == ["d"]
    told = {Path(p.path).parent.name: (p.line, p.message, p.mend) for p in loaded.problems}
    assert told["a"] == (6, "flow 'b' can't be done: it has errors of its own", "mend workflows/b/flow.yaml")
    assert told["b"] == (6, "flow 'c' can't be done: it has errors of its own", "mend workflows/c/flow.yaml")
    assert {*loaded.left_out} == {"a", "b", "c"}


def test_what_a_flow_is_given_is_held_against_its_inputs(tmp_path: Path) -> None:
    """Of every flow of the project, and of the flow itself."""
    asks = "flow: a\ninputs: {n: {type: integer}}\nsteps:\n  - {id: c, call: firewall.apply}\n"
    again = asks + "  - {id: d, if: inputs.n > 1, flow: a, with: {n: x}}\n"
    loaded = load_project(project(tmp_path, a=again, b=DOES.format(name="b", other="a")))
    assert [(Path(p.path).parent.name, p.line, p.message) for p in loaded.problems] == [
        ("a", 5, "flow 'a': input 'n': 'x' is not a whole number"),
        ("b", 6, "flow 'a' needs the input 'n', which is not given"),
    ]
    assert loaded.flows == {}


def test_a_flow_alone_is_not_held_against_others(tmp_path: Path) -> None:
    """One document is checked without the project that it may belong to."""
    path = project(tmp_path, a=DOES.format(name="a", other="b")) / "workflows" / "a" / "flow.yaml"
    flow, problems = load_flow(path)
    assert (flow is not None, problems) == (True, ())


def test_a_script_is_looked_for_below_the_projects_folder(tmp_path: Path) -> None:
    """One that is not there is told, and so is one that leads outside; the flow is used all the same."""
    flow = tmp_path / "workflows" / "load" / "flow.yaml"
    flow.parent.mkdir(parents=True)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "load.sh").write_text("echo")
    (tmp_path / "scripts" / "out.sh").symlink_to("/bin/sh")
    scripts = ("scripts/load.sh", "scripts", "scripts/out.sh", "load.sh")
    steps = [{"id": f"s{n}", "run": {"script": script}} for n, script in enumerate(scripts)]
    flow.write_text(json.dumps({"flow": "load", "steps": steps}))
    project = load_project(tmp_path)
    told = [(p.severity, p.message) for p in project.problems]
    assert told == [("warning", f"the project has no script {script!r}") for script in scripts[1:]]
    assert "load" in project.flows
