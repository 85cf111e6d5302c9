"""Every document in `wrong/` says in its first lines where it is wrong, and in which words an author is told."""

import re
from pathlib import Path

import pytest

from hitl_temporal.definition.documents import parse
from hitl_temporal.definition.lint import Surroundings
from hitl_temporal.definition.problems import Problem
from hitl_temporal.definition.project import load_people, load_site, load_text
from hitl_temporal.definition.site import Calendars, Site
from hitl_temporal.domain.approval.routes import Table
from hitl_temporal.domain.calendar import CalendarDocument
from hitl_temporal.domain.flow.alerts import AlertEntry
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.people import Group, People, Person
from hitl_temporal.domain.schedules import Blackout

WRONG = sorted((Path(__file__).parent / "wrong").glob("*.yaml"))
HEADER = re.compile(r"^# (line|says|mend|severity): (.*)$", re.MULTILINE)


def table(text: str) -> Table:
    """Read a decision table."""
    document, _ = parse(text, "table")
    assert document is not None
    return Table.model_validate(document.data)


SPEND = """
rows:
  - {if: inputs.amount < 1000, stages: [{who: group:it-leads, due: 2bd}]}
  - {stages: [{who: [group:secops, user:ann], approve: 2, due: 2bd}]}
"""
PURCHASE = Flow.model_validate(
    {
        "flow": "purchase",
        "inputs": {"amount": {"type": "number"}, "note": {"type": "string", "optional": True}},
        "steps": [{"id": "pay", "call": "firewall.apply"}],
        "outputs": {"total": "{{inputs.amount}}"},
    }
)
LEDGER = Flow.model_validate(
    {
        "flow": "ledger",
        "triggers": [{"run": {"flow": "audit"}}],
        "steps": [{"id": "book", "call": "firewall.apply"}],
    }
)
LETTERS = Flow.model_validate(
    {
        "flow": "letters",
        "steps": [
            {
                "id": "all",
                "uses": {"printer": 1},
                "keep": True,
                "do": [{"id": "p", "call": "firewall.apply", "uses": {"sap-dialog": 1}}],
            }
        ],
    }
)
AROUND = Surroundings(
    people=People(
        people={"ann": Person(name="Ann"), "bob": Person(name="Bob"), "cai": Person(name="Cai")},
        groups={name: Group(members=("bob",)) for name in ("secops", "it-leads", "employees")},
    ),
    site=Site(
        calendars=Calendars.model_validate({"default": "office-nl", "office-nl": CalendarDocument()}),
        routes={"spend": table(SPEND)},
        blackouts={"freeze": (Blackout.model_validate({"from": "2026-12-24", "to": "2026-12-31"}),)},
        notify={"duty": (AlertEntry(to=("group:secops",)),)},
    ),
    activities=dict.fromkeys(("firewall.assess", "firewall.apply", "firewall.remove")),
    flows={"purchase": PURCHASE, "ledger": LEDGER, "letters": LETTERS, "x": None, "nightly_close": None},
    resources={"sap-dialog": 4, "printer": 1, "toner": 1},
    has_script=lambda script: script == "scripts/load.sh",
)


def load(path: Path) -> tuple[object, tuple[Problem, ...]]:
    match path.name.partition("_")[0]:
        case "people":
            return load_people(path)
        case "site":
            site, problems = load_site(path, AROUND.people)
            is_of_a_route = path.name.startswith("site_route_") and site is not None
            return site.routes.get("spend") if is_of_a_route else site, problems
        case _:
            return load_text(path.read_text(encoding="utf-8"), str(path), AROUND)


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_a_wrong_document_is_told_where_why_and_how_to_mend_it(path: Path) -> None:
    """A wrong document gives the expected problem, at the expected line, and is used only if that is a warning."""
    expected = dict(HEADER.findall(path.read_text(encoding="utf-8")))
    loaded, problems = load(path)
    told = "\n".join(map(str, problems))
    severity = expected.get("severity", "error")
    assert any(
        p.line == int(expected["line"])
        and expected["says"] in p.message
        and expected.get("mend", "") in p.mend
        and p.severity == severity
        for p in problems
    ), told
    assert (loaded is None) == (severity == "error"), told
    assert len(problems) == 1, f"one mistake is told once:\n{told}"
    assert problems[0].mend, f"no mend: {told}"


def test_every_problem_is_one_line_that_an_editor_can_jump_to() -> None:
    """A problem is written `path:line: what is wrong; how to mend it`."""
    _, (problem,) = load(Path(__file__).parent / "wrong" / "flow_misspelt_in_step.yaml")
    path = Path(__file__).parent / "wrong" / "flow_misspelt_in_step.yaml"
    assert str(problem) == f"{path}:8: unknown key 'tittle' in a step; did you mean 'title'?"
