"""Other people's clients: whoever speaks Temporal starts flows and decides, without knowing this package."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.house import Ended, House

pytestmark = pytest.mark.process

START = """
import asyncio, json, os, sys
from temporalio.client import Client

async def main(address, run, *inputs):
    client = await Client.connect(address)
    args = [json.loads(text) for text in inputs]
    await client.start_workflow("firewall_change", args=args, id=run, task_queue="hitl")
    assert not any(name.startswith("hitl") for name in sys.modules), "a plain client knows nothing of us"
    sys.stdout.flush()
    os._exit(0)  # the SDK's threads now and then crash the interpreter as it shuts down (sdk-python#300)

asyncio.run(main(*sys.argv[1:]))
"""

RESULT = """
import asyncio, json, os, sys
from temporalio.client import Client

async def main(address, run):
    client = await Client.connect(address)
    print(json.dumps(await client.get_workflow_handle(run).result()))
    assert not any(name.startswith("hitl") for name in sys.modules), "a plain client knows nothing of us"
    sys.stdout.flush()
    os._exit(0)  # the SDK's threads now and then crash the interpreter as it shuts down (sdk-python#300)

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_flow_is_started_and_decided_from_outside(house: House) -> None:
    """A plain client starts a flow by type name and JSON, `temporal workflow signal` decides, the result is JSON."""
    run = f"run-{uuid4().hex}"
    inputs = {"source": "198.18.0.0/24", "port": 22}
    good(house.python(START, house.temporal_address, run, json.dumps(inputs), '{"requester": "ann"}'))
    approval = house.asked("bob", run)
    assert query(house, run)["status"] == "waiting"
    decide(house, approval, actor="bob", outcome="approved")
    house.asked("cai", run)
    decide(house, approval, actor="cai", outcome="approved", comment="from a terminal")
    result = json.loads(good(house.python(RESULT, house.temporal_address, run)))
    assert result["status"] == "completed"
    assert result.keys() >= {"status", "outputs", "steps", "evidence"}
    assert result["evidence"].keys() >= {"trace_id", "events", "digest"}
    assert len(house.rules(result["outputs"]["rule"])) == len(house.rules("198.18.0.0/24")) == 1
    assert query(house, run)["status"] == "completed"


def test_signals_that_do_not_count(house: House) -> None:
    """By signal too each wrong click gets its receipt, kept in the approval, and none changes the result."""
    run = house.start_firewall()
    approval = house.asked("bob", run)
    wrong: list[tuple[dict[str, object], str]] = [
        ({"actor": "ann", "outcome": "approved"}, "not_eligible"),
        ({"actor": "fay", "outcome": "approved"}, "not_eligible"),
        ({"actor": "nobody", "outcome": "approved"}, "not_eligible"),
        ({"actor": "bob", "outcome": "perhaps"}, "invalid"),
        ({"actor": "bob", "outcome": "approved", "digest": "old"}, "superseded"),
    ]
    for payload, _ in wrong:
        decide(house, approval, **payload)
    good(signal(house, approval, '"approved"'))
    good(signal(house, approval, '{"outcome": "approved"}'))
    good(house.temporal("workflow", "signal", "--workflow-id", approval, "--name", "decide"))
    refusals = house.until("all are judged", enough(house, approval, len(wrong)))
    assert [(r["actor"], r["receipt"]["status"]) for r in refusals[: len(wrong)]] == [
        (payload["actor"], status) for payload, status in wrong
    ]
    assert all(r["receipt"]["status"] == "invalid" for r in refusals[len(wrong) :])
    now = query(house, approval)
    assert (now["outcome"], now["decisions"]) == (None, None), "Temporal's command line prints an empty list as null"
    for _ in range(5):
        decide(house, approval, actor="bob", outcome="approved", key="yes")
    house.asked("cai", run)
    decide(house, approval, actor="cai", outcome="rejected", key="no")
    assert house.ended(run)["status"] == "rejected"
    assert [d["key"] for d in query(house, approval)["decisions"]] == ["yes", "no"]


def test_an_approval_by_itself(house: House) -> None:
    """`temporal workflow start --type Approval` asks people, and its result says who decided."""
    approval = f"ask-{uuid4().hex}"
    ask = {"title": "Order 40 laptops", "requester": "ann", "who": ["group:secops"], "approve": 1, "due": "2d"}
    good(start(house, "Approval", approval, ask))
    house.until("cai is asked", lambda: approval in [i["id"] for i in house.get("cai", "/v1/approvals")["items"]])
    decide(house, approval, actor="cai", outcome="approved")
    result = json.loads(good(house.python(RESULT, house.temporal_address, approval)))
    assert (result["outcome"], result["positive"]) == ("approved", True)
    assert [(d["actor"], d["outcome"], d["assurance"]) for d in result["decisions"]] == [("cai", "approved", "low")]


@pytest.mark.parametrize(
    ("kind", "given", "error", "word"),
    [
        ("firewall_change", {"source": "203.0.113.0/24"}, "InvalidInput", "port"),
        ("firewall_change", {"source": "203.0.113.0/24", "port": 22, "colour": "red"}, "InvalidInput", "colour"),
        ("firewall_change", [1], "InvalidInput", "object"),
        ("no_such_flow", {}, "UnknownFlow", "firewall_change"),
        ("Approval", {"title": "Which?", "who": ["group:secops"], "colour": "red"}, "InvalidInput", "colour"),
        ("Approval", "Whom?", "InvalidInput", "approval"),
    ],
    ids=str,
)
def test_what_does_not_fit_fails_at_once(house: House, kind: str, given: object, error: str, word: str) -> None:
    """An unknown type or a wrong input ends the execution Failed, with the type of the error and the field."""
    run = f"run-{uuid4().hex}"
    good(start(house, kind, run, given))
    done = house.temporal("workflow", "result", "--workflow-id", run, "-o", "json")
    assert done.returncode != 0
    failure = json.loads(done.stdout)["closeEvent"]["workflowExecutionFailedEventAttributes"]["failure"]
    assert failure["applicationFailureInfo"]["type"] == error
    assert word in failure["message"]


def start(house: House, kind: str, workflow_id: str, given: object) -> Ended:
    """Start a workflow by type name and JSON."""
    words = ("--type", kind, "--task-queue", "hitl", "--workflow-id", workflow_id, "--input", json.dumps(given))
    return house.temporal("workflow", "start", *words)


def signal(house: House, approval: str, text: str) -> Ended:
    """Send the signal `decide` with any text."""
    return house.temporal("workflow", "signal", "--workflow-id", approval, "--name", "decide", "--input", text)


def decide(house: House, approval: str, **payload: object) -> None:
    """Decide by signal."""
    good(signal(house, approval, json.dumps(payload)))


def query(house: House, workflow_id: str) -> Any:
    """Return what `temporal workflow query` says of the status."""
    said = house.temporal("workflow", "query", "--workflow-id", workflow_id, "--type", "status", "-o", "json")
    return json.loads(good(said))["queryResult"][0]


def enough(house: House, approval: str, count: int) -> Callable[[], list[Any]]:
    """Return a look at the refusals that sees them once there are so many."""

    def look() -> list[Any]:
        refusals = query(house, approval)["refusals"]
        return refusals if len(refusals) >= count else []

    return look


def good(done: Ended) -> str:
    """Return what a command printed; it must have worked."""
    assert done.returncode == 0, done
    return done.stdout
