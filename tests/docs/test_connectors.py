"""The page of connectors does not drift: every key that one takes, and what it gives, is in its section."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from hitl_temporal.app.connectors import connectors
from hitl_temporal.domain.flow.commands import ACTIONS
from hitl_temporal.ports import Connector
from tests.docs.pages import code, rows, sections
from tests.fakes import FakePlaces, FakeRuns

ALL = {c.name: c for c in connectors(FakePlaces(Path()), FakeRuns(), None)}


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models of which a value may be one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def keys(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each key, those inside it after it, with its default."""
    for name, field in model.model_fields.items():
        key = f"{before}{field.alias or name}"
        yield key, None if field.is_required() or field.default_factory else field.default
        for inner in models_in(field.annotation):
            yield from keys(inner, f"{key}.")


def written(default: Any) -> str:
    """Return a default as the page writes it."""
    match default:
        case None | () | "":
            return ""
        case bool():
            return f"`{str(default).lower()}`"
        case tuple():
            return f"`[{', '.join(map(str, default))}]`"
        case _:
            return f"`{default}`"


def test_every_connector_has_a_section_and_no_other_has() -> None:
    """In their order."""
    assert [name for name in sections("connectors.md") if "." in name] == list(ALL)


@pytest.mark.parametrize("connector", ALL.values(), ids=ALL)
def test_every_key_is_on_its_page_with_its_default(connector: Connector[Any, Any]) -> None:
    """In the order of the model."""
    table = [(code(row[0]), row[1].strip()) for row in rows(sections("connectors.md")[connector.name])]
    assert table == [(key, written(default)) for key, default in keys(connector.given)]


@pytest.mark.parametrize("connector", ALL.values(), ids=ALL)
def test_what_it_gives_is_on_its_page(connector: Connector[Any, Any]) -> None:
    """In the order of the model."""
    found = re.search(r"^Gives `\{(.*)\}`", sections("connectors.md")[connector.name], re.MULTILINE)
    assert found is not None
    assert found[1].split(", ") == [field.alias or name for name, field in connector.gives.model_fields.items()]


@pytest.mark.parametrize("connector", ALL.values(), ids=ALL)
def test_what_it_takes_is_frozen_and_takes_nothing_else(connector: Connector[Any, Any]) -> None:
    """A key that is written wrong is not left out silently."""
    assert connector.given.model_config.get("frozen")
    assert connector.given.model_config.get("extra") == "forbid"
    assert connector.gives.model_config.get("frozen")


def test_every_action_is_on_its_page() -> None:
    """In the order of the table of actions."""
    row = next(r for r in rows(sections("connectors.md")["runs.operate"]) if r[0] == "`action`")
    assert re.findall(r"`(\w+)`", row[2]) == list(ACTIONS)
