"""Picking a few of many: by lot, in turn, who has least to do, who knows it best."""

import pytest

from hitl_temporal.domain.approval import events
from hitl_temporal.domain.approval.clock import next_moment
from hitl_temporal.domain.approval.picking import turn_key
from hitl_temporal.domain.approval.state import Origin
from hitl_temporal.domain.approval.surroundings import picks
from hitl_temporal.domain.people import Load
from tests.domain.approval.playing import Play, people_without

POLICIES = ("random", "round_robin", "least_loaded", "experienced")
FALLS_BACK = {"who": "group:empty", "fallback": "user:cai"}


def picked(pick: str, *, seed: str = "", turn: int | None = None, **stage: object) -> Play:
    """Return a question of five of whom a few are picked; loads fall, and what they have decided rises, in order."""
    play = Play(
        {"who": "group:all", "pick": pick, **stage}, rework=1, material=["x"], context={"x": 1}, is_resolved=False
    )
    play.state = play.state.but(seed=seed)
    loads = {p: Load(open=9 - n, decided=n) for n, p in enumerate(("bob", "cai", "dee", "eli", "gus"))}
    turns = {} if turn is None else {turn_key(play.state, play.stage): turn}
    roster = play.roster().but(loads=loads, turns=turns)
    play.feed(events.PeopleResolved(at=play.now, roster=roster))
    return play


def test_one_is_asked_and_nobody_else_may_act() -> None:
    """Of those who could: neither the requester nor who is gone."""
    play = picked("least_loaded")
    assert (play.sent("asked"), play.may_act(), play.stage.who) == (["gus"], ["gus"], ("user:gus",))
    assert play.decide("eli").status == "not_eligible"
    assert play.facts("asked")[0]["picked"] == "least_loaded"
    assert play.decide("gus").status == "counted"


def test_a_few_are_asked_in_the_order_of_the_directory() -> None:
    """As many as are written; thresholds are taken of them."""
    play = picked("2 by least_loaded", approve="all")
    assert (play.may_act(), play.stage.ways[0].needed) == (["eli", "gus"], 2)


def test_more_than_there_are_is_all() -> None:
    """Groups stay groups then."""
    play = picked("9 by random")
    assert (play.may_act(), play.stage.who) == (["bob", "cai", "dee", "eli", "gus"], ("group:all",))


@pytest.mark.parametrize(
    ("pick", "turn", "expected"),
    [
        ("experienced", None, ["gus"]),
        ("least_loaded", None, ["gus"]),
        ("round_robin", 0, ["bob"]),
        ("round_robin", 1, ["cai"]),
        ("round_robin", 7, ["dee"]),
        ("2 by round_robin", 2, ["bob", "gus"]),
    ],
)
def test_each_policy_picks_its_own(pick: str, turn: int | None, expected: list[str]) -> None:
    """Who has decided most, who has least to do, whose turn it is."""
    assert sorted(picked(pick, turn=turn).may_act()) == expected


@pytest.mark.parametrize("pick", ["random", "round_robin"])
def test_a_lot_is_drawn_from_a_seed(pick: str) -> None:
    """Everybody has a chance, nobody a choice; so also where turns are not known."""
    found = {tuple(picked(pick, seed=str(n)).may_act()) for n in range(60)}
    assert found == {(p,) for p in ("bob", "cai", "dee", "eli", "gus")}
    assert picked(pick, seed="1").may_act() == picked(pick, seed="1").may_act()


def test_a_pick_of_nobody_parks() -> None:
    """As every stage that names nobody."""
    for pick in ("round_robin", "random"):
        play = picked(pick, turn=3, who="group:empty")
        assert (play.stage.state, play.may_act()) == ("parked", [])


def test_who_was_picked_and_leaves_is_not_replaced_in_silence() -> None:
    """It parks; an operator gives the place to somebody else, or brings somebody in."""
    for source in ("gus", None):
        play = picked("least_loaded")
        play.people = people_without("gus")
        play.wait("1m", reads_people=True)
        assert play.stage.reason == "too few are left: 1 must agree, only 0 can"
        assert play.reassign("eli", "cai", source).status == "counted"
        assert (play.stage.state, play.may_act()) == ("open", ["cai"])


def test_a_fallback_is_picked_from_too() -> None:
    """It stands for those who were named."""
    play = picked("least_loaded", who="group:empty", fallback="group:trio")
    assert play.may_act() == ["eli"]


@pytest.mark.parametrize("pick", POLICIES)
def test_who_is_away_is_picked_last(pick: str) -> None:
    """By every policy, where nobody stands in for them; who has somebody is picked like the others."""
    for seed in "abcdef":
        play = Play({"who": "group:trio", "pick": f"2 by {pick}"}, is_resolved=False)
        play.state = play.state.but(seed=seed)
        play.away("cai")
        play.away("dee", "gus")
        play.resolve()
        assert play.may_act() == ["dee", "eli", "gus"]


def test_a_substitute_who_may_not_act_is_no_substitute() -> None:
    """Neither the requester nor who is gone answers in the place of somebody who is away."""
    play = Play({"who": "group:trio", "pick": "round_robin", "not": "user:gus"}, is_resolved=False)
    play.away("cai", "ann")
    play.away("dee", "gus")
    play.resolve()
    assert play.may_act() == ["eli"]


def test_who_is_away_is_picked_where_nobody_else_could_be() -> None:
    """They may still answer."""
    play = Play({"who": "group:secops", "pick": "random"}, is_resolved=False)
    play.away("cai")
    play.away("dee")
    play.resolve()
    assert len(play.may_act()) == 1


def beside(*stages: dict[str, object], seed: str = "", **turns: int) -> Play:
    """Return a question with stages side by side, named from a on."""
    named = [{"name": name, **stage} for name, stage in zip("abc", stages, strict=False)]
    play = Play({"parallel": named}, is_resolved=False)
    play.state = play.state.but(seed=seed)
    roster = play.roster().but(turns={f"approval:{name}": turn for name, turn in turns.items()})
    play.feed(events.PeopleResolved(at=play.now, roster=roster))
    return play


@pytest.mark.parametrize("pick", POLICIES)
def test_stages_side_by_side_pick_different_people(pick: str) -> None:
    """Who decides the one is barred from the other: both would ask the same person, and one would park."""
    for seed in "abcdef":
        stage = {"who": "group:secops", "pick": pick}
        play = beside(stage, stage, seed=seed, a=1, b=1)
        assert sorted((*play.may_act("a"), *play.may_act("b"))) == ["cai", "dee"]
        play.decide(*play.may_act("a"))
        play.decide(*play.may_act("b"))
        assert play.state.outcome == "approved"


@pytest.mark.parametrize("first", [0, 1])
def test_who_is_asked_in_a_stage_beside_is_not_picked(first: int) -> None:
    """Whichever is written first: who has others to pick from leaves the one whom the other can't do without."""
    for needs in ({"who": "user:cai"}, {"who": "group:secops", "pick": "random", "not": "user:dee"}, FALLS_BACK):
        stages = [{"who": "group:secops", "pick": "round_robin"}]
        stages.insert(first, needs)
        play = beside(*stages, a=0, b=0)
        assert (play.may_act("ab"[first]), play.may_act("ba"[first])) == (["cai"], ["dee"])


def test_stages_that_may_be_decided_by_one_person_pick_as_if_they_were_alone() -> None:
    """Where neither is `distinct`; one of them is enough to keep them apart."""
    loose = {"who": "group:secops", "pick": "round_robin", "distinct": False}
    for other, picked in ((loose, ["cai"]), ({**loose, "distinct": True}, ["dee"])):
        play = beside(loose, other, a=0, b=0)
        assert (play.may_act("a"), play.may_act("b")) == (["cai"], picked)


def test_who_stands_in_beside_is_not_picked() -> None:
    """Nor who could answer only in the name of somebody who has a part there."""
    play = Play(
        {"parallel": [{"name": "a", "who": "user:cai"}, {"name": "b", "who": "group:all", "pick": "round_robin"}]},
        is_resolved=False,
    )
    play.away("cai", "bob")
    play.away("dee", "cai")
    play.resolve()
    assert play.may_act("b") in (["eli"], ["gus"])


def test_a_stage_beside_that_is_skipped_needs_nobody() -> None:
    """Whoever it names is free."""
    play = beside({"who": "user:cai", "when": "false"}, {"who": "group:secops", "pick": "round_robin"}, b=0)
    assert play.may_act("b") == ["cai"]


def test_stages_side_by_side_ask_the_same_person_where_there_is_nobody_else() -> None:
    """As without `pick`: what is left then is an operator's."""
    stage = {"who": "user:cai", "pick": "random"}
    play = beside(stage, stage)
    assert (play.may_act("a"), play.may_act("b")) == (["cai"], ["cai"])


@pytest.mark.parametrize("pick", POLICIES)
def test_who_had_it_is_asked_again(pick: str) -> None:
    """They know the case, whether it was sent back or is another question now."""
    for seed in "abcdefgh":
        play = Play({"who": "group:all", "pick": f"2 by {pick}"}, rework=1, material=["x"], context={"x": 1})
        play.state = play.state.but(seed=seed)
        first = play.may_act()
        play.decide(first[1], "rework", comment="no")
        play.do("provide_info", "ann", text="so")
        assert (play.stage.round, play.may_act()) == (2, first)
        play.do("amend", "ann", set={"x": 2})
        assert (play.stage.round, play.may_act()) == (3, first)


def test_who_had_it_beside_has_it_again_there() -> None:
    """Stages side by side that are asked again do not take each other's people."""
    stages = [{"name": n, "who": "group:trio", "pick": "random", "material": ["x"]} for n in ("a", "b")]
    play = Play({"parallel": stages}, context={"x": 1})
    (first,) = play.may_act("b")
    play.people = people_without(*play.may_act("a"))
    play.do("amend", "ann", set={"x": 2})
    assert play.may_act("b") == [first]
    assert play.may_act("a") not in ([], [first])


def test_whom_an_operator_brought_in_has_it_again() -> None:
    """In the place of somebody who has left: nobody else is picked beside them."""
    play = picked("least_loaded")
    play.people = people_without("gus")
    play.wait("1m", reads_people=True)
    play.reassign("eli", "cai")
    play.decide("cai", "rework", comment="no")
    play.do("provide_info", "ann", text="so")
    assert play.may_act() == ["cai"]


@pytest.mark.parametrize(("pick", "expected"), [("round_robin", "dee"), ("least_loaded", "eli")])
def test_who_cannot_have_it_again_is_replaced_by_the_policy(pick: str, expected: str) -> None:
    """It is asked for what the policy needs to know, and until then nobody is asked by chance."""
    play = picked(pick, turn=4)
    assert play.may_act() == ["gus"]
    play.people = people_without("gus")
    play.do("amend", "ann", set={"x": 2})
    assert (play.state.state, play.may_act(), next_moment(play.state)) == ("open", [], play.now)
    ((key, policy, people),) = picks(play.state)
    assert (key, policy, people[0]) == ("approval:s1", pick, "ann")
    loads = {p: Load(open=9 - n) for n, p in enumerate(("bob", "cai", "dee", "eli"))}
    roster = play.roster().but(loads=loads, turns={key: 2})
    play.feed(events.TimePassed(at=play.now, roster=roster))
    assert play.may_act() == [expected]


def test_a_lot_needs_no_reading() -> None:
    """Somebody else is drawn at once."""
    play = Play({"who": "group:trio", "pick": "random"}, material=["x"], context={"x": 1})
    (first,) = play.may_act()
    play.people = people_without(first)
    play.do("amend", "ann", set={"x": 2})
    assert len(play.may_act()) == 1


def test_turns_are_counted_for_a_stage_of_a_flow() -> None:
    """Elsewhere for approvals that no flow asks."""
    play = picked("random")
    assert turn_key(play.state, play.stage) == "approval:s1"
    origin = Origin(run="r", step="s", attempt=1, flow="pay")
    assert turn_key(play.state.but(origin=origin), play.stage) == "pay:s1"


def test_what_picking_must_know_is_asked_for_the_stages_that_may_open_next() -> None:
    """Not for those that do not pick, and not for those that come later."""
    stages = [
        {"parallel": [{"name": "a", "who": "group:secops", "pick": "random"}, {"name": "b", "who": "user:eli"}]},
        {"name": "c", "who": "group:trio", "pick": "2 by least_loaded", "fallback": "group:leads"},
    ]
    play = Play(*stages, is_resolved=False)
    play.state = play.state.but(roster=play.roster())
    assert picks(play.state) == (("approval:a", "random", ("cai", "dee")),)
    play.resolve()
    assert picks(play.state) == (("approval:c", "least_loaded", ("cai", "dee", "eli", "bob")),)
    for person in (*play.may_act("a"), "eli"):
        play.decide(person)
    play.wait("1m", reads_people=True)
    assert picks(play.state) == ()
