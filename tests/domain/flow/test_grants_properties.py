"""The promise of a grant in any order of things: what was given is taken back exactly once, or said to stay."""

from collections import Counter
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_temporal.domain.flow.effects import StartCall
from tests.domain.flow.world import World, call, granted, undo

ON_STEP = ("skip", "finish", "cancel_step", "rerun", "revoke", "extend_grant")
NEWS = st.tuples(
    st.just("news"), st.sampled_from(("succeeds", "succeeds", "succeeds", "fails", "stops")), st.integers(0, 3)
)
ACTS = st.one_of(
    NEWS,
    NEWS,
    st.tuples(st.sampled_from(ON_STEP), st.sampled_from("ab"), st.booleans()),
    st.tuples(st.sampled_from(("revoke", "rerun")), st.sampled_from("ab"), st.booleans()),
    st.tuples(st.sampled_from(("time", "time", "time", "cancel")), st.just(""), st.integers(0, 30)),
)
"""What happens, to which step or how, and a number: which of the open calls, how many hours, with undo or without."""


class Life:
    """A run that grants twice, and the world in which something is there or not."""

    def __init__(self) -> None:
        back = {name: {"undo": undo(name, was="{{ self.outputs }}"), "needs": []} for name in "ab"}
        grants = [granted(name, "1d", extend={"max": 3}, **back[name]) for name in "ab"]
        self.world = World(*grants, call("c", needs=["a", {"b": "done"}]))
        self.there: dict[int, str] = {}
        """What has been given, by its number, with its step."""
        self.gone = Counter[int]()
        self.operated = 0
        self.open = [*self._calls()]

    def live(self, act: tuple[str, str, int | bool]) -> None:
        """Let one thing happen, if it can."""
        kind, what, number = act
        match kind:
            case "news" if self.open:
                self._end(self.open.pop(number % len(self.open)), what)
            case "time":
                self._after(lambda: self.world.passes(hours=int(number)))
            case "cancel":
                self._after(lambda: self._operate("cancel", no_undo=bool(int(number) % 2), reason="over"))
            case "extend_grant":
                self._after(lambda: self._operate(kind, what, **{"with": {"for": "1h"}}))
            case _ if kind in ON_STEP:
                self._after(lambda: self._operate(kind, what, dry_run=kind == "skip" and bool(number)))
            case _:
                pass

    def end(self) -> None:
        """Cancel what still goes on, and let the world answer until nothing is open."""
        self._after(lambda: self._operate("cancel"))
        for _ in range(100):
            if self.world.run.status is not None:
                return
            if self.open:
                errand = self.open.pop()
                self._end(errand, "succeeds" if errand.undo else "stops")
            else:
                parked = next(name for name, step in self.world.run.steps.items() if step.undo == "parked")
                self._after(lambda: self._operate("rerun", parked))  # noqa: B023 called at once
        raise AssertionError(f"the run does not end: {self.world.states}")

    def left_standing(self, step: str) -> int:
        """Return how often a fact says that what a step gave stays, and by whose word."""
        facts = [f.attributes for f in self.world.facts if f.name in {"step.grant_ended", "step.left_standing"}]
        return sum(f["hitl.step"] == step and str(f["hitl.reason"]).startswith("left standing by eli") for f in facts)

    def _end(self, errand: StartCall, how: str) -> None:
        if errand.undo:
            self._end_undo(errand, has_failed=how != "succeeds")
        elif how == "succeeds":
            number = len(self.there) + 1
            if errand.step != "c":
                self.there[number] = errand.step
            self._after(lambda: self.world.succeeds(errand.step, n=errand.n, id=number))
        elif how == "fails":
            self._after(lambda: self.world.fails(errand.step, n=errand.n))
        else:
            self._after(lambda: self.world.stops(errand.step, n=errand.n))

    def _end_undo(self, errand: StartCall, *, has_failed: bool) -> None:
        was = errand.arguments["was"]
        assert isinstance(was, dict)
        if not has_failed and isinstance(number := was.get("id"), int):  # what was only `finished` has given nothing
            self.gone[number] += 1
        world = self.world
        self._after(lambda: world.undo_fails(errand.step) if has_failed else world.undone(errand.step))

    def _operate(self, action: str, step: str | None = None, **fields: object) -> None:
        # Time stands still here: without a key of its own a repetition would be the same command.
        self.operated += 1
        self.world.operate(action, step, key=str(self.operated), **fields)

    def _after(self, act: Callable[[], object]) -> None:
        before = len(self.world.effects)
        act()
        self.open.extend(e for e in self.world.effects[before:] if isinstance(e, StartCall))
        undoing = Counter(e.step for e in self.open if e.undo)
        assert max(undoing.values(), default=0) <= 1, "undone twice at the same time"

    def _calls(self) -> list[StartCall]:
        return [e for e in self.world.effects if isinstance(e, StartCall)]


@settings(max_examples=300, deadline=None)
@given(st.lists(ACTS, min_size=10, max_size=40))
def test_what_is_granted_is_taken_back_exactly_once_or_said_to_stay(acts: list[tuple[str, str, int | bool]]) -> None:
    """Whatever operators do, whenever time is over, and in whatever order calls and undos end or fail."""
    life = Life()
    for act in acts:
        life.live(act)
    life.end()
    assert max(life.gone.values(), default=0) <= 1, "undone twice"
    stays = Counter(step for number, step in life.there.items() if number not in life.gone)
    for step, count in stays.items():
        assert count <= life.left_standing(step), "it stays, and no fact says by whose word"
