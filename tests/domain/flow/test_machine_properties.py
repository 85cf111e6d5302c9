"""What holds of every run, whatever its graph and whatever happens to it in whatever order."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.flow.definition import Step
from hitl_temporal.domain.flow.effects import Reply, StartAsk, StartCall, StopStep
from hitl_temporal.domain.flow.events import Begun
from hitl_temporal.domain.flow.machine import advance, next_moment
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.flow.views import waiting_reasons, why
from tests.domain.flow.world import Document, World, ask, call, granted, undo, wait

STATUSES = {"completed", "rejected", "expired", "withdrawn", "failed", "cancelled"}
OUTCOMES = ("approved", "rejected", "expired", "withdrawn", "later", "sooner")
OWN = {"outcomes": {"later": {"label": "Later"}, "sooner": {"label": "Sooner", "positive": True}}}
CALL_ENDS = st.sampled_from(["succeeds"] * 5 + ["fails", "stops", "nan"])
ASK_ENDS = st.sampled_from(["approved"] * 4 + ["sooner", "rejected", "expired", "withdrawn", "later", "fails", "taken"])
CONDITIONS = ("true", "false", "vars.go", "inputs.nothing > 1")


@st.composite
def needs_of(draw: st.DrawFn, before: list[Document]) -> list[Any] | None:
    """Return needs on steps above, in every form; None: not written."""
    if not before or draw(st.booleans()):
        return draw(st.sampled_from([None, []]))
    names = [str(step["id"]) for step in before]
    asks = {str(step["id"]) for step in before if "ask" in step}

    def results(*of: str) -> st.SearchStrategy[str]:
        known = ["succeeded", "failed", "done", "skipped", "cancelled"]
        return st.sampled_from([*known, *(OUTCOMES if asks.issuperset(of) else ())])

    entries: list[Any] = []
    for _ in range(draw(st.integers(1, 2))):
        some = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
        listed = draw(st.lists(results(*some), min_size=1, max_size=2, unique=True))
        count = draw(st.integers(1, len(some)))
        forms = [some[0], {some[0]: draw(results(some[0]))}, {"any": some, "is": listed}]
        entries.append(draw(st.sampled_from([*forms, {"of": some, "count": count, "is": listed}])))
    return entries


@st.composite
def documents(draw: st.DrawFn) -> list[Document]:
    """Return the steps of a random flow."""
    steps: list[Document] = []
    for index in range(draw(st.integers(1, 6))):
        name, envelope = f"s{index}", {}
        needs = draw(needs_of(steps))
        if needs is not None:
            envelope["needs"] = needs
        if draw(st.integers(0, 3)) == 0:
            envelope["if"] = draw(st.sampled_from(CONDITIONS))
        if draw(st.integers(0, 3)) == 0:
            envelope["on_failure"] = draw(st.sampled_from(["park", "fail", "continue"]))
        extend = draw(st.sampled_from([None, {"max": 2}, {"max": 2, "ask": {"who": "user:bob"}}]))
        verbs: list[Callable[[], Document]] = [
            lambda: call(name, undo=undo(name), **envelope),  # noqa: B023 called at once
            lambda: granted(name, "2h", extend=extend, undo=undo(name), **envelope),  # noqa: B023
            lambda: call(name, **envelope),  # noqa: B023
            lambda: ask(name, asked=OWN, **envelope),  # noqa: B023
            lambda: wait(name, **envelope),  # noqa: B023
        ]
        steps.append(draw(st.sampled_from([*verbs, *verbs[:2], *verbs[:2]]))())
    # Half of the flows go on until they are ended, so that many have something to undo.
    return [*steps, wait("end", "3000d", needs=[])] if draw(st.booleans()) else steps


def is_met(run: Run, step: Step, above: str | None) -> bool:
    """Tell whether a step may start, straight from the contract's sentences and not from the code."""
    default = [] if above is None else [((above,), 1, ("succeeded",))]
    needs = default if step.needs is None else [(n.of, n.count or len(n.of), n.results) for n in step.needs]
    return all(sum(_has(run, s, results) for s in of) >= count for of, count, results in needs)


def _has(run: Run, name: str, results: tuple[str, ...]) -> bool:
    step, definition = run.steps[name], run.definition.step(name)
    has = {"succeeded": [step.state, step.outcome], "failed": ["failed"]}.get(step.state, [step.state])
    if step.state in {"succeeded", "failed", "skipped", "cancelled"}:
        has.append("done")
    if step.state == "succeeded" and definition.ask and not step.positive:
        has.remove("succeeded")
    if (step.state == "skipped" and not step.passes_on) or (
        step.state == "failed" and definition.on_failure == "continue"
    ):
        has.append("succeeded")
    return any(result in has for result in results)


class AnyRun(RuleBasedStateMachine):
    """One run under everything that can happen; each rule is one event."""

    world: World

    @initialize(steps=documents())
    def begin(self, steps: list[Document]) -> None:
        """Any flow begins, with nothing known yet."""
        self.keys: set[str] = set()
        self.open: list[StartCall | StartAsk] = []
        self.starts = Counter[str]()
        self.allowed = Counter[str]({step["id"]: 1 for step in steps})
        self.successes: dict[str, int] = {}
        """When what a step has done, and nobody has taken back, was done."""
        self.reruns: set[str] = set()
        self.undone: list[str] = []
        """Compensations that an ending run has begun, in order."""
        self.grants = Counter[str]()
        self.taken_back = Counter[str]()
        self.given_up = Counter[str]()
        self.world = World(*steps, begun=False, vars={"go": True}, outputs={"all": "{{ steps.s0.outputs.gone }}"})
        self._do(lambda: self.world.feed(Begun(at=self.world.now)))

    # --- What happens -----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.open)
    @rule(ends=st.lists(st.tuples(st.integers(0, 9), CALL_ENDS, ASK_ENDS), min_size=1, max_size=4))
    def news_come(self, ends: list[tuple[int, str, str]]) -> None:
        """Jobs, compensations and questions end, in any order, in one way or another; some were never ours."""
        for which, call_ends, ask_ends in ends:
            if self.open:
                errand = self.open[which % len(self.open)]
                self._end(errand, call_ends if isinstance(errand, StartCall) else ask_ends)

    @rule(which=st.integers(0, 999), at_all=st.booleans())
    def news_come_again_or_late(self, which: int, at_all: bool) -> None:
        """What was heard before is heard again, and changes nothing."""
        of_errands = [e for e in self.world.fed if hasattr(e, "n") or hasattr(e, "approval")]
        events = [e for e in of_errands if not self._is_out(e)]
        if events and at_all:
            before = self.world.run
            self._do(lambda: self.world.feed(events[which % len(events)]))
            assert self.world.run.but(now=before.now) == before
            assert not self.world.last

    @rule(step=st.sampled_from(["s0", "s3", "nobody"]), n=st.integers(7, 9))
    def news_are_of_something_else(self, step: str, n: int) -> None:
        """News of a start that never was change nothing."""
        before = self.world.run
        self._do(lambda: self.world.succeeds(step, n=n))
        self._do(lambda: self.world.answers(step, n=n))
        self._do(lambda: self.world.undone("nobody"))
        assert self.world.run == before

    @rule(hours=st.integers(0, 3))
    def time_passes(self, hours: int) -> None:
        """Hours go by, or none."""
        self._do(lambda: self.world.passes(hours=hours))

    @rule(
        action=st.sampled_from(
            ["hold", "release", "skip", "finish", "rerun", "cancel_step", "revoke", "extend_grant", "extend_grant"]
        ),
        step=st.integers(0, 9),
        fields=st.sampled_from([{}, {"as": "approved"}, {"as": "rejected"}, {"dry_run": True}]),
    )
    def an_operator_acts_on_a_step(self, action: str, step: int, fields: Document) -> None:
        """Any action on any step, allowed or not."""
        names = list(self.world.run.steps)
        name = names[step % len(names)]
        fields = fields if action == "finish" or "dry_run" in fields else {}
        if action == "extend_grant":
            fields = {**fields, "with": {"for": "1h"}}
        self._do(lambda: self._operated(action, name, fields))

    @rule(action=st.sampled_from(["hold", "release", "set_value"]))
    def an_operator_acts_on_the_run(self, action: str) -> None:
        """Any action on the run."""
        fields = {"with": {"go": False}} if action == "set_value" else {}
        self._do(lambda: self.world.operate(action, **fields))

    @rule(is_meant=st.sampled_from([True, False, False, False]), no_undo=st.booleans())
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
        assert set(waiting_reasons(run)) <= {"predecessor", "time", "hold", "answer"}

    @invariant()
    def whatever_may_start_has_started(self) -> None:
        """No step waits whose needs are met, unless somebody holds it."""
        run = self.world.run
        for step in self.world.definition.steps if run.status is None and run.ending is None else ():
            now = run.steps[step.id]
            if now.state == "waiting" and not now.is_begun and not (run.held or now.held):
                assert not is_met(run, step, self._above(step.id))

    @invariant()
    def what_is_granted_is_open_until_it_is_taken_back(self) -> None:
        """Whoever follows a granted step can't have started: it is final only in an ending run, or taken back."""
        run = self.world.run
        for name in self.grants if run.ending is None else ():
            is_standing = self.grants[name] > self.taken_back[name] + self.given_up[name]
            assert is_standing == run.steps[name].has_given
            assert not is_standing or run.steps[name].state in {"running", "parked"}

    @invariant()
    def a_grant_ends_by_its_time(self) -> None:
        """None runs beyond its end, and the run wants to know the time before that."""
        run = self.world.run
        for step in run.steps.values():
            if step.granted is not None:
                assert step.granted.until > run.now
                assert (next_moment(run) or step.granted.until) <= step.granted.until

    @invariant()
    def an_ended_run_leaves_nothing_open(self) -> None:
        """When it has ended, every step has, and nothing of it goes on."""
        if self.world.run.status is not None:
            assert all(step.is_final for step in self.world.run.steps.values())
            assert not self.open

    def teardown(self) -> None:
        """Cancel what still goes on, let the world answer, and look at the whole life of the run."""
        if not hasattr(self, "world"):
            return
        self._do(lambda: self.world.operate("cancel", actor="ann"))
        for _ in range(100):
            if self.world.run.status is not None:
                break
            if self.open:
                self._end(self.open[-1], "stops" if isinstance(self.open[-1], StartCall) else "withdrawn")
            else:
                parked = next(name for name, step in self.world.run.steps.items() if step.undo == "parked")
                self._do(lambda: self._operated("skip", parked, {"actor": "gus"}))  # noqa: B023 called at once
        assert self.world.run.status in STATUSES
        self._check_undone()
        self._check_replay()

    def _check_undone(self) -> None:
        ending = self.world.run.ending
        due = sorted(self.successes, key=lambda s: self.successes[s], reverse=True)
        assert list(dict.fromkeys(self.undone)) == (due if ending and ending.undo else [])
        assert all(step.undos == self.world.undos.count(name) for name, step in self.world.run.steps.items())
        for name, count in self.grants.items():
            # Exactly once, unless an operator has said to go on without.
            left = count - self.taken_back[name] - self.given_up[name]
            assert left == 0 or (left == 1 and ending and not ending.undo)
            assert count - self.taken_back[name] <= self._left_standing(name), "it stays, and no fact says so"

    def _left_standing(self, name: str) -> int:
        """Return how many facts say that what a step gave is still there."""
        ends = [f.attributes for f in self.world.facts if f.name in {"step.grant_ended", "step.left_standing"}]
        return sum(a["hitl.step"] == name and str(a["hitl.reason"]).startswith("left standing by") for a in ends)

    def _check_replay(self) -> None:
        run, effects = self.world.first, []
        for event in self.world.fed:
            run, more = advance(run, event)
            effects.extend(more)
        assert run == self.world.run
        assert effects == self.world.effects

    # --- The world --------------------------------------------------------------------------------------------------

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
            self._look_at(effect, before)

    def _look_at(self, effect: object, before: Run) -> None:
        match effect:
            case Record():
                assert effect.key not in self.keys
                self.keys.add(effect.key)
                self._look_at_fact(effect, before)
            case StartCall(undo=True):
                if not self.world.step(effect.step).has_given:
                    asked_for_time = [e for e in self.open if isinstance(e, StartAsk) and e.is_extension]
                    assert self.open == asked_for_time, "an undo begins before what goes on has ended"
                    self.undone.append(effect.step)
                self.open.append(effect)
            case StartCall() | StartAsk():
                self.open.append(effect)
            case StopStep():
                assert any(e.step == effect.step and e.n == effect.n for e in self.open)
            case _:
                pass

    def _look_at_fact(self, fact: Record, before: Run) -> None:
        step = str(fact.attributes.get("hitl.step"))
        if fact.name == "step.started":
            assert self.world.run.ending is None
            self.starts[step] += 1
            assert self.starts[step] <= self.allowed[step], "started twice, and nobody wanted it again"
            if step not in self.reruns:
                assert is_met(self.world.run, self.world.definition.step(step), self._above(step))
            assert not self.world.run.held or before.steps[step].is_begun
        if fact.name == "step.granted":
            self.grants[step] += 1
            self.successes[step] = len(self.keys)
        is_new = fact.key.replace("succeeded", "granted") not in self.keys
        if fact.name == "step.succeeded" and is_new and self.world.definition.step(step).undo is not None:
            self.successes[step] = len(self.keys)

    def _above(self, step: str) -> str | None:
        names = list(self.world.run.steps)
        return names[names.index(step) - 1] if names.index(step) else None

    def _end(self, errand: StartCall | StartAsk, how: str) -> None:
        self.open.remove(errand)
        step, n, world = errand.step, errand.n, self.world
        if isinstance(errand, StartCall) and errand.undo:
            failed = how in {"fails", "nan"}
            if not failed:
                self._is_gone(step, self.taken_back, had_given=world.step(step).has_given)
            self._do(lambda: world.undo_fails(step) if failed else world.undone(step))
            return
        if isinstance(errand, StartAsk) and errand.is_extension:
            self._end_extension(errand, how)
            return
        ends: dict[str, Callable[[], object]] = {
            "succeeds": lambda: world.succeeds(step, n=n, did=step),
            "nan": lambda: world.succeeds(step, n=n, did=float("nan")),
            "fails": lambda: world.fails(step, n=n),
            "stops": lambda: world.stops(step, n=n),
            "taken": lambda: world.taken(step),
        }
        if how == "taken":
            self.allowed[step] += 1
        self._do(ends.get(how, lambda: world.answers(step, how, n=n, positive=how in {"approved", "sooner"})))

    def _end_extension(self, question: StartAsk, how: str) -> None:
        step, k, n, world = question.step, int(question.approval.rpartition(".")[2]), question.n, self.world
        until = world.step(step).granted
        if how in {"fails", "taken"}:
            self._do(
                lambda: world.extension_fails(step, k, n=n) if how == "fails" else world.extension_taken(step, k, n)
            )
        else:
            self._do(lambda: world.extension(step, "approved" if how == "sooner" else how, k, n))
        if until is None or until.until <= world.now:
            assert world.step(step).granted == until, "what has ended does not come back"

    def _is_gone(self, step: str, how: Counter[str], *, had_given: bool) -> None:
        """Note that what a step gave is not there any more, or that an operator has said so."""
        how[step] += self.grants[step] > self.taken_back[step] + self.given_up[step]
        if had_given:
            self.successes.pop(step)

    def _operated(self, action: str, step: str, fields: Document) -> None:
        before = self.world.run
        is_parked = before.steps[step].undo == "parked"
        receipt = self.world.operate(action, step, **fields)
        if receipt.status not in {"done", "asked"} or fields.get("dry_run"):
            assert self.world.run == before
            assert len(self.world.last) == 1
        elif action == "skip" and is_parked and self.world.step(step).undo == "skipped":
            self._is_gone(step, self.given_up, had_given=before.steps[step].has_given)
        elif action == "rerun" and not is_parked:
            self.allowed[step] += 1
            self.reruns.add(step)

    def _is_out(self, event: Any) -> bool:
        if hasattr(event, "n"):
            return any(e.step == event.step and e.n == event.n for e in self.open)
        return any(isinstance(e, StartAsk) and e.approval == event.approval for e in self.open)


AnyRun.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestAnyRun = pytest.mark.timeout(600)(pytest.mark.lives(AnyRun.TestCase))
