"""An approval that lives through events, and what must hold of every step and at any time."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from hypothesis.stateful import RuleBasedStateMachine, invariant
from pydantic import TypeAdapter

from hitl_temporal.domain.approval import events
from hitl_temporal.domain.approval.automatic import AUTO
from hitl_temporal.domain.approval.clock import next_moment
from hitl_temporal.domain.approval.commands import VERBS, Command, Decide, Receipt
from hitl_temporal.domain.approval.context import MISSING, at_path
from hitl_temporal.domain.approval.effects import Deliver, Effect, Reply, StartReview, Supersede
from hitl_temporal.domain.approval.eligibility import may_act, may_act_anywhere
from hitl_temporal.domain.approval.judge import flooded, judge
from hitl_temporal.domain.approval.listing import listing
from hitl_temporal.domain.approval.machine import advance
from hitl_temporal.domain.approval.message import message
from hitl_temporal.domain.approval.opening import stages as stages_of
from hitl_temporal.domain.approval.records import Decision
from hitl_temporal.domain.approval.request import Request
from hitl_temporal.domain.approval.result import result, token
from hitl_temporal.domain.approval.stage import ASSURANCES
from hitl_temporal.domain.approval.state import MAX_REFUSALS, MAX_REFUSALS_BY_ACTOR, Approval, StageRun
from hitl_temporal.domain.approval.status import status
from hitl_temporal.domain.approval.surroundings import people, picks, selectors
from hitl_temporal.domain.audit import Evidence
from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.people import Load, People, Roster
from tests.domain.approval import oracle
from tests.domain.approval.drawing import FOLK, PEOPLE, START
from tests.domain.approval.playing import with_absences

if TYPE_CHECKING:
    from hitl_temporal.domain.absence import Absence
    from hitl_temporal.domain.calendar import Calendar
    from hitl_temporal.domain.value import Json

EVIDENCE = Evidence(trace_id="0" * 32, events=1, digest="0" * 64)
EVENT: TypeAdapter[events.Event] = TypeAdapter(events.Event)
Naming: TypeAlias = Callable[[str], tuple[str, ...]]
"""Whom selectors named at some time."""
OVERRULED = frozenset({"override", "break_glass"})
ENDED = frozenset({"outcome", "reason", "ended_at", "stages", "decisions", "voided", "withdrawal", "roster", "spent"})
"""What nothing changes any more once there is an outcome."""


class Living(RuleBasedStateMachine):
    """One approval, the world around it, and everything that it has wanted done so far."""

    state: Approval
    born: Approval

    def __init__(self) -> None:
        super().__init__()
        self.people: People = PEOPLE
        self.absences: tuple[Absence, ...] = ()
        self.calendars: dict[str, Calendar] = {}
        self.now: datetime = START
        self.events: list[events.Event] = []
        self.effects: list[Effect] = []
        self.known: dict[tuple[str, str], tuple[str, Receipt]] = {}
        self.parked: dict[str, int] = {}
        self.named: dict[tuple[str, str, str], Naming] = {}
        self.about: dict[tuple[str, str, str], object] = {}
        self.folk: dict[tuple[str, str, str], People] = {}

    # --- Feeding it ---------------------------------------------------------------------------------------------------

    def world(self) -> oracle.World:
        """Return what was around it when it was last looked."""
        return oracle.World(self.state.roster, self.state.now)

    def roster(self, *named: str) -> Roster:
        """Read the directory as the shell does, with what picking needs."""
        wanted = (*named, *people(self.state))
        found = with_absences(self.people, list(self.absences), self.people.roster(selectors(self.state), wanted))
        loads = {p: Load(open=n % 3, decided=n) for n, p in enumerate(FOLK)}
        return found.but(loads=loads, turns={key: 7 for key, _, _ in picks(self.state)})

    def feed(self, event: events.Event) -> tuple[Effect, ...]:
        """Advance by one event, twice: the second time as a history would give back both the state and the event."""
        before = self.state
        after, effects = advance(before, event)
        restored = Approval.model_validate_json(before.model_dump_json())
        assert restored == before
        if isinstance(event, events.CommandSubmitted):
            again: events.Event = event
        else:
            again = EVENT.validate_json(EVENT.dump_json(event))
        assert advance(restored, again) == (after, effects)

        assert after.now == max(before.now, event.at)
        if before.outcome is not None:
            assert [n for n in ENDED if getattr(before, n) != getattr(after, n)] == []
        if before.is_closed:
            assert not any(isinstance(e, Record) for e in effects), "the trail ends with `ended`"
            assert after.is_closed
        if before.cooling is not None and not isinstance(event, events.CommandSubmitted):
            assert after.cooling in {before.cooling, None}, "taken back before anything else"
        self.state = after
        self.events.append(event)
        self.effects.extend(effects)
        self._nothing_is_lost(before, after)
        for d in after.decisions:
            self.about.setdefault((d.actor, d.key, d.stage), self._material(d.stage))
            self.folk.setdefault((d.actor, d.key, d.stage), self.people)
            self._note_who_named(before, d)
        for stage in after.stages:
            self._stage_has_changed_rightly(before, stage)
        for effect in effects:
            if isinstance(effect, Deliver):
                assert message(after, effect).key == f"a-1:{effect.delivery.id}"
            if isinstance(effect, StartReview):
                assert Request.model_validate(effect.request).ask.title == "Review: {{title}}"
        return effects

    def _nothing_is_lost(self, before: Approval, after: Approval) -> None:
        """What was counted is counted or void for ever; what was said stays said."""
        ever = [*before.decisions, *(v.decision for v in before.voided)]
        now = [*after.decisions, *(v.decision for v in after.voided)]
        assert {(d.actor, d.key, d.stage) for d in ever} <= {(d.actor, d.key, d.stage) for d in now}
        assert before.voided == after.voided[: len(before.voided)]
        sent_back = {d.stage for d in before.decisions if d.outcome == "rework"}
        voided = after.voided[len(before.voided) :]
        assert all(v.decision.stage in sent_back for v in voided if v.why == "sent_back"), "those beside it stand"
        assert before.conversation == after.conversation[: len(before.conversation)]
        assert before.amendments == after.amendments[: len(before.amendments)]
        added = {s.name for s in before.stages if s.is_added}
        left_out = {s.name for s in after.stages if s.state == "skipped" and after.outcome is None}
        assert added <= {s.name for s in after.stages} - left_out, "only the end rids a request of an approver"

    def ring(self, *, reads_people: bool) -> None:
        """Let the timer say what time it is; what was due is done, so the next moment lies ahead."""
        self.feed(events.TimePassed(at=self.now, roster=self.roster() if reads_people else None))
        following = next_moment(self.state)
        assert following is None or following > self.now or (self.state.is_unread and not reads_people)

    def send(self, verb: str, actor: str, at: datetime | None = None, **rest: object) -> Receipt:
        """Let somebody do something, and hold what comes of it against what is known."""
        fields = {k: v for k, v in rest.items() if v is not None}
        command = VERBS[verb].command.model_validate({"actor": actor, **fields})
        named = [p for p in (actor, rest.get("to")) if isinstance(p, str)]
        event = events.CommandSubmitted(at=at or self.now, verb=verb, command=command, roster=self.roster(*named))
        before = self.state
        effects = self.feed(event)
        (receipt,) = [e.receipt for e in effects if isinstance(e, Reply)]
        assert receipt.key
        assert receipt.reason or receipt.status == "counted"
        self._receipt_is_right(before, verb, command, event, receipt)
        return receipt

    # --- What must hold of every step ---------------------------------------------------------------------------------

    def _receipt_is_right(
        self, before: Approval, verb: str, command: Command, event: events.CommandSubmitted, receipt: Receipt
    ) -> None:
        new = [d for d in self._ever(self.state) if d not in self._ever(before) and d.actor != AUTO]
        fresh = [d for d in new if (d.actor, d.key) == (command.actor, receipt.key)]
        spent = self.known.get((command.actor, receipt.key))
        if spent is not None and spent[0] != verb:
            assert (receipt.status, fresh) == ("invalid", [])
        elif spent is not None:
            voided = any((v.decision.actor, v.decision.key) == (command.actor, receipt.key) for v in self.state.voided)
            assert receipt == spent[1] or (voided and receipt.status in {"superseded", "duplicate"})
            assert not fresh
        elif receipt.status != "counted":
            assert not fresh
            for name in ("context", "amendments", "conversation", "rounds", "withdrawal", "spent"):
                assert getattr(before, name) == getattr(self.state, name), f"refused, but {name} has changed"
        else:
            self.known[command.actor, receipt.key] = (verb, receipt)
            if verb == "decide":
                (decision,) = fresh
                assert isinstance(command, Decide)
                assert (decision.outcome, decision.at) == (command.outcome, event.at)
                self._may_be_counted(before, event, decision)
        if receipt.status == "counted" and spent is None:
            assert before.outcome is None
            self._may_be_done(before, verb, command.actor)

    def _note_who_named(self, before: Approval, decision: Decision) -> None:
        """Keep whom selectors named when an answer was counted, or its stage was opened anew around it."""
        old = next((s.openings for s in before.stages if s.name == decision.stage), 0)
        new = next((s.openings for s in self.state.stages if s.name == decision.stage), 0)
        name = (decision.actor, decision.key, decision.stage)
        roster = self.state.roster
        is_fresh = old < new and self.state.stage(decision.stage).opened_at == self.state.now
        if name not in self.named or is_fresh:
            self.named[name] = lambda s: roster.named_by((s,))

    def _material(self, stage: str) -> object:
        """Return the values that decisions of a stage are bound to, as they are now."""
        found = next((s for s in self.state.stages if s.name == stage), None)
        paths = (found.document.material or ()) if found is not None else ()
        return {path: self.state.context[path] for path in paths}

    @staticmethod
    def _ever(state: Approval) -> list[Decision]:
        return [d.but(tally="") for d in (*state.decisions, *(v.decision for v in state.voided))]

    def _may_be_counted(self, before: Approval, event: events.CommandSubmitted, decision: Decision) -> None:
        """Ask the oracle, about the approval as it was when this answer was judged."""
        read = advance(before, events.TimePassed(at=event.at, roster=event.roster))[0]
        if any(s.name == decision.stage and s.state == "parked" for s in read.stages):
            read = before  # an answer is judged before leavers park the stage
        assert event.roster is not None
        world = oracle.World(event.roster, self.state.now)
        reason = oracle.why_not(world, read, read.stage(decision.stage), decision)
        assert reason is None, f"{decision.actor} was counted, but {reason}"

    def _may_be_done(self, before: Approval, verb: str, actor: str) -> None:
        """Only those do something whom the table of verbs names."""
        roles = self.people.people[actor].roles if actor in self.people.people else ()
        is_active = actor in self.people.people and self.people.people[actor].active
        is_operator = is_active and bool({"operator", "admin"} & set(roles))
        is_party = actor in oracle.parties(before)
        match verb:
            case "reassign" | "extend":
                assert is_operator
            case "withdraw":
                assert is_party or actor in {"system:client", "system:run", "system:subject"}
            case "amend":
                assert is_party
            case "override":
                glass = before.break_glass
                may_break = glass is not None and actor in [p for s in glass.who for p in self.people.resolve(s)]
                assert is_active
                assert "admin" in roles or may_break
            case "delegate" | "claim" | "request_info" | "retract":
                assert is_active
            case _:
                pass

    def _stage_has_changed_rightly(self, before: Approval, stage: StageRun) -> None:
        """A stage that has just ended well has the votes for it; one that has just opened asks the right number."""
        old = next((s for s in before.stages if s.name == stage.name), None)
        if stage.state in oracle.POSITIVE and (old is None or old.state not in oracle.POSITIVE):
            self._has_its_votes(stage)
        if stage.state == "open" and (old is None or old.openings < stage.openings) and stage.opened_at is not None:
            asked = [oracle.named_by(self.world(), stage, p) for p in stage.asked]
            strengths = [oracle.strength(stage, w, asked) for w in stage.ways]
            ways = zip(strengths, stage.ways, strict=True)
            assert any(s >= w.needed for s, w in ways) or stage.openings > 1 or stage.cast.quiet
            for way, alternative in zip(stage.ways, stage.document.alternatives, strict=False):
                assert way.needed >= 1
                if alternative.approve == "each":
                    assert way.needed == len(way.entries)

    def _has_its_votes(self, stage: StageRun) -> None:
        votes = [d for d in self.state.decisions if d.stage == stage.name]
        by_silence = [
            stage.due_at is not None and stage.due_at <= self.state.now and stage.document.at_due == stage.state,
            *(stage.document.escalate[n].outcome == stage.state for n in stage.escalated),
        ]
        is_overruled = any(d.kind in OVERRULED for d in self.state.decisions)
        if is_overruled or (any(by_silence) and stage.document.at_due_positive):
            return
        agreed = [self.named_then(d) for d in votes if d.outcome == stage.state]
        strengths = [oracle.strength(stage, w, agreed) for w in stage.ways]
        assert any(s >= w.needed for s, w in zip(strengths, stage.ways, strict=True)), f"{stage.name}: {agreed}"

    def named_then(self, decision: Decision) -> frozenset[str]:
        """Return which selectors of its stage named the place of an answer when it was given, by the test's own log."""
        stage = self.state.stage(decision.stage)
        then = self.named[decision.actor, decision.key, decision.stage]
        every = {s for w in stage.ways for s in w.who} | set(stage.cast.weights)
        return frozenset(s for s in every if decision.named in then(s)) | oracle.brought_in(stage, decision.named)

    # --- What must hold at any time -----------------------------------------------------------------------------------

    @invariant()
    def nobody_and_no_place_counts_twice(self) -> None:
        """One person is one vote in a stage, and so is one place; keys are spent once."""
        votes = [d for d in self.state.decisions if d.kind == "vote"]
        for counted in (
            Counter((d.stage, d.actor) for d in votes),
            Counter((d.stage, d.named) for d in votes),
            Counter((d.stage, d.place) for d in votes),
            Counter((d.actor, d.key) for d in self._ever(self.state)),
        ):
            assert not counted or max(counted.values()) == 1

    @invariant()
    def nobody_barred_is_counted(self) -> None:
        """Neither a party to the request as it is now, nor who had decided another stage that wants others."""
        documents = {s.name: s.document for s in self.state.stages}
        barred = oracle.parties(self.state)
        for n, d in enumerate(self.state.decisions):
            if d.kind == "auto":
                continue
            document = documents.get(d.stage)
            if document is None or not document.allow_requester:
                assert not {d.actor, d.place} & barred
            if document is not None and document.distinct:
                elsewhere = [e for e in self.state.decisions[:n] if e.stage != d.stage]
                for person in (d.actor, d.place):
                    assert not any(person in {e.actor, e.place} for e in elsewhere) or any(
                        person in {e.actor, e.place} and not documents[e.stage].distinct for e in self.state.decisions
                    )

    @invariant()
    def nobody_whom_a_stage_excludes_is_counted(self) -> None:
        """Neither who has answered nor in whose name, by what `not` says now and the directory as it was then."""
        barred = {s.name: s.cast.barred for s in self.state.stages}
        for d in self.state.decisions:
            if d.kind == "vote" and d.stage in barred:
                folk = self.folk[d.actor, d.key, d.stage]
                excluded = {p for s in barred[d.stage] for p in folk.resolve(s)}
                assert not {d.actor, d.place} & excluded, f"{d.stage} excludes {excluded}"

    @invariant()
    def what_was_changed_makes_what_is_asked_now(self) -> None:
        """The values at the changed paths, set in any order, lead from what was asked first to what is asked now."""
        changed = [*self.state.amended.items()]
        for order in (changed, changed[::-1]):
            context: Json = json.loads(json.dumps(self.born.context))
            for path, value in order:
                *outer, last = path.split(".")
                inner = context
                for part in outer:
                    inner = inner[part]
                inner[last] = json.loads(json.dumps(value))
            assert json.dumps(context, sort_keys=True) == json.dumps(self.state.context, sort_keys=True)
        touched = {p for a in self.state.amendments for p in a.changes}
        assert {*self.state.amended} == {p for p in touched if at_path(self.state.context, p) is not MISSING}

    @invariant()
    def decisions_are_about_what_is_asked_now(self) -> None:
        """Where a stage applies, what was material to each of its decisions has not changed since."""
        wanted = {s.name for s in stages_of(self.born.ask, self.born.requester, self.state.context) if not s.reason}
        for d in self.state.decisions:
            if d.stage in wanted:
                assert self.about[d.actor, d.key, d.stage] == self._material(d.stage), f"{d.stage} by {d.actor}"

    @invariant()
    def what_is_open_has_its_times(self) -> None:
        """A stage that has opened knows when, and when it is due, unless its calendar can't tell."""
        for stage in self.state.stages:
            if stage.state == "open":
                assert stage.opened_at is not None
                is_told = stage.document.calendar != "nowhere" and self.calendars["other"].name == "other"
                assert (stage.due_at is not None) == (stage.document.due is not None) or not is_told or stage.parkings

    @invariant()
    def somebody_or_some_moment_can_move_it(self) -> None:
        """Whoever may act, a moment that is due, a named person who was asked, or the reason why it is parked."""
        state = self.state
        if not state.is_open or state.outcome is not None:
            return
        live = state.live_stages
        if state.cooling is not None:
            assert next_moment(state) == state.cooling.until
            assert may_act_anywhere(state) == ()
            return
        if state.is_unread and not live:
            assert next_moment(state) is not None
            return
        if not live:
            assert state.state == "parked"
            assert state.reason
        moment = next_moment(state)
        is_late = moment is not None and moment <= state.now
        for stage in live:
            if stage.state == "parked":
                assert state.state in {"parked", "info"}
                assert stage.reason
                assert (stage.remind_at, stage.claim) == (None, None)
                assert may_act(state, stage) == ()
                if stage.reason.startswith("too few are left") and "silence" not in stage.reason:
                    self.parked_rightly(stage)
            elif state.info is not None and state.info.rework:
                assert any(state.roster.is_active(p) for p in state.barred), "nobody can send it in again"
            else:
                assert may_act(state, stage) or is_late, f"{stage.name} waits for nobody"
                assert is_late or oracle.could_agree(self.world(), state, stage, self.named_then), (
                    f"{stage.name} can't be agreed to"
                )
        assert len({s.block for s in live}) <= 1, "one block is open at a time"

    def parked_rightly(self, stage: StageRun) -> None:
        """Only what could not be agreed to was parked; who has come back since helps no more."""
        before = self.parked.get(stage.name)
        if before == stage.parkings:
            return
        self.parked[stage.name] = stage.parkings
        opened = stage.but(state="open")
        assert not oracle.could_agree(self.world(), self.state, opened, self.named_then), (
            f"{stage.name} could have been agreed to"
        )

    @invariant()
    def only_a_whole_way_approves(self) -> None:
        """A positive outcome means that a rule or one person said so, or that every stage which applies was passed."""
        state = self.state
        if state.outcome not in oracle.POSITIVE:
            return
        if any(d.kind in {"auto", *OVERRULED} for d in state.decisions):
            return
        asked = [s for s in state.stages if s.state != "skipped"]
        assert asked
        assert all(s.state in oracle.POSITIVE for s in asked)
        needed = [s for s in asked if not s.is_added and not s.is_surplus]
        assert needed[-1].state == state.outcome

    @invariant()
    def what_cools_off_was_voted(self) -> None:
        """Silence can't be taken back."""
        cooling = self.state.cooling
        if cooling is not None:
            votes = [d.outcome for d in self.state.decisions if d.stage == cooling.stage]
            assert self.state.stage(cooling.stage).state in {*votes, "rejected"}
            assert votes

    @invariant()
    def every_vote_is_as_sure_as_its_stage_needs(self) -> None:
        """Whatever was edited or amended after it, or with it."""
        needed = {s.name: ASSURANCES.index(s.document.assurance) for s in self.state.stages if not s.is_surplus}
        for d in self.state.decisions:
            if d.kind == "vote" and d.stage in needed:
                assert ASSURANCES.index(d.assurance) >= needed[d.stage]

    @invariant()
    def every_effect_is_wanted_once(self) -> None:
        """Messages and facts have ids of their own over the whole life, and facts are in the order of time."""
        for ids in (
            [e.delivery.id for e in self.effects if isinstance(e, Deliver)],
            [e.key for e in self.effects if isinstance(e, Record)],
            [e.delivery.settles for e in self.effects if isinstance(e, Deliver) and e.delivery.settles],
            ["review" for e in self.effects if isinstance(e, StartReview)],
        ):
            assert not ids or max(Counter(ids).values()) == 1, Counter(ids).most_common(1)
        # It may be changed to another and back: somebody may have asked about the first meanwhile.
        subjects = [e.subject for e in self.effects if isinstance(e, Supersede)]
        assert all(before != after for before, after in pairwise(subjects))
        times = [e.at for e in self.effects if isinstance(e, Record)]
        assert times == sorted(times)

    @invariant()
    def refusals_stay_few_and_lock_nobody_out(self) -> None:
        """What is kept of refusals is bounded, and floods turn away nobody who may act."""
        state = self.state
        kept = Counter(r.actor for r in state.refusals)
        assert kept.total() <= MAX_REFUSALS
        assert all(n <= MAX_REFUSALS_BY_ACTOR for n in kept.values())
        for person in may_act_anywhere(state):
            command = Decide(actor=person, outcome="approved", comment="because", key="new", assurance="high")
            assert judge(state, "decide", command, self.now).status == "counted"
            assert flooded(state, "decide", command, self.now) is None

    @invariant()
    def everybody_can_look(self) -> None:
        """Every view of every state can be made, and none contradicts another."""
        state = self.state
        seen, row = status(state), listing(state)
        assert (seen.outcome, seen.state) == (state.outcome, row.state)
        assert not set(row.barred) & set(may_act_anywhere(state))
        assert {p for s in seen.stages for p in s.may_act} == set(may_act_anywhere(state))
        assert all(s.may_act == () for s in seen.stages if s.state != "open")
        if state.outcome is not None:
            found = result(state, EVIDENCE)
            assert (found.outcome, found.positive) == (state.outcome, state.outcome in oracle.POSITIVE)
            assert found.token == seen.token == token("a-1", state.outcome, found.digest, found.decisions)
            assert (next_moment(state), row.due, may_act_anywhere(state)) == (None, None, ())

    def teardown(self) -> None:
        """The recorded events, replayed, give the identical state and effects."""
        if not hasattr(self, "born"):
            return
        state, effects = self.born, list[Effect]()
        for event in self.events:
            state, more = advance(state, event)
            effects.extend(more)
        assert (state, effects) == (self.state, self.effects)
