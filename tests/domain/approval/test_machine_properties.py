"""Whatever happens to an approval, in whatever order: what must always hold (living.py)."""

import os
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from hitl_temporal.domain.approval import events
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.clock import next_moment
from hitl_temporal.domain.approval.commands import VERBS
from hitl_temporal.domain.approval.eligibility import may_act_anywhere
from hitl_temporal.domain.approval.opening import begin
from hitl_temporal.domain.approval.surroundings import selectors
from hitl_temporal.domain.calendar import DEFAULT, week_of
from hitl_temporal.domain.people import Group
from tests.domain.approval.drawing import CONTEXT, FOLK, GROUPS, START, ask, away
from tests.domain.approval.living import Living

if TYPE_CHECKING:
    from hitl_temporal.domain.value import Json

IS_LONG = os.environ.get("HITL_CHAOS") == "long"

OTHER = {
    "early": DEFAULT.but(name="other", week=week_of({"MON-SUN": ("07:00-12:00",)})),
    "late": DEFAULT.but(name="other", week=week_of({"MON-FRI": ("10:00-20:00",)})),
    "short": DEFAULT.but(name="other", until=START.date() + timedelta(days=1)),
}
people = st.sampled_from([*FOLK, *FOLK, "stranger"])
anybody = st.sampled_from([*FOLK, *FOLK, "stranger", "system:client", "system:auto"])
outcomes = st.sampled_from(["approved"] * 6 + ["fine", "fine", "rejected", "later", "rework", "rework"])
wild = st.sampled_from(["approved", "rejected", "expired", "rework", "?"])
keys = st.sampled_from([None, None, None, "k1", "k2", "k3"])
assurances = st.sampled_from(["high", "high", "high", "medium", "low"])
amounts = st.integers(0, 9).map(lambda x: {"x": x})
changes = st.one_of(
    amounts,
    amounts,
    st.sampled_from(["group:red", "group:green", "group:blue", "user:eli", "group:none"]).map(lambda w: {"who": w}),
    st.sampled_from(["bob", "cai", "dee", "eli", "fay"]).map(lambda p: {"ben": p}),
    st.sampled_from([{"o": {"a": 2}}, {"o": {"b": 2}}, {"o.a": 1}, {"o.a": 3}, {"y": 1}]),
)
forms = st.sampled_from([None, None, None, {"n": 1}, {"n": "x"}, {"m": 1}])


class Lives(Living):
    """An approval among people who come and go, talk, hand over, change their minds, and click where they may not."""

    @initialize(
        drawn=ask(),
        requester=st.sampled_from(["ann", "ann", "ann", "dee", "system:client"]),
        principal=st.sampled_from([None, None, "cai"]),
        is_resolved=st.sampled_from([True, True, True, True, True, False]),
        seed=st.sampled_from(["a", "b", "c"]),
    )
    def put(self, drawn: Ask, requester: str, principal: str | None, seed: str, *, is_resolved: bool) -> None:
        """Put a question, and mostly read the directory at once."""
        context: dict[str, Json] = {**CONTEXT}
        self.state = self.born = begin(
            "a-1", drawn, requester=requester, on_behalf_of=principal, context=context, seed=seed, at=START
        )
        self.calendars = {"other": OTHER["late"]}
        if is_resolved:
            self.resolve()

    @rule()
    def resolve(self) -> None:
        """The directory has been read, perhaps not for the first time."""
        self.feed(events.PeopleResolved(at=self.now, roster=self.roster(), calendars=self.calendars))

    # --- Those who may ------------------------------------------------------------------------------------------------

    @precondition(lambda self: may_act_anywhere(self.state))
    @rule(data=st.data())
    def agree(self, data: st.DataObject) -> None:
        """Somebody who may act agrees."""
        actor = data.draw(st.sampled_from(may_act_anywhere(self.state)))
        self.send("decide", actor, outcome="approved", comment="because", assurance="high")

    @precondition(lambda self: may_act_anywhere(self.state))
    @rule(data=st.data(), outcome=outcomes, edit=st.none() | changes, assurance=assurances, key=keys)
    def answer(
        self, data: st.DataObject, outcome: str, edit: dict[str, object] | None, assurance: str, key: str | None
    ) -> None:
        """Somebody who may act answers, perhaps with an edit, perhaps below the assurance that is needed."""
        actor = data.draw(st.sampled_from(may_act_anywhere(self.state)))
        wanted = edit if edit and set(edit) <= set(self.state.ask.edit) else None
        self.send("decide", actor, outcome=outcome, comment="because", assurance=assurance, edit=wanted, key=key)

    @precondition(lambda self: may_act_anywhere(self.state))
    @rule(
        data=st.data(),
        verb=st.sampled_from(["delegate", "delegate", "claim", "request_info", "comment", "add_approver"]),
        to=people,
        lag=st.sampled_from([0, 0, 30]),
        times=st.sampled_from([1, 1, 2]),
    )
    def use_a_place(self, data: st.DataObject, verb: str, to: str, lag: int, times: int) -> None:
        """Somebody who may act does something else than answer, perhaps with a nervous finger."""
        actor = data.draw(st.sampled_from(may_act_anywhere(self.state)))
        said = {"text": "why?"} if verb in {"request_info", "comment"} else {}
        at = self.now - timedelta(minutes=lag)
        for _ in range(times):
            self.send(verb, actor, at=at, to=to if verb != "request_info" or times == 2 else None, **said)

    @rule(
        data=st.data(), to=changes, verb=st.sampled_from(["amend", "amend", "provide_info", "add_approver", "comment"])
    )
    def ask_otherwise(self, data: st.DataObject, to: dict[str, object], verb: str) -> None:
        """The requester's side changes what is asked, answers, or wants more people to agree."""
        actor = data.draw(st.sampled_from(self.state.barred))
        if verb == "amend":
            self.send("amend", actor, set=to)
        else:
            self.send(verb, actor, text="so", to=data.draw(people))

    @precondition(lambda self: self.state.info is not None)
    @rule(by_amendment=st.booleans(), to=amounts)
    def give_info(self, to: dict[str, object], *, by_amendment: bool) -> None:
        """What was asked is answered; what was sent back comes again."""
        info = self.state.info
        assert info is not None
        if by_amendment:
            self.send("amend", self.state.barred[0], set=to)
        else:
            self.send("provide_info", info.to, text="so")

    @rule(
        data=st.data(),
        verb=st.sampled_from(["reassign", "reassign", "extend", "release_claim", "add_approver"]),
        source=st.none() | people,
        to=people,
        by=st.sampled_from(["1h", "1bd"]),
    )
    def operate(self, data: st.DataObject, verb: str, source: str | None, to: str, by: str) -> None:
        """An operator helps."""
        operator = data.draw(st.sampled_from(["gus", "hal"]))
        self.send(verb, operator, to=to, by=by, reason="needed", **{"from": source})

    @precondition(lambda self: any(s.state == "parked" for s in self.state.live_stages))
    @rule(to=people)
    def help_out(self, to: str) -> None:
        """An operator brings somebody in where nobody can act."""
        self.send("reassign", "gus", to=to, reason="needed")

    @precondition(lambda self: self.state.cooling is not None)
    @rule()
    def retract(self) -> None:
        """One whose vote has decided takes it back."""
        cooling = self.state.cooling
        assert cooling is not None
        votes = [d for d in self.state.decisions if d.stage == cooling.stage]
        self.send("retract", votes[-1].actor)

    @precondition(lambda self: len(self.events) > 20)
    @rule(actor=st.sampled_from(["hal", "fay", "eli"]), outcome=outcomes, assurance=assurances)
    def override(self, actor: str, outcome: str, assurance: str) -> None:
        """Somebody decides alone."""
        self.send("override", actor, outcome=outcome, reason="needed", assurance=assurance)

    # --- Those who may not, and those who click again -----------------------------------------------------------------

    @rule(
        actor=anybody,
        verb=st.sampled_from(sorted(VERBS)),
        outcome=wild,
        to=people,
        source=st.none() | people,
        key=keys,
    )
    def try_anything(self, actor: str, verb: str, outcome: str, to: str, source: str | None, key: str | None) -> None:
        """Anybody tries anything; what is no key of the verb is ignored."""
        if verb == "withdraw" and len(self.events) < 15:
            return
        rest = {"outcome": outcome, "to": to, "key": key, "text": "so", "reason": "needed", "by": "1h", "set": {"x": 5}}
        self.send(verb, actor, **rest, **{"from": source})

    @precondition(lambda self: self.state.is_open)
    @rule(
        actor=people,
        outcome=outcomes,
        key=keys,
        comment=st.sampled_from(["because", ""]),
        digest=st.sampled_from([None, "right", "wrong"]),
        lag=st.sampled_from([0, 0, 30]),
        owner=st.none() | people,
        form=forms,
    )
    def click(
        self,
        actor: str,
        outcome: str,
        key: str | None,
        comment: str,
        digest: str | None,
        lag: int,
        owner: str | None,
        form: dict[str, object] | None,
    ) -> None:
        """Somebody answers in every possible way; the server may have had it a little before."""
        seen = self.state.shown.digest if digest == "right" else digest
        at = self.now - timedelta(minutes=lag)
        rest = {"comment": comment, "digest": seen, "assurance": "high", "on_behalf_of": owner, "form": form}
        self.send("decide", actor, at=at, outcome=outcome, key=key, **rest)

    @precondition(lambda self: self.known)
    @rule(
        data=st.data(),
        verb=st.sampled_from(["decide", "decide", "comment"]),
        how=st.sampled_from(["same", "new", "none"]),
    )
    def click_again(self, data: st.DataObject, verb: str, how: str) -> None:
        """Somebody who has done something clicks once more, with the same key, another one, or none."""
        actor, spent = data.draw(st.sampled_from(sorted(self.known)))
        key = {"same": spent, "new": "another", "none": None}[how]
        self.send(verb, actor, outcome="approved", key=key, comment="because", assurance="high", text="so")

    # --- The world ----------------------------------------------------------------------------------------------------

    @rule(minutes=st.sampled_from([1, 15, 60, 600]), told=st.sampled_from(["not yet", "alone", "with the people"]))
    def pass_time(self, minutes: int, told: str) -> None:
        """Time goes by; the shell says so, with the directory as it is then, or has not come to it yet."""
        self.now += timedelta(minutes=minutes)
        if told != "not yet":
            self.ring(reads_people=told == "with the people")

    @precondition(lambda self: next_moment(self.state) is not None)
    @rule()
    def pass_time_to_the_moment(self) -> None:
        """The one timer rings, and the shell reads the directory."""
        self.now = max(self.now, next_moment(self.state) or self.now)
        self.ring(reads_people=True)

    @rule(
        data=st.data(),
        what=st.sampled_from(["leaves", "returns", "returns", "group", "away", "away", "calendar"]),
        person=st.sampled_from(FOLK),
    )
    def change_the_world(self, data: st.DataObject, what: str, person: str) -> None:
        """People come, go and are away; the approval learns it with the next reading."""
        match what:
            case "group":
                members = data.draw(st.lists(st.sampled_from(FOLK), min_size=1, max_size=5, unique=True))
                group = Group(members=tuple(members))
                self.people = self.people.but(groups={**self.people.groups, data.draw(st.sampled_from(GROUPS)): group})
            case "away":
                self.be_away(data, person)
            case "calendar":
                self.calendars = {"other": OTHER[data.draw(st.sampled_from(sorted(OTHER)))]}
                self.feed(events.CalendarChanged(at=self.now, calendars=self.calendars))
            case _:
                changed = self.people.people[person].but(active=what == "returns")
                self.people = self.people.but(people={**self.people.people, person: changed})

    def be_away(self, data: st.DataObject, person: str) -> None:
        """Let somebody be out of office, or be it no more."""
        substitute = data.draw(st.none() | st.sampled_from(FOLK))
        since = self.now + timedelta(minutes=data.draw(st.sampled_from([-60, 0, 30, 600])))
        hours = data.draw(st.sampled_from([1, 24, 1000]))
        terms = data.draw(st.sampled_from(["all", "all", "all", "flow", "large"]))
        others = tuple(a for a in self.absences if a.person != person)
        mine = () if substitute == person else (away(len(self.events), person, substitute, since, hours, terms),)
        self.absences = (*others, *mine)

    @precondition(lambda self: self.state.deliveries)
    @rule(data=st.data(), state=st.sampled_from(["delivered", "failed"]))
    def end_delivery(self, data: st.DataObject, state: str) -> None:
        """A channel answers, perhaps twice."""
        delivery = data.draw(st.sampled_from([*(d.id for d in self.state.deliveries), "unknown"]))
        ended = {"delivery": delivery, "state": state, "channel": "mail"}
        self.feed(events.DeliveriesEnded.model_validate({"at": self.now, "ended": [ended]}))

    @precondition(lambda self: self.state.outcome is not None)
    @rule()
    def close(self) -> None:
        """Everything has been said and sent, perhaps said twice."""
        self.feed(events.Closed(at=self.now))
        assert self.state.is_closed
        assert selectors(self.state) == ()


TestLives = pytest.mark.timeout(600)(pytest.mark.lives(Lives.TestCase))
TestLives.settings = settings(
    max_examples=3_000 if IS_LONG else 60,
    stateful_step_count=60 if IS_LONG else 30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
