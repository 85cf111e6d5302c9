"""What expressions of steps within steps may name, and which of them are told."""

import json

import pytest

from hitl_temporal.definition.lint.order import Order
from hitl_temporal.definition.project import load_text
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.value import Json


def call(step: str, reads: str = "", **envelope: Json) -> dict[str, Json]:
    """Return a step that calls something, with what an expression gives."""
    return {"id": step, "call": "x.y", **({"with": {"v": f"{{{{{reads}}}}}"}} if reads else {}), **envelope}


def do(step: str, *steps: Json, **envelope: Json) -> dict[str, Json]:
    """Return a block."""
    return {"id": step, "do": [*steps], **envelope}


def each(step: str, *steps: Json, **envelope: Json) -> dict[str, Json]:
    """Return a step that goes through items."""
    return {"id": step, "each": [1, 2], "do": [*steps], **envelope}


def choose(step: str, *branches: list[Json]) -> dict[str, Json]:
    """Return a step that chooses, the last branch without a condition."""
    taken: list[Json] = [{"if": f"inputs.n > {n}", "do": steps} for n, steps in enumerate(branches[:-1])]
    return {"id": step, "choose": [*taken, {"else": branches[-1]}]}


def problems_of(*steps: Json, **flow: Json) -> list[str]:
    """Return everything that is wrong with a flow of these steps."""
    written = {"flow": "x", "inputs": {"n": {"type": "integer"}}, "steps": [*steps], **flow}
    return [str(problem) for problem in load_text(json.dumps(written), "x")[1]]


X = "steps.x.outputs.v"
SOUND: dict[str, tuple[Json, ...]] = {
    "a step of the block before": (do("b", call("x")), call("y", X)),
    "a step above in the same block": (do("b", call("x"), call("y", X)),),
    "a step before the block around": (call("x"), do("b", do("c", call("y", X)))),
    "a step of a block before the block around": (do("a", do("b", call("x"))), do("c", call("y", X))),
    "a step before the each around": (call("x"), each("e", call("y", X))),
    "a step of the same item": (each("e", call("x"), do("b", call("y", X))),),
    "a step of the item around": (each("e", call("x"), each("f", call("y", X))),),
    "what an each gave": (each("e", call("x")), call("y", "steps.e.outputs.items[0].x.v + steps.e.outputs.failed[0]")),
    "the item and its index": (each("e", call("y", "item + index")),),
    "the item of an each around a block": (each("e", do("b", call("y", "item"))),),
    "the turn": (do("b", call("y", "index"), repeat={"until": "index > 2"}),),
    "the turn before": (do("b", call("x", X), repeat={"until": X}),),
    "a later step of the turn before": (do("b", call("y", X), call("x"), repeat={"until": "index > 2"}),),
    "the turn before from a block within": (do("b", do("c", call("y", X)), call("x"), repeat={"until": "index > 2"}),),
    "what has failed": (call("x", on_failure={"catch": [call("y", "steps.x.state")]}),),
    "what failed within": (do("b", call("x"), on_failure={"catch": [call("y", X)]}),),
    "a step before what has failed": (call("x"), call("z", on_failure={"catch": [call("y", X)]})),
    "a failure": (call("z", on_failure={"ask": {"who": "user:a", "due": "1d", "body": "{{failure.error}}"}}),),
    "the same branch": (choose("c", [call("x"), call("y", X)], [call("z")]),),
    "a branch, looked at first": (choose("c", [call("x")], [call("z")]), call("y", f"has({X}) ? {X} : 1")),
    "a branch, after its outcome": (choose("c", [call("x")], [call("z")]), call("y", X, needs=[{"c": "0"}])),
    "a branch, under a condition": (
        choose("c", [call("x")], [call("z")]),
        call("y", X, **{"if": "steps.c.outcome == '0'"}),
    ),
    "the state of a branch": (choose("c", [call("x")], [call("z")]), call("y", "steps.x.state")),
    "itself as it was": (call("x", undo={"call": "x.z", "with": {"v": "{{steps.x.outputs.v}}{{self.outputs.v}}"}}),),
    "a step within, to undo": (do("b", call("x"), undo={"call": "x.z", "with": {"v": "{{" + X + "}}"}}),),
    "an event": (
        {"id": "w", "wait": {"event": {"type": "a", "if": "event.data.n == inputs.n"}}},
        call("y", "steps.w.outputs.data.n"),
    ),
    "keys that are no expressions": (
        {"id": "each", "run": {"command": "ls", "outputs": {"if": "/{{ (.*) }}/", "until": "$.x"}}},
        {"id": "until", "call": "x.y", "with": {"if": "a b", "each": "c d"}, "needs": [{"each": "failed"}]},
    ),
    "moments": ({"id": "w", "wait": {"until": "2026-12-24T18:00:00Z"}}, {"id": "v", "wait": {"until": "inputs.n"}}),
}


@pytest.mark.parametrize("steps", SOUND.values(), ids=SOUND)
def test_what_is_there_is_not_told(steps: tuple[Json, ...]) -> None:
    """None of these gives a problem, not even a warning."""
    assert problems_of(*steps) == []


UNSOUND: dict[str, tuple[tuple[Json, ...], str]] = {
    "an item's step from outside": ((each("e", call("x")), call("y", X)), "seen only in the items of 'e'"),
    "an inner item's step": (
        (each("e", each("f", call("x")), call("y", X)),),
        "seen only in the items of 'f', in which it lies; here, use `steps.f.outputs.items`",
    ),
    "an inner item's step from far": (
        (each("e", each("f", call("x"))), call("y", X)),
        "seen only in the items of 'e', in which it lies; here, use `steps.e.outputs.items`",
    ),
    "an item's step in its own catch": ((each("e", call("x"), on_failure={"catch": [call("y", X)]}),), "seen only"),
    "the item in the catch of an each": ((each("e", call("x"), on_failure={"catch": [call("y", "item")]}),), "`item`"),
    "a branch in another branch": ((choose("c", [call("x")], [call("y", X)]),), "another branch of 'c'"),
    "a branch within another branch": ((choose("c", [do("b", call("x"))], [call("y", X)]),), "another branch of 'c'"),
    "a branch that may be left out": ((choose("c", [call("x")], [call("z")]), call("y", X)), "one branch of 'c'"),
    "a branch in a block that follows": (
        (choose("c", [call("x")], [call("z")]), do("b", call("y", X))),
        "one branch of 'c'",
    ),
    "a condition over a branch": (
        (choose("c", [call("x")], [call("z")]), call("y", **{"if": X})),
        "one branch of 'c'",
    ),
    "a catch from behind": ((call("z", on_failure={"catch": [call("x")]}), call("y", X)), "mends a failure of 'z'"),
    "a step beside": ((call("x"), call("y", X, needs=[])), "add 'x' to its `needs`"),
    "a step of a block beside": ((do("b", call("x")), do("c", call("y", X), needs=[])), "what it lies in come before"),
    "a later step": ((do("b", call("y", X)), call("x")), "may not have run"),
    "the block around": ((do("x", call("y", X)),), "still under way"),
    "itself": ((do("b", call("x", X)),), "refers to itself"),
    "the turn outside one": ((call("y", "index"),), "`index`"),
    "a turn in its own condition": (
        (do("b", call("y"), repeat={"until": "index > 1"}, **{"if": "index > 1"}),),
        "index",
    ),
    "an unseen id is not suggested": ((each("e", call("xx")), call("y", X)), "known: e, y"),
}


@pytest.mark.parametrize(("steps", "says"), UNSOUND.values(), ids=UNSOUND)
def test_what_is_not_there_is_told_once(steps: tuple[Json, ...], says: str) -> None:
    """Each of these gives one problem."""
    told = problems_of(*steps)
    assert len(told) == 1, told
    assert says in told[0]


def test_outputs_of_the_flow_see_what_lies_in_no_item() -> None:
    """They are evaluated when everything has ended."""
    steps = (do("b", call("x")), each("e", call("y")))
    assert problems_of(*steps, outputs={"v": f"{{{{{X}}}}}"}) == []
    assert "seen only" in problems_of(*steps, outputs={"v": "{{steps.y.outputs}}"})[0]
    assert "has not run" in problems_of(*steps, title=f"{{{{{X}}}}}")[0]


def test_a_long_flow_is_no_deep_one() -> None:
    """More than a thousand steps in a row, in either direction."""
    steps: list[Json] = [call(f"s{n}") for n in range(1_200)]
    turned: list[Json] = [call(f"t{n}", needs=[f"t{n + 1}"] if n < 1_199 else []) for n in range(1_200)]
    order = Order(Flow.model_validate({"flow": "x", "steps": [*steps, *turned]}))
    assert order.is_before("s0", "s1199")
    assert order.is_before("t1199", "t0")
    assert not order.is_before("s1199", "t0")
