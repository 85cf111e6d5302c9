"""Policies of the site: who may, a reason that is needed, people who must agree, and that none weakens a bar."""

from typing import Any

import pytest
from pydantic import ValidationError

from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.flow import events
from hitl_temporal.domain.flow.commands import Receipt, parse
from hitl_temporal.domain.flow.effects import Reply, StartAsk, StopStep
from hitl_temporal.domain.flow.machine import advance
from hitl_temporal.domain.flow.policies import Policy, governing
from hitl_temporal.domain.flow.proposals import MAX_PROPOSALS
from hitl_temporal.domain.flow.views import status, waiting_reasons, why
from hitl_temporal.domain.people import Roster
from tests.domain.flow.world import EVIDENCE, ROSTER, World, answered, ask, call, granted

ASK = {"who": ["group:gate"]}
GATED = {"action": "skip", "ask": ASK}


class Governed(World):
    """A run under policies of its site."""

    policies: tuple[Policy, ...] = ()
    roster: Roster = ROSTER

    def under(self, *policies: dict[str, Any]) -> "Governed":
        """Let these hold from now on."""
        self.policies = tuple(Policy.model_validate(p) for p in policies)
        return self

    def operate(self, action: str, step: str | None = None, *, actor: str = "gus", **fields: Any) -> Receipt:
        """Send a command as this person and return its receipt."""
        command = parse(action, {"actor": actor, "step": step, **fields})
        assert not isinstance(command, Receipt)
        event = events.Operated(at=self.now, action=action, command=command, roster=self.roster, policies=self.policies)
        self.feed(event)
        return next(e.receipt for e in self.last if isinstance(e, Reply))

    def agrees(self, outcome: str = "approved", k: int = 1) -> "Governed":
        """People have answered whether an action may be done."""
        result = answered(outcome, by=("hal",))
        told = events.ProposalAnswered(
            at=self.now, approval=f"r.op-{k}", result=result, roster=self.roster, policies=self.policies
        )
        self.feed(told)
        return self

    def loses(self, k: int = 1) -> "Governed":
        """A question was lost."""
        self.feed(events.ProposalFailed(at=self.now, approval=f"r.op-{k}", error="terminated"))
        return self

    def question(self) -> StartAsk:
        """Return what was asked last."""
        return next(e for e in reversed(self.effects) if isinstance(e, StartAsk))

    def fact(self, name: str) -> dict[str, Any]:
        """Return what a fact says."""
        return next(dict(f.attributes) for f in reversed(self.facts) if f.name == name)


def two() -> Governed:
    """Return a run with one step parked and one that waits for it."""
    world = Governed(call("bad"), call("next"))
    world.fails("bad")
    return world


# --- Which policy counts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policies", "counts"),
    [
        ([], None),
        ([{"match": {"flow": "finance.*"}}], None),
        ([{"match": {"flow": "sam*"}}], 0),
        ([{"action": "hold"}, {"action": ["finish", "skip"]}, {}], 1),
        ([{"action": "hold"}, {}], 1),
    ],
)
def test_the_first_policy_that_matches_counts(policies: list[dict[str, Any]], counts: int | None) -> None:
    """By the name of the flow, as a glob, and by the action; what is not said matches everything."""
    read = [Policy.model_validate(p) for p in policies]
    assert governing(read, "sample", "skip") is (None if counts is None else read[counts])


def test_saying_that_one_looks_is_governed_only_where_it_is_named() -> None:
    """A policy about every action is about those that change a run."""
    every, named = Policy.model_validate({"ask": ASK}), Policy.model_validate({"action": ["skip", "acknowledge"]})
    assert governing([every], "sample", "acknowledge") is None
    assert governing([every, named], "sample", "acknowledge") is named


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ({"action": "explode"}, "'explode' is no action"),
        ({"who": ["{{inputs.who}}"]}, "who may act is no expression"),
        ({"who": ["somebody"]}, "is not a selector"),
        ({"ask": {"who": ["group:gate"], "allow_requester": True}}, "does not agree to it"),
        ({"reason": "maybe"}, "required"),
        ({"misspelt": 1}, "misspelt"),
    ],
)
def test_what_a_policy_can_not_mean_is_refused(policy: dict[str, Any], says: str) -> None:
    """When it is read, not when somebody acts."""
    with pytest.raises(ValidationError, match=says):
        Policy.model_validate(policy)


# --- Who may ----------------------------------------------------------------------------------------------------------


def test_a_policy_says_who_may() -> None:
    """Whom it names, role or not, and nobody else, operator or not."""
    world = two().under({"action": "skip", "who": ["group:gate"]})
    receipt = world.operate("skip", "bad", actor="gus")
    assert (receipt.status, "group:gate" in receipt.reason) == ("not_eligible", True)
    assert world.operate("hold", actor="gus").status == "done"
    assert world.operate("skip", "bad", actor="hal").status == "done"


def test_the_manager_of_the_requester_may_be_named() -> None:
    """Bound to who has started the run."""
    policy = Policy.model_validate({"who": ["manager:requester", "user:bob"]})
    assert policy.who_may("ann") == ("manager:user:ann", "user:bob")
    world = two().under({"who": "manager:requester"})
    world.roster = ROSTER.but(members={"manager:user:ann": ("bob",)})
    assert world.operate("skip", "bad", actor="bob").status == "done"


def test_a_policy_takes_what_people_may_do_to_their_own() -> None:
    """`cancel` and `revoke` of the requester too; without `who` these stay as they are."""
    world = two().under({"who": ["group:gate"]})
    assert world.operate("cancel", actor="ann").status == "not_eligible"
    assert two().under({"reason": "optional"}).operate("cancel", actor="bea").status == "done"


def test_who_is_named_must_be_there() -> None:
    """An inactive or unknown person may do nothing, whoever names them."""
    world = two().under({"who": ["user:fay", "user:zoe"]})
    assert "not an active person" in world.operate("skip", "bad", actor="fay").reason
    assert "not an active person" in world.operate("skip", "bad", actor="zoe").reason


def test_machines_are_governed_by_none() -> None:
    """Temporal's own cancellation, and events, come through; what machines may not do stays so."""
    rule = {"who": ["group:gate"], "reason": "required", "ask": ASK}
    assert (
        two().under(rule).operate("event", actor="system:event", event={"type": "t", "source": "s", "id": "1"}).status
        == "done"
    )
    assert two().under(rule).operate("skip", "bad", actor="system:client").status == "not_eligible"
    assert two().under(rule).operate("cancel", actor="system:client").status == "done"


def test_no_policy_weakens_the_bars_on_passing_an_ask() -> None:
    """Role admin, own request, `not`: all of them stay."""

    def asks(**asked: Any) -> Governed:
        return Governed(ask("asked", asked=asked)).under({"who": ["group:gate", "user:bob", "user:ann"]})

    assert "override" in asks().operate("skip", "asked", actor="bob").reason
    assert "own request" in asks().operate("skip", "asked", actor="ann").reason
    assert "excludes" in asks(**{"not": ["user:hal"]}).operate("skip", "asked", actor="hal").reason
    assert asks().operate("skip", "asked", actor="hal").status == "done"


def test_no_policy_lets_the_requester_keep_what_was_granted() -> None:
    """`no_undo` of one's own run needs an operator where something was given for a time."""
    world = Governed(granted("open")).under({"who": ["user:ann", "user:bea"]})
    assert "no_undo" in world.operate("cancel", actor="bea", no_undo=True).reason


def test_a_reason_may_be_needed() -> None:
    """Without one the action is `invalid` and says so; blanks are none."""
    world = two().under({"reason": "required"})
    receipt = world.operate("skip", "bad", reason="  ")
    assert (receipt.status, receipt.reason) == ("invalid", "reason: skip of 'sample' needs one; say why")
    assert world.operate("skip", "bad", reason="gone for good").status == "done"


# --- People must agree ------------------------------------------------------------------------------------------------


def test_an_action_becomes_a_question_and_is_done_once_people_agree() -> None:
    """The receipt is `asked` with the id; the step stays as it is; then it is done, by whoever wanted it."""
    world = two().under(GATED)
    receipt = world.operate("skip", "bad", reason="broken", key="k")
    assert (receipt.status, receipt.reason) == ("asked", "it waits for an answer to r.op-1")
    assert [(p.approval, p.action) for p in status(world.run, EVIDENCE).proposals] == [("r.op-1", "skip")]
    assert (receipt.changes, world.step("bad").state) == (("bad: skipped",), "parked")
    assert (waiting_reasons(world.run), why(world.run)[0].by) == (("answer", "predecessor"), ("r.op-1",))
    world.agrees()
    assert (world.step("bad").state, world.states["next"]) == ("skipped", "running")
    done = world.fact("run.operated")
    assert (done["hitl.actor"], done["hitl.approval"], done["hitl.reason"]) == ("gus", "r.op-1", "broken")
    assert world.operate("skip", "bad", key="k").status == "done"
    names = [f.name for f in world.facts if "operat" in f.name]
    assert names == ["run.operation_asked", "run.operation_answered", "run.operated"]


def test_the_question_says_what_would_be_done() -> None:
    """Title, reason and changes, though nobody wrote them into the policy; who wants it may not decide."""
    world = two().under(GATED)
    world.operate("skip", "bad", reason="broken")
    asked = world.question()
    assert (asked.approval, asked.requester, asked.on_behalf_of, asked.is_proposal) == ("r.op-1", "gus", None, True)
    assert asked.context["operation"] == {
        "action": "skip",
        "step": "bad",
        "what": "skip bad",
        "actor": "gus",
        "reason": "broken",
        "changes": "bad: skipped",
    }
    assert asked.ask.title == "{{operation.what}} of {{run.id}}"


def test_an_action_on_the_whole_run_may_need_people_too() -> None:
    """The question is about no step."""
    world = two().under({"action": "cancel", "ask": ASK})
    assert world.operate("cancel").status == "asked"
    assert (world.question().step, why(world.run)[0].step) == ("", "")
    assert world.agrees().run.status == "cancelled"


def test_who_may_not_decide_the_ask_does_not_agree_to_passing_it() -> None:
    """The requester of the run and whom they act for are barred from the question about passing it."""
    world = Governed(ask("asked")).under(GATED)
    assert world.operate("skip", "asked", actor="eli").status == "asked"
    asked = world.question()
    assert (asked.requester, asked.on_behalf_of, asked.ask.beneficiary) == ("eli", "ann", "bea")


def test_what_the_policy_says_of_beneficiary_stays() -> None:
    """The other key is free for the second of them."""
    world = Governed(ask("asked")).under({"ask": {**ASK, "beneficiary": "cyd", "author": "dot"}})
    world.operate("skip", "asked", actor="eli")
    assert (world.question().ask.beneficiary, world.question().ask.author) == ("cyd", "dot")


def test_a_no_leaves_everything_as_it_is() -> None:
    """The same key is then answered with the refusal; another key asks again, under the next number."""
    world = two().under(GATED)
    world.operate("skip", "bad", key="k")
    world.agrees("rejected")
    assert world.step("bad").state == "parked"
    receipt = world.operate("skip", "bad", key="k")
    assert (receipt.status, receipt.reason, receipt.key) == ("not_eligible", "r.op-1 was rejected", "k")
    assert world.fact("run.operation_refused")["hitl.status"] == "not_eligible"
    assert world.operate("skip", "bad").reason.endswith("r.op-2")


def test_what_people_agreed_to_is_judged_as_the_run_then_is() -> None:
    """`closed` when the state has changed meanwhile, and that is a fact."""
    world = two().under(GATED)
    world.operate("skip", "bad", key="k")
    world.operate("finish", "bad")
    world.agrees()
    assert world.step("bad").state == "succeeded"
    assert world.operate("skip", "bad", key="k").reason == "step 'bad' is succeeded"
    refused = world.fact("run.operation_refused")
    assert (refused["hitl.status"], refused["hitl.reason"]) == ("closed", "step 'bad' is succeeded")


def test_who_has_left_meanwhile_does_nothing() -> None:
    """Whoever wants it is judged anew, too."""
    world = two().under(GATED)
    world.operate("skip", "bad", key="k")
    world.roster = ROSTER.but(cards={n: c for n, c in ROSTER.cards.items() if n != "gus"})
    world.agrees()
    assert world.step("bad").state == "parked"
    assert "not an active person" in world.fact("run.operation_refused")["hitl.reason"]


def test_the_same_action_is_asked_about_once() -> None:
    """Whoever sends it and why; another action on the same step is a question of its own."""
    world = two().under({"ask": ASK})
    first = world.operate("skip", "bad", reason="a")
    assert world.operate("skip", "bad", actor="eli", reason="b").reason == first.reason
    assert world.operate("finish", "bad").reason.endswith("r.op-2")
    assert len([e for e in world.effects if isinstance(e, StartAsk)]) == 2


def test_a_dry_run_asks_nobody() -> None:
    """It says that people would be asked, and what would change."""
    world = two().under(GATED)
    before = world.run
    receipt = world.operate("skip", "bad", dry_run=True)
    assert (receipt.status, receipt.changes) == ("asked", ("bad: skipped",))
    assert (receipt.reason, world.run) == ("people would be asked first", before)


def test_nobody_is_asked_about_what_can_not_be_done() -> None:
    """The state is judged first, and a question that can't be put is refused."""
    assert two().under(GATED).operate("skip", "gone").status == "invalid"
    broken = two().under({"ask": {**ASK, "title": "{{ 1/0 }}"}}).operate("skip", "bad")
    assert (broken.status, "nobody can be asked" in broken.reason) == ("invalid", True)


def test_a_run_asks_about_so_many_actions_at_a_time() -> None:
    """Each is a workflow of its own."""
    world = Governed(call("a"), vars={"x": 0}).under({"ask": ASK})
    for number in range(MAX_PROPOSALS):
        assert world.operate("set_value", **{"with": {"x": number}}).status == "asked"
    assert world.operate("set_value", **{"with": {"x": -1}}).status == "closed"


def test_a_question_that_was_lost_is_over() -> None:
    """The action is not done, and may be wanted again."""
    world = two().under(GATED)
    world.operate("skip", "bad", key="k")
    world.loses()
    assert world.operate("skip", "bad", key="k").reason == "r.op-1 was lost: terminated"
    assert (world.run.proposals, waiting_reasons(world.run)) == ((), ("predecessor",))


def test_an_answer_to_nothing_is_nothing() -> None:
    """Such as one that comes twice."""
    world = two()
    before = world.run
    world.agrees()
    assert (world.run, world.last) == (before, ())


# --- The end of the run -----------------------------------------------------------------------------------------------


def recalled(world: Governed) -> list[str | None]:
    """Return the questions that are taken back."""
    return [e.child for e in world.effects if isinstance(e, StopStep)]


@pytest.mark.parametrize("outcome", ["withdrawn", "approved"])
def test_questions_are_taken_back_at_the_end(outcome: str) -> None:
    """The run ends once they are back; a yes that comes all the same changes nothing, and is recorded."""
    world = Governed(call("a")).under(GATED)
    world.operate("skip", "a", key="k")
    world.succeeds("a")
    assert (recalled(world), world.run.status) == (["r.op-1"], None)
    assert why(world.run)[0].releases == "the withdrawal of r.op-1"
    world.agrees(outcome)
    assert (world.run.status, world.step("a").state) == ("completed", "succeeded")
    said = world.fact("run.operation_answered").get("hitl.reason")
    assert said == (None if outcome == "withdrawn" else "too late: it was taken back already, and nothing changes")
    status = world.run.receipts["skip:gus:k"].status
    assert status == ("not_eligible" if outcome == "withdrawn" else "closed")


def test_questions_are_taken_back_when_the_run_ends_early() -> None:
    """Once, however much happens until they are back."""
    world = Governed(call("a"), call("b", needs=[])).under(GATED)
    world.operate("skip", "a")
    world.operate("cancel", actor="system:client")
    world.stops("a").stops("b")
    assert (recalled(world).count("r.op-1"), world.run.status) == (1, None)
    assert world.agrees("withdrawn").run.status == "cancelled"


def test_the_events_replayed_give_the_same_run() -> None:
    """Everything that is judged lies in the events."""
    world = two().under(GATED)
    world.operate("skip", "bad")
    world.agrees()
    run, effects = world.first, []
    for event in world.fed:
        run, more = advance(run, event)
        effects.extend(more)
    assert (run, effects) == (world.run, world.effects)
    assert any(isinstance(e, Record) for e in effects)
