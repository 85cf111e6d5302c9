"""What another version of a question would have made of what people really did."""

from typing import Any

from hitl_temporal.domain.absence import Absence
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.whatif import Replayed, replay, unknown_selectors
from hitl_temporal.domain.calendar import DEFAULT
from hitl_temporal.domain.inputs import Input
from hitl_temporal.domain.value import Json
from tests.domain.approval.playing import PEOPLE, Play, people_with

SILENT = {"at_due": "approved", "at_due_positive": True}
AMOUNT: dict[str, Json] = {"inputs": {"amount": 500}}


def candidate(*stages: dict[str, Any], **ask: Any) -> Ask:
    """Return another version of the question."""
    named = [{"name": f"s{n}", **stage} for n, stage in enumerate(stages or [{"who": "group:secops"}], 1)]
    return Ask.model_validate({"title": "Go?", "stages": named, **ask})


def replayed(play: Play, ask: Ask) -> Replayed:
    """Replay, with a directory for what the record does not know."""
    return replay(play.state, ask, PEOPLE.roster(unknown_selectors(play.state, ask)))


def test_the_same_policy_changes_nothing() -> None:
    """Votes, amendments and all give the same outcome again."""
    play = Play(context=AMOUNT, material=["inputs.amount"])
    play.decide("cai", "rejected")
    again = replayed(play, candidate(material=["inputs.amount"]))
    assert (again.before, again.after, again.changed, again.differences, again.unheard) == (
        "rejected",
        "rejected",
        False,
        (),
        (),
    )


def test_a_stricter_threshold_would_still_wait() -> None:
    """It says for whom; deadlines of the candidate are followed as if nobody did anything more."""
    play = Play()
    play.decide("cai")
    waits = replayed(play, candidate({"who": "group:secops", "approve": "all"}))
    assert waits.after == "open"
    assert "it would wait: 1 of 2, secops pending" in waits.differences
    ends = replayed(play, candidate({"who": "group:secops", "approve": "all", "due": "2d"}))
    assert (ends.after, "approved would be expired" in ends.differences) == ("expired", True)


def test_other_people_would_have_been_asked() -> None:
    """Answers of those whom the candidate does not ask are unheard, and it says why."""
    play = Play()
    play.decide("cai")
    found = replayed(play, candidate({"who": "group:leads"}))
    assert found.after == "open"
    assert found.unheard == ("cai: 'cai' is not asked in stage 's1'",)
    assert "in stage 's1' bob would be asked too" in found.differences
    assert "in stage 's1' cai, dee would not be asked" in found.differences
    assert found.remarks == ("group:leads is who the directory names now",)


def test_a_rule_would_have_decided() -> None:
    """A request that people decided would not have bothered them, and the other way round."""
    play = Play(context=AMOUNT)
    play.decide("cai")
    rule = [{"if": "inputs.amount < 1000", "outcome": "approved", "reason": "small"}]
    found = replayed(play, candidate(auto=rule))
    assert (found.after, "a rule would decide it" in found.differences) == ("approved", True)
    by_rule = Play(context=AMOUNT, auto=rule)
    silent = replayed(by_rule, candidate({"who": "group:secops", "due": "1d"}))
    assert silent.after == "open"  # nobody was asked, so that nobody answered says nothing
    assert "people would decide what a rule has decided" in silent.differences


def test_a_further_stage_would_have_been_asked() -> None:
    """Its absence is told, too."""
    play = Play({"who": "group:secops"}, {"who": "group:leads"})
    play.decide("cai")
    play.decide("bob")
    shorter = replayed(play, candidate())
    assert "stage 's2' would not be asked" in shorter.differences
    assert shorter.differences[-1].startswith("it would have ended") is False
    longer = replayed(play, candidate({"who": "group:secops"}, {"who": "group:leads"}, {"who": "user:gus"}))
    assert "stage 's3' would be asked too" in longer.differences


def test_it_would_have_ended_at_another_time() -> None:
    """The same outcome, earlier or later."""
    play = Play({"who": "group:trio", "approve": 2})
    play.decide("cai")
    play.wait("1h")
    play.decide("dee")
    assert any("ended earlier" in d for d in replayed(play, candidate({"who": "group:trio"})).differences)
    late = Play({"who": "group:trio"})
    late.decide("cai")
    found = replayed(late, candidate({"who": "group:trio"}, cooling_off="1h"))
    assert any("ended later" in d for d in found.differences)


def test_a_higher_assurance_is_a_change() -> None:
    """An answer counts as sure as it was then: below what the candidate needs it is unheard, with its door."""
    play = Play()
    play.decide("cai", via="email")
    found = replayed(play, candidate({"who": "group:secops", "assurance": "high"}))
    assert found.unheard == ("cai: stage 's1' needs assurance 'high', this answer has 'low'; it came by email",)
    assert (found.after, found.changed) == ("open", True)
    sure = Play({"who": "group:secops", "assurance": "medium"})
    sure.decide("cai", assurance="medium")
    assert (replayed(sure, sure.state.ask).changed, replayed(sure, candidate()).changed) == (False, False)
    assert replayed(sure, candidate({"who": "group:secops", "assurance": "high"})).unheard == (
        "cai: stage 's1' needs assurance 'high', this answer has 'medium'",
    )


def test_an_override_is_as_sure_as_it_was() -> None:
    """It counts again where it counted, and not where more is needed."""
    play = Play({"who": "group:secops", "assurance": "medium"})
    play.do("override", "eli", outcome="approved", reason="urgent", assurance="medium", via="http")
    assert (play.state.outcome, replayed(play, play.state.ask).again) == ("approved", "approved")
    (why,) = replayed(play, candidate({"who": "group:secops", "assurance": "high"})).unheard
    assert why == "eli: stage 's1' needs assurance 'high', this answer has 'medium'; it came by http"


def test_an_answer_that_comes_before_its_stage_is_open_can_not_be_placed() -> None:
    """In another order of stages: it says so, and guesses nothing."""
    play = Play({"name": "a", "who": "user:cai"}, {"name": "b", "who": "user:dee"})
    play.decide("cai")
    play.decide("dee")
    found = replayed(play, candidate({"name": "b", "who": "user:dee"}, {"name": "a", "who": "user:cai"}))
    assert found.after == "open"
    assert found.unheard == ("cai: stage 'a' was not open yet: what they would have answered then can't be told",)


def test_nobody_could_have_decided() -> None:
    """A candidate that names nobody parks."""
    play = Play()
    play.decide("cai")
    assert replayed(play, candidate({"who": "group:empty"})).after == "parked"


def test_a_candidate_that_cannot_be_asked_is_refused() -> None:
    """It says why, and nothing is replayed."""
    play = Play()
    play.decide("cai")
    wrong = candidate({"who": "{{inputs.boss}}"})
    assert unknown_selectors(play.state, wrong) == ()
    found = replay(play.state, wrong)
    assert found.after == "refused"
    assert "it could not be asked" in found.differences[0]


def test_amendments_withdrawals_and_overrides_are_replayed_too() -> None:
    """The candidate begins with what was asked at first."""
    play = Play({"who": "group:secops", "due": "1d"}, context=AMOUNT, material=["inputs.amount"])
    play.do("amend", "ann", set={"inputs.amount": 5000}, reason="more")
    play.wait("1m")
    play.decide("cai")
    big = candidate({"who": "group:secops", "when": "inputs.amount < 1000"}, material=["inputs.amount"])
    assert replayed(play, big).after == "parked"
    taken_back = Play()
    taken_back.withdraw("ann")
    assert replayed(taken_back, candidate({"who": "group:leads"})).after == "withdrawn"
    overridden = Play()
    overridden.do("override", "eli", outcome="approved", reason="urgent")
    assert replayed(overridden, candidate()).after == "approved"


def test_what_a_replay_can_not_know_is_no_change() -> None:
    """A joiner who has left again has decided; their own question is the measure, and that is said."""
    play = Play()
    play.people = people_with("secops", "gus")
    play.decide("gus")
    forgotten = play.state.but(roster=PEOPLE.roster(("group:secops",), ("ann", "gus")))
    same = replay(forgotten, play.state.ask)
    assert (same.before, same.again, same.after, same.changed) == ("approved", "open", "open", False)
    other = replay(forgotten, candidate({"who": "group:secops", "due": "1d"}))
    assert (other.after, other.differences) == ("expired", ("approved would be expired",))
    as_it_was = replay(forgotten, candidate({"who": "group:secops", "due": "1d"} | SILENT))
    assert (as_it_was.after, as_it_was.changed) == ("approved", False)


def test_a_calendar_of_the_candidate_is_taken_from_the_site() -> None:
    """Unless the record knows it."""
    play = Play()
    play.decide("cai")
    strict = candidate({"who": "group:secops", "approve": "all", "due": "1bd", "calendar": "mars"})
    assert replay(play.state, strict).after == "parked"
    assert replay(play.state, strict, calendars={"mars": DEFAULT}).after == "expired"


def changing_teams() -> Play:
    """Return a request that was changed twice before it was decided."""
    play = Play(context={"inputs": {"team": "leads"}})
    play.do("amend", "ann", set={"inputs.team": "trio"})
    play.wait("1h")
    play.do("amend", "ann", set={"inputs.team": "secops"})
    play.wait("1h")
    play.decide("cai")
    return play


def test_the_directory_is_asked_for_everybody_whom_a_candidate_may_name() -> None:
    """Also for whom it names only for a while, between two changes."""
    play, asks_team = changing_teams(), candidate({"who": "group:{{inputs.team}}"})
    assert unknown_selectors(play.state, asks_team) == ("group:leads", "group:trio")
    assert replayed(play, asks_team).after == "approved"


def test_people_whom_a_change_brings_in_are_asked() -> None:
    """Where nobody has asked the directory for them, the candidate has nobody to ask: it waits for no reading."""
    play, asks_team = changing_teams(), candidate({"who": "group:{{inputs.team}}", "due": "1d"})
    first = play.state.but(amendments=play.state.amendments[:1], context={"inputs": {"team": "trio"}}, decisions=())
    assert replay(first, asks_team).after == "expired"
    assert replayed(play, asks_team).after == "approved"


def test_who_stands_in_for_somebody_new_counts() -> None:
    """The absences of people whom the record does not know are the directory's."""
    play = Play({"who": ["group:secops", "user:gus"]})
    play.decide("gus")
    strict = candidate({"who": "user:bob"})
    day = {"since": play.now, "until": play.now.replace(day=9)}
    away = {"bob": (Absence(id="1", person="bob", substitute="gus", **day),)}
    roster = PEOPLE.roster(unknown_selectors(play.state, strict))
    assert replay(play.state, strict, roster).after == "open"
    assert replay(play.state, strict, roster.but(absences=away)).after == "approved"


def test_what_nobody_has_filled_in_is_no_answer_to_another_form() -> None:
    """A field that is gone was left out, or has its default: the answers are those that were given."""
    texts = {"type": "string", "optional": True}
    play = Play(form={"note": texts, "zone": {"type": "string", "default": "eu"}, "room": {"type": "string"}})
    play.decide("cai", form={"room": "B 12"})
    same = replayed(play, candidate(form={"room": {"type": "string"}}))
    assert (same.changed, same.unheard) == (False, ())
    assert replayed(play, candidate()).unheard == ("cai: this approval has no form, but room was sent",)


def test_what_was_given_as_sensitive_is_told_by_no_other_form() -> None:
    """Neither by one that does not call it so, nor by an expression that fails on it."""
    play = Play(form={"pin": {"type": "string", "sensitive": True}}, context={"inputs": {"pin": "hunter2"}})
    play.state = play.state.but(fields={"inputs.pin": Input.model_validate({"type": "string", "sensitive": True})})
    play.decide("cai", form={"pin": "hunter2"})
    stricter = replayed(play, candidate(form={"pin": {"type": "string", "pattern": "^z+$"}}))
    asked = replayed(play, candidate({"who": "{{inputs.pin}}"}))
    assert stricter.unheard
    assert asked.after == "refused"
    assert "hunter2" not in stricter.model_dump_json() + asked.model_dump_json()
