"""One line for a person out of a validation error."""

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.approval.commands import Decide
from hitl_temporal.domain.people import Person
from hitl_temporal.domain.problems import first_problem


def said(of: type[Decide] | type[Person], raw: object) -> str:
    with pytest.raises(ValidationError) as error:
        of.model_validate(raw)
    return first_problem(error.value)


def test_the_first_problem_is_named_with_its_place() -> None:
    """And how many more there are; without a place it is the input itself."""
    assert said(Person, {}) == "name: Field required"
    assert said(Decide, {}) == "actor: Field required (and 1 more)"
    assert said(Person, 3).startswith("input: ")


def test_a_line_has_a_bound_and_no_prefix_of_the_library() -> None:
    """What we have written ourselves reads as we have written it."""
    line = said(Decide, {"actor": "cai", "outcome": "approved", "form": {"n": float("nan")}})
    assert line.startswith("form: not JSON: ")
    assert len(said(Person, {"name": "x", "k" * 5000: 1})) < 600
