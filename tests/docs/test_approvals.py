"""docs/approvals.md says what the models, the JSON Schema, the judge and the doors say."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from hitl_temporal.api.approvals import VERB_PATHS
from hitl_temporal.api.receipts import STATUS
from hitl_temporal.definition.ask_keys import ASK_KEYS
from hitl_temporal.definition.lint import Surroundings
from hitl_temporal.definition.project import load_project, load_site, load_text
from hitl_temporal.definition.schema import flow_schema
from hitl_temporal.domain.approval import ask as ask_module
from hitl_temporal.domain.approval.ask import Ask, Attachment, Auto, BreakGlass, Outcome, Review
from hitl_temporal.domain.approval.commands import STATUSES, VERBS, Command
from hitl_temporal.domain.approval.routes import Routed, Row, Table
from hitl_temporal.domain.approval.stage import Alternative, Escalation, Parallel, Stage
from hitl_temporal.domain.value import Json
from tests.docs.pages import blocks, code, plain, rows, sections, yaml
from tests.domain.approval.playing import Play

ROOT = Path(__file__).parents[2]
PAGE = "approvals.md"
SECTIONS: dict[str, type[BaseModel]] = {
    "ask": Ask,
    "stage": Stage,
    "escalation": Escalation,
    "alternative": Alternative,
    "parallel": Parallel,
    "route": Routed,
    "table": Table,
    "row": Row,
    "outcome": Outcome,
    "auto": Auto,
    "attachment": Attachment,
    "break_glass": BreakGlass,
    "review": Review,
}
KEYS = [(heading, row) for heading in SECTIONS for row in rows(sections(PAGE)[heading])]
FLOW = {
    "flow": "example",
    "calendar": "office-nl",
    "inputs": {name: {"type": "string"} for name in ("purpose", "beneficiary", "cost_centre")}
    | {"amount": {"type": "number"}},
}


@cache
def around() -> Surroundings:
    """Return the reference project's people, and its site with a route of the examples' name."""
    project = load_project(ROOT)
    table = Table.model_validate({"rows": [{"stages": [{"who": "group:finance", "due": "2bd"}]}]})
    return Surroundings(people=project.people, site=project.site.but(routes={"spend": table}))


def problems_of(ask: Json) -> list[str]:
    """Return everything that is wrong with a flow of this one ask."""
    text = json.dumps({**FLOW, "steps": [{"id": "a", "ask": ask}]})
    return [str(problem) for problem in load_text(text, "example", around())[1]]


TITLE: dict[str, Json] = {"title": "May I?"}
WHO: dict[str, Json] = {"who": ["group:employees"], "due": "5bd"}
RULES: dict[str, Json] = {"auto": [{"if": "inputs.amount < 10", "outcome": "approved"}]}
TWO: list[Json] = [{"name": "one", **WHO}, {"name": "two", **WHO}]
REVIEW: dict[str, Json] = {"who": "group:security-leads"}
DOCUMENT: dict[str, Json] = {"name": "Offer", "url": "https://files.example"}
NEEDED: dict[tuple[str, str], dict[str, Json]] = {
    ("ask", "stages"): {},
    ("ask", "shadow"): {**WHO, **RULES},
    ("ask", "sample"): {**WHO, **RULES},
    ("stage", "any_of"): {"due": "5bd"},
    ("escalation", "outcome"): {"after": "1bd", "how": "decide"},
}
"""What an example needs beside it, where that is not what its neighbours need."""
PLACES: dict[str, tuple[dict[str, Json], Callable[[dict[str, Json]], dict[str, Json]]]] = {
    "ask": (WHO, lambda ask: ask),
    "stage": (WHO, lambda stage: {"stages": [stage]}),
    "escalation": ({"after": "1bd", "to": "group:network"}, lambda step: {**WHO, "escalate": [step]}),
    "alternative": ({"who": "group:secops"}, lambda way: {"due": "1d", "any_of": [way]}),
    "parallel": ({"parallel": TWO}, lambda block: {"stages": [block]}),
    "route": ({}, lambda route: {"stages": route}),
    "table": ({"rows": [{"stages": [WHO]}]}, lambda table: {"stages": {"route": table}}),
    "row": ({"stages": [WHO]}, lambda row: {"stages": {"route": {"rows": [row]}}}),
    "outcome": ({"label": "Later"}, lambda outcome: {**WHO, "outcomes": {"later": outcome}}),
    "auto": ({"if": "true", "outcome": "rejected"}, lambda rule: {**WHO, "auto": [rule]}),
    "attachment": (DOCUMENT, lambda document: {**WHO, "attachments": [document]}),
    "break_glass": ({"who": "group:it-leads", "review": REVIEW}, lambda glass: {**WHO, "break_glass": glass}),
    "review": (REVIEW, lambda review: {**WHO, "break_glass": {"who": "group:it-leads", "review": review}}),
}
"""What a thing needs, and how it stands in an ask."""


def minimal(heading: str, key: str, value: Json) -> Json:
    """Return an ask in which one key of one kind of thing has this value, and otherwise only what it needs."""
    needed, put = PLACES[heading]
    return {**TITLE, **put({**NEEDED.get((heading, key), needed), key: value})}


@cache
def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return what the JSON Schema says of each key of a model."""
    parts: dict[str, Any] = flow_schema()["$defs"]  # pyright: ignore[reportAssignmentType] - it is a mapping
    return parts[model.__name__]["properties"]


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_is_on_the_page(heading: str) -> None:
    """A table has exactly the keys of its model, in its order, and they are those of the JSON Schema."""
    keys = [code(key) for key, *_ in rows(sections(PAGE)[heading])]
    assert keys == [field.alias or name for name, field in SECTIONS[heading].model_fields.items()]
    of_a_stage = {f.alias or n for n, f in Stage.model_fields.items()} if heading == "ask" else set[str]()
    assert {*keys} | of_a_stage == {*schema_of(SECTIONS[heading])}


@pytest.mark.parametrize(("heading", "row"), KEYS, ids=lambda part: part if isinstance(part, str) else part[0])
def test_a_default_is_that_of_the_model(heading: str, row: list[str]) -> None:
    """What holds without the key is what the model and the JSON Schema say, or that it is required."""
    model, key = SECTIONS[heading], code(row[0])
    field = next(f for n, f in model.model_fields.items() if (f.alias or n) == key)
    schema = schema_of(model)[key]
    assert (row[1] == "required") == field.is_required() == ("default" not in schema)
    if row[1] != "required":
        default = field.get_default(call_default_factory=True)
        written = yaml(code(row[1]))
        assert written == (list(default) if isinstance(default, tuple) else default)
        assert written == schema["default"]


@pytest.mark.parametrize(("heading", "row"), KEYS, ids=lambda part: part if isinstance(part, str) else part[0])
def test_an_example_is_sound_where_it_belongs(heading: str, row: list[str]) -> None:
    """Put into a minimal document an example gives no problem, not even a warning."""
    assert problems_of(minimal(heading, code(row[0]), yaml(code(row[2])))) == []


@pytest.mark.parametrize(("heading", "row"), KEYS, ids=lambda part: part if isinstance(part, str) else part[0])
def test_an_editor_shows_what_the_page_says(heading: str, row: list[str]) -> None:
    """Meaning and example of the page are those of the JSON Schema."""
    key, _, example, meaning = row
    documented = ASK_KEYS[SECTIONS[heading]][code(key)]
    assert (plain(meaning), code(example)) == (documented.meaning, documented.example)
    schema = schema_of(SECTIONS[heading])[code(key)]
    assert (schema["description"], schema["examples"]) == (plain(meaning), [yaml(code(example))])


def test_every_model_of_an_ask_has_its_table() -> None:
    """Nothing that may be written in an ask is left out."""
    assert {*ASK_KEYS} == {*SECTIONS.values()}


@pytest.mark.parametrize("block", blocks(PAGE, "yaml"), ids=lambda block: block.partition(":")[0])
def test_a_document_of_the_page_is_sound(block: str, tmp_path: Path) -> None:
    """What can be copied from the page works."""
    document = yaml(block)
    assert isinstance(document, dict)
    if "ask" in document:
        assert problems_of(document["ask"]) == []
    else:
        (tmp_path / "site.yaml").write_text(block, encoding="utf-8")
        site, problems = load_site(tmp_path / "site.yaml", around().people)
        assert site is not None
        assert site.routes
        assert problems == ()


@pytest.mark.parametrize("row", rows(sections(PAGE)["How votes add up"]), ids=lambda row: "; ".join(row[:2]))
def test_votes_add_up_as_the_page_says(row: list[str]) -> None:
    """Each example comes out so when it is played."""
    stage, answers, outcome = yaml(code(row[0])), row[1].split(", "), code(row[2])
    assert isinstance(stage, dict)
    play = Play(stage, is_resolved=False)
    people = around().people
    assert people is not None
    play.people = people
    play.resolve()
    for answer in answers:
        actor, said = answer.split(" ")
        assert play.decide(actor, said).status == "counted"
    assert play.state.state == outcome


def test_the_verbs_are_those_of_the_judge_and_the_doors() -> None:
    """Name, input, who may and route of every verb, in the order of the table that all doors are made from."""
    found = {code(verb): cells for verb, *cells in rows(sections(PAGE)["Verbs"])}
    assert list(found) == list(VERBS)
    for verb, (given, who, route, command) in found.items():
        fields = VERBS[verb].command.model_fields
        wanted = [f.alias or n for n, f in fields.items() if n not in Command.model_fields]
        assert (code(given).split() if given else []) == wanted
        assert who == VERBS[verb].who
        assert code(route) == f"{'DELETE' if verb == 'release_claim' else 'POST'} {VERB_PATHS[verb]}"
        assert command.startswith("`hitl ")


def test_the_receipts_are_those_of_the_judge_and_the_door() -> None:
    """Every status, in the order of judging, with its HTTP status."""
    found = {code(status): int(http) for status, _, http in rows(sections(PAGE)["Receipts"])}
    assert list(found) == list(STATUSES)
    assert found == {status: STATUS[status] for status in STATUSES}


def test_the_states_are_those_that_no_outcome_may_be_called() -> None:
    """Every state of an approval and of a stage that is not an outcome."""
    assert {code(state) for _, state, _ in rows(sections(PAGE)["States"])} == ask_module._STATES
