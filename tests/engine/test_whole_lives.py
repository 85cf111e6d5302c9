"""Whole lives on a real server whose clock is skipped: weeks with holidays, absences, questions and changes of mind."""

from datetime import UTC, date, datetime, timedelta

from pydantic import ValidationError
from temporalio.client import WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from hitl_temporal.app.temporal import RUNNER
from hitl_temporal.domain.absence import Absence
from hitl_temporal.domain.approval.commands import Receipt
from hitl_temporal.domain.approval.result import Result
from hitl_temporal.domain.calendar import Calendar, CalendarDocument, add, is_working_day
from hitl_temporal.domain.chain import verify_chain
from hitl_temporal.domain.people import People
from hitl_temporal.effects.calendars import build
from hitl_temporal.engine.approval import Approval
from tests.engine.conftest import Rig
from tests.engine.test_approval import eventually, status
from tests.fakes import answer

FOLK = People.model_validate(
    {
        "people": {
            "ann": {"name": "Ann", "manager": "bob"},
            **{p: {"name": p.title()} for p in ("bob", "cai", "dee", "gus", "hal", "ivy")},
            "eli": {"name": "Eli", "roles": ["admin"]},
        },
        "groups": {"secops": {"members": ["cai", "dee"]}, "security-leads": {"members": ["eli", "gus"]}},
    }
)
QUESTION = {
    "title": "Open {{inputs.port}}",
    "requester": "ann",
    "author": "eli",
    "context": {"inputs": {"port": 22, "days": 30}},
    "calendar": "office",
    "stages": [
        {"name": "manager", "who": ["manager:requester"], "due": "5bd", "remind": "2bd", "material": []},
        {
            "name": "security",
            "who": ["group:secops"],
            "due": "9bd",
            "escalate": [{"after": "5bd", "to": ["group:security-leads"]}],
            "material": ["inputs.port"],
        },
    ],
}


async def send(handle: WorkflowHandle, verb: str, actor: str, **rest: object) -> Receipt:
    receipt: Receipt = await handle.execute_update(verb, {"actor": actor, **rest}, result_type=Receipt)
    assert receipt.status == "counted", (verb, receipt)
    return receipt


async def replayed(handle: WorkflowHandle) -> None:
    """Replay a history from its beginning: whatever it remembers between events, it does the same again."""
    history = await handle.fetch_history()
    replayer = Replayer(
        workflows=[Approval],
        workflow_runner=RUNNER,
        data_converter=pydantic_data_converter,
        workflow_failure_exception_types=[ValidationError],
    )
    await replayer.replay_workflow(history)


def leave(rig: Rig, person: str) -> None:
    """Let somebody leave the company."""
    known = rig.directory.people
    gone = known.people[person].but(active=False)
    rig.directory.people = known.but(people={**known.people, person: gone})


async def test_three_weeks_until_the_last_possible_person_decides(rig: Rig) -> None:
    """Holidays, two absences, a question back, a delegation, an amendment, an escalation: and one is left who may.

    The manager is away: a substitute asks something, the clock stops, and answers in the manager's place. Of secops one
    is away, the other delegates to somebody who leaves. The amendment asks security again and keeps the manager's yes.
    Those whom the escalation adds are the author, who is barred, and the one who has decided already. What is left is
    the substitute of the one who is away.
    """
    rig.directory.people = FOLK
    today = datetime.now(UTC).date()
    holidays = tuple(today + timedelta(days=n) for n in (2, 3, 9))
    office = CalendarDocument(tz="Europe/Amsterdam", holidays="NL", closed=holidays)
    rig.catalogue.known["office"] = calendar = build("office", office, today)
    month = {"since": datetime.now(UTC) - timedelta(days=1), "until": datetime.now(UTC) + timedelta(days=60)}
    rig.absences.absences = {
        "bob": (Absence(id="1", person="bob", substitute="gus", **month),),
        "cai": (Absence(id="2", person="cai", substitute="hal", **month),),
    }

    handle = await rig.ask_frozen(QUESTION)
    await _the_manager_is_away(rig, handle, calendar, holidays)
    await _security_is_asked_twice(rig, handle)
    await _only_one_is_left(rig, handle)
    result = Result.model_validate(await handle.result())
    assert (result.outcome, [(d.actor, d.on_behalf_of) for d in result.decisions]) == (
        "approved",
        [("gus", "bob"), ("hal", "cai")],
    )
    assert result.amended == {"inputs.port": 443}
    facts = rig.sink.of(handle.id)
    assert verify_chain(facts) == ()
    assert facts[-1].at - facts[0].at > timedelta(days=14)
    assert {"approval.info_requested", "approval.deadline_moved", "approval.delegated", "approval.amended"} <= {
        f.name for f in facts
    }
    await replayed(handle)
    told = {(m.person, m.occasion) for m in rig.notifier.messages.values()}
    assert {("gus", "asked"), ("hal", "asked"), ("ivy", "asked"), ("ann", "notice"), ("bob", "notice")} <= told


async def _the_manager_is_away(
    rig: Rig, handle: WorkflowHandle, calendar: Calendar, holidays: tuple[date, ...]
) -> None:
    """The substitute asks something first; the deadline moves by what was open of the time until the answer."""
    seen = await eventually(handle, lambda s: s.stages[0].state == "open")
    manager = seen.stages[0]
    assert manager.opened is not None
    assert (manager.may_act, manager.stand_ins) == (("bob", "gus"), {"gus": "bob"})
    assert manager.due == add(manager.opened, "5bd", calendar)
    assert (manager.due - manager.opened).days >= 7, "holidays and the weekend do not count"
    assert not any(is_working_day(day, calendar) for day in holidays)

    await rig.skipper.fast_forward(handle, timedelta(days=2))
    await send(handle, "request_info", "gus", text="why 22?")
    await rig.skipper.fast_forward(handle, timedelta(days=10))
    await send(handle, "provide_info", "ann", text="for the old host")
    moved = (await status(handle)).stages[0]
    assert moved.due is not None
    assert moved.due > manager.due
    assert [m.why.partition(" since ")[0] for m in moved.moves] == ["waited for ann"]
    assert (await rig.decide(handle, answer("approved", "gus"))).status == "counted"


async def _security_is_asked_twice(rig: Rig, handle: WorkflowHandle) -> None:
    """One of secops is away, one delegates; then what they are asked about changes."""
    security = (await eventually(handle, lambda s: s.stages[1].state == "open")).stages[1]
    assert (set(security.may_act), security.stand_ins) == ({"cai", "dee", "hal"}, {"hal": "cai"})
    await send(handle, "delegate", "dee", to="ivy", reason="on a course")
    await rig.skipper.fast_forward(handle, timedelta(days=1))
    await send(handle, "amend", "ann", set={"inputs.port": 443}, reason="the new host")
    again = await status(handle)
    assert [(s.state, s.round) for s in again.stages] == [("approved", 1), ("open", 2)]
    assert (again.title, [d.actor for d in again.decisions]) == ("Open 443", ["gus"])


async def _only_one_is_left(rig: Rig, handle: WorkflowHandle) -> None:
    """The delegate leaves; whom the escalation adds may not; the substitute of the absent one may."""
    leave(rig, "ivy")
    for _ in range(40):  # how many days five working days are depends on the season
        if "approval.escalated" in rig.sink.names(handle.id):
            break
        await rig.skipper.fast_forward(handle, timedelta(days=1))
    last = await status(handle)
    assert (last.stages[1].state, set(last.stages[1].may_act)) == ("open", {"cai", "hal"})
    refused = {
        p: (await rig.decide(handle, answer("approved", p, key="late"))).reason for p in ("ivy", "dee", "eli", "gus")
    }
    assert "not an active person" in refused["ivy"]
    assert "has gone to 'ivy'" in refused["dee"]
    assert "author" in refused["eli"]
    assert "has decided stage 'manager'" in refused["gus"]

    assert (await rig.decide(handle, answer("approved", "hal", digest=last.digest))).status == "counted"
