"""Many answers at once, over a judge that takes its time."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from hitl_temporal.domain.approval.commands import Receipt
from hitl_temporal.service.batch import AT_ONCE, Answer, decide_many
from hitl_temporal.service.identity import Identity

BOB = Identity("bob", frozenset(), frozenset(), "medium", "api")


@dataclass
class SlowJudge:
    """Counts what it has under way; of two answers to one approval the later one is quicker."""

    under_way: list[str] = field(default_factory=list)
    most: int = 0
    judged: list[tuple[str, object]] = field(default_factory=list)

    async def act(self, me: Identity, approval_id: str, verb: str, body: Mapping[str, object]) -> Receipt:
        """Count."""
        assert approval_id not in self.under_way, "two answers to one approval at the same time"
        self.under_way.append(approval_id)
        self.most = max(self.most, len(self.under_way))
        for _ in range(1 if body["comment"] == "second" else 5):
            await asyncio.sleep(0)
        self.under_way.remove(approval_id)
        self.judged.append((approval_id, body["comment"]))
        return Receipt(status="counted", key=str(body["comment"]))


async def test_no_more_than_a_few_are_under_way_at_once() -> None:
    """One person's batch leaves room for everybody else; receipts stand in the order of the answers."""
    judge = SlowJudge()
    answers = [Answer(f"a-{n}", {"outcome": "approved", "comment": str(n)}) for n in range(35)]
    receipts = await decide_many(judge, BOB, answers)
    assert judge.most == AT_ONCE
    assert [(r.id, r.key) for r in receipts] == [(f"a-{n}", str(n)) for n in range(35)]


async def test_of_two_answers_to_one_approval_the_first_is_judged_first() -> None:
    """However quick the second would be."""
    judge = SlowJudge()
    answers = [Answer(i, {"comment": c}) for i, c in (("a", "first"), ("b", "only"), ("a", "second"))]
    receipts = await decide_many(judge, BOB, answers)
    assert [c for i, c in judge.judged if i == "a"] == ["first", "second"]
    assert [r.key for r in receipts] == ["first", "only", "second"]
