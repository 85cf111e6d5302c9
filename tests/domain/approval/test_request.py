"""The input of the workflow `Approval`: an ask with who asks beside it, in one flat object."""

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.request import Request


def test_a_request_is_an_ask_with_who_asks_beside_it() -> None:
    """Stage keys may be written directly here too."""
    request = Request.model_validate(
        {"title": "Go?", "who": "user:cai", "requester": "ann", "on_behalf_of": "bob", "context": {"a": [1]}}
    )
    assert (request.requester, request.on_behalf_of, request.context) == ("ann", "bob", {"a": [1]})
    assert request.ask == Ask.model_validate({"title": "Go?", "who": "user:cai"})


def test_the_question_alone_is_as_it_was_written() -> None:
    """Defaults stay out of it, so that it reads the same after a journey through a history."""
    document = {"title": "Go?", "stages": [{"who": ["user:cai"], "not": ["user:dee"]}]}
    request = Request.model_validate({**document, "requester": "ann"})
    assert request.ask.model_dump(mode="json", by_alias=True) == document


def test_without_a_requester_the_client_is_it() -> None:
    """A machine, which has no manager."""
    assert Request.model_validate({"title": "Go?", "who": "user:cai"}).requester == "system:client"


@pytest.mark.parametrize("written", ["bob", "user:bob", " bob ", "user: bob"])
@pytest.mark.parametrize("key", ["requester", "on_behalf_of"])
def test_a_person_is_the_same_one_however_they_are_written(key: str, written: str) -> None:
    """Else somebody approves what they ask for themselves."""
    request = Request.model_validate({"title": "Go?", "who": "user:cai", key: written})
    assert getattr(request, key) == "bob"


def test_a_null_is_read_as_absent() -> None:
    """Clients in other languages write every field of their types."""
    request = Request.model_validate(
        {"title": "Go?", "who": "user:cai", "requester": None, "due": None, "context": None}
    )
    assert (request.requester, request.context) == ("system:client", {})
    assert request.ask == Ask.model_validate({"title": "Go?", "who": "user:cai"})


@pytest.mark.parametrize(
    "wrong", [{"requester": ""}, {"requester": "user:"}, {"context": []}, {"colour": "red"}, {"on_behalf_of": ""}]
)
def test_a_wrong_request_names_the_field(wrong: dict[str, object]) -> None:
    """It is refused before anything starts."""
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Request.model_validate({"title": "Go?", "who": "user:cai", **wrong})


def test_what_is_no_object_is_no_request() -> None:
    """The error is one of validation, as of everything that comes from outside."""
    with pytest.raises(ValidationError):
        Request.model_validate("Go?")
