"""A run that has ended is done again: what the new one keeps, what it does again, and who may want it."""

from typing import Any

import pytest

from hitl_temporal.domain.flow import events, seeding
from hitl_temporal.domain.flow.commands import Receipt, Rerun
from hitl_temporal.domain.flow.effects import KeepTicket
from hitl_temporal.domain.flow.events import JobCancelled, TicketKept
from hitl_temporal.domain.flow.machine import new_run
from hitl_temporal.domain.flow.policies import Policy
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.flow.views import status
from tests.domain.flow.world import EVIDENCE, ROSTER, START, World, ask, call, do, each, granted, undo


def judged(world: World, scope: str, step: str | None = None, *policies: dict[str, Any], **fields: Any) -> Receipt:
    """Return what is said of a wish to do a run again."""
    rules = tuple(Policy.model_validate(p) for p in policies)
    wish = events.Operated(
        at=START, action="rerun", command=wanted(scope, step, **fields), roster=ROSTER, policies=rules
    )
    return seeding.judged(world.run, wish)


def wanted(scope: str, step: str | None = None, **fields: Any) -> Rerun:
    """Return a wish to do a run again."""
    return Rerun.model_validate({"actor": "gus", **fields, "step": step, "as": scope})


def again(world: World, scope: str, step: str | None = None, **fields: Any) -> World:
    """Return the new run of one that has ended, begun."""
    command, old = wanted(scope, step, **fields), world.run
    assert old.status is not None, "only what has ended is done again"
    assert judged(world, scope, step, **fields).status == "done"
    fresh = new_run(
        "r.r1",
        old.definition,
        seeding.inputs_of(old, command),
        requester=old.requester,
        on_behalf_of=old.on_behalf_of,
        at=START,
    )
    next_ = World(call("nothing"), begun=False)
    next_.definition, next_.effects = old.definition, []
    next_.first = next_.run = seeding.seeded(old, fresh, command, "f")
    next_.feed(events.Begun(at=START))
    return next_


def failed() -> World:
    """Return a run whose second step of three has ended it, without undo."""
    world = World(call("a", undo=undo("a", was="{{ self.outputs.id }}")), ask("b"), call("c"), call("d"), vars={"v": 1})
    world.succeeds("a", id="a1").answers("b", note="fine").fails("c")
    world.operate("cancel", no_undo=True, actor="eli")
    assert world.run.status == "cancelled"
    return world


# --- What is kept -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scope", "step"), [("failed", None), ("from", "c"), ("step", "c")])
def test_what_was_done_before_is_kept(scope: str, step: str | None) -> None:
    """Outputs, outcome, who decided and about what; what follows goes on from there."""
    new = again(failed(), scope, step)
    assert new.states == {"a": "succeeded", "b": "succeeded", "c": "running", "d": "waiting"}
    assert (new.step("a").outputs, new.step("b").outputs) == ({"id": "a1"}, {"note": "fine"})
    assert (new.step("b").by, new.step("b").decided is not None) == (("bob",), True)
    assert new.started == ["c"]
    assert (new.run.id, new.run.requester, new.run.on_behalf_of) == ("r.r1", "ann", "bea")


def test_what_is_kept_is_undone_with_the_new_run() -> None:
    """The ledger goes with it."""
    new = again(failed(), "failed").fails("c")
    new.operate("cancel")
    assert new.undos == ["a"]
    assert new.undone("a").run.status == "cancelled"


def test_all_begins_afresh_with_the_old_inputs_or_others() -> None:
    """Variables, too; only the numbers of starts count on."""
    world = failed()
    new = again(world, "all", **{"with": {"x": 2}})
    assert new.states == {"a": "running", "b": "waiting", "c": "waiting", "d": "waiting"}
    assert (new.run.inputs, new.run.vars, new.run.done) == ({"x": 2}, {"v": 1}, ())
    assert (new.step("a").n, new.step("c").n, new.step("d").n) == (2, 2, 0)


def test_variables_that_were_set_stay() -> None:
    """As the run had them at its end."""
    world = World(call("a"), vars={"v": 1})
    world.operate("set_value", **{"with": {"v": 7}})
    world.fails("a").operate("cancel")
    assert again(world, "failed").run.vars == {"v": 7}


def test_arguments_may_be_changed_of_the_step_that_is_done_again() -> None:
    """For this start and later ones."""
    new = again(failed(), "from", "c", **{"with": {"x": 1}})
    assert new.step("c").edited == {"x": 1}


def test_from_a_step_all_that_follows_is_done_again_and_what_is_beside_it_stays() -> None:
    """Work in another branch is not repeated."""
    world = World(call("a", needs=[]), call("b", needs=["a"]), call("x", needs=[]))
    world.succeeds("a").succeeds("x").succeeds("b")
    assert world.run.status == "completed"
    assert again(world, "from", "a").states == {"a": "running", "b": "waiting", "x": "succeeded"}


def test_who_said_no_is_asked_again() -> None:
    """A negative outcome that no step names is never kept, whichever step is meant."""
    world = World(call("a"), ask("b"), call("c")).succeeds("a").answers("b", "rejected")
    assert world.run.status == "rejected"
    for new in (again(world, "failed"), again(world, "from", "c")):
        assert (new.states, new.started) == ({"a": "succeeded", "b": "waiting", "c": "waiting"}, ["b"])
        assert new.step("b").n == 2


def test_a_no_that_is_named_stays() -> None:
    """It was the way that the run took."""
    world = World(ask("b"), call("c", needs=[{"b": ["rejected"]}])).answers("b", "rejected").fails("c")
    world.operate("cancel")
    assert again(world, "failed").states == {"b": "succeeded", "c": "running"}


def test_what_was_undone_is_done_again() -> None:
    """It stays `succeeded` in the old run, and has no effect any more; whoever decided after it is asked again."""
    world = World(call("x"), call("a", undo=undo("a")), ask("k"), call("b"))
    world.succeeds("x").succeeds("a").answers("k").fails("b")
    world.operate("cancel")
    world.undone("a")
    assert (world.run.status, world.step("a").state) == ("cancelled", "succeeded")
    assert again(world, "failed").states == {"x": "succeeded", "a": "running", "k": "waiting", "b": "waiting"}


def test_a_grant_that_came_to_its_end_stays() -> None:
    """What took it back was its own `undo`; one that the end of the run cut short is given again."""
    world = World(granted("open"), call("b")).succeeds("open", id="1").passes(days=3).undone("open").fails("b")
    world.operate("cancel")
    assert again(world, "failed").states == {"open": "succeeded", "b": "running"}
    short = World(granted("open"), call("b", needs=[])).succeeds("open", id="1").fails("b")
    short.operate("cancel")
    short.undone("open")
    assert again(short, "failed").states == {"open": "running", "b": "running"}


def test_what_was_left_out_on_purpose_stays_out() -> None:
    """By its own `if`, or by an operator; not what was left out since the run ended, or since a need had failed."""
    world = World(
        call("no", **{"if": "false"}),
        call("by", needs=[]),
        call("b", needs=["no", "by"]),
        call("other", needs=[{"b": ["skipped"]}]),
        call("late"),
    )
    world.operate("skip", "by")
    world.stops("by").fails("b")
    world.operate("cancel")
    states = again(world, "failed").states
    assert states == {"no": "skipped", "by": "skipped", "b": "running", "other": "waiting", "late": "waiting"}


def test_what_failed_and_let_the_run_go_on_stays() -> None:
    """`continue` is a way that the run took."""
    world = World(call("a", on_failure="continue"), call("b")).fails("a").fails("b")
    world.operate("cancel")
    assert again(world, "failed").states == {"a": "failed", "b": "running"}


def test_a_block_is_kept_whole_or_done_again_whole() -> None:
    """With its items, whose starts count on; what is undone in it counts as it does outside."""
    block = do("block", call("x"), call("y"))
    world = World(block, each("post", [1, 2], call("journal")))
    world.succeeds("x").succeeds("y").succeeds("post[0].journal").fails("post[1].journal")
    world.operate("cancel")
    new = again(world, "failed")
    assert (new.states["block"], new.states["x"], new.states["post"]) == ("succeeded", "succeeded", "running")
    assert (new.step("post[0].journal").state, new.step("post[0].journal").n) == ("running", 2)
    inner = World(do("block", call("x", undo=undo("x"))), call("b")).succeeds("x").fails("b")
    inner.operate("cancel")
    inner.undone("x")
    assert again(inner, "failed").states["block"] == "running"


def test_where_it_comes_from_is_a_fact_and_in_the_status() -> None:
    """With what was kept."""
    new = again(failed(), "from", "c", reason="mended")
    (fact,) = [f for f in new.facts if f.name == "run.rerun_of"]
    said = {name.removeprefix("hitl."): value for name, value in fact.attributes.items()}
    assert said == {
        "run": "r",
        "first_run_id": "f",
        "scope": "from",
        "step": "c",
        "actor": "gus",
        "reason": "mended",
        "kept": ["a", "b"],
    }
    assert status(new.run, EVIDENCE).rerun_of == "r"
    told = seeding.told("r.r1", failed().run, wanted("from", "c"))
    assert told == ("r.r1: started", "a: kept", "b: kept", "c: again", "d: again")


# --- Who may, and what makes no sense ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "step", "fields", "says"),
    [
        ("step", None, {}, "rerun needs a step; steps: a, b, c, d"),
        ("from", "gone", {}, "step 'gone': steps of the outermost list"),
        ("from", "b", {"with": {"x": 1}}, "takes other arguments"),
        ("failed", None, {"with": {"x": 1}}, "what was decided stands"),
    ],
)
def test_what_makes_no_sense_is_invalid(scope: str, step: str | None, fields: dict[str, Any], says: str) -> None:
    """With what would."""
    receipt = judged(failed(), scope, step, **fields)
    assert (receipt.status, says in receipt.reason) == ("invalid", True)


def test_what_does_not_fit_a_command_is_invalid() -> None:
    """As in an open run."""
    world = World({"id": "a", "run": {"command": "one"}, "on_failure": "fail"}).fails("a")
    assert judged(world, "step", "a", **{"with": {"env": {"Q": {"secret": "x"}}}}).reason.startswith("with.env.Q: ")
    assert judged(world, "step", "a", **{"with": {"env": {"Q": "x"}}}).status == "done"


def test_who_may_is_judged_as_for_an_open_run() -> None:
    """By roles or by the site's policy, and a reason may be needed; the requester is nobody special."""
    assert judged(failed(), "all", actor="bob").status == "not_eligible"
    assert judged(failed(), "all", None, {"who": ["user:bob"]}, actor="bob").status == "done"
    assert judged(failed(), "all", None, {"reason": "required"}).status == "invalid"
    assert judged(failed(), "all", None, {"reason": "required"}, reason="r").status == "done"


def test_people_are_not_asked_after_the_end() -> None:
    """What they would have to agree to is refused: nothing is done behind them."""
    receipt = judged(failed(), "all", None, {"ask": {"who": ["group:gate"]}})
    assert (receipt.status, "start it anew" in receipt.reason) == ("not_eligible", True)


def test_an_open_run_seeds_nothing() -> None:
    """Its own `rerun` is meant."""
    assert judged(World(call("a")), "all").reason == "the run is open"


def test_a_seeded_run_travels_as_it_is() -> None:
    """Over continue-as-new."""
    run = again(failed(), "failed").run
    assert Run.model_validate_json(run.model_dump_json()) == run


# --- Tickets ----------------------------------------------------------------------------------------------------------


def works(world: World) -> list[tuple[str, str, str]]:
    """Return what was wanted of tickets, in order."""
    return [(e.ticket, e.doing, e.text) for e in world.effects if isinstance(e, KeepTicket)]


def test_the_ticket_of_a_step_that_is_done_again_goes_with_it() -> None:
    """The new run comments on it and resolves it; what it keeps, or has no ticket, has none in it either."""
    lists = [call("a", incident={}), each("e", [1, 2], call("x", incident={}), needs=[]), call("k", needs=[])]
    world = World(*lists).fails("a").fails("e[1].x").succeeds("e[0].x").succeeds("k")
    world.feed(TicketKept(at=START, ticket="sample/a", key="k", ref="T-1"))
    world.operate("cancel", actor="eli")
    assert world.run.status == "cancelled"
    assert {key: t.state for key, t in world.run.watch.tickets.items()} == {"sample/a": "left", "sample/x": "left"}
    next_ = again(world, "failed")
    assert works(next_) == [
        ("sample/a", "comment", "run r.r1 does again what run r has left: a, by gus"),
        ("sample/x", "comment", "run r.r1 does again what run r has left: e, by gus"),
    ]
    assert status(next_.run, EVIDENCE).steps["a"].ticket == "T-1"
    next_.succeeds("a").succeeds("e[0].x").succeeds("e[1].x")
    assert [(key, doing) for key, doing, _ in works(next_)[2:]] == [("sample/a", "resolve"), ("sample/x", "resolve")]
    assert next_.run.status == "completed"


def test_a_ticket_that_was_resolved_is_not_opened_again() -> None:
    """Nor commented on: it is over."""
    world = World(call("a", incident={}), call("b")).fails("a")
    world.operate("skip", "a")
    world.operate("cancel", actor="eli")
    world.feed(JobCancelled(at=START, step="b", n=1))
    assert works(again(world, "all")) == []


def test_arguments_given_by_hand_stay() -> None:
    """But with `all`, where everything begins afresh."""
    world = World(call("a", **{"with": {"v": 1, "w": 2}})).fails("a")
    world.operate("rerun", "a", **{"with": {"w": 3}})
    world.fails("a").operate("cancel")
    arguments = [again(world, *wish).effects[-1].arguments for wish in (("failed",), ("step", "a"), ("all",))]  # type: ignore[union-attr]
    assert arguments == [{"v": 1, "w": 3}, {"v": 1, "w": 3}, {"v": 1, "w": 2}]
    assert again(world, "from", "a", **{"with": {"v": 4}}).effects[-1].arguments == {"v": 4, "w": 3}  # type: ignore[union-attr]


def test_two_runs_do_not_keep_the_same_work() -> None:
    """Whichever undoes it, the other would go on upon it; one that keeps nothing is in nobody's way."""
    old, failed_ = failed(), wanted("failed")
    assert seeding.kept_by_both(again(old, "failed").run, old.run, failed_) == ("a", "b")
    assert seeding.kept_by_both(again(old, "failed").run, old.run, wanted("from", "b")) == ("a",)
    assert seeding.kept_by_both(again(old, "failed").run, old.run, wanted("all")) == ()
    assert seeding.kept_by_both(again(old, "all").run, old.run, failed_) == ()
    assert seeding.kept_by_both(old.run, old.run, failed_) == ()
