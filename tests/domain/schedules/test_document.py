"""What may be written as a trigger, and which days a rule names."""

from collections.abc import Callable
from datetime import date, time
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from hitl_temporal.domain.schedules import Schedule, Trigger, schedules_of
from hitl_temporal.domain.schedules.days import counts_working_days, days_of_month
from hitl_temporal.domain.value import Json

CONTRACT = {
    "schedule": {
        "cron": "0 18 * * MON-FRI",
        "tz": "Europe/Amsterdam",
        "calendar": "office-nl",
        "shift": "skip",
        "overlap": "skip",
        "catchup": "4h",
        "requester": "gus",
        "inputs": {"source": "10.0.0.0/24", "port": 443},
    }
}
EVENT = {
    "event": {
        "type": "com.example.rule.requested",
        "if": "event.data.port != 23",
        "inputs": {"source": "{{event.data.source}}"},
    }
}


def weekdays_only(day: date) -> bool:
    """Return whether people work: Monday to Friday but Good Friday and Easter Monday."""
    return day.weekday() < 5 and day not in {date(2026, 4, 3), date(2026, 4, 6)}


@pytest.mark.parametrize(
    "written",
    [
        CONTRACT,
        EVENT,
        {"webhook": {"source": "erp", "if": "event.data.ok"}},
        {"file": {"path": "/in/*.csv", "stable": "1m"}},
        {"run": {"flow": "other.flow", "status": ["completed", "rejected"]}},
        {"schedule": {"day": "last-business-day", "at": "18:00", "name": "month-end", "paused": True}},
    ],
)
def test_a_trigger_is_kept_as_written(written: dict[str, Any]) -> None:
    """So that a definition's digest says what its author said."""
    trigger = Trigger.model_validate(written)
    dumped = trigger.model_dump(mode="json", by_alias=True)
    assert Trigger.model_validate(dumped) == trigger
    (kind,) = written
    assert trigger.kind == kind
    assert dumped[kind].keys() == written[kind].keys()


def test_a_status_may_be_one() -> None:
    """As everywhere a list may have one entry."""
    run = Trigger.model_validate({"run": {"flow": "a", "status": "failed"}}).run
    assert run is not None
    assert run.status == ("failed",)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({}, "starts nothing"),
        ({**CONTRACT, **EVENT}, "has schedule and event"),
        ({"schedule": {}}, "says when it runs"),
        ({"schedule": {"cron": "0 0 * * *", "day": 1, "at": "09:00"}}, "not both"),
        ({"schedule": {"cron": "0 0 * * *", "at": "09:00"}}, "`at` belongs to `day`"),
        ({"schedule": {"day": 1}}, "needs a time"),
        ({"schedule": {"day": 1, "at": []}}, "at least 1"),
        ({"schedule": {"day": 1, "at": "24:00"}}, "no time of day"),
        ({"schedule": {"cron": "0 0 * *"}}, "is not cron"),
        ({"schedule": {"cron": "0 0 * * *", "catchup": "4bh"}}, "counts working time"),
        ({"schedule": {"cron": "0 0 * * *", "overlap": "never"}}, "overlap"),
        ({"schedule": {"cron": "0 0 * * *", "inputs": {"a": "{{event.time"}}}, "not closed"),
        ({"schedule": {"day": 0, "at": "09:00"}}, "0 is not a day of the month"),
        ({"schedule": {"day": 32, "at": "09:00"}}, "32 is not a day of the month"),
        ({"schedule": {"day": True, "at": "09:00"}}, "True is no day"),
        ({"schedule": {"day": "weekdays", "at": "09:00"}}, "'weekdays' is no day"),
        ({"schedule": {"day": [], "at": "09:00"}}, "names no day"),
        ({"schedule": {"day": [1, "x"], "at": "09:00"}}, "'x' is no day"),
        ({"schedule": {"day": {"workday": 0}, "at": "09:00"}}, "0 is not a working day"),
        ({"schedule": {"day": {"workday": True}, "at": "09:00"}}, "is no day"),
        ({"schedule": {"day": {"weekday": "FRI", "nth": 6}, "at": "09:00"}}, "6 is not an `nth` weekday"),
        ({"schedule": {"day": {"weekday": "FRY", "nth": 1}, "at": "09:00"}}, "'FRY' is no weekday"),
        ({"schedule": {"day": {"weekday": "FRI"}, "at": "09:00"}}, "is no day"),
    ],
)
def test_what_means_nothing_is_refused(written: dict[str, Any], says: str) -> None:
    """With what to write instead."""
    with pytest.raises(ValidationError) as error:
        Trigger.model_validate(written)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("first-business-day", [1]),
        ("last-business-day", [30]),
        ({"workday": 1}, [1]),
        ({"workday": 3}, [7]),
        ({"workday": -2}, [29]),
        ({"workday": 25}, []),
        ({"workday": -25}, []),
        ({"weekday": "FRI", "nth": 2}, [10]),
        ({"weekday": "WED", "nth": -1}, [29]),
        ({"weekday": "WED", "nth": 5}, [29]),
        ({"weekday": "FRI", "nth": 5}, []),
        ("SAT", [4, 11, 18, 25]),
        ("SUN-MON", [5, 6, 12, 13, 19, 20, 26, 27]),
        (15, [15]),
        (-1, [30]),
        (31, []),
        ([15, 1, "last-business-day", -1], [1, 15, 30]),
    ],
)
def test_a_rule_names_days_of_a_month(rule: Json, days: list[int]) -> None:
    """April 2026, whose 1st is a Wednesday, with the days off around Easter."""
    assert days_of_month(rule, 2026, 4, weekdays_only) == tuple(date(2026, 4, day) for day in days)


def test_december_ends_at_its_end() -> None:
    """The next month lies in another year."""
    assert days_of_month("last-business-day", 2026, 12, weekdays_only) == (date(2026, 12, 31),)


@pytest.mark.parametrize(
    ("rule", "counts"),
    [("MON-FRI", False), (15, False), ({"weekday": "FRI", "nth": 1}, False), ({"workday": 2}, True)],
)
def test_rules_that_count_working_days_say_so(rule: Json, counts: bool) -> None:
    """For them a calendar must be known."""
    assert counts_working_days(rule) is counts
    assert counts_working_days([1, rule]) is counts


@pytest.mark.parametrize(
    ("changes", "uses"),
    [
        ({}, False),
        ({"calendar": "office-nl"}, True),
        ({"shift": "next"}, True),
        ({"cron": None, "day": "last-business-day", "at": "09:00"}, True),
        ({"cron": None, "day": "MON-FRI", "at": "09:00"}, False),
    ],
)
def test_a_calendar_counts_only_where_it_is_called_for(changes: dict[str, Any], uses: bool) -> None:
    """A nightly backup runs at weekends."""
    assert Schedule.model_validate({"cron": "0 3 * * *", **changes}).uses_calendar is uses


def test_times_are_in_order_and_each_once() -> None:
    """However they are written."""
    schedule = Schedule.model_validate({"day": 1, "at": ["18:00", "09:30", "18:00"]})
    assert schedule.times == (time(9, 30), time(18))
    assert Schedule(cron="0 6 * * *").times == (time(6),)


@pytest.fixture(scope="module")
def is_valid() -> Callable[[object], bool]:
    """Return whether the JSON Schema takes a document."""
    validator = jsonschema.Draft202012Validator(Trigger.model_json_schema(by_alias=True))
    return validator.is_valid


@pytest.mark.parametrize(
    ("day", "right"),
    [
        ("last-business-day", True),
        ("MON-FRI", True),
        ("MONDAY", False),
        (-31, True),
        (0, False),
        (32, False),
        ({"workday": 3}, True),
        ({"workday": 0}, False),
        ({"weekday": "FRI", "nth": -1}, True),
        ({"weekday": "FRI"}, False),
        ([1, {"workday": 1}], True),
        ([], False),
    ],
)
def test_the_schema_takes_the_same_days(is_valid: Callable[[object], bool], day: Json, right: bool) -> None:
    """An editor says what the model says."""
    written = {"schedule": {"day": day, "at": "09:00"}}
    assert is_valid(written) is right
    if right:
        Trigger.model_validate(written)
    else:
        with pytest.raises(ValidationError):
            Trigger.model_validate(written)


def test_schedules_have_names_of_their_own() -> None:
    """A given one, else the number of the trigger; two of one name would be one schedule."""
    named = {"schedule": {"cron": "0 0 * * *", "name": "2"}}
    unnamed = {"schedule": {"cron": "0 1 * * *"}}
    triggers = [Trigger.model_validate(written) for written in (named, EVENT, unnamed)]
    assert [*schedules_of(triggers[:2]), *schedules_of(triggers[1:])] == ["2", "1"]
    with pytest.raises(PydanticCustomError) as error:
        schedules_of(triggers)
    assert error.value.context == {
        "message": "two schedules are called '2'; give each its own `name`",
        "at": ("triggers", 2, "schedule", "name"),
    }
