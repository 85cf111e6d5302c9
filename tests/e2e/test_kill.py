"""A worker that dies at any moment changes nothing: the same run ends with the same result.

The run is the demo's. It is slowed down where a moment would be too short to hit: the risk check reads from a pipe that
the test fills, the change of the ruleset waits for a lock that the test holds.
"""

import fcntl
import json
import os
import random
import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from itertools import count

import pytest

from hitl_temporal.audit import verify
from hitl_temporal.domain.audit import Evidence, Fact
from tests.e2e.house import POLL_SECONDS, House

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

IS_LONG = os.environ.get("HITL_CHAOS") == "long"
MOMENTS = (
    "nothing has begun",
    "the risk is being weighed",
    "bob is asked",
    "bob is clicking",
    "bob has clicked",
    "cai is asked",
    "cai has clicked",
    "the rule is being written",
)

_networks = (f"203.0.{n}.0/24" for n in count(114))
"""Each run opens for a network of its own, so that its rules can be told from those of others."""


@pytest.mark.parametrize("moment", MOMENTS if IS_LONG else MOMENTS[1::2])
def test_a_worker_killed_while(house: House, moment: str) -> None:
    """A worker that is killed at this moment is replaced, and the run ends as if nothing had happened."""
    source = next(_networks)
    killed = [house.kill() for now in the_demo(house, source) if now == moment]
    assert killed != [house.pid("worker")]
    check(house, source)


def test_a_whole_house_killed_in_the_middle(plot: House) -> None:
    """After a power cut `hitl up` ends what was left behind, and open runs go on where they were."""
    source = next(_networks)
    for now in the_demo(plot.open(), source):
        if now == "cai is asked":
            plot.kill("up")
            left = plot.processes()
            assert len(left) == 2, f"temporal and worker outlive it: {left}"
            plot.open()
            assert not left.keys() & plot.processes().keys(), "those left behind are ended"
    check(plot, source)


def test_a_task_lost_after_its_facts_were_told(plot: House) -> None:
    """A task that judges a click and dies with worker and server is done again, and the trail stays whole.

    Done again, it happens at another time: facts that were told before Temporal had kept the task would contradict it.
    """
    source = next(_networks)
    play = the_demo(plot.open(), source)
    for now in play:
        if now == "bob is clicking":
            break
    run = plot.get("ann", "/v1/runs?state=waiting")["items"][0]["id"]
    payload = json.dumps({"actor": "bob", "outcome": "approved", "key": "bob clicks"})
    with closing(sqlite3.connect(plot.state / "audit.db", isolation_level=None)) as store:
        store.execute("BEGIN IMMEDIATE")
        words = ("--workflow-id", f"{run}.approve.1", "--name", "decide", "--input", payload)
        assert plot.temporal("workflow", "signal", *words).returncode == 0
        time.sleep(0.5)  # the worker has judged, and waits for the store (it would give up after 2 s)
        with plot.stopped("temporal"):
            store.execute("ROLLBACK")
            with suppress(TimeoutError):  # telling nothing before the task is kept is as good
                until_told(store, "approval.decided", seconds=1.5)
            plot.kill("worker")
            plot.kill("temporal")
    for _ in play:
        pass
    check(plot, source)


def until_told(store: sqlite3.Connection, name: str, *, seconds: float) -> None:
    """Return once a fact is in the store.

    Raises:
        TimeoutError: It has not come.
    """
    deadline = time.monotonic() + seconds
    while not store.execute("SELECT 1 FROM spans WHERE name = ?", (name,)).fetchone():
        if time.monotonic() > deadline:
            raise TimeoutError(name)
        time.sleep(POLL_SECONDS)


@pytest.mark.skipif(os.environ.get("HITL_CHAOS") != "long", reason="not run: needs HITL_CHAOS=long (make chaos)")
@pytest.mark.parametrize("seed", range(25))
def test_workers_killed_at_random(house: House, seed: int) -> None:
    """Workers that are killed twice, whenever it happens, are replaced, and the run ends all the same."""
    source, chance = next(_networks), random.Random(seed)
    deaths = {chance.choice(MOMENTS): chance.uniform(0, 0.2) for _ in range(2)}
    timers: list[threading.Timer] = []
    for now in the_demo(house, source):
        if now in deaths:
            timers.append(threading.Timer(deaths[now], house.kill))
            timers[-1].start()
    for timer in timers:
        timer.join()
    check(house, source)


def the_demo(house: House, source: str) -> Generator[str]:
    """Play the demo; yield the name of each moment when it has come."""
    yield "nothing has begun"
    with a_slow_risk_check(house) as is_reading:
        run = house.start_firewall(source)
        house.until("the risk check reads the ruleset", is_reading)
        yield "the risk is being weighed"
    approval = house.asked("bob", run)
    yield "bob is asked"
    yield "bob is clicking"
    click(house, "bob", approval)
    yield "bob has clicked"
    house.asked("cai", run)
    yield "cai is asked"
    with a_locked_ruleset(house):
        click(house, "cai", approval)
        yield "cai has clicked"
        house.until("the rule is being written", lambda: is_running(house, run, "apply"))
        yield "the rule is being written"
    house.ended(run)


def click(house: House, person: str, approval: str) -> None:
    """Decide as a person does who clicks again until there is an answer."""
    key = f"{person} clicks"
    receipts = [house.decide(person, approval, key=key)]
    assert receipts[0].status_code in {200, 202}, receipts[0].text
    house.until(
        f"the click of {person} counts",
        lambda: house.call(person, "GET", f"/v1/approvals/{approval}/decisions/{key}").status_code == 200,
    )
    again = house.decide(person, approval, key=key)
    assert again.json()["status"] in {"counted", "recorded"}, f"the same click again is the same answer: {again.text}"


def check(house: House, source: str) -> None:
    """Assert that the run which opened for this network ended as the demo does, and did everything once."""
    runs = house.get("ann", "/v1/runs?state=completed")["items"]
    found = [house.get("ann", f"/v1/runs/{item['id']}") for item in runs]
    (done,) = [run for run in found if run["inputs"]["source"] == source]
    approval = f"{done['id']}.approve.1"
    assert {name: step["state"] for name, step in done["steps"].items()} == dict.fromkeys(
        ("risk", "approve", "apply"), "succeeded"
    )
    assert len(house.rules(source)) == len(house.rules(done["outputs"]["rule"])) == 1, house.rules(source)
    decisions = house.get("ann", f"/v1/approvals/{approval}")["decisions"]
    assert [(d["actor"], d["stage"], d["outcome"]) for d in decisions] == [
        ("bob", "manager", "approved"),
        ("cai", "security", "approved"),
    ]
    told = [m["key"].removeprefix(f"{approval}:") for m in house.messages(approval)]
    people = ("manager:bob", "security:cai", "security:dee")
    # Who has decided before the message was on its way is not asked any more.
    questions = {f"{occasion}:{who}" for occasion in ("asked", "settled") for who in people}
    assert set(told) <= {*questions, "notice::ann:1"}, "the requester is told the outcome"
    assert len(told) == len(set(told)), told
    facts = tuple(Fact.model_validate(f) for f in house.get("ann", f"/v1/runs/{done['id']}/audit")["facts"])
    report = verify(facts, Evidence.model_validate(done["evidence"]))
    assert report.ok, report


def is_running(house: House, run: str, step: str) -> bool:
    """Tell whether a step runs; nobody knows while there is no worker."""
    response = house.call("ann", "GET", f"/v1/runs/{run}")
    return response.status_code == 200 and response.json()["steps"][step]["state"] == "running"


@contextmanager
def a_slow_risk_check(house: House) -> Generator["Reading"]:
    """Put a pipe in the place of the ruleset: whoever reads it waits until the block ends."""
    aside = house.ruleset.with_suffix(".aside")
    house.ruleset.rename(aside)
    os.mkfifo(house.ruleset)
    reading = Reading(house)
    try:
        yield reading
    finally:
        text = aside.read_bytes()
        aside.replace(house.ruleset)
        reading.release(text)


class Reading:
    """Tells whether somebody reads the pipe."""

    def __init__(self, house: House) -> None:
        self._pipe = house.ruleset
        self._end: int | None = None

    def __call__(self) -> bool:
        """Open the pipe for writing, which works only once it is open for reading."""
        try:
            self._end = os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False
        return True

    def release(self, text: bytes) -> None:
        """Let whoever reads have the text."""
        if self._end is None:
            return
        try:
            os.write(self._end, text)
        except BrokenPipeError:
            pass  # it was killed
        finally:
            os.close(self._end)


@contextmanager
def a_locked_ruleset(house: House) -> Generator[None]:
    """Hold the lock that every change of the ruleset needs."""
    lock = house.ruleset.with_name(f".{house.ruleset.name}.lock")
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
