"""What stands above the vote: overriding, breaking the glass, later deadlines; and calendars that change."""

from datetime import timedelta

import pytest

from hitl_temporal.domain.approval import events
from hitl_temporal.domain.approval.clock import MAX_EXTENSIONS, next_moment
from hitl_temporal.domain.approval.effects import StartReview
from hitl_temporal.domain.approval.opening import begin
from hitl_temporal.domain.approval.request import Request
from hitl_temporal.domain.approval.result import result
from hitl_temporal.domain.approval.state import Origin
from hitl_temporal.domain.calendar import DEFAULT, Calendar, week_of
from tests.domain.approval.playing import MONDAY, PEOPLE, Play, people_in_role, people_without
from tests.domain.approval.test_views import EVIDENCE

HOUR = timedelta(hours=1)
GLASS = {"who": ["group:leads"], "review": {"who": ["role:admin"], "due": "2d"}}


def alarm(play: Play) -> list[str]:
    """Return who was told at once that somebody has broken the glass, and not with the outcome."""
    return [d.person for d in play.state.deliveries if "has broken the glass" in d.text]


def of_flow(owner: str | None, *stages: dict[str, object], **ask: object) -> Play:
    """Return a question of a flow that has this owner, with a glass to break."""
    play = Play(*stages, is_resolved=False, break_glass=GLASS, **ask)
    play.state = play.state.but(origin=Origin(run="r", step="s", attempt=1, flow="f", owner=owner))
    play.resolve()
    return play


def review_of(play: Play) -> Play:
    """Return the question whether it was right, as it was put."""
    (asked,) = [e.request for e in play.effects if isinstance(e, StartReview)]
    request = Request.model_validate(asked)
    review = Play(is_resolved=False)
    review.people = play.people
    review.state = begin(
        "a-1.review",
        request.ask,
        requester=request.requester,
        on_behalf_of=request.on_behalf_of,
        context=request.context,
        at=MONDAY,
    )
    review.resolve()
    return review


def override(play: Play, actor: str = "eli", outcome: str = "approved", **rest: object) -> tuple[str, str]:
    receipt = play.do("override", actor, outcome=outcome, reason="fire", **rest)
    return receipt.status, receipt.reason


# --- Override ---------------------------------------------------------------------------------------------------------


def test_an_admin_decides_over_everybodys_head() -> None:
    """Marked for ever: in the decision, in the result, in the trail; everybody who was asked is told."""
    play = Play({"who": "group:secops"}, {"who": "group:leads"})
    receipt = play.do("override", "eli", outcome="approved", reason="fire", key="k")
    assert (receipt.status, play.state.outcome, play.stage_states) == ("counted", "approved", ["approved", "skipped"])
    (decision,) = play.state.decisions
    assert (decision.kind, decision.stage, decision.comment) == ("override", "s1", "fire")
    found = result(play.state, EVIDENCE)
    assert (found.overridden, found.reason) == (True, "override by eli: fire")
    (fact,) = play.facts("overridden")
    assert (fact["actor"], fact["stages"]) == ("eli", ["s1"])
    told = [d.person for d in play.state.deliveries if d.text == "eli has decided as admin: approved. fire"]
    assert told == ["cai", "dee"]
    assert play.do("override", "eli", outcome="approved", reason="fire", key="k") == receipt


def test_what_is_parked_or_has_no_stage_can_be_overridden() -> None:
    """That is one way out of it; also before anybody was asked."""
    for stage in ({"who": "group:empty"}, {"who": "group:secops", "when": "false"}):
        play = Play(stage)
        assert override(play, outcome="rejected") == ("counted", "")
        assert play.state.outcome == "rejected"


def test_only_admins_override() -> None:
    """Neither operators nor those who are asked nor the requester."""
    play = Play()
    play.people = PEOPLE.but(people={**PEOPLE.people, "gus": PEOPLE.people["gus"].but(roles=("operator",))})
    assert override(play, "gus") == ("not_eligible", "'gus' is no admin")
    assert override(play, "cai")[0] == override(play, "ann")[0] == "not_eligible"
    play.people = people_without("eli")
    assert override(play)[0] == "not_eligible"


@pytest.mark.parametrize("outcome", ["maybe", "expired", "withdrawn", "rework"])
def test_an_override_has_an_outcome_of_the_ask(outcome: str) -> None:
    """Sending back is none of them."""
    play = Play(rework=1, outcomes={"later": {"label": "Later"}})
    assert override(play, outcome=outcome) == (
        "invalid",
        f"outcome {outcome!r} is not one of approved, later, rejected",
    )


@pytest.mark.parametrize("concern", ["requester", "on_behalf_of", "beneficiary", "author"])
@pytest.mark.parametrize(
    "stage", [{"who": "group:secops"}, {"who": "group:empty"}, {"who": "user:cai", "when": "false"}]
)
def test_nobody_overrides_their_own_request(concern: str, stage: dict[str, object]) -> None:
    """Whatever state it is in."""
    status, reason = override(Play(stage, **{concern: "eli"}))
    assert status == "not_eligible"
    assert "nobody decides their own" in reason


def test_an_override_is_barred_by_every_stage_that_it_passes_over() -> None:
    """Also those that have not been asked yet; not those that have agreed."""
    admin = {"who": "group:secops", "not": "role:admin"}
    beside = {"parallel": [{"name": "a", "who": "group:leads"}, {"name": "b", **admin}]}
    for stages in (({"who": "group:leads"}, admin), (beside,)):
        status, reason = override(Play(*stages))
        assert (status, "is excluded from stage" in reason) == ("not_eligible", True)
    play = Play(admin, {"who": "group:leads"})
    play.decide("cai")
    assert override(play) == ("counted", "")
    allowed = Play({"who": "group:leads", "allow_requester": True}, {"who": "group:secops"}, requester="eli")
    assert override(allowed)[0] == "not_eligible"


def test_a_requester_who_is_allowed_everywhere_may_override() -> None:
    """It is written in every stage."""
    stages = [{"who": "group:secops", "allow_requester": True}] * 2
    assert override(Play(*stages, requester="eli")) == ("counted", "")


def test_what_cools_off_is_barred_by_the_stages_that_have_agreed() -> None:
    """It is their decision that would be overruled."""
    play = Play({"who": "group:secops", "not": "role:admin"}, cooling_off="1h")
    play.decide("cai")
    assert override(play)[0] == "not_eligible"


def test_who_has_decided_does_not_override_too() -> None:
    """One person is one vote; in another stage they are barred as always."""
    play = Play({"who": "group:trio", "approve": 2})
    play.decide("eli")
    assert override(play) == ("duplicate", "'eli' has already answered 'approved': one person is one vote")
    other = Play({"who": "user:eli"}, {"who": "group:secops"})
    other.decide("eli")
    assert override(other) == ("not_eligible", "'eli' has decided stage 's1'; this one needs somebody else")


def test_what_has_ended_is_not_overridden() -> None:
    """The outcome stands."""
    play = Play()
    play.decide("cai")
    assert override(play) == ("closed", "already approved")


def test_an_admin_who_is_not_in_the_directory_any_more_overrides_nothing() -> None:
    """Not even where no stage is."""
    play = Play({"who": "user:cai", "when": "false"})
    play.people = PEOPLE.but(people={p: c for p, c in PEOPLE.people.items() if p != "eli"})
    assert override(play) == ("not_eligible", "'eli' is no admin")


# --- Breaking the glass -----------------------------------------------------------------------------------------------


def test_those_who_may_break_the_glass_decide_alone() -> None:
    """In sight of everybody, and to be reviewed by others."""
    play = Play(break_glass=GLASS, title="Open {{requester}}", show={"a b": 1}, calendar="early")
    assert override(play, "bob") == ("counted", "")
    assert (play.state.decisions[0].kind, play.state.reason) == ("break_glass", "break_glass by bob: fire")
    assert len(play.facts("glass_broken")) == 1
    assert alarm(play) == ["cai", "dee", "eli"]
    (review,) = [e for e in play.effects if isinstance(e, StartReview)]
    assert review.approval == "a-1.review"
    asked = Request.model_validate(review.request)
    begun = begin("r", asked.ask, requester=asked.requester, context=asked.context, at=MONDAY)
    assert (begun.shown.title, begun.shown.show) == (
        "Review: Open ann",
        {"a b": 1, "approval": "a-1", "decided by": "bob", "reason": "fire"},
    )
    assert (asked.requester, asked.on_behalf_of, asked.calendar) == ("bob", "ann", "early")
    assert [s.document.who for s in begun.stages] == [("role:admin",)]


def test_nobody_else_breaks_the_glass() -> None:
    """Nor does anybody whom a bar keeps out."""
    assert override(Play(break_glass=GLASS), "gus") == (
        "not_eligible",
        "'gus' is no admin and may not break the glass",
    )
    assert override(Play(break_glass=GLASS, requester="bob"), "bob")[0] == "not_eligible"
    empty = Play({"who": "user:cai", "when": "false"}, break_glass={**GLASS, "who": "group:gone"})
    assert override(empty, "zoe") == ("not_eligible", "'zoe' is not an active person of the directory")


def test_a_requester_who_breaks_their_own_glass_has_nobody_beside_them() -> None:
    """The review then is about one person alone."""
    glass = {**GLASS, "review": {"who": "group:secops"}}
    play = Play({"who": "group:secops", "allow_requester": True}, break_glass=glass, requester="bob")
    assert override(play, "bob") == ("counted", "")
    (review,) = [e for e in play.effects if isinstance(e, StartReview)]
    assert review.request["on_behalf_of"] is None
    assert "calendar" not in review.request


def test_a_broken_glass_alarms_the_owner_even_where_nobody_was_asked() -> None:
    """A parked request has been asked of nobody; the reviewers hear of it too, the requester with the outcome."""
    for stage in ({"who": "group:empty"}, {"who": "group:secops", "when": "false"}):
        play = of_flow("user:gus", stage)
        override(play, "bob")
        assert alarm(play) == ["eli", "gus"]
        assert [f["alarmed"] for f in play.facts("glass_broken")] == [["eli", "gus"]]
        assert play.sent("notice") == ["gus", "ann", "eli", "gus"], "gus was told first that it is parked"


@pytest.mark.parametrize("owner", [None, "user:bob", "user:ann", "group:gone", "group:unknown"])
def test_where_no_owner_answers_the_operators_are_alarmed(owner: str | None) -> None:
    """Who has broken the glass, and for whom, is no owner who would look at it."""
    play = of_flow(owner, {"who": "group:empty"})
    play.people = people_in_role("gus", "operator")
    override(play, "bob")
    assert alarm(play) == ["eli", "gus"]


def test_a_broken_glass_alarms_whoever_has_voted_or_spoken() -> None:
    """It is their answer that was passed over; nobody is told twice, nor who has done it."""
    play = of_flow("group:secops", {"who": "group:trio", "approve": "all"}, on_behalf_of="dee")
    play.decide("cai")
    play.do("comment", "bob", text="it burns")
    override(play, "bob")
    assert alarm(play) == ["eli", "cai"]


def test_a_review_is_a_statement_in_words() -> None:
    """A mere yes does not say whether it was an emergency."""
    play = Play(break_glass=GLASS)
    play.do("override", "bob", outcome="approved", reason="fire")
    review = review_of(play)
    assert review.decide("eli").reason == "a comment is required with 'approved'"
    assert review.decide("eli", comment="it was").status == "counted"


def test_a_review_that_its_people_are_barred_from_goes_to_the_owner() -> None:
    """Else to the operators."""
    play = of_flow("group:secops")
    play.people = people_without("eli")
    override(play, "bob")
    assert review_of(play).may_act() == ["cai", "dee"]
    assert [f["fallback"] for f in play.facts("review_asked")] == [["group:secops"]]
    lone = Play(break_glass={"who": "role:admin", "review": {"who": "user:eli"}})
    lone.people = people_in_role("gus", "operator")
    override(lone, "eli")
    assert review_of(lone).may_act() == ["gus"]


def test_a_review_that_nobody_is_left_for_is_told_with_the_alarm() -> None:
    """It is parked, with the reason, until it is reassigned."""
    play = Play(break_glass={"who": "role:admin", "review": {"who": "user:eli"}})
    override(play, "eli")
    told = {d.text for d in play.state.deliveries if d.person == "cai"}
    assert (
        "Nobody can review this: 'a-1.review' waits to be reassigned. eli has broken the glass: approved. fire" in told
    )
    review = review_of(play)
    assert (review.state.state, review.stage.reason[:14]) == ("parked", "nobody can act")


def test_a_review_that_nobody_gives_is_told_to_the_owner() -> None:
    """It expires like any other question; an emergency is not forgotten with it."""
    play = of_flow("group:secops")
    override(play, "bob")
    review = review_of(play)
    review.wait("2d")
    assert (review.state.outcome, review.sent("escalated"), review.sent("asked")) == (
        "expired",
        ["cai", "dee"],
        ["eli"],
    )


def test_no_party_to_the_request_reviews_the_emergency() -> None:
    """It was broken for them: also for whom it was, beside who has asked."""
    play = Play(break_glass={"who": "user:bob", "review": {"who": "group:trio"}}, beneficiary="cai", author="dee")
    override(play, "bob")
    assert review_of(play).may_act() == ["eli"]


def test_a_review_of_a_large_request_says_where_it_is() -> None:
    """It would show it twice, and must fit what a question may have."""
    play = Play(break_glass={"who": "user:bob", "review": {"who": "group:trio"}}, show={"plan": "计" * 20_001})
    override(play, "bob")
    shown = review_of(play).state.shown.show
    assert (shown["request"], shown["decided by"]) == ("too much to show again: see a-1", "bob")


def test_a_review_of_whatever_was_shown_can_be_asked() -> None:
    """However long its names are, or the reason, or the title."""
    rest = {"context": {"t": "t" * 20_000}, "title": "{{t}}"}
    glass = {"who": "user:bob", "review": {"who": "group:trio"}}
    play = Play(break_glass=glass, show={f"{n}-{'n' * 200}": "v" for n in range(400)}, **rest)
    assert play.do("override", "bob", outcome="approved", reason="." + "\x02" * 9_990 + ".").status == "counted"
    assert review_of(play).state.state == "open"


# --- Later deadlines --------------------------------------------------------------------------------------------------


def extend(play: Play, actor: str = "eli", by: str = "1h", **rest: object) -> tuple[str, str]:
    receipt = play.do("extend", actor, by=by, reason="busy", **rest)
    return receipt.status, receipt.reason


def test_an_operator_moves_the_deadline() -> None:
    """Of every open stage that has one; the trail and those who may act are told."""
    stages = [
        {"name": "a", "who": "user:cai", "due": "1h"},
        {"name": "b", "who": "user:dee", "due": "2h"},
        {"name": "c", "who": "user:bob"},
    ]
    play = Play({"parallel": stages})
    assert extend(play) == ("counted", "")
    assert [s.due_at for s in play.state.stages] == [MONDAY + 2 * HOUR, MONDAY + 3 * HOUR, None]
    assert [(m.by, m.why) for m in play.stage.moves] == [("1h", "extended by eli: busy")]
    assert [f["reason"] for f in play.facts("deadline_moved")] == ["extended by eli: busy"] * 2
    assert play.sent("notice")[:3] == ["cai", "dee", "bob"]


def test_a_deadline_that_was_moved_in_time_is_moved_from_now_on() -> None:
    """The server had it before the deadline, and it is judged after: what is given is the whole time."""
    play = Play({"who": "user:cai", "due": "1h"})
    play.now += 2 * HOUR
    play.deliver("asked:s1:cai")
    assert play.do("extend", "eli", at=MONDAY, by="1h", reason="busy").status == "counted"
    assert play.stage.due_at == play.now + HOUR


def test_working_time_is_added_as_working_time() -> None:
    """In the calendar of the stage."""
    play = Play({"who": "user:cai", "due": "7bh"})
    extend(play, by="2bh")
    assert play.stage.due_at == MONDAY + 25 * HOUR


@pytest.mark.parametrize(
    ("stage", "actor", "by", "says"),
    [
        ({"who": "user:cai", "due": "1h"}, "cai", "1h", "'cai' is neither operator nor admin"),
        ({"who": "user:cai"}, "eli", "1h", "by: no open stage has a deadline"),
        ({"who": "user:cai", "due": "1h"}, "eli", "0h", "by: '0h' moves no deadline: say by how much"),
        ({"who": "user:cai", "due": "1h", "calendar": "mars"}, "eli", "1bd", "by: calendar 'mars' is not in site.yaml"),
    ],
)
def test_a_deadline_that_cannot_be_moved_is_not(stage: dict[str, object], actor: str, by: str, says: str) -> None:
    """By whom, where there is none, and when nobody can tell."""
    assert extend(Play(stage), actor, by)[1].startswith(says)


def test_a_deadline_is_moved_a_bounded_number_of_times() -> None:
    """Then it has to be decided."""
    play = Play({"who": "user:cai", "due": "1h"})
    for n in range(MAX_EXTENSIONS):
        assert extend(play, key=str(n)) == ("counted", "")
    assert extend(play) == ("invalid", "by: the deadline has been extended 50 times: decide it")


# --- Calendars that change --------------------------------------------------------------------------------------------


def changed(play: Play, **hours: str) -> None:
    calendars: dict[str, Calendar] = {
        name: DEFAULT.but(name=name, week=week_of({"MON-SUN": (spell,)})) for name, spell in hours.items()
    }
    play.feed(events.CalendarChanged(at=play.now, calendars=calendars))


def test_deadlines_are_planned_anew_when_a_calendar_changes() -> None:
    """From the opening, with everything that has moved them since; and the trail says why."""
    steps = [{"after": "3bh", "to": "user:eli"}]
    play = Play({"who": "user:cai", "due": "4bh", "remind": "2bh", "escalate": steps})
    extend(play, by="1bh")
    play.wait("30m")
    changed(play, default="10:00-20:00")
    assert (play.stage.due_at, play.stage.remind_at) == (MONDAY + 6 * HOUR, MONDAY + 3 * HOUR)
    assert play.stage.escalations == (MONDAY + 4 * HOUR,)
    assert play.facts("deadline_moved")[-1]["reason"] == "the calendar has changed"


def test_what_counts_no_working_time_is_left_alone() -> None:
    """And what has not been opened, and what has ended."""
    play = Play({"who": "user:cai", "due": "4h", "remind": ["1h"]}, {"who": "user:dee", "due": "4bh"})
    before = play.state.stages
    changed(play, default="10:00-20:00")
    assert play.state.stages == before
    play.decide("cai", "rejected")
    ended = play.state
    changed(play, default="10:00-21:00")
    assert play.state == ended


def test_a_deadline_that_stays_is_no_move() -> None:
    """Nobody is told what has not happened."""
    play = Play({"who": "user:cai", "due": "4bh"})
    changed(play, default="09:00-20:00")
    assert (play.stage.moves, play.facts("deadline_moved")) == ((), [])


def test_what_stood_still_stays_made_up_for() -> None:
    """An earlier answer has moved it; the new calendar counts the same."""
    play = Play({"who": "user:cai", "due": "4bh"})
    play.do("request_info", "cai", text="why?")
    play.wait("2h")
    play.do("provide_info", "ann", text="so")
    changed(play, default="09:00-20:00")
    assert play.stage.due_at == MONDAY + 6 * HOUR


def test_a_calendar_that_cannot_tell_leaves_the_deadline() -> None:
    """The trail says so, each time."""
    play = Play({"who": "user:cai", "due": "4bh", "calendar": "office"}, calendars={"office": DEFAULT})
    short = DEFAULT.but(name="office", until=MONDAY.date())
    for _ in range(2):
        play.feed(events.CalendarChanged(at=play.now, calendars={"office": short}))
    assert play.stage.due_at == MONDAY + 4 * HOUR
    assert len(play.facts("deadline_kept")) == 2
    assert len({e.key for e in play.effects if getattr(e, "name", "") == "approval.deadline_kept"}) == 2


UNKNOWN = {
    "who": "user:cai",
    "calendar": "late",
    "due": "4bh",
    "remind": ["1bh", "2bh"],
    "escalate": [{"after": "3bh", "to": "user:eli"}],
}


def test_times_that_no_calendar_could_tell_are_planned_when_one_comes() -> None:
    """From the opening, and the trail says so; it stays parked until an operator helps, and is reminded then."""
    play = Play(UNKNOWN)
    changed(play, late="10:00-20:00")
    assert (play.stage.state, play.stage.due_at, play.stage.remind_at) == ("parked", MONDAY + 5 * HOUR, None)
    assert play.stage.escalations == (MONDAY + 4 * HOUR,)
    (fact,) = play.facts("deadline_moved")
    assert fact["after"] == (MONDAY + 5 * HOUR).isoformat()
    assert "before" not in fact
    assert [m.after for m in play.stage.moves] == [play.stage.due_at]
    assert play.reassign("eli", "dee").status == "counted"
    assert (play.stage.state, play.stage.remind_at) == ("open", MONDAY + 2 * HOUR)


def test_a_stage_that_went_on_without_its_times_gets_them_when_they_can_be_told() -> None:
    """With the time made up for in which it waited for an answer; what has been due is not made up for."""
    play = Play(UNKNOWN)
    play.reassign("eli", "dee")
    play.do("request_info", "cai", text="why?")
    play.wait("2h")
    play.do("provide_info", "ann", text="so")
    changed(play, late="09:00-20:00")
    assert (play.stage.due_at, play.stage.remind_at) == (MONDAY + 6 * HOUR, MONDAY + 3 * HOUR)
    assert play.stage.escalations == (MONDAY + 5 * HOUR,)


def test_a_deadline_that_has_passed_is_not_planned_again() -> None:
    """Silence could not approve where nobody had been asked; the stage has no deadline from then on."""
    play = Play({**UNKNOWN, "due": "1h", "at_due": "approved", "at_due_positive": True})
    play.wait("1h")
    changed(play, late="09:00-20:00")
    assert (play.stage.state, play.stage.due_at, play.stage.escalations) == ("parked", None, ())


def test_a_stage_that_waits_for_an_earlier_one_is_planned_anew_too() -> None:
    """Its deadline is there although nobody can act."""
    stages = ({"who": "group:leads", "material": ["x"]}, {"who": "user:cai", "due": "4bh", "material": []})
    play = Play(*stages, context={"x": 1})
    play.decide("bob")
    play.do("amend", "ann", set={"x": 2})
    changed(play, default="10:00-20:00")
    assert play.state.stages[1].due_at == MONDAY + 5 * HOUR


def test_what_was_escalated_is_not_escalated_again() -> None:
    """Its moment lies behind, whatever the calendar says now."""
    steps = [{"after": "1bh", "to": "user:eli", "how": "notify"}]
    play = Play({"who": "user:cai", "due": "5bh", "escalate": steps})
    play.wait("1h")
    changed(play, default="12:00-20:00")
    play.wait("6h")
    assert play.sent("escalated") == ["eli"]


def test_reminders_have_numbers_of_their_own_whatever_the_calendar_says() -> None:
    """Fewer may have been due by the new one than were sent."""
    play = Play({"who": "user:cai", "remind": ["1bh", "2bh", "5bh"]})
    play.wait("2h")
    changed(play, default="10:00-20:00")
    play.wait("1h")
    play.wait("4h")
    ids = [d.id for d in play.state.deliveries if d.occasion == "reminded"]
    assert len(set(ids)) == len(ids) == len(play.facts("reminded"))


def test_the_next_moment_is_that_of_the_new_calendar() -> None:
    """Which may have come already."""
    play = Play({"who": "user:cai", "due": "2bh", "calendar": "night"}, calendars={"night": DEFAULT})
    play.wait("1h")
    changed(play, night="07:00-23:00")
    assert next_moment(play.state) == MONDAY + 2 * HOUR
