"""One `advance` in the making: the state as changed so far and the effects in order.

It lives for one event and is never kept; outside this package an approval is always an immutable value.

Must not know: what the events mean.
"""

from dataclasses import dataclass, field
from datetime import datetime

from hitl_temporal.domain.approval.commands import Receipt
from hitl_temporal.domain.approval.effects import Deliver, Effect, Reply
from hitl_temporal.domain.approval.state import MAX_PASSING, Approval, StageRun
from hitl_temporal.domain.effects import Record
from hitl_temporal.domain.value import Json

_PASSING = frozenset({"reminded", "notice"})


@dataclass
class Turn:
    """The state being changed, and what is to be done.

    Attributes:
        has_read: Whether the directory was read for the very stages that may open now.
    """

    state: Approval
    effects: list[Effect] = field(default_factory=list)
    has_read: bool = False

    @property
    def now(self) -> datetime:
        """The time of this event."""
        return self.state.now

    def set(self, **changes: object) -> None:
        """Replace fields of the approval."""
        self.state = self.state.but(**changes)

    def set_stage(self, stage: StageRun, **changes: object) -> StageRun:
        """Replace fields of one stage, found by its name; return it as it is now."""
        new = stage.but(**changes)
        self.set(stages=tuple(new if s.name == stage.name else s for s in self.state.stages))
        return new

    def reply(self, receipt: Receipt) -> None:
        """Answer the command of this event."""
        self.effects.append(Reply(receipt=receipt))

    def send(self, *messages: Deliver) -> None:
        """Begin deliveries, all at once: a stage may ask a thousand. Of passing ones the oldest are forgotten."""
        if not messages:
            return
        deliveries = (*self.state.deliveries, *(m.delivery for m in messages))
        if any(m.delivery.occasion in _PASSING for m in messages):
            done = [d.id for d in deliveries if d.occasion in _PASSING and d.state != "sending"]
            forgotten = frozenset(done[:-MAX_PASSING])
            deliveries = tuple(d for d in deliveries if d.id not in forgotten)
        self.set(deliveries=deliveries)
        self.effects.extend(messages)

    def record(self, name: str, key: str, *, began: datetime | None = None, **attributes: Json) -> None:
        """Write a fact, unless the last one has been written; attribute names get the prefix `hitl.` and drop None."""
        if self.state.is_closed:
            return
        facts: dict[str, Json] = {f"hitl.{k}": v for k, v in attributes.items() if v is not None}
        self.effects.append(Record(name=f"approval.{name}", key=key, at=self.now, began=began, attributes=facts))
