"""Whom the questions of a flow would be put to, before anything is started."""

from typing import Any

from hitl_temporal.domain.absence import Absence
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.machine import new_run
from hitl_temporal.domain.flow.preview import AskPreview, previews, wanted
from hitl_temporal.domain.flow.scope import known_before
from hitl_temporal.domain.flow.state import Run
from tests.domain.approval.playing import PEOPLE
from tests.domain.flow.world import START, Document, ask, call


def begun(*steps: Document, requester: str = "ann", **flow: Any) -> Run:
    """Return the run that a flow of these steps would be."""
    definition = Flow.model_validate({"flow": "f.x", "version": 3, "steps": list(steps), **flow})
    return new_run("r", definition, {"amount": 5}, requester=requester, on_behalf_of="gus", at=START)


def told(run: Run, absences: dict[str, tuple[Absence, ...]] | None = None) -> tuple[AskPreview, ...]:
    """Return the previews of a run."""
    asks = {s.id: s.ask for s in run.definition.steps if s.ask is not None}
    selectors, people = wanted(run, asks)
    roster = PEOPLE.roster(selectors, (*people, "bob")).but(absences=absences or {})
    return previews(run, asks, roster)


def test_each_question_is_told_in_the_order_of_the_document() -> None:
    """With who is asked; what else a flow does is left out."""
    found = told(begun(call("a"), ask("b", asked={"who": "group:secops"}), ask("c", asked={"who": "user:ann"})))
    assert [(p.step, p.applies, [w.person for s in p.preview.stages for w in s.people]) for p in found] == [
        ("b", "yes", ["cai", "dee"]),
        ("c", "yes", []),
    ]
    assert found[1].preview.stages[0].left_out[0].person == "ann"


def test_what_a_step_will_have_found_is_not_guessed() -> None:
    """Neither its outputs nor its outcome, state or deciders: each makes a `perhaps`."""
    for unknown in ("outputs.score > 1", "outcome == 'x'", "state == 'failed'", "by.size() > 0"):
        question = ask("b", asked={"who": "group:secops", "when": f"steps.a.{unknown}"}, **{"if": f"steps.a.{unknown}"})
        (found,) = told(begun(call("a"), question))
        assert (found.applies, found.preview.stages[0].applies) == ("perhaps", "perhaps")
        assert found.reason.startswith("if: depends on steps.a.")
        assert [p.person for p in found.preview.stages[0].people] == ["cai", "dee"]


def test_an_if_that_can_be_told_is_told() -> None:
    """By inputs and variables, say; one that is wrong is said to be."""
    no, yes, wrong = told(
        begun(
            ask("a", **{"if": "inputs.amount > 5"}),
            ask("b", **{"if": "vars.double == 10"}),
            ask("c", **{"if": "inputs.amount"}),
            vars={"double": "{{inputs.amount * 2}}"},
        )
    )
    assert (no.applies, no.reason, yes.applies, yes.reason) == ("no", "if: inputs.amount > 5", "yes", "")
    assert (wrong.applies, "not true or false" in wrong.reason) == ("perhaps", True)


def test_a_question_that_is_not_put_does_not_park() -> None:
    """Though none of its stages would apply: its `if` is judged first."""
    nothing = {"who": "user:cai", "when": "false"}
    put, kept = told(begun(ask("a", asked=nothing), ask("b", asked=nothing, **{"if": "false"})))
    assert (put.preview.parks is not None, kept.preview.parks) == (True, None)


def test_the_directory_is_asked_for_everybody_once() -> None:
    """All selectors, and those whose request it is; machines are no people."""
    secops = {"who": ["group:secops", "manager:requester"]}
    run = begun(ask("a", asked={**secops, "beneficiary": "dee"}), ask("b", asked=secops))
    asks = {s.id: s.ask for s in run.definition.steps if s.ask is not None}
    assert wanted(run, asks) == (("group:secops", "manager:user:ann"), ("ann", "gus", "dee"))
    machine = begun(ask("a", asked={"who": "group:secops"}), requester="system:client")
    assert wanted(machine, {"a": asks["a"]}).people == ("gus", "dee")


def test_what_follows_an_answer_or_a_wait_has_no_moments() -> None:
    """Over however many steps; what only follows calls does."""
    due = {"who": "user:cai", "due": "1d"}
    run = begun(
        *(call("a"), ask("b", asked=due), call("c"), ask("d", asked=due)),
        {"id": "e", "wait": {"for": "1d"}, "needs": []},
        ask("f", asked=due, needs=["e"]),
        call("g", needs=[], undo={"call": "x.undo"}, grant={"for": "1d"}),
        ask("h", asked=due),
    )
    stages = [p.preview.stages[0] for p in told(run)]
    assert [(s.due is not None, s.due_in) for s in stages] == [
        (True, "1d"),
        (False, "1d"),
        (False, "1d"),
        (False, "1d"),
    ]


def test_absences_from_this_flow_count() -> None:
    """A substitute is asked, too."""
    day = {"since": START, "until": START.replace(day=9), "substitute": "bob", "flow": "f.*"}
    (found,) = told(begun(ask("a", asked={"who": "user:cai"})), {"cai": (Absence(id="1", person="cai", **day),)})
    assert [p.person for p in found.preview.stages[0].people] == ["cai", "bob"]


def test_a_preview_is_written_with_the_word_of_the_document() -> None:
    """`if`, as in the flow."""
    (found,) = told(begun(ask("a")))
    assert found.model_dump(mode="json", by_alias=True)["if"] == "yes"


def test_the_id_of_a_run_is_not_known_before() -> None:
    """Its flow, version and start are."""
    assert known_before(begun(call("a")))["run"] == {"flow": "f.x", "version": 3, "started": START.isoformat()}
