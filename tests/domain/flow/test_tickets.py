"""Incidents: what is done with a ticket as steps fail, are done again, and recover."""

from typing import Any

import pytest

from hitl_temporal.domain.flow import events
from hitl_temporal.domain.flow.blocks import MAX_UNFOLDED
from hitl_temporal.domain.flow.effects import KeepTicket, StopStep
from hitl_temporal.domain.flow.views import result, waiting_reasons, why
from tests.domain.flow.world import EVIDENCE, World, answered, ask, call, do, each, undo

INCIDENT = {"via": "snow"}


def works(world: World) -> list[tuple[str, str]]:
    """Return what was wanted of tickets, in order."""
    return [(e.ticket, e.doing) for e in world.effects if isinstance(e, KeepTicket)]


def texts(world: World) -> list[str]:
    """Return what was written, in order."""
    return [e.text for e in world.effects if isinstance(e, KeepTicket)]


def closed(world: World, key: str = "sample/a", *, n: int = 1, actor: str = "system:ticket") -> Any:
    """A ticket system says that a ticket was closed."""
    event = {"specversion": "1.0", "id": str(n), "source": "snow", "type": "hitl.ticket.closed", "subject": key}
    return world.operate("event", actor=actor, **{"with": event})


def test_one_ticket_is_opened_commented_and_resolved() -> None:
    """Once for a flow and a step, however often it fails; every piece of work has a key of its own."""
    world = World(call("a", incident=INCIDENT)).fails("a", "no space")
    world.operate("rerun", "a")
    world.fails("a", "no space again")
    world.operate("rerun", "a", key="2")
    world.succeeds("a")
    assert works(world) == [("sample/a", d) for d in ("open", "comment", "open", "comment", "resolve")]
    opened = next(e for e in world.effects if isinstance(e, KeepTicket))
    assert (opened.via, opened.title, opened.key) == ("snow", "sample: a can't go on", "r:ticket:sample/a:1")
    assert opened.text.startswith("Step a of run r can't go on: it has parked.\nno space\nLook: hitl why r, /runs/r.")
    assert texts(world)[1] == "a, start 2, is done again, by eli"
    assert texts(world)[4] == "a has succeeded"
    assert len({e.key for e in world.effects if isinstance(e, KeepTicket)}) == 5
    names = [f.name for f in world.facts if f.name.startswith("incident.")]
    assert names == ["incident.opened", "incident.opened", "incident.resolved"]
    assert world.facts[-1].name == "run.ended"


def test_the_flow_says_it_for_its_steps() -> None:
    """A step's own goes first; a key and fields may hold expressions."""
    fields = {"group": "{{inputs.team}}", "odd": "{{inputs.none.x}}"}
    world = World(
        call("a", needs=[]),
        call("b", needs=[], incident={"key": "{{run.id}}:{{step}}:{{inputs.team}}", "fields": fields}),
        call("c", needs=[], incident={"key": "{{inputs.none.x}}"}),
        call("d", needs=[], incident={"key": "{{ [1, 2] }}"}),
        inputs={"team": "net", "none": None},
        incident={},
    )
    for step in "abcd":
        world.fails(step)
    assert [key for key, _ in works(world)] == ["sample/a", "r:b:net", "sample/c", "[1,2]"]
    filled = [e for e in world.effects if isinstance(e, KeepTicket)][1].fields
    assert filled["group"] == "net"
    assert "inputs.none.x" in str(filled["odd"])


def test_a_step_without_recovery_leaves_its_ticket() -> None:
    """Cancelled by an operator, or with the run: somebody must close it."""
    world = World(call("a", incident=INCIDENT), call("b", needs=[])).fails("a")
    world.operate("cancel_step", "a")
    assert texts(world)[1] == "a has cancelled: cancelled by eli, without recovery: close this ticket by hand"
    world = World(call("a", incident=INCIDENT), call("b", needs=[])).fails("a")
    world.operate("cancel")
    world.feed(events.JobCancelled(at=world.now, step="b", n=1))
    assert [d for _, d in works(world)] == ["open", "comment"]


def test_a_step_that_was_left_and_is_done_again_recovers() -> None:
    """In the open run: what was cancelled is followed again, and the last one that recovers resolves the ticket."""
    key = {"key": "one"}
    world = World(call("a", incident=key), call("b", incident=key, needs=[]), call("c", needs=[])).fails("a").fails("b")
    world.operate("cancel_step", "a")
    world.operate("cancel_step", "b", key="2")
    world.operate("rerun", "a", key="3")
    assert texts(world)[4:] == ["a, start 2, is done again, by eli"]
    world.succeeds("a")
    assert works(world)[-1] == ("one", "comment")
    world.operate("rerun", "b", key="4")
    world.succeeds("b")
    assert works(world)[-1] == ("one", "resolve")


def test_a_ticket_may_wait_for_the_end_of_the_run() -> None:
    """It is resolved however the run ends."""
    world = World(call("a", incident={"resolve_on": "end"}), call("b")).fails("a")
    world.operate("skip", "a")
    assert [d for _, d in works(world)] == ["open", "comment"]
    world.succeeds("b")
    assert (works(world)[-1][1], texts(world)[-1]) == ("resolve", "run r has ended completed")


def test_failures_may_open_tickets() -> None:
    """Of steps that do not park; one that has failed for good leaves its ticket when the run ends."""
    document = {"open_on": ["parked", "failed"], "on_close": "rerun"}
    world = World(call("a", on_failure="continue", incident=document), call("b")).fails("a")
    assert [d for _, d in works(world)] == ["open"]
    assert closed(world).status == "done"
    world.fails("a")
    world.succeeds("b")
    assert [d for _, d in works(world)] == ["open", "comment", "open", "comment"]
    assert texts(world)[-1] == "run r has ended completed, without recovery: close this ticket by hand"
    mended = {"catch": [call("m")]}
    world = World(call("a", on_failure=mended, incident={"open_on": "failed"})).fails("a").succeeds("m")
    assert works(world) == []


def test_an_undo_that_parks_has_a_ticket() -> None:
    """And recovers when it is done or given up; closing the ticket tries it again."""
    steps = (call("a", undo=undo("a"), incident={"on_close": "rerun"}), call("b", on_failure="fail"))
    world = World(*steps).succeeds("a").fails("b")
    world.undo_fails("a")
    assert "the undo of this step" in texts(world)[0]
    closed(world)
    world.undo_fails("a")
    assert [d for _, d in works(world)] == ["open", "comment", "open"]
    closed(world, n=2)
    world.undone("a")
    assert texts(world)[3:] == ["the undo of a is done again, by system:ticket", "a has succeeded"]
    assert works(world)[-1][1] == "resolve"
    skipping = (call("a", undo=undo("a"), incident={"on_close": "skip"}), call("b", on_failure="fail"))
    world = World(*skipping).succeeds("a").fails("b")
    world.undo_fails("a")
    closed(world)
    assert (world.step("a").undo, world.run.status, works(world)[-1][1]) == ("skipped", "failed", "resolve")


def test_items_share_a_ticket() -> None:
    """It is resolved when the last of them has recovered; an item that failed does not."""
    world = World(each("post", [1, 2], call("book", incident=INCIDENT), tolerate=1))
    world.fails("post[0].book").fails("post[1].book")
    world.operate("rerun", "post[0].book")
    world.succeeds("post[0].book")
    assert [d for _, d in works(world)] == ["open", "open", "comment", "comment"]
    assert texts(world)[-1] == "post[0].book has succeeded"
    world.operate("cancel_step", "post[1].book")
    assert world.run.watch.tickets["sample/book"].state == "left"


def test_an_item_that_is_over_says_how_it_went() -> None:
    """Of an `each` with very many items, which are forgotten as they end; and of one that is begun anew."""
    many = [*range(MAX_UNFOLDED + 1)]
    world = World(each("post", many, call("book", incident=INCIDENT), tolerate=1, limit=2))
    world.fails("post[0].book").fails("post[1].book")
    world.operate("rerun", "post[0].book")
    world.succeeds("post[0].book")
    assert texts(world)[-1] == "post[0].book is over"
    world.operate("finish", "post[1].book")
    assert (texts(world)[-1], works(world)[-1][1]) == ("post[1].book is over", "resolve")
    inner = each("post", [1], call("book", incident=INCIDENT))
    world = World(do("a", call("p"), inner)).succeeds("p").fails("post[0].book")
    world.operate("rerun", **{"as": "all"})
    assert texts(world)[-1] == "post[0].book is done again, with all that it lies in, by eli"
    world.succeeds("p").succeeds("post[0].book")
    assert works(world)[-1][1] == "resolve"


def test_what_the_ticket_system_answers_is_shown() -> None:
    """Its reference in the status, and where it says why; a refusal is a fact."""
    world = World(call("a", incident=INCIDENT)).fails("a")
    assert result(world.run, EVIDENCE).steps["a"].ticket == "sample/a"
    world.feed(events.TicketKept(at=world.now, ticket="sample/a", key="k1", ref="INC7"))
    world.feed(events.TicketKept(at=world.now, ticket="sample/a", key="k2", ref="INC7"))
    world.feed(events.TicketKept(at=world.now, ticket="sample/b", key="k2", ref="INC8"))
    assert [r.ticket for r in why(world.run)] == ["INC7"]
    assert [f.attributes["hitl.ref"] for f in world.facts if f.name == "incident.kept"] == ["INC7"]
    world.feed(events.TicketKept(at=world.now, ticket="sample/a", key="k4", ref="INC7", left_to="r2"))
    assert (world.facts[-1].name, world.facts[-1].attributes["hitl.run"]) == ("incident.left", "r2")
    world.feed(events.TicketRefused(at=world.now, ticket="sample/a", key="k3", reason="no such group"))
    assert (world.facts[-1].name, world.run.watch.tickets["sample/a"].error) == ("incident.refused", "no such group")


@pytest.mark.parametrize(("on_close", "state"), [("rerun", "running"), ("skip", "skipped")])
def test_closing_the_ticket_answers_the_question(on_close: str, state: str) -> None:
    """If the document says how; who was asked is asked no more, and the trail says who it was."""
    world = World(call("a", incident={"on_close": on_close}, on_failure="ask"), call("b"), owner="group:network").fails(
        "a"
    )
    assert "event:hitl.ticket.closed" in waiting_reasons(world.run)
    assert closed(world).status == "done"
    assert world.states["a"] == state
    assert [e.child for e in world.effects if isinstance(e, StopStep)] == ["r.a.1.repair"]
    fact = next(f for f in world.facts if f.name == "step.ticket_closed")
    assert (fact.attributes["hitl.actor"], fact.attributes["hitl.action"]) == ("system:ticket", on_close)
    assert "event:hitl.ticket.closed" not in waiting_reasons(world.run)


def test_closing_does_nothing_that_the_document_does_not_say() -> None:
    """Nor for whoever may only send events, nor twice, nor when it is done again already, nor in a run that ends."""
    world = World(call("a", incident=INCIDENT)).fails("a")
    closed(world)
    assert (world.states["a"], waiting_reasons(world.run)) == ("parked", ())
    world = World(call("a", incident={"on_close": "rerun"}), ask("z", needs=[])).fails("a")
    closed(world, actor="system:event")
    closed(world, "sample/b", n=2)
    assert world.states["a"] == "parked"
    closed(world, n=3, actor="eli")
    closed(world, n=4)
    world.fails("a")
    closed(world, n=4)
    assert (world.states["a"], world.step("a").n) == ("parked", 2)
    world.operate("event", **{"with": {"specversion": "1.0", "id": "9", "source": "s", "type": "other"}})
    world.operate("cancel")
    closed(world, n=5)
    assert (world.states["a"], world.run.ending is not None) == ("cancelled", True)
    failing = call("a", incident={"open_on": "failed", "on_close": "rerun"}, on_failure="continue")
    world = World(failing, ask("z")).fails("a")
    world.operate("cancel")
    closed(world)
    assert world.states == {"a": "failed", "z": "waiting"}


def test_a_repair_by_people_says_by_whom() -> None:
    """The comment names who has answered."""
    world = World(call("a", incident=INCIDENT, on_failure="ask"), owner="group:network").fails("a")
    event = {"at": world.now, "step": "a", "approval": "r.a.1.repair", "result": answered("retry", positive=True)}
    world.feed(events.RepairAnswered.model_validate(event))
    assert texts(world)[-1] == "a, start 2, is done again, by bob"
    world = World(call("a", incident=INCIDENT)).fails("a")
    world.operate("rerun", "a")
    world.passes(hours=1)
    assert [d for _, d in works(world)] == ["open", "comment"]


def test_the_end_of_a_run_is_not_held_up_by_a_ticket() -> None:
    """In a run that is ending only what is undone is done again; a step that has parked in it ends with it."""
    steps = (call("a", incident={"on_close": "rerun"}, needs=[]), call("b", needs=[]))
    world = World(*steps).fails("a")
    world.operate("cancel")
    assert (world.stopping, world.states["a"]) == (["b"], "cancelled")
    closed(world)
    assert (world.states["a"], world.run.status) == ("cancelled", None)


def test_closing_does_nothing_again_that_can_not_be_done_again() -> None:
    """As an operator could not: the race that the step lies in is won already."""
    racer = call("x", needs=[], on_failure="continue", incident={"open_on": "failed", "on_close": "rerun"})
    world = World(do("b", racer, call("y", needs=[]), first=True), ask("z")).fails("x").succeeds("y")
    assert world.states["b"] == "succeeded"
    assert [*world.run.watch.tickets["sample/x"].stuck] == ["x"]
    closed(world, "sample/x")
    assert world.states["x"] == "failed"
