"""One line for a person out of a validation error."""

from typing import Annotated
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, ValidationError

from hitl_temporal.domain.addresses import unsafe
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.commands import VERBS, Decide
from hitl_temporal.domain.people import Person
from hitl_temporal.domain.problems import first_problem, refused


def said(of: type[Decide] | type[Person], raw: object) -> str:
    with pytest.raises(ValidationError) as error:
        of.model_validate(raw)
    return first_problem(error.value)


def test_the_first_problem_is_named_with_its_place() -> None:
    """And how many more there are; without a place it is the input itself."""
    assert said(Person, {}) == "name: missing"
    assert said(Decide, {}) == "actor: missing (and 1 more)"
    assert said(Person, 3).startswith("input: ")


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"stages": []}, "stages: at least one is needed"),
        ({"stages": "bob"}, "stages: must be a list"),
        ({"stages": [{"parallel": []}]}, "stages.0.parallel: at least one is needed"),
        ({"stages": [{"who": "user:a", "due": 3}]}, "stages.0.due: must be a text"),
        ({"stages": [{"parallel": [{"who": "user:a", "due": 3}]}]}, "stages.0.parallel.0.due: must be a text"),
        ({"stages": [3]}, "stages.0: must be an object"),
        ({"stages": {"route": {"rows": []}}}, "stages.route.rows: at least one is needed"),
        ({"who": "user:a", "remind": [3]}, "stages.0.remind.0: must be a text"),
        ({"who": "user:a", "approve": []}, "stages.0.approve: must be a whole number"),
        ({"who": "user:a", "quiet": 3}, "quiet: must be true or false"),
        ({"who": "user:a", "rework": 99}, "rework: must be at most 20"),
        ({"who": "user:a", "comment": 1}, "comment: must be 'optional', 'required' or 'on_reject'"),
        ({"who": "user:a", "form": {"stage": {"type": 3}}}, "form.stage.type: must be 'string', 'integer'"),
        ({"who": "user:a", "strange": 3}, "strange: unknown field"),
    ],
)
def test_a_place_is_written_as_it_was_sent(keys: dict[str, object], line: str) -> None:
    """In keys of the document alone, once, and where the mistake is: no library's branches, nothing that follows."""
    with pytest.raises(ValidationError) as error:
        Ask.model_validate({"title": "x", **keys})
    assert first_problem(error.value).startswith(line)
    assert "more)" not in first_problem(error.value)


@pytest.mark.parametrize(
    ("verb", "command", "line"),
    [
        ("amend", {"set": {}}, "set: at least one is needed"),
        ("comment", {"text": " "}, "text: must not be empty"),
        ("comment", {"text": "x" * 10_001}, "text: must have at most 10000 characters"),
        ("comment", {"text": "x", "attachments": [{"name": "a"}]}, "attachments.0.url: missing"),
        (
            "provide_info",
            {"text": "x", "attachments": [{"name": "a", "url": "data:text/html,x"}]},
            f"attachments.0.url: {unsafe('data:text/html,x')}",
        ),
        ("decide", {"outcome": "approved", "confirm": "maybe"}, "confirm: must be true or false"),
    ],
)
def test_a_command_is_refused_in_our_words(verb: str, command: dict[str, object], line: str) -> None:
    """Whoever sent it need not know what it was read with."""
    with pytest.raises(ValidationError) as error:
        VERBS[verb].command.model_validate({"actor": "cai", **command})
    assert refused(error.value) == line


def test_more_than_one_is_said_as_a_number() -> None:
    """What no word of ours is about is said as it is."""

    class Strange(BaseModel):
        names: Annotated[tuple[str, ...], Field(min_length=2)]
        name: Annotated[str, Field(min_length=2)]
        address: UUID

    with pytest.raises(ValidationError) as error:
        Strange.model_validate({"names": ["a"], "name": "a", "address": "a"})
    lines = [first_problem(error.value), *(f"{e['loc'][0]}" for e in error.value.errors())]
    assert lines == ["names: at least 2 are needed (and 2 more)", "names", "name", "address"]
    with pytest.raises(ValidationError) as error:
        Strange.model_validate({"names": ["a", "b"], "name": "ab", "address": "a"})
    assert first_problem(error.value).startswith("address: Input should be a valid UUID")


def test_a_line_has_a_bound_and_no_prefix_of_the_library() -> None:
    """What we have written ourselves reads as we have written it."""
    line = said(Decide, {"actor": "cai", "outcome": "approved", "form": {"n": float("nan")}})
    assert line.startswith("form: not JSON: ")
    assert len(said(Person, {"name": "x", "k" * 5000: 1})) < 600
