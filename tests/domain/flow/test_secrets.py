"""Secrets in arguments: the document names them, and nobody else can."""

from typing import Any

import pytest

from tests.domain.flow.world import World, call


def test_the_document_names_a_secret() -> None:
    """Wherever it stands; its value is not here."""
    arguments: dict[str, Any] = {"a": "{{ secret('x') }}", "b": ["{{ secret('y') }}", 1], "c": {"d": True}}
    world = World(call("a", **{"with": arguments}))
    assert world.last[-1].arguments == {  # type: ignore[union-attr]
        "a": {"$secret": "x"},
        "b": [{"$secret": "y"}, 1],
        "c": {"d": True},
    }


@pytest.mark.parametrize(
    ("given", "kind"),
    [({"$secret": "x"}, {"type": "object"}), ([{"v": {"$secret": "x"}}], {"type": "array"})],
)
def test_nobody_else_names_one(given: Any, kind: dict[str, str]) -> None:
    """Neither what is given to the run, nor what an operator gives to a step."""
    world = World(call("a", **{"with": {"v": "{{ inputs.v }}"}}), inputs={"v": given}, declared={"v": kind})
    assert world.states["a"] == "parked"
    assert "only a document may write" in world.step("a").error
    world = World(call("a")).fails("a")
    world.operate("rerun", "a", **{"with": {"v": given}})
    assert "which only a document may name" in world.step("a").error
