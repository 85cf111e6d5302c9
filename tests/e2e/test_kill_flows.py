"""Processes that die at random change nothing: every run ends as its flow says, or is in doubt until somebody looks.

The project `shipping` has flows within flows that call, run commands on agents, ask people, wait for an event, go over
items, hold units and take back what was done. Its ledger knows by the idempotency key what was done how often.
"""

import asyncio
import json
import os
import random
import secrets
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from hitl_temporal.audit import verify
from hitl_temporal.domain.audit import Evidence, Fact
from tests.e2e.house import House, house
from tests.e2e.yard import ENDINGS, KINDS, Order, Yard, agents_of, parked_steps

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

PROJECT = Path(__file__).parent / "shipping"
IS_LONG = os.environ.get("HITL_CHAOS") == "long"
SEED = int(os.environ.get("HITL_CHAOS_SEED") or (secrets.randbelow(1_000_000) if IS_LONG else 1))
"""Of the long form: which is killed when."""
STATUS = {"shipped": "completed", "refused": "rejected", "wrecked": "failed"}


@pytest.fixture
def port(tmp_path: Path) -> Generator[House]:
    """A house with the project's copy, into which its flows write."""
    shutil.copytree(PROJECT, tmp_path / "project")
    with house(tmp_path / "house", project=tmp_path / "project") as opened:
        yield opened


async def test_each_kind_killed_once(port: House) -> None:
    """Six runs, and the worker, an agent and the server die once each, whenever it happens."""
    chance = random.Random(1)
    kinds = chance.sample(["worker", "agent", "temporal"], 3)
    yard = Yard(port, orders(chance, 6), agents=1, together=6)
    await play(yard, chance, kinds, pause=(0.5, 3), at_least=3)
    assert yard.kills == Counter(kinds)


@pytest.mark.skipif(not IS_LONG, reason="not run: needs HITL_CHAOS=long (make chaos)")
@pytest.mark.timeout(1800)
async def test_everything_killed_during_a_hundred_runs(port: House, capsys: pytest.CaptureFixture[str]) -> None:
    """A hundred runs, and every few seconds something dies: the worker, an agent, the server, the HTTP service."""
    with capsys.disabled():
        print(f"\nHITL_CHAOS_SEED={SEED}")  # noqa: T201 - so that it can be played again
    chance = random.Random(SEED)
    port.patience = timedelta(minutes=3)  # a machine that does this for long is a slow one
    kinds = [*chance.sample(KINDS, len(KINDS)), *chance.choices(KINDS, weights=(4, 4, 3, 1), k=2000)]
    yard = Yard(port, orders(chance, 100), agents=2, together=12)
    await play(yard, chance, kinds, pause=(1, 7), at_least=0)
    assert set(yard.kills) == set(KINDS)
    with capsys.disabled():
        print(summary(yard))  # noqa: T201 - a number that nobody sees proves nothing


@pytest.mark.parametrize("number", [signal.SIGKILL, *([signal.SIGTERM] if IS_LONG else [])])
def test_an_agent_is_lost_with_its_commands(port: House, number: signal.Signals) -> None:
    """What may be begun again is, unless it is being stopped; of the rest nobody knows how far it came."""
    yard = Yard(port, (), agents=1, together=0)
    begun = port.project / "begun.txt"
    keys = [f"{run}.{step}.1" for run in ("stays", "goes") for step in ("once", "again")]
    try:
        yard.start_agents()
        for run in ("stays", "goes"):
            assert port.call("ann", "POST", "/v1/flows/vigil/runs", {"id": run}).status_code == 201
        port.until("all have begun", lambda: lines_of(begun) == Counter(keys))
        yard.end_agents(number)
        assert port.call("ann", "POST", "/v1/runs/goes/actions", {"action": "cancel"}).status_code == 200
        (port.project / "enough").touch()
        yard.start_agents()
        port.until("it has begun again", lambda: lines_of(begun)["stays.again.1"] == 2)
        port.until("the other is left", lambda: [r["step"] for r in port.get("gus", "/v1/runs/stays/why")] == ["once"])
        (doubt,) = [one for one in parked_steps(port.state / "audit.db") if one.run == "stays"]
        assert (doubt.step, doubt.is_in_doubt) == ("once", True)
        finish = {"action": "finish", "step": "once", "reason": "it was looked at"}
        assert port.call("gus", "POST", "/v1/runs/stays/actions", finish).status_code == 200
        assert (port.ended("stays")["status"], port.ended("goes")["status"]) == ("completed", "cancelled")
        assert lines_of(begun) == Counter([*keys, "stays.again.1"])
    finally:
        yard.end_agents()


def lines_of(file: Path) -> Counter[str]:
    """Return how often each line stands in a file."""
    return Counter(file.read_text().split()) if file.exists() else Counter()


def orders(chance: random.Random, count: int) -> list[Order]:
    """Return orders with each ending in turn."""
    return [
        Order(f"order-{n}", ENDINGS[n % 3], tuple(chance.randint(1, 9) for _ in range(chance.randint(1, 3))))
        for n in range(count)
    ]


async def play(
    yard: Yard, chance: random.Random, kinds: Iterable[str], *, pause: tuple[float, float], at_least: int
) -> None:
    """Let runs go on while everything dies, then let an operator resolve what is in doubt, and look at what is left."""
    async with agents_of(yard):
        killing = asyncio.create_task(yard.kill_at_random(chance, kinds, pause=pause, at_least=at_least))
        try:
            await yard.work()
        finally:
            yard.is_over = True
            await killing
        await yard.work()
        await asyncio.to_thread(check_standing, yard)
        while yard.left:
            for one in yard.left:
                await yard.resolve(one)
            await yard.work()
        await asyncio.to_thread(check, yard)


def check_standing(yard: Yard) -> None:
    """Assert that every run which stands still says why: a step of it is parked in doubt."""
    yard.left_to_the_end = len(yard.left)
    for one in yard.left:
        reasons = yard.house.get("gus", f"/v1/runs/{one.run}/why")
        assert (one.step, one.reason) in [(r["step"], r["reason"]) for r in reasons if r["state"] == "parked"], reasons


def check(yard: Yard) -> None:
    """Assert that every run ended as its flow says, with each effect once, and that nothing is left of it."""
    for order in yard.orders.values():
        check_run(yard, order)
    project = yard.house.project
    with closing(sqlite3.connect(project / "ledger.db")) as ledger:
        booked = dict(ledger.execute("SELECT key, amount FROM effects"))
    assert booked == {key: amount for order in yard.orders.values() for key, amount in bookings(order).items()}
    stamps = lines_of(project / "stamps.txt")
    assert set(stamps.values()) == {1}, f"a command that may not be run twice was: {stamps}"
    check_stamps(yard, set(stamps))
    for resource in ("press", "crane"):
        yard.house.until(f"every unit of {resource} is back", lambda resource=resource: is_free(yard.house, resource))


def summary(yard: Yard) -> str:
    """Return in one line what has happened."""
    with closing(sqlite3.connect(yard.house.project / "ledger.db")) as ledger:
        ((effects,),) = ledger.execute("SELECT count(*) FROM effects")
        ((asked,),) = ledger.execute("SELECT count(*) FROM attempts")
    return (
        f"{len(yard.orders)} runs; killed: {dict(yard.kills)}; steps in doubt: {len(yard.parked)}, of which"
        f" {yard.left_to_the_end} were left to the end; {effects} effects, asked for {asked} times"
    )


def check_run(yard: Yard, order: Order) -> None:
    """Assert that a run ended as its flow says, and that its trail is whole."""
    run = yard.house.get("gus", f"/v1/runs/{order.id}")
    assert run["status"] == STATUS[order.ending], run
    facts = yard.house.get("gus", f"/v1/runs/{order.id}/audit")["facts"]
    report = verify(tuple(Fact.model_validate(f) for f in facts), Evidence.model_validate(run["evidence"]))
    assert report.ok, report


def bookings(order: Order) -> dict[str, int]:
    """Return what the ledger must have of an order, by key: each step's effect under the key of its one start."""
    ship = f"{order.id}.ship.1"
    found = {f"{order.id}.reserve.1": 100, f"{order.id}.prepare.1": 0}
    found |= {f"{order.id}.pack.{n}.weigh.1": weight for n, weight in enumerate(order.weights)}
    if not order.is_refused:
        found |= {f"{ship}.lift.1": 20, f"{ship}.stow.1": 0, f"{ship}.papers.1.declare.1": 3}
    match order.ending:
        case "shipped":
            return found | {f"{ship}.sail.1": 0, f"{order.id}.settle.1": 1000}
        case "wrecked":
            return found | {f"{ship}.load.1.undo": -20, f"{order.id}.reserve.1.undo": -100}
        case _:
            return found | {f"{order.id}.reserve.1.undo": -100}


def check_stamps(yard: Yard, stamps: set[str]) -> None:
    """Assert that commands which may not be run twice ran once, unless they were in doubt; then once after a rerun."""
    expected: set[str] = set()
    doubtful: set[str] = set()
    for order in yard.orders.values():
        steps = [(order.id, f"pack[{n}].label") for n in range(len(order.weights))]
        if not order.is_refused:
            steps += [(f"{order.id}.ship.1", "depart"), (f"{order.id}.ship.1.papers.1", "stamp")]
        for run, step in steps:
            keys = [f"{run}.{step.replace('[', '.').replace(']', '')}.{n}" for n in range(1, 100)]
            doubts = [one for one in yard.parked.values() if (one.run, one.step) == (run, step)]
            doubtful |= set(keys[: len(doubts)])
            if not any(one.fact in yard.finished for one in doubts):
                expected.add(keys[len(doubts)])
    assert expected <= stamps <= expected | doubtful, (expected - stamps, stamps - expected - doubtful)


def is_free(house: House, resource: str) -> bool:
    """Tell whether nobody holds a unit of a resource, or waits for one."""
    answer = house.temporal("workflow", "query", "-w", f"hitl.resource:{resource}", "--type", "status", "-o", "json")
    (status,) = json.loads(answer.stdout)["queryResult"] if answer.returncode == 0 else [{}]
    return status.get("held") == 0 == status.get("waiting")
