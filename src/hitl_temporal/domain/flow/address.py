"""The address of a step in a run: its id, within the items of each `each` around it.

`journal` stands by itself; `post[3].journal` is the step of the fourth item, `post[3].lines[0].book` one of an item
within. `block#2.journal` names the third turn of a block that repeats, which is the present one or over.

Must not know: definitions, runs.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

_TURN = re.compile(r"([a-z][a-z0-9_]*)#([0-9]+)\.")
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9_]*\[[0-9]{1,6}\]\.)*[a-z][a-z0-9_]*")
_BRACKETS = str.maketrans({"[": ".", "]": None})


class Place(NamedTuple):
    """An address, taken apart.

    Attributes:
        before: Everything before the id: empty, or `post[3].`.
        step: The id.
    """

    before: str
    step: str


@lru_cache(maxsize=20_000)
def place(address: str) -> Place:
    """Take an address apart."""
    before, dot, step = address.rpartition(".")
    return Place(before + dot, step)


def step_id(address: str) -> str:
    """Return the id of the step at an address."""
    return place(address).step


def within(address: str, index: int) -> str:
    """Return what the addresses of the steps of an item begin with."""
    return f"{address}[{index}]."


@dataclass(frozen=True, slots=True)
class Item:
    """Which item of which `each` an address lies in."""

    each: str
    index: int


@lru_cache(maxsize=20_000)
def item_of(address: str) -> Item | None:
    """Return the innermost item that an address lies in, None when it lies in none."""
    before = place(address).before
    if not before:
        return None
    each, _, index = before.removesuffix("].").rpartition("[")
    return Item(each, int(index))


def index_of(address: str) -> int:
    """Return the index of the innermost item that an address lies in, which there must be."""
    item = item_of(address)
    assert item is not None, f"{address!r} lies in no item"
    return item.index


def as_id(address: str) -> str:
    """Return an address as ids of workflows and activities have it: `post.3.journal`."""
    return address.translate(_BRACKETS)


def child_id(run: str, address: str, n: int) -> str:
    """Return what the nth start of a step is called in the world.

    The workflow id of a question or a run within; of a job the idempotency key, the same for every retry of it.
    """
    return f"{run}.{as_id(address)}.{n}"


def undo_id(run: str, address: str, n: int, undos: int) -> str:
    """Return the idempotency key of the compensation of the nth start of a step, and the id of a run that is one.

    Args:
        run: The run's id.
        address: The step's.
        n: Which start is undone.
        undos: How often the step has been undone, or tried to be, this time included.
    """
    return f"{child_id(run, address, n)}.undo" + (f".{undos}" if undos > 1 else "")


def turns_in(address: str) -> tuple[str, dict[str, int]]:
    """Take the turns out of an address: what is left, and which turn was named of the block at which address."""
    turns = dict[str, int]()
    while found := _TURN.search(address):
        before = address[: found.start()]
        turns[before + found[1]] = int(found[2])
        address = before + address[found.end() :]
    return address, turns


def with_turns(address: str, turns: Mapping[str, int]) -> str:
    """Return an address that names these turns of the blocks at these addresses."""
    for block, turn in turns.items():
        before, name = place(block)
        address = f"{before}{name}#{turn}.{address[len(before) :]}"
    return address


def is_address(text: str) -> bool:
    """Tell whether a text has the form of an address without turns; the step may still be none."""
    return _ADDRESS.fullmatch(text) is not None


_STARTED = re.compile(r"(?P<what>.+?)\.[0-9]+(?:\.undo(?:\.[0-9]+)?)?(?:\.attempt\.[0-9]+)?")


def started_of(addresses: Iterable[str], started: Iterable[str]) -> dict[str, str]:
    """Return the address of the step to which each of these belongs that was started for a run.

    Args:
        addresses: Of the run's steps.
        started: Ids without the run's own before them, as `child_id` and `undo_id` make them; of each try of a command
            of its own. What belongs to no step is left out.
    """
    known = {as_id(address): address for address in addresses}
    found: dict[str, str] = {}
    for name in started:
        parts = _STARTED.fullmatch(name)
        if parts is not None and parts["what"] in known:
            found[name] = known[parts["what"]]
    return found
