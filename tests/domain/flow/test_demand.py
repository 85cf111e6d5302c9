"""What people decided is what is done: amended values go on, and a step that demands a decision does nothing else."""

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.flow.effects import StartAsk, StartCall
from hitl_temporal.domain.flow.views import why
from tests.domain.flow.world import World, ask, call

PORT = {"port": {"type": "integer"}}


def asking(**envelope: object) -> World:
    """Return a run that asks, and then does what was decided."""
    return World(
        ask("approve", asked={"material": ["inputs.port"]}),
        call("apply", **{"with": {"port": "{{inputs.port}}", "token": "{{steps.approve.token}}"}, **envelope}),
        declared=PORT,
        inputs={"port": 22},
        vars={"host": "a"},
    )


def arguments(world: World) -> dict[str, object]:
    """Return what the last call was given."""
    return dict(next(e for e in reversed(world.effects) if isinstance(e, StartCall)).arguments)


def test_amended_values_are_set_before_any_follower_starts() -> None:
    """Inputs and variables, by path; the trail says which."""
    world = asking().answers("approve", amended={"inputs.port": 443, "vars.host": "b"})
    assert (world.run.inputs, world.run.vars) == ({"port": 443}, {"host": "b"})
    assert arguments(world) == {"port": 443, "token": "t"}
    (fact,) = [f for f in world.facts if f.name == "run.amended"]
    assert fact.attributes["hitl.paths"] == ["inputs.port", "vars.host"]


def test_an_ask_says_what_its_amended_inputs_must_be_like() -> None:
    """Under the paths that may be amended."""
    (put,) = [e for e in asking().effects if isinstance(e, StartAsk)]
    assert put.fields["inputs.port"].type == "integer"


def test_what_was_decided_is_done() -> None:
    """While the material is what it was decided about."""
    world = asking(demand="approve").answers("approve", material={"inputs.port": 22})
    assert (world.started, world.step("apply").state) == (["approve", "apply"], "running")


def test_what_has_changed_since_the_decision_parks() -> None:
    """It says what was decided and what it is now; asked again, it goes on."""
    world = asking(demand="approve").answers("approve", material={"inputs.port": 23})
    assert world.step("apply").state == "parked"
    assert world.step("apply").error == "demand: inputs.port was decided as 23 and is 22 now: ask again"
    [reason] = [r for r in why(world.run) if r.step == "apply"]
    assert reason.releases.startswith(f"asking again first (hitl rerun {world.run.id} approve), then hitl rerun")
    world.operate("rerun", "approve", reason="again")
    world.answers("approve", material={"inputs.port": 22})
    world.operate("rerun", "apply", reason="decided anew")
    assert world.step("apply").state == "running"


def test_an_ask_that_was_passed_has_no_decision() -> None:
    """An operator who has finished it by hand has not made its people decide."""
    world = asking(demand="approve")
    world.operate("finish", "approve", reason="urgent", **{"as": "approved"})
    world.answers("approve", "withdrawn", positive=False)
    assert world.step("apply").state == "parked"
    assert "'approve' has no decision that lets it go on" in world.step("apply").error


def test_a_negative_decision_is_none_that_lets_it_go_on() -> None:
    """Also where a step follows a refusal by name."""
    world = asking(demand="approve", needs=[{"approve": "rejected"}]).answers("approve", "rejected")
    assert world.step("apply").state == "parked"


@pytest.mark.parametrize("demand", ["nobody", "apply"])
def test_only_an_ask_can_be_demanded(demand: str) -> None:
    """A wrong name is an error of the document."""
    with pytest.raises(ValidationError, match="which is no ask here; asks: approve"):
        asking(demand=demand)
