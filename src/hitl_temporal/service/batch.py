"""Many answers at once: each is judged as if it had come alone, and has its own receipt.

Must not know: HTTP, terminals, how one answer is judged.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, cast

from hitl_temporal.domain.approval.commands import Receipt, Status
from hitl_temporal.domain.value import Value
from hitl_temporal.service.errors import InvalidError, NotFoundError, UnansweredError, UnavailableError
from hitl_temporal.service.identity import Identity

MOST = 100
"""How many answers one request may hold."""

AT_ONCE = 10
"""How many are under way at the same time: one person's batch must not keep everybody else's clicks waiting."""


class Answer(NamedTuple):
    """What somebody answers to one approval, as it came.

    Attributes:
        body: Everything but the id.
    """

    id: str
    body: Mapping[str, object]


class BatchReceipt(Value):
    """What became of one answer of many: a receipt with the id of its approval.

    Two are no receipts of an approval. `unavailable`: Temporal did not answer for this one, and nothing was recorded.
    `unanswered`: it was sent and its answer was lost; sent again with this key it counts once.
    """

    id: str
    status: Status | Literal["unavailable", "unanswered"]
    reason: str = ""
    tally: str = ""
    key: str = ""


class Judging(Protocol):
    """The one path of every command to an approval."""

    async def act(self, me: Identity, approval_id: str, verb: str, body: Mapping[str, object]) -> Receipt:
        """Send a verb as this person and return its receipt."""
        ...


def answers_of(body: Mapping[str, object]) -> tuple[Answer, ...]:
    """Return the answers that `{decisions: [{id, ...}]}` holds; what each says beside its id is for the judge.

    Raises:
        InvalidError: It is not of this form, or holds too many.
    """
    raw = body.get("decisions")
    if not isinstance(raw, list):
        raise InvalidError("decisions: a list of answers is needed, each with the `id` of an approval and an `outcome`")
    found = cast("list[object]", raw)
    if len(found) > MOST:
        raise InvalidError(f"decisions: {len(found)} are too many at once; send at most {MOST}")
    return tuple(_answer(number, one) for number, one in enumerate(found))


def _answer(number: int, raw: object) -> Answer:
    if not isinstance(raw, dict):
        raise InvalidError(f"decisions.{number}: an object is needed, such as {{id, outcome}}")
    body = cast("dict[str, object]", raw)  # JSON objects have text keys
    approval = body.get("id")
    if not isinstance(approval, str) or not approval:
        raise InvalidError(f"decisions.{number}.id: the id of an approval is needed")
    return Answer(approval, {name: value for name, value in body.items() if name != "id"})


async def decide_many(approvals: Judging, me: Identity, answers: Sequence[Answer]) -> tuple[BatchReceipt, ...]:
    """Decide each of these as this person, a few at a time, and return the receipts in the same order.

    Several answers to one approval are judged one after the other. One that can't be judged spoils no other.

    Raises:
        UnavailableError: Temporal does not answer at all; nothing was recorded of any.
    """
    gate = asyncio.Semaphore(AT_ONCE)
    places: dict[str, list[int]] = {}
    for number, answer in enumerate(answers):
        places.setdefault(answer.id, []).append(number)
    receipts: dict[int, BatchReceipt] = {}

    async def judge(numbers: Sequence[int]) -> None:
        async with gate:
            for number in numbers:
                receipts[number] = await _decide(approvals, me, answers[number])

    await asyncio.gather(*(judge(numbers) for numbers in places.values()))
    if receipts and all(receipt.status == "unavailable" for receipt in receipts.values()):
        raise UnavailableError(receipts[0].reason)
    return tuple(receipts[number] for number in range(len(answers)))


async def _decide(approvals: Judging, me: Identity, answer: Answer) -> BatchReceipt:
    sent = answer.body.get("key")
    key = sent if isinstance(sent, str) else ""
    try:
        receipt = await approvals.act(me, answer.id, "decide", answer.body)
    except NotFoundError as error:
        return BatchReceipt(id=answer.id, status="not_eligible", reason=str(error), key=key)
    except InvalidError as error:  # an id that Temporal takes for none
        return BatchReceipt(id=answer.id, status="invalid", reason=str(error), key=key)
    except UnansweredError as error:
        return BatchReceipt(id=answer.id, status="unanswered", reason=str(error), key=error.key)
    except UnavailableError as error:
        return BatchReceipt(id=answer.id, status="unavailable", reason=str(error), key=key)
    return BatchReceipt(id=answer.id, **receipt.model_dump())
