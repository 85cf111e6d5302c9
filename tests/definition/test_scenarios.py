"""A scenario is read with its lines; what is wrong with it is told before it is played."""

from pathlib import Path

import pytest

from hitl_temporal.definition.scenarios import is_step, load_scenario, scenario_files
from hitl_temporal.domain.flow.definition import Flow

BOOK = {"id": "book", "call": "job.b", "undo": {"call": "job.u"}}
SUB = Flow.model_validate({"flow": "sub", "steps": [{"id": "x", "call": "job.x"}, {"id": "again", "flow": "sub"}]})
FLOW = Flow.model_validate(
    {
        "flow": "main",
        "steps": [
            {
                "id": "post",
                "each": "[1]",
                "do": [BOOK, {"id": "in", "flow": "sub"}],
            },
            {"id": "s", "flow": "sub", "undo": {"flow": "sub"}},
            {"id": "t", "call": "job.t", "undo": {"flow": "sub"}},
            {"id": "b", "do": [{"id": "turned", "call": "job.t"}], "repeat": {"until": "true"}},
        ],
    }
)
FLOWS = {"main": FLOW, "sub": SUB}
TEXT = """\
scenario: a story
given:
  jobs:
    post[0].book: {fail: full}
when:
  - pass: 2h
  - expect: {steps: {book: failed}}
then: {status: parked}
"""


def load(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "one.yaml"
    file.write_text(text, encoding="utf-8")
    written, problems = load_scenario(file, FLOW, FLOWS)
    assert (written is None) == bool(problems)
    return [str(p).removeprefix(f"{file}:") for p in problems]


def test_a_scenario_knows_its_lines(tmp_path) -> None:
    """Of a place that is not there, the line of what is around it."""
    file = tmp_path / "one.yaml"
    file.write_text(TEXT, encoding="utf-8")
    written, problems = load_scenario(file)
    assert problems == ()
    assert written is not None
    assert written.scenario.given.jobs["post[0].book"][0].fail == "full"
    assert [written.line(at) for at in (("when", 1, "expect", "steps", "book"), ("then", "order"), ())] == [7, 8, 1]
    assert str(written.problem(("then",), "no")) == f"{file}:8: no"


def test_a_sound_scenario_has_no_problem(tmp_path) -> None:
    """With its flow beside it, too."""
    assert load(tmp_path, TEXT) == []


WRONG = {
    "": "1: the document is empty; write at least `scenario` and `then`",
    "scenario: [": "1: this is not YAML",
    "given: {}": "1: `scenario` is missing in a scenario; add it",
    "scenario: x\nwhen:\n  - dcide: {step: s}": "3: unknown key 'dcide' in an entry of `when`; did you mean 'decide'?",
    "scenario: x\nwhen:\n  - decide: {step: s, actr: bob}": "3: `decide` takes no 'actr'; known keys: actor, ",
    "scenario: x\nwhen:\n  - operate: {action: skp}": "3: there is no action 'skp'; write one of hold, ",
    "scenario: x\nwhen:\n  - pass: 3 hours": "3: '3 hours' is not a duration",
    "scenario: x\ngiven: {at: 2026-03-02T09:00:00}": "2: `at`: Input should have timezone info",
    "scenario: x\ngiven: {jobs: {s: {fial: no}}}": "2: unknown key 'fial' in the answer of a job; did you mean 'fail'?",
    "scenario: x\nthen: {steps: {bok: failed}}": "2: flow 'main' has no step 'bok'; did you mean 'book'?",
    "scenario: x\nthen: {steps: {s: done}}": "2: `s` can't be 'done'; write 'waiting', ",
    "scenario: x\nthen: {order: [s, zz]}": "2: flow 'main' has no step 'zz'; steps: post, book, in, s, t, b, turned",
    "scenario: x\ngiven: {jobs: {zz: {}}}": "2: flow 'main' has no step 'zz'",
    "scenario: x\nwhen: [{withdraw: {step: zz, actor: ann}}]": "2: flow 'main' has no step 'zz'",
    "scenario: x\nwhen: [{operate: {action: skip, step: zz}}]": "2: flow 'main' has no step 'zz'",
    "scenario: x\nwhen: [{expect: {waiting: {zz: time}}}]": "2: flow 'main' has no step 'zz'",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_told_by_line(tmp_path, text) -> None:
    """What, and how to mend it."""
    (said,) = load(tmp_path, text)
    assert said.startswith(WRONG[text])


@pytest.mark.parametrize(
    "address",
    [
        "book",
        "post[0].book",
        "s",
        "s.x",
        "s.again.x",
        "s.undo.x",
        "s.undo",
        "t.undo",
        "x",
        "b#1.turned",
        "turned",
        "post[3].in.x",
        "post[0].book.undo",
        "t.undo.again",
    ],
)
def test_an_address_of_a_step_is_known(address) -> None:
    """Of items, turns, runs within, and of what undoes."""
    assert is_step(address, FLOW, FLOWS)


@pytest.mark.parametrize(
    "address", ["boook", "post.book", "post[x].book", "s.y", "t.x.y", "s[0].x", "book[0].x", "zz.undo", "b.turned.x"]
)
def test_another_address_is_not(address) -> None:
    """It would compare nothing."""
    assert not is_step(address, FLOW, FLOWS)


def test_files_of_scenarios_lie_in_their_folders(tmp_path) -> None:
    """A file is itself; a folder all that lie below it in folders of that name."""
    names = ["a/scenarios/two.yaml", "a/scenarios/one.yaml", "a/flow.yaml", "b/scenarios/deep/no.yaml"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    expected = tuple(tmp_path / "a/scenarios" / f"{n}.yaml" for n in ("one", "two"))
    assert scenario_files(tmp_path) == expected
    assert scenario_files(tmp_path / "a/scenarios") == expected
    assert scenario_files(tmp_path / "a/flow.yaml") == (tmp_path / "a/flow.yaml",)
