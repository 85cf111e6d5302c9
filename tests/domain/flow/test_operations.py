"""The meaning of a flow, the table of operator actions: who may, when, and what it does."""

from typing import Any

import pytest

from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.flow import events
from hitl_temporal.domain.flow.commands import ACTIONS, Operate
from hitl_temporal.domain.flow.operations import MAX_RECEIPTS
from hitl_temporal.domain.flow.policy import selectors
from tests.domain.flow.world import World, ask, call, undo, wait


def busy() -> World:
    """Return a run with one step in each state that is not final: waiting, running, asked, parked."""
    world = World(call("run", needs=[]), ask("asked", needs=[]), call("bad", needs=[]), wait("clock", needs=[]),
                  call("later", needs=["run"]))  # fmt: skip
    return world.fails("bad")


# --- Who may --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", sorted(ACTIONS.keys() - {"event"}))
@pytest.mark.parametrize("actor", ["bob", "fay", "nobody", "system:client", "system:else"])
def test_who_is_no_operator_may_do_nothing(action: str, actor: str) -> None:
    """A person without the role, an inactive or unknown one and a machine are `not_eligible`; Temporal may cancel."""
    if (action, actor) == ("cancel", "system:client"):
        return
    world = busy()
    before = world.run
    assert world.operate(action, "later", actor=actor, **{"with": {"x": 1, "for": "1d"}}).status == "not_eligible"
    assert world.run == before


@pytest.mark.parametrize("actor", ["ann", "bea", "gus", "system:client"])
def test_the_requester_may_cancel_too(actor: str) -> None:
    """`cancel` is open to operators, the requester, who it is for, and Temporal's own cancellation."""
    world = World(call("a"))
    assert world.operate("cancel", actor=actor).status == "done"
    assert world.stops("a").run.status == "cancelled"


@pytest.mark.parametrize("action", ["skip", "finish"])
def test_passing_an_ask_is_an_override(action: str) -> None:
    """Passing a question needs an admin; an operator is told so."""
    assert "override" in busy().operate(action, "asked", actor="gus").reason
    assert busy().operate(action, "asked", actor="eli").status == "done"
    assert busy().operate(action, "run", actor="gus").status == "done"


@pytest.mark.parametrize("asked", [{}, {"title": "{{ steps.a.outputs.gone }}"}])
def test_nobody_passes_their_own_request(asked: dict[str, Any]) -> None:
    """The requester may not pass the ask, admin or not, put or parked."""
    receipt = World(ask("a", asked=asked)).operate("skip", "a", actor="ann")
    assert (receipt.status, "own request" in receipt.reason) == ("not_eligible", True)


def test_beneficiary_and_author_are_barred_like_the_requester() -> None:
    """Self-approval bars stand for passing as for deciding."""
    world = World(ask("a", asked={"beneficiary": "{{ inputs.who }}"}), inputs={"who": "eli"})
    assert world.operate("finish", "a", actor="eli").status == "not_eligible"


def test_allow_requester_lifts_the_bar() -> None:
    """Where the requester may decide, they may pass."""
    assert World(ask("a", asked={"allow_requester": True})).operate("skip", "a", actor="ann").status == "done"


@pytest.mark.parametrize(("excluded", "actor"), [("user:eli", "eli"), ("group:gate", "hal")])
def test_not_excludes_from_passing(excluded: str, actor: str) -> None:
    """Whom a stage's `not` excludes may not pass the ask; the roster is read for these selectors."""
    world = World(ask("a", asked={"not": [excluded]}))
    assert selectors(world.run, "skip", Operate(actor=actor, step="a")) == (excluded,)
    assert "excludes" in world.operate("skip", "a", actor=actor).reason


def test_other_actions_need_no_selectors() -> None:
    """Only passing an ask is judged on more than the actor's card."""
    world = World(ask("a", asked={"not": ["user:eli"]}), call("b", needs=[]))
    assert selectors(world.run, "skip", Operate(actor="eli", step="b")) == ()
    assert selectors(world.run, "hold", Operate(actor="eli", step="a")) == ()
    assert selectors(World(ask("a", asked={"title": "{{ 1/0 }}"})).run, "skip", Operate(actor="eli", step="a")) == ()


# --- When -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        ("hold", {"later", "asked", "clock"}),
        ("release", {"later", "asked", "clock"}),
        ("skip", {"later", "asked", "clock", "run", "bad"}),
        ("finish", {"later", "asked", "clock", "run", "bad"}),
        ("cancel_step", {"later", "asked", "clock", "run", "bad"}),
        ("rerun", {"bad"}),
    ],
)
def test_actions_are_allowed_in_the_states_of_the_table(action: str, allowed: set[str]) -> None:
    """An action on a step in another state is `closed` with that state as the reason."""
    for step, state in busy().states.items():
        receipt = busy().operate(action, step)
        assert receipt.status == ("done" if step in allowed else "closed")
        assert receipt.reason == ("" if step in allowed else f"step {step!r} is {state}")


def test_a_final_step_may_only_be_rerun() -> None:
    """Everything else on a succeeded step of an open run is `closed`."""
    for action in ("hold", "release", "skip", "finish", "cancel_step"):
        receipt = World(call("a"), call("b")).succeeds("a").operate(action, "a")
        assert (receipt.status, receipt.reason) == ("closed", "step 'a' is succeeded")
    assert World(call("a"), call("b")).succeeds("a").operate("rerun", "a").status == "done"


@pytest.mark.parametrize("action", ["hold", "release", "skip", "finish", "rerun", "cancel_step", "cancel"])
def test_an_ending_run_takes_no_more_actions(action: str) -> None:
    """While a run ends, the reason of its ending answers."""
    world = World(ask("a", needs=[]), call("b", needs=[])).answers("a", "rejected")
    assert world.operate(action, "b").reason == "the run is ending: step 'a': rejected"


@pytest.mark.parametrize(
    ("action", "fields", "says"),
    [
        ("skip", {}, "skip needs a step; steps: a, b"),
        ("skip", {"step": "x"}, "no step 'x'; steps: a, b"),
        ("finish", {"step": "b", "as": "maybe"}, "as: 'maybe' is not one of approved, rejected"),
        ("finish", {"step": "b", "as": "expired"}, "as: 'expired' is not one of approved, rejected"),
        ("finish", {"step": "a", "outputs": {"x": float("nan")}}, "outputs: not JSON"),
        ("set_value", {"with": {"y": 1}}, "with: no variable 'y'; variables: x"),
        ("set_value", {"with": {}}, "with: "),
        ("set_value", {}, "with: missing"),
        ("set_value", {"with": {"x": float("inf")}}, "with: not JSON"),
        ("rerun", {"step": "a", "as": "sideways"}, "as: "),
        ("hold", {"actor": ""}, "actor: "),
    ],
)
def test_what_makes_no_sense_is_invalid(action: str, fields: dict[str, Any], says: str) -> None:
    """A wrong command is answered with the field that is wrong, and changes nothing."""
    world = World(call("a"), ask("b", needs=[]), vars={"x": 0})
    before = world.run
    receipt = world.operate(action, **fields)
    assert receipt.status == "invalid"
    assert receipt.reason.startswith(says)
    assert world.run == before


# --- What it does ---------------------------------------------------------------------------------------------------


def test_hold_lets_nothing_new_start_and_what_runs_goes_on() -> None:
    """A held run starts nothing until it is released."""
    world = World(call("a"), call("b"))
    world.operate("hold")
    assert world.succeeds("a").started == ["a"]
    world.operate("release")
    assert world.started == ["a", "b"]


def test_a_held_step_waits_alone() -> None:
    """Holding one step does not hold the others."""
    world = World(call("a"), call("b"), call("c", needs=["a"]))
    world.operate("hold", "b")
    assert world.succeeds("a").started == ["a", "c"]
    world.operate("release", "b")
    assert world.started == ["a", "c", "b"]


def test_skip_lets_the_followers_run() -> None:
    """A step that an operator skipped counts as succeeded."""
    world = World(call("a"), call("b")).fails("a")
    assert world.operate("skip", "a", actor="gus").changes == ("a: skipped",)
    assert world.states == {"a": "skipped", "b": "running"}


def test_a_running_step_is_cancelled_first() -> None:
    """Its followers start only when the job has stopped; the stop is ordered once, and the last word counts."""
    world = World(call("a"), call("b"))
    assert world.operate("skip", "a").changes == ("a: skipped once it has stopped",)
    assert (world.stopping, world.states["a"], world.started) == (["a"], "running", ["a"])
    world.operate("finish", "a", outputs={"id": 3})
    assert world.stopping == ["a"]
    assert (world.stops("a").step("a").outputs, world.started) == ({"id": 3}, ["a", "b"])


def test_a_job_that_fails_while_it_is_stopped_is_skipped_all_the_same() -> None:
    """The operator's word stands over a failure."""
    world = World(call("a"), call("b"))
    world.operate("skip", "a")
    assert world.fails("a", "killed").states == {"a": "skipped", "b": "running"}
    assert world.step("a").error == "skipped by eli; killed"


@pytest.mark.parametrize("action", ["skip", "finish", "cancel_step"])
def test_what_has_in_fact_succeeded_stays_succeeded(action: str) -> None:
    """A call that was quicker than its stop has succeeded, with its own outputs, and is undone at an early end."""
    world = World(call("a", undo=undo("a")), ask("b"))
    world.operate(action, "a")
    world.succeeds("a", id=1)
    assert (world.states["a"], world.step("a").outputs) == ("succeeded", {"id": 1})
    assert world.answers("b", "rejected").undos == ["a"]


def test_a_passed_ask_is_withdrawn() -> None:
    """The question is taken back, and the step becomes what the operator wanted."""
    world = World(ask("a"), call("b"))
    world.operate("skip", "a")
    assert world.stopping == ["a"]
    assert world.answers("a", "withdrawn", by=()).states == {"a": "skipped", "b": "running"}


def test_an_answer_that_came_first_counts() -> None:
    """A rejection that was counted before the withdrawal got through is not passed over."""
    world = World(ask("a"), call("b"))
    world.operate("skip", "a")
    assert world.answers("a", "rejected").run.status == "rejected"


def test_a_question_is_not_put_again_while_it_is_being_taken_back() -> None:
    """If the id turns out to be somebody else's, the step ends as the operator wanted."""
    world = World(ask("a"), call("b"))
    world.operate("skip", "a")
    assert world.taken("a").states == {"a": "skipped", "b": "running"}


def test_finish_gives_outputs_and_outcome() -> None:
    """A finished step is `succeeded` without having been done."""
    world = World(call("a"), call("b")).fails("a")
    assert world.operate("finish", "a", outputs={"id": 7}, **{"as": "by_hand"}).changes == ("a: succeeded (by_hand)",)
    assert (world.step("a").outputs, world.step("a").outcome, world.states["b"]) == ({"id": 7}, "by_hand", "running")


def test_a_finished_ask_names_who_stood_for_it() -> None:
    """An ask is finished as approved unless told otherwise, by the admin."""
    world = World(ask("a"), call("b"))
    world.operate("finish", "a")
    step = world.answers("a", "withdrawn").step("a")
    assert (step.outcome, step.by, world.states["b"]) == ("approved", ("eli",), "running")


def test_an_ask_finished_as_rejected_ends_the_run() -> None:
    """A negative outcome that no step names ends the run, whoever gave it."""
    world = World(call("a"), ask("b"), call("c"))
    world.operate("finish", "b", **{"as": "rejected"})
    assert world.run.ending is not None
    assert world.stops("a").run.status == "rejected"


def test_a_finished_step_is_undone_at_an_early_end() -> None:
    """An operator who finishes a step says that its work is done: it is reversed like any other."""
    world = World(call("a", undo=undo("a")), ask("b")).fails("a")
    world.operate("finish", "a")
    assert world.answers("b", "rejected").undos == ["a"]


def test_an_ending_run_stops_nothing_twice() -> None:
    """What an operator is stopping already is not told again, and becomes what the operator wanted."""
    world = World(call("a", needs=[]), ask("b", needs=[]))
    world.operate("skip", "a")
    world.answers("b", "rejected").stops("a")
    assert (world.stopping, world.states["a"], world.run.status) == (["a"], "skipped", "rejected")


def test_the_first_ending_stands_over_a_finished_rejection() -> None:
    """A negative outcome that an operator has given comes too late for a run that ends already."""
    world = World(ask("a", needs=[]), ask("b", needs=[]))
    world.operate("finish", "a", **{"as": "rejected"})
    world.answers("b", "expired").answers("a", "withdrawn")
    assert (world.run.status, world.step("a").outcome) == ("expired", "rejected")


def test_rerun_starts_a_parked_step_again() -> None:
    """A rerun has the next number; news of the start before it change nothing."""
    world = World(call("a"), call("b")).fails("a")
    assert world.operate("rerun", "a").changes == ("a: again",)
    assert (world.step("a").n, world.states["a"], world.step("a").error) == (2, "running", "")
    assert world.succeeds("a", n=1).states["a"] == "running"
    assert world.succeeds("a", n=2).states == {"a": "succeeded", "b": "running"}


def test_rerun_asks_for_no_needs() -> None:
    """A step that was skipped since its needs can't be met may still be done."""
    world = World(call("a"), call("b"), call("c", needs=[])).stops("a")
    assert world.states["b"] == "skipped"
    world.operate("rerun", "b")
    assert (world.states["b"], world.step("b").n) == ("running", 1)


def test_rerun_waits_while_the_run_is_held() -> None:
    """Nothing new starts in a held run, a rerun neither."""
    world = World(call("a"), call("b")).fails("a")
    world.operate("hold")
    world.operate("rerun", "a")
    assert (world.states["a"], world.started) == ("waiting", ["a"])
    world.operate("release")
    assert world.started == ["a", "a"]


def test_rerun_forgets_what_the_step_gave() -> None:
    """Until it has succeeded again the step has neither outputs nor outcome nor deciders."""
    world = World(ask("a"), call("b")).answers("a", note="ok")
    world.operate("rerun", "a")
    step = world.step("a")
    assert (step.state, step.outputs, step.outcome, step.by) == ("waiting", {}, None, ())


def test_a_condition_is_asked_again_at_a_rerun() -> None:
    """`if` sees variables as they are at the rerun."""
    world = World(call("a", **{"if": "vars.go"}), call("b"), vars={"go": False})
    world.operate("set_value", **{"with": {"go": True}})
    world.operate("rerun", "a")
    assert world.states == {"a": "running", "b": "running"}


def test_cancel_step_skips_followers_that_do_not_name_it() -> None:
    """`cancelled` meets only `cancelled` and `done`."""
    followers = [call("b", needs=["a"]), call("c", needs=[{"a": "cancelled"}]), call("d", needs=[{"a": "done"}])]
    world = World(ask("a"), *followers)
    world.operate("cancel_step", "a", actor="gus")
    world.answers("a", "withdrawn")
    assert world.states == {"a": "cancelled", "b": "skipped", "c": "running", "d": "running"}


def test_cancel_step_of_a_step_not_begun() -> None:
    """A step that waits for others is `cancelled` at once."""
    world = World(call("a"), call("b"), call("c"))
    world.operate("cancel_step", "b")
    assert world.states == {"a": "running", "b": "cancelled", "c": "skipped"}


def test_set_value_is_seen_by_steps_that_start_later() -> None:
    """A variable has its new value from the next start on."""
    world = World(call("a"), call("b", **{"with": {"x": "{{ vars.x }}"}}), vars={"x": 1})
    assert world.operate("set_value", **{"with": {"x": 2}}).changes == ("vars.x: set",)
    world.succeeds("a")
    assert world.last[-1].arguments == {"x": 2}


# --- Receipts -------------------------------------------------------------------------------------------------------


def test_the_same_key_is_answered_the_same_and_done_once() -> None:
    """A command sent again gives its first receipt, also after the end, and does nothing."""
    world = World(call("a"), call("b")).fails("a")
    first = world.operate("rerun", "a", key="k")
    assert world.fails("a").operate("rerun", "a", key="k") == first
    assert world.step("a").n == 2
    world.operate("cancel")
    assert world.operate("rerun", "a", key="k") == first


def test_a_key_is_for_one_action() -> None:
    """Used for another one it is refused, so that nothing is answered `done` that was not."""
    world = World(call("a"))
    world.operate("hold", key="k")
    receipt = world.operate("release", key="k")
    assert (receipt.status, receipt.key, world.run.held) == ("invalid", "k", True)
    assert receipt.reason == "key: you have already sent a 'hold' with it: send another key with this"


def test_a_key_belongs_to_its_actor() -> None:
    """Two people may use the same key."""
    world = World(call("a"), vars={"x": 1})
    world.operate("hold", key="k", actor="eli")
    world.operate("release", key="k", actor="gus")
    assert not world.run.held


def test_a_key_is_spent_only_by_what_was_done() -> None:
    """A refused command is judged afresh when it is sent again."""
    world = World(call("a"))
    assert world.operate("rerun", "a", key="k").status == "closed"
    assert world.fails("a").operate("rerun", "a", key="k").status == "done"


def test_a_dry_run_tells_what_would_change_and_changes_nothing() -> None:
    """The receipt is that of the real thing; neither state, nor facts, nor the key are touched."""
    world = World(call("a"), call("b")).fails("a")
    before = world.run
    receipt = world.operate("skip", "a", key="k", dry_run=True)
    assert (receipt.status, receipt.changes, len(world.last), world.run) == ("done", ("a: skipped",), 1, before)
    assert world.operate("skip", "a", key="k") == receipt


def test_receipts_are_bounded_and_facts_stay_unique() -> None:
    """Only the last receipts are kept; a key used again after that is a fact of its own."""
    world = World(call("a"))
    for index in range(MAX_RECEIPTS + 5):
        world.operate("hold", key=f"k{index}")
    assert len(world.run.receipts) == MAX_RECEIPTS
    world.operate("hold", key="k0")
    keys = [f.key for f in world.facts]
    assert len(keys) == len(set(keys))


def test_an_action_is_a_fact() -> None:
    """Who did what to which step, why, and what it changed."""
    world = World(call("a"), call("b"))
    world.operate("hold", "b", reason="freeze")
    fact = next(e for e in world.last if isinstance(e, Record))
    assert fact.attributes == {
        "hitl.action": "hold",
        "hitl.actor": "eli",
        "hitl.step": "b",
        "hitl.reason": "freeze",
        "hitl.changes": ["b: held"],
    }


def test_beginning_twice_is_beginning_once() -> None:
    """A second `Begun` changes nothing."""
    world = World(call("a"))
    assert world.feed(events.Begun(at=world.now)) == ()
