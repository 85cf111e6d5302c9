"""What a page offers to whom, and how its forms become verbs: pure, without a page."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_temporal.api.pages.acting import FIELDS, body, field
from hitl_temporal.api.pages.offers import amendable, offers
from hitl_temporal.api.pages.questions import answers, changeable, questions
from hitl_temporal.domain.approval.commands import VERBS, Receipt, parse
from hitl_temporal.service.identity import Identity
from tests.api.house import NOW, an_approval


def person(name: str, *roles: str) -> Identity:
    return Identity(name, frozenset(roles), frozenset(), "medium", "web")


def a_stage(**changes: Any) -> dict[str, Any]:
    stage = {"name": "manager", "state": "open", "tally": "", "due": None, "may_act": ["bob"], "asked": ["bob"]}
    return {**stage, **changes}


CLAIM = {"holder": "bob", "since": NOW, "until": NOW}
COOLING = {"outcome": "approved", "reason": "", "stage": "manager", "since": NOW, "until": NOW}
VOTE = {"key": "k", "actor": "bob", "stage": "manager", "outcome": "approved", "at": NOW, "digest": "d1"}
INFO = {"by": "bob", "to": "dee", "since": NOW}

ASKED = {"comment", "decide", "request_info", "delegate", "add_approver", "claim"}


@pytest.mark.parametrize(
    ("me", "changes", "offered"),
    [
        # who is asked
        (person("bob"), {}, ASKED),
        (person("bob"), {"stages": [a_stage(claim=CLAIM)]}, ASKED - {"claim"} | {"release_claim"}),
        (person("cai"), {"stages": [a_stage(claim=CLAIM)]}, {"comment"}),
        (person("bob"), {"state": "approved", "outcome": "approved"}, set()),
        (person("bob"), {"state": "terminated"}, set()),
        # whose request it is
        (person("ann"), {}, {"comment", "withdraw", "add_approver"}),
        (person("ann"), {"edit": {"inputs.port": 22}}, {"comment", "withdraw", "add_approver", "amend"}),
        (person("ann"), {"info": INFO}, {"comment", "withdraw", "add_approver", "provide_info"}),
        (person("ann"), {"stages": [], "cooling": COOLING, "edit": {"inputs.port": 22}}, {"comment", "withdraw"}),
        # who is asked for more
        (person("dee"), {"info": INFO}, {"comment", "provide_info"}),
        (person("dee"), {"info": {**INFO, "rework": True}}, {"comment"}),
        # who has decided
        (person("bob"), {"stages": [], "cooling": COOLING, "decisions": [VOTE]}, {"comment", "retract"}),
        (person("cai"), {"stages": [], "cooling": COOLING, "decisions": [VOTE]}, {"comment"}),
        (
            person("bob"),
            {"stages": [], "cooling": COOLING, "decisions": [{**VOTE, "kind": "override"}]},
            {"comment"},
        ),
        # operators and admins
        (person("gus", "operator"), {"stages": [a_stage()]}, {"comment", "add_approver", "reassign"}),
        (
            person("gus", "operator"),
            {"stages": [a_stage(due=NOW, claim=CLAIM)]},
            {"comment", "add_approver", "reassign", "extend", "release_claim"},
        ),
        (person("gus", "operator"), {"stages": []}, {"comment"}),
        (person("eli", "admin"), {"stages": []}, {"comment", "override"}),
        (person("bob", "admin"), {"stages": [], "decisions": [VOTE]}, {"comment"}),
        (person("ann", "admin"), {"stages": []}, {"comment", "withdraw"}),
        (person("cai"), {"break_glass": ["cai"]}, {"comment", "override"}),
    ],
)
def test_a_page_offers_what_may_be_done(me: Identity, changes: dict[str, Any], offered: set[str]) -> None:
    """By part, role and state; after the end nothing."""
    assert offers(an_approval(**changes), me) == offered


def test_a_page_offers_no_verb_that_there_is_not() -> None:
    """Every verb has a form, and sends nothing that the verb does not know; a value's own fields come beside."""
    assert FIELDS.keys() == VERBS.keys()
    for verb, names in FIELDS.items():
        known = {f.alias or name for name, f in VERBS[verb].command.model_fields.items()}
        assert set(names) <= known, verb


@pytest.mark.parametrize(
    ("origin", "paths"),
    [
        ({"run": "r", "step": "s", "attempt": 1, "flow": "f"}, ["inputs.port", "vars.a"]),
        (None, ["inputs.port", "vars.a", "steps.x", "amount"]),
    ],
)
def test_what_may_be_amended_are_plain_paths(origin: Any, paths: list[str]) -> None:
    """Of a run its inputs and variables; of a question by itself whatever its context holds, but not who asks."""
    values = {"inputs.port": 22, "vars.a": 1, "steps.x": 1, "amount": 5, "requester": "ann", "size(inputs.x) > 1": True}
    status = an_approval(origin=origin, material=values, edit={"inputs.port": 443})
    assert list(amendable(status)) == paths
    assert amendable(status)["inputs.port"] == 443


# --- From a form to a verb --------------------------------------------------------------------------------------------


def test_a_click_has_a_key_of_its_own() -> None:
    """The same page and outcome give the same key; another outcome, or verb, is another click."""
    clicks = [("decide", {"outcome": "approved"}), ("decide", {"outcome": "rejected"}), ("claim", {}), ("delegate", {})]
    keys = [body(verb, {"key": "page", **form})["key"] for verb, form in clicks]
    assert keys == ["page.decide.approved", "page.decide.rejected", "page.claim", "page.delegate"]
    assert "key" not in body("claim", {})


@pytest.mark.parametrize(
    ("verb", "form", "sent"),
    [
        ("delegate", {"to": " cai ", "reason": "away ", "form_token": "t"}, {"to": "cai", "reason": "away "}),
        ("reassign", {"from": "", "to": "cai", "reason": "r"}, {"to": "cai", "reason": "r"}),
        ("decide", {"outcome": "approved", "comment": ""}, {"outcome": "approved"}),
        (
            "decide",
            {"outcome": "approved", "form.text.note": "443", "form.json.amount": "443", "form.json.empty": ""},
            {"outcome": "approved", "form": {"note": "443", "amount": 443}},
        ),
        (
            "decide",
            {"outcome": "approved", "form.json.teams.0": '"a"', "form.json.teams.10": '"c"', "form.json.teams.2": "7"},
            {"outcome": "approved", "form": {"teams": ["a", 7, "c"]}},
        ),
        (
            "decide",
            {"outcome": "rejected", "form.text.note": "n", "was.form.text.note": "n", "form.json.amount": ""},
            {"outcome": "rejected"},
        ),
        (
            "decide",
            {"outcome": "approved", "form.text.note": "n", "was.form.text.note": "n", "form.json.amount": "1"},
            {"outcome": "approved", "form": {"note": "n", "amount": 1}},
        ),
        (
            "decide",
            {
                "outcome": "approved",
                "edit.json.inputs.port": "443",
                "was.edit.json.inputs.port": "22",
                "edit.text.inputs.host": "web",
                "was.edit.text.inputs.host": "web",
            },
            {"outcome": "approved", "edit": {"inputs.port": 443}},
        ),
        (
            "amend",
            {"set.text.a": "", "was.set.text.a": "x", "set.json.b": "", "was.set.json.b": "1", "reason": "r"},
            {"set": {"a": "", "b": None}, "reason": "r"},
        ),
        ("amend", {"set.json.b": "1", "was.set.json.b": "1"}, {"set": {}}),
        (
            "comment",
            {"text": "see", "attach.url": " https://x.example/1 ", "attach.name": "plan"},
            {"text": "see", "attachments": [{"name": "plan", "url": "https://x.example/1"}]},
        ),
        (
            "provide_info",
            {"text": "see", "attach.url": "https://x.example/1", "attach.name": ""},
            {"text": "see", "attachments": [{"name": "https://x.example/1", "url": "https://x.example/1"}]},
        ),
        ("comment", {"text": "see", "attach.url": " ", "attach.name": "plan"}, {"text": "see"}),
    ],
)
def test_a_form_says_what_was_filled_in(verb: str, form: dict[str, str], sent: dict[str, Any]) -> None:
    """Names without blanks, values in their types, changes alone of what may be changed."""
    assert body(verb, form) == sent


def name_of(name: str, is_text: bool) -> str:
    return field("edit", name, is_text=is_text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(value=JSON)
def test_what_nobody_touches_is_no_change(value: Any) -> None:
    """Whatever a value is, its field sent back as it stood changes nothing."""
    [asked] = changeable({"inputs.x": value}, {}, name_of)
    form = {"outcome": "approved", asked.field: asked.text, f"was.{asked.field}": str(asked.was)}
    assert "edit" not in body("decide", form)


@given(before=JSON, after=JSON)
def test_a_changed_value_keeps_its_kind(before: Any, after: Any) -> None:
    """A text stays a text, also one that looks like a number; anything else is read as JSON."""
    [asked] = changeable({"inputs.x": before}, {}, name_of)
    [wanted] = changeable({"inputs.x": after}, {}, name_of)
    form = {"outcome": "approved", asked.field: wanted.text, f"was.{asked.field}": str(asked.was)}
    edit = body("decide", form).get("edit", {})
    assert isinstance(edit, dict)
    if isinstance(before, str):
        assert edit.get("inputs.x", before) == wanted.text
    elif not isinstance(after, str):
        assert edit.get("inputs.x", before) == after


def test_every_form_is_a_command() -> None:
    """With its fields filled in, each form gives what the judge's parser takes."""
    filled = {
        "outcome": "approved",
        "text": "t",
        "to": "cai",
        "from": "bob",
        "reason": "r",
        "by": "2bd",
        "set.json.a": "1",
    }
    for verb in VERBS:
        assert not isinstance(parse(verb, {**body(verb, filled), "actor": "ann"}), Receipt), verb


SEVERAL = {
    "type": "object",
    "properties": {
        "teams": {"type": "array", "items": {"type": "string", "enum": ["red", "a, b", "7"]}, "title": "Teams"},
        "sizes": {"type": "array", "items": {"enum": [1, 2]}},
    },
    "required": ["teams"],
}


def test_several_may_be_chosen() -> None:
    """A list of given values is one box for each, in the order they are given; none is no answer."""
    teams, sizes = questions(SEVERAL, {"input.teams.1": '"a, b"'})
    assert (teams.kind, teams.choices, teams.chosen) == ("many", ('"red"', '"a, b"', '"7"'), ('"a, b"',))
    assert (sizes.choices, sizes.chosen) == (("1", "2"), ())
    sent = {"input.teams.2": '"7"', "input.teams.0": '"red"', "input.teams.x": "9", "input.sizes.1": "2"}
    assert answers(SEVERAL, sent) == {"teams": ["red", "7"], "sizes": [2]}
    assert answers(SEVERAL, {}) == {}
