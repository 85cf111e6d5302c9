"""The command `hitl` as a script uses it: exit codes, one JSON document on stdout, one line on stderr."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.house import House

pytestmark = pytest.mark.process

RISKY = ("-i", "source=203.0.113.0/24", "-i", "port=22")
HARMLESS = ("-i", "source=10.20.0.0/28", "-i", "port=443", "-i", "days=7")


def test_a_completed_run_exits_0(house: House) -> None:
    """`start --wait` prints the result alone on stdout, the id on stderr, and exits 0."""
    done = house.hitl("start", "firewall_change", *HARMLESS, "--wait", "--id", "harmless")
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["status"] == "completed"
    assert json.loads(done.stdout)["steps"]["approve"]["outcome"] == "approved"
    assert done.stderr.splitlines()[0] == "harmless"


def test_a_rejected_run_exits_3_and_changes_nothing(house: House) -> None:
    """Rejecting ends the flow `rejected`, skips `apply`, and `start --wait` exits 3."""
    before = house.ruleset.read_text()
    run = f"run-{uuid4().hex}"
    with house.hitl_in_background("start", "firewall_change", *RISKY, "--wait", "--id", run) as waiting:
        approval = house.asked("bob", run)
        said = house.hitl("reject", approval, "-m", "no need", "--json", user="bob")
        assert (said.returncode, json.loads(said.stdout)["status"]) == (0, "counted")
        stdout, _ = waiting.communicate(timeout=30)
    result = json.loads(stdout)
    assert waiting.returncode == 3
    assert (result["status"], result["steps"]["apply"]["state"]) == ("rejected", "skipped")
    assert house.ruleset.read_text() == before


def test_a_parked_run_exits_4(house: House) -> None:
    """A job that can't go on parks the run: exit 4 with the reason; mended and rerun it completes."""
    aside = house.ruleset.rename(house.ruleset.with_suffix(".aside"))
    try:
        parked = house.hitl("start", "firewall_change", *HARMLESS, "--wait", "--id", "parked")
        assert parked.returncode == 4, parked
        assert json.loads(parked.stdout)["status"] == "parked"
        assert "no such ruleset" in parked.stderr
        why = house.hitl("why", "parked", "--json")
        assert ("risk", "parked") in [(r["step"], r["state"]) for r in json.loads(why.stdout)]
    finally:
        aside.rename(house.ruleset)
    assert house.hitl("rerun", "parked", "risk", "--reason", "it is back", user="gus").returncode == 0
    assert house.ended("parked")["status"] == "completed"


def test_too_long_a_wait_exits_5(house: House) -> None:
    """`--timeout` ends the wait with 5; the run goes on."""
    done = house.hitl("start", "firewall_change", *RISKY, "--timeout", "1s", "--id", "long")
    assert done.returncode == 5, done
    assert json.loads(done.stdout)["status"] == "waiting"
    assert "has not ended" in done.stderr
    assert house.get("ann", "/v1/runs/long")["status"] == "waiting"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("start", "no_such_flow"), "no_such_flow"),
        (("start", "firewall_change", "-i", "port=22"), "source"),
        (("start", "firewall_change", *RISKY, "-i", "colour=red"), "colour"),
        (("start", "firewall_change", "-i", "source=here", "-i", "port=22"), "source"),
        (("show", "no-such-run"), "no-such-run"),
        (("approve", "no-such-approval"), "no-such-approval"),
        (("audit", "verify", "no-such-run"), "no-such-run"),
    ],
    ids=str,
)
def test_a_refusal_exits_1_with_one_line(house: House, words: tuple[str, ...], named: str) -> None:
    """What does not work is one line on stderr that names it, nothing on stdout, and exit 1."""
    done = house.hitl(*words)
    assert (done.returncode, done.stdout) == (1, ""), done
    (line,) = done.stderr.splitlines()
    assert named in line


def test_a_service_that_is_not_there_is_named(house: House) -> None:
    """Nobody at the address: one line with the address and the setting, and exit 1."""
    done = house.hitl("ls", HITL_URL="http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "http://127.0.0.1:9" in line
    assert "HITL_URL" in line


def test_people_decide_and_look(house: House) -> None:
    """From inbox to verified trail, each command answers as JSON what the service knows."""
    run = f"run-{uuid4().hex}"
    assert answer(house, "start", "firewall_change", *RISKY, "--id", run)["id"] == run
    approval = house.asked("bob", run)
    assert approval in [i["id"] for i in answer(house, "inbox", user="bob")["items"]]
    assert answer(house, "show", approval, user="bob")["title"] == "Open port 22 from 203.0.113.0/24"
    assert [r["step"] for r in answer(house, "why", run)] == ["approve", "apply"]
    mine = house.hitl("approve", approval, "--json")
    assert (mine.returncode, json.loads(mine.stdout)["status"]) == (1, "not_eligible")
    assert answer(house, "approve", approval, "-m", "fine", user="bob")["status"] == "counted"
    house.asked("cai", run)
    assert answer(house, "decide", approval, "approved", user="cai")["status"] == "counted"
    assert house.ended(run)["status"] == "completed"
    assert answer(house, "show", run)["status"] == "completed"
    assert run in [i["id"] for i in answer(house, "ls", "--mine")["items"]]
    assert answer(house, "audit", "verify", run)["ok"]
    assert any(f["name"] == "run.ended" for f in answer(house, "audit", run)["facts"])


def answer(house: House, *words: str, user: str = "ann") -> Any:
    """Return what a command prints with `--json`; it must have worked, and printed nothing else."""
    done = house.hitl(*words, "--json", user=user)
    assert (done.returncode, done.stderr) == (0, ""), done
    return json.loads(done.stdout)
