"""Whatever comes to a pool, in whatever order: what must always hold."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hitl_temporal.domain.resources.effects import Grant, Refuse
from hitl_temporal.domain.resources.events import Checked, Event, Released, Requested, Resized, Undelivered
from hitl_temporal.domain.resources.machine import advance, next_check
from hitl_temporal.domain.resources.state import Claim, Pool
from tests.domain.resources.pools import at, pool

names = st.sampled_from("abcdefgh")
runs = st.sampled_from(["x", "y"])


class Lives(RuleBasedStateMachine):
    """A pool among runs that ask, ask again, give back, and end, with messages that overtake each other."""

    @initialize(units=st.integers(1, 5))
    def begin(self, units: int) -> None:
        """Nobody holds anything."""
        self.born = self.pool = pool(units)
        self.batches: list[tuple[Event, ...]] = []
        self.minute = 0

    @rule(
        wishes=st.lists(
            st.tuples(names, st.integers(1, 6), st.integers(1, 5), st.integers(0, 2), st.integers(0, 2), runs),
            min_size=1,
            max_size=4,
        )
    )
    def ask(self, wishes: list[tuple[str, int, int, int, int, str]]) -> None:
        """Some runs ask for units, perhaps not for the first time, and with a message that took its time."""
        self.minute += 1
        claims = [
            Claim(
                id=name,
                workflow_id=f"r-{name}",
                run_id=f"{run}-{name}",
                units=units,
                priority=priority,
                requested_at=at(self.minute - ago),
                order=order,
            )
            for name, units, priority, order, ago, run in wishes
        ]
        self.feed(*(Requested(at=at(self.minute), claim=claim) for claim in claims))

    @rule(name=names, ago=st.integers(0, 2))
    def give_back(self, name: str, ago: int) -> None:
        """A run gives units back, or says so although it has none."""
        self.minute += 1
        self.feed(Released(at=at(self.minute), claim=name, given_at=at(self.minute - ago)))

    @rule(ended=st.lists(st.tuples(names, runs), max_size=3))
    def check(self, ended: list[tuple[str, str]]) -> None:
        """It is looked who is still there."""
        self.minute += 1
        self.feed(Checked(at=at(self.minute), ended=tuple(f"{run}-{name}" for name, run in ended)))

    @rule(name=names)
    def lose(self, name: str) -> None:
        """A run can't be told."""
        self.minute += 1
        self.feed(Undelivered(at=at(self.minute), claim=name))

    @rule(units=st.one_of(st.none(), st.integers(1, 6)))
    def resize(self, units: int | None) -> None:
        """The site says another number."""
        self.minute += 1
        self.feed(Resized(at=at(self.minute), units=units))

    def feed(self, *events: Event) -> None:
        """Let this happen, and look at what the pool wants done."""
        before = self.pool
        self.batches.append(events)
        self.pool, effects = advance(before, *events)
        held = {h.claim.id: h.claim for h in self.pool.holders}
        told = [e.claim for e in effects if isinstance(e, Grant)]
        assert all(held[claim.id] == claim for claim in told), "who is told holds"
        new = [h.claim for h in self.pool.holders if h not in before.holders]
        assert all(claim in told for claim in new), "who holds is told"
        self.look_at_order(new)
        self.look_at_room(before, new)
        refused = [e.claim for e in effects if isinstance(e, Refuse)]
        assert not any(claim in (*held.values(), *self.pool.queue) for claim in refused), "who is refused is out"

    def look_at_order(self, new: list[Claim]) -> None:
        """Nobody who could be served by the pool waits before one who has just been."""
        for waiting in filter(self.pool.fits, self.pool.queue):
            assert all(rank(claim) <= rank(waiting) for claim in new)

    def look_at_room(self, before: Pool, new: list[Claim]) -> None:
        """Nothing is granted beyond what there is."""
        if new:
            assert self.pool.free >= 0
        kept = [h for h in before.holders if h in self.pool.holders]
        assert self.pool.holders[: len(kept)] == tuple(kept)

    @invariant()
    def nobody_holds_twice(self) -> None:
        """A claim is held once, or waits once."""
        ids = [claim.id for claim in self.pool.claims()] if hasattr(self, "pool") else []
        assert len(ids) == len(set(ids))

    @invariant()
    def the_first_waits_only_for_units(self) -> None:
        """Whoever is in front of those who fit does not fit into what is free now."""
        first = next(filter(self.pool.fits, self.pool.queue), None) if hasattr(self, "pool") else None
        assert first is None or first.units > self.pool.free

    @invariant()
    def it_is_looked_again_while_anybody_is_there(self) -> None:
        """Else a run that has ended could keep its units."""
        assert not hasattr(self, "pool") or (next_check(self.pool) is None) == self.pool.is_idle

    def teardown(self) -> None:
        """All that wait are served as holders give back; the same events again make the same pool."""
        if not hasattr(self, "pool"):
            return
        again = self.born
        for batch in self.batches:
            again, _ = advance(again, *batch)
            again = Pool.model_validate_json(again.model_dump_json())
        assert again == self.pool
        self.resize(6)
        while self.pool.holders:
            self.minute += 1
            name = self.pool.holders[0].claim.id
            self.feed(Released(at=at(self.minute), claim=name, given_at=at(self.minute)))
        assert self.pool.is_idle


def rank(claim: Claim) -> tuple[Any, ...]:
    """Return what the contract orders by."""
    return claim.priority, claim.requested_at, claim.order


@pytest.mark.lives
class TestLives(Lives.TestCase):
    """Many short lives."""

    settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
