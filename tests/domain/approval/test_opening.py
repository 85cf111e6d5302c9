"""From a document to an approval: what is rendered once, and what is wrong before anybody is asked."""

import pytest
from inline_snapshot import snapshot

from hitl_temporal.domain.approval.effects import Supersede
from hitl_temporal.domain.approval.opening import AskError
from hitl_temporal.domain.value import Json
from tests.domain.approval.playing import MONDAY, Play

CONTEXT: dict[str, Json] = {"inputs": {"port": 443, "ratio": 3.0, "tags": ["a"], "sure": True, "none": None}}


def shown(**ask: Json) -> dict[str, object]:
    return Play(context=CONTEXT, is_resolved=False, **ask).state.shown.model_dump()


def test_everything_people_see_is_rendered_once() -> None:
    """Texts become texts, values keep their types, material is what it was when people were asked."""
    found = shown(
        title="Open {{inputs.port}}",
        body="{{inputs.ratio}}",
        show={"tags": "{{inputs.tags}}", "text": "port {{inputs.port}}"},
        material=["inputs.port", "requester"],
    )
    assert found == snapshot(
        {
            "title": "Open 443",
            "body": "3",
            "show": {"tags": ["a"], "text": "port 443"},
            "form": {},
            "attachments": (),
            "material": {"inputs.port": 443, "requester": "ann"},
        }
    )


@pytest.mark.parametrize(
    ("title", "text"),
    [("{{inputs.port}}", "443"), ("{{inputs.ratio}}", "3"), ("{{inputs.sure}}", "true"), ("{{inputs.none}}", "")],
)
def test_a_text_that_is_one_expression_reads_as_within_text(title: str, text: str) -> None:
    """Numbers as people write them, null as nothing."""
    assert shown(title=title)["title"] == text


def test_the_requester_is_in_scope_and_cannot_be_talked_over() -> None:
    """Whatever the context says, `requester` is who asks."""
    play = Play(context={"requester": "eli"}, title="{{requester}}", on_behalf_of="bob")
    assert play.state.shown.title == "ann"
    assert play.state.barred == ("ann", "bob")


def test_the_digest_covers_what_people_see_and_nothing_else() -> None:
    """Another body, value shown or material gives another digest; another deadline does not."""
    plain = Play().state.shown.digest
    others = [Play(body="b"), Play(show={"a": 1}), Play(title="T"), Play(material=["1 + 1"])]
    assert len({plain, *(play.state.shown.digest for play in others)}) == 5
    assert Play({"who": "group:secops", "due": "1h"}).state.shown.digest == plain


def test_an_approval_begins_unopened() -> None:
    """It has its start, its stages pending, and no people yet."""
    state = Play(is_resolved=False).state
    assert (state.started_at, state.now, state.is_open, state.outcome) == (MONDAY, MONDAY, False, None)
    assert (state.state, [s.state for s in state.stages], state.roster.members) == ("open", ["pending"], {})


@pytest.mark.parametrize(
    ("stage", "ask", "says"),
    [
        ({}, {"title": "{{missing}}"}, "title: expression 'missing'"),
        ({}, {"title": "{{inputs.tags}}"}, "title: '{{inputs.tags}}' gave a list; a text is needed"),
        ({}, {"body": "{{inputs.none.x}}"}, "body: expression"),
        ({}, {"show": {"a": "{{missing}}"}}, "show.a: expression"),
        ({}, {"material": ["inputs.gone"]}, "material 'inputs.gone': expression"),
        ({}, {"beneficiary": "{{missing}}"}, "beneficiary: expression"),
        ({}, {"beneficiary": "group:trio"}, "beneficiary: 'group:trio' names no person"),
        ({}, {"author": "user:"}, "author: 'user:' names no person"),
        ({}, {"author": "{{inputs}}"}, "author: '{{inputs}}' gave a dict"),
        ({}, {"auto": [{"if": "true", "outcome": "approved"}, {"if": "missing", "outcome": "rejected"}]}, "auto.1.if"),
        ({"when": "inputs.port"}, {}, "stage 's1': when: expression 'inputs.port': gives 443"),
        ({"who": "{{inputs.port}}"}, {}, "stage 's1': who: '{{inputs.port}}' gave 443, which is no selector"),
        ({"who": "{{inputs.tags}}"}, {}, "stage 's1': who: '{{inputs.tags}}' gave [\"a\"], which is no selector"),
        ({"who": "{{inputs.none}}"}, {}, "stage 's1': who: '{{inputs.none}}' gave null, which is no selector"),
        ({"fallback": "{{missing}}"}, {}, "stage 's1': fallback: expression"),
        ({"not": ["{{missing}}"]}, {}, "stage 's1': not: expression"),
    ],
)
def test_what_cannot_be_asked_names_its_key(stage: dict[str, Json], ask: dict[str, Json], says: str) -> None:
    """Every expression of the document is tried before anybody is asked; a failing one is never false."""
    with pytest.raises(AskError) as error:
        Play({"who": "user:cai", **stage}, context=CONTEXT, **ask)
    assert says in str(error.value)


def test_selectors_are_rendered_and_bound_once() -> None:
    """Lists are laid flat, doubles dropped, and `manager:requester` names the requester from then on."""
    stage = {
        "who": ["{{inputs.who}}", "user:cai", "manager:requester"],
        "fallback": "{{inputs.who}}",
        "not": "user:{{requester}}",
    }
    play = Play(stage, context={"inputs": {"who": ["user:dee", "user:cai", "manager:requester"]}})
    assert play.stage.who == ("user:dee", "user:cai", "manager:user:ann")
    assert play.stage.cast.fallback == play.stage.who
    assert play.stage.cast.barred == ("user:ann",)


def test_nobody_is_an_empty_name() -> None:
    """A beneficiary that is null bars nobody more."""
    assert Play(beneficiary="{{inputs.none}}", author="", context=CONTEXT).state.barred == ("ann",)


DIGEST = "AB" * 32


def test_attachments_are_shown_by_reference() -> None:
    """Rendered, with the digest of their content in lower case; what decisions are bound to covers them."""
    attached = {"name": "plan of {{x}}", "url": "https://x.example/{{x}}", "digest": DIGEST}
    play = Play(attachments=[attached, {"name": "n", "url": "u"}], context={"x": "a"})
    first, second = play.state.shown.attachments
    assert (first.name, first.url, first.digest) == ("plan of a", "https://x.example/a", DIGEST.lower())
    assert second.digest is None
    other = Play(attachments=[{**attached, "digest": "0" * 64}, {"name": "n", "url": "u"}], context={"x": "a"})
    assert other.state.shown.digest != play.state.shown.digest


@pytest.mark.parametrize("wrong", [{"url": ""}, {"digest": "{{x}}"}, {"name": "{{x}}" * 300}])
def test_an_attachment_that_is_none_cannot_be_asked_about(wrong: dict[str, str]) -> None:
    """Without an address, with a digest that is none, with a name as long as a book."""
    attached = {"name": "plan", "url": "https://x.example", **wrong}
    with pytest.raises(AskError, match=r"attachments\.0: a name, an address and the hex SHA-256"):
        Play(attachments=[attached], context={"x": "abc"})


def test_an_attachment_that_a_browser_would_run_cannot_be_asked_about() -> None:
    """Also where an expression has made it."""
    with pytest.raises(AskError, match=r"attachments\.0\.url: 'javascript' is no way to a document"):
        Play(attachments=[{"name": "plan", "url": "{{x}}"}], context={"x": "javascript:alert(1)"})


def test_an_older_request_about_the_same_is_to_be_withdrawn() -> None:
    """Once, when people are asked; an empty subject is none."""
    play = Play(subject=" host {{x}} ", context={"x": 1})
    assert [e.subject for e in play.effects if isinstance(e, Supersede)] == ["host 1"]
    assert play.facts("opened")[0]["subject"] == "host 1"
    nothing = Play(subject="{{x}}", context={"x": " "})
    assert (nothing.state.subject, [e for e in nothing.effects if isinstance(e, Supersede)]) == (None, [])
