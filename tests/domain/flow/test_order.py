"""The meaning of a flow, *Order*, *Skips* and *Names*: when a step starts, and when it never does."""

from typing import Any

import pytest

from tests.domain.flow.world import World, ask, call, wait


def test_without_needs_a_step_follows_the_one_above() -> None:
    """A step without `needs` starts when the step above it has succeeded."""
    world = World(call("a"), call("b"))
    assert world.started == ["a"]
    assert world.succeeds("a").started == ["a", "b"]


def test_empty_needs_start_at_once() -> None:
    """`needs: []` waits for nothing."""
    assert World(call("a"), call("b", needs=[])).started == ["a", "b"]


def test_nothing_starts_before_the_run_has_begun() -> None:
    """An operator's command that comes before `Begun` starts no step."""
    world = World(call("a"), begun=False)
    assert world.operate("release").status == "done"
    assert world.started == []


@pytest.mark.parametrize(
    ("needs", "ends", "starts"),
    [
        (["a"], {"a": "succeeds"}, True),
        ("a", {"a": "succeeds"}, True),
        (["a", "b"], {"a": "succeeds"}, False),
        (["a", "b"], {"a": "succeeds", "b": "succeeds"}, True),
        ([{"a": "failed"}], {"a": "fails"}, True),
        ({"a": ["failed", "cancelled"]}, {"a": "stops"}, True),
        ([{"a": "done"}], {"a": "fails"}, True),
        ([{"a": "done"}], {"a": "stops"}, True),
        ([{"a": "cancelled"}], {"a": "stops"}, True),
        ([{"any": ["a", "b"]}], {"b": "succeeds"}, True),
        ([{"any": ["a", "b"], "is": "done"}], {"b": "stops"}, True),
        ([{"of": ["a", "b", "c"], "count": 2}], {"a": "succeeds"}, False),
        ([{"of": ["a", "b", "c"], "count": 2}], {"a": "succeeds", "c": "succeeds"}, True),
        ([{"of": ["a", "b"]}], {"b": "succeeds"}, False),
        ([{"of": ["a", "b"], "is": ["failed", "succeeded"]}], {"a": "succeeds", "b": "stops"}, False),
    ],
)
def test_every_form_of_needs(needs: Any, ends: dict[str, str], starts: bool) -> None:
    """A step starts as soon as each of its needs is met, whatever the form it is written in."""
    world = World(call("a", needs=[]), call("b", needs=[]), call("c", needs=[]), call("x", needs=needs))
    for step, how in ends.items():
        getattr(world, how)(step)
    assert ("x" in world.started) is starts


def test_an_impossible_need_skips_and_passes_the_skip_on() -> None:
    """Steps whose needs can't be met any more are skipped, and so are those that follow them."""
    world = World(call("a"), call("b"), call("c", needs=["b"]), call("d", needs=[{"c": "skipped"}])).stops("a")
    assert world.states == {"a": "cancelled", "b": "skipped", "c": "skipped", "d": "running"}


def test_a_count_stays_possible_while_enough_are_open() -> None:
    """`count` becomes impossible only when too few of the steps are left."""
    needs = [{"of": ["a", "b", "c"], "count": 2}]
    world = World(call("a", needs=[]), call("b", needs=[]), call("c", needs=[]), call("x", needs=needs)).stops("a")
    assert world.step("x").state == "waiting"
    assert world.stops("b").step("x").state == "skipped"


def test_a_false_if_counts_as_succeeded_for_followers() -> None:
    """A step skipped by its own `if` has no outputs and no outcome, and its followers run."""
    world = World(call("a", **{"if": "false"}), call("b"))
    assert (world.step("a").state, world.step("a").outputs, world.step("a").outcome) == ("skipped", {}, None)
    assert world.started == ["b"]


def test_followers_of_a_skipped_ask_run_unless_they_list_outcomes() -> None:
    """A skipped ask is as good as a positive outcome, but it is no outcome."""
    steps = [call("b", needs=["a"]), call("c", needs=[{"a": "approved"}]), call("d", needs=[{"a": ["rejected"]}])]
    world = World(ask("a", **{"if": "false"}), *steps)
    assert world.states == {"a": "skipped", "b": "running", "c": "skipped", "d": "skipped"}


def test_if_sees_what_is_known_when_the_step_starts() -> None:
    """A condition is evaluated over the scope at the start of its step."""
    world = World(call("a"), call("b", **{"if": "steps.a.outputs.score >= 0.5"}), call("c", needs=["a"]))
    world.succeeds("a", score=0.4)
    assert world.states == {"a": "succeeded", "b": "skipped", "c": "running"}


def test_a_failing_expression_parks_with_its_text_and_values() -> None:
    """An `if` that can't be evaluated is never false: the step parks and says why."""
    world = World(call("a"), call("b", **{"if": "steps.a.outputs.score > 1"})).succeeds("a", score="high")
    assert world.step("b").state == "parked"
    assert "steps.a.outputs.score > 1" in world.step("b").error
    assert "high" in world.step("b").error


def test_by_names_those_who_decided() -> None:
    """`steps.<id>.by` lists who decided an ask, in order."""
    world = World(ask("a"), call("b", **{"with": {"by": "{{ steps.a.by }}"}})).answers("a", by=("bob", "cai"))
    assert next(e for e in world.last if e.__class__.__name__ == "StartCall").arguments == {"by": ["bob", "cai"]}


def test_a_wait_ends_at_its_time_and_not_before() -> None:
    """`wait.for` starts its follower when its time has passed."""
    world = World(wait("a", "90m"), call("b"))
    assert world.next_moment == world.now.replace(hour=10, minute=30)
    assert world.passes(minutes=89).started == []
    assert world.passes(minutes=1).started == ["b"]
    assert world.next_moment is None


def test_a_wait_may_be_computed_and_counts_in_the_flows_calendar() -> None:
    """`for` may be an expression; business time without a named calendar is Monday to Friday, nine to five."""
    world = World(wait("a", "{{ vars.pause }}"), vars={"pause": "10bh"})
    assert world.next_moment is not None
    assert world.next_moment.isoformat() == "2026-03-03T11:00:00+00:00"


@pytest.mark.parametrize(
    ("duration", "flow", "says"),
    [
        ("{{ inputs.n }}", {}, "wait.for gave 3"),
        ("{{ 'soon' }}", {}, "not a duration"),
        ("1bd", {"calendar": "mars"}, "mars"),
    ],
)
def test_a_wait_that_can_not_be_counted_parks(duration: str, flow: dict[str, Any], says: str) -> None:
    """What is no duration, or counts in an unknown calendar, parks the wait with the reason."""
    world = World(wait("a", duration), inputs={"n": 3}, **flow)
    assert world.step("a").state == "parked"
    assert says in world.step("a").error


def test_arguments_that_can_not_be_rendered_park_the_call() -> None:
    """A call whose `with` fails parks before anything is called."""
    world = World(call("a", **{"with": {"x": "{{ steps.a.outputs.none }}"}}))
    assert (world.step("a").state, world.started) == ("parked", [])


def test_a_timeout_in_business_time_parks_the_call() -> None:
    """A machine's timeout needs units of the clock."""
    world = World(call("a", timeout="2bh"))
    assert "business time" in world.step("a").error
