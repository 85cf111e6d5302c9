"""Pages do not drift: every setting and every key of a document is on its page, and nothing else is."""

import json
import re

import pytest
from pydantic import BaseModel

from hitl_temporal.app.settings import Settings
from hitl_temporal.client.verbs import PATHS
from hitl_temporal.definition.keys import KEYS
from hitl_temporal.definition.project import load_text
from hitl_temporal.definition.site import Site
from hitl_temporal.domain.approval.commands import VERBS
from hitl_temporal.domain.approval.digest import Digest, Item
from hitl_temporal.domain.calendar import CalendarDocument
from hitl_temporal.domain.flow.alerts import AlertEntry
from hitl_temporal.domain.flow.definition import Flow, Limit
from hitl_temporal.domain.flow.expect import Expect
from hitl_temporal.domain.flow.incident import Incident
from hitl_temporal.domain.flow.job import Job
from hitl_temporal.domain.flow.step import Branch, Catch, Extend, Grant, Otherwise, Repair, Retry, Step, Undo
from hitl_temporal.domain.flow.verbs import Enough, EventWait, FileWait, Repeat, RunWait, Wait
from hitl_temporal.domain.inputs import Input
from hitl_temporal.domain.people import People, Person
from hitl_temporal.domain.resources.document import Resource
from hitl_temporal.domain.rules import Part
from hitl_temporal.domain.schedules import (
    Blackout,
    EventTrigger,
    FileTrigger,
    RunTrigger,
    Schedule,
    Trigger,
    WebhookTrigger,
)
from tests.docs.pages import DOCS, blocks, code, plain, rows, sections, yaml

SECTIONS: dict[str, type[BaseModel]] = {
    "flow.yaml": Flow,
    "trigger": Trigger,
    "schedule": Schedule,
    "event trigger": EventTrigger,
    "webhook trigger": WebhookTrigger,
    "file trigger": FileTrigger,
    "run trigger": RunTrigger,
    "limit": Limit,
    "expect": Expect,
    "incident": Incident,
    "input": Input,
    "part of an input": Part,
    "step": Step,
    "run": Job,
    "repeat": Repeat,
    "enough": Enough,
    "branch": Branch,
    "otherwise": Otherwise,
    "catch": Catch,
    "repair": Repair,
    "retry": Retry,
    "undo": Undo,
    "grant": Grant,
    "extend": Extend,
    "wait": Wait,
    "event": EventWait,
    "file": FileWait,
    "another run": RunWait,
    "people.yaml": People,
    "person": Person,
    "site.yaml": Site,
    "calendar": CalendarDocument,
    "resource": Resource,
    "blackout": Blackout,
    "alert entry": AlertEntry,
}


def keys_in(text: str) -> set[str]:
    """Return the first words of a table's rows."""
    return set(re.findall(r"^\| `([^`]+)`", text, re.MULTILINE))


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_of_a_document_is_on_its_page(heading: str) -> None:
    """A section's table has exactly the keys of its model."""
    fields = SECTIONS[heading].model_fields
    assert keys_in(sections("documents.md")[heading]) == {field.alias or name for name, field in fields.items()}


@pytest.mark.parametrize("heading", SECTIONS)
def test_an_editor_shows_what_the_page_says(heading: str) -> None:
    """Where the JSON Schema says what a key is for, it says it in the words of the page."""
    help_texts = KEYS[SECTIONS[heading]]
    of_keys = [row for row in rows(sections("documents.md")[heading]) if len(row) == 2]
    meanings = {code(key): plain(meaning) for key, meaning in of_keys}
    assert meanings | {key: text.meaning for key, text in help_texts.items()} == meanings


@pytest.mark.parametrize("example", blocks("documents.md", "yaml"), ids=lambda text: text.split()[2])
def test_the_examples_are_sound(example: str) -> None:
    """Each list of steps on the page makes a flow, without a warning."""
    inputs = {name: {"type": "integer"} for name in ("amount", "days", "order")}
    inputs |= {name: {"type": "string"} for name in ("role", "file")} | {"invoices": {"type": "array"}}
    flow = {"flow": "x", "owner": "group:network", "calendar": "nl", "inputs": inputs, "steps": yaml(example)}
    loaded, problems = load_text(json.dumps(flow), "documents.md")
    assert [str(p) for p in problems] == []
    assert loaded is not None


def test_every_verb_is_on_its_page_with_route_body_and_who() -> None:
    """What a verb takes beside what the door adds, in the order of the table."""
    doors = {"actor", "key", "via", "assurance", "click"}
    rows = []
    for name, verb in VERBS.items():
        method, path = PATHS[name]
        fields = [f.alias or n for n, f in verb.command.model_fields.items() if n not in doors]
        rows.append(f"| `{name}` | `{method} /{path}` | `{{{', '.join(fields)}}}` | {verb.who} |")
    assert "\n".join(rows) in (DOCS / "http.md").read_text()


def test_what_a_digest_and_its_rows_have_is_on_their_page() -> None:
    """Every field, in order."""
    page = (DOCS / "http.md").read_text()
    assert all(f"{{{', '.join(model.model_fields)}}}" in page for model in (Digest, Item))


def test_every_setting_is_on_its_page() -> None:
    """The table has exactly the settings there are."""
    expected = {f"HITL_{name.upper()}" for name in Settings.model_fields}
    assert keys_in((DOCS / "settings.md").read_text()) == expected


def test_links_lead_somewhere() -> None:
    """Every relative link of README and docs names a file that is there."""
    root = DOCS.parent
    for page in (root / "README.md", root / "CONTRIBUTING.md", *DOCS.rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links {target}"


def anchor(heading: str) -> str:
    """Return what a heading is linked by."""
    return re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")


def test_links_into_a_page_lead_to_a_heading() -> None:
    """What stands behind `#` is a heading of the page that is linked."""
    root = DOCS.parent
    for page in (root / "README.md", root / "CONTRIBUTING.md", *DOCS.rglob("*.md")):
        for target, place in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
            text = (page.parent / target).read_text() if target else page.read_text()
            headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
            assert place in {anchor(heading) for heading in headings}, f"{page.name} links {target}#{place}"
