"""`hitl event send`: one CloudEvent, and what it has done."""

from collections.abc import Callable

from tests.cli.conftest import Outcome, Service

Hitl = Callable[..., Outcome]

DONE = {"started": ["close.0-ab"], "already": ["open.1-cd"], "advanced": ["r-1"], "kept": 2, "errors": []}


def test_an_event_is_sent_as_cloudevents_has_it(hitl: Hitl, service: Service) -> None:
    """What it says is JSON, or text."""
    service.on("POST /v1/events", DONE)
    done = hitl("event", "send", "--type", "order.paid", "--source", "/shop", "--id", "7", "--data", '{"n": 5}')
    assert done.code == 0
    assert [line.split("\t")[:2] for line in done.out.splitlines()] == [
        ["started", "close.0-ab"],
        ["there already", "open.1-cd"],
        ["advanced", "r-1"],
    ]
    assert service.body() == {
        "specversion": "1.0",
        "type": "order.paid",
        "source": "/shop",
        "id": "7",
        "data": {"n": 5},
    }
    hitl("event", "send", "--type", "t", "--source", "/s", "--subject", "o-1", "--time", "2026-12-01T09:00:00Z")
    assert service.body().keys() == {"specversion", "type", "source", "id", "subject", "time"}


def test_it_is_json_for_programs(hitl: Hitl, service: Service) -> None:
    """The answer as it is."""
    service.on("POST /v1/events", DONE)
    assert hitl("event", "send", "--type", "t", "--source", "/s", "--json").document == DONE


def test_what_could_not_be_done_fails(hitl: Hitl, service: Service) -> None:
    """It says where, and why."""
    errors = [
        {"event": "1", "flow": "close", "trigger": 0, "reason": "input 'n' is missing"},
        {"event": "1", "run": "r-2", "reason": "Temporal does not answer"},
    ]
    service.on("POST /v1/events", {**DONE, "errors": errors})
    done = hitl("event", "send", "--type", "t", "--source", "/s")
    assert done.code == 1
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert ["failed", "close (trigger 0)", "input 'n' is missing"] in rows
    assert ["failed", "r-2", "Temporal does not answer"] in rows
