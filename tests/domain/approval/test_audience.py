"""Who sees an approval and in which lists it stands: every hand-over, and what a status remembers of commands."""

import pytest

from hitl_temporal.domain.absence import Absence
from hitl_temporal.domain.approval import events
from hitl_temporal.domain.approval.dialogue import audience, may_see
from hitl_temporal.domain.approval.judge import spent
from hitl_temporal.domain.approval.listing import Listing, listing
from hitl_temporal.domain.approval.status import status
from hitl_temporal.domain.people import Load
from tests.domain.approval.playing import MONDAY, Play, people_with


def finds(play: Play, person: str) -> bool:
    """Tell whether an inbox would show it to a person: named, or by a group, and not kept out."""
    found: Listing = listing(play.state)
    by_group = set(play.people.groups_of(person)) & set(found.groups)
    return person in found.assignees or (bool(by_group) and person not in found.barred)


def inbox(play: Play) -> list[str]:
    """Return in whose inbox it is."""
    return [person for person in play.people.people if finds(play, person)]


# --- Lists ------------------------------------------------------------------------------------------------------------


def test_a_delegate_finds_it_and_the_giver_does_not() -> None:
    """Also where a group was asked, which stays a group for the others."""
    play = Play()
    assert play.do("delegate", "cai", to="gus").status == "counted"
    assert inbox(play) == ["dee", "gus"]


def test_of_what_is_claimed_only_the_holder_has_it() -> None:
    """The others have it again once it is released; the row says who has it."""
    play = Play()
    play.do("claim", "cai")
    assert (inbox(play), listing(play.state).claimed_by) == (["cai"], "cai")
    play.do("release_claim", "cai")
    assert (inbox(play), listing(play.state).claimed_by) == (["cai", "dee"], None)


def test_a_substitute_finds_it_beside_the_absent() -> None:
    """Who is away may still answer; who stands in is not a member of the group."""
    play = Play()
    away = Absence(id="1", person="cai", substitute="gus", since=MONDAY, until=MONDAY.replace(day=20))
    roster = play.roster("gus").but(absences={"cai": (away,)})
    play.feed(events.TimePassed(at=play.now, roster=roster))
    assert inbox(play) == ["cai", "dee", "gus"]
    assert status(play.state).stages[0].stand_ins == {"gus": "cai"}


def test_of_many_only_who_was_picked_has_it() -> None:
    """The rest of the group is not asked."""
    play = Play({"who": "group:secops", "pick": "least_loaded"}, is_resolved=False)
    roster = play.roster().but(loads={"cai": Load(open=3), "dee": Load(open=1)})
    play.feed(events.PeopleResolved(at=play.now, roster=roster))
    assert inbox(play) == ["dee"]


# --- Who sees it ------------------------------------------------------------------------------------------------------


def test_whoever_takes_part_sees_it() -> None:
    """The requester's side, who was asked, took a place, was asked for more, or joined; an operator; nobody else."""
    play = Play({"who": "group:secops"}, beneficiary="bob")
    assert audience(play.state) == ("ann", "bob", "cai", "dee")
    play.do("delegate", "cai", to="gus")
    play.do("request_info", "dee", text="Why?", to="eli")
    play.people = people_with("secops", "cai", "dee", "zoe")
    play.wait("1h", reads_people=True)
    assert status(play.state).audience == ("ann", "bob", "dee", "cai", "gus", "eli", "zoe")
    play.do("comment", "nobody", text="hi")
    assert [p for p in ("eli", "zoe", "nobody") if may_see(play.state, p)] == ["eli", "zoe"]


def test_an_operator_sees_what_they_have_no_part_in() -> None:
    """As the command that they send is judged: by their role in the directory."""
    play = Play()
    assert "eli" not in audience(play.state)
    assert play.do("comment", "eli", text="Look at the port.").status == "counted"
    assert "eli" in audience(play.state), "now they have said something"


def test_who_may_break_the_glass_is_named() -> None:
    """So that a page can offer it."""
    glass = {"who": ["group:leads"], "review": {"who": ["role:admin"]}}
    assert [status(p.state).break_glass for p in (Play(), Play(break_glass=glass))] == [(), ("bob",)]


# --- What became of a command -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "actor", "rest"),
    [
        ("decide", "cai", {"outcome": "approved"}),
        ("comment", "dee", {"text": "hm"}),
        ("delegate", "cai", {"to": "gus"}),
        ("withdraw", "ann", {}),
    ],
)
def test_a_status_knows_every_receipt(verb: str, actor: str, rest: dict[str, object]) -> None:
    """By actor and key, whatever the verb was; another actor's key is unknown."""
    play = Play({"who": "group:secops", "approve": 2})
    receipt = play.do(verb, actor, key="k", **rest)
    seen = status(play.state)
    assert (receipt.status, spent(seen, actor, "k"), spent(seen, "bob", "k")) == ("counted", receipt, None)


def test_a_vote_that_counts_no_more_is_not_forgotten() -> None:
    """Its receipt says that what it was about has changed."""
    play = Play({"who": "group:secops", "approve": 2}, context={"port": 22}, material=["port"])
    play.decide("cai", key="k")
    play.do("amend", "ann", set={"port": 443})
    receipt = spent(status(play.state), "cai", "k")
    assert (receipt.status if receipt else None, status(play.state).material) == ("superseded", {"port": 443})


def test_who_may_break_the_glass_may_see_it() -> None:
    """Nobody decides blindly."""
    glass = {"who": ["group:leads"], "review": {"who": ["role:admin"]}}
    assert ["bob" in status(p.state).audience for p in (Play(), Play(break_glass=glass))] == [False, True]
