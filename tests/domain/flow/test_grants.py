"""The meaning of a flow, *grant*: what a step gives is given for a time and taken back, however the time ends."""

from datetime import date, timedelta
from typing import Any

import pytest

from hitl_temporal.domain.calendar import DEFAULT
from hitl_temporal.domain.flow.effects import StartCall
from hitl_temporal.domain.flow.views import why
from tests.domain.flow.world import START, Document, World, ask, call, granted, undo

IN_TWO_DAYS = START + timedelta(days=2)


def given(*more: Document, **flow: Any) -> World:
    """Return a run whose step `a` has granted something for two days; `b` follows, unless told otherwise."""
    return World(granted("a"), *(more or (call("b"),)), **flow).succeeds("a", id=1)


def facts(world: World, *names: str) -> list[dict[str, Any]]:
    """Return what the facts of these names say, in order."""
    return [{k.removeprefix("hitl."): v for k, v in f.attributes.items()} for f in world.facts if f.name in names]


def undo_calls(world: World) -> list[tuple[str, Document]]:
    """Return key and arguments of every compensation, in order."""
    return [(e.key, e.arguments) for e in world.effects if isinstance(e, StartCall) and e.undo]


# --- Its life -------------------------------------------------------------------------------------------------------


def test_a_granted_step_runs_on_and_its_followers_wait() -> None:
    """After the success of its call the step is `running` until the grant has ended."""
    world = given()
    assert (world.states, world.run.state, world.undos) == ({"a": "running", "b": "waiting"}, "running", [])
    assert facts(world, "step.granted") == [{"step": "a", "until": IN_TWO_DAYS.isoformat()}]


def test_its_outputs_are_readable_from_the_success_on() -> None:
    """A step that does not wait for the end of the grant may use what it gave."""
    beside = call("c", needs=["b"], **{"with": {"id": "{{ steps.a.outputs.id }}"}})
    world = given(call("b", needs=[]), beside).succeeds("b")
    assert [e.arguments for e in world.last if isinstance(e, StartCall)] == [{"id": 1}]


def test_at_the_end_the_undo_runs_and_then_the_run_goes_on() -> None:
    """When the time is over the step is undone with its own outputs; only then does it succeed and `b` start."""
    world = given().passes(days=2)
    assert undo_calls(world) == [("r.a.1.undo", {"was": 1})]
    assert world.states == {"a": "running", "b": "waiting"}
    world.undone("a")
    assert (world.states, world.step("a").outputs) == ({"a": "succeeded", "b": "running"}, {"id": 1})
    assert world.succeeds("b").run.status == "completed"
    assert world.undos == ["a"]


def test_the_end_is_a_fact_that_spans_the_grant() -> None:
    """It says why the grant has ended, and since when it had run."""
    world = given().passes(days=2)
    assert facts(world, "step.grant_ended") == [{"step": "a", "reason": "time over", "until": IN_TWO_DAYS.isoformat()}]
    assert next(f.began for f in world.facts if f.name == "step.grant_ended") == START


def test_the_time_counts_from_the_success_of_the_call() -> None:
    """A slow call takes nothing from it."""
    world = World(granted("a", "2h")).passes(hours=5)
    assert world.succeeds("a", id=1).next_moment == START + timedelta(hours=7)


def test_a_run_wants_to_be_told_when_a_grant_ends() -> None:
    """The soonest end is the next moment; a grant that has ended has none."""
    world = World(granted("a"), granted("b", "1d", needs=[])).succeeds("a", id=1).succeeds("b", id=2)
    assert world.next_moment == START + timedelta(days=1)
    assert world.passes(days=1).next_moment == IN_TWO_DAYS
    assert world.passes(days=1).next_moment is None


def test_the_time_may_be_an_expression() -> None:
    """`for` is rendered at the start of the step."""
    world = World(granted("a", "{{ inputs.days }}d"), inputs={"days": 3}).succeeds("a", id=1)
    assert world.next_moment == START + timedelta(days=3)


def test_business_time_counts_in_the_calendar_of_the_flow() -> None:
    """Two working days after Monday 09:00 are over on Thursday where Tuesday is a holiday."""
    calendars = {"nl": DEFAULT.but(closed=(date(2026, 3, 3),))}
    world = World(granted("a", "2bd"), calendar="nl", calendars=calendars).succeeds("a", id=1)
    assert world.next_moment == START + timedelta(days=3)


@pytest.mark.parametrize(
    ("duration", "says"),
    [
        ("{{ inputs.gone }}d", "gone"),
        ("{{ inputs.days }}", "grant.for gave 3; a duration such as 2h is needed"),
        ("{{ inputs.days }} days", "'3 days' is not a duration"),
        ("0d", "'0d' is no time at all"),
        ("2000000bd", "longer than ten years"),
        ("{{ inputs.days }}000bh", "calendar"),
    ],
)
def test_nothing_is_granted_whose_end_can_not_be_told(duration: str, says: str) -> None:
    """A time that can't be rendered, is none, or lies beyond the calendar parks the step before its call."""
    calendars = {"nl": DEFAULT.but(until=date(2026, 3, 20))}
    step = granted("a", "1d")
    step["grant"]["for"] = duration
    if "{{" not in duration:
        step["grant"]["for"] = "{{ '" + duration + "' }}"
    world = World(step, inputs={"days": 3}, calendar="nl", calendars=calendars)
    assert (world.states, world.started, world.step("a").grant) == ({"a": "parked"}, [], None)
    assert says in world.step("a").error


def test_a_calendar_that_ends_while_the_call_runs_shortens_the_grant() -> None:
    """What was promised is kept as counted at the start of the call: it ends in any case."""
    calendars = {"nl": DEFAULT.but(until=date(2026, 3, 5))}
    world = World(granted("a", "2bd"), calendar="nl", calendars=calendars)
    world.passes(days=1)
    assert world.succeeds("a", id=1).next_moment == IN_TWO_DAYS


def test_news_of_the_call_come_once() -> None:
    """Told again, the success of the call begins no second grant, and a failure ends none."""
    world = given()
    before = world.run
    world.succeeds("a", id=2).fails("a").stops("a")
    assert world.run == before


def test_a_step_of_a_grant_that_fails_grants_nothing() -> None:
    """Without the success of the call there is nothing to take back."""
    world = World(granted("a"), call("b")).fails("a")
    world.passes(days=3)
    assert (world.states["a"], world.undos, world.next_moment) == ("parked", [], None)


# --- Revoking -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", ["ann", "bea", "gus", "eli"])
def test_revoke_ends_a_grant_now(actor: str) -> None:
    """Operators, the requester and whom they act for may give back early; the step succeeds and the run goes on."""
    world = given()
    receipt = world.operate("revoke", "a", actor=actor, reason="done already")
    assert (receipt.status, receipt.changes) == ("done", ("a: its grant ends now, with its undo",))
    assert world.undone("a").states == {"a": "succeeded", "b": "running"}
    assert world.undos == ["a"]
    assert facts(world, "step.grant_ended")[0]["reason"] == f"revoked by {actor}"


def test_a_machine_that_asked_for_a_run_may_give_back_too() -> None:
    """The requester of a run without a person is `system:client`; no other machine may revoke."""
    world = given()
    world.run = world.run.but(requester="system:client")
    assert world.operate("revoke", "a", actor="system:schedule").status == "not_eligible"
    assert world.operate("revoke", "a", actor="system:client").status == "done"


def test_revoke_is_closed_while_nothing_is_granted() -> None:
    """Before the success, while the undo runs, after it, and on a step without a grant the state is the reason."""
    world = World(granted("a"), call("b", needs=[]), call("c"))
    said = [world.operate("revoke", step) for step in "abc"]
    world.succeeds("a", id=1).passes(days=2)
    said.append(world.operate("revoke", "a"))
    said.append(world.undone("a").operate("revoke", "a"))
    assert {r.status for r in said} == {"closed"}
    assert [r.reason for r in said] == [
        "step 'a' is running, not as a grant",
        "step 'b' is running, not as a grant",
        "step 'c' is waiting",
        "step 'a' is running its undo: the grant has ended",
        "step 'a' is succeeded",
    ]
    assert world.undos == ["a"]


def test_a_revoke_at_the_very_end_comes_too_late() -> None:
    """Whatever happens at the moment of the end finds the grant ended, by time."""
    world = given()
    world.now = IN_TWO_DAYS
    assert world.operate("revoke", "a").status == "closed"
    assert facts(world, "step.grant_ended")[0]["reason"] == "time over"


def test_revoke_may_leave_out_the_step_where_only_one_is_meant() -> None:
    """The one grant that runs is meant, else the one there is; else the steps are named."""
    world = World(granted("a"), granted("b", needs=[])).succeeds("b", id=1)
    assert world.operate("revoke").changes == ("b: its grant ends now, with its undo",)
    assert world.operate("revoke", actor="gus").reason == "revoke needs a step; steps: a, b"
    assert World(granted("a"), call("b")).operate("revoke").reason == "step 'a' is running, not as a grant"
    assert World(call("a")).operate("revoke").status == "invalid"


def test_a_dry_run_revokes_nothing() -> None:
    """It says what would change."""
    world = given()
    receipt = world.operate("revoke", "a", dry_run=True)
    assert (receipt.status, world.states["a"], world.undos) == ("done", "running", [])
    assert world.step("a").granted is not None


# --- Other actions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "state", "follower"),
    [("skip", "skipped", "running"), ("finish", "succeeded", "running"), ("cancel_step", "cancelled", "skipped")],
)
def test_whatever_ends_a_granted_step_takes_back_first(action: str, state: str, follower: str) -> None:
    """`skip`, `finish` and `cancel_step` end the grant; the step becomes what they say once its undo has run."""
    world = given()
    receipt = world.operate(action, "a")
    assert receipt.changes == (f"a: {state} once its undo has run",)
    assert (world.states["a"], world.undos) == ("running", ["a"])
    assert world.undone("a").states == {"a": state, "b": follower}
    assert world.undos == ["a"]
    word = {"skip": "skipped", "finish": "finished", "cancel_step": "cancelled"}[action]
    assert facts(world, "step.grant_ended")[0]["reason"] == f"{word} by eli"


def test_a_finished_grant_has_the_outputs_that_were_given() -> None:
    """`finish` says what the followers see, after the undo of what was really given."""
    world = given()
    world.operate("finish", "a", outputs={"id": 9}, **{"as": "early"})
    assert undo_calls(world) == [("r.a.1.undo", {"was": 1})]
    step = world.undone("a").step("a")
    assert (step.outputs, step.outcome) == ({"id": 9}, "early")


def test_a_skipped_grant_has_no_outputs() -> None:
    """As every skipped step."""
    world = given()
    world.operate("skip", "a")
    assert world.undone("a").step("a").outputs == {}


def test_the_last_word_counts_while_the_undo_runs() -> None:
    """What is being taken back is not taken back twice, whatever is wanted of it."""
    world = given().passes(days=2)
    world.operate("skip", "a")
    world.operate("cancel_step", "a")
    assert world.undone("a").states["a"] == "cancelled"
    assert world.undos == ["a"]


@pytest.mark.parametrize("action", ["skip", "finish", "cancel_step"])
def test_a_call_that_was_quicker_than_its_stop_grants_for_no_time(action: str) -> None:
    """What nobody wants any more is taken back at once, and the operator's word becomes true."""
    world = World(granted("a"), call("b"))
    world.operate(action, "a")
    assert world.succeeds("a", id=1).undos == ["a"]
    state = {"skip": "skipped", "finish": "succeeded", "cancel_step": "cancelled"}[action]
    assert world.undone("a").states["a"] == state
    assert world.next_moment is None


def test_a_step_finished_before_it_granted_grants_nothing() -> None:
    """`finish` does neither the call nor the grant; an early end undoes it as any finished step."""
    world = World(granted("a"), ask("b")).fails("a")
    world.operate("finish", "a", outputs={"id": 4})
    assert (world.states["a"], world.step("a").granted, world.next_moment) == ("succeeded", None, None)
    assert undo_calls(world.answers("b", "rejected")) == [("r.a.1.undo", {"was": 4})]


def test_a_grant_may_not_be_rerun_while_it_runs_and_begins_anew_afterwards() -> None:
    """A second start is a second grant, with an undo of its own and facts of its own."""
    world = given()
    assert world.operate("rerun", "a").reason == "step 'a' is running"
    world.passes(days=2).undone("a")
    world.operate("rerun", "a")
    assert world.succeeds("a", id=2).states["a"] == "running"
    world.passes(days=2).undone("a")
    assert undo_calls(world) == [("r.a.1.undo", {"was": 1}), ("r.a.2.undo.2", {"was": 2})]
    keys = [f.key for f in world.facts]
    assert len(keys) == len(set(keys))


def test_what_was_taken_back_is_not_undone_again() -> None:
    """Neither an early end of the run nor a rerun that fails undoes it a second time."""
    world = World(granted("a"), ask("b", needs=[])).succeeds("a", id=1).passes(days=2).undone("a")
    world.operate("rerun", "a")
    world.fails("a").answers("b", "rejected")
    assert (world.undos, world.run.status) == (["a"], "rejected")


# --- An undo that fails ---------------------------------------------------------------------------------------------


def test_a_failing_undo_parks_the_step_and_holds_its_followers() -> None:
    """The run never goes on in silence: the step is parked, and says how it is released."""
    world = given().passes(days=2).undo_fails("a", "no route")
    assert (world.states, world.step("a").undo) == ({"a": "parked", "b": "waiting"}, "parked")
    assert world.run.state == "parked"
    reason = why(world.run)[0]
    assert (reason.reason, reason.releases) == ("its undo failed: no route", "hitl rerun r a, or hitl skip r a")


def test_an_undo_that_can_not_be_rendered_parks_too() -> None:
    """What is undone must be told."""
    world = World(granted("a"), call("b")).succeeds("a").passes(days=2)
    assert (world.states, world.step("a").undo, world.undos) == ({"a": "parked", "b": "waiting"}, "parked", [])


def test_a_parked_undo_is_tried_again_by_rerun() -> None:
    """The call is not made again; the undo has a key of its own."""
    world = given().passes(days=2).undo_fails("a")
    assert world.operate("rerun", "a", actor="gus").changes == ("a: undo again",)
    assert [key for key, _ in undo_calls(world)] == ["r.a.1.undo", "r.a.1.undo.2"]
    assert (world.started, world.states["a"]) == (["a"], "running")
    assert world.undone("a").states == {"a": "succeeded", "b": "running"}


def test_a_parked_undo_is_given_up_by_skip() -> None:
    """`skip` goes on without: the step has succeeded, and an early end does not undo it either."""
    world = given(call("b", on_failure="fail")).passes(days=2).undo_fails("a")
    assert world.operate("skip", "a", actor="gus").changes == ("a: undo skipped",)
    assert world.states == {"a": "succeeded", "b": "running"}
    assert (world.fails("b").run.status, world.undos) == ("failed", ["a"])


@pytest.mark.parametrize("action", ["finish", "cancel_step", "revoke"])
def test_nothing_else_releases_a_parked_undo(action: str) -> None:
    """What was granted may still be there: only an operator who says `skip` leaves it."""
    world = given().passes(days=2).undo_fails("a")
    receipt = world.operate(action, "a")
    assert (receipt.status, receipt.reason.startswith("step 'a' is parked")) == ("closed", True)


def test_what_an_operator_wanted_outlives_a_failing_undo() -> None:
    """A step that was to be cancelled is cancelled once its undo has run at last."""
    world = given()
    world.operate("cancel_step", "a")
    world.undo_fails("a")
    world.operate("rerun", "a")
    assert world.undone("a").states == {"a": "cancelled", "b": "skipped"}


# --- An early end of the run ----------------------------------------------------------------------------------------


def test_an_early_end_undoes_what_is_granted_in_its_turn() -> None:
    """It is as any undone step: `succeeded`, and undone in reverse order of the successes of the calls."""
    early, late = granted("a", needs=[]), call("b", needs=[], undo=undo("b"))
    world = World(early, late, ask("c", needs=[])).succeeds("a", id=1).succeeds("b")
    world.answers("c", "rejected")
    assert (world.states["a"], world.undos) == ("succeeded", ["b"])
    assert world.undone("b").undos == ["b", "a"]
    assert (world.undone("a").run.status, world.undos) == ("rejected", ["b", "a"])
    assert facts(world, "step.grant_ended")[0]["reason"] == "run ended"


def test_cancel_takes_back_what_is_granted() -> None:
    """The end of the run waits for the undo, and parks when that fails."""
    world = given()
    world.operate("cancel", actor="ann")
    assert (world.undos, world.run.state) == (["a"], "undoing")
    assert world.undo_fails("a").run.state == "parked"
    world.operate("rerun", "a")
    assert world.undone("a").run.status == "cancelled"


def test_cancel_without_undo_leaves_what_is_granted() -> None:
    """The one way to leave it standing, and it is recorded."""
    world = given()
    world.operate("cancel", actor="gus", no_undo=True, reason="moves to another run")
    assert (world.undos, world.run.status, world.states["a"]) == ([], "cancelled", "succeeded")
    assert facts(world, "step.grant_ended")[0]["reason"] == "left standing by gus: moves to another run"


def test_a_call_that_succeeds_while_nothing_is_undone_is_left_standing_too() -> None:
    """The fact says so, and names who has said it."""
    world = World(granted("a"), ask("b", needs=[]))
    world.operate("cancel", actor="gus", no_undo=True)
    world.answers("b", "withdrawn").succeeds("a", id=1)
    assert (world.undos, world.run.status) == ([], "cancelled")
    assert facts(world, "step.grant_ended")[0]["reason"] == "left standing by gus"


def test_an_undo_that_is_given_up_is_a_fact() -> None:
    """What was granted is still there: by whose word, and why, and that nothing says it was undone."""
    for action, step, left in (("skip", "a", {}), ("cancel", None, {"no_undo": True})):
        world = given().passes(days=2).undo_fails("a")
        world.operate(action, step, actor="gus", reason="the account is gone", **left)
        assert facts(world, "step.left_standing") == [
            {"step": "a", "reason": "left standing by gus: the account is gone"}
        ]
        assert facts(world, "step.undone") == []


def test_only_an_operator_leaves_what_is_granted() -> None:
    """Who asked for access for a time must not get it for good by that."""
    world = given()
    receipt = world.operate("cancel", actor="bea", no_undo=True)
    assert (receipt.status, receipt.reason.split(":")[0]) == ("not_eligible", "no_undo")
    assert (world.run.status, world.states["a"]) == (None, "running")
    world.operate("cancel", actor="bea")
    assert world.undos == ["a"]


def test_a_call_that_succeeds_after_the_run_has_begun_to_end_is_undone() -> None:
    """A grant that begins too late ends at once, with its run."""
    world = World(granted("a"), ask("b", needs=[])).answers("b", "rejected").succeeds("a", id=1)
    assert (world.states["a"], world.undos) == ("succeeded", ["a"])
    assert world.undone("a").run.status == "rejected"


@pytest.mark.parametrize("no_undo", [True, False])
def test_an_undo_that_runs_already_is_awaited(no_undo: bool) -> None:
    """A run that ends while a grant is being taken back undoes it once and ends after it."""
    world = given().passes(days=2)
    world.operate("cancel", no_undo=no_undo)
    assert world.run.status is None
    assert (world.undone("a").run.status, world.undos) == ("cancelled", ["a"])


def test_a_parked_undo_holds_an_early_end_unless_nothing_is_to_be_undone() -> None:
    """`cancel` waits for an operator to mend or skip it; `cancel --no-undo` gives it up."""
    world = given().passes(days=2).undo_fails("a")
    world.operate("cancel")
    assert (world.run.state, world.run.status) == ("parked", None)
    world.operate("skip", "a")
    assert world.run.status == "cancelled"
    world = given().passes(days=2).undo_fails("a")
    world.operate("cancel", no_undo=True)
    assert (world.run.status, world.states["a"], world.undos) == ("cancelled", "succeeded", ["a"])


def test_a_grant_whose_time_is_over_when_the_run_is_cancelled_is_taken_back_first() -> None:
    """Its end came before the cancellation, even if both are heard of together."""
    world = given()
    world.now = IN_TWO_DAYS
    world.operate("cancel", no_undo=True)
    assert (world.undos, world.run.status) == (["a"], None)
    assert world.undone("a").run.status == "cancelled"
