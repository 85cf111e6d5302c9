"""Jobs answer what a scenario says, attempt by attempt."""

import pytest

from hitl_temporal.domain.simulation.answers import Answers, of_attempt
from hitl_temporal.domain.simulation.scenario import Answer
from tests.domain.simulation.stage import call, different, flow, holds, played

GIVES = flow(call("a"), outputs={"x": "{{steps.a.outputs.x}}"})


def test_a_job_of_which_nothing_is_said_succeeds() -> None:
    """With nothing in its outputs."""
    holds(flow(call("a")), then={"status": "completed", "outputs": {"a": {}}})


def test_a_job_gives_what_it_is_told_to() -> None:
    """Outputs of a step are looked at by the names that are expected."""
    holds(GIVES, jobs={"a": {"outputs": {"x": 1, "y": 2}}}, then={"outputs": {"x": 1.0, "a": {"y": 2}}})


def test_a_job_that_always_fails_parks_its_step() -> None:
    """After all its attempts, which take no time."""
    then = {"status": "parked", "steps": {"a": "parked"}}
    holds(flow(call("a")), jobs={"a": {"fail": "out of order"}}, then=then)


def test_a_job_that_fails_now_and_then_is_tried_again() -> None:
    """As often as its step allows."""
    answer = {"fail": "busy", "times": 4, "outputs": {"x": 1}}
    holds(GIVES, jobs={"a": answer}, then={"status": "completed", "outputs": {"x": 1}})
    holds(GIVES, jobs={"a": {**answer, "times": 5}}, then={"status": "parked"})


def test_what_can_not_be_helped_is_not_tried_again() -> None:
    """A permanent failure uses up all attempts at once; the next start has the next answer."""
    answers = [{"fail": "no such table", "permanent": True}, {"outputs": {"x": 2}}]
    rerun = {"operate": {"action": "rerun", "step": "a", "actor": "gus", "receipt": "done"}}
    holds(GIVES, rerun, jobs={"a": answers}, then={"outputs": {"x": 2}})


def test_a_list_has_one_answer_for_each_attempt() -> None:
    """One that says how often it fails takes as many of them, and the last stands for all that follow."""
    answers = [Answer(fail="a", times=2), Answer(fail="b"), Answer(outputs={"x": 1})]
    said = [of_attempt(answers, n).fail for n in range(5)]
    assert said == ["a", "a", "b", None, None]


def test_a_job_runs_as_long_as_it_takes() -> None:
    """Then the pauses between attempts count, too."""
    answers = [{"fail": "busy", "takes": "10m"}, {"takes": "10m"}]
    holds(
        flow(call("a", retry={"backoff": "5m..5m"}, timeout="1h")),
        {"expect": {"status": "running", "steps": {"a": "running"}}},
        {"pass": "24m"},
        {"expect": {"status": "running"}},
        {"pass": "1m"},
        jobs={"a": answers},
        then={"status": "completed"},
    )


def test_an_attempt_lasts_no_longer_than_its_timeout() -> None:
    """Then it has failed; the budget bounds them all."""
    slow = flow(call("a", timeout="90s", retry={"max": 2}))
    outcome = played(slow, {"pass": "10m"}, jobs={"a": {"takes": "1h"}}, then={"status": "completed"})
    assert "timed out after 90s" in different(outcome)["then.status"]
    bounded = flow(call("a", timeout="5m", retry={"max": 9, "budget": "6m", "backoff": "1s..1s"}))
    when = [{"pass": "359s"}, {"expect": {"status": "running"}}, {"pass": "1s"}]
    holds(bounded, *when, jobs={"a": {"takes": "1h"}}, then={"status": "parked"})


def test_a_job_that_is_stopped_ends_at_once() -> None:
    """Whatever it would have given."""
    cancel = {"operate": {"action": "cancel_step", "step": "a", "actor": "gus"}}
    later = {"pass": "2h"}
    holds(flow(call("a")), cancel, later, jobs={"a": {"takes": "1h"}}, then={"steps": {"a": "cancelled"}})


def test_a_job_that_is_stopped_between_two_attempts_is_not_tried_again() -> None:
    """The attempt that was due comes too late."""
    cancel = {"operate": {"action": "cancel_step", "step": "a", "actor": "gus"}}
    slow = flow(call("a", retry={"backoff": "1h..1h"}))
    jobs = {"a": {"fail": "busy", "takes": "1m"}}
    holds(slow, {"pass": "2m"}, cancel, {"pass": "1d"}, jobs=jobs, then={"steps": {"a": "cancelled"}})


def test_a_command_ends_with_its_exit_code() -> None:
    """Another than 0 fails it, unless somebody asks for that one."""
    steps = [{"id": "a", "run": {"command": "true"}}, call("b", needs=[{"a": "3"}])]
    holds(flow(*steps), jobs={"a": {"outcome": 3}}, then={"steps": {"a": "failed", "b": "succeeded"}})
    holds(flow(steps[0]), jobs={"a": {"outcome": 1}}, then={"status": "parked"})
    holds(flow(steps[0]), jobs={"a": {"fail": "lost"}}, then={"status": "parked"})
    holds(flow(steps[0]), then={"outcomes": {"a": "0"}})


def test_an_undo_answers_for_itself() -> None:
    """Under the address of its step and `.undo`."""
    steps = [call("a", undo={"call": "job.back"}), call("b", on_failure="fail")]
    jobs = {"b": {"fail": "no"}}
    holds(flow(*steps), jobs=jobs, then={"status": "failed", "undone": ["a"]})
    holds(flow(*steps), jobs={**jobs, "a.undo": {"fail": "gone"}}, then={"status": "parked", "undone": []})


ITEMS = flow({"id": "post", "each": "[10, 20]", "do": [call("book")], "tolerate": 2})


def test_an_item_goes_before_all_items() -> None:
    """The bare id of a step within stands for every item that has no answer of its own."""
    jobs = {"book": {"outputs": {"x": 1}}, "post[1].book": {"outputs": {"x": 2}}}
    holds(ITEMS, jobs=jobs, then={"outputs": {"post[0].book": {"x": 1}, "post[1].book": {"x": 2}}})


def test_each_item_counts_its_own_attempts() -> None:
    """A list for all items is one for each of them."""
    answers = [{"fail": "busy"}, {"outputs": {"x": 1}}]
    holds(ITEMS, jobs={"book": answers}, then={"outputs": {"book": {"x": 1}}})


def test_a_turn_goes_before_all_turns() -> None:
    """`block#1.step` is the second one."""
    again = {"id": "again", "do": [call("look")], "repeat": {"until": "steps.look.outputs.done", "max": 5}}
    jobs = {"look": {"outputs": {"done": False}}, "again#2.look": {"outputs": {"done": True}}}
    then = {"status": "completed", "order": ["look", "look", "look"], "outputs": {"again#0.look": {"done": False}}}
    holds(flow(again), jobs=jobs, then={**then, "outputs": {"look": {"done": True}}})


def test_the_best_answer_is_found_whatever_stands_first() -> None:
    """An address goes before a bare id, a turn before none."""
    keys = ["b#1.post[0].x", "post[0].x", "b#1.x", "x"]
    for order in (keys, keys[::-1]):
        answers = Answers({key: (Answer(),) for key in order})
        assert answers.key_for("post[0].x", {"b": 1}) == "b#1.post[0].x"
        assert answers.key_for("post[0].x", {"b": 0}) == "post[0].x"
        assert answers.key_for("post[1].x", {"b": 1}) == "b#1.x"
        assert answers.key_for("post[1].x", {}) == "x"
        assert answers.key_for("y", {}) is None


def test_a_watch_that_nobody_ends_goes_on() -> None:
    """A file comes when the scenario says so."""
    wait = flow({"id": "file", "wait": {"file": "in/*.csv"}})
    holds(wait, {"pass": "30d"}, then={"status": "waiting", "waiting": {"file": "event"}})
    holds(wait, {"pass": "2h"}, jobs={"file": {"takes": "1h"}}, then={"status": "completed"})
    skip = {"operate": {"action": "skip", "step": "file", "actor": "gus"}}
    holds(wait, skip, then={"status": "completed", "steps": {"file": "skipped"}})


def test_times_without_a_failure_is_refused() -> None:
    """It says how often a job fails."""
    with pytest.raises(ValueError, match="`times` says how often"):
        Answer(times=2)
