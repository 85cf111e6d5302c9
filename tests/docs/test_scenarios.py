"""The page about scenarios does not drift: every key is on it, and its example holds."""

import pytest
from pydantic import BaseModel

from hitl_temporal.definition.project import load_project
from hitl_temporal.definition.scenarios import load_scenario
from hitl_temporal.domain.approval.commands import VERBS
from hitl_temporal.domain.simulation.forecast import DEFAULTS
from hitl_temporal.domain.simulation.scenario import Answer, Entry, Expected, Given
from hitl_temporal.testing.running import run_written
from tests.docs.pages import DOCS, blocks, code, rows, sections


def keys(model: type[BaseModel]) -> list[str]:
    """Return the keys that may be written, in order."""
    return [field.alias or name for name, field in model.model_fields.items()]


@pytest.mark.parametrize(
    ("heading", "expected"),
    [("given", [*keys(Given), *keys(Answer)]), ("expect and then", keys(Expected))],
)
def test_every_key_is_on_its_page(heading: str, expected: list[str]) -> None:
    """In the order of the model."""
    assert [code(row[0]) for row in rows(sections("scenarios.md")[heading])] == expected


def test_every_entry_is_on_its_page() -> None:
    """The verbs of an approval together in one row."""
    of_approvals, *others = [row[0] for row in rows(sections("scenarios.md")["when"])]
    assert of_approvals.startswith("any verb of an approval")
    assert {code(cell) for cell in others} == set(keys(Entry)) - set(VERBS)


def test_the_example_of_the_page_holds(tmp_path) -> None:
    """Played on the flow of the reference project."""
    project = load_project(DOCS.parent)
    file = tmp_path / "example.yaml"
    file.write_text(blocks("scenarios.md", "yaml")[0], encoding="utf-8")
    written, problems = load_scenario(file, project.flows["firewall_change"], project.flows)
    assert problems == ()
    assert written is not None
    assert run_written(written, project.flows["firewall_change"], project).problems == ()


def test_the_defaults_of_forecasts_are_on_the_page() -> None:
    """By verb, in their order."""
    told = {code(verb): code(takes) for verb, takes in rows(sections("scenarios.md")["Forecasts"])}
    assert [*told.items()] == [*DEFAULTS.items()]
