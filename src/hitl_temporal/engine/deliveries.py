"""The messages of one approval that are on their way: so many at once, settled in time or left to the outbox.

Each delivery ends exactly once, as an event for the domain, whatever becomes of its task.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Literal, NamedTuple

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from hitl_temporal.domain.approval import events
    from hitl_temporal.domain.approval.effects import Deliver
    from hitl_temporal.domain.approval.message import Message, message
    from hitl_temporal.domain.approval.records import Delivery
    from hitl_temporal.domain.approval.state import Approval
    from hitl_temporal.messages import DELIVER, Delivered

from hitl_temporal.engine import options
from hitl_temporal.engine.renewal import Renewal
from hitl_temporal.engine.tasks import Tasks

MAX_UNDER_WAY = 50
"""How many messages are on their way at once: a thousand activities in one workflow task outlast its two seconds."""

SETTLE_WITHIN = options.SETTLE.get("schedule_to_close_timeout") or options.NO_TIME
LAST = frozenset({"settled", "notice"})
"""Occasions that are told also after the outcome: what asks for something is not needed any more."""
NO_LONGER_NEEDED = "no longer needed: the approval has ended"


class End(NamedTuple):
    """What became of a delivery.

    Attributes:
        at: When, as the history keeps it; None: it does not, as of an activity that failed.
    """

    at: datetime | None
    end: events.DeliveryEnd


class Deliveries:
    """Sends, stops and settles; keeps what comes of it until the main loop tells it."""

    def __init__(
        self,
        look: Callable[[], Approval],
        renewal: Renewal,
        carried: tuple[Deliver, ...] = (),
        unsent: tuple[Message, ...] = (),
    ) -> None:
        """Take what a run that continued as new has left.

        Args:
            look: Gives the approval as it is now: a message tells what holds when it leaves.
            renewal: Samples at the end of each delivery.
            carried: Deliveries of the run before that have not ended, in order.
            unsent: Messages of the run before that are left to the outbox.
        """
        self._look = look
        self.ends: list[End] = []
        """What has ended and is not told yet, in order."""
        self._renewal = renewal
        self._open: dict[str, Deliver] = {effect.delivery.id: effect for effect in carried}
        self._waiting: deque[Deliver] = deque()
        self._settle_by = workflow.now() + SETTLE_WITHIN
        self._unsent = list(unsent)
        self._unbounded: set[str] = set()
        """Those that began before the outcome, and may take for ever."""
        self.tasks = Tasks()

    @property
    def open(self) -> tuple[Deliver, ...]:
        """Those that have not ended, in order; the waiting ones too."""
        return tuple(self._open.values())

    @property
    def unsent(self) -> tuple[Message, ...]:
        """Messages that did not get through in time: the outbox's."""
        return tuple(self._unsent)

    def resume(self) -> None:
        """Take up what was carried over; questions are not needed any more once there is an outcome."""
        if self._look().outcome is not None:
            self._open = {i: e for i, e in self._open.items() if e.delivery.occasion in LAST}
        self._waiting.extend(self._open.values())
        self._bound_settling()
        self.begin()

    def add(self, effect: Deliver) -> None:
        """Put a message in the queue; `begin` sends it when its turn comes."""
        self._open[effect.delivery.id] = effect
        self._waiting.append(effect)

    def begin(self) -> None:
        """Begin as many messages as may be under way at once; each that ends makes room for the next."""
        while self._waiting and len(self._open) - len(self._waiting) < MAX_UNDER_WAY:
            effect = self._waiting.popleft()
            self.tasks.start(effect.delivery.id, self._deliver(effect))

    def stop_asking(self) -> None:
        """Questions still on their way are not needed any more; those that have begun are settled."""
        self._settle_by = workflow.now() + SETTLE_WITHIN
        waiting, self._waiting = self._waiting, deque()
        not_begun = {e.delivery.id for e in waiting}
        never_asked = {e.delivery.id for e in waiting if e.delivery.occasion not in LAST}
        for effect in self.open:
            delivery = effect.delivery
            if delivery.occasion in LAST and delivery.settles not in never_asked:
                if delivery.id in not_begun:
                    self._waiting.append(effect)
                continue
            # Ended here, not in its task: one that is cancelled before its first step never runs at all.
            self.tasks.cancel(delivery.id)
            self._end(delivery, self._look().now, "failed", NO_LONGER_NEEDED)
        self._bound_settling()

    def _bound_settling(self) -> None:
        """Let a timer end the wait for what has no bound of its own; that time is up must be in the history."""
        is_open_ended = len(self._open) > MAX_UNDER_WAY or not self._unbounded.isdisjoint(self._open)
        if self._look().outcome is not None and is_open_ended:
            self.tasks.start("settling", self._leave_what_waits())

    async def _leave_what_waits(self) -> None:
        await workflow.sleep(SETTLE_WITHIN, summary="what waits to be settled is the outbox's")
        self._renewal.sample()
        for effect in (*self._waiting, *(e for e in self.open if e.delivery.id in self._unbounded)):
            self.tasks.cancel(effect.delivery.id)
            self._unsent.append(message(self._look(), effect))
            self._end(effect.delivery, self._look().now, "failed", "not told in time: left to the outbox")
        self._waiting.clear()

    def _is_last(self, effect: Deliver) -> bool:
        """Tell whether a message tells the end: it may hold back the result for a while, then it is the outbox's."""
        return effect.delivery.occasion in LAST and self._look().outcome is not None

    async def _deliver(self, effect: Deliver) -> None:
        delivery, text = effect.delivery, message(self._look(), effect)
        chosen = options.DELIVER
        if not self._is_last(effect):
            self._unbounded.add(delivery.id)
        else:  # those that had to wait for others hold back the result no longer than they
            chosen = options.SETTLE.copy()
            chosen["schedule_to_close_timeout"] = max(self._settle_by - workflow.now(), options.BREATH)
        try:
            sent = await workflow.execute_activity(
                DELIVER,
                text,
                result_type=Delivered,
                activity_id=delivery.id,
                summary=f"{delivery.occasion}: {delivery.person}",
                **chosen,
            )
        except ActivityError as error:
            if self._is_last(effect) and delivery.id in self._open:  # else it has been left to the outbox already
                self._unsent.append(text)
            self._end(delivery, None, "failed", str(error.cause or error)[:500])
        else:
            self._end(delivery, sent.at or self._look().now, "delivered", channel=sent.channel)
        self._renewal.sample()
        self.begin()

    def _end(
        self,
        delivery: Delivery,
        at: datetime | None,
        state: Literal["delivered", "failed"],
        reason: str = "",
        channel: str | None = None,
    ) -> None:
        """Tell the end of a delivery, unless it was told when it was cancelled."""
        if self._open.pop(delivery.id, None) is not None:
            end = events.DeliveryEnd(delivery=delivery.id, state=state, reason=reason, channel=channel)
            self.ends.append(End(at, end))
