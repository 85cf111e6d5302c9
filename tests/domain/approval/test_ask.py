"""What may be written as a question, and what is refused with a mend."""

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.value import Json


def ask(stage: dict[str, Json] | None = None, **rest: Json) -> Ask:
    """Return an ask of one stage that names Cai, with these keys beside and in it."""
    return Ask.model_validate({"title": "Go?", "stages": [{"who": "user:cai", **(stage or {})}], **rest})


def refused(stage: dict[str, Json] | None = None, **rest: Json) -> str:
    """Return what the refusal of such an ask says."""
    with pytest.raises(ValidationError) as error:
        ask(stage, **rest)
    return str(error.value)


def test_stage_keys_written_directly_are_one_stage() -> None:
    """The calendar, which both have, is the ask's."""
    flat = {"title": "Go?", "who": "user:cai", "not": "user:dee", "due": "1h", "calendar": "nl", "material": ["a"]}
    written = Ask.model_validate(flat)
    (stage,) = written.stages
    assert (stage.name, stage.who, stage.barred, stage.due, stage.calendar) == (
        "decision",
        ("user:cai",),
        ("user:dee",),
        "1h",
        None,
    )
    assert (written.calendar, written.material) == ("nl", ("a",))


def test_stage_keys_beside_stages_are_refused() -> None:
    """Whose they were meant to be can't be known."""
    assert "`due`, `via` beside `stages`" in refused(due="1h", via="chat")


def test_an_ask_without_anybody_is_refused() -> None:
    """Nobody to ask is a mistake of the author, not a question."""
    for document in ({"title": "Go?"}, {"title": "Go?", "stages": []}, {"title": "Go?", "who": []}, "Go?", None):
        with pytest.raises(ValidationError):
            Ask.model_validate(document)


def test_unknown_keys_are_refused() -> None:
    """What this version can't carry out must not look as if it would be."""
    for key in ("escalate", "parallel", "assurance", "pick", "any_of"):
        assert key in refused({key: "x"})
    for key in ("form", "edit", "ticket", "sample"):
        assert key in refused(**{key: "x"})


def test_a_document_is_passed_on_as_it_was_written() -> None:
    """Defaults are not written into it, and reading it again gives the same."""
    written = ask({"not": ["group:a"], "remind": ["1h"]}, auto=[{"if": "true", "outcome": "approved"}])
    text = written.model_dump_json(by_alias=True, exclude_unset=False)
    assert Ask.model_validate_json(text) == written
    assert "at_due" not in text


# --- Selectors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "selector",
    [
        "user:a",
        "group:a b"[:7],
        "role:x",
        "owner:erp",
        "manager:requester",
        "manager:user:ann",
        "{{inputs.who}}",
        "user:{{requester}}",
    ],
)
def test_selectors_have_one_of_six_forms_or_an_expression(selector: str) -> None:
    """One may be written without a list."""
    assert ask({"who": selector}).stages[0].who == (selector,)


@pytest.mark.parametrize("selector", ["ann", "user:", "group:a b", "manager:ann", "team:x", "", "manager:"])
def test_other_selectors_are_refused(selector: str) -> None:
    """The refusal lists what can be written."""
    assert "is not a selector; write user:ID, group:ID" in refused({"who": [selector]})


def test_broken_expressions_are_refused_wherever_they_stand() -> None:
    """Before anybody is asked."""
    broken = "{{1 +}}"
    assert "expression" in refused({"who": broken})
    assert "expression" in refused({"when": "1 +"})
    assert "expression" in refused(body=broken)
    assert "expression" in refused(show={"x": [broken]})
    assert "expression" in refused(material=["1 +"])
    assert "expression" in refused(auto=[{"if": "1 +", "outcome": "approved"}])


# --- Thresholds and times ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", ["any", "all", 1, 17, "1%", "60%", "100%"])
def test_thresholds_are_words_numbers_or_percentages(threshold: str | int) -> None:
    """They stay as written until the stage opens."""
    stage = ask({"approve": threshold, "reject": threshold}).stages[0]
    assert (stage.approve, stage.reject) == (threshold, threshold)


@pytest.mark.parametrize("threshold", [0, -1, True, 1.5, "0%", "101%", "60 %", "half", "2", None])
def test_other_thresholds_are_refused(threshold: Json) -> None:
    """Nothing is guessed: `true` is not one vote."""
    assert "approve" in refused({"approve": threshold})


def test_a_stage_name_is_plain_and_unique() -> None:
    """The refusal of the second one says so."""
    assert "name" in refused({"name": "First Stage"})
    two: list[Json] = [{"name": "a", "who": "user:cai"}, {"name": "a", "who": "user:dee"}]
    assert "two stages are named 'a'; give each a `name` of its own" in refused(stages=two)
    assert "is what a stage is called that people add" in refused({"name": "added-1"})
    assert "is what a stage is called that people add" in refused({"name": "added"}), "a row may add a number"


NO_TIME = "is no time at all; write a longer one, such as 30m, 4bh or 2d"


@pytest.mark.parametrize("remind", ["0s", "0bh", "0d0bd", ["1h", "0m"]])
def test_a_reminder_after_no_time_is_refused(remind: Json) -> None:
    """Repeated, it would never stop."""
    assert NO_TIME in refused({"remind": remind})


@pytest.mark.parametrize("stage", [{"due": "0d"}, {"lease": "0bh"}, {"escalate": [{"after": "0m", "to": "user:eli"}]}])
def test_what_leaves_nobody_any_time_is_refused(stage: dict[str, Json]) -> None:
    """Whoever means at once leaves the key out."""
    assert NO_TIME in refused(stage)


def test_an_ask_gives_time_to_take_back_and_to_review() -> None:
    """A review that is due when it is asked for would be over before anybody has seen it."""
    glass = {"who": "user:eli", "review": {"who": "user:cai", "due": "0d"}}
    assert f"break_glass.review.due\n  Value error, '0d' {NO_TIME}" in refused({}, break_glass=glass)
    assert f"cooling_off\n  Value error, '0h' {NO_TIME}" in refused({}, cooling_off="0h")


# --- Outcomes ---------------------------------------------------------------------------------------------------------


def test_own_outcomes_are_negative_unless_written_otherwise() -> None:
    """`approved` and `rejected` are there always."""
    written = ask(outcomes={"later": {"label": "Later"}, "fine": {"label": "Fine", "positive": True}})
    words = ("approved", "rejected", "later", "fine", "expired", "nonsense")
    assert [written.is_positive(w) for w in words] == [True, False, False, True, None, None]
    assert written.outcome_names == {"approved", "rejected", "later", "fine"}


@pytest.mark.parametrize(
    "name", ["approved", "rejected", "expired", "withdrawn", "pending", "open", "parked", "skipped", "info", "cooling"]
)
def test_an_outcome_cannot_be_called_like_a_state(name: str) -> None:
    """A stage that ended `open` would read as open."""
    assert f"the outcome {name!r} is built in; choose another name" in refused(outcomes={name: {"label": "X"}})


def test_at_due_is_a_negative_outcome_unless_written_twice() -> None:
    """`expire`, `reject`, or an outcome of the ask; one that approves needs `at_due_positive`."""
    outcomes: dict[str, Json] = {"later": {"label": "Later"}}
    for at_due in ("expire", "reject", "rejected", "later"):
        assert ask({"at_due": at_due}, outcomes=outcomes).stages[0].at_due == at_due
    assert ask({"at_due": "approved", "at_due_positive": True}).stages[0].at_due == "approved"
    assert "lets silence approve" in refused({"at_due": "approved"})
    assert "`at_due` can't be 'expired'; write expire, reject or an outcome (known: approved, rejected)" in refused(
        {"at_due": "expired"}
    )


def test_a_rule_gives_an_outcome_of_the_ask() -> None:
    """A name that is none would decide nothing."""
    assert "unknown outcome 'maybe'; known: approved, rejected" in refused(auto=[{"if": "true", "outcome": "maybe"}])


def test_comments_are_required_of_none_all_or_negative_outcomes() -> None:
    """`on_reject` means every negative outcome."""
    outcomes: dict[str, Json] = {"later": {"label": "Later"}}
    asks = {c: ask(comment=c, outcomes=outcomes).comment_on for c in ("optional", "required", "on_reject")}
    assert asks == {
        "optional": frozenset(),
        "required": {"approved", "rejected", "later"},
        "on_reject": {"rejected", "later"},
    }
