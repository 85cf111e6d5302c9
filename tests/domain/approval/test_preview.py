"""Who would be asked, and why, before anything is sent."""

from datetime import timedelta
from typing import Any

import pytest

from hitl_temporal.domain.absence import Absence
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.preview import Preview, parties_of, preview, selectors_of
from hitl_temporal.domain.approval.room import MAX_PLACES
from hitl_temporal.domain.approval.stage_preview import Away
from hitl_temporal.domain.approval.stages import ALL_SKIPPED, NO_ROW
from hitl_temporal.domain.approval.state import Origin
from hitl_temporal.domain.people import Group, People, Person
from hitl_temporal.domain.value import Json
from tests.domain.approval.playing import MONDAY, PEOPLE

PAST = {"since": MONDAY.replace(year=2020), "until": MONDAY.replace(year=2021), "substitute": "gus"}
CONTEXT: dict[str, Json] = {"inputs": {"amount": 500, "boss": "user:gus"}}


def seen(
    *stages: dict[str, Any],
    requester: str = "ann",
    absences: dict[str, tuple[Absence, ...]] | None = None,
    origin: Origin | None = None,
    opens_at_once: bool = True,
    **ask: Any,
) -> Preview:
    """Return the preview of a question with these stages."""
    named = [s if "parallel" in s else {"name": f"s{n}", **s} for n, s in enumerate(stages, 1)]
    document = Ask.model_validate({"title": "Go?", "stages": named, **ask})
    wanted = selectors_of(document, requester=requester, context=CONTEXT)
    roster = PEOPLE.roster(wanted, (requester, "gus")).but(absences=absences or {})
    return preview(
        document,
        requester=requester,
        context=CONTEXT,
        roster=roster,
        at=MONDAY,
        origin=origin,
        opens_at_once=opens_at_once,
    )


def test_it_says_who_is_asked_and_why() -> None:
    """By which entry of `who`, in its order, how many must agree, and until when."""
    (stage,) = seen({"who": ["group:secops", "role:admin", "{{inputs.boss}}"], "approve": 2, "due": "1d"}).stages
    assert [(p.person, p.name, p.because) for p in stage.people] == [
        ("cai", "Cai Wu", ("group:secops",)),
        ("dee", "Dee Fox", ("group:secops",)),
        ("eli", "Eli Ode", ("role:admin",)),
        ("gus", "Gus Kay", ("user:gus",)),
    ]
    assert (stage.number, stage.approve, stage.reject, stage.applies) == (4, (2,), 1, "yes")
    assert (stage.due is not None, stage.at_due, stage.parks) == (True, "expire", None)


def test_it_says_who_is_left_out_and_why() -> None:
    """Requester, excluded and inactive people, each with the reason the judge would give."""
    (stage,) = seen({"who": "group:all", "not": "user:gus"}, beneficiary="dee").stages
    assert {p.person: p.reason.partition(" is ")[2][:20] for p in stage.left_out} == {
        "ann": "the requester of thi",
        "dee": "the beneficiary or a",
        "gus": "excluded from stage ",
        "zoe": "not an active person",
    }


def test_it_says_that_nobody_could_decide() -> None:
    """And that the fallback would be asked, where there is one."""
    parked, saved = seen({"who": "group:gone"}).stages[0], seen({"who": "group:gone", "fallback": "user:cai"}).stages[0]
    assert parked.parks == "nobody can act: group:gone names no eligible person"
    assert (saved.is_fallback, [p.person for p in saved.people], saved.parks) == (True, ["cai"], None)
    assert seen({"who": "user:cai", "approve": 2}).stages[0].parks == "2 votes are needed, but only 1 can act"


def test_it_says_what_depends_on_later_steps() -> None:
    """A condition that can't be told is `perhaps`, with its people; people that can't be told are left open."""
    score = "steps.risk.outputs.score > 0.5"
    skipped, perhaps, unknown = seen(
        {"who": "user:cai", "when": "inputs.amount > 1000"},
        {"who": "user:dee", "when": score},
        {"who": "{{steps.risk.outputs.owner}}"},
    ).stages
    assert (skipped.applies, skipped.reason) == ("no", "when: inputs.amount > 1000")
    assert (perhaps.applies, [p.person for p in perhaps.people]) == ("perhaps", ["dee"])
    assert "steps.risk" in perhaps.reason
    assert (unknown.applies, unknown.people, "steps.risk" in unknown.reason) == ("perhaps", (), True)


def test_a_rule_that_would_decide_is_told() -> None:
    """A negative one first; one that is only watched decides nothing; one that can't be told is said."""
    rules = [
        {"if": "inputs.amount < 1000", "outcome": "approved", "reason": "small"},
        {"if": "inputs.amount == 500", "outcome": "rejected"},
    ]
    found = seen({"who": "user:cai"}, auto=rules)
    assert (found.automatic, found.rule) == ("rejected", "inputs.amount == 500")
    assert seen({"who": "user:cai"}, auto=rules[:1]).rule == "small"
    assert [(s.applies, s.reason, s.people) for s in found.stages] == [
        ("no", "a rule decides: rejected; nobody is asked", ())
    ]
    skipped = seen({"who": "user:cai", "when": "false"}, auto=rules).stages[0]
    assert (skipped.applies, skipped.reason) == ("no", "when: false")
    watched = seen({"who": "user:cai"}, auto=rules, shadow=True)
    assert (watched.automatic, watched.shadowed, watched.rule) == (None, "rejected", "inputs.amount == 500")
    assert (watched.stages[0].applies, found.shadowed) == ("yes", None)
    unsure = seen({"who": "user:cai"}, auto=[{"if": "steps.risk.outputs.score < 1", "outcome": "approved"}])
    assert (unsure.automatic, len(unsure.depends)) == (None, 1)
    assert unsure.stages[0].people[0].person == "cai"


def test_routes_blocks_and_picks_are_told() -> None:
    """Which row holds; which stages are open together; how a few would be chosen; what can't be told of a table."""
    table = {"rows": [{"if": "inputs.amount < 1000", "stages": [{"who": "group:trio", "pick": "2 by least_loaded"}]}]}
    routed = Ask.model_validate({"title": "Go?", "stages": {"route": table}})
    roster = PEOPLE.roster(selectors_of(routed, requester="ann", context=CONTEXT), ("ann",))
    (stage,) = preview(routed, requester="ann", context=CONTEXT, roster=roster, at=MONDAY).stages
    assert (stage.number, stage.picks) == (3, "2 of these, by least_loaded")
    (unsure,) = preview(routed, requester="ann", context={}, roster=roster, at=MONDAY).stages
    assert (unsure.applies, unsure.name) == ("perhaps", "decision")
    block = {
        "parallel": [{"name": "a", "who": "user:cai", "when": "true"}, {"name": "b", "who": "user:dee"}],
        "when": "inputs.amount > 1000",
    }
    assert [(s.block, s.applies) for s in seen(block, {"who": "user:eli"}).stages] == [(0, "no"), (0, "no"), (1, "yes")]


def test_of_those_picked_the_numbers_are_told() -> None:
    """However many could be picked: what they can't reach would park, and what they can would not."""
    (few,) = seen({"who": "group:secops", "pick": "random", "approve": 2}).stages
    assert (few.number, few.picked, few.approve) == (2, 1, (2,))
    assert few.parks == "2 votes are needed, but only 1 can act"
    (each,) = seen({"who": ["group:trio", "group:leads", "user:bob"], "pick": "least_loaded", "reject": "each"}).stages
    assert (each.number, each.picked, each.approve, each.reject, each.parks) == (4, 1, (1,), 1, None)
    (every,) = seen({"who": "group:secops", "pick": "3 by random", "approve": "all"}).stages
    assert (every.picked, every.approve, seen({"who": "group:secops"}).stages[0].picked) == (2, (2,), None)
    assert seen({"who": "group:gone", "pick": "random"}).stages[0].picked == 0


def test_votes_that_weigh_are_told_as_votes() -> None:
    """All together: not where each person has one, nor where it depends on who is picked."""
    weighed = {"who": "group:trio", "weights": {"user:eli": 2}, "approve": 3}
    (stage,) = seen(weighed).stages
    assert (stage.approve, stage.votes, stage.number) == ((3,), 4, 3)
    ways = [{"who": "user:cai"}, {"who": "user:eli", "approve": 2}]
    assert seen({"any_of": ways, "weights": {"user:eli": 2}}).stages[0].votes == 3
    assert seen({"who": "group:trio", "approve": 3}).stages[0].votes is None
    one, every = (seen({**weighed, "pick": f"{number} by random"}).stages[0] for number in (1, 3))
    assert (one.votes, every.votes, every.parks) == (None, 4, None)
    assert (one.parks or "").endswith("can act, depending on who is picked")
    quiet = {"who": "user:zoe", "fallback": "group:secops", "quiet": "user:cai", "pick": "random", "approve": 2}
    assert (seen(quiet).stages[0].parks or "").endswith("can act, depending on who is picked")


def test_who_is_not_told_is_marked() -> None:
    """Those whom `quiet` names, and who stands in for one of them; all of a stage that is quiet."""
    day = {"since": MONDAY, "until": MONDAY.replace(day=9), "substitute": "gus"}
    away = {"cai": (Absence(id="1", person="cai", **day),)}
    (some,) = seen({"who": "group:secops", "quiet": "user:cai"}, absences=away).stages
    assert [(p.person, p.is_quiet) for p in some.people] == [("cai", True), ("dee", False), ("gus", True)]
    (every,) = seen({"who": "group:secops", "quiet": True}).stages
    assert [p.is_quiet for p in every.people] == [True, True]


def test_who_is_quiet_and_stands_in_for_somebody_who_is_not_would_be_asked_so() -> None:
    """In that role, and once."""
    day = {"since": MONDAY, "until": MONDAY.replace(day=9), "substitute": "gus"}
    away = {"cai": (Absence(id="1", person="cai", **day),)}
    (stage,) = seen({"who": "user:cai", "quiet": "user:gus"}, absences=away).stages
    people = [(p.person, p.on_behalf_of, p.is_quiet) for p in stage.people]
    assert people == [("cai", None, False), ("gus", "cai", False)]


def test_a_question_of_which_no_stage_applies_would_park() -> None:
    """No row of its route holds, or every `when` is false: what may apply yet, or a rule decides, does not park so."""
    skipped = {"who": "user:cai", "when": "inputs.amount > 1000"}
    assert seen(skipped, {"parallel": [{"name": "a", "who": "user:dee"}], "when": "false"}).parks == ALL_SKIPPED
    assert seen(skipped, {"who": "user:dee"}).parks is None
    assert seen(skipped, {"who": "user:dee", "when": "steps.risk.outputs.score > 1"}).parks is None
    assert seen(skipped, auto=[{"if": "true", "outcome": "approved"}]).parks is None
    table = {"rows": [{"if": "inputs.amount > 1000", "stages": [{"who": "group:trio"}]}]}

    def routed(route: Any, context: dict[str, Json]) -> Preview:
        ask = Ask.model_validate({"title": "Go?", "stages": {"route": route}})
        return preview(ask, requester="ann", context=context, roster=PEOPLE.roster(("group:trio",)), at=MONDAY)

    assert (routed(table, CONTEXT).stages, routed(table, CONTEXT).parks) == ((), NO_ROW)
    assert (routed(table, {}).parks, routed("unknown", CONTEXT).parks) == (None, None)


def test_who_stands_in_is_told() -> None:
    """In whose place; somebody asked for themselves is named once."""
    day = {"since": MONDAY, "until": MONDAY.replace(day=9)}
    away = {"cai": (Absence(id="1", person="cai", substitute="gus", **day),)}
    (stage,) = seen({"who": "group:secops"}, absences=away).stages
    assert [(p.person, p.on_behalf_of) for p in stage.people] == [("cai", None), ("dee", None), ("gus", "cai")]
    (both,) = seen({"who": ["group:secops", "user:gus"]}, absences=away).stages
    assert [(p.person, p.on_behalf_of) for p in both.people] == [("cai", None), ("dee", None), ("gus", None)]


def test_whoever_is_away_is_told_with_who_stands_in() -> None:
    """Also where the substitute is asked anyhow; where nobody does, why; who is barred is left out, and that is all."""
    day = {"since": MONDAY, "until": MONDAY.replace(day=9)}

    def away(person: str, substitute: str | None) -> dict[str, tuple[Absence, ...]]:
        return {person: (Absence(id=person, person=person, substitute=substitute, **day),)}

    (both,) = seen({"who": ["group:secops", "user:gus"]}, absences=away("cai", "gus")).stages
    assert both.away == (Away(person="cai", substitute="gus"),)
    (alone,) = seen({"who": "group:secops"}, absences=away("cai", None)).stages
    assert alone.away == (Away(person="cai", reason="nobody stands in"),)
    (own,) = seen({"who": "group:secops"}, absences=away("cai", "ann")).stages
    assert [(a.substitute, a.reason.partition(" is ")[0]) for a in own.away] == [(None, "'ann'")]
    assert [p.person for p in own.people] == ["cai", "dee"]
    (via,) = seen({"who": "group:secops"}, absences={**away("cai", "ann"), **away("ann", "gus")}).stages
    assert [(a.substitute, a.reason.partition(" is ")[0]) for a in via.away] == [(None, "'ann'")]
    assert [p.person for p in via.people] == ["cai", "dee"]
    (barred,) = seen({"who": ["group:secops", "user:ann"]}, absences=away("ann", "gus")).stages
    assert (barred.away, [p.person for p in barred.left_out]) == ((), ["ann"])
    (over,) = seen({"who": "group:secops"}, absences={"cai": (Absence(id="1", person="cai", **PAST),)}).stages
    assert over.away == ()


def test_who_is_away_would_be_picked_last() -> None:
    """As when the stage opens: the numbers are of a draw among those who are there, or in whose place somebody is."""
    day = {"since": MONDAY, "until": MONDAY.replace(day=9)}
    stage = {"who": "group:trio", "pick": "2 by random", "weights": {"user:cai": 5}, "approve": 5}
    for substitute, reason in (
        (None, "nobody stands in; picked only where too few others are there"),
        ("ann", "'ann' is the requester of this request: nobody decides their own; picked only where too few"),
    ):
        away = {"cai": (Absence(id="1", person="cai", substitute=substitute, **day),)}
        (found,) = seen(stage, absences=away).stages
        assert found.parks == "5 votes are needed, but only 2 can act, depending on who is picked"
        assert found.away[0].reason.startswith(reason)


def test_only_what_opens_at_once_has_a_moment() -> None:
    """The first block that applies; what comes after an answer says how long after its opening it is due."""
    skipped = {"who": "user:cai", "when": "inputs.amount > 1000", "due": "1d"}
    block = {"parallel": [{"name": "a", "who": "user:cai", "due": "1d"}, {"name": "b", "who": "user:dee"}]}
    stages = (skipped, block, {"who": "user:eli", "due": "2bd"}, {"who": "{{steps.x.outputs.y}}", "due": "3d"})
    found = seen(*stages).stages
    assert [(s.name, s.due is not None, s.due_in) for s in found] == [
        ("s1", False, None),
        ("a", True, "1d"),
        ("b", False, None),
        ("s3", False, "2bd"),
        ("s4", False, "3d"),
    ]
    assert seen({"who": "user:cai", "when": "steps.x.outputs.y", "due": "1d"}, {"who": "user:dee"}).stages[0].due
    unsure, second = seen({"who": "{{steps.x.outputs.y}}"}, {"who": "user:cai", "due": "1d"}).stages
    assert (unsure.applies, second.due, second.due_in) == ("perhaps", None, "1d")
    (later,) = seen({"who": "user:cai", "due": "1bd", "calendar": "mars"}, opens_at_once=False).stages
    assert (later.due, later.due_in, "mars" in (later.parks or "")) == (None, "1bd", True)
    assert seen({"who": "user:cai", "due": "1d"}, opens_at_once=False).stages[0].due is None


def test_a_deadline_that_no_calendar_knows_is_left_open() -> None:
    """It is no reason to show nothing, but such a stage would park."""
    (stage,) = seen({"who": "user:cai", "due": "1bd", "calendar": "mars"}).stages
    assert (stage.due, [p.person for p in stage.people]) == (None, ["cai"])
    assert stage.parks is not None
    assert stage.parks.startswith("its times can't be planned: calendar 'mars' is not in site.yaml")


@pytest.mark.parametrize("times", [{"remind": "1bd"}, {"escalate": [{"after": "1bd", "to": "user:bob"}]}])
def test_whatever_time_no_calendar_knows_parks(times: dict[str, Any]) -> None:
    """As it would when the stage opens; a deadline that can be told is told."""
    (stage,) = seen({"who": "user:cai", "due": "2d", "calendar": "mars", **times}).stages
    assert stage.due == MONDAY + timedelta(days=2)
    assert stage.parks is not None
    assert stage.parks.startswith("its times can't be planned: calendar 'mars'")


LATER: dict[str, Any] = {"body": "Risk {{steps.risk.outputs.score}}"}


def test_what_can_be_told_is_told_although_the_question_can_not_be_put_yet() -> None:
    """The title, and whose request it is, each for itself."""
    found = seen({"who": "group:trio"}, **LATER, beneficiary="dee", author="{{steps.risk.outputs.author}}")
    assert found.title == "Go?"
    assert [p.person for p in found.stages[0].people] == ["cai", "eli"]
    assert [p.person for p in found.stages[0].left_out] == ["dee"]
    assert found.depends == (
        "author: depends on steps.risk.outputs.author",
        "body: depends on steps.risk.outputs.score",
    )
    titled = Ask.model_validate({"title": "Pay {{inputs.amount}}", "who": "user:cai", **LATER})
    roster = PEOPLE.roster(("user:cai",), ())
    assert preview(titled, requester="ann", context=CONTEXT, roster=roster, at=MONDAY).title == "Pay 500"
    unknown = titled.but(title="Pay {{steps.risk.outputs.score}}")
    told = preview(unknown, requester="ann", context=CONTEXT, roster=roster, at=MONDAY)
    assert told.title == "Pay {{steps.risk.outputs.score}}"


def test_whose_request_it_is_must_be_asked_for() -> None:
    """Requester, whom they ask for, beneficiary and author: each once, those that can be told."""
    document = {"title": "Go?", "who": "user:cai", "beneficiary": "{{inputs.boss}}", "author": "{{steps.x.outputs.y}}"}
    ask = Ask.model_validate(document)
    assert parties_of(ask, requester="ann", context=CONTEXT, on_behalf_of="bob") == ("ann", "bob", "gus")
    assert parties_of(ask, requester="ann", context={}) == ("ann",)


def test_an_absence_from_this_flow_counts() -> None:
    """And one from another does not."""
    day = {"since": MONDAY, "until": MONDAY.replace(day=9), "substitute": "gus", "flow": "finance.*"}
    away = {"cai": (Absence(id="1", person="cai", **day),)}
    here, elsewhere = (Origin(run="r", step="s", attempt=1, flow=flow) for flow in ("finance.pay", "hr.hire"))
    assert [p.person for p in seen({"who": "user:cai"}, absences=away, origin=here).stages[0].people] == ["cai", "gus"]
    assert [p.person for p in seen({"who": "user:cai"}, absences=away, origin=elsewhere).stages[0].people] == ["cai"]


def test_a_sample_of_what_a_rule_approves_is_for_people() -> None:
    """It can't be told which; what a rule refuses is never drawn."""
    rule = {"if": "inputs.amount < 1000", "outcome": "approved"}
    sampled = seen({"who": "user:cai"}, auto=[rule], sample="10%")
    assert (sampled.automatic, sampled.depends) == (
        "approved",
        ("sample: people decide 10% of what a rule would approve",),
    )
    skipped = {"who": "user:dee", "when": "false"}
    perhaps = seen({"who": "user:cai", "when": "steps.a.outputs.b"}, skipped, auto=[rule], sample="10%")
    assert [s.applies for s in perhaps.stages] == ["perhaps", "no"]
    assert perhaps.stages[0].reason.startswith("asked only where it is drawn for the sample of 10%; stage 's1': when: ")
    assert [p.person for p in sampled.stages[0].people] == ["cai"]
    assert seen(skipped, auto=[rule], sample="10%").parks == ALL_SKIPPED
    refused = seen({"who": "user:cai"}, auto=[{**rule, "outcome": "rejected"}], sample="10%")
    assert (refused.depends, refused.sample, refused.stages[0].applies) == ((), None, "no")


def test_what_is_wrong_with_a_question_is_said_as_it_is() -> None:
    """It would park, whatever the steps before it find."""
    (stage,) = seen({"who": "{{inputs.amount}}"}).stages
    assert "which is no selector" in stage.reason
    assert "mixes no types" in seen({"who": "user:cai", "when": "inputs.amount > 'x'"}).stages[0].reason


def test_a_stage_for_which_there_is_no_room_would_park() -> None:
    """All stages together ask so many: it says so of the one that would be too many."""
    crowd = {f"p{n}": Person(name=f"P {n}") for n in range(MAX_PLACES)}
    groups = {"a": Group(members=tuple(crowd)[:600]), "b": Group(members=tuple(crowd)[500:])}
    roster = People(people={**PEOPLE.people, **crowd}, groups=groups).roster(("group:a", "group:b"))
    ask = Ask.model_validate({"title": "Go?", "stages": [{"name": n, "who": f"group:{n}"} for n in "ab"]})
    first, second = preview(ask, requester="ann", context={}, roster=roster, at=MONDAY).stages
    assert (first.parks, (second.parks or "")[:4]) == (None, "1100")
    quiet = Ask.model_validate({"title": "Go?", "who": "group:a", "quiet": ["group:b"]})
    assert preview(quiet, requester="ann", context={}, roster=roster, at=MONDAY).stages[0].parks is None
