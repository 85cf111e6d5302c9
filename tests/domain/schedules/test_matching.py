"""An event starts what its triggers name, once for each of them, and nothing where it can't be told."""

from datetime import UTC, datetime
from typing import Any

import pytest

from hitl_temporal.domain.flow.cloud_event import CloudEvent
from hitl_temporal.domain.schedules import (
    Due,
    Trigger,
    Unclear,
    due,
    file_event,
    run_event,
    triggered_id,
    webhook_event,
)

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
PAID = CloudEvent(type="order.paid", source="/shop", id="1", subject="o-7", data={"amount": 5})


def triggers(*written: dict[str, Any]) -> tuple[Trigger, ...]:
    return tuple(Trigger.model_validate(one) for one in written)


@pytest.mark.parametrize(
    ("trigger", "is_meant"),
    [
        ({"type": "order.paid"}, True),
        ({"type": "order.sent"}, False),
        ({"type": "order.paid", "source": "/shop", "subject": "o-7"}, True),
        ({"type": "order.paid", "source": "/other"}, False),
        ({"type": "order.paid", "subject": "o-8"}, False),
        ({"type": "order.paid", "if": "event.data.amount > 4"}, True),
        ({"type": "order.paid", "if": "event.data.amount > 5"}, False),
    ],
)
def test_an_event_is_meant_by_its_attributes_and_by_a_condition(trigger: dict[str, Any], is_meant: bool) -> None:
    """What is not written may be anything."""
    assert bool(due("f", triggers({"event": trigger}), PAID, "event")) is is_meant


def test_inputs_and_requester_come_from_the_trigger() -> None:
    """Expressions see the whole event and keep their types; without a requester a machine asks."""
    written = {"type": "order.paid", "inputs": {"n": "{{event.data.amount}}", "who": "by {{event.source}}"}}
    first, second = due(
        "f", triggers({"event": written}, {"event": {"type": "order.paid", "requester": "ann"}}), PAID, "event"
    )
    assert isinstance(first, Due)
    assert (first.inputs, first.requester) == ({"n": 5, "who": "by /shop"}, "system:event")
    assert isinstance(second, Due)
    assert (second.requester, second.trigger) == ("ann", 1)
    assert first.run_id != second.run_id


def test_the_same_event_is_the_same_run() -> None:
    """An event is told by source and id alone; the flow and the trigger are part of the run's id."""
    again = CloudEvent(type="order.paid", source="/shop", id="1", data={"amount": 6})
    other = CloudEvent(type="order.paid", source="/shop", id="2")
    paid = triggers({"event": {"type": "order.paid"}})
    assert triggered_id("f", paid, 0, PAID) == triggered_id("f", paid, 0, again)
    assert len({triggered_id(flow, paid, 0, e) for flow, e in (("f", PAID), ("f", other), ("g", PAID))}) == 3


def test_the_place_of_a_trigger_in_its_document_starts_nothing_anew() -> None:
    """Nor does its condition, or another trigger above it; another meaning does, and two that mean the same are two."""
    paid: dict[str, Any] = {"event": {"type": "order.paid"}}
    others: list[dict[str, Any]] = [
        {"schedule": {"cron": "0 6 * * *"}},
        {"file": {"path": "in/*.csv"}},
        {"webhook": {"source": "shop"}},
        {"webhook": {"source": "shop", "secret": "other"}},
        {"run": {"flow": "g"}},
        {"event": {"type": "order.paid", "source": "/shop"}},
    ]
    alone = triggered_id("f", triggers(paid), 0, PAID)
    written = triggers(*others, {"event": {"type": "order.paid", "if": "true"}}, paid)
    assert triggered_id("f", written, 6, PAID) == alone
    assert alone.startswith("f.event-")
    assert len({triggered_id("f", written, number, PAID) for number in range(8)}) == 8


@pytest.mark.parametrize(
    "trigger",
    [
        {"type": "order.paid", "if": "event.data.price > 1"},
        {"type": "order.paid", "if": "event.data.amount"},
        {"type": "order.paid", "inputs": {"n": "{{event.data.price}}"}},
    ],
)
def test_an_expression_that_fails_is_no_yes(trigger: dict[str, Any]) -> None:
    """It says which trigger, and why."""
    (found,) = due("f", triggers({"schedule": {"cron": "0 9 * * *"}}, {"event": trigger}), PAID, "event")
    assert isinstance(found, Unclear)
    assert (found.flow, found.trigger) == ("f", 1)
    assert "event.data" in found.reason


def test_only_triggers_of_the_door_mean_it() -> None:
    """Who may send events can't feign a webhook, a file or the end of a run."""
    all_kinds = triggers(
        {"event": {"type": "t"}},
        {"webhook": {"source": "shop", "if": "event.data.ok"}},
        {"file": {"path": "in/*.csv"}},
        {"run": {"flow": "other", "status": ["failed", "rejected"]}},
    )
    hook = webhook_event("shop", "1", AT, {"ok": True}).model_copy(update={"type": "t"})
    file = file_event("in/*.csv", "in/a.csv", size_bytes=3, changed_ns=0)
    end = run_event("r-1", "first", "other", "failed", {"n": 1})
    numbers = {
        door: [one.trigger for one in due("f", all_kinds, event, door)]
        for door, event in (("event", hook), ("webhook", hook), ("file", file), ("run", end))
    }
    assert numbers == {"event": [0], "webhook": [1], "file": [2], "run": [3]}


def test_other_webhooks_files_and_runs_are_not_meant() -> None:
    """By their source, the pattern that found them, their flow and their status."""
    hook = triggers({"webhook": {"source": "shop"}})
    assert due("f", hook, webhook_event("erp", "1", AT, None), "webhook") == ()
    file = triggers({"file": {"path": "in/*.csv"}})
    assert due("f", file, file_event("*/*.csv", "in/a.csv", size_bytes=3, changed_ns=0), "file") == ()
    assert due("f", file, CloudEvent(type="t", source="file", id="1"), "file") == ()
    end = triggers({"run": {"flow": "other"}})
    assert due("f", end, run_event("r", "1", "other", "failed", {}), "run") == ()
    assert due("f", end, run_event("r", "1", "more", "completed", {}), "run") == ()
    assert due("f", end, CloudEvent(type="run.ended", source="/x", id="1"), "run") == ()


def test_each_execution_of_a_run_ends_once() -> None:
    """An id that is used again is another run."""
    first, second = run_event("r", "1", "f", "completed", {}), run_event("r", "2", "f", "completed", {})
    assert first.mark == run_event("r", "1", "f", "completed", {}).mark
    assert first.mark != second.mark
    assert first.outputs()["data"] == {"id": "r", "flow": "f", "status": "completed", "outputs": {}}


def test_a_file_with_another_content_is_another_event() -> None:
    """By its path, its size and its time; its name is told apart from its folder."""
    event = file_event("in/*.csv", "in/a.csv", size_bytes=3, changed_ns=1_772_442_000_000_000_001)
    assert event.outputs()["data"] == {
        "path": "in/a.csv",
        "name": "a.csv",
        "size_bytes": 3,
        "modified": "2026-03-02T09:00:00+00:00",
        "pattern": "in/*.csv",
    }
    same = file_event("*", "in/a.csv", size_bytes=3, changed_ns=1_772_442_000_000_000_001)
    later = file_event("in/*.csv", "in/a.csv", size_bytes=3, changed_ns=1_772_442_000_000_000_002)
    assert (event.mark == same.mark, event.mark == later.mark) == (True, False)


def test_a_message_is_told_by_its_id() -> None:
    """When it was sent is its time."""
    event = webhook_event("shop", "msg_1", AT, "paid")
    assert event.outputs() == {
        "type": "webhook.shop",
        "source": "/webhooks/shop",
        "id": "msg_1",
        "subject": None,
        "time": "2026-03-02T09:00:00+00:00",
        "data": "paid",
    }
