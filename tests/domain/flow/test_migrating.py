"""A live run goes over to the present definition: the difference, what keeps it from doing so, what becomes of it."""

from datetime import timedelta
from typing import Any

import pytest

from hitl_temporal.domain.flow import events
from hitl_temporal.domain.flow.alerts import AlertEntry
from hitl_temporal.domain.flow.commands import Receipt, parse
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.effects import Reply, ReturnUnits
from hitl_temporal.domain.flow.machine import next_moment
from hitl_temporal.domain.flow.policies import Policy
from tests.domain.flow.world import ROSTER, START, World, answered, ask, call, do, each


def flow(*steps: dict[str, Any], name: str = "sample", **rest: Any) -> Flow:
    """Return a definition."""
    return Flow.model_validate({"flow": name, "steps": list(steps), **rest})


def present(*steps: dict[str, Any], inputs: dict[str, Any] | None = None, **rest: Any) -> events.Present:
    """Return what the documents say now."""
    flows = rest.pop("flows", {})
    return events.Present(definition=flow(*steps, **rest), inputs=inputs or {}, flows=flows)


def migrate(world: World, now: events.Present | None, *, policies: tuple[Policy, ...] = (), **fields: Any) -> Receipt:
    """Let a run go over to what the documents say now."""
    command = parse("migrate", {"actor": "gus", **fields})
    assert not isinstance(command, Receipt)
    world.feed(
        events.Operated(at=START, action="migrate", command=command, roster=ROSTER, policies=policies, present=now)
    )
    return next(e.receipt for e in world.last if isinstance(e, Reply))


def test_what_has_not_begun_follows_the_present_definition() -> None:
    """Changed, removed and new steps; what was done stays, and the run goes on by the new document."""
    world = World(call("a"), call("b"), call("c"), call("d"), vars={"v": 1}).succeeds("a", id="1")
    now = present(call("a"), call("b"), call("new"), call("c", **{"with": {"x": 1}}), outputs={"o": "{{ vars.w }}"},
                  vars={"v": 2, "w": 3}, version=2)  # fmt: skip
    receipt = migrate(world, now, reason="new rule")
    assert (receipt.status, receipt.changes) == (
        "done",
        ("new: added", "d: removed", "c: changed"),
    )
    assert world.states == {"a": "succeeded", "b": "running", "new": "waiting", "c": "waiting"}
    assert world.run.vars == {"v": 1, "w": 3}
    world.succeeds("b").succeeds("new").succeeds("c")
    assert (world.run.status, world.run.outputs) == ("completed", {"o": 3})
    (fact,) = [f for f in world.facts if f.name == "run.migrated"]
    said = {name.removeprefix("hitl."): value for name, value in fact.attributes.items()}
    assert said == {
        "from": world.first.definition.digest,
        "to": now.definition.digest,
        "version": 2,
        "added": ["new"],
        "removed": ["d"],
        "changed": ["c"],
        "flows": [],
    }


def test_a_new_step_begins_at_once_when_its_needs_are_met() -> None:
    """Those that were met long ago count."""
    world = World(call("a"), call("b")).succeeds("a")
    migrate(world, present(call("a"), call("new", needs=["a"]), call("b", needs=["a"])))
    assert world.states == {"a": "succeeded", "new": "running", "b": "running"}


def test_a_dry_run_shows_the_difference() -> None:
    """And changes nothing."""
    world = World(call("a"), call("b"))
    before = world.run
    receipt = migrate(world, present(call("a"), call("b", needs=[]), call("c")), dry_run=True)
    assert (receipt.status, receipt.changes) == ("done", ("c: added", "b: needs something else"))
    assert world.run == before


def test_the_same_definition_is_no_difference() -> None:
    """It is done, and nothing changes."""
    world = World(call("a"))
    assert migrate(world, events.Present(definition=world.definition)).changes == ()


@pytest.mark.parametrize(
    ("steps", "broken", "lines"),
    [
        ((call("b", needs=[]),), "a", ("a: removed although it has begun", "b: needs something else")),
        ((call("a", timeout="1h"), call("b")), "a", ("a: changed although it has begun",)),
        (
            (do("block", call("a")), call("b")),
            "a",
            ("block: added", "a: removed although it has begun", "b: needs something else"),
        ),
    ],
)
def test_a_step_that_has_begun_must_be_as_it_was(steps: Any, broken: str, lines: tuple[str, ...]) -> None:
    """Refused with the whole difference."""
    world = World(call("a"), call("b"))
    before = world.run
    receipt = migrate(world, present(*steps))
    assert (receipt.status, receipt.reason) == ("invalid", f"what has begun stays as it was begun: {broken}")
    assert (receipt.changes, world.run) == (lines, before)


def test_what_a_step_that_has_begun_needs_counts_no_more() -> None:
    """A step may come before it that was not there."""
    world = World(call("a"), call("b")).succeeds("a")
    assert migrate(world, present(call("a"), call("check"), call("b"))).status == "done"
    assert world.states == {"a": "succeeded", "check": "running", "b": "running"}


@pytest.mark.parametrize(
    ("block", "changed"),
    [
        (do("block", call("x"), call("y")), do("block", call("x"), call("z"))),
        (each("block", [1, 2], call("x")), each("block", [1, 2], call("x"), call("y"))),
    ],
)
def test_a_block_that_has_begun_must_be_the_same_whole(block: dict[str, Any], changed: dict[str, Any]) -> None:
    """One that has not begun may be another; items stay."""
    assert migrate(World(block, call("b")), present(changed, call("b"))).status == "invalid"
    before = World(call("a"), block)
    assert migrate(before, present(call("a"), changed)).changes == ("block: changed",)
    same = World(block, call("b"))
    items = [a for a in same.states if "[" in a]
    assert migrate(same, present(block, call("c"))).status == "done"
    assert [a for a in same.states if "[" in a] == items


def test_flows_within_that_are_others_now_are_told() -> None:
    """Those that start later are the new ones."""
    old, new = flow(call("x"), name="sub"), flow(call("y"), name="sub")
    world = World(call("a"), {"id": "s", "flow": "sub"})
    world.run = world.run.but(flows={"sub": old, "same": old})
    now = present(call("a"), {"id": "s", "flow": "sub"}, flows={"sub": new, "same": old, "more": new})
    assert migrate(world, now).changes == ("flow sub: another version",)
    assert world.run.flows == {"sub": new, "same": old, "more": new}


def test_units_that_a_changed_step_has_asked_for_are_wished_for_no_more() -> None:
    """It asks anew, for what it needs now."""
    world = World(call("a"), call("b", uses={"x": 1})).succeeds("a")
    assert "b" in world.run.holdings
    migrate(world, present(call("a"), call("b", uses={"y": 1})))
    assert [e.resource for e in world.last if isinstance(e, ReturnUnits)] == ["x"]
    assert world.run.holdings["b"].asked == "y"


@pytest.mark.parametrize(
    ("now", "fields", "says"),
    [
        (None, {}, "there is no present definition"),
        (events.Present(definition=flow(call("a")), refused="input 'n' is missing"), {}, "input 'n' is missing"),
        (present(call("a")), {"with": {"digest": "0123456789"}}, "is not the present definition"),
        (present(call("a")), {"with": {"digest": flow(call("a")).digest[:4]}}, "is not the present definition"),
        (present(call("a"), vars={"v": "{{ inputs.gone }}"}), {}, "vars: "),
    ],
)
def test_what_can_not_be_gone_over_to_is_invalid(now: Any, fields: dict[str, Any], says: str) -> None:
    """With the reason."""
    receipt = migrate(World(call("a")), now, **fields)
    assert (receipt.status, says in receipt.reason) == ("invalid", True)


def test_the_definition_may_be_named_by_its_digest() -> None:
    """Or the beginning of it."""
    now = present(call("a"))
    assert migrate(World(call("a")), now, **{"with": {"digest": now.definition.digest[:12]}}).status == "done"


def test_an_ending_run_and_one_that_has_ended_stay_as_they_are() -> None:
    """`closed`, as for other actions; who is no operator may not."""
    world = World(call("a"))
    assert migrate(world, present(call("a")), actor="bob").status == "not_eligible"
    world.operate("cancel")
    assert migrate(world, present(call("a"))).status == "closed"
    assert migrate(world.stops("a"), present(call("a"))).status == "closed"


def test_people_may_have_to_agree_to_it() -> None:
    """Then the definition counts that is there when they do."""
    rules = (Policy.model_validate({"action": "migrate", "ask": {"who": ["group:gate"]}}),)
    world = World(ask("a"), call("b"))
    assert migrate(world, present(ask("a"), call("c")), policies=rules).status == "asked"
    world.feed(
        events.ProposalAnswered(
            at=START,
            approval="r.op-1",
            result=answered("approved"),
            roster=ROSTER,
            policies=rules,
            present=present(ask("a"), call("d")),
        )
    )
    assert world.states == {"a": "waiting", "d": "waiting"}


def test_what_is_expected_and_who_is_told_are_as_the_present_definition_says() -> None:
    """A step that has come with it has its moments, and an alert its route."""
    world = World(call("a"), call("b"))
    duty = (AlertEntry(to=("group:duty",)),)
    now = present(call("a"), call("c", expect={"finish_by": "1h", "route": "duty"}))
    assert migrate(world, now.but(notify={"duty": duty})).status == "done"
    assert world.run.watch.expected["c"].finish_by == START + timedelta(hours=1)
    assert world.run.watch.routes == {"duty": duty}
    assert next_moment(world.run) == START + timedelta(hours=1)
