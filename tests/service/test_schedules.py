"""Schedules in a real Temporal: written once, kept with what operators did, and their runs each started once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.common import RawValue, SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from hitl_temporal.domain.calendar import CalendarDocument
from hitl_temporal.domain.schedules import Block, Schedule, Window, unpack
from hitl_temporal.effects.calendars import build, build_zone
from hitl_temporal.ports import PermanentError, TemporaryError
from hitl_temporal.service import schedule_specs, timetable
from hitl_temporal.service.errors import InvalidError, NotFoundError, UnavailableError
from hitl_temporal.service.forecast import Forecast
from hitl_temporal.service.schedules import Schedules
from hitl_temporal.service.timetable import Around, Plan, Plans
from tests.engine.conftest import Rig, running

NOW = datetime.now(UTC).replace(second=30, microsecond=0)
WEEKDAYS = {"cron": "0 18 * * MON-FRI", "tz": "Europe/Amsterdam"}
TIME = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
OFFICE = CalendarDocument(tz="Europe/Amsterdam")


@dataclass
class FakeTimetable:
    """Documents that a test writes in Python."""

    flow: str
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    office: CalendarDocument = OFFICE
    windows: tuple[Window, ...] = ()
    error: Exception | None = None

    async def plans(self) -> Plans:
        """Return the schedules of the one flow."""
        if isinstance(self.error, TemporaryError):
            raise self.error
        plans = [
            Plan(flow=self.flow, name=name, schedule=Schedule.model_validate(written))
            for name, written in self.schedules.items()
        ]
        return Plans(tuple(plans), self.broken)

    async def around(self, plan: Plan, start: datetime, until: datetime) -> Around:
        """Return the same office and blackouts for every plan."""
        if self.error is not None:
            raise self.error
        zone = build_zone(plan.schedule.tz or "UTC", start.date(), until.date())
        calendar = build("office", self.office, date(start.year, 1, 1), until.year - start.year + 1)
        return Around(zone, calendar if plan.schedule.uses_calendar else None, self.windows)


@workflow.defn(dynamic=True, sandboxed=False)
class Told:
    """Any flow: it tells for which time it was started."""

    @workflow.run
    async def run(self, _: Sequence[RawValue]) -> str:
        """Return the scheduled time."""
        return str(workflow.info().typed_search_attributes[TIME])


@dataclass
class House:
    """A flow's schedules, and short ways to look at them in Temporal."""

    rig: Rig
    documents: FakeTimetable
    now: datetime = NOW

    @property
    def schedules(self) -> Schedules:
        """The use cases at this time."""
        return Schedules(self.rig.client, self.documents, self.rig.queue, lambda: self.now)

    @property
    def forecast(self) -> Forecast:
        """What the documents plan, seen from this time."""
        return Forecast(self.documents, lambda: self.now)

    async def sync(self) -> dict[str, str]:
        """Sync, and return what was done by name."""
        return {one.name: one.did for one in await self.schedules.sync(self.documents.flow)}

    async def described(self, name: str = "0") -> Any:
        """Return a schedule as Temporal describes it."""
        return await self.rig.client.get_schedule_handle(f"hitl.schedule:{self.documents.flow}:{name}").describe()

    async def times(self, name: str = "0") -> list[datetime]:
        """Return every moment that is written into a schedule."""
        calendars = (await self.described(name)).schedule.spec.calendars
        return sorted({at for calendar in calendars for at in unpack([_block(calendar)])})

    async def runs(self, number: int) -> list[str]:
        """Return the ids of the flow's runs as soon as there are so many executions."""
        query = f"WorkflowType = '{self.documents.flow}'"
        while True:
            found = [run.id async for run in self.rig.client.list_workflows(query)]
            if len(found) >= number:
                return sorted(found)
            await asyncio.sleep(0.05)


def _block(calendar: Any) -> Block:
    def numbers(ranges: Any) -> tuple[int, ...]:
        return tuple(n for r in ranges for n in range(r.start, max(r.end, r.start) + 1, r.step or 1))

    (year,), (month,) = numbers(calendar.year), numbers(calendar.month)
    return Block(year, month, numbers(calendar.day_of_month), numbers(calendar.hour), numbers(calendar.minute))


@pytest.fixture
def house(idle_rig: Rig) -> Iterator[House]:
    return House(idle_rig, FakeTimetable(f"planned_{uuid4().hex[:8]}", {"0": WEEKDAYS}))


async def eventually(look: Callable[[], Awaitable[Any]], wanted: object) -> None:
    """Wait until a look shows what is wanted."""
    while await look() != wanted:
        await asyncio.sleep(0.05)


# --- What is written --------------------------------------------------------------------------------------------------


async def test_a_schedule_is_its_explicit_times(house: House) -> None:
    """All of them over the horizon and no other, with who asks and what for."""
    written = {**WEEKDAYS, "requester": "gus", "catchup": "4h", "overlap": "queue", "inputs": {"port": 443}}
    house.documents.schedules = {"0": written}
    assert await house.sync() == {"0": "created"}
    found = await house.described()
    coming = [one.at for one in await house.forecast.next(house.documents.flow, runs=200) if one.runs]
    expected = [at for at in coming if at < NOW + timedelta(days=90)]
    assert await house.times() == expected
    assert found.info.next_action_times[0] == expected[0]
    action, policy = found.schedule.action, found.schedule.policy
    args = await house.rig.client.data_converter.decode(action.args)
    assert args == [{"port": 443}, {"requester": "gus", "trigger": "schedule:0"}]
    assert (action.workflow, action.task_queue) == (house.documents.flow, house.rig.queue)
    assert (policy.catchup_window, policy.overlap) == (timedelta(hours=4), schedule_specs.OVERLAP["queue"])


async def test_without_a_requester_the_schedule_asks(house: House) -> None:
    """A machine, which has no manager; and Temporal's own bound for what was missed."""
    await house.sync()
    found = (await house.described()).schedule
    _, asked = await house.rig.client.data_converter.decode(found.action.args)
    assert asked["requester"] == "system:schedule"
    assert found.policy.catchup_window == timedelta(days=365)


async def test_what_has_not_changed_is_not_written_again(house: House) -> None:
    """Until half of the horizon has passed; what is known of zones and calendars changes with the year, too."""
    house.now = datetime(NOW.year + 1, 2, 1, tzinfo=UTC)
    await house.sync()
    assert await house.sync() == {"0": "unchanged"}
    assert (await house.described()).info.last_updated_at is None
    house.now += timedelta(days=44)
    assert await house.sync() == {"0": "unchanged"}
    house.now += timedelta(days=2)
    assert await house.sync() == {"0": "updated"}
    assert max(await house.times()) > house.now + timedelta(days=85)


@pytest.mark.parametrize("what", ["the rule", "the calendar", "a blackout", "the inputs"])
async def test_a_change_of_anything_it_is_made_of_is_written(house: House, what: str) -> None:
    """Of a rule, of the calendar it counts in, of a blackout, of what its runs are given."""
    house.documents.schedules = {"0": {**WEEKDAYS, "calendar": "office"}}
    await house.sync()
    first = (await house.times())[0]
    match what:
        case "the rule":
            house.documents.schedules = {"0": {**WEEKDAYS, "cron": "1 18 * * MON-FRI", "calendar": "office"}}
        case "the calendar":
            house.documents.office = OFFICE.but(closed=(first.date(),))
        case "a blackout":
            house.documents.windows = (Window("freeze", first, first + timedelta(minutes=1)),)
        case _:
            house.documents.schedules = {"0": {**WEEKDAYS, "calendar": "office", "inputs": {"a": 1}}}
    assert await house.sync() == {"0": "updated"}
    assert (first in await house.times()) is (what == "the inputs")


async def test_what_an_operator_has_paused_stays_paused(house: House) -> None:
    """Whatever the documents become; also when it was resumed against its document."""
    flow = house.documents.flow
    await house.sync()
    (paused,) = await house.schedules.pause(flow, reason="audit week")
    assert (paused.paused, paused.note) == (True, "audit week")
    house.documents.schedules = {"0": {**WEEKDAYS, "cron": "5 18 * * *"}}
    assert await house.sync() == {"0": "updated"}
    (listed,) = await house.schedules.list(flow)
    assert (listed.paused, listed.note) == (True, "audit week")
    (resumed,) = await house.schedules.resume(flow, reason="audit over")
    assert (resumed.paused, resumed.note) == (False, "audit over")


async def test_a_pause_of_the_document_ends_with_it(house: House) -> None:
    """And one of an operator does not."""
    flow = house.documents.flow
    house.documents.schedules = {"0": {**WEEKDAYS, "paused": True}}
    await house.sync()

    async def is_paused(written: dict[str, Any]) -> bool:
        house.documents.schedules = {"0": written}
        await house.sync()
        (listed,) = await house.schedules.list(flow)
        return listed.paused

    assert await is_paused({**WEEKDAYS, "paused": True})
    assert not await is_paused(WEEKDAYS)
    assert await is_paused({**WEEKDAYS, "paused": True})
    await house.schedules.resume(flow)
    assert not await is_paused({**WEEKDAYS, "paused": True, "inputs": {"a": 1}})
    await house.schedules.pause(flow, reason="by hand")
    assert await is_paused(WEEKDAYS)


async def test_a_schedule_whose_trigger_is_gone_is_removed(house: House) -> None:
    """That of a flow with errors stays as it was, and says so."""
    documents = house.documents
    documents.schedules = {"0": WEEKDAYS, "night": {"cron": "0 3 * * *"}}
    assert await house.sync() == {"0": "created", "night": "created"}
    await eventually(lambda: _listed_ids(house.rig.client, documents.flow), {"0", "night"})
    documents.schedules, documents.broken = {}, {documents.flow: "flow.yaml:3: `steps` is missing"}
    kept = await house.schedules.sync(documents.flow)
    assert {(one.name, one.did) for one in kept} == {("0", "kept"), ("night", "kept")}
    assert all("`steps` is missing" in one.reason for one in kept)
    documents.schedules, documents.broken = {"night": {"cron": "0 3 * * *"}}, {}
    assert await house.sync() == {"0": "removed", "night": "unchanged"}
    assert [one.name for one in await house.schedules.list(documents.flow)] == ["night"]


async def _listed_ids(client: Client, flow: str) -> set[str]:
    """Return the names that a list of Temporal shows."""
    prefix = f"hitl.schedule:{flow}:"
    found = [one.id async for one in await client.list_schedules()]
    return {one.removeprefix(prefix) for one in found if one.startswith(prefix)}


async def test_a_schedule_that_cant_be_written_out_stays_as_it_is(house: House) -> None:
    """A calendar that is gone is no reason to run on the wrong days."""
    await house.sync()
    before = await house.times()
    house.documents.error = PermanentError("unknown calendar 'office'")
    (kept,) = await house.schedules.sync(house.documents.flow)
    assert (kept.did, kept.reason) == ("kept", "unknown calendar 'office'")
    assert await house.times() == before
    with pytest.raises(InvalidError, match="unknown calendar"):
        await house.forecast.next(house.documents.flow)


async def test_a_schedule_of_another_project_is_left_alone(house: House) -> None:
    """Two projects on one namespace have queues of their own."""
    await house.sync()
    other = Schedules(house.rig.client, house.documents, "elsewhere", lambda: NOW)
    (kept,) = await other.sync(house.documents.flow)
    assert kept.did == "kept"
    assert f"belongs to task queue '{house.rig.queue}'" in kept.reason
    assert await other.list(house.documents.flow) == ()
    empty = Schedules(house.rig.client, FakeTimetable(house.documents.flow), "elsewhere", lambda: NOW)
    with pytest.raises(NotFoundError, match="has no schedule"):
        await empty.sync(house.documents.flow)
    assert await house.sync() == {"0": "unchanged"}


# --- How much is written ----------------------------------------------------------------------------------------------


async def test_every_minute_of_the_horizon_is_a_few_entries(house: House) -> None:
    """What is regular costs Temporal little."""
    house.documents.schedules = {"0": {"cron": "* * * * *"}}
    await house.sync()
    assert len((await house.described()).schedule.spec.calendars) < 20


async def test_a_rare_run_is_written_out_far_ahead(house: House) -> None:
    """At least ten, as far as calendars know; a list shows when the next one is."""
    house.documents.schedules = {"0": {"day": 1, "at": "09:00"}}
    await house.sync()
    assert len(await house.times()) >= 10
    house.documents.schedules = {"0": {"cron": "0 0 29 2 *"}}
    await house.sync()
    assert len(await house.times()) <= 1


async def test_what_is_irregular_is_written_out_less_far(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never more entries than Temporal takes with ease."""
    monkeypatch.setattr(timetable, "MAX_BLOCKS", 3)
    house.documents.schedules = {"0": {"day": [1, -1, 13, "SAT"], "at": ["06:00", "07:01"], "tz": "Europe/Amsterdam"}}
    await house.sync()
    assert 0 < len((await house.described()).schedule.spec.calendars) <= 3


# --- Runs -------------------------------------------------------------------------------------------------------------


async def test_past_times_that_are_written_out_start_nothing(house: House) -> None:
    """A worker with a slow clock, or a backfill, may write such."""
    house.documents.schedules = {"0": {"cron": "0 12 * * *"}}
    house.now = NOW - timedelta(days=5)
    await house.sync()
    assert (await house.times())[0] < NOW
    house.documents.schedules = {"0": {"cron": "1 12 * * *"}}
    assert await house.sync() == {"0": "updated"}
    assert (await house.described()).info.num_actions == 0
    assert await house.runs(0) == []


async def test_a_backfill_starts_what_never_started(house: House) -> None:
    """Each time once, with its own time, although the schedule is made of times to come; days left out say why."""
    flow, day = house.documents.flow, timedelta(days=1)
    house.documents.schedules = {"0": {"cron": "0 12 * * *"}}
    await house.sync()
    begin = (NOW - 5 * day).replace(hour=0, minute=0, second=0)
    house.documents.windows = (Window("freeze", begin + day, begin + 2 * day),)

    async with running(Worker(house.rig.client, task_queue=house.rig.queue, workflows=[Told])):
        first = await house.schedules.backfill(flow, begin.date(), (begin + day).date())
        noon = begin + timedelta(hours=12)
        assert list(first.started) == [noon]
        assert [(one.at, one.reason) for one in first.left_out] == [(noon + day, "blackout freeze")]
        await house.runs(1)
        second = await house.schedules.backfill(flow, begin, begin + 3 * day)
        assert (list(second.already), list(second.started)) == ([noon], [noon + 2 * day])
        ids = await house.runs(2)
        results = [await house.rig.client.get_workflow_handle(i).result() for i in ids]
        assert results == [str(noon), str(noon + 2 * day)]
        third = await house.schedules.backfill(flow, begin, begin + 3 * day)
        assert third.started == ()
    assert len(await house.runs(2)) == 2


async def test_a_trigger_starts_a_run_now(house: House) -> None:
    """Also while the schedule is paused."""
    flow = house.documents.flow
    await house.sync()
    await house.schedules.pause(flow)
    listed = await house.schedules.trigger(flow, overlap="all")
    assert listed.paused
    (run,) = await house.runs(1)
    assert run.startswith(f"{flow}.0-")
    assert (await house.schedules.trigger(flow)).name == "0"


# --- What is refused --------------------------------------------------------------------------------------------------


async def test_what_is_not_there_is_named(house: House) -> None:
    """With what there is, and what to do."""
    flow, schedules = house.documents.flow, house.schedules
    with pytest.raises(NotFoundError, match="`hitl schedule sync` makes them"):
        await schedules.pause(flow)
    await house.sync()
    with pytest.raises(NotFoundError, match="it has 0: `hitl schedule sync`"):
        await schedules.resume(flow, "night")
    with pytest.raises(NotFoundError, match="has no schedule; those that have one: planned_"):
        await house.forecast.next("other")
    with pytest.raises(NotFoundError, match="no schedule is called 'night'; there are: 0"):
        await house.forecast.next(flow, "night")
    house.documents.schedules["night"] = {"cron": "0 3 * * *"}
    await house.sync()
    hour = timedelta(hours=1)
    for call in (schedules.trigger(flow), schedules.backfill(flow, NOW - hour, NOW)):
        with pytest.raises(InvalidError, match="several schedules: 0, night; say which"):
            await call
    assert len(await schedules.pause(flow)) == 2
    house.documents.schedules, house.documents.broken = {}, {flow: "flow.yaml:1: broken"}
    with pytest.raises(NotFoundError, match=r"has errors: flow\.yaml:1: broken"):
        await house.forecast.next(flow)


async def test_the_last_day_of_a_backfill_counts_as_far_as_it_has_passed(house: House) -> None:
    """Dates are those of the schedule's zone."""
    flow = house.documents.flow
    house.documents.schedules = {"0": {"cron": "*/30 * * * *", "tz": "Pacific/Auckland"}}
    await house.sync()
    today = NOW.astimezone(ZoneInfo("Pacific/Auckland"))
    done = await house.schedules.backfill(flow, today.date(), today.date(), overlap="all")
    midnight = today.replace(hour=0, minute=0, second=0).astimezone(UTC)
    assert all(midnight <= at < NOW for at in done.started)
    assert len(done.started) == len(await house.runs(len(done.started)))
    assert midnight in done.started


@pytest.mark.parametrize("hours", [(1, 0), (-1, 1), (0, 0)])
async def test_a_backfill_needs_a_range_that_has_passed(house: House, hours: tuple[int, int]) -> None:
    """What lies ahead comes by itself."""
    start, end = (NOW + timedelta(hours=n) for n in hours)
    with pytest.raises(InvalidError, match="a range that has passed"):
        await house.schedules.backfill(house.documents.flow, start, end)


async def test_a_backfill_is_bounded(house: House) -> None:
    """Temporal keeps only so many waiting."""
    house.documents.schedules = {"0": {"cron": "* * * * *"}}
    with pytest.raises(InvalidError, match="1440 runs lie in this range"):
        await house.schedules.backfill(house.documents.flow, NOW - timedelta(days=1), NOW)


async def test_a_calendar_that_ends_is_told(house: House) -> None:
    """By what comes, by a backfill and by a sync, which leaves things as they are."""
    house.documents.schedules = {"0": {"cron": "0 18 * * *", "calendar": "office"}}
    await house.sync()
    house.now += timedelta(days=9_000)
    ended = build("office", OFFICE, NOW.date())

    async def around(plan: Plan, start: datetime, until: datetime) -> Around:
        return Around(build_zone("UTC", NOW.date(), NOW.date()), ended, ())

    house.documents.around = around
    flow, day = house.documents.flow, timedelta(days=1)
    assert await house.sync() == {"0": "kept"}
    with pytest.raises(InvalidError, match="does not know"):
        await house.forecast.next(flow)
    with pytest.raises(InvalidError, match="does not know"):
        await house.schedules.backfill(flow, house.now - day, house.now)


async def test_documents_that_cant_be_read_are_unavailable(house: House) -> None:
    """Nothing is done."""
    house.documents.error = TemporaryError("the disk is away")
    with pytest.raises(UnavailableError, match="the disk is away"):
        await house.schedules.sync()


async def test_a_temporal_that_does_not_answer_is_unavailable(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """In our own words."""

    async def away(*_: Any, **__: Any) -> None:
        raise RPCError("connection refused", RPCStatusCode.UNAVAILABLE, b"")

    monkeypatch.setattr(Client, "list_schedules", away)
    with pytest.raises(UnavailableError, match="Temporal does not answer: connection refused"):
        await house.schedules.list()


@pytest.fixture(autouse=True)
async def no_schedule_stays(house: House) -> Any:
    """Remove what a test has made: a server of many tests would start its runs."""
    yield
    for name in (*house.documents.schedules, "0", "night"):
        with suppress(RPCError):
            await house.rig.client.get_schedule_handle(f"hitl.schedule:{house.documents.flow}:{name}").delete()
