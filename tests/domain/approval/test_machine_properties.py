"""Whatever happens to an approval, in whatever order: what must always hold."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hitl_temporal.domain.approval import events
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.automatic import AUTO
from hitl_temporal.domain.approval.clock import next_moment
from hitl_temporal.domain.approval.commands import Command, Decide, Receipt, Withdraw
from hitl_temporal.domain.approval.effects import Deliver, Effect, Reply
from hitl_temporal.domain.approval.eligibility import may_act, may_act_anywhere
from hitl_temporal.domain.approval.judge import flooded, judge
from hitl_temporal.domain.approval.machine import advance
from hitl_temporal.domain.approval.message import message
from hitl_temporal.domain.approval.notation import votes_needed
from hitl_temporal.domain.approval.opening import begin
from hitl_temporal.domain.approval.state import MAX_REFUSALS, MAX_REFUSALS_BY_ACTOR, Approval, StageRun
from hitl_temporal.domain.approval.views import listing, result, selectors, status
from hitl_temporal.domain.audit import Evidence
from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.people import Group, People, Person, Roster

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
EVIDENCE = Evidence(trace_id="0" * 32, events=1, digest="0" * 64)

FOLK = ("ann", "bob", "cai", "dee", "eli")
GROUPS = ("red", "blue")
PEOPLE = People(
    people={p: Person(name=p.title(), manager="bob" if p == "ann" else None) for p in FOLK},
    groups={"red": Group(members=("bob", "cai", "dee")), "blue": Group(members=("ann", "dee", "group:red"))},
)

who = st.lists(
    st.sampled_from(["group:red", "group:blue", "group:none", "user:eli", "user:cai", "manager:requester"]),
    min_size=1,
    max_size=2,
    unique=True,
)
threshold = st.sampled_from(["any", "all", 1, 2, 2, "50%", "100%"])
stage = st.fixed_dictionaries(
    {
        "who": who,
        "approve": threshold,
        "reject": threshold,
        "due": st.sampled_from(["1h", "2bh", "1bd", "500w"]),
        "at_due": st.sampled_from(["expire", "reject", "later", "approved", "fine"]),
    },
    optional={
        "fallback": who,
        "not": st.sampled_from(["user:cai", "group:red"]),
        "distinct": st.booleans(),
        "allow_requester": st.booleans(),
        "when": st.sampled_from(["true", "true", "false"]),
        "remind": st.sampled_from(["20m", "1bh", ["10m", "1h", "1h"], ["3h"]]),
        "calendar": st.sampled_from(["default", "default", "default", "nowhere"]),
        "via": st.sampled_from(["chat", ["mail", "chat"]]),
    },
)
ask = st.fixed_dictionaries(
    {"title": st.just("Go?"), "stages": st.lists(stage, min_size=1, max_size=3)},
    optional={
        "comment": st.sampled_from(["optional", "required", "on_reject"]),
        "beneficiary": st.sampled_from(["dee", "user:eli"]),
        "auto": st.lists(
            st.fixed_dictionaries(
                {"if": st.sampled_from(["false", "false", "true"]), "outcome": st.sampled_from(["approved", "later"])}
            ),
            max_size=2,
        ),
    },
)


def document(drawn: dict[str, object], stages: list[dict[str, object]]) -> Ask:
    """Return what was drawn as an ask that is allowed: named stages, silence that approves only on purpose."""
    named = [
        {**s, "name": f"s{n}", "at_due_positive": s.get("at_due") in {"approved", "fine"}} for n, s in enumerate(stages)
    ]
    outcomes = {"later": {"label": "Later"}, "fine": {"label": "Fine", "positive": True}}
    return Ask.model_validate({**drawn, "stages": named, "outcomes": outcomes})


def submitted(at: datetime, verb: str, command: Command, roster: Roster | None = None) -> events.CommandSubmitted:
    """Return the event of a command."""
    return events.CommandSubmitted(at=at, verb=verb, command=command, roster=roster)


class Lives(RuleBasedStateMachine):
    """An approval among people who come, go, click twice, and click where they may not."""

    # Sampled as often as people, so that most clicks are by somebody who could be asked.
    clickers: ClassVar = st.sampled_from([*FOLK, *FOLK, "stranger", "system:auto", ""]).map(lambda p: p or "zed")

    @initialize(
        drawn=ask,
        requester=st.sampled_from(["ann", "dee", "system:client"]),
        principal=st.none() | st.just("cai"),
        is_resolved=st.sampled_from([True, True, True, False]),
    )
    def ask(
        self, drawn: dict[str, list[dict[str, object]]], requester: str, principal: str | None, *, is_resolved: bool
    ) -> None:
        """Put a question, and mostly read the directory at once."""
        self.people, self.now = PEOPLE, START
        wanted = document({**drawn}, drawn["stages"])
        self.state = self.born = begin("a-1", wanted, requester=requester, on_behalf_of=principal, at=START)
        self.events: list[events.Event] = []
        self.effects: list[Effect] = []
        self.counted: dict[tuple[str, str], Receipt] = {}
        if is_resolved:
            self.resolve()

    # --- What may happen ----------------------------------------------------------------------------------------------

    @rule()
    def resolve(self) -> None:
        """The directory has been read, perhaps not for the first time."""
        self.feed(events.PeopleResolved(at=self.now, roster=self.people.roster(selectors(self.state))))

    @precondition(lambda self: self.state.is_open)
    @rule(
        actor=clickers,
        outcome=st.sampled_from(["approved"] * 4 + ["rejected", "later", "fine", "fine", "expired", "?"]),
        key=st.none() | st.sampled_from(["k1", "k2"]),
        comment=st.sampled_from(["because", ""]),
        digest=st.sampled_from([None, None, None, "right", "wrong"]),
        lag=st.sampled_from([0, 0, 0, 30]),
        times=st.sampled_from([1, 1, 2]),
    )
    def decide(
        self, actor: str, outcome: str, key: str | None, comment: str, digest: str | None, lag: int, times: int
    ) -> None:
        """Somebody answers, once or with a nervous finger; the server may have had it a little before."""
        seen = self.state.shown.digest if digest == "right" else digest
        decide = Decide(actor=actor, outcome=outcome, key=key, comment=comment, digest=seen)
        for _ in range(times):
            roster = self.people.roster(selectors(self.state), [actor])
            at = self.now - timedelta(minutes=lag)
            self.answer(decide, submitted(at, "decide", decide, roster))

    @precondition(lambda self: may_act_anywhere(self.state))
    @rule(data=st.data(), outcome=st.sampled_from(["approved", "approved", "fine", "rejected"]))
    def decide_as_asked(self, data: st.DataObject, outcome: str) -> None:
        """Somebody who may act answers: stages would hardly ever be approved by chance."""
        actor = data.draw(st.sampled_from(may_act_anywhere(self.state)))
        self.decide(actor, outcome, None, "because", None, 0, 1)

    @precondition(lambda self: self.state.decisions)
    @rule(data=st.data(), outcome=st.sampled_from(["approved", "rejected"]), key=st.none() | st.just("another"))
    def decide_again(self, data: st.DataObject, outcome: str, key: str | None) -> None:
        """Somebody who has been counted clicks once more, perhaps otherwise."""
        actor = data.draw(st.sampled_from(self.state.decisions)).actor
        self.decide(actor, outcome, key, "because", None, 0, 1)

    @rule(actor=st.sampled_from(["stranger", "bob", "ann", "ann", "system:run"]), key=st.none() | st.just("k1"))
    @precondition(lambda self: len(self.events) > 8 or not self.state.is_open)
    def withdraw(self, actor: str, key: str | None) -> None:
        """Somebody wants the request gone."""
        receipt = self.reply(submitted(self.now, "withdraw", Withdraw(actor=actor, key=key)))
        if receipt.status == "counted":
            assert self.state.outcome == "withdrawn"
            assert actor in self.state.barred or actor.startswith("system:")

    @rule(minutes=st.sampled_from([1, 15, 60, 600]), told=st.sampled_from(["not yet", "alone", "with the people"]))
    def pass_time(self, minutes: int, told: str) -> None:
        """Time goes by; the shell says so, with the directory as it is then, or has not come to it yet."""
        self.now += timedelta(minutes=minutes)
        if told != "not yet":
            roster = self.people.roster(selectors(self.state)) if told == "with the people" else None
            self.ring(events.TimePassed(at=self.now, roster=roster))

    @precondition(lambda self: next_moment(self.state) is not None)
    @rule()
    def pass_time_to_the_moment(self) -> None:
        """The one timer rings."""
        self.now = max(self.now, next_moment(self.state) or self.now)
        self.ring(events.TimePassed(at=self.now))

    @rule(person=st.sampled_from(FOLK), active=st.booleans())
    def leave_or_return(self, person: str, *, active: bool) -> None:
        """The directory changes; the approval learns it with the next reading."""
        changed = self.people.people[person].but(active=active)
        self.people = self.people.but(people={**self.people.people, person: changed})

    @rule(group=st.sampled_from(GROUPS), members=st.lists(st.sampled_from(FOLK), max_size=3, unique=True))
    def regroup(self, group: str, members: list[str]) -> None:
        """A group gets other members."""
        self.people = self.people.but(groups={**self.people.groups, group: Group(members=tuple(members))})

    @precondition(lambda self: self.state.deliveries)
    @rule(data=st.data(), state=st.sampled_from(["delivered", "failed"]))
    def end_delivery(self, data: st.DataObject, state: str) -> None:
        """A channel answers, perhaps twice."""
        delivery = data.draw(st.sampled_from([*(d.id for d in self.state.deliveries), "unknown"]))
        ended = {"at": self.now, "delivery": delivery, "state": state, "channel": "mail"}
        self.feed(events.DeliveryEnded.model_validate(ended))

    @precondition(lambda self: self.state.outcome is not None)
    @rule()
    def close(self) -> None:
        """Everything has been said and sent, perhaps said twice."""
        self.feed(events.Closed(at=self.now))
        assert self.state.is_closed

    # --- What must hold of every step ---------------------------------------------------------------------------------

    def feed(self, event: events.Event) -> tuple[Effect, ...]:
        """Advance by one event, twice: the second time from the state as a history would give it back."""
        before = self.state
        after, effects = advance(before, event)
        restored = Approval.model_validate_json(before.model_dump_json())
        assert restored == before
        assert advance(restored, event) == (after, effects)

        assert after.now == max(before.now, event.at)
        if before.outcome is not None:
            frozen = ("outcome", "reason", "ended_at", "stages", "decisions", "withdrawal", "roster")
            assert [getattr(before, name) for name in frozen] == [getattr(after, name) for name in frozen]
        if before.is_closed:
            assert not any(isinstance(e, Record) for e in effects), "the trail ends with `ended`"
        assert before.decisions == after.decisions[: len(before.decisions)], "what was counted stays counted"

        self.state = after
        self.events.append(event)
        self.effects.extend(effects)
        return effects

    def ring(self, event: events.TimePassed) -> None:
        """Advance by the time alone; what was due is done, so the next moment lies ahead."""
        self.feed(event)
        following = next_moment(self.state)
        assert following is None or following > event.at

    def reply(self, event: events.Event) -> Receipt:
        """Advance by a command; it is answered exactly once."""
        (receipt,) = [e.receipt for e in self.feed(event) if isinstance(e, Reply)]
        assert receipt.key
        return receipt

    def answer(self, decide: Decide, event: events.CommandSubmitted) -> None:
        """Advance by an answer, and hold its receipt against what is known of its sender."""
        before = self.state
        receipt = self.reply(event)
        spent = self.counted.get((decide.actor, receipt.key))
        counted = self.state.decisions[len(before.decisions) :]
        by_hand = [d for d in counted if d.actor != AUTO]
        if spent is not None:
            assert receipt == spent, "a spent key gives its receipt, for ever"
            assert not by_hand
        elif receipt.status == "counted":
            (decision,) = by_hand
            assert (decision.actor, decision.outcome, decision.key) == (decide.actor, decide.outcome, receipt.key)
            assert decision.at == event.at
            self.counted[decide.actor, receipt.key] = receipt
            self.must_have_been_eligible(decide.actor, self.stage_named(decision.stage), before)
        else:
            assert not by_hand
            assert receipt.reason
            if decide.outcome in {"expired", "?"}:
                assert receipt.status == "invalid"
            elif before.outcome is not None:
                assert receipt.status in {"closed", "invalid"}

    def must_have_been_eligible(self, person: str, stage: StageRun, before: Approval) -> None:
        """Judge by the directory and the document alone, in other words than the machine's."""
        assert before.outcome is None
        assert self.people.people[person].active
        assert any(person in self.people.resolve(s) for s in stage.who)
        assert not any(person in self.people.resolve(s) for s in stage.cast.barred)
        concerned = {before.requester, before.on_behalf_of, (before.ask.beneficiary or "").removeprefix("user:")}
        assert person not in concerned or stage.document.allow_requester
        if stage.document.distinct:
            assert all(d.actor != person for d in before.decisions)

    def stage_named(self, name: str) -> StageRun:
        """Return a stage as it is now."""
        return next(s for s in self.state.stages if s.name == name)

    # --- What must hold at any time -----------------------------------------------------------------------------------

    @invariant()
    def nobody_counts_twice(self) -> None:
        """One person is one vote in a stage; keys are spent once."""
        decided = Counter((d.stage, d.actor) for d in self.state.decisions)
        keys = Counter((d.actor, d.key) for d in self.state.decisions)
        assert all(n == 1 for n in (*decided.values(), *keys.values()))

    @invariant()
    def somebody_can_move_it(self) -> None:
        """An open stage has enough people who may act to agree; any other approval says why it is parked."""
        if not self.state.is_open or self.state.outcome is not None:
            return
        live = next(iter(self.state.live_stages), None)
        if live is None or live.state == "parked":
            assert self.state.state == "parked"
            assert self.state.reason if live is None else live.reason
            assert live is None or (live.remind_at is None and not may_act(self.state, live))
        else:
            votes = Counter(d.outcome for d in self.state.decisions if d.stage == live.name)
            agreed = max((n for o, n in votes.items() if self.state.ask.is_positive(o)), default=0)
            assert 0 < live.ways[0].needed - agreed <= len(may_act(self.state, live))
            assert len([s for s in self.state.stages if s.is_live]) == 1

    @invariant()
    def no_stage_is_approved_below_its_threshold(self) -> None:
        """A positive stage has as many votes as it needs, of people who were asked; or its author let silence speak."""
        for s in self.state.stages:
            if self.state.ask.is_positive(s.state):
                votes = sum(d.outcome == s.state for d in self.state.decisions if d.stage == s.name)
                by_silence = s.document.at_due_positive and s.due_at is not None and s.due_at <= self.state.now
                assert s.asked
                assert s.ways[0].needed == votes_needed(s.document.approve, len(s.asked))
                assert votes >= s.ways[0].needed or by_silence

    @invariant()
    def only_a_whole_way_approves(self) -> None:
        """A positive outcome means that a rule said so, or that every stage which applies was passed."""
        if self.state.outcome is None or not self.state.ask.is_positive(self.state.outcome):
            return
        by_rule = any(d.actor == AUTO for d in self.state.decisions)
        assert by_rule or all(s.state == "skipped" or self.state.ask.is_positive(s.state) for s in self.state.stages)
        assert by_rule or any(s.state != "skipped" for s in self.state.stages)

    @invariant()
    def every_effect_is_wanted_once(self) -> None:
        """Messages and facts have ids of their own over the whole life, and facts are in the order of time."""
        messages = [e.delivery.id for e in self.effects if isinstance(e, Deliver)]
        records = [e for e in self.effects if isinstance(e, Record)]
        assert len(set(messages)) == len(messages)
        assert len({r.key for r in records}) == len(records)
        assert [r.at for r in records] == sorted(r.at for r in records)

    @invariant()
    def refusals_stay_few(self) -> None:
        """What is kept of refusals is bounded, and floods lock out nobody who may act."""
        kept = Counter(r.actor for r in self.state.refusals)
        assert kept.total() <= MAX_REFUSALS
        assert all(n <= MAX_REFUSALS_BY_ACTOR for n in kept.values())
        live = next(iter(self.state.live_stages), None)
        for person in may_act(self.state, live) if live else ():
            command = Decide(actor=person, outcome="approved", comment="because", key="new")
            assert judge(self.state, "decide", command, self.now).status == "counted"
            assert flooded(self.state, "decide", command, self.now) is None

    @invariant()
    def everybody_can_look(self) -> None:
        """Every view of every state can be made."""
        assert status(self.state).outcome == self.state.outcome
        seen = listing(self.state)
        live = next(iter(self.state.live_stages), None)
        assert not set(seen.barred) & set(may_act(self.state, live) if live else ())
        if self.state.outcome is not None:
            assert result(self.state, EVIDENCE).outcome == self.state.outcome
            assert next_moment(self.state) is None
            assert seen.due is None

    def teardown(self) -> None:
        """The recorded events, replayed, give the identical state and effects."""
        state, effects = self.born, list[Effect]()
        for event in self.events:
            state, more = advance(state, event)
            effects.extend(more)
        assert (state, effects) == (self.state, self.effects)
        for effect in effects:
            if isinstance(effect, Deliver):
                assert message(state, effect).key == f"a-1:{effect.delivery.id}"


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
