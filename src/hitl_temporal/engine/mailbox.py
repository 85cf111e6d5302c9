"""One queue for everything that people send: a signal and an update of each verb end in the same place, in order.

Messages may arrive before the workflow has loaded what it needs to judge them; they wait here. An update is answered
when its message has been judged, a signal is not.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from hitl_temporal.engine.renewal import Renewal

C = TypeVar("C")
R = TypeVar("R")


@dataclass
class Letter(Generic[C, R]):
    """One command that waits to be judged.

    Attributes:
        at: When this workflow saw it: of a signal that lay on the server, later than when it was sent.
        update: The id of the update that brought it, None when none did.
    """

    verb: str
    command: C
    at: datetime
    is_signal: bool = False
    update: str | None = None
    receipt: R | None = None


class Mailbox(Generic[C, R]):
    """Registers the handlers of a table of verbs and keeps what arrives."""

    def __init__(
        self,
        verbs: Mapping[str, object],
        parse: Callable[[str, object], C | R],
        receipt_type: type[R],
        refuse: Callable[[str, C], R | None],
        renewal: Renewal,
    ) -> None:
        """Register a signal and an update handler of the same name for each verb.

        Args:
            verbs: The table; only its names matter here.
            parse: Turns a raw payload into a command, or into the receipt that says what is wrong with it.
            receipt_type: What `parse` and the judge answer.
            refuse: The receipt to turn a command away with before it is recorded, None to let it in.
            renewal: Samples at each message.
        """
        self._parse = parse
        self._receipt_type = receipt_type
        self._refuse = refuse
        self._renewal = renewal
        self._letters: list[Letter[C, R]] = []
        self._together: set[int] = set()
        for verb in verbs:
            self._register(verb)

    def __bool__(self) -> bool:
        """Whether something waits."""
        return bool(self._letters)

    def take(self) -> Letter[C, R]:
        """Return the oldest letter and remove it from the queue."""
        return self._letters.pop(0)

    def put(self, verb: str, command: C, *, is_signal: bool = False) -> Letter[C, R]:
        """Add a command, such as Temporal's cancellation, which is one of ours.

        Of what comes with one workflow task the signals are the older ones: they are in the history before the task
        began, updates are accepted by it. The SDK hands the updates over first (measured).
        """
        letter: Letter[C, R] = Letter(verb, command, workflow.now(), is_signal)
        place = len(self._letters)
        while is_signal and place and self._came_together(self._letters[place - 1]):
            place -= 1
        self._letters.insert(place, letter)
        if not self._together:  # what comes with one task is handed over before anything else goes on
            asyncio.get_running_loop().call_soon(self._together.clear)
        self._together.add(id(letter))
        return letter

    def _came_together(self, update: Letter[C, R]) -> bool:
        """Tell whether an Update came with the very task that hands over letters now: times do not tell."""
        return not update.is_signal and id(update) in self._together

    def _register(self, verb: str) -> None:
        # `Any`: whatever JSON a client sends must reach our own parser, which answers instead of raising.
        async def update(payload: Any = None, *_more: Any) -> R:
            self._renewal.sample()
            parsed = self._parse(verb, payload)
            if isinstance(parsed, self._receipt_type):
                return parsed
            letter = self.put(verb, parsed)  # pyright: ignore[reportArgumentType]
            info = workflow.current_update_info()
            letter.update = info.id if info is not None else None
            await workflow.wait_condition(lambda: letter.receipt is not None)
            assert letter.receipt is not None, "waited for"
            return letter.receipt

        def validate(payload: Any = None, *_more: Any) -> None:
            parsed = self._parse(verb, payload)
            refused = None if isinstance(parsed, self._receipt_type) else self._refuse(verb, parsed)  # pyright: ignore[reportArgumentType]
            if refused is not None:
                raise ApplicationError(f"{verb} refused", refused, type="Refused", non_retryable=True)

        def signal(payload: Any = None, *_more: Any) -> None:
            self._renewal.sample()
            parsed = self._parse(verb, payload)
            if isinstance(parsed, self._receipt_type):
                workflow.logger.warning("message.invalid", extra={"verb": verb})
            else:
                self.put(verb, parsed, is_signal=True)  # pyright: ignore[reportArgumentType]

        update.__name__ = signal.__name__ = verb
        workflow.set_update_handler(verb, update, validator=validate)  # pyright: ignore[reportUnknownMemberType] - untyped in the SDK
        workflow.set_signal_handler(verb, signal)  # pyright: ignore[reportUnknownMemberType] - untyped in the SDK
