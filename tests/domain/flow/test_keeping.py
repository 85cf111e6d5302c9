"""How much a run keeps: what would be too much to travel with it is refused where it comes in."""

from typing import Any

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.flow import packing
from hitl_temporal.domain.flow.cloud_event import MAX_DATA_BYTES, MAX_EVENTS_BYTES
from hitl_temporal.domain.flow.commands import Receipt, parse
from hitl_temporal.domain.flow.keeping import MAX_ARGUMENT_BYTES, MAX_KEPT_BYTES, MAX_RESULT_BYTES, kept_bytes
from hitl_temporal.messages import SeedRead
from tests.domain.flow.test_policies import ASK, Governed
from tests.domain.flow.test_seeding import again
from tests.domain.flow.world import World, ask, call, each, undo, wait

HALF = "x" * (MAX_KEPT_BYTES // 2)


def holds(world: World) -> None:
    """Demand that a run knows how much it keeps: never less than it does."""
    assert kept_bytes(world.run) <= world.run.kept <= MAX_KEPT_BYTES


def test_a_step_that_gives_too_much_parks() -> None:
    """With what is there already, and what to do; once there is room it is done again."""
    world = World(call("a"), call("b"), wait("w")).succeeds("a", text=HALF).succeeds("b", text=HALF)
    assert world.states["b"] == "parked"
    assert (
        "too much: 262,155 bytes, beside the 262,155 that the run keeps already; it keeps 524,288"
        in world.step("b").error
    )
    assert world.operate("finish", "b", outputs={"text": HALF}).reason.startswith("what the run would keep is too much")
    assert world.operate("finish", "b", outputs={"at": "s3://x"}).status == "done"
    holds(world)


def test_what_is_given_in_place_of_something_takes_its_place() -> None:
    """It is counted anew when it may be too much: a step that is done again gives as much as before."""
    world = World(call("a"), wait("w"))
    for turn in range(4):
        world.succeeds("a", text=HALF)
        holds(world)
        assert world.operate("rerun", "a", key=f"{turn}").status == "done"
    assert world.states["a"] == "running"


def test_what_stands_in_several_places_is_counted_once() -> None:
    """In the step of an item, in its `each`, in what is to be undone."""
    world = World(each("e", [1, 2], call("x", undo=undo("x"))), wait("w"))
    world.succeeds("e[0].x", text=HALF[:200_000]).succeeds("e[1].x", text=HALF[:200_000])
    assert world.states["e"] == "succeeded"
    assert 400_000 < kept_bytes(world.run) < 401_000
    holds(world)


def test_items_that_are_folded_count() -> None:
    """Of many items only what they gave is kept: the one for which there is no room parks."""
    world = World(each("e", [*range(300)], call("x"), limit=300))
    for n in range(300):
        world.succeeds(f"e[{n}].x", text=HALF[:2_000])
    parked = [a for a, s in world.states.items() if s == "parked" and a != "e"]
    assert len(parked) == 300 - (MAX_KEPT_BYTES - 1_200) // 2_011
    holds(world)


def test_work_that_is_to_be_undone_counts_when_its_step_is_done_again() -> None:
    """What was done before is kept until the new start has succeeded."""
    world = World(call("a", undo=undo("a")), wait("w")).succeeds("a", text=HALF)
    world.operate("rerun", "a")
    assert kept_bytes(world.run) > len(HALF)


@pytest.mark.parametrize("late", [False, True])
def test_an_event_that_brings_too_much_fails_the_wait(late: bool) -> None:
    """Whether it was there before, or comes later; the event itself is bounded."""
    data = "y" * (MAX_DATA_BYTES - 100)
    steps = (call("a"), {"id": "w", "wait": {"event": {"type": "t"}}, "needs": ["a"]})
    world = World(*steps)
    if not late:
        world.hears("t", data=data)
    world.succeeds("a", text="x" * (MAX_KEPT_BYTES - 60_000)) if late else world.succeeds("a", text=HALF * 2)
    if not late:
        world.operate("finish", "a", outputs={"text": "x" * (MAX_KEPT_BYTES - 60_000)})
    else:
        world.hears("t", data=data)
    assert world.states["w"] == "parked"
    assert world.step("w").error.startswith("what the event brings is too much")
    receipt = parse("event", {"type": "t", "source": "s", "id": "1", "data": data + data})
    assert isinstance(receipt, Receipt)
    assert "at most 65,536 are taken" in receipt.reason


def test_events_for_which_nobody_waits_are_kept_so_far() -> None:
    """The oldest is forgotten when there are too many, or when they are too much."""
    world = World({"id": "w", "wait": {"event": {"type": "t"}}})
    for n in range(10):
        world.hears("other", str(n), data="z" * 30_000)
    assert [e.id for e in world.run.events] == ["6", "7", "8", "9"]
    assert sum(len(str(e.data)) for e in world.run.events) < MAX_EVENTS_BYTES


def test_forms_arguments_and_variables_count() -> None:
    """Of people and of operators."""
    world = World(ask("q"), call("a"), vars={"v": ""}).answers("q", text=HALF)
    world.run = world.run.but(kept=world.run.kept)
    form: dict[str, Any] = {"text": HALF + HALF}
    world = World(ask("q"), vars={"v": ""}).answers("q", form=form)
    assert (world.states["q"], world.step("q").error[:21]) == ("parked", "its form is too much:")
    assert world.operate("set_value", **{"with": {"v": HALF + HALF}}).status == "invalid"
    assert world.operate("set_value", **{"with": {"v": HALF}}).status == "done"
    holds(world)


def test_an_each_goes_through_no_more_than_can_be_kept() -> None:
    """The list is kept while it is gone through."""
    world = World(call("a"), {"id": "e", "each": "[steps.a.outputs.text, steps.a.outputs.text]", "do": [call("x")]})
    world.succeeds("a", text=HALF)
    assert world.step("e").error.startswith("each: what it goes through is too much")


def test_arguments_fit_into_one_message() -> None:
    """Of a call, of a run within, and of a command."""
    whole = {"with": {"all": ["{{ steps.a.outputs.text }}"] * 5}}
    many: tuple[dict[str, Any], ...] = (
        call("b", **whole, needs=["a"]),
        {"id": "c", "flow": "sub", **whole, "needs": ["a"]},
        {"id": "d", "run": {"command": "x", "args": ["{{ steps.a.outputs.text }}"] * 5}, "needs": ["a"]},
    )
    world = World(call("a"), *many, flows={"sub": [call("x")]}).succeeds("a", text=HALF)
    assert [world.states[s] for s in "bcd"] == ["parked"] * 3
    for step in "bcd":
        assert f"at most {MAX_ARGUMENT_BYTES:,} are given" in world.step(step).error


def test_outputs_of_a_flow_fit_into_one_message() -> None:
    """One that is too much is null, and why is said: the work is done."""
    outputs = {"small": "{{ steps.a.outputs.k }}", "large": "{{ steps.a.outputs.text }}"}
    world = World(call("a"), outputs=outputs).succeeds("a", text=HALF, k=1)
    assert (world.run.status, world.run.outputs) == ("completed", {"small": 1, "large": None})
    assert f"at most {MAX_RESULT_BYTES:,} are given" in world.run.reason


def test_a_new_run_knows_what_it_keeps_of_the_old_one() -> None:
    """So it is bounded as one run."""
    world = World(call("a"), call("b", on_failure="fail")).succeeds("a", text=HALF).fails("b")
    world = again(world, "failed")
    holds(world)
    assert kept_bytes(world.run) > len(HALF)


def test_a_large_run_is_packed_in_its_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small one can be read; either is the same run again."""
    run = World(*(call(f"s{n}", needs=[]) for n in range(100))).run
    readable = SeedRead(run=run).model_dump_json(by_alias=True)
    monkeypatch.setattr(packing, "READABLE_BYTES", 10_000)
    packed = SeedRead(run=run).model_dump_json(by_alias=True)
    assert readable.startswith('{"run":{"semantics"')
    assert packed.startswith('{"run":{"lzma"')
    assert len(packed) < len(readable) / 5
    assert SeedRead.model_validate_json(readable).run == SeedRead.model_validate_json(packed).run == run
    monkeypatch.setattr(packing, "_lzma", None)  # of a Python that was built without it
    otherwise = SeedRead(run=run).model_dump_json(by_alias=True)
    assert otherwise.startswith('{"run":{"zlib"')
    assert SeedRead.model_validate_json(otherwise).run == run
    with pytest.raises(ValidationError, match="packed by 'lzma' can't be read"):
        SeedRead.model_validate_json(packed)


def test_actions_that_people_are_asked_about_count() -> None:
    """With what they bring, as long as they are out and when they are done; a small one has a place in any case."""
    world = Governed(wait("w"), vars={"a": HALF, "b": 1}).under({"action": ["set_value", "skip"], "ask": ASK})
    for dry_run in (True, False):
        receipt = world.operate("set_value", key="a", dry_run=dry_run, **{"with": {"a": HALF}})
        assert (receipt.status, receipt.reason[:46]) == ("invalid", "what people would be asked about is too much: ")
    assert world.operate("set_value", key="b", **{"with": {"b": HALF[:-4_000]}}).status == "asked"
    holds(world)
    assert world.operate("set_value", **{"with": {"b": HALF}}).reason.startswith("what the run would keep is too much")
    assert world.operate("skip", "w", reason="x" * 2_000).status == "asked"
    assert world.agrees().run.vars["b"] == HALF[:-4_000]


def test_what_people_agree_to_needs_a_place_as_the_run_then_is() -> None:
    """Others may have changed meanwhile what the run keeps."""
    world = Governed(ask("q"), wait("w"), vars={"a": 1, "b": 1}).under({"action": "set_value", "ask": ASK})
    world.operate("set_value", key="a", **{"with": {"a": HALF[:3_000]}})
    world.answers("q", amended={"vars.b": HALF * 2})
    assert world.agrees().run.vars["a"] == 1
    refused = world.fact("run.operation_refused")
    assert (refused["hitl.status"], "too much" in refused["hitl.reason"]) == ("invalid", True)


def test_an_action_that_brings_nothing_is_done_whatever_the_run_keeps() -> None:
    """Else what people have amended beyond the bound could not be mended any more."""
    world = World(ask("q"), wait("w"), vars={"a": "1"})
    world.answers("q", amended={"vars.a": HALF * 2})
    assert world.run.kept > MAX_KEPT_BYTES
    assert world.operate("finish", "w").status == "done"
