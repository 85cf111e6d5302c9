"""Who is told that a step has parked, when, and what stops it."""

from typing import Any

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.flow import events
from hitl_temporal.domain.flow.alerts import AlertEntry
from hitl_temporal.domain.flow.commands import Operate
from hitl_temporal.domain.flow.effects import Notify
from hitl_temporal.domain.flow.machine import new_run
from hitl_temporal.domain.flow.policy import selectors
from hitl_temporal.domain.flow.views import why
from hitl_temporal.domain.people import Card, Roster
from tests.domain.flow.world import START, World, answered, ask, call, each, undo

DUTY: tuple[dict[str, Any], ...] = (
    {"to": "group:duty", "via": "slack"},
    {"to": ["user:gus", "manager:requester"], "after": "30m"},
    {"to": "role:admin", "after": "2h"},
)


def watched(*steps: Any, routes: Any = None, owner: str | None = "group:network", **flow: Any) -> World:
    """Return a world whose site has the route `duty`."""
    world = World(*steps, begun=False, on_parked="duty", owner=owner, **flow)
    found = {"duty": tuple(AlertEntry.model_validate(entry) for entry in DUTY)} if routes is None else routes
    world.run = world.run.but(watch=world.run.watch.but(routes=found))
    world.feed(events.Begun(at=world.now))
    return world


def told(world: World) -> list[tuple[str, ...]]:
    """Return who was told, in order."""
    return [e.to for e in world.effects if isinstance(e, Notify)]


def facts(world: World, about: str = "alert.") -> list[str]:
    """Return the facts about alerts."""
    return [f.name for f in world.facts if f.name.startswith(about)]


def test_the_owner_and_the_route_are_told_one_after_the_other() -> None:
    """The owner and the first entry at once, the others when their time has come."""
    world = watched(call("a")).fails("a", "no table space")
    assert told(world) == [("group:network",), ("group:duty",)]
    assert world.next_moment == world.now.replace(minute=30)
    world.passes(minutes=30)
    assert told(world)[2:] == [("user:gus", "manager:user:ann")]
    world.passes(hours=5)
    assert told(world)[3:] == [("role:admin",)]
    assert world.next_moment is None
    assert facts(world) == ["alert.raised", *["alert.told"] * 4]


def test_a_message_says_what_why_and_what_to_do() -> None:
    """What has happened, why, what releases it, where to look, and how to stop it; later ones that nobody has come."""
    world = watched(call("a")).fails("a", "no table space").passes(hours=3)
    first, *_, last = [e for e in world.effects if isinstance(e, Notify)]
    assert (first.title, first.alert, first.step) == ("sample: a has parked", "parked", "a")
    assert first.text == (
        "Why: no table space\nReleased by: hitl rerun r a, or hitl skip r a, finish or cancel it\n"
        "Look: hitl why r, /runs/r. Stop this alert: hitl acknowledge r a"
    )
    assert last.text.startswith("Nobody has acknowledged it since 2026-03-02T09:00:00+00:00.\n")
    assert len({e.key for e in world.effects if isinstance(e, Notify)}) == 4


def test_each_time_it_parks_is_another_alert() -> None:
    """With keys of its own; the old one goes no further."""
    world = watched(call("a")).fails("a")
    world.passes(minutes=10).operate("rerun", "a")
    assert world.next_moment is None
    world.fails("a", "again")
    assert told(world)[2:] == [("group:network",), ("group:duty",)]
    keys = [e.key for e in world.effects if isinstance(e, Notify)]
    assert len(set(keys)) == 4
    assert world.run.watch.alerts["parked:a"].number == 2


def test_what_parks_again_at_once_is_another_alert() -> None:
    """A step that can't even start is rerun and parks in the same moment."""
    world = watched(call("a", **{"with": {"x": "{{ vars.n / 0 }}"}}), vars={"n": 1})
    assert len(told(world)) == 2
    world.now = world.now.replace(minute=5)
    world.operate("rerun", "a")
    assert (world.states["a"], len(told(world))) == ("parked", 4)


def test_nobody_is_told_of_what_has_no_owner_and_no_route() -> None:
    """Then it is in the status and in the trail of the step alone."""
    world = watched(call("a"), routes={}, owner=None).fails("a")
    assert (told(world), facts(world), world.run.watch.alerts) == ([], [], {})
    assert world.operate("acknowledge", "a").reason == "nobody is told about step 'a'"
    assert world.operate("acknowledge").reason == "nobody is told about this run"


def test_an_owner_in_the_route_is_told_once() -> None:
    """Whoever is the first of the route anyhow."""
    world = watched(call("a"), owner="group:duty").fails("a")
    assert told(world) == [("group:duty",)]


def test_who_is_asked_what_to_do_has_been_told() -> None:
    """While the question is out nobody else is; when it comes back without an answer, they are."""
    world = watched(call("a", on_failure="ask")).fails("a")
    assert told(world) == []
    approval = world.step("a").repair
    assert approval is not None
    event = {"at": world.now, "step": "a", "approval": approval.approval, "result": answered("expired")}
    world.feed(events.RepairAnswered.model_validate(event))
    assert told(world) == [("group:network",), ("group:duty",)]


def test_a_lost_question_is_told() -> None:
    """A question about a failure that could not be put leaves the step to its operators."""
    world = watched(call("a", on_failure="ask")).fails("a")
    world.feed(events.RepairFailed(at=world.now, step="a", approval="r.a.1.repair", error="lost"))
    assert len(told(world)) == 2


def test_an_undo_that_parks_is_told() -> None:
    """With what releases it; it ends with the undo."""
    world = watched(call("a", undo=undo("a")), call("b", on_failure="fail")).succeeds("a").fails("b")
    world.undo_fails("a")
    message = next(e for e in world.effects if isinstance(e, Notify))
    assert message.title == "sample: the undo of a has parked"
    assert "hitl rerun r a, or hitl skip r a\n" in message.text
    assert world.operate("acknowledge", "a").status == "done"
    world.operate("rerun", "a")
    assert world.run.watch.alerts == {}


def test_a_doubtful_command_and_a_refused_resource_are_told() -> None:
    """Whatever parks a step."""
    world = watched({"id": "a", "run": {"command": ["x"]}})
    world.feed(events.JobFailed(at=world.now, step="a", n=1, error="lost", is_in_doubt=True))
    assert len(told(world)) == 2
    world = watched(call("a", uses={"sap": 2}))
    world.feed(events.UnitsRefused(at=world.now, claim="r.a.1", resource="sap", reason="there is 1"))
    assert (world.states["a"], len(told(world))) == ("parked", 2)


def test_acknowledging_stops_it() -> None:
    """It is a fact; whoever comes second is told who looks already, and `why` says it."""
    world = watched(call("a")).fails("a").passes(minutes=10)
    assert world.operate("acknowledge", "a").changes == ("a: parked, acknowledged by eli",)
    assert facts(world)[-1] == "alert.acknowledged"
    assert world.next_moment is None
    again = world.operate("acknowledge", "a", key="2")
    assert (again.status, again.reason) == ("closed", "acknowledged already by eli")
    world.passes(hours=9)
    assert len(told(world)) == 2
    assert [r.acknowledged for r in why(world.run)] == ["eli"]


def test_the_people_of_a_route_are_read_for_who_acknowledges() -> None:
    """And the flow names its routes, so that they are loaded with it."""
    world = watched(call("a")).fails("a")
    assert selectors(world.run, "acknowledge", Operate(actor="bob", step="a")) == (
        "group:network",
        "group:duty",
        "user:gus",
        "manager:user:ann",
        "role:admin",
    )
    assert world.run.definition.alert_routes == ("duty",)


def test_an_action_on_the_step_says_that_somebody_looks() -> None:
    """A refused one, one that is only tried, and one of a machine do not."""
    world = watched(call("a"), call("b", needs=[])).fails("a")
    world.operate("skip", "a", dry_run=True)
    world.operate("hold", "a")
    world.operate("set_value", actor="bob", **{"with": {"x": 1}})
    world.operate(
        "event", actor="system:event", **{"with": {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}}
    )
    world.operate("cancel_step", "b", reason="another")
    assert world.run.watch.alerts["parked:a"].acknowledged is None
    world.operate("hold")
    assert world.run.watch.alerts["parked:a"].acknowledged == "eli"


def test_whoever_is_told_may_acknowledge() -> None:
    """Also without a role; nobody else without one."""
    world = watched(call("a")).fails("a")
    command = {"at": world.now, "action": "acknowledge", "command": {"actor": "bob", "step": "a"}}
    cards = {"bob": Card(name="Bob")}
    refused = world.feed(events.Operated.model_validate({**command, "roster": Roster(cards=cards)}))
    assert "needs the role" in str(refused)
    roster = Roster(cards=cards, members={"group:duty": ("bob",)})
    world.feed(events.Operated.model_validate({**command, "roster": roster}))
    assert world.run.watch.alerts["parked:a"].acknowledged == "bob"


def test_items_are_told_each() -> None:
    """A step of an item has an address of its own; its alert goes with the item."""
    world = watched(each("post", [1, 2], call("book"), tolerate=2))
    world.fails("post[0].book").fails("post[1].book")
    assert [*world.run.watch.alerts] == ["parked:post[0].book", "parked:post[1].book"]
    world.operate("rerun", "post[0].book")
    world.succeeds("post[0].book")
    assert [*world.run.watch.alerts] == ["parked:post[1].book"]


def test_what_became_of_a_message_is_a_fact() -> None:
    """Who was told, or why somebody could not be; after the end nobody asks any more."""
    world = watched(call("a")).fails("a")
    world.feed(events.AlertDelivered(at=world.now, key="r:alert:1:0", people=("bob",)))
    world.feed(events.AlertDelivered(at=world.now, key="r:alert:1:1", reason="nobody"))
    assert facts(world)[-2:] == ["alert.delivered", "alert.undelivered"]
    world.operate("skip", "a")
    assert (world.run.status, world.run.watch.alerts, world.next_moment) == ("completed", {}, None)
    assert world.facts[-1].name == "run.ended"


def test_a_time_that_no_calendar_tells_is_now() -> None:
    """Too early is better than never."""
    late = ({"to": "group:duty", "after": "9bh"},)
    routes = {"duty": tuple(AlertEntry.model_validate(entry) for entry in late)}
    world = watched(call("a"), routes=routes, calendar="gone").fails("a")
    assert told(world) == [("group:network",), ("group:duty",)]


def test_business_time_counts_in_the_flows_calendar() -> None:
    """Monday to Friday, nine to five, where there is none."""
    routes = {"duty": (AlertEntry(to=("group:duty",), after="9bh"),)}
    world = watched(call("a"), routes=routes).fails("a")
    assert str(world.next_moment) == "2026-03-03 10:00:00+00:00"


def test_a_route_names_people_by_plain_selectors() -> None:
    """An expression would mean another thing in every flow."""
    with pytest.raises(ValidationError, match="not a selector"):
        AlertEntry.model_validate({"to": "{{inputs.who}}"})
    with pytest.raises(ValidationError, match="not a selector"):
        AlertEntry.model_validate({"to": ["bob"]})


def test_a_run_that_has_not_begun_watches_nothing() -> None:
    """What comes before its beginning changes nothing that is watched."""
    world = World(ask("a"), begun=False, expect={"finish_by": "1h"})
    assert world.next_moment is None
    assert new_run("r", world.definition, {}, requester="ann", at=START).watch.expected[""].finish_by is not None
