"""Approvals for people, on a real server: who sees one, whose inbox it is in, what became of a command."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError

from hitl_temporal.domain.approval.state import MAX_REFUSALS_BY_ACTOR
from hitl_temporal.domain.people import Group, People, Person
from hitl_temporal.service import door
from hitl_temporal.service.approvals import Approvals
from hitl_temporal.service.errors import ForbiddenError, InvalidError, NotFoundError
from hitl_temporal.service.identity import Identity
from hitl_temporal.service.runs import Runs
from tests.engine.conftest import Rig
from tests.fakes import PEOPLE

ASK = {"title": "Go?", "requester": "ann", "who": ["group:secops"], "due": "7d"}


def me(person: str) -> Identity:
    """Return who calls, as a door would know them."""
    roles = PEOPLE.people[person].roles if person in PEOPLE.people else ()
    return Identity(person, frozenset(roles), frozenset(PEOPLE.groups_of(person)), "medium", "api")


def use(rig: Rig) -> Approvals:
    """Return the use cases."""
    return Approvals(rig.client, rig.directory, rig.catalogue)


async def soon(look: Callable[[], Awaitable[bool]]) -> None:
    """Look again until it is so: lists lag behind by moments, and the test's time limit is the bound."""
    while not await look():
        await asyncio.sleep(0.05)


async def is_listed(approvals: Approvals, who: Identity, approval: str, **query: Any) -> bool:
    """Tell whether an approval is in a list, on whichever page."""
    cursor: str | None = None
    while True:
        page = await approvals.list(who, cursor=cursor, limit=100, **query)
        if any(item.id == approval for item in page.items):
            return True
        if page.next is None:
            return False
        cursor = page.next


async def test_the_owners_of_a_flow_see_what_it_asks(rig: Rig) -> None:
    """As they see its runs; strangers see neither, and of an unknown flow nobody is owner."""
    rig.catalogue.add("owner: group:leads\nsteps: [{id: approve, ask: {title: Go, who: user:cai}}]")
    run = await rig.start("test_flow", {}, {"requester": "ann"})
    approval = rig.child(run, "approve")
    await rig.until_put(approval)
    shown = await use(rig).show(me("bob"), approval.id)
    assert (shown.origin.flow if shown.origin else "", shown.audience) == ("test_flow", ("ann", "cai"))
    with pytest.raises(NotFoundError):
        await use(rig).show(me("dee"), approval.id)
    del rig.catalogue.flows["test_flow"]
    with pytest.raises(NotFoundError):
        await use(rig).show(me("bob"), approval.id)
    await rig.decide(approval, {"actor": "cai", "outcome": "approved"})
    await run.result()


async def test_operators_look_into_the_inbox_of_somebody_else(rig: Rig) -> None:
    """As that person sees it: by their name and their groups, not by the operator's own roles."""
    approvals, handle = use(rig), await rig.ask(ASK)
    await soon(lambda: is_listed(approvals, me("gus"), handle.id, person="cai"))
    assert not await is_listed(approvals, me("gus"), handle.id, person="bob")
    assert not await is_listed(approvals, me("gus"), handle.id)
    assert await is_listed(approvals, me("gus"), handle.id, person="ann", state="open"), "it is her request"
    assert await is_listed(approvals, me("cai"), handle.id, person="cai"), "everybody has their own"
    with pytest.raises(ForbiddenError):
        await approvals.list(me("dee"), person="cai")
    await rig.decide(handle, {"actor": "cai", "outcome": "approved"})


@pytest.mark.parametrize(
    ("person", "verb", "body"),
    [
        ("cai", "comment", {"text": "hm"}),
        ("cai", "claim", {}),
        ("ann", "withdraw", {}),
        ("cai", "decide", {"outcome": "approved"}),
        ("dee", "override", {"outcome": "approved", "reason": "now"}),
    ],
)
async def test_what_became_of_any_command_is_read_by_its_key(
    rig: Rig, person: str, verb: str, body: dict[str, object]
) -> None:
    """By who sent it alone, and also after the end; a key that nobody has sent is not there."""
    approvals, handle = use(rig), await rig.ask(ASK)
    told = await approvals.act(me(person), handle.id, verb, {**body, "key": "k"})
    assert await approvals.receipt(me(person), handle.id, "k") == told
    for who, key in (("eli", "k"), (person, "other")):
        with pytest.raises(NotFoundError):
            await approvals.receipt(me(who), handle.id, key)
    await approvals.act(me("ann"), handle.id, "withdraw", {})
    await handle.result()
    assert await approvals.receipt(me(person), handle.id, "k") == told


@pytest.mark.parametrize(("person", "status"), [("cai", "needs_step_up"), ("gus", "not_eligible")])
async def test_recorded_answer_that_does_not_count_is_told_to_the_person(
    idle_rig: Rig, monkeypatch: pytest.MonkeyPatch, person: str, status: str
) -> None:
    """By its key, and by a message: nobody goes home with `recorded` and a wrong idea."""
    monkeypatch.setattr(door, "PATIENCE", timedelta(seconds=0.5))
    rig, approvals = idle_rig, use(idle_rig)
    async with rig.worker():
        handle = await rig.ask({**ASK, "assurance": "high"})
        await rig.until_put(handle)
    recorded = await approvals.act(me(person), handle.id, "decide", {"outcome": "approved", "key": "k"})
    assert recorded.status == "recorded"
    async with rig.worker():
        while not (told := [m for m in rig.notifier.messages.values() if m.occasion == "notice"]):
            await asyncio.sleep(0.02)
        assert (await approvals.receipt(me(person), handle.id, "k")).status == status
        await rig.decide(handle, {"actor": "dee", "outcome": "approved", "assurance": "high"})
        await handle.result()
        assert (await approvals.receipt(me(person), handle.id, "k")).status == status
    assert told[0].person == person


async def test_an_answer_without_a_key_counts_once_and_is_found_again(
    idle_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has judged anything yet, so no door can tell which stage it is for: Update and Signal are one click."""
    monkeypatch.setattr(door, "PATIENCE", timedelta(seconds=0.5))
    rig, approvals = idle_rig, use(idle_rig)
    stages = [{"name": "a", "who": "user:cai"}, {"name": "b", "who": "user:cai", "distinct": False}]
    handle = await rig.ask({"title": "Go?", "requester": "ann", "stages": stages})
    recorded = await approvals.act(me("cai"), handle.id, "decide", {"outcome": "approved"})
    assert recorded.status == "recorded"
    async with rig.worker():
        await rig.until_put(handle)
        assert (await approvals.receipt(me("cai"), handle.id, recorded.key)).status == "counted"
        assert [d.stage for d in (await approvals.show(me("cai"), handle.id)).decisions] == ["a"]
        await approvals.act(me("cai"), handle.id, "decide", {"outcome": "approved"})
        await handle.result()
        assert (await approvals.receipt(me("cai"), handle.id, recorded.key)).status == "counted"


async def test_who_takes_no_part_does_not_get_in_by_clicking(idle_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is kept, judged later and refused is told to its author, and shows them nothing."""
    monkeypatch.setattr(door, "PATIENCE", timedelta(seconds=0.5))
    rig, approvals = idle_rig, use(idle_rig)
    handle = await rig.ask({**ASK, "show": {"salary": "99k"}})
    stranger = Identity("bob", frozenset(), frozenset({"leads"}), "medium", "api")
    assert (await approvals.act(stranger, handle.id, "decide", {"outcome": "approved"})).status == "recorded"
    async with rig.worker():
        while not (told := [m for m in rig.notifier.messages.values() if m.person == "bob"]):
            await asyncio.sleep(0.02)
        with pytest.raises(NotFoundError):
            await approvals.show(stranger, handle.id)
    assert (told[0].title, told[0].show) == (handle.id, {})


async def test_a_digest_is_of_the_whole_inbox_where_the_person_lives(rig: Rig) -> None:
    """Also of more than a page; an unknown time zone is UTC."""
    name = f"ivo-{uuid4().hex[:8]}"  # whom no other test asks: lists are of the whole server
    ivo = Person(name="Ivo", tz="Asia/Tokyo")
    rig.directory.people = People(people={**PEOPLE.people, name: ivo}, groups=PEOPLE.groups)
    handles = [await rig.ask({**ASK, "who": f"user:{name}"}) for _ in range(3)]
    approvals = SmallPages(rig)
    for handle in handles:
        await soon(lambda approval=handle.id: is_listed(approvals, me(name), approval))
    found = await approvals.digest(me(name))
    assert (found.total, found.zone, found.overdue, found.has_more) == (3, "Asia/Tokyo", 0, False)
    assert {item.id for item in found.items} == {handle.id for handle in handles}
    assert approvals.limits[-1] == 1, "it was read in pages"
    rig.directory.people = rig.directory.people.but(people={name: ivo.but(tz="Mars/Olympus")})
    assert (await approvals.digest(me(name))).zone == str(UTC)
    rig.directory.people = rig.directory.people.but(people={**PEOPLE.people, name: ivo})
    for handle in handles:
        await rig.decide(handle, {"actor": name, "outcome": "approved"})


@dataclass
class SmallPages(Approvals):
    """The use cases over a server that gives one row at a time."""

    rig: Rig
    limits: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.rig.client, self.rig.directory, self.rig.catalogue)

    async def list(self, me: Identity, *, limit: int = 50, **query: Any) -> Any:
        """List one row."""
        self.limits.append(min(limit, 1))
        return await super().list(me, limit=1, **query)


async def test_a_kept_answer_is_shown_to_its_author_alone(rig: Rig) -> None:
    """It counts for nothing yet, so it is nobody else's to read, though all may know that it waits."""
    approval = await rig.ask({**ASK, "assurance": "high"})
    receipt = await use(rig).act(me("cai"), approval.id, "decide", {"outcome": "approved", "comment": "mine"})
    assert receipt.status == "needs_step_up"
    mine, theirs = await use(rig).show(me("cai"), approval.id), await use(rig).show(me("gus"), approval.id)
    assert [intent.comment for intent in mine.kept] == ["mine"]
    assert (theirs.kept, theirs.intents) == ((), {"cai": "approved"})
    await use(rig).act(me("ann"), approval.id, "withdraw", {})


@pytest.mark.parametrize("kind", ["people", "groups"])
async def test_a_list_too_long_for_visibility_is_everybodys_who_is_in_it(rig: Rig, kind: str) -> None:
    """In the inbox, and among what they have answered; of nobody else, however many such lists there are."""
    mark = uuid4().hex[:8]
    crowd = [f"one-{mark}-of-the-crowd-{n:03}" for n in range(100)]
    people = {name: Person(name=name, roles=(f"crowd-{mark}",)) for name in crowd}
    groups = {f"team-{name}": Group(members=(name,)) for name in crowd}
    rig.directory.people = People(people={**PEOPLE.people, **people}, groups={**PEOPLE.groups, **groups})
    who = [f"role:crowd-{mark}"] if kind == "people" else [f"group:{name}" for name in groups]
    first, second = (
        Identity(name, frozenset(), frozenset(rig.directory.people.groups_of(name)), "medium", "api")
        for name in (crowd[0], crowd[99])
    )
    approvals, handle = use(rig), await rig.ask({**ASK, "who": who, "approve": 2})
    await soon(lambda: is_listed(approvals, first, handle.id))
    assert await is_listed(approvals, second, handle.id)
    assert not await is_listed(approvals, me("cai"), handle.id)
    assert not await is_listed(approvals, me("cai"), handle.id, state="open")
    assert await is_listed(approvals, me("ann"), handle.id, state="open"), "it is her request"
    assert not await is_listed(approvals, me("ann"), handle.id)
    await rig.decide(handle, {"actor": first.person, "outcome": "approved"})

    async def is_answered() -> bool:
        return not await is_listed(approvals, first, handle.id)

    await soon(is_answered)
    assert await is_listed(approvals, first, handle.id, state="open")
    await rig.decide(handle, {"actor": second.person, "outcome": "approved"})


async def test_one_of_a_crowd_sees_the_run_that_asks_them(rig: Rig) -> None:
    """And nobody else does."""
    mark = uuid4().hex[:8]
    people = {f"{mark}-{n:03}-of-the-crowd": Person(name=str(n), roles=(f"crowd-{mark}",)) for n in range(100)}
    rig.directory.people = People(people={**PEOPLE.people, **people}, groups=PEOPLE.groups)
    rig.catalogue.add(f"steps: [{{id: approve, ask: {{title: Go, who: role:crowd-{mark}}}}}]")
    run = await rig.start("test_flow", {}, {"requester": "ann"})
    approval = rig.child(run, "approve")
    await rig.until_put(approval)
    one = Identity(next(iter(people)), frozenset(), frozenset(), "medium", "api")
    await soon(lambda: is_listed(use(rig), one, approval.id))
    runs = Runs(rig.client, rig.catalogue, rig.directory, rig.queue)
    shown = await runs.show(one, run.id)
    assert shown.id == run.id
    with pytest.raises(NotFoundError):
        await runs.show(me("cai"), run.id)
    await rig.decide(approval, {"actor": one.person, "outcome": "approved"})
    await run.result()


@pytest.mark.parametrize(
    ("more", "verb", "body", "reason", "by", "released"),
    [
        ("", "comment", {"text": "hm"}, "answer", ["cai"], "an answer to"),
        ("", "request_info", {"text": "why?"}, "cai has asked ann for more", ["ann", "cai"], "ann answering"),
        (", rework: 1", "decide", {"outcome": "rework", "comment": "no"}, "sent back by cai", ["ann"], "ann changing"),
        (", cooling_off: 1d", "decide", {"outcome": "approved"}, "approved may still be taken back", [], "time, at"),
    ],
)
async def test_a_run_says_what_its_question_waits_for(
    rig: Rig, more: str, verb: str, body: dict[str, object], reason: str, by: list[str], released: str
) -> None:
    """Whose move it is now, and what releases it: not always those who are asked to decide."""
    rig.catalogue.add(f"steps: [{{id: approve, ask: {{title: Go, who: user:cai{more}}}}}]")
    run = await rig.start("test_flow", {}, {"requester": "ann"})
    approval = rig.child(run, "approve")
    await rig.until_put(approval)
    assert (await use(rig).act(me("cai"), approval.id, verb, body)).status == "counted"
    [why] = await Runs(rig.client, rig.catalogue, rig.directory, rig.queue).why(me("ann"), run.id)
    assert (why.reason, list(why.by)) == (reason, [approval.id, *by])
    assert why.releases.startswith(released)
    await use(rig).act(me("ann"), approval.id, "withdraw", {})


async def test_who_owes_an_answer_finds_it_until_they_have_given_it(rig: Rig) -> None:
    """Among what they are asked to answer, never among what they may decide; whoever was asked may see it."""
    approvals, handle = use(rig), await rig.ask(ASK)
    asked = {"text": "why?", "to": "bob"}
    assert (await approvals.act(me("cai"), handle.id, "request_info", asked)).status == "counted"
    await soon(lambda: is_listed(approvals, me("bob"), handle.id, info=True))
    assert await is_listed(approvals, me("gus"), handle.id, info=True, person="bob")
    assert await is_listed(approvals, me("bob"), handle.id, state="info")
    assert not await is_listed(approvals, me("bob"), handle.id)
    assert not await is_listed(approvals, me("ann"), handle.id, info=True), "it is bob who was asked"
    await approvals.act(me("bob"), handle.id, "provide_info", {"text": "so"})

    async def is_answered() -> bool:
        return not await is_listed(approvals, me("bob"), handle.id, info=True)

    await soon(is_answered)
    await approvals.act(me("ann"), handle.id, "withdraw", {})


async def test_a_receipt_that_was_only_counted_is_not_said_to_be_on_its_way_for_ever(rig: Rig) -> None:
    """Beyond the refusals that are kept nothing remembers a key: then it is said that it may have been one of those."""
    approvals, handle = use(rig), await rig.ask(ASK)
    await rig.until_put(handle)
    with pytest.raises(NotFoundError, match=r"on its way$"):
        await approvals.receipt(me("bob"), handle.id, "last")
    for n in range(MAX_REFUSALS_BY_ACTOR):
        await handle.signal("decide", {"actor": "bob", "outcome": "approved", "key": f"k{n}"})
    await handle.signal("decide", {"actor": "bob", "outcome": "approved", "key": "last"})

    async def is_counted() -> bool:
        return (await approvals.show(me("gus"), handle.id)).unrecorded == 1

    await soon(is_counted)
    with pytest.raises(NotFoundError, match="or was one refusal too many: 1 here were only counted; send it again"):
        await approvals.receipt(me("bob"), handle.id, "last")
    again = await approvals.act(me("bob"), handle.id, "decide", {"outcome": "approved", "key": "last"})
    assert (again.status, again.key) == ("not_eligible", "last")


async def test_a_run_is_told_from_nothing_by_no_answer(rig: Rig) -> None:
    """Who decides under the id of a run that they may not see learns neither that it is there, nor of which flow."""
    rig.catalogue.add("steps: [{id: a, wait: {for: 1d}}]")
    run, nothing = await rig.start("test_flow", {}, {"requester": "ann"}), f"r-{uuid4().hex[:8]}"

    async def told(what: str) -> list[str]:
        answers = (
            use(rig).act(me("dee"), what, "decide", {"outcome": "approved"}),
            use(rig).show(me("dee"), what),
            use(rig).receipt(me("dee"), what, "k"),
        )
        found = await asyncio.gather(*answers, return_exceptions=True)
        assert all(isinstance(one, NotFoundError) for one in found)
        return [str(one).replace(what, "X") for one in found]

    assert await told(run.id) == await told(nothing)
    assert "test_flow" not in str(await told(run.id))
    await run.terminate()


async def test_what_was_terminated_is_not_open(rig: Rig) -> None:
    """Readers, lists and receipts say the same: closed without an outcome, and what to do."""
    approvals, handle = use(rig), await rig.ask(ASK)
    await soon(lambda: is_listed(approvals, me("cai"), handle.id, state="open"))
    await handle.terminate()

    async def is_gone() -> bool:
        return not await is_listed(approvals, me("cai"), handle.id, state="open")

    await soon(is_gone)
    rows = (await approvals.list(me("cai"), state="terminated", limit=100)).items
    assert [(r.state, r.due, r.tally) for r in rows if r.id == handle.id] == [("terminated", None, "")]
    shown = await approvals.show(me("cai"), handle.id)
    assert (shown.state, shown.outcome, shown.ended is None) == ("terminated", None, False)
    assert not any(stage.may_act for stage in shown.stages)
    late = await approvals.act(me("cai"), handle.id, "decide", {"outcome": "approved"})
    assert (late.status, late.reason) == ("closed", shown.reason)
    assert "terminated in Temporal" in late.reason


async def test_what_was_cancelled_in_temporal_is_withdrawn_to_everybody(rig: Rig) -> None:
    """Who reads it and who comes too late are told the same."""
    approvals, handle = use(rig), await rig.ask(ASK)
    await rig.until_put(handle)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert (await approvals.show(me("cai"), handle.id)).state == "withdrawn"
    late = await approvals.act(me("cai"), handle.id, "decide", {"outcome": "approved"})
    assert (late.status, late.reason) == ("closed", "already withdrawn")


async def test_a_state_that_no_approval_can_be_in_is_refused(rig: Rig) -> None:
    """A list of nothing would hide the mistyped letter; an ask's own outcome is a state as soon as there is one."""
    approvals, own = use(rig), f"own_{uuid4().hex[:8]}"
    with pytest.raises(InvalidError, match="it is one of approved, cooling, expired, info, open, parked"):
        await approvals.list(me("ann"), state=own)
    assert (await approvals.list(me("hal"), state="cooling")).items == ()
    handle = await rig.ask({**ASK, "outcomes": {own: {"label": "Own"}}})
    await rig.decide(handle, {"actor": "cai", "outcome": own})
    await soon_known(approvals, handle.id, own)


async def soon_known(approvals: Approvals, approval: str, state: str) -> None:
    """Look until the list has it; before that the state is unknown."""

    async def look() -> bool:
        try:
            return await is_listed(approvals, me("ann"), approval, state=state)
        except InvalidError:
            return False

    await soon(look)
