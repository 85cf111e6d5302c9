"""Decision tables of the site: put into the flows that go by them, and told about where they stand."""

from pathlib import Path

import pytest

from hitl_temporal.definition.documents import parse
from hitl_temporal.definition.lint import Surroundings, asks_of
from hitl_temporal.definition.project import Project, load_project, load_text
from hitl_temporal.definition.site import Site
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.opening import entries
from hitl_temporal.domain.approval.routes import Routed, Table, stages_of
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.value import Json

PEOPLE = "people: {ann: {name: Ann}, bob: {name: Bob}}\ngroups: {leads: {members: [ann, bob]}}\n"
SITE = """
routes:
  spend:
    hit: first
    rows:
      - if: inputs.amount < 1000
        stages: [{name: lead, who: user:ann, due: 1d}]
      - stages:
          - {name: board, who: [group:leads], due: 1d}
  unused:
    rows: [{stages: [{who: user:bob, due: 1d}]}]
"""
FLOW = """
flow: %s
inputs: {amount: {type: number}}
steps:
  - id: agree
    ask:
      title: May I?
      stages: {route: spend}
"""


def project(root: Path, site: str = SITE, people: str = PEOPLE, **flows: str) -> Project:
    """Write a project of these flows, and load it."""
    for name, text in flows.items():
        folder = root / "workflows" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "flow.yaml").write_text(text, encoding="utf-8")
    (root / "workflows" / "site.yaml").write_text(site, encoding="utf-8")
    (root / "workflows" / "people.yaml").write_text(people, encoding="utf-8")
    return load_project(root)


def ask_of(loaded: Project, flow: str = "buy") -> Ask:
    """Return the one ask of a flow."""
    assert loaded.problems == ()
    (step,) = loaded.flows[flow].steps
    assert step.ask is not None
    return step.ask


def names(ask: Ask, amount: float) -> list[str]:
    """Return the stages that a request of this amount goes through."""
    return [stage.name for stage in stages_of(entries(ask, {"inputs": {"amount": amount}}))]


def test_a_flow_has_the_table_that_it_names_in_it(tmp_path: Path) -> None:
    """What a run is started with says whom it asks, without the site."""
    ask = ask_of(project(tmp_path, buy=FLOW % "buy"))
    assert isinstance(ask.stages, Routed)
    assert isinstance(ask.stages.route, Table)
    assert names(ask, 10) == ["lead"]
    assert names(ask, 1000) == ["board"]


def test_a_question_about_more_time_may_go_by_a_table_too(tmp_path: Path) -> None:
    """The table is put into the ask in `grant.extend`, beside the asks of steps."""
    granted = """  - id: open
    call: x
    undo: {call: y}
    grant: {for: 1d, extend: {ask: {stages: {route: spend}}}}
"""
    loaded = project(tmp_path, buy=FLOW % "buy" + granted)
    assert loaded.problems == ()
    _, step = loaded.flows["buy"].steps
    assert step.grant is not None
    assert step.grant.extend is not None
    assert step.grant.extend.ask is not None
    assert names(step.grant.extend.ask, 5000) == ["board"]
    assert step.grant.extend.ask.title.startswith("Extend")


def test_the_rows_of_hit_all_are_asked_one_after_the_other(tmp_path: Path) -> None:
    """`all` adds the stages of every row that holds."""
    ask = ask_of(project(tmp_path, SITE.replace("hit: first", "hit: all"), buy=FLOW % "buy"))
    assert names(ask, 10) == ["lead", "board"]
    assert names(ask, 1000) == ["board"]


def test_another_table_makes_another_definition(tmp_path: Path) -> None:
    """The digest covers the table: that of a flow which does not name it stays."""
    other = "flow: other\nsteps: [{id: a, wait: {for: 1h}}]\n"
    before = project(tmp_path, buy=FLOW % "buy", other=other).sources
    after = project(tmp_path, SITE.replace("1000", "2000")).sources
    assert before["buy"].digest != after["buy"].digest
    assert before["other"].digest == after["other"].digest


def test_a_definition_with_its_table_survives_a_history(tmp_path: Path) -> None:
    """Written to a history and read again it is the same definition, with the same digest."""
    flow = project(tmp_path, buy=FLOW % "buy").flows["buy"]
    again = Flow.model_validate_json(flow.model_dump_json(by_alias=True))
    assert again == flow
    assert again.digest == flow.digest


GRANT = """
flow: lend
inputs: {amount: {type: number}}
steps:
  - id: lend
    call: desk.lend
    undo: {call: desk.take}
    grant: {for: 1d, extend: {ask: {stages: {route: spend}}}}
"""


def test_an_ask_about_more_time_has_its_table_too(tmp_path: Path) -> None:
    """A grant may be extended by the same matrix; what it asks stays what it was."""
    loaded = project(tmp_path, lend=GRANT)
    assert loaded.problems == ()
    grant = loaded.flows["lend"].steps[0].grant
    assert grant is not None
    assert grant.extend is not None
    ask = grant.extend.ask
    assert ask is not None
    assert ask.title.startswith("Extend")
    assert names(ask, 10) == ["lead"]


def test_what_belongs_to_the_step_stays(tmp_path: Path) -> None:
    """Only `stages` is replaced; needs and other steps are as they were."""
    text = (
        FLOW % "buy"
        + "      subject: '{{inputs.amount}}'\n  - {id: late, needs: [{agree: rejected}], wait: {for: 1h}}\n"
    )
    loaded = project(tmp_path, buy=text)
    assert loaded.problems == ()
    flow = loaded.flows["buy"]
    assert [s.id for s in flow.steps] == ["agree", "late"]
    assert flow.step("agree").ask is flow.steps[0].ask
    assert flow.names("agree", "rejected")
    assert flow.steps[0].ask is not None
    assert flow.steps[0].ask.subject == "{{inputs.amount}}"


def test_a_mistake_in_a_route_keeps_out_its_flows_alone(tmp_path: Path) -> None:
    """Every flow that goes by it is left out, for one and the same problem; the others are loaded."""
    site = SITE.replace("user:ann", "user:anna")
    other = (FLOW % "other").replace("spend", "unused")
    loaded = project(tmp_path, site, buy=FLOW % "buy", sell=FLOW % "sell", other=other)
    assert list(loaded.flows) == ["other"]
    assert list(loaded.site.routes) == ["unused"]
    (problem,) = loaded.problems
    assert (Path(problem.path).name, problem.line) == ("site.yaml", 7)
    assert loaded.left_out == {"buy": (problem,), "sell": (problem,)}


def test_a_mistake_in_a_route_that_nobody_uses_keeps_out_nothing(tmp_path: Path) -> None:
    """It is told all the same."""
    loaded = project(tmp_path, SITE.replace("user:bob", "user:bo"), buy=FLOW % "buy")
    assert list(loaded.flows) == ["buy"]
    assert [p.line for p in loaded.problems] == [11]


def test_an_end_that_the_ask_does_not_have_is_told_in_the_site(tmp_path: Path) -> None:
    """Which outcomes there are only the flow knows; it is named, and another that has the outcome is sound."""
    site = SITE.replace("who: user:ann, due: 1d", "who: user:ann, due: 1d, at_due: later")
    sound = (FLOW % "sound").replace("      stages", "      outcomes: {later: {label: Later}}\n      stages")
    loaded = project(tmp_path, site, buy=FLOW % "buy", sound=sound)
    assert list(loaded.flows) == ["sound"]
    (problem,) = loaded.problems
    assert (Path(problem.path).name, problem.line) == ("site.yaml", 7)
    assert problem.message == "in flow 'buy' `at_due` can't be 'later'"
    assert problem.mend.startswith("write expire, reject or an outcome")


def test_a_row_must_fit_every_flow_that_goes_by_it(tmp_path: Path) -> None:
    """A flow without the input that a row looks at is told so, at its own line."""
    without = (FLOW % "gift").replace("amount", "price")
    loaded = project(tmp_path, buy=FLOW % "buy", gift=without)
    assert list(loaded.flows) == ["buy"]
    (problem,) = loaded.problems
    assert (Path(problem.path).parent.name, problem.line) == ("gift", 8)
    assert problem.message == "row 1 of route 'spend': `inputs.amount`: unknown input 'amount'"


def test_business_time_of_a_route_needs_a_calendar(tmp_path: Path) -> None:
    """Where neither the stage, the ask, the flow nor the site names one, the flow is warned."""
    site = SITE.replace("due: 1d", "due: 1bd")
    loaded = project(tmp_path, site, buy=FLOW % "buy")
    (problem,) = loaded.problems
    assert (problem.severity, problem.line) == ("warning", 8)
    assert problem.message.startswith("`due: 1bd` of route 'spend' counts business time")
    named = project(tmp_path, site + "calendars: {nl: {tz: UTC}}\n", buy=FLOW % "buy" + "      calendar: nl\n")
    assert named.problems == ()


@pytest.mark.parametrize("people", ["people: {ann: {nam: Ann}}\n", "people: ["])
def test_a_broken_directory_blames_no_route(tmp_path: Path, people: str) -> None:
    """Selectors of routes are not checked against half a directory."""
    loaded = project(tmp_path, people=people, buy=FLOW % "buy")
    assert {Path(p.path).name for p in loaded.problems} == {"people.yaml"}
    assert list(loaded.flows) == ["buy"]


def test_a_broken_site_leaves_the_name(tmp_path: Path) -> None:
    """What could not be read is not held against a flow; calendars and routes are waited for."""
    loaded = project(tmp_path, "calendars: {default: nl}\n" + SITE, buy=FLOW % "buy")
    assert not loaded.has_site
    (step,) = loaded.flows["buy"].steps
    assert step.ask is not None
    assert step.ask.stages == Routed(route="spend")


def test_a_table_made_by_hand_is_told_about_at_the_flow(tmp_path: Path) -> None:
    """Without a document of the site there is no other line to point at."""
    table = Table.model_validate({"rows": [{"stages": [{"who": "user:ann", "due": "1d", "at_due": "later"}]}]})
    around = Surroundings(site=Site(routes={"spend": table}))
    flow, (problem,) = load_text(FLOW % "buy", "flow.yaml", around)
    assert flow is None
    assert problem.line == 8
    assert problem.message == "in flow 'buy' `at_due` can't be 'later'"


NESTED = """flow: buy
owner: user:ann
inputs: {amount: {type: integer}}
steps:
  - id: a
    each: "[1, 2]"
    do:
      - id: b
        choose:
          - {if: item > 1, do: [{id: c, ask: {title: C, stages: {route: spend}}}]}
          - {else: [{id: d, call: x.y, on_failure: {catch: [{id: e, ask: {title: E, stages: {route: spend}}}]}}]}
  - id: f
    call: x.y
    undo: {call: x.z}
    grant: {for: 1d, extend: {ask: {stages: {route: spend}}}}
    on_failure: {ask: {stages: {route: spend}}}
"""


def test_a_table_comes_into_every_ask_wherever_it_stands(tmp_path: Path) -> None:
    """In steps within steps, in what mends a failure, and about a failure; the rest stays as it was."""
    loaded = project(tmp_path, buy=NESTED)
    assert loaded.problems == ()
    flow = loaded.flows["buy"]
    asks = dict(asks_of(flow))
    assert [at[-2:] for at in asks] == [(0, "ask"), (0, "ask"), ("extend", "ask"), ("on_failure", "ask")]
    assert all(isinstance(ask.stages, Routed) and isinstance(ask.stages.route, Table) for ask in asks.values())
    document, _ = parse(NESTED, "flow.yaml")
    assert document is not None
    written = Flow.model_validate(document.data).model_dump(mode="json", by_alias=True)
    table = loaded.site.routes["spend"].model_dump(mode="json", by_alias=True)
    assert flow.model_dump(mode="json", by_alias=True) == with_table_in(written, table)


def with_table_in(value: Json, table: Json) -> Json:
    """Return a document with the table in the place of its name."""
    match value:
        case {"route": "spend"}:
            return {"route": table}
        case dict():
            return {key: with_table_in(inner, table) for key, inner in value.items()}
        case list():
            return [with_table_in(inner, table) for inner in value]
        case _:
            return value
