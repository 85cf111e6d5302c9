"""Runs that start by themselves, in a whole house: a clock that really fires, and events over HTTP."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.e2e.house import OPEN, ROOT, Ended, House, house
from tests.integrations.webhook.test_inbound import headers

pytestmark = pytest.mark.process

CLOSE = """
flow: close
inputs: {at: {type: string}}
triggers:
  - schedule: {name: minute, cron: "* * * * *", requester: gus, inputs: {at: "{{event.time}}"}}
steps:
  - {id: at_once, wait: {for: 0s}}
outputs: {at: "{{inputs.at}}"}
"""
SHIP = """
flow: ship
inputs: {order: {type: string}, amount: {type: integer}}
triggers:
  - event:
      type: order.paid
      if: event.data.amount > 1
      inputs: {order: "{{event.subject}}", amount: "{{event.data.amount}}"}
steps:
  - {id: sent, wait: {event: {type: order.sent, if: event.subject == inputs.order}}}
outputs: {order: "{{inputs.order}}", carrier: "{{steps.sent.outputs.data.carrier}}"}
"""
TAKE = """
flow: take
inputs: {path: {type: string}}
triggers:
  - file: {path: "in/*.csv", stable: 1s, inputs: {path: "{{event.data.path}}"}}
  - webhook: {source: shop, inputs: {path: "{{event.data.file}}"}}
steps:
  - {id: at_once, wait: {for: 0s}}
outputs: {path: "{{inputs.path}}"}
"""
AFTER = """
flow: after
inputs: {path: {type: string}}
triggers:
  - run: {flow: take, inputs: {path: "{{event.data.outputs.path}}"}}
steps:
  - {id: at_once, wait: {for: 0s}}
outputs: {path: "{{inputs.path}}"}
"""
EVENT: dict[str, Any] = {"specversion": "1.0", "source": "/shop", "subject": "o-7"}
MEDIA_TYPE = "application/cloudevents+json"


@pytest.fixture(scope="module", name="plot")
def _plot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose flows start by themselves."""
    project = tmp_path_factory.mktemp("project")
    (project / "activities").mkdir()
    for name, text in (("close", CLOSE), ("ship", SHIP), ("take", TAKE), ("after", AFTER)):
        (project / "workflows" / name).mkdir(parents=True)
        (project / "workflows" / name / "flow.yaml").write_text(text)
    shutil.copyfile(ROOT / "workflows" / "people.yaml", project / "workflows" / "people.yaml")
    (project / "in").mkdir()
    with house(tmp_path_factory.mktemp("house"), project=project, HITL_SECRET_WEBHOOK_SHOP="key") as opened:
        yield opened


def runs_of(plot: House, flow: str) -> dict[str, Any]:
    """Return the runs of a flow by id, as an operator sees them."""
    return {run["id"]: run for run in plot.get("gus", f"/v1/runs?flow={flow}")["items"]}


def schedule(plot: House, *words: str) -> Ended:
    """Run a command that speaks to Temporal."""
    return plot.hitl("schedule", *words, TEMPORAL_ADDRESS=plot.temporal_address)


def ended(plot: House, run: str) -> Any:
    """Return a run once it has ended, as an operator sees it."""

    def over() -> Any:
        answer = plot.call("gus", "GET", f"/v1/runs/{run}?wait=2s")
        return answer.json() if answer.status_code == 200 and answer.json()["status"] not in OPEN else None

    return plot.until(f"{run} has ended", over)


def send(plot: House, **event: object) -> Any:
    """Send an event as an operator."""
    answer = plot.call("gus", "POST", "/v1/events", {**EVENT, **event}, Content_Type=MEDIA_TYPE)
    assert answer.status_code == 202, answer.text
    return answer.json()


def test_a_schedule_fires_by_the_clock(plot: House) -> None:
    """The worker has made it; the run knows its scheduled time, which its id has too, and who asks."""
    plot.until("the schedule is there", lambda: "minute" in schedule(plot, "ls").stdout)

    def fired() -> str | None:
        return next((run for run, row in runs_of(plot, "close").items() if row["requester"] == "gus"), None)

    try:
        run = plot.until("the minute has come", fired)
    except AssertionError:  # a minute is longer than anything else takes
        run = plot.until("the next minute has come", fired)
    found = ended(plot, run)
    assert found["status"] == "completed"
    assert run == f"close.minute-{found['outputs']['at']}"
    assert found["inputs"]["at"].endswith(":00Z")


def test_a_missed_run_knows_its_own_time(plot: House) -> None:
    """A backfill starts what never ran, each once, with the time for which it was planned."""
    plot.until("the schedule is there", lambda: "minute" in schedule(plot, "ls").stdout)

    def backfill() -> Ended:
        span = ("--from", "2026-03-02T09:00:00Z", "--to", "2026-03-02T09:02:00Z", "--overlap", "all")
        return schedule(plot, "backfill", "close", *span, "--json")

    assert len(json.loads(backfill().stdout)["started"]) == 2
    found = ended(plot, "close.minute-2026-03-02T09:01:00Z")
    assert found["outputs"] == {"at": "2026-03-02T09:01:00Z"}
    assert json.loads(backfill().stdout)["started"] == []


def test_an_event_starts_a_run_and_another_moves_it(plot: House) -> None:
    """Sent again, neither does anything; who may not send events is refused."""
    paid = {"type": "order.paid", "id": "p-1", "data": {"amount": 5}}
    (run,) = send(plot, **paid)["started"]
    assert send(plot, **paid)["already"] == [run]
    plot.until("it is listed", lambda: run in runs_of(plot, "ship"))

    def waits() -> bool:
        answer = plot.call("gus", "GET", f"/v1/runs/{run}/why")
        return answer.status_code == 200 and [r["reason"] for r in answer.json()] == ["event"]

    plot.until("the run waits", waits)
    other = send(plot, type="order.sent", id="s-0", subject="o-8", data={"carrier": "sea"})
    assert other["advanced"] == []
    assert other["kept"] >= 1, "runs that wait for another order keep it"
    sent = {"type": "order.sent", "id": "s-1", "data": {"carrier": "air"}}
    assert send(plot, **sent)["advanced"] == [run]
    assert ended(plot, run)["outputs"] == {"order": "o-7", "carrier": "air"}
    again = send(plot, **sent)
    assert (again["started"], again["advanced"], again["errors"]) == ([], [], [])
    assert plot.call("ann", "POST", "/v1/events", {**EVENT, **sent}).status_code == 403


def test_an_event_is_sent_by_command(plot: House) -> None:
    """As another system would; what does not fit is told, and fails."""
    words = ("event", "send", "--type", "order.paid", "--source", "/till", "--id", "1", "--json")
    done = plot.hitl(*words, "--subject", "o-9", "--data", '{"amount": 2}', user="gus")
    assert (done.returncode, len(json.loads(done.stdout)["started"])) == (0, 1)
    wrong = plot.hitl(*words[:-3], "--id", "2", "--data", '{"amount": 2}', user="gus")
    assert wrong.returncode == 1
    assert "order" in wrong.stdout


def outputs_of(plot: House, flow: str, path: str) -> list[str]:
    """Return the runs of a flow that have ended with this path."""
    return [run for run in runs_of(plot, flow) if ended(plot, run)["outputs"] == {"path": path}]


def test_a_file_starts_a_run_and_its_end_another(plot: House) -> None:
    """Once, also when another worker looks at the folder anew."""
    (plot.project / "in" / "a.csv").write_text("1")
    plot.until("the next flow has run", lambda: outputs_of(plot, "after", "in/a.csv"))
    killed = plot.kill()
    plot.until("another worker is there", lambda: plot.pid("worker") != killed)
    (plot.project / "in" / "b.csv").write_text("2")
    plot.until("the second file was seen", lambda: outputs_of(plot, "after", "in/b.csv"))
    assert len(outputs_of(plot, "take", "in/a.csv")) == len(outputs_of(plot, "after", "in/a.csv")) == 1


def test_a_signed_message_starts_a_run(plot: House) -> None:
    """Without a token; one that is not signed is refused."""
    body = json.dumps({"file": "hook"}).encode()
    signed = headers(b"key", body, datetime.now(UTC), "msg_1")
    assert plot.call(None, "POST", "/webhooks/shop", body, **signed).status_code == 202
    assert plot.call(None, "POST", "/webhooks/shop", body, **signed).status_code == 202
    plot.until("the run has ended", lambda: len(outputs_of(plot, "take", "hook")) == 1)
    assert plot.call(None, "POST", "/webhooks/shop", body + b" ", **signed).status_code == 401
