"""What two ways of a request have between them: other people, other moments, or only another name."""

from hitl_temporal.domain.approval.whatif import replay, unknown_selectors
from hitl_temporal.domain.people import Person
from tests.domain.approval.playing import PEOPLE, Play
from tests.domain.approval.test_whatif import candidate, replayed


def test_people_asked_too_are_a_change_though_the_outcome_is_the_same() -> None:
    """Named, those who are told by an escalation alone as well; a bar leaves them out, and a crowd is counted."""
    play = Play()
    play.decide("cai")
    more = replayed(play, candidate({"who": ["group:secops", "group:leads"]}))
    assert (more.changed, more.differences) == (True, ("in stage 's1' bob would be asked too",))
    assert more.remarks == ("group:leads is who the directory names now",)
    assert replayed(play, candidate({"who": ["group:secops", "user:ann", "user:zoe"]})).changed is False
    fewer = replayed(play, candidate({"who": "user:cai"}))
    assert fewer.differences == ("in stage 's1' dee would not be asked",)
    late = Play()
    late.wait("2h")
    late.decide("cai")
    steps = [{"after": "1h", "to": ["user:gus", "user:ann"]}]
    escalated = replayed(late, candidate({"who": "group:secops", "escalate": steps}))
    assert escalated.differences == ("in stage 's1' gus would be asked too",)
    crowd = [f"p{n:02}" for n in range(12)]
    people = PEOPLE.but(people={**PEOPLE.people, **{p: Person(name=p) for p in crowd}})
    ask = candidate({"who": ["group:secops", *(f"user:{p}" for p in crowd)]})
    (told,) = replay(play.state, ask, people.roster(unknown_selectors(play.state, ask))).differences
    assert told == f"in stage 's1' {', '.join(crowd[:10])}, 2 more would be asked too"


def test_people_asked_in_a_stage_of_another_name_are_compared_too() -> None:
    """A stage that takes another's answers and asks more is told by its new name."""
    play = Play({"name": "finance", "who": "user:cai"})
    play.decide("cai")
    found = replayed(play, candidate({"name": "money", "who": "group:secops"}))
    assert found.differences == ("in stage 'money' dee would be asked too",)
    assert found.remarks[0] == "stage 'finance' is now called 'money'"
    beside = candidate({"parallel": [{"name": "finance", "who": "user:dee"}, {"name": "money", "who": "user:cai"}]})
    assert replayed(play, beside).differences[-3:] == (
        "stage 'money' would be asked too",
        "in stage 'finance' dee would be asked too",
        "in stage 'finance' cai would not be asked",
    )


def test_whom_a_draw_gives_is_no_change() -> None:
    """A stage of another name draws others; of how many, and of whom, is what a policy says."""
    crowd = {"who": "group:all", "pick": "2 by random"}
    play = Play({"name": "a", **crowd})
    names = [{"name": f"n{n}", **crowd} for n in range(5)]
    asked = {Play(stage).stage.asked for stage in names}
    assert len(asked) > 1
    play.do("override", "eli", outcome="approved", reason="urgent")
    found = [replayed(play, candidate(stage)) for stage in names]
    assert [f.changed for f in found] == [False] * 5
    fewer = replayed(play, candidate({"name": "a", **crowd, "not": "user:gus"}))
    assert fewer.differences == ("in stage 'a' gus would not be asked",)
    assert replayed(play, candidate({"name": "a", "who": "group:all", "pick": "random"})).changed


def test_an_end_is_told_to_the_second() -> None:
    """And what ends within the same second has not ended at another time."""
    play = Play({"who": "group:trio", "approve": 2})
    play.now = play.now.replace(microsecond=123456)
    play.decide("cai")
    first = play.now
    play.now = first.replace(microsecond=999999)
    play.decide("dee")
    assert replayed(play, candidate({"who": "group:trio"})).differences == ()
    cooled = replayed(play, candidate({"who": "group:trio"}, cooling_off="1h"))
    assert cooled.unheard == ("dee: already decided approved; it may be taken back until 2026-03-02T10:00:00+00:00",)
    later = Play({"who": "group:trio", "approve": 2})
    later.now = first
    later.decide("cai")
    later.wait("1s")
    later.decide("dee")
    found = replayed(later, candidate({"who": "group:trio"}))
    assert found.differences == ("it would have ended earlier: 2026-03-02T09:00:00+00:00",)


def test_a_stage_that_is_only_renamed_is_no_change() -> None:
    """Its answers go where their authors may act; that it has another name is said beside it."""
    play = Play({"name": "finance", "who": "group:secops"}, {"who": "group:leads"})
    play.decide("cai")
    play.decide("bob")
    found = replayed(play, candidate({"name": "money", "who": "group:secops"}, {"who": "group:leads"}))
    assert (found.after, found.changed, found.differences, found.unheard) == ("approved", False, (), ())
    assert found.remarks == ("stage 'finance' is now called 'money'",)


def test_a_renamed_stage_without_answers_is_known_by_its_people() -> None:
    """One that asks others is another one; two that ask the same are not taken for one twice."""
    play = Play({"name": "finance", "who": "group:secops", "due": "1d"})
    play.wait("2d")
    same = replayed(play, candidate({"name": "money", "who": "group:secops", "due": "1d"}))
    assert (same.changed, same.remarks) == (False, ("stage 'finance' is now called 'money'",))
    other = replayed(play, candidate({"name": "money", "who": "group:leads", "due": "1d"}))
    assert other.remarks == ("group:leads is who the directory names now",)
    assert other.differences == ("stage 'money' would be asked too", "stage 'finance' would not be asked")
    both = [{"name": name, "who": "group:secops", "due": "1d"} for name in ("a", "b")]
    side = Play({"parallel": both})
    side.wait("2d")
    one = replayed(side, candidate({"name": "c", "who": "group:secops", "due": "1d"}))
    assert one.remarks == ("stage 'a' is now called 'c'",)
    assert one.differences == ("stage 'b' would not be asked",)


def test_a_stage_that_is_split_is_not_renamed() -> None:
    """Nor one that is joined with another: where its answers would count is said, and each stage told as it is."""
    whole = Play({"name": "all", "who": "group:secops", "approve": 2})
    whole.decide("cai")
    whole.decide("dee")
    halves = ({"name": "a", "who": "user:cai"}, {"name": "b", "who": "user:dee"})
    split = replayed(whole, candidate(*halves))
    assert split.differences == (
        "stage 'a' would be asked too",
        "stage 'b' would be asked too",
        "stage 'all' would not be asked",
    )
    assert split.remarks == tuple(f"what was answered in stage 'all' would count in stage {n!r}" for n in ("a", "b"))
    parts = Play(*halves)
    parts.decide("cai")
    parts.decide("dee")
    joined = replayed(parts, candidate({"name": "all", "who": "group:secops", "approve": 2}))
    assert (joined.after, joined.changed) == ("approved", True)
    *moved, of_today = joined.remarks
    assert moved == [f"what was answered in stage {n!r} would count in stage 'all'" for n in ("a", "b")]
    assert of_today == "group:secops is who the directory names now"


def test_an_answer_in_the_place_of_a_known_stage_is_said() -> None:
    """Also where the other stage was there before: nothing else may have changed."""
    play = Play({"name": "a", "who": "user:cai"}, {"name": "b", "who": "user:dee"})
    play.decide("cai")
    play.decide("dee")
    swapped = replayed(play, candidate({"name": "b", "who": "user:cai"}, {"name": "a", "who": "user:dee"}))
    assert (swapped.after, swapped.changed) == ("approved", False)
    assert swapped.remarks == (
        "what was answered in stage 'a' would count in stage 'b'",
        "what was answered in stage 'b' would count in stage 'a'",
    )


def test_stages_that_have_only_half_swapped_are_compared_by_name() -> None:
    """Where the other's answer is unheard nobody knows which is which."""
    play = Play({"parallel": [{"name": "a", "who": "user:cai"}, {"name": "b", "who": "user:dee"}]})
    play.decide("cai")
    play.decide("dee")
    half = candidate({"parallel": [{"name": "b", "who": "user:cai"}, {"name": "a", "who": "user:eli"}]})
    assert replayed(play, half).differences[-4:] == (
        "in stage 'a' eli would be asked too",
        "in stage 'a' cai would not be asked",
        "in stage 'b' cai would be asked too",
        "in stage 'b' dee would not be asked",
    )
