"""The meaning of a flow, *extend_grant*: more time for what is granted, made by operators or allowed by people."""

from datetime import date, timedelta
from typing import Any

import pytest

from hitl_temporal.domain.approval.opening import begin
from hitl_temporal.domain.calendar import DEFAULT
from hitl_temporal.domain.flow.commands import Receipt
from hitl_temporal.domain.flow.effects import StartAsk, StopStep
from hitl_temporal.domain.flow.extensions import MAX_WISHES
from hitl_temporal.domain.flow.views import waiting_reasons, why
from tests.domain.flow.test_grants import facts
from tests.domain.flow.world import START, Document, World, ask, call, granted

ASKING: Document = {"max": 2, "ask": {"who": ["user:bob"]}}


def at_once(maximum: int = 2, **more: Any) -> World:
    """Return a run that has granted for two days, which operators may extend."""
    return World(granted("a", extend={"max": maximum}), call("b"), **more).succeeds("a", id=1)


def asking(extend: Document = ASKING, **more: Any) -> World:
    """Return a run that has granted for two days, which people may extend."""
    return World(granted("a", extend=extend), call("b"), **more).succeeds("a", id=1)


def extend(world: World, duration: str = "1d", step: str | None = "a", **fields: Any) -> Receipt:
    """Ask for more time."""
    return world.operate("extend_grant", step, **{"actor": "gus", "with": {"for": duration}, **fields})


def questions(world: World) -> list[StartAsk]:
    """Return every question about an extension, in order."""
    return [e for e in world.effects if isinstance(e, StartAsk) and e.is_extension]


def states(world: World) -> list[str]:
    """Return how the extensions stand, in order."""
    return [e.state for e in world.step("a").extensions]


# --- Made at once ---------------------------------------------------------------------------------------------------


def test_without_an_ask_an_operator_extends_at_once() -> None:
    """The end moves by the time that was asked for, and the grant goes on without interruption."""
    world = at_once()
    receipt = extend(world)
    until = START + timedelta(days=3)
    assert (receipt.status, receipt.changes) == ("done", (f"a: granted until {until.isoformat()}",))
    assert (world.next_moment, states(world)) == (until, ["granted"])
    assert world.passes(days=2).undos == []
    assert world.passes(days=1).undos == ["a"]
    assert facts(world, "step.grant_extended") == [
        {"step": "a", "from": (START + timedelta(days=2)).isoformat(), "to": until.isoformat(), "by": "gus"}
    ]


def test_business_time_of_an_extension_counts_in_the_calendar_of_the_flow() -> None:
    """One working day after Wednesday is Friday where Thursday is a holiday."""
    calendars = {"nl": DEFAULT.but(closed=(date(2026, 3, 5),))}
    world = at_once(calendar="nl", calendars=calendars)
    extend(world, "1bd")
    assert world.next_moment == START + timedelta(days=4)


@pytest.mark.parametrize("actor", ["bea", "bob"])
def test_only_operators_extend_at_once(actor: str) -> None:
    """Where nobody is asked, those who profit may not help themselves to more time, and others neither."""
    assert extend(at_once(), actor=actor).status == "not_eligible"


def test_without_extend_in_the_document_no_extension_is_possible() -> None:
    """Not even by an admin."""
    world = World(granted("a")).succeeds("a", id=1)
    receipt = extend(world, actor="eli")
    assert (receipt.status, receipt.reason) == ("invalid", "step 'a' can't be extended: its `grant` has no `extend`")


def test_more_extensions_than_the_document_allows_are_invalid() -> None:
    """The reason says how many there may be."""
    world = at_once(1)
    extend(world)
    receipt = extend(world, "2d")
    assert (receipt.status, "1 times at most" in receipt.reason) == ("invalid", True)


@pytest.mark.parametrize(
    ("duration", "says"),
    [
        ("soon", "with.for: 'soon' is not a duration"),
        ("-1d", "with.for: '-1d' is not a duration"),
        ("0d", "with.for: '0d' is no time at all"),
        ("99999d", "longer than ten years"),
    ],
)
def test_what_is_no_time_is_invalid(duration: str, says: str) -> None:
    """The field and the mend are named; nothing changes."""
    world = at_once()
    before = world.run
    receipt = extend(world, duration)
    assert (receipt.status, says in receipt.reason, world.run) == ("invalid", True, before)


def test_an_extension_beyond_the_calendar_is_invalid() -> None:
    """What the calendar can't tell can't be granted."""
    world = at_once(calendar="nl", calendars={"nl": DEFAULT.but(until=date(2026, 3, 20))})
    receipt = extend(world, "30bd")
    assert (receipt.status, "calendar" in receipt.reason) == ("invalid", True)


def test_an_extension_is_closed_while_nothing_is_granted() -> None:
    """Before the success of the call, after the end, and on a step that grants nothing."""
    world = World(granted("a", extend={"max": 2}), call("b", needs=[]))
    assert extend(world).reason == "step 'a' is running, not as a grant"
    assert extend(world, step="b").reason == "step 'b' is running, not as a grant"
    world.succeeds("a", id=1).passes(days=2)
    assert extend(world).reason == "step 'a' is running its undo: the grant has ended"
    assert extend(world.undone("a")).reason == "step 'a' is succeeded"


def test_an_extension_may_leave_out_the_step() -> None:
    """Where one grant runs, it is meant; an unknown step is named."""
    world = at_once()
    assert extend(world, step=None).status == "done"
    assert extend(world, step="x").reason.startswith("no step 'x'")


# --- Asked of people ------------------------------------------------------------------------------------------------


def test_with_an_ask_people_decide() -> None:
    """The receipt is `asked` and names the question, which has an id of its own and is requested by who asks."""
    world = asking()
    receipt = extend(world, actor="ann", reason="not done yet")
    assert (receipt.status, receipt.changes) == ("asked", ("a: 1d more asked for in r.a.1.extend.1",))
    (question,) = questions(world)
    assert (question.approval, question.requester) == ("r.a.1.extend.1", "ann")
    assert (world.next_moment, states(world)) == (START + timedelta(days=2), ["asked"])
    assert facts(world, "step.extension_asked") == [
        {"step": "a", "by": "ann", "duration": "1d", "reason": "not done yet", "approval": "r.a.1.extend.1"}
    ]


def test_people_see_what_is_asked_without_an_authors_word() -> None:
    """Title, present end and reason are there by default; the origin is the run."""
    world = asking()
    extend(world, "2d", actor="ann", reason="not done yet")
    (q,) = questions(world)
    shown = begin(q.approval, q.ask, requester=q.requester, context=q.context, at=START).shown
    assert shown.title == "Extend a of sample by 2d"
    assert shown.show == {"until": (START + timedelta(days=2)).isoformat(), "reason": "not done yet"}
    assert (q.origin.run, q.origin.step, q.origin.attempt, q.origin.flow) == ("r", "a", 1, "sample")


def test_an_author_may_word_the_question() -> None:
    """`extension` and the outputs of the step are in its scope; the flow's calendar counts."""
    extend_by = {"max": 1, "ask": {"title": "{{extension.by}} more of {{steps.a.outputs.id}}?", "who": "user:bob"}}
    world = asking(extend_by, calendar="nl", calendars={"nl": DEFAULT})
    extend(world)
    (q,) = questions(world)
    shown = begin(q.approval, q.ask, requester=q.requester, context=q.context, at=START).shown
    assert (shown.title, q.ask.calendar) == ("1d more of 1?", "nl")


@pytest.mark.parametrize(
    ("actor", "barred"), [("ann", {"ann", "bea"}), ("bea", {"bea", "ann"}), ("gus", {"gus", "ann", "bea"})]
)
def test_whoever_profits_may_not_decide(actor: str, barred: set[str]) -> None:
    """The run's requester and whom they act for are barred, whoever asks for the extension."""
    world = asking()
    assert extend(world, actor=actor).status == "asked"
    (q,) = questions(world)
    opened = begin(q.approval, q.ask, requester=q.requester, on_behalf_of=q.on_behalf_of, context=q.context, at=START)
    assert set(opened.barred) == barred


def test_an_approved_extension_moves_the_end_without_interruption() -> None:
    """The undo never runs in between."""
    world = asking()
    extend(world, actor="ann")
    world.extension("a")
    until = START + timedelta(days=3)
    assert (world.next_moment, states(world), world.undos) == (until, ["granted"], [])
    assert world.passes(days=2).undos == []
    assert facts(world, "step.grant_extended")[0] == {
        "step": "a",
        "from": (START + timedelta(days=2)).isoformat(),
        "to": until.isoformat(),
        "by": "ann",
        "approval": "r.a.1.extend.1",
    }


def test_what_is_amended_in_the_question_changes_nothing_of_the_run() -> None:
    """People were asked about more time, and the approvals of the run about everything else."""
    world = asking(inputs={"role": "buyer"})
    extend(world, actor="ann")
    (q,) = questions(world)
    world.extension("a", amended={"inputs.role": "admin"})
    assert (world.run.inputs, states(world), q.fields) == ({"role": "buyer"}, ["granted"], {})


def test_the_answer_is_a_fact_that_vouches_for_the_question() -> None:
    """Who decided, and the evidence of their approval's own trail."""
    world = asking()
    extend(world)
    world.extension("a")
    assert facts(world, "step.extension_answered") == [
        {
            "step": "a",
            "outcome": "approved",
            "by": ["bob"],
            "child.workflow_id": "r.a.1.extend.1",
            "child.events": 3,
            "child.digest": "d" * 64,
        }
    ]


@pytest.mark.parametrize(
    ("outcome", "state"), [("rejected", "refused"), ("expired", "refused"), ("withdrawn", "withdrawn")]
)
def test_a_refused_extension_leaves_the_end_and_room_for_another(outcome: str, state: str) -> None:
    """The run goes on as before, and `max` counts only what was made or is being asked."""
    world = asking({"max": 1, "ask": ASKING["ask"]})
    extend(world)
    world.extension("a", outcome)
    assert (world.next_moment, states(world), world.run.ending) == (START + timedelta(days=2), [state], None)
    assert extend(world, "2d").changes == ("a: 2d more asked for in r.a.1.extend.2",)


def test_what_is_being_asked_counts_too() -> None:
    """Nobody asks for more than the document allows, all at once."""
    world = asking()
    assert [extend(world, d).status for d in ("1d", "2d", "3d")] == ["asked", "asked", "invalid"]


def test_two_extensions_add_up_in_the_order_of_their_answers() -> None:
    """Each moves the end as it is when people have answered."""
    world = asking()
    extend(world, "1d")
    extend(world, "2d")
    world.extension("a", k=2).extension("a", k=1)
    assert world.next_moment == START + timedelta(days=5)
    assert [(f["from"][8:10], f["to"][8:10]) for f in facts(world, "step.grant_extended")] == [
        ("04", "06"),
        ("06", "07"),
    ]


def test_an_extension_that_no_longer_fits_the_calendar_changes_nothing() -> None:
    """Another came first: the end stays where it is, and that is recorded."""
    calendars = {"nl": DEFAULT.but(until=date(2026, 3, 12))}
    world = asking(calendar="nl", calendars=calendars)
    extend(world, "3bd")
    extend(world, "4bd")
    world.extension("a", k=1).extension("a", k=2)
    assert states(world) == ["granted", "failed"]
    assert "calendar" in facts(world, "step.extension_failed")[0]["reason"]


def test_an_inactive_or_unknown_requester_may_not_ask() -> None:
    """Who asks for more must be a person of the directory."""
    world = asking()
    world.run = world.run.but(requester="fay")
    assert extend(world, actor="fay").status == "not_eligible"
    assert extend(world, actor="bob").status == "not_eligible"


def test_a_question_that_can_not_be_put_is_invalid() -> None:
    """Its text fails: nobody is asked, nothing changes."""
    world = asking({"ask": {"title": "{{ inputs.gone }}", "who": "user:bob"}})
    before = world.run
    receipt = extend(world)
    assert (receipt.status, "gone" in receipt.reason, world.run) == ("invalid", True, before)


def test_a_dry_run_asks_nobody() -> None:
    """It says who would be asked."""
    world = asking()
    before = world.run
    assert extend(world, dry_run=True).status == "asked"
    assert (questions(world), world.run) == ([], before)


def test_the_same_key_extends_once() -> None:
    """Sent again, also when the grant has ended since, it is answered as it was; nothing moves a second time."""
    world = at_once()
    first = extend(world, "1d", key="k")
    assert (extend(world, "1d", key="k"), world.next_moment) == (first, START + timedelta(days=3))
    world.operate("revoke", "a", key="r")
    assert extend(world, "1d", key="k") == first
    assert len(states(world)) == 1


def test_what_was_revoked_is_not_extended() -> None:
    """Neither while its undo runs nor afterwards, whatever key comes with it; the reason says how far it is."""
    world = at_once()
    world.operate("revoke", "a", actor="gus", key="k")
    assert extend(world, key="k").status == "invalid"
    receipt = extend(world)
    assert (receipt.status, receipt.reason) == ("closed", "step 'a' is running its undo: the grant has ended")
    assert extend(world.undone("a")).reason == "step 'a' is succeeded"
    assert states(world) == []


def test_an_extension_at_the_very_end_comes_too_late() -> None:
    """Whatever is heard at the moment of the end finds the grant ended: its end never lies in the past."""
    world = at_once()
    world.now = START + timedelta(days=2)
    assert extend(world, "9d").status == "closed"
    assert [f["reason"] for f in facts(world, "step.grant_ended")] == ["time over"]


def test_the_same_key_asks_once() -> None:
    """A repeat gets the receipt of the first."""
    world = asking()
    assert extend(world, key="k") == extend(world, key="k")
    assert len(questions(world)) == 1


def test_a_question_whose_id_is_taken_is_put_under_the_next_one() -> None:
    """Somebody else's answer counts for nothing."""
    world = asking()
    extend(world)
    world.extension_taken("a", 1)
    assert [q.approval for q in questions(world)] == ["r.a.1.extend.1", "r.a.1.extend.2"]
    assert world.extension("a", k=1).next_moment == START + timedelta(days=2)
    assert world.extension("a", k=2).next_moment == START + timedelta(days=3)


def test_a_taken_question_that_can_not_be_put_again_fails() -> None:
    """Its text has failed meanwhile: the end stays, and the fact says why."""
    world = asking({"ask": {"title": "{{ vars.x + 1 }}", "who": "user:bob"}}, vars={"x": 1})
    extend(world)
    world.operate("set_value", **{"with": {"x": "one"}})
    world.extension_taken("a")
    assert (states(world), len(questions(world))) == (["failed"], 1)
    assert facts(world, "step.extension_failed")[0]["approval"] == "r.a.1.extend.1"


def test_a_lost_question_leaves_the_end() -> None:
    """The step goes on as a grant; the loss is recorded."""
    world = asking()
    extend(world)
    world.extension_fails("a", error="terminated")
    assert (states(world), world.states["a"]) == (["failed"], "running")
    assert facts(world, "step.extension_failed")[0]["reason"] == "terminated"


def test_an_answer_counts_once_and_only_for_its_own_step() -> None:
    """Told again, or about a step that has asked nothing, it changes nothing."""
    world = asking()
    extend(world)
    world.extension("a")
    before = world.run
    world.extension("a").extension("b").extension("nobody", n=1).extension_taken("a").extension_fails("a")
    assert world.run == before


def test_wishes_are_bounded() -> None:
    """Refused questions do not make a run grow without end."""
    world = asking()
    for k in range(MAX_WISHES):
        assert extend(world, key=f"k{k}").status == "asked"
        world.extension("a", "rejected", k=k + 1)
    receipt = extend(world, key="last")
    assert (receipt.status, str(MAX_WISHES) in receipt.reason) == ("invalid", True)


# --- When the grant ends first --------------------------------------------------------------------------------------


def test_a_question_is_taken_back_when_the_grant_ends() -> None:
    """Nobody is asked about what is over; the undo does not wait for it."""
    world = asking()
    extend(world)
    world.passes(days=2)
    stop = next(e for e in world.last if isinstance(e, StopStep))
    assert (stop.child, stop.reason) == ("r.a.1.extend.1", "the grant has ended: time over")
    assert (world.undos, states(world)) == (["a"], ["withdrawing"])
    world.extension("a", "withdrawn")
    assert states(world) == ["withdrawn"]


def test_a_late_yes_changes_nothing_and_is_recorded() -> None:
    """Approved after the end: the undo goes on, and the fact says so."""
    world = asking()
    extend(world)
    world.passes(days=2).extension("a", "approved")
    assert (states(world), world.next_moment, world.undos) == (["late"], None, ["a"])
    assert facts(world, "step.extension_answered")[0]["reason"] == "the grant had ended already: nothing changes"
    assert facts(world, "step.grant_extended") == []
    assert world.undone("a").states == {"a": "succeeded", "b": "running"}


def test_a_yes_at_the_very_end_is_late() -> None:
    """It is heard of together with the end of the time, which came first."""
    world = asking()
    extend(world)
    world.now = START + timedelta(days=2)
    world.extension("a", "approved")
    assert (states(world), world.undos) == (["late"], ["a"])


def test_the_run_ends_after_its_last_question_has_come_back() -> None:
    """It says what it waits for; the trail of the question is vouched for."""
    world = World(granted("a", extend=ASKING)).succeeds("a", id=1)
    extend(world)
    world.operate("revoke", "a", actor="ann")
    world.undone("a")
    assert (world.run.status, world.run.state, waiting_reasons(world.run)) == (None, "waiting", ("answer",))
    assert [r.releases for r in why(world.run)] == ["the withdrawal of r.a.1.extend.1"]
    assert world.extension("a", "withdrawn").run.status == "completed"
    assert len(facts(world, "step.extension_answered")) == 1


def test_an_early_end_undoes_at_once_and_ends_when_the_question_is_back() -> None:
    """What was granted is not left standing for the sake of a withdrawal."""
    world = asking()
    extend(world)
    world.operate("cancel", actor="ann")
    assert (world.undos, world.stopping) == (["a"], ["a"])
    assert world.undone("a").run.status is None
    assert world.extension("a", "withdrawn").run.status == "cancelled"


def test_a_taken_id_asks_nobody_any_more_once_the_grant_has_ended() -> None:
    """There was nothing to withdraw."""
    world = asking()
    extend(world)
    world.passes(days=2).extension_taken("a")
    assert (states(world), len(questions(world))) == (["withdrawn"], 1)


def test_a_rerun_waits_for_no_question_of_the_start_before() -> None:
    """The old answer is heard for the record alone, and the new grant counts its own extensions."""
    world = asking({"max": 1, "ask": ASKING["ask"]})
    extend(world)
    world.passes(days=2).undone("a")
    world.operate("rerun", "a")
    world.succeeds("a", id=2)
    assert extend(world, "5d").changes == ("a: 5d more asked for in r.a.2.extend.1",)
    world.extension("a", "approved", n=1)
    assert [(e.n, e.state) for e in world.step("a").extensions] == [(1, "late"), (2, "asked")]
    assert world.extension("a", n=2).next_moment == START + timedelta(days=9)


def test_an_extension_beside_an_ask_of_the_run_is_told_apart() -> None:
    """Other questions are answered as ever."""
    world = World(granted("a", extend=ASKING), ask("b", needs=[])).succeeds("a", id=1)
    extend(world)
    assert world.answers("b").states == {"a": "running", "b": "succeeded"}
    assert states(world) == ["asked"]
