"""Who is asked, how many must agree, and what happens when they can't."""

import pytest
from inline_snapshot import snapshot

from hitl_temporal.domain.approval.notation import votes_needed
from hitl_temporal.domain.approval.state import Origin
from tests.domain.approval.playing import PEOPLE, Play, people_with, people_without

# --- Thresholds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("threshold", "eligible", "needed"),
    [
        ("any", 5, 1),
        ("all", 5, 5),
        ("all", 0, 1),
        (3, 5, 3),
        ("60%", 5, 3),
        ("60%", 4, 3),
        ("50%", 3, 2),
        ("34%", 3, 2),
        ("33%", 3, 1),
        ("1%", 3, 1),
        ("100%", 3, 3),
        ("50%", 0, 1),
    ],
)
def test_a_threshold_counts_of_the_eligible(threshold: str | int, eligible: int, needed: int) -> None:
    """Percentages round up, and nothing needs less than one vote."""
    assert votes_needed(threshold, eligible) == needed


@pytest.mark.parametrize(("approve", "voters"), [("any", 1), ("all", 3), (2, 2), ("60%", 2), ("67%", 3)])
def test_a_stage_is_approved_by_the_vote_that_reaches_its_threshold(approve: str | int, voters: int) -> None:
    """Not earlier, and not later."""
    play = Play({"who": "group:trio", "approve": approve})
    for person in ("cai", "dee", "eli")[:voters]:
        assert play.state.outcome is None
        assert play.decide(person).status == "counted"
    assert play.state.outcome == "approved"


@pytest.mark.parametrize(("reject", "voters"), [("any", 1), (2, 2), ("all", 3)])
def test_refusals_have_a_threshold_of_their_own(reject: str | int, voters: int) -> None:
    """One refusal ends a stage by default; `reject` asks for more."""
    play = Play({"who": "group:trio", "reject": reject})
    for person in ("cai", "dee", "eli")[:voters]:
        assert play.state.outcome is None
        play.decide(person, "rejected")
    assert play.state.outcome == "rejected"


def test_each_outcome_is_counted_by_itself() -> None:
    """Two different refusals do not add up, nor do two different agreements."""
    outcomes = {"later": {"label": "Later"}, "fine": {"label": "Fine", "positive": True}}
    stage = {"who": ["group:trio", "user:gus", "user:bob"], "approve": 2, "reject": 2}
    play = Play(stage, outcomes=outcomes)
    for person, outcome in (("cai", "later"), ("dee", "rejected"), ("eli", "fine"), ("gus", "approved")):
        play.decide(person, outcome)
    assert play.state.outcome is None
    play.decide("bob", "fine")
    assert play.state.outcome == "fine"


def test_votes_that_put_the_threshold_out_of_reach_reject() -> None:
    """Two of three must agree, and two have said something else: the stage is rejected before the last vote."""
    play = Play({"who": "group:trio", "approve": 2, "reject": 3}, outcomes={"later": {"label": "Later"}})
    play.decide("cai", "rejected")
    assert play.state.outcome is None
    play.decide("dee", "later")
    assert (play.state.outcome, play.stage.state) == ("rejected", "rejected")


def test_leavers_who_put_the_threshold_out_of_reach_park() -> None:
    """Who went away has not said no: an operator must help."""
    play = Play({"who": "group:trio", "approve": "all"})
    play.decide("cai")
    play.people = people_without("eli")
    assert play.decide("dee").status == "counted"
    assert (play.state.outcome, play.state.state) == (None, "parked")
    assert play.stage.reason == "too few are left: 3 must agree, only 2 can"


def test_leavers_are_noticed_whoever_the_directory_was_read_for() -> None:
    """A stranger's click shows that nobody is left: the approval says so instead of waiting in silence."""
    play = Play()
    play.people = people_without("cai", "dee")
    play.decide("gus")
    assert play.state.state == "parked"


def test_leavers_are_noticed_when_time_passes() -> None:
    """Likewise when the directory is read because something is due."""
    play = Play({"who": "user:cai", "remind": "1h"})
    play.people = people_without("cai")
    play.wait("1h", reads_people=True)
    assert (play.state.state, play.stage.remind_at) == ("parked", None)
    assert play.sent("reminded") == []


def test_a_vote_against_counts_whoever_has_left() -> None:
    """A refusal ends the stage even in the moment in which it would park."""
    play = Play({"who": "group:trio", "approve": "all"})
    play.people = people_without("eli", "dee")
    assert play.decide("cai", "rejected").status == "counted"
    assert play.state.outcome == "rejected"


def test_joiners_may_act_and_thresholds_stay() -> None:
    """Membership is read again at each decision; `all` means all of those who were asked."""
    play = Play({"who": "group:secops", "approve": "all"})
    play.people = people_with("secops", "cai", "dee", "eli", "gus")
    assert [play.decide(p).status for p in ("gus", "eli")] == ["counted"] * 2
    assert play.state.outcome == "approved"


def test_one_person_in_two_groups_is_one_vote() -> None:
    """Nobody is asked or counted twice."""
    play = Play({"who": ["group:secops", "group:trio", "user:cai"], "approve": "all"})
    assert play.stage.asked == ("cai", "dee", "eli")
    assert play.stage.ways[0].needed == 3


@pytest.mark.parametrize("stage", [{"approve": 3}, {"reject": 3}])
def test_a_threshold_above_the_eligible_number_parks(stage: dict[str, int]) -> None:
    """A stage that could never end by votes does not pretend to wait for them."""
    play = Play({"who": "group:secops", **stage})
    assert play.state.state == "parked"
    assert play.stage.reason == "3 votes are needed, but only 2 can act"
    assert play.sent("asked") == []


# --- Who is asked -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "asked"),
    [
        ("user:cai", ["cai"]),
        ("group:secops", ["cai", "dee"]),
        ("role:admin", ["eli"]),
        ("manager:requester", ["bob"]),
        ("manager:user:bob", ["eli"]),
        ("owner:erp", ["cai", "dee"]),
        ("{{inputs.who}}", ["gus", "bob"]),
        (["user:dee", "group:secops"], ["dee", "cai"]),
    ],
)
def test_selectors_name_people(who: str | list[str], asked: list[str]) -> None:
    """Everybody who is named gets the question, in the order of the document."""
    play = Play({"who": who}, context={"inputs": {"who": ["user:gus", "group:leads"]}})
    assert play.sent("asked") == asked


def test_inactive_people_are_not_asked() -> None:
    """They are named, but nobody waits for them."""
    play = Play({"who": ["group:gone", "user:cai"], "approve": "all"})
    assert (play.stage.asked, play.stage.ways[0].needed) == (("cai",), 1)


def test_fallback_is_asked_when_nobody_eligible_is_named() -> None:
    """A group whose people are all barred names nobody."""
    play = Play({"who": "group:leads", "fallback": ["group:gone", "user:dee"]}, on_behalf_of="bob")
    assert (play.sent("asked"), play.stage.who) == (["dee"], ("group:gone", "user:dee"))
    assert play.facts("asked")[0]["fallback"] is True
    assert play.decide("dee").status == "counted"


def test_fallback_is_left_alone_when_somebody_is_named() -> None:
    """It is not a second group."""
    play = Play({"who": "group:leads", "fallback": "group:secops"})
    assert play.sent("asked") == ["bob"]
    assert play.decide("cai").status == "not_eligible"


@pytest.mark.parametrize(
    ("stage", "names"),
    [
        ({"who": "group:empty"}, "group:empty"),
        ({"who": ["group:gone", "group:unknown"]}, "group:gone, group:unknown"),
        ({"who": "{{[]}}"}, "`who`"),
        ({"who": "group:empty", "fallback": "user:ann"}, "user:ann"),
    ],
)
def test_nobody_to_ask_parks(stage: dict[str, object], names: str) -> None:
    """Silence or emptiness never approves: the reason names who was looked for."""
    play = Play(stage)
    assert (play.state.state, play.state.outcome) == ("parked", None)
    assert play.stage.reason == f"nobody can act: {names} names no eligible person"
    assert play.facts("parked") == [{"stage": "s1", "reason": play.stage.reason}]


def test_a_parked_stage_takes_no_answers() -> None:
    """Not even of somebody who has joined since: an operator releases it."""
    play = Play({"who": "group:empty"})
    play.people = people_with("empty", "cai")
    receipt = play.decide("cai")
    assert receipt.status == "not_eligible"
    assert receipt.reason.startswith("stage 's1' is parked: nobody can act")


def test_a_system_requester_has_no_manager() -> None:
    """`manager:requester` names nobody then; `fallback` is what helps."""
    assert Play({"who": "manager:requester"}, requester="system:schedule").state.state == "parked"
    play = Play({"who": "manager:requester", "fallback": "group:leads"}, requester="system:schedule")
    assert play.sent("asked") == ["bob"]


# --- Who may not act --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "concern",
    [
        {"requester": "cai"},
        {"on_behalf_of": "cai"},
        {"beneficiary": "cai"},
        {"author": "user:cai"},
        {"beneficiary": "{{inputs.person}}", "context": {"inputs": {"person": " cai "}}},
    ],
)
def test_nobody_decides_their_own(concern: dict[str, object]) -> None:
    """Requester, principal, beneficiary and author are neither asked nor counted."""
    play = Play(**concern)
    assert play.sent("asked") == ["dee"]
    assert play.decide("cai").status == "not_eligible"


def test_allow_requester_lifts_the_bar() -> None:
    """It must be written, in the stage."""
    play = Play({"who": "group:secops", "allow_requester": True}, requester="cai")
    assert play.sent("asked") == ["cai", "dee"]
    assert play.decide("cai").status == "counted"


def test_not_adds_to_the_bars() -> None:
    """Who is excluded is not asked; the requester stays barred."""
    play = Play({"who": "group:trio", "not": ["user:eli"]}, requester="cai")
    assert play.sent("asked") == ["dee"]
    assert play.decide("eli").reason == "'eli' is excluded from stage 's1' by its `not`"
    assert play.decide("cai").status == "not_eligible"


def test_not_holds_where_the_requester_is_allowed() -> None:
    """`allow_requester` lifts its own bar only."""
    play = Play({"who": "group:secops", "not": "user:cai", "allow_requester": True}, requester="cai")
    assert play.decide("cai").status == "not_eligible"


# --- Stages in sequence -----------------------------------------------------------------------------------------------


def test_stages_open_one_after_another() -> None:
    """The second is asked when the first has agreed; the last one's outcome is the approval's."""
    outcomes = {"fine": {"label": "Fine", "positive": True}}
    play = Play({"who": "group:leads"}, {"who": "group:secops"}, outcomes=outcomes)
    assert (play.stage_states, play.sent("asked")) == (["open", "pending"], ["bob"])
    play.decide("bob")
    assert (play.stage_states, play.sent("asked")) == (["approved", "open"], ["bob", "cai", "dee"])
    play.decide("dee", "fine")
    assert (play.stage_states, play.state.outcome) == (["approved", "fine"], "fine")


def test_a_refusal_leaves_the_later_stages_unasked() -> None:
    """They stay pending, and nobody there hears of it."""
    play = Play({"who": "group:leads"}, {"who": "group:secops"})
    play.decide("bob", "rejected")
    assert (play.stage_states, play.state.outcome, play.state.reason) == (
        ["rejected", "skipped"],
        "rejected",
        "stage 's1'",
    )


def test_nobody_decides_two_stages() -> None:
    """Who was counted earlier is neither asked nor eligible later, and is told which stage it was."""
    play = Play({"who": "user:cai"}, {"who": "group:secops"})
    play.decide("cai", key="1")
    assert play.sent("asked") == ["cai", "dee"]
    assert play.decide("cai", key="2").reason == "'cai' has decided stage 's1'; this one needs somebody else"


def test_a_stage_emptied_by_distinct_parks() -> None:
    """Thresholds look only at those who are left."""
    play = Play({"who": "user:cai"}, {"who": "user:cai"})
    play.decide("cai")
    assert (play.stage_states, play.state.state) == (["approved", "parked"], "parked")


def test_distinct_false_lets_one_person_decide_twice() -> None:
    """It must be written, in the later stage."""
    play = Play({"who": "user:cai"}, {"who": "user:cai", "distinct": False})
    assert [play.decide("cai", key=k).status for k in "12"] == ["counted"] * 2
    assert play.state.outcome == "approved"


def test_who_is_eligible_is_looked_up_when_a_stage_opens() -> None:
    """Thresholds of the second stage are taken of the people at its opening, not at the first one's."""
    play = Play({"who": "group:leads"}, {"who": "group:secops", "approve": "all"})
    play.people = people_with("secops", "cai", "dee", "gus")
    play.decide("bob")
    assert (play.state.stages[1].asked, play.state.stages[1].ways[0].needed) == (("cai", "dee", "gus"), 3)


def test_a_stage_whose_when_is_false_is_skipped() -> None:
    """First, middle or last: it asks nobody, and the outcome is that of the last one which applies."""
    play = Play(
        {"who": "group:none", "when": "inputs.score > 1"},
        {"who": "group:leads", "when": "inputs.score < 1"},
        {"who": "{{inputs.missing}}", "when": "false"},
        context={"inputs": {"score": 0.5}},
    )
    play.decide("bob")
    assert (play.stage_states, play.state.outcome) == (["skipped", "approved", "skipped"], "approved")


def test_an_ask_left_without_a_stage_parks() -> None:
    """Nobody has agreed to anything: it can be withdrawn, and nothing else."""
    play = Play({"who": "group:secops", "when": "false"})
    assert (play.state.state, play.state.outcome) == ("parked", None)
    assert play.decide("cai").reason == "no stage applies: every `when` is false"
    assert play.facts("parked") == [{"reason": "no stage applies: every `when` is false"}]
    assert play.withdraw("ann").status == "counted"


def test_the_trail_tells_a_life_in_order() -> None:
    """Opened, asked, decided, ended: one fact each, with who and what."""
    play = Play({"who": "user:cai"})
    play.deliver("asked:s1:cai")
    play.decide("cai", comment="ok", key="k")
    play.close()
    told = [(e.name, e.key) for e in play.effects if hasattr(e, "name")]
    assert told == snapshot(
        [
            ("approval.opened", "opened"),
            ("approval.asked", "asked:s1"),
            ("approval.delivered", "delivery:asked:s1:cai"),
            ("approval.decided", "decided:s1:cai"),
            ("approval.stage_ended", "stage_ended:s1"),
            ("approval.ended", "ended"),
        ]
    )


def test_reading_people_again_changes_nothing_once_resolved() -> None:
    """The first reading opens; another one is not an opening."""
    play = Play()
    play.people = PEOPLE.but(groups={})
    before = play.state
    play.resolve()
    assert play.state == before


# --- Parked -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "told"), [("group:secops", ["cai", "dee"]), ("group:gone", ["eli"]), (None, ["eli"])]
)
def test_who_answers_for_a_request_is_told_that_it_waits_for_them(owner: str | None, told: list[str]) -> None:
    """The flow's owner, else operators and admins; once, however often it is looked at."""
    origin = Origin(run="r", step="s", attempt=1, flow="f", owner=owner)
    play = Play({"who": "group:empty"}, is_resolved=False)
    play.state = play.state.but(origin=origin)
    play.resolve()
    play.wait("1h", reads_people=True)
    notices = [d for d in play.state.deliveries if d.occasion == "notice"]
    assert [d.person for d in notices] == told
    assert notices[0].text.startswith("Go?: stage 's1' is parked: nobody can act")


def test_a_request_without_a_stage_is_told_too() -> None:
    """There is nobody else who could know."""
    play = Play({"who": "user:cai", "when": "false"})
    (notice,) = [d for d in play.state.deliveries if d.occasion == "notice"]
    assert (notice.person, notice.text[:38]) == ("eli", "Go?: it is parked: no stage applies: e")
