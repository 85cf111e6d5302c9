"""What holds of every run, whatever its graph and whatever happens to it in whatever order."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.flow import events
from hitl_temporal.domain.flow.commands import ACTIONS
from hitl_temporal.domain.flow.effects import ClaimUnits, Reply, ReturnUnits, StartAsk, StartCall, StartFlow, StopStep
from hitl_temporal.domain.flow.machine import advance, next_moment
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.flow.views import graph, waiting_reasons, why
from tests.domain.flow.chronicle import Chronicle
from tests.domain.flow.graphs import FLOWS, documents
from tests.domain.flow.world import Document, World, answered

IS_LONG = os.environ.get("HITL_CHAOS") == "long"
STATUSES = {"completed", "rejected", "expired", "withdrawn", "failed", "cancelled"}
REASONS = {"predecessor", "time", "calendar", "blackout", "resource", "pool", "hold", "answer", "event"}
"""Of the contract."""

Errand = StartCall | StartAsk | StartFlow | ClaimUnits
CALL_ENDS = ["succeeds"] * 5 + ["fails", "fails", "stops", "nan"]
ASK_ENDS = ["approved"] * 4 + ["sooner", "rejected", "expired", "withdrawn", "later", "fails", "taken", "nan"]
FLOW_ENDS = ["completed"] * 3 + ["rejected", "withdrawn", "failed", "cancelled", "fails", "taken", "nan"]
REPAIRS = ["retry", "retry", "edit", "skip", "undo", "abort", "expired", "fails"]
ENDS = st.tuples(st.integers(0, 9), st.integers(0, 99))
FIELDS: dict[str, list[Document]] = {
    "rerun": [{}, {}, {"as": "from"}, {"as": "failed"}, {"as": "all"}, {"with": {"more": 1}}],
    "finish": [{}, {"as": "approved"}, {"as": "rejected"}, {"as": "completed"}, {"outputs": {"by": "hand"}}],
    "start_step": [{}, {"waive": ["predecessor"]}, {"waive": ["predecessor", "answer", "event"]}],
    "extend_grant": [{"with": {"for": "1h"}}],
    "set_value": [{"with": {"go": False}}, {"with": {"items": [1]}}, {"with": {"items": [1, 2, 3, 4]}}],
    "event": [{"event": {"type": "one", "source": "/s", "id": "0"}}],
}
ON_STEPS = [a for a in ACTIONS if a not in {"cancel", "event", "set_value"}] + ["rerun", "rerun", "skip", "start_step"]


class AnyRun(RuleBasedStateMachine):
    """One run under everything that can happen; each rule is one event."""

    world: World

    @initialize(steps=documents(), concurrency=st.sampled_from([None, None, 1]))
    def begin(self, steps: list[Document], concurrency: int | None) -> None:
        """Any flow begins, with nothing known yet."""
        self.keys: set[str] = set()
        self.ids: set[str] = set()
        self.open: list[Errand] = []
        self.wished: list[tuple[str, str]] = []
        """Units that are asked for, or held."""
        known: Document = {"go": True, "items": [1, 2, 3]}
        outputs = {"all": "{{ steps.s0.outputs.gone }}"}
        more: Document = {} if concurrency is None else {"concurrency": concurrency}
        self.world = World(*steps, begun=False, vars=known, outputs=outputs, flows=FLOWS, **more)
        self.tale = Chronicle(self.world.definition)
        self._do(lambda: self.world.feed(events.Begun(at=self.world.now)))

    # --- What happens -----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.open)
    @rule(ends=st.lists(ENDS, min_size=1, max_size=4))
    def news_come(self, ends: list[tuple[int, int]]) -> None:
        """Jobs, questions, runs within and compensations end, in any order, in one way or another."""
        for which, how in ends:
            if self.open:
                self._end(self.open[which % len(self.open)], how)

    @rule(which=st.integers(0, 999))
    def news_come_again_or_late(self, which: int) -> None:
        """What was heard before is heard again, and changes nothing."""
        kinds = (events.Operated, events.TimePassed)
        heard = [e for e in self.world.fed if not isinstance(e, kinds) and not self._is_out(e)]
        if heard:
            before = self.world.run
            self._do(lambda: self.world.feed(heard[which % len(heard)]))
            assert self.world.run.but(now=before.now) == before
            assert not self.world.last

    @rule(step=st.sampled_from(["s0", "s3", "s1[0].s2", "nobody"]), n=st.integers(70, 90))
    def news_are_of_something_else(self, step: str, n: int) -> None:
        """News of a start that never was change nothing."""
        before = self.world.run
        self._do(lambda: self.world.succeeds(step, n=n))
        self._do(lambda: self.world.answers(step, n=n))
        self._do(lambda: self.world.ends(step, n=n))
        self._do(lambda: self.world.undone("nobody"))
        assert self.world.run == before

    @rule(hours=st.integers(0, 3))
    def time_passes(self, hours: int) -> None:
        """Hours go by, or none."""
        self._do(lambda: self.world.passes(hours=hours))
        due = next_moment(self.world.run)
        assert due is None or due > self.world.run.now, "the run is told the time, and wants to be told it again"

    @rule(kind=st.sampled_from(["one", "two", "three"]), id_=st.integers(0, 5))
    def an_event_comes(self, kind: str, id_: int) -> None:
        """From outside, perhaps for the second time."""
        before = self.world.run
        mark = f"{kind}:{id_}"
        self._do(lambda: self.world.hears(kind, mark, key=f"event:{len(self.world.fed)}"))
        taken = [e for e in self.world.last if isinstance(e, Record) and e.name == "step.succeeded"]
        if any(f'"{mark}"' in e.model_dump_json() for e in self.world.fed[:-1]) and before.status is None:
            assert not taken, "an event is taken twice"

    @rule(action=st.sampled_from(ON_STEPS), step=st.integers(0, 29), field=st.integers(0, 9), dry_run=st.booleans())
    def an_operator_acts_on_a_step(self, action: str, step: int, field: int, dry_run: bool) -> None:
        """Any action on any step, allowed or not."""
        names = list(self.world.run.steps)
        choices = FIELDS.get(action, [{}])
        fields = choices[field % len(choices)] | ({"dry_run": True} if dry_run and field == 0 else {})
        is_of_all = fields.get("as") in {"failed", "all"}
        self._do(lambda: self._operated(action, None if is_of_all else names[step % len(names)], fields))

    @rule(action=st.sampled_from(["hold", "release", "set_value", "event", "rerun"]), field=st.integers(0, 9))
    def an_operator_acts_on_the_run(self, action: str, field: int) -> None:
        """Any action on the run."""
        choices = FIELDS.get(action, [{}])
        self._do(lambda: self._operated(action, None, choices[field % len(choices)]))

    @rule(is_meant=st.sampled_from([True, False, False, False, False]), no_undo=st.booleans())
    def somebody_cancels(self, is_meant: bool, no_undo: bool) -> None:
        """Now and then a run is cancelled."""
        if is_meant:
            self._do(lambda: self.world.operate("cancel", no_undo=no_undo))

    # --- What always holds ------------------------------------------------------------------------------------------

    @invariant()
    def it_ends_or_says_what_it_waits_for(self) -> None:
        """An open run always has a reason for which it is open."""
        run = self.world.run
        assert (run.status in STATUSES) if run.status else why(run)
        assert {r for r in waiting_reasons(run) if not r.startswith("event:")} <= REASONS
        assert not any(r.reason == "hold" and not (run.held or run.steps[r.step].held) for r in why(run))
        assert graph(run)

    @invariant()
    def whatever_goes_on_has_an_errand(self) -> None:
        """No step is under way of which nobody will hear any more, and no errand is out that nobody waits for."""
        run = self.world.run
        out = {e.step for e in self.open if not isinstance(e, ClaimUnits)}
        for address, step in run.steps.items() if run.status is None else ():
            verb = run.definition.step(address).verb
            is_job = step.is_begun and step.block is None and step.state != "parked" and verb != "wait"
            if is_job and not step.has_given:
                assert address in out, f"{address} is {step.state}, and nothing is out"

    @invariant()
    def whatever_may_start_has_started(self) -> None:
        """No step waits whose needs are met, in what is under way, unless somebody holds it."""
        run = self.world.run
        for address, now in run.steps.items() if run.status is None and run.ending is None and not run.held else ():
            if self.tale.turns(address) or now.held or now.is_begun or now.state != "waiting":
                continue
            lacks_units = any(r.reason == "resource" for r in why(run) if r.step == address)
            is_idle = lacks_units or any(
                step.closing or _is_closing(step, item) for step, item in self._around(address)
            )
            assert is_idle or not (self.tale.is_under_way(address) and self.tale.is_met(address)), address

    @invariant()
    def whoever_waits_for_units_has_asked_and_gets_on(self) -> None:
        """Some wish is out, and once all are granted nobody wishes any more."""
        run, names = self.world.run, {resource for _, resource in self.wished}
        lacking = [r for r in why(run) if r.reason == "resource"]
        assert all(r.by and names & set(r.by) for r in lacking), lacking
        wishes = [e for e in self.open if isinstance(e, ClaimUnits)] if run.status is None else []
        for _ in range(100):
            if not wishes:
                return
            wish = wishes.pop()
            run, effects = advance(run, events.UnitsGranted(at=run.now, claim=wish.claim, resource=wish.resource))
            back = [e for e in effects if isinstance(e, ReturnUnits)]
            wishes = [e for e in wishes if not any(_is_wish(e, b) for b in back)]
            wishes += [e for e in effects if isinstance(e, ClaimUnits)]
        raise AssertionError(f"units are asked for again and again: {wishes}")

    @invariant()
    def its_facts_tell_its_state(self) -> None:
        """Whoever reads the facts alone knows in which state each step is."""
        for address, step in self.world.run.steps.items():
            if not self.tale.turns(address) and address in self.tale.known:
                state = step.state if step.state == "parked" or not step.is_begun else "begun"
                parked = {"parked"} if step.undo == "parked" else set[str]()
                is_resumed = state == "waiting" and self.tale.may_wait_again(address)
                assert self.tale.of(address).state in {state, *parked} or parked or is_resumed, address

    @invariant()
    def a_grant_ends_by_its_time(self) -> None:
        """None runs beyond its end, and the run wants to know the time before that."""
        run = self.world.run
        for step in run.steps.values():
            if step.granted is not None:
                assert step.granted.until > run.now
                assert (next_moment(run) or step.granted.until) <= step.granted.until

    @invariant()
    def an_each_keeps_its_limit(self) -> None:
        """No more items are under way than it says, but those that an operator began again."""
        for address, step in self.world.run.steps.items():
            limit = self.world.definition.step(address).limit
            if limit is not None and step.block is not None and step.block.each is not None:
                assert len(step.block.each.open) <= limit or self.tale.of(address).touched

    @invariant()
    def an_ended_run_leaves_nothing_open(self) -> None:
        """When it has ended, every step has, and nothing of it goes on but questions that are being taken back."""
        if self.world.run.status is not None:
            assert all(step.is_final for step in self.world.run.steps.values())
            assert not [e for e in self.open if not isinstance(e, StartAsk)]
            assert not self.wished, "units are not given back"

    def teardown(self) -> None:
        """Cancel what still goes on, let the world answer, and look at the whole life of the run."""
        if not hasattr(self, "world"):
            return
        self._do(lambda: self.world.operate("cancel", actor="ann"))
        for turn in range(500):
            if self.world.run.status is not None:
                break
            if self.open:
                self._end(self.open[-1], 0, is_over=True)
            else:
                parked = next(name for name, step in self.world.run.steps.items() if step.undo == "parked")
                skip = {"actor": "gus", "key": f"skip {turn}"}  # else it is the one before, sent again at the same time
                self._do(lambda: self._operated("skip", parked, skip))  # noqa: B023 called at once
        assert self.world.run.status in STATUSES
        ending = self.world.run.ending
        assert not (ending and ending.undo and self.tale.done), f"{self.tale.done} is done, and not undone"
        self._check_replay()

    def _check_replay(self) -> None:
        run, effects = self.world.first, []
        for event in self.world.fed:
            run, more = advance(run, event)
            effects.extend(more)
        assert run == self.world.run
        assert effects == self.world.effects

    # --- The world --------------------------------------------------------------------------------------------------

    def _around(self, address: str) -> list[tuple[Any, int | None]]:
        return [(self.world.run.steps[a], item) for a, _, item in self.tale.around(address)]

    def _do(self, act: Callable[[], object]) -> None:
        """Let something happen, from a state that has been on the wire, and look at what it does."""
        before = self.world.run
        self.world.run = Run.model_validate_json(before.model_dump_json(by_alias=True))
        assert self.world.run == before
        self.world.last = ()
        act()
        if before.status is not None:
            assert all(isinstance(effect, Reply) for effect in self.world.last)
            assert self.world.run.but(now=before.now) == before
        for effect in self.world.last:
            self._look_at(effect)

    def _look_at(self, effect: object) -> None:
        match effect:
            case Record():
                assert effect.key not in self.keys
                self.keys.add(effect.key)
                self.tale.read(effect)
            case StartCall() | StartAsk() | StartFlow():
                self._has_begun(effect)
            case ClaimUnits():
                assert (effect.claim, effect.resource) not in self.wished
                self.wished.append((effect.claim, effect.resource))
                self.open.append(effect)
            case ReturnUnits():
                self.wished.remove((effect.claim, effect.resource))
                self.open = [e for e in self.open if not _is_wish(e, effect)]
            case StopStep():
                out = [e for e in self.open if not isinstance(e, ClaimUnits)]
                assert any(e.step == effect.step and effect.child in {None, _id(e)} for e in out), effect
            case _:
                pass

    def _has_begun(self, errand: StartCall | StartAsk | StartFlow) -> None:
        assert _id(errand) not in self.ids, "an id is used twice"
        self.ids.add(_id(errand))
        run = self.world.run
        if not isinstance(errand, StartAsk) and errand.undo and run.ending and not run.steps[errand.step].has_given:
            work = [e for e in self.open if not isinstance(e, ClaimUnits)]
            going = [e for e in work if not (isinstance(e, StartAsk) and (e.is_extension or e.is_repair))]
            assert not going, "an undo begins before what goes on has ended"
        self.open.append(errand)

    def _end(self, errand: Errand, how: int, *, is_over: bool = False) -> None:
        """End an errand in one of its ways; `is_over`: in that which brings the run to its end."""
        self.open.remove(errand)
        if isinstance(errand, ClaimUnits):
            self._answer(errand, how)
        else:
            self._end_in_its_way(errand, how, is_over=is_over)

    def _end_in_its_way(self, errand: StartCall | StartAsk | StartFlow, how: int, *, is_over: bool) -> None:
        step, n, world = errand.step, errand.n, self.world
        ways: list[str]
        match errand:
            case StartCall(undo=True) | StartFlow(undo=True):
                ways = ["undone"] if is_over else ["undone", "undone", "undone", "undo_fails"]
            case StartAsk(is_extension=True):
                ways = ["withdrawn"] if is_over else ASK_ENDS[:-1]
                self._do(lambda: self._end_extension(errand, ways[how % len(ways)]))
                return
            case StartAsk(is_repair=True):
                ways = ["withdrawn"] if is_over else REPAIRS
                self._do(lambda: self._end_repair(errand, ways[how % len(ways)]))
                return
            case StartCall():
                ways = ["stops"] if is_over else CALL_ENDS
            case StartAsk():
                ways = ["withdrawn"] if is_over else ASK_ENDS
            case StartFlow():
                ways = ["cancelled"] if is_over else FLOW_ENDS
        way = ways[how % len(ways)]
        if way == "taken" and world.step(step).instead is None:
            self.tale.again(step)
        acts: dict[str, Callable[[], object]] = {
            "succeeds": lambda: self._succeeds(step, n, how),
            "fails": lambda: self._fails(step, n, how),
            "stops": lambda: world.stops(step, n=n),
            "taken": lambda: world.taken(step),
            "undone": lambda: world.undone(step),
            "undo_fails": lambda: world.undo_fails(step),
        }
        if isinstance(errand, StartFlow):
            other = lambda: world.ends(step, "completed" if way == "nan" else way, n=n, did=_nan(way))  # noqa: E731 one of many
        elif isinstance(errand, StartCall):
            other = lambda: world.succeeds(step, n=n, did=_nan(way))  # noqa: E731
        else:
            outcome = "approved" if way == "nan" else way
            is_positive = outcome in {"approved", "sooner"}
            other = lambda: world.answers(step, outcome, n=n, positive=is_positive, said=_nan(way))  # noqa: E731
        self._do(acts.get(way, other))

    def _answer(self, wish: ClaimUnits, how: int) -> None:
        about = {"at": self.world.now, "claim": wish.claim, "resource": wish.resource}
        if how % 5:
            self._do(lambda: self.world.feed(events.UnitsGranted.model_validate(about)))
        else:
            self._do(lambda: self.world.feed(events.UnitsRefused.model_validate({**about, "reason": "too many"})))

    def _succeeds(self, step: str, n: int, how: int) -> None:
        document = self.world.definition.step(step)
        if document.run is not None:
            event = {"at": self.world.now, "step": step, "n": n, "outputs": {}, "outcome": "0"}
            self.world.feed(events.JobSucceeded.model_validate(event))
        else:
            self.world.succeeds(step, n=n, did=step, status=["completed", "failed"][how % 2])

    def _fails(self, step: str, n: int, how: int) -> None:
        outcome = str(how % 5) if self.world.definition.step(step).run is not None else None
        self.world.feed(events.JobFailed(at=self.world.now, step=step, n=n, error="out of order", outcome=outcome))

    def _end_extension(self, question: StartAsk, how: str) -> None:
        step, k, n, world = question.step, int(question.approval.rpartition(".")[2]), question.n, self.world
        now = world.run.steps.get(step)
        until = None if now is None else now.granted
        if now is None or now.n != n:
            return
        if how in {"fails", "taken"}:
            world.extension_fails(step, k, n=n) if how == "fails" else world.extension_taken(step, k, n)
        else:
            world.extension(step, "approved" if how == "sooner" else how, k, n)
        if until is None or until.until <= world.now:
            assert world.step(step).granted == until, "what has ended does not come back"

    def _end_repair(self, question: StartAsk, how: str) -> None:
        at, step, approval = self.world.now, question.step, question.approval
        if how == "fails":
            self.world.feed(events.RepairFailed(at=at, step=step, approval=approval, error="lost"))
        else:
            form = {"with": {"changed": True}} if how == "edit" else {}
            result = answered(how, positive=how not in {"expired", "withdrawn"}, **form)
            self.world.feed(events.RepairAnswered(at=at, step=step, approval=approval, result=result))

    def _operated(self, action: str, step: str | None, fields: Document) -> None:
        before = self.world.run
        receipt = self.world.operate(action, step, **fields)
        if receipt.status not in {"done", "asked"} or fields.get("dry_run"):
            assert self.world.run == before
            assert len(self.world.last) in {0, 1}

    def _is_out(self, event: Any) -> bool:
        """Tell whether an event is still news: of an errand that is out, or of a question under the same id."""
        if isinstance(event, events.Begun):
            return False
        if isinstance(event, events.UnitsGranted | events.UnitsRefused):
            return True
        out = [e for e in self.open if not isinstance(e, ClaimUnits)]
        return any(e.step == event.step and getattr(event, "n", e.n) == e.n for e in out)


def _is_wish(errand: Errand, back: ReturnUnits) -> bool:
    return isinstance(errand, ClaimUnits) and (errand.claim, errand.resource) == (back.claim, back.resource)


def _id(errand: StartCall | StartAsk | StartFlow) -> str:
    match errand:
        case StartCall():
            return errand.key
        case StartAsk():
            return errand.approval
        case StartFlow():
            return errand.child


def _nan(way: str) -> float | bool:
    return float("nan") if way == "nan" else True


def _is_closing(step: Any, item: int | None) -> bool:
    each = step.block.each if step.block is not None else None
    return item is not None and each is not None and each.open.get(item) is not None


AnyRun.TestCase.settings = settings(
    max_examples=3_000 if IS_LONG else 100,
    stateful_step_count=20 if IS_LONG else 15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestAnyRun = pytest.mark.timeout(3_600 if IS_LONG else 600)(pytest.mark.lives(AnyRun.TestCase))
