"""An operator lets a step begin although it waits; to do so without an answer is to decide in place of those asked."""

import pytest

from tests.domain.flow.world import Document, World, ask, call, do, each, wait

EVENT: Document = {"id": "w", "wait": {"event": {"type": "t"}}}


def test_it_waives_neither_needs_nor_resources_by_itself() -> None:
    """Those must be named."""
    world = World(call("a"), call("b"))
    world.operate("start_step", "b")
    assert world.states == {"a": "running", "b": "waiting"}
    receipt = world.operate("start_step", "b", waive=["predecessor"])
    assert (receipt.changes, world.states["b"]) == (("b: waived predecessor",), "running")


def test_it_releases_a_held_step() -> None:
    """Unless other reasons are named."""
    world = World(call("a"), call("b"))
    world.operate("hold", "b")
    world.succeeds("a").operate("start_step", "b", waive=["time"])
    assert world.states["b"] == "waiting"
    world.operate("start_step", "b")
    assert world.states["b"] == "running"


def test_it_begins_although_the_whole_run_is_held() -> None:
    """It alone, and until it is held itself; the others wait for the release of the run."""
    world = World(call("a", needs=[]), call("b"), call("c", needs=["a"]))
    world.operate("hold")
    world.succeeds("a").operate("start_step", "b", waive=["time"])
    assert world.states["b"] == "waiting"
    world.operate("start_step", "b")
    assert world.states == {"a": "succeeded", "b": "running", "c": "waiting"}
    world.operate("start_step", "c", waive=["hold"], key="2")
    assert world.states["c"] == "running"


@pytest.mark.parametrize("step", [wait("w"), EVENT, {**EVENT, "timeout": "1h"}])
def test_an_open_wait_counts_as_over(step: Document) -> None:
    """What it waits for is waived."""
    world = World(step, call("b"))
    assert world.operate("start_step", "w").status == "done"
    assert world.states == {"w": "succeeded", "b": "running"}


@pytest.mark.parametrize(
    ("step", "waive", "still"), [(wait("w"), "event", "time"), (EVENT | {"timeout": "1h"}, "time", "event")]
)
def test_a_wait_for_something_else_goes_on(step: Document, waive: str, still: str) -> None:
    """A timeout is not what is waited for."""
    world = World(step)
    assert world.operate("start_step", "w", waive=[waive]).changes == (f"w: still waits for {still}",)
    assert world.states["w"] == "waiting"


def test_an_open_question_is_passed_by_an_admin() -> None:
    """It is withdrawn, and its followers go on as after a yes."""
    world = World(ask("a"), call("b"))
    assert world.operate("start_step", "a", actor="gus").status == "not_eligible"
    world.operate("start_step", "a")
    assert world.stopping == ["a"]
    assert world.answers("a", "withdrawn").states == {"a": "skipped", "b": "running"}


def test_only_a_waiting_step_is_started() -> None:
    """Else its state answers."""
    assert World(call("a")).operate("start_step", "a").reason == "step 'a' is running"


# --- What passes an ask ---------------------------------------------------------------------------------------------


def refused(world: World, action: str, step: str, **fields: object) -> str:
    """Return why an operator who is no admin may not do this."""
    receipt = world.operate(action, step, actor="gus", dry_run=True, **fields)
    assert receipt.status in {"not_eligible", "done"}
    return receipt.reason


def passes(step: str) -> str:
    """Return what is said of a step that is passed."""
    return f"passing the ask {step!r} is an override and needs the role admin, which 'gus' does not have"


def test_a_step_before_which_people_are_asked() -> None:
    """To begin it without their yes decides in their place, at whatever distance."""
    world = World(ask("a"), call("b"), call("c"), call("d", needs=[]))
    assert refused(world, "start_step", "c", waive=["predecessor"]) == passes("a")
    assert refused(world, "start_step", "c") == ""
    world.answers("a")
    assert refused(world, "start_step", "c", waive=["predecessor"]) == ""


def test_a_step_done_again_although_people_said_no() -> None:
    """A rerun asks for no needs."""
    world = World(ask("a"), call("b"), call("c", needs=[{"a": "rejected"}])).answers("a", "rejected")
    assert refused(world, "rerun", "b") == passes("a")
    assert refused(world, "rerun", "a") == ""


def test_a_block_in_which_people_are_asked() -> None:
    """It may not be skipped either; nor may one before the step."""
    world = World(do("b", ask("a")), call("c"))
    assert refused(world, "skip", "b") == passes("a")
    assert refused(world, "finish", "b") == passes("a")
    assert refused(world, "start_step", "c", waive=["predecessor"]) == passes("a")
    assert refused(world, "cancel_step", "b") == ""


def test_items_in_which_people_will_be_asked() -> None:
    """Also those that have not begun; once all have, each for itself."""
    steps = (call("x"), each("e", [1, 2], ask("a"), limit=1), call("y"))
    world = World(*steps)
    assert refused(world, "skip", "e") == passes("e")
    assert refused(world, "start_step", "y", waive=["predecessor"]) == passes("e")
    world.succeeds("x")
    assert refused(world, "skip", "e") == passes("e")
    world.answers("e[0].a")
    assert refused(world, "skip", "e") == passes("e[1].a")
    assert refused(World(each("e", [1], call("x"))), "skip", "e") == ""


def test_people_who_would_be_asked_only_after_a_failure() -> None:
    """Are passed only once they are asked."""
    world = World(call("a", on_failure={"catch": [ask("q")]}))
    assert refused(world, "skip", "a") == ""
    world.fails("a")
    assert refused(world, "skip", "a") == passes("q")


def test_who_may_not_decide_may_not_pass() -> None:
    """The requester, and whom the question's `not` excludes; one that could not be put excludes nobody more."""
    world = World(do("b", ask("a", asked={"not": ["group:gate"]})))
    assert world.operate("skip", "b", actor="ann").reason == (
        "'ann' may not pass the ask 'a': nobody decides their own request"
    )
    assert "excludes them" in world.operate("skip", "b", actor="hal").reason
    parked = World(ask("a", asked={"title": "{{ vars.gone }}"}))
    assert parked.operate("skip", "a", actor="ann").status == "not_eligible"
    assert parked.operate("skip", "a").status == "done"
