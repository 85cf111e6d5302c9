"""What others see of an approval: pages, lists, messages, its result."""

import pytest
from inline_snapshot import snapshot

from hitl_temporal.domain.approval.effects import Deliver
from hitl_temporal.domain.approval.listing import listing
from hitl_temporal.domain.approval.message import Message, message
from hitl_temporal.domain.approval.opening import begin
from hitl_temporal.domain.approval.result import result, token
from hitl_temporal.domain.approval.state import Approval, Origin
from hitl_temporal.domain.approval.status import status
from hitl_temporal.domain.approval.surroundings import selectors
from hitl_temporal.domain.audit import Evidence
from tests.domain.approval.playing import MONDAY, Play, people_without

EVIDENCE = Evidence(trace_id="0" * 32, events=7, digest="d")


# --- Status -----------------------------------------------------------------------------------------------------------


def test_the_status_has_everything_a_page_needs() -> None:
    """What is asked, of whom, how far it is, what was said."""
    play = Play(
        {"who": "group:secops", "approve": 2, "due": "1h"},
        {"who": "group:leads"},
        title="Open {{inputs.port}}",
        show={"port": "{{inputs.port}}"},
        outcomes={"later": {"label": "Later"}},
        context={"inputs": {"port": 443}},
        on_behalf_of="gus",
    )
    play.decide("cai", comment="fine", key="k")
    play.decide("ann", key="k")
    found = status(play.state).model_dump(mode="json", exclude={"digest", "deliveries", "decisions"})
    assert found == snapshot(
        {
            "id": "a-1",
            "state": "open",
            "outcome": None,
            "title": "Open 443",
            "body": "",
            "show": {"port": 443},
            "attachments": [],
            "form": {},
            "required": [],
            "edit": {},
            "material": {},
            "outcomes": {
                "approved": {"label": "Approve", "positive": True, "comment": "optional"},
                "rejected": {"label": "Reject", "positive": False, "comment": "optional"},
                "later": {"label": "Later", "positive": False, "comment": "optional"},
            },
            "comment": "optional",
            "comment_on": [],
            "requester": "ann",
            "on_behalf_of": "gus",
            "barred": ["ann", "gus"],
            "audience": ["ann", "gus", "cai", "dee"],
            "break_glass": [],
            "origin": None,
            "subject": None,
            "reason": "",
            "tally": "1 of 2, secops pending",
            "started": "2026-03-02T09:00:00Z",
            "ended": None,
            "stages": [
                {
                    "name": "s1",
                    "state": "open",
                    "tally": "1 of 2, secops pending",
                    "may_act": ["dee"],
                    "due": "2026-03-02T10:00:00Z",
                    "reason": "",
                    "asked": ["cai", "dee"],
                    "who": ["group:secops"],
                    "block": 0,
                    "round": 1,
                    "opened": "2026-03-02T09:00:00Z",
                    "next_reminder": None,
                    "at_due": "expire",
                    "assurance": "low",
                    "claim": None,
                    "stand_ins": {},
                    "moves": [],
                },
                {
                    "name": "s2",
                    "state": "pending",
                    "tally": "not open yet",
                    "may_act": [],
                    "due": None,
                    "reason": "",
                    "asked": [],
                    "who": ["group:leads"],
                    "block": 1,
                    "round": 1,
                    "opened": None,
                    "next_reminder": None,
                    "at_due": "expire",
                    "assurance": "low",
                    "claim": None,
                    "stand_ins": {},
                    "moves": [],
                },
            ],
            "voided": [],
            "refusals": [
                {
                    "actor": "ann",
                    "at": "2026-03-02T09:00:00Z",
                    "receipt": {
                        "status": "not_eligible",
                        "reason": "'ann' is the requester of this request: nobody decides their own",
                        "tally": "1 of 2, secops pending",
                        "key": "k",
                    },
                }
            ],
            "unproven": [],
            "unrecorded": 0,
            "conversation": [],
            "info": None,
            "amendments": [],
            "cooling": None,
            "intents": {},
            "kept": [],
            "shadowed": None,
            "rounds_left": 0,
            "token": None,
            "withdrawal": None,
            "spent": {},
        }
    )


def test_the_status_says_what_may_be_edited() -> None:
    """With the values as they are; null where there is none."""
    play = Play(edit=["inputs.port", "inputs.port.x", "gone"], context={"inputs": {"port": 22}})
    assert status(play.state).edit == {"inputs.port": 22, "inputs.port.x": None, "gone": None}


def test_the_outcome_is_null_while_it_is_open_or_parked() -> None:
    """And is the state afterwards."""
    plays = [Play(), Play({"who": "group:empty"}), Play()]
    plays[2].decide("cai", "rejected")
    assert [(s.state, s.outcome) for s in (status(p.state) for p in plays)] == [
        ("open", None),
        ("parked", None),
        ("rejected", "rejected"),
    ]


# --- Result -----------------------------------------------------------------------------------------------------------


def test_the_result_names_the_decisions_and_binds_them() -> None:
    """Its token can be recomputed from it, and is another one for another content or another decision."""
    play = Play(body="one")
    play.decide("cai", key="k")
    found = result(play.state, EVIDENCE)
    assert (found.outcome, found.positive, [d.actor for d in found.decisions]) == ("approved", True, ["cai"])
    assert found.token == token("a-1", "approved", play.state.shown.digest, found.decisions)
    others = []
    for body, key, outcome in (("two", "k", "approved"), ("one", "l", "approved"), ("one", "k", "rejected")):
        other = Play(body=body)
        other.decide("cai", outcome, key=key)
        others.append(result(other.state, EVIDENCE).token)
    assert len({found.token, *others}) == 4


def test_the_form_of_the_result_is_that_of_the_last_answer() -> None:
    """Whoever decides last has seen what the others have filled in."""
    play = Play({"who": "group:secops", "approve": 2}, form={"n": {"type": "integer"}})
    play.decide("cai", form={"n": 1})
    play.decide("dee", form={"n": 2})
    assert result(play.state, EVIDENCE).form == {"n": 2}


def test_a_result_without_decisions_is_negative() -> None:
    """Expired and withdrawn are, and the reason says why."""
    play = Play()
    play.withdraw("ann", reason="mistake", key="k")
    found = result(play.state, EVIDENCE)
    assert (found.outcome, found.positive, found.decisions, found.form) == ("withdrawn", False, (), {})
    assert (found.reason, found.withdrawal) == ("mistake", play.state.withdrawal)


def test_an_open_approval_has_no_result() -> None:
    """Asking for it is a mistake of the shell."""
    with pytest.raises(AssertionError, match="is open"):
        result(Play().state, EVIDENCE)


# --- Lists ------------------------------------------------------------------------------------------------------------


def test_groups_stay_groups_and_persons_are_named() -> None:
    """Whoever a role, an owner or a manager is, is named; who has acted is there as that."""
    who = ["group:secops", "role:admin", "manager:requester", "user:gus"]
    play = Play({"who": who, "approve": 2, "due": "1h"})
    play.decide("gus")
    found = listing(play.state)
    assert (found.assignees, found.groups) == (("eli", "bob", "acted:gus"), ("secops",))
    assert (found.state, found.title, found.due) == ("open", "Go?", play.stage.due_at)
    assert (found.answers.outcomes, found.answers.comment_on) == (("approved", "rejected"), ())


def test_nobody_may_act_in_what_is_parked_or_over() -> None:
    """Such rows are nobody's to decide."""
    parked, over = Play({"who": "group:empty"}), Play()
    over.decide("cai")
    assert [(listing(p.state).assignees, listing(p.state).groups) for p in (parked, over)] == [
        ((), ()),
        (("acted:cai",), ()),
    ]
    assert listing(over.state).due is None


def test_who_owes_an_answer_is_in_the_list_as_that() -> None:
    """While it is owed: whom approvers have asked, or the requester of what was sent back."""
    asked, sent_back = Play(), Play({"who": "group:secops"}, rework=1)
    asked.do("request_info", "cai", text="why?", to="gus")
    sent_back.decide("cai", "rework", comment="no")
    assert listing(asked.state).assignees == ("info:gus",)
    assert listing(sent_back.state).assignees == ("acted:cai", "info:ann")
    asked.do("provide_info", "gus", text="so")
    assert listing(asked.state).assignees == ()


def test_a_machine_has_not_acted() -> None:
    """Rules are in no list of people."""
    assert listing(Play(auto=[{"if": "true", "outcome": "approved"}]).state).assignees == ()


def test_lists_leave_out_members_of_a_group_who_may_not_act() -> None:
    """Requester, excluded, counted and inactive people do not find it among what they may decide."""
    play = Play({"who": "group:leads"}, {"who": "group:all", "not": "user:gus", "approve": 2}, requester="eli")
    play.decide("bob")
    play.decide("cai")
    assert sorted(listing(play.state).barred) == ["bob", "cai", "eli", "gus", "zoe"]


def test_a_requester_who_is_allowed_is_not_left_out() -> None:
    """Nor is who may decide a second stage."""
    play = Play({"who": "user:cai"}, {"who": "group:all", "distinct": False, "allow_requester": True})
    assert listing(Play(is_resolved=False).state).barred == ("ann",)
    play.decide("cai")
    assert listing(play.state).barred == ("zoe",)


def test_the_directory_is_asked_for_every_selector_that_matters() -> None:
    """Those of ended stages too, whose people are told the end; none once it is over."""
    play = Play(
        {"who": "group:leads"},
        {"who": "group:none", "when": "false"},
        {"who": "group:secops", "not": "user:gus", "fallback": "role:admin"},
    )
    play.decide("bob")
    assert selectors(play.state) == ("group:leads", "group:secops", "user:gus", "role:admin", "role:operator")
    play.decide("cai")
    assert selectors(play.state) == ()


# --- Messages ---------------------------------------------------------------------------------------------------------


def told(play: Play) -> list[Message]:
    return [message(play.state, e) for e in play.effects if isinstance(e, Deliver)]


def test_a_message_has_everything_a_channel_renders() -> None:
    """To whom, what, which answers there are, until when."""
    play = Play({"who": "group:leads", "due": "1h"}, body="*Why*", outcomes={"later": {"label": "Later"}})
    (found,) = told(play)
    assert found.model_dump(mode="json", exclude={"digest"}) == snapshot(
        {
            "key": "a-1:asked:s1:bob",
            "approval": "a-1",
            "occasion": "asked",
            "stage": "s1",
            "person": "bob",
            "name": "Bob Roy",
            "via": ["chat"],
            "settles": None,
            "title": "Go?",
            "body": "*Why*",
            "show": {},
            "attachments": [],
            "form": {},
            "on_behalf_of": None,
            "text": "",
            "assurance": "low",
            "outcomes": {
                "approved": {"label": "Approve", "positive": True, "comment": "optional"},
                "rejected": {"label": "Reject", "positive": False, "comment": "optional"},
                "later": {"label": "Later", "positive": False, "comment": "optional"},
            },
            "requester": "ann",
            "flow": None,
            "due": "2026-03-02T10:00:00Z",
            "tally": "0 of 1, leads pending",
            "outcome": None,
            "run": None,
        }
    )
    assert found.digest == play.state.shown.digest


def test_a_message_about_the_end_names_the_one_it_settles() -> None:
    """Its key is its own, so that a channel which has sent it does not send it again."""
    play = Play({"who": "group:leads", "remind": "1h"})
    play.wait("2h")
    play.decide("bob")
    found = [(m.key, m.settles, m.outcome) for m in told(play)]
    assert found == [
        ("a-1:asked:s1:bob", None, "approved"),
        ("a-1:reminded:s1:bob:2", None, "approved"),
        ("a-1:settled:s1:bob", "a-1:asked:s1:bob", "approved"),
        ("a-1:notice::ann:1", None, "approved"),
    ]


def test_a_person_the_directory_no_longer_knows_is_called_by_id() -> None:
    """A message is sent all the same."""
    play = Play({"who": "group:trio", "approve": 2})
    play.people = people_without("cai").but(people={k: v for k, v in play.people.people.items() if k != "cai"})
    play.decide("dee")
    assert {m.person: m.name for m in told(play)} == {"cai": "cai", "dee": "Dee Fox", "eli": "Eli Ode"}


def test_a_message_names_the_flow_that_asks() -> None:
    """None when a client asks by itself."""
    play = Play({"who": "group:leads"})
    origin = Origin(run="r", step="s", attempt=1, flow="firewall_change")
    assert told(play)[0].flow is None
    play.state = play.state.but(origin=origin)
    assert told(play)[0].flow == "firewall_change"


# --- One value --------------------------------------------------------------------------------------------------------


def test_an_approval_is_one_value() -> None:
    """A life of everything comes back from its JSON as it was."""
    play = Play({"who": "group:trio", "approve": 2, "remind": ["1h"], "due": "2h"}, title="{{requester}}")
    play.deliver("asked:s1:cai")
    play.decide("gus")
    play.decide("cai", comment="ok")
    play.wait("1h")
    play.withdraw("ann")
    play.close()
    assert Approval.model_validate_json(play.state.model_dump_json()) == play.state
    again = begin("a-1", play.state.ask, requester="ann", at=MONDAY)
    assert (
        again.ask.model_dump_json()
        == Play(
            {"who": "group:trio", "approve": 2, "remind": ["1h"], "due": "2h"}, title="{{requester}}"
        ).state.ask.model_dump_json()
    )
