"""`hitl schedule`: what the documents plan, and the Schedules of a real Temporal."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.testing import WorkflowEnvironment

from hitl_temporal.app import timetable
from hitl_temporal.app.documents import Documents
from hitl_temporal.cli import scheduling
from hitl_temporal.ports import PermanentError
from hitl_temporal.service.timetable import Plan
from tests.cli.conftest import Outcome
from tests.engine.conftest import server

__all__ = ["server"]

Hitl = Callable[..., Outcome]

SITE = """
calendars:
  default: office-nl
  office-nl: {tz: Europe/Amsterdam, holidays: NL}
blackouts:
  freeze: [{from: 2020-01-01, to: 2020-01-31}]
  always: [{from: 2020-01-01, to: 2099-01-01, tz: Asia/Tokyo}]
"""
FLOW = """
flow: {name}
calendar: office-nl
inputs: {{day: {{type: string, optional: true}}}}
triggers: {triggers}
blackouts: {blackouts}
steps:
  - {{id: pause, wait: {{for: 1d}}}}
"""


@pytest.fixture
def flow(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of the one flow of a project, which has two schedules."""
    name = f"nightly_{uuid4().hex[:8]}"
    (elsewhere / "workflows" / name).mkdir(parents=True)
    (elsewhere / "workflows" / "site.yaml").write_text(SITE, encoding="utf-8")
    plan(
        elsewhere,
        name,
        {"cron": "0 18 * * *", "calendar": "office-nl", "shift": "skip", "inputs": {"day": "{{event.time}}"}},
        {"day": "last-business-day", "at": "17:00", "name": "month-end"},
    )
    monkeypatch.setenv("HITL_TASK_QUEUE", f"q-{name}")
    return name


def plan(root: Path, name: str, *schedules: dict[str, object], blackouts: tuple[str, ...] = ()) -> None:
    """Let the flow have these schedules."""
    triggers = json.dumps([{"schedule": one} for one in schedules])
    text = FLOW.format(name=name, triggers=triggers, blackouts=json.dumps(blackouts))
    (root / "workflows" / name / "flow.yaml").write_text(text, encoding="utf-8")


@pytest.fixture
def temporal(server: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch) -> WorkflowEnvironment:
    """Let the command find the server of the tests."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", server.client.service_client.config.target_host)
    return server


# --- What comes -------------------------------------------------------------------------------------------------------


def test_next_lists_runs_and_why_days_are_left_out(hitl: Hitl, flow: str) -> None:
    """Without Temporal; in local time and in UTC."""
    done = hitl("schedule", "next", flow, "--name", "0", "-n", "7")
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert done.code == 0
    assert len([row for row in rows if row[5] == "yes"]) == 7
    left_out = [row[6] for row in rows if row[5] == "no"]
    assert any(reason.startswith("Saturday is no working day in calendar 'office-nl'") for reason in left_out)
    assert {(row[1], row[3], row[4]) for row in rows} == {("Europe/Amsterdam", flow, "0")}
    assert all(row[0].endswith(" 18:00") and row[2].endswith("00:00Z") for row in rows)


def test_next_is_json_for_programs(hitl: Hitl, flow: str) -> None:
    """Of every schedule of every flow, by time."""
    items = hitl("schedule", "next", "--json").document["items"]
    assert [item["at"] for item in items] == sorted(item["at"] for item in items)
    assert {item["name"] for item in items} == {"0", "month-end"}
    assert items[0].keys() == {"flow", "name", "at", "local", "tz", "runs", "reason"}


def test_a_blackout_is_a_reason(hitl: Hitl, flow: str, elsewhere: Path) -> None:
    """Of its own zone, or of the site's calendar."""
    plan(elsewhere, flow, {"day": 1, "at": "09:00"}, blackouts=("freeze", "always"))
    items = hitl("schedule", "next", flow, "--json").document["items"]
    assert items
    assert {item["reason"] for item in items} == {"blackout always"}


@pytest.mark.parametrize(
    ("schedule", "blackouts", "says"),
    [
        (
            {"cron": "0 3 * * *", "calendar": "mars"},
            (),
            "unknown calendar 'mars'; add it to site.yaml, which has office-nl",
        ),
        ({"cron": "0 3 * * *", "tz": "Europe/Amsterdm"}, (), "unknown time zone 'Europe/Amsterdm'"),
        ({"cron": "0 3 * * *"}, ("thaw",), "unknown blackout 'thaw'; add it to site.yaml, which has freeze, always"),
    ],
)
def test_names_that_nothing_bears_are_told(
    hitl: Hitl,
    flow: str,
    elsewhere: Path,
    schedule: dict[str, object],
    blackouts: tuple[str, ...],
    says: str,
) -> None:
    """With what there is."""
    plan(elsewhere, flow, schedule, blackouts=blackouts)
    done = hitl("schedule", "next", flow)
    assert done.code == 1
    assert says in done.err


def test_a_broken_site_is_told(hitl: Hitl, flow: str, elsewhere: Path) -> None:
    """Without calendars nothing is planned."""
    (elsewhere / "workflows" / "site.yaml").write_text("calendars: {default: mars}\n", encoding="utf-8")
    done = hitl("schedule", "next", flow)
    assert done.code == 2
    assert "site.yaml has errors" in done.err
    assert "unknown calendar 'mars'" in done.err


def test_a_site_without_calendars_counts_monday_to_friday(hitl: Hitl, flow: str, elsewhere: Path) -> None:
    """In UTC, as everywhere."""
    (elsewhere / "workflows" / "site.yaml").unlink()
    plan(elsewhere, flow, {"cron": "0 18 * * *", "shift": "skip"})
    name = elsewhere / "workflows" / flow / "flow.yaml"
    name.write_text(name.read_text(encoding="utf-8").replace("calendar: office-nl\n", ""), encoding="utf-8")
    items = hitl("schedule", "next", flow, "-n", "8", "--json").document["items"]
    assert {item["tz"] for item in items} == {"UTC"}
    assert "Sunday is no working day in calendar 'default'; skipped" in {item["reason"] for item in items}


def test_who_has_no_schedule_is_told_who_has(hitl: Hitl, flow: str) -> None:
    """A misspelt name."""
    done = hitl("schedule", "next", "nightly")
    assert done.code == 1
    assert f"flow 'nightly' has no schedule; those that have one: {flow}" in done.err


async def test_a_timetable_refuses_what_it_does_not_know(flow: str, elsewhere: Path) -> None:
    """As a port does: trying again can't help."""
    found = timetable.DocumentTimetable(Documents(elsewhere))
    (first, _) = (await found.plans()).plans
    assert (first.flow, first.calendar) == (flow, "office-nl")
    strange = Plan.model_validate({**first.model_dump(), "blackouts": ("thaw",)})
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(PermanentError, match="thaw"):
        await found.around(strange, moment, moment)


# --- In Temporal ------------------------------------------------------------------------------------------------------


def test_a_life_of_schedules(hitl: Hitl, flow: str, temporal: WorkflowEnvironment) -> None:
    """Made, listed, paused with a reason, triggered, backfilled, resumed; each command as a person uses it."""
    done = hitl("schedule", "sync")
    assert done.code == 0
    assert [line.split("\t")[:3] for line in done.out.splitlines()] == [
        [flow, "0", "created"],
        [flow, "month-end", "created"],
    ]
    again = hitl("schedule", "sync", flow, "--json").document
    assert [one["did"] for one in again] == ["unchanged", "unchanged"]
    paused = hitl("schedule", "pause", flow, "--name", "0", "--reason", "audit week", "--json").document["items"]
    assert [(one["name"], one["paused"], one["note"]) for one in paused] == [("0", True, "audit week")]
    rows = [line.split("\t") for line in hitl("schedule", "ls", flow).out.splitlines()]
    assert [(row[1], row[2], row[6]) for row in rows] == [("0", "paused", "audit week"), ("month-end", "active", "")]
    assert hitl("schedule", "trigger", flow, "--name", "month-end", "--overlap", "all").code == 0
    told = hitl("schedule", "trigger", flow)
    assert (told.code, "say which with --name" in told.err) == (2, True)
    past = hitl(
        "schedule", "backfill", flow, "--name", "month-end", "--from", "2026-01-01", "--to", "2026-02-28", "--json"
    )
    assert past.document["started"] == ["2026-01-30T16:00:00Z", "2026-02-27T16:00:00Z"]
    (resumed,) = hitl("schedule", "resume", flow, "--name", "0").out.splitlines()
    assert resumed.split("\t")[2] == "active"
    for name in ("0", "month-end"):
        asyncio.run(_remove(temporal, f"hitl.schedule:{flow}:{name}"))


async def _remove(temporal: WorkflowEnvironment, schedule_id: str) -> None:
    client = await type(temporal.client).connect(temporal.client.service_client.config.target_host)
    await client.get_schedule_handle(schedule_id).delete()


def test_a_backfill_as_a_table(hitl: Hitl, flow: str, temporal: WorkflowEnvironment) -> None:
    """What is left out says why."""
    hitl("schedule", "sync")
    done = hitl(
        "schedule", "backfill", flow, "--name", "0", "--from", "2026-01-02", "--to", "2026-01-05T12:00:00+01:00"
    )
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert [row[:2] for row in rows] == [
        ["2026-01-02T17:00:00Z", "started"],
        ["2026-01-03T17:00:00Z", "left out"],
        ["2026-01-04T17:00:00Z", "left out"],
    ]
    assert "1 of 1 started" in done.err
    for name in ("0", "month-end"):
        asyncio.run(_remove(temporal, f"hitl.schedule:{flow}:{name}"))


def test_what_is_kept_fails(hitl: Hitl, flow: str, elsewhere: Path, temporal: WorkflowEnvironment) -> None:
    """A schedule that could not be written is an error of whoever syncs; what was there stays as it was."""
    plan(elsewhere, flow, {"cron": "0 3 * * *", "calendar": "mars"})
    never = hitl("schedule", "sync", flow)
    assert never.code == 1
    assert "unknown calendar 'mars'" in never.err
    plan(elsewhere, flow, {"cron": "0 3 * * *"})
    assert hitl("schedule", "sync", flow).code == 0
    plan(elsewhere, flow, {"cron": "0 3 * * *", "calendar": "mars"})
    done = hitl("schedule", "sync", flow)
    assert done.code == 1
    assert "unknown calendar 'mars'" in done.out
    asyncio.run(_remove(temporal, f"hitl.schedule:{flow}:0"))


@pytest.mark.parametrize(
    ("option", "text", "says"),
    [
        ("--from", "yesterday", "--from 'yesterday' is neither a date"),
        ("--to", "2026-02-30", "--to '2026-02-30' is neither a date"),
        ("--to", "2026-01-05T12:00", "has no offset; add Z"),
    ],
)
def test_moments_are_dates_or_have_an_offset(hitl: Hitl, flow: str, option: str, text: str, says: str) -> None:
    """Before anything is asked."""
    moments = {"--from": "2026-01-01", "--to": "2026-01-31", option: text}
    done = hitl("schedule", "backfill", flow, *(part for pair in moments.items() for part in pair))
    assert done.code == 2
    assert says in done.err


def test_a_temporal_that_is_away_is_one_line(hitl: Hitl, flow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to set."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr(scheduling, "PATIENCE", scheduling.timedelta())
    done = hitl("schedule", "ls")
    assert done.code == 1
    assert "Temporal does not answer at '127.0.0.1:1'" in done.err
