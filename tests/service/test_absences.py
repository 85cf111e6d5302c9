"""Being away, as people say it: their own dates, their own answers; and open approvals that are told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from hitl_temporal.domain.people import People
from hitl_temporal.engine.attributes import ASSIGNEES, GROUPS
from hitl_temporal.engine.listing import OVERFLOW
from hitl_temporal.ports import TemporaryError
from hitl_temporal.service import door, refreshing
from hitl_temporal.service.absences import Absences, Wish
from hitl_temporal.service.errors import ForbiddenError, InvalidError, NotFoundError, UnavailableError
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.runs import Runs
from tests.engine.conftest import Rig, running
from tests.engine.test_approval import eventually
from tests.fakes import PEOPLE
from tests.service.conftest import PATIENT

YEAR = datetime.now(UTC).year + 1
WINTER = {"since": f"{YEAR}-12-24", "until": f"{YEAR + 1}-01-02"}


def me(person: str) -> Identity:
    """Return who calls, as a door would know them."""
    roles = PEOPLE.people[person].roles if person in PEOPLE.people else ()
    return Identity(person, frozenset(roles), frozenset(PEOPLE.groups_of(person)), "medium", "api")


def use(rig: Rig) -> Absences:
    """Return the use cases over a list of the test's own."""
    return Absences(rig.client, rig.directory, rig.queue, f"absences-{uuid4().hex[:8]}")


# --- what people write ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tz", "since", "moment"),
    [
        ("UTC", f"{YEAR}-12-24", f"{YEAR}-12-24T00:00:00Z"),
        ("Europe/Amsterdam", f"{YEAR}-12-24", f"{YEAR}-12-23T23:00:00Z"),
        ("Europe/Amsterdam", f"{YEAR}-07-01", f"{YEAR}-06-30T22:00:00Z"),
        ("America/New_York", f"{YEAR}-12-24", f"{YEAR}-12-24T05:00:00Z"),
        ("Europe/Amsterdam", f"{YEAR}-12-24T09:00:00Z", f"{YEAR}-12-24T09:00:00Z"),
        ("Europe/Amsterdam", f"{YEAR}-12-24t09:00:00z", f"{YEAR}-12-24T09:00:00Z"),
        ("UTC", f"{YEAR}-12-24T09:30:00+05:30", f"{YEAR}-12-24T04:00:00Z"),
    ],
)
async def test_a_date_begins_at_midnight_where_the_person_lives(rig: Rig, tz: str, since: str, moment: str) -> None:
    """A time with an offset is what it says."""
    rig.directory.people = People.model_validate({"people": {"bob": {"name": "Bob", "tz": tz}}})
    change = await use(rig).add(me("bob"), {"since": since, "until": f"{YEAR + 1}-01-02"})
    assert change.absence is not None
    assert change.absence.since == datetime.fromisoformat(moment)


async def test_the_zone_is_that_of_the_absent_person(rig: Rig) -> None:
    """Not of the operator who enters it."""
    people = {"bob": {"name": "Bob", "tz": "Asia/Tokyo"}, "gus": {"name": "Gus", "roles": ["operator"]}}
    rig.directory.people = People.model_validate({"people": people})
    change = await use(rig).add(me("gus"), WINTER, person="bob")
    assert change.absence is not None
    assert (change.absence.since.isoformat(), change.absence.by) == (f"{YEAR}-12-23T15:00:00+00:00", "gus")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"since": "24-12-2026"}, "since: '24-12-2026' is neither a date"),
        ({"since": f"{YEAR}-02-30"}, "since: "),
        ({"until": "later"}, "until: 'later' is neither a date"),
        ({"until": f"{YEAR}-12-31T09:00:00"}, "has no offset"),
        ({"until": "9999-12-31T23:59:59-05:00"}, "until: "),
        ({"until": WINTER["since"]}, "until: it must lie after `since`"),
        ({"until": f"{YEAR + 3}-01-01"}, "until: an absence lasts at most"),
        ({"since": "2020-01-01", "until": "2020-02-01"}, "over already"),
        ({"since": 5}, "since: "),
        ({"substitute": "zoe"}, "substitute: 'zoe' is not an active person"),
        ({"substitute": "nobody"}, "substitute: 'nobody' is not an active person"),
        ({"substitute": "bob"}, "can't stand in for themself"),
        ({"if": "amount >"}, "if: expression"),
        ({"reason": "x" * 501}, "reason: "),
        ({"colour": "red"}, "colour: unknown field"),
        ({"person": "cai"}, "person: unknown field"),
    ],
)
async def test_what_does_not_fit_is_invalid_and_says_where(rig: Rig, changes: dict[str, Any], says: str) -> None:
    """Nothing is entered."""
    absences = use(rig)
    with pytest.raises(InvalidError) as error:
        await absences.add(me("bob"), {**WINTER, **changes})
    assert says in str(error.value)
    assert await absences.list(me("bob")) == ()


async def test_a_zone_that_nobody_knows_wants_a_time_with_an_offset(rig: Rig) -> None:
    """The directory may come from elsewhere than a checked file."""
    rig.directory.people = People.model_validate({"people": {"bob": {"name": "Bob", "tz": "Europe"}}})
    with pytest.raises(InvalidError, match="unknown time zone 'Europe'"):
        await use(rig).add(me("bob"), WINTER)
    whole = {name: f"{day}T00:00:00Z" for name, day in WINTER.items()}
    assert (await use(rig).add(me("bob"), whole)).status == "done"


def test_a_wish_has_the_terms_of_an_absence() -> None:
    """What can be said of one can be wished."""
    from hitl_temporal.domain.absence import Terms  # noqa: PLC0415

    assert Wish.model_fields.keys() == Terms.model_fields.keys()


# --- who may ----------------------------------------------------------------------------------------------------------


async def test_the_first_absence_of_a_site_begins_its_list(rig: Rig) -> None:
    """Until then nobody is away; later ones find it there."""
    absences = use(rig)
    assert await absences.list(me("bob")) == ()
    first = await absences.add(me("bob"), {**WINTER, "reason": "skiing"})
    second = await absences.add(me("bob"), {**WINTER, "substitute": "dee", "flow": "finance.*", "if": "amount > 5"})
    assert await absences.list(me("bob")) == (first.absence, second.absence)
    assert first.absence is not None
    assert first.absence.reason == "skiing"


async def test_those_of_others_are_for_operators(rig: Rig) -> None:
    """To see, to enter, to remove."""
    absences = use(rig)
    added = (await absences.add(me("gus"), WINTER, person="bob")).absence
    assert added is not None
    assert await absences.list(me("eli"), "bob") == await absences.list(me("bob")) == (added,)
    with pytest.raises(NotFoundError, match="for operators"):
        await absences.list(me("ann"), "bob")
    with pytest.raises(ForbiddenError, match="operator or admin"):
        await absences.add(me("ann"), WINTER, person="bob")
    with pytest.raises(ForbiddenError, match="operator or admin"):
        await absences.remove(me("ann"), added.id)
    assert (await absences.remove(me("gus"), added.id)).absence == added
    with pytest.raises(NotFoundError, match="there is no absence '1'"):
        await absences.remove(me("bob"), added.id)


async def test_the_list_is_no_run(rig: Rig) -> None:
    """Also for operators, who may see every run."""
    absences = use(rig)
    await absences.add(me("bob"), WINTER)
    with pytest.raises(NotFoundError, match="is not a run"):
        await Runs(rig.client, rig.catalogue, rig.directory, rig.queue).show(me("gus"), absences._handle.id)


async def test_the_same_key_does_it_once(rig: Rig) -> None:
    """Adding and removing; with another wish it is refused."""
    absences = use(rig)
    first = await absences.add(me("bob"), WINTER, key="k")
    assert await absences.add(me("bob"), WINTER, key="k") == first
    with pytest.raises(InvalidError, match="key 'k' was used"):
        await absences.add(me("bob"), {**WINTER, "substitute": "dee"}, key="k")
    assert first.absence is not None
    gone = await absences.remove(me("bob"), first.absence.id, key="r")
    assert await absences.remove(me("bob"), first.absence.id, key="r") == gone
    assert await absences.list(me("bob")) == ()


async def test_without_a_worker_a_wish_is_kept_and_judged_later(idle_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, although it was sent in two ways, and however often it is sent again."""
    monkeypatch.setattr(door, "PATIENCE", timedelta(seconds=0.3))
    rig, absences = idle_rig, use(idle_rig)
    kept = await absences.add(me("bob"), WINTER, key="k")
    assert (kept.status, kept.absence, kept.key) == ("recorded", None, "k")
    assert "kept by Temporal" in kept.note
    monkeypatch.setattr(door, "PATIENCE", PATIENT)
    async with rig.worker():
        done = await absences.add(me("bob"), WINTER, key="k")
        assert done.status == "done"
        assert await absences.list(me("bob")) == (done.absence,)


async def test_a_list_that_was_ended_begins_anew(rig: Rig) -> None:
    """Whoever terminates it in Temporal has meant it."""
    absences = use(rig)
    await absences.add(me("bob"), WINTER)
    await absences._handle.terminate()
    assert await absences.list(me("bob")) == ()
    added = await absences.add(me("cai"), WINTER)
    assert added.absence is not None
    assert added.absence.id == "1"


async def test_a_temporal_that_starts_nothing_has_recorded_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person is told to try again."""
    monkeypatch.setattr("hitl_temporal.service.absences.START_WITHIN_SECONDS", 0.0)
    with pytest.raises(UnavailableError, match="nothing was recorded"):
        await use(rig).add(me("bob"), WINTER)


# --- who is told ------------------------------------------------------------------------------------------------------


@workflow.defn(name="Approval", sandboxed=False)
class Listening:
    """An approval that only keeps what it is told, listed as it was started."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    @workflow.run
    async def run(self, people: list[str], groups: list[str]) -> list[Any]:
        """End when there is something."""
        workflow.upsert_search_attributes([ASSIGNEES.value_set(people), GROUPS.value_set(groups)])
        await workflow.wait_condition(lambda: bool(self.told))
        return self.told

    @workflow.signal
    def refresh(self, why: Any) -> None:
        """Keep it."""
        self.told.append(why)


@asynccontextmanager
async def listening(rig: Rig, *named: tuple[list[str], list[str]]) -> AsyncIterator[list[WorkflowHandle[Any, Any]]]:
    """Run approvals that name these people and groups, and return them once lists have them."""
    from temporalio.worker import Worker  # noqa: PLC0415

    queue = f"q-{uuid4().hex[:8]}"
    async with running(Worker(rig.client, task_queue=queue, workflows=[Listening])):
        handles = [
            await rig.client.start_workflow("Approval", args=list(args), id=f"l-{uuid4().hex[:8]}", task_queue=queue)
            for args in named
        ]
        wanted = {h.id for h in handles}
        while {
            r.id async for r in rig.client.list_workflows(f"HitlGroups IS NOT NULL AND TaskQueue = '{queue}'")
        } != wanted:
            await asyncio.sleep(0.05)
        yield handles
        for handle in handles:
            with suppress(RPCError):  # most have ended
                await handle.terminate()


async def test_open_approvals_that_ask_the_person_are_told(rig: Rig) -> None:
    """Those that name them or a group of theirs, or have too many names to list; and no others."""
    absences, unique = use(rig), uuid4().hex[:6]
    rig.directory.people = People.model_validate(
        {
            "people": {f"x{unique}": {"name": "X"}, f"y{unique}": {"name": "Y"}, f"z{unique}": {"name": "Z"}},
            "groups": {f"g{unique}": {"members": [f"x{unique}"]}},
        }
    )
    named = (
        ([f"x{unique}"], ["other"]),
        (["somebody"], [f"g{unique}"]),
        ([OVERFLOW], ["other"]),
        ([f"y{unique}"], ["other"]),
        ([f"z{unique}"], ["other"]),
    )
    async with listening(rig, *named) as (by_name, by_group, overflowing, substitute, other):
        change = await absences.add(me(f"x{unique}"), {**WINTER, "substitute": f"y{unique}"})
        told = [await h.result() for h in (by_name, by_group, overflowing, substitute)]
        assert told == [[{"reason": f"absence of x{unique}"}]] * 4
        assert change.refreshed >= 4  # others of this server that list too many names are told, too
        assert change.note == ""
        assert (await other.describe()).close_time is None


async def test_those_for_whom_the_person_stands_in_are_told(rig: Rig) -> None:
    """When a substitute goes away, too, the question goes on to the next, or back."""
    absences, unique = use(rig), uuid4().hex[:6]
    x, y = f"x{unique}", f"y{unique}"
    rig.directory.people = People.model_validate({"people": {p: {"name": p} for p in (x, y)}})
    await absences.add(me(x), {**WINTER, "substitute": y})
    async with listening(rig, ([x], ["other"])) as (asked,):
        gone = await absences.add(me(y), WINTER)
        assert await asked.result() == [{"reason": f"absence of {y}"}]
    async with listening(rig, ([x], ["other"])) as (asked,):
        assert gone.absence is not None
        await absences.remove(me(y), gone.absence.id)
        assert await asked.result() == [{"reason": f"absence of {y}"}]


@pytest.mark.parametrize(
    ("bound", "value", "says"),
    [("MAX_APPROVALS", 1, "there are more than 1"), ("WITHIN", timedelta(), "it took longer")],
)
async def test_who_could_not_be_told_is_said(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, bound: str, value: object, says: str
) -> None:
    """The absence is entered all the same."""
    monkeypatch.setattr(refreshing, bound, value)
    absences = use(rig)
    async with listening(rig, (["bob"], ["other"]), (["bob"], ["other"])):
        change = await absences.add(me("bob"), WINTER)
    assert change.status == "done"
    assert change.refreshed <= 1
    assert says in change.note
    assert "at its next event" in change.note


async def test_a_directory_that_is_down_meanwhile_keeps_nobody_from_being_away(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which groups hold the person is not known then: nobody is told, and that is said."""

    async def broken(_person: str) -> tuple[str, ...]:
        raise TemporaryError("people.yaml:1: broken")

    monkeypatch.setattr(rig.directory, "groups_of", broken)
    change = await use(rig).add(me("bob"), WINTER)
    assert (change.status, change.refreshed) == ("done", 0)
    assert "people.yaml:1: broken" in change.note


async def test_approvals_are_told_page_by_page(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, up to the bound."""
    monkeypatch.setattr(refreshing, "_PAGE", 2)
    unique = uuid4().hex[:6]
    rig.directory.people = People.model_validate({"people": {f"x{unique}": {"name": "X"}}})
    async with listening(rig, *[([f"x{unique}"], ["other"])] * 5) as asked:
        change = await use(rig).add(me(f"x{unique}"), WINTER)
        assert [await h.result() for h in asked] == [[{"reason": f"absence of x{unique}"}]] * 5
    assert change.refreshed >= 5


async def test_a_real_approval_looks_again_when_it_is_told(rig: Rig) -> None:
    """It reads its people once more, and goes on."""
    handle = await rig.ask({"title": "Go?", "requester": "ann", "who": "user:bob"})
    await eventually(handle, lambda s: s.stages[0].state == "open")
    before = await _reads(handle)
    assert (await use(rig).add(me("bob"), WINTER)).refreshed >= 1
    while await _reads(handle) == before:
        await asyncio.sleep(0.05)
    assert (await rig.decide(handle, {"actor": "bob", "outcome": "approved"})).status == "counted"
    assert (await handle.result())["outcome"] == "approved"


async def _reads(handle: WorkflowHandle[Any, Any]) -> int:
    """Return how often an approval has read its people."""
    return len([e async for e in handle.fetch_history_events() if b"hitl.read_people" in e.SerializeToString()])
