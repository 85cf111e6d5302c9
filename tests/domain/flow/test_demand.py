"""What people decided is what is done: amended values go on, and a step that demands a decision does nothing else."""

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.approval.records import Decision, Kind
from hitl_temporal.domain.flow.effects import StartAsk, StartCall
from hitl_temporal.domain.flow.views import why
from tests.domain.flow.world import START, World, ask, call

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


def test_what_has_changed_is_not_told_of_a_sensitive_input() -> None:
    """Everybody who sees the run reads why a step is parked."""
    world = World(
        ask("approve", asked={"material": ["inputs.pin"]}),
        call("apply", demand="approve"),
        declared={"pin": {"type": "string", "sensitive": True}},
        inputs={"pin": "1234"},
    ).answers("approve", material={"inputs.pin": "4321"})
    assert world.step("apply").error == "demand: inputs.pin is not as it was decided: ask again"


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


def test_silence_is_no_decision() -> None:
    """An approval that fell due without a word lets its followers go on, but not what demands a decision."""
    world = asking(demand="approve").answers("approve", by=(), material={"inputs.port": 22})
    assert world.step("apply").state == "parked"
    assert world.step("apply").error == "demand: nobody has decided 'approve': it was approved by silence"


def test_refusals_are_no_decision_for_a_silent_yes() -> None:
    """One has refused, which was not enough; then silence agreed."""
    refused = Decision(key="k", actor="bob", stage="decision", outcome="rejected", at=START, digest="d")
    world = asking(demand="approve").answers("approve", by=(), more=(refused,))
    assert "nobody has decided 'approve'" in world.step("apply").error


@pytest.mark.parametrize("kind", ["vote", "auto", "override", "break_glass"])
def test_whatever_stands_behind_a_decision_it_is_one(kind: Kind) -> None:
    """A vote, a rule, an administrator, an emergency."""
    decided = Decision(key="k", actor="eli", stage="decision", outcome="approved", at=START, digest="d", kind=kind)
    world = asking(demand="approve").answers("approve", by=(), more=(decided,))
    assert world.step("apply").state == "running"


@pytest.mark.parametrize("demand", ["nobody", "apply"])
def test_only_an_ask_can_be_demanded(demand: str) -> None:
    """A wrong name is an error of the document."""
    with pytest.raises(ValidationError, match="which is no ask here; asks: approve"):
        asking(demand=demand)
