"""Addresses of steps as operators write them: of items, of turns, of what is over or never was."""

import pytest

from hitl_temporal.domain.flow.blocks import MAX_UNFOLDED
from tests.domain.flow.world import World, call, do, each


def items(number: int = 3) -> World:
    """Return a run that goes through items, one at a time."""
    return World(each("post", [*range(number)], call("journal"), call("book"), limit=1))


def turns() -> World:
    """Return a run in the second turn of a block."""
    block = do("block", call("try"), repeat={"until": "false", "max": 3})
    return World(block, call("other", needs=[])).succeeds("try")


def test_a_step_of_an_item_has_an_address() -> None:
    """Of an item that is under way."""
    world = items().fails("post[0].journal")
    assert world.operate("rerun", "post[0].journal").changes == ("post[0].journal: again",)


def test_a_step_of_the_present_turn_may_be_named_with_it() -> None:
    """`block#1.try` is `try` while the block is in that turn."""
    world = turns().fails("try")
    assert world.operate("rerun", "block#1.try").changes == ("try: again",)


def test_a_turn_within_an_item_is_that_items() -> None:
    """The block is the one of the item."""
    inner = do("block", call("try"), repeat={"until": "false", "max": 3})
    world = World(each("post", [1, 2], inner, limit=2)).succeeds("post[1].try").fails("post[1].try")
    assert world.operate("rerun", "post[1].block#1.try").changes == ("post[1].try: again",)


@pytest.mark.parametrize(
    ("address", "status", "reason"),
    [
        ("block#0.try", "closed", "turn 0 of 'block' is over: it is in turn 1"),
        ("block#7.try", "invalid", "no step 'block#7.try': 'block' is in turn 1"),
        ("other#1.try", "invalid", "no step 'other#1.try': 'other' is in turn None"),
        ("nothing#1.try", "invalid", "no step 'nothing#1.try': 'nothing' is in turn None"),
        ("block#1.gone", "invalid", "no step 'gone'; steps: block, try, other"),
        ("a b", "invalid", "no step 'a b'; steps: block, try, other"),
        ("a.b", "invalid", "no step 'a.b'; steps: block, try, other"),
    ],
)
def test_what_no_turn_has_is_told(address: str, status: str, reason: str) -> None:
    """A turn that is over is `closed`, one that never was `invalid`."""
    receipt = turns().operate("hold", address)
    assert (receipt.status, receipt.reason) == (status, reason.replace("turn None", "no turn"))


@pytest.mark.parametrize(
    ("address", "status", "reason"),
    [
        ("post[0].journal", "closed", "item 0 of 'post' is over"),
        ("post[2].journal", "invalid", "no step 'post[2].journal'; say of which item: post[1].journal"),
        ("post[0].other", "invalid", "no step 'post[0].other'; steps: post, post[1].journal, post[1].book"),
        ("journal", "invalid", "no step 'journal'; say of which item: post[1].journal"),
        ("else[0].journal", "invalid", "no step 'else[0].journal'; say of which item: post[1].journal"),
        ("post[1].journal[0].book", "invalid", "no step 'post[1].journal[0].book'; say of which item: post[1].book"),
    ],
)
def test_what_no_item_has_is_told(address: str, status: str, reason: str) -> None:
    """Of very many items those that are over are forgotten: `closed`; one that has not begun is `invalid`."""
    world = items(MAX_UNFOLDED + 1).succeeds("post[0].journal").succeeds("post[0].book")
    receipt = world.operate("hold", address)
    assert (receipt.status, receipt.reason) == (status, reason)


def test_an_each_that_has_not_begun_has_no_items() -> None:
    """Nothing of it is over."""
    world = World(call("first"), each("post", [1], call("journal")))
    assert world.operate("hold", "post[0].journal").status == "invalid"


def test_names_in_a_row_are_bounded() -> None:
    """A flow of many steps is not listed whole."""
    world = World(*(call(f"s{i}", needs=[]) for i in range(40)))
    assert world.operate("hold", "none").reason.endswith("s29 and 10 more")
