"""Talking about a request: comments, questions back, and rework in a bounded number of rounds."""

from tests.domain.approval.playing import Play


def test_what_was_sent_back_is_not_parked() -> None:
    """It waits for its requester, and nobody may decide it meanwhile."""
    play = Play(rework=1)
    assert play.decide("cai", "rework", comment="which port?").status == "counted"
    assert (play.state.state, play.stage.state, play.may_act()) == ("info", "open", [])
    assert play.facts("parked") == []


def test_a_second_question_to_somebody_else_waits_for_the_first() -> None:
    """Whoever was asked first would lose the question that they were asked."""
    play = Play()
    assert play.do("request_info", "cai", text="which?", to="gus").status == "counted"
    second = play.do("request_info", "dee", text="why?", to="bob")
    assert (second.status, "'gus' was asked first" in second.reason) == ("invalid", True)
    assert play.do("request_info", "dee", text="why?", to="gus").status == "counted"
    assert play.do("provide_info", "gus", text="this").status == "counted"
    assert play.do("request_info", "dee", text="why?", to="bob").status == "counted"


def test_what_was_sent_back_is_not_parked_while_its_requester_works_on_it() -> None:
    """Who sent it back is asked again afterwards, so nobody is missing."""
    play = Play({"who": "group:secops", "approve": "all"}, rework=2)
    play.decide("cai", "rework", comment="which port?")
    play.wait("1d", reads_people=True)
    play.do("comment", "dee", text="hm")
    assert (play.stage.state, play.state.total_refused) == ("open", 0)
    play.do("provide_info", "ann", text="443")
    assert (play.stage.state, play.may_act()) == ("open", ["cai", "dee"])
