"""What is sensitive is shown to nobody who looks at an approval, and given to whoever has asked."""

from typing import Any

import pytest

from hitl_temporal.domain.approval.effects import Deliver
from hitl_temporal.domain.approval.message import message
from hitl_temporal.domain.approval.result import result
from hitl_temporal.domain.approval.status import status
from hitl_temporal.domain.audit import Evidence
from hitl_temporal.domain.inputs import Input
from tests.domain.approval.playing import Play

EVIDENCE = Evidence(trace_id="0" * 32, events=7, digest="d")
SECRET = "hunter2"
FORM = {"pin": {"type": "string", "sensitive": True}, "room": {"type": "string"}}
FILLED = {"pin": SECRET, "room": "B 12"}
SEEN = {"pin": "***", "room": "B 12"}


def asked(**keys: Any) -> Play:
    """Return a question whose form has something sensitive in it."""
    return Play({"who": "group:secops"}, form=FORM, **keys)


def of_a_run(stage: dict[str, Any] | None = None, **keys: Any) -> Play:
    """Return a question about inputs of a run, one of them sensitive."""
    play = Play({"who": "group:secops", **(stage or {})}, context={"inputs": {"pin": SECRET, "room": "B 12"}}, **keys)
    fields = {f"inputs.{name}": Input.model_validate(field) for name, field in FORM.items()}
    play.state = play.state.but(fields=fields)
    return play


def test_a_sensitive_answer_goes_to_whoever_asked_and_to_nobody_else() -> None:
    """The result has it, for the flow; the status, whoever reads it, has not."""
    play = asked()
    play.decide("cai", form=FILLED)
    found = status(play.state)
    assert result(play.state, EVIDENCE).form == FILLED
    assert (found.decisions[0].form, SECRET in found.model_dump_json()) == (SEEN, False)


def test_a_void_answer_is_hidden_too() -> None:
    """It was taken back while it cooled off."""
    play = asked(cooling_off="1h")
    play.decide("cai", form=FILLED)
    play.do("retract", "cai")
    assert (status(play.state).voided[0].decision.form, SECRET in status(play.state).model_dump_json()) == (SEEN, False)


def test_an_answer_that_waits_is_kept_and_not_shown() -> None:
    """It counts with what was filled in once it is confirmed."""
    play = Play({"who": "group:secops", "assurance": "high"}, form=FORM)
    assert play.decide("cai", form=FILLED).status == "needs_step_up"
    assert (status(play.state).kept[0].form, SECRET in status(play.state).model_dump_json()) == (SEEN, False)
    play.decide("cai", assurance="high", confirm=True)
    assert result(play.state, EVIDENCE).form == FILLED


def test_a_form_says_what_is_only_written() -> None:
    """A page must not show what is typed; every channel is told so."""
    play = asked()
    deliver = next(e for e in play.effects if isinstance(e, Deliver))
    sent = message(play.state, deliver)
    assert sent is not None
    for form in (status(play.state).form, sent.form):
        assert form == {"pin": {"type": "string", "writeOnly": True}, "room": {"type": "string"}}


@pytest.mark.parametrize("path", ["inputs.pin", "inputs", "inputs.pin + inputs.room"])
def test_material_made_of_a_sensitive_input_is_hidden(path: str) -> None:
    """By its own name, in an expression, and in what holds it."""
    found = status(of_a_run(material=[path, "inputs.room"]).state)
    assert (found.material, SECRET in found.model_dump_json()) == ({path: "***", "inputs.room": "B 12"}, False)


def test_an_edit_of_a_sensitive_input_is_hidden_before_and_after() -> None:
    """Where it is offered, with the answer, and among the changes; the flow gets it."""
    play = of_a_run(edit=["inputs.pin", "inputs.room"])
    assert status(play.state).edit == {"inputs.pin": "***", "inputs.room": "B 12"}
    play.decide("cai", edit={"inputs.pin": "swordfish", "inputs.room": "C 1"})
    found = status(play.state)
    for changes in (found.decisions[0].edited, found.amendments[0].changes):
        assert {path: (c.before, c.after) for path, c in changes.items()} == {
            "inputs.pin": ("***", "***"),
            "inputs.room": ("B 12", "C 1"),
        }
    assert result(play.state, EVIDENCE).amended == {"inputs.pin": "swordfish", "inputs.room": "C 1"}


def test_nobody_is_told_the_values_of_a_sensitive_input_that_has_changed() -> None:
    """That it has changed is told."""
    play = of_a_run()
    assert play.do("amend", "ann", set={"inputs.pin": "9876-new"}).status == "counted"
    told = " ".join(d.text for d in play.state.deliveries)
    assert ("inputs.pin" in told, SECRET in told, "9876" in told) == (True, False, False)


@pytest.mark.parametrize(
    "keys",
    [
        {"show": {"rate": "{{inputs.room == 'B 12' || inputs.pin == 'x' ? 1 : 10 / 0}}"}},
        {"stage": {"when": "inputs.room == 'B 12' || inputs.pin"}},
        {"beneficiary": "{{inputs.room == 'B 12' ? '' : 'group:' + inputs.pin}}"},
        {
            "attachments": [
                {"name": "a", "url": "{{inputs.room == 'B 12' ? 'https://a.b/c' : 'javascript:' + inputs.pin}}"}
            ]
        },
        {"stage": {"who": "{{inputs.room == 'B 12' ? 'group:secops' : inputs.pin}}"}},
    ],
)
def test_what_keeps_a_question_from_being_put_tells_no_sensitive_value(keys: dict[str, Any]) -> None:
    """Neither what an expression read nor what it gave: the receipt, the status and the trail have the place alone."""
    play = of_a_run(**keys)
    receipt = play.do("amend", "ann", set={"inputs.room": "C"})
    assert (receipt.status, SECRET in receipt.reason) == ("invalid", False)
    assert "sensitive" in receipt.reason
    assert SECRET not in status(play.state).model_dump_json()
    assert SECRET not in "".join(e.model_dump_json() for e in play.effects)
