"""One message on its way: the channels that may take it, in order.

Must not know: what it says.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hitl_temporal.domain.approval.message import Message
from hitl_temporal.ports import Notifier, PermanentError


class Sent(NamedTuple):
    """Which channel took it, and what it calls it."""

    channel: str
    reference: str


class Sending:
    """Holds the channels."""

    def __init__(self, notifiers: Sequence[Notifier]) -> None:
        """Take the channels; the first is used where nobody says otherwise."""
        self._notifiers: Mapping[str, Notifier] = {n.name: n for n in notifiers}
        self._default = notifiers[0].name

    async def send(self, message: Message) -> Sent:
        """Send a message on the first channel that takes it, in the order in which it names them.

        Raises:
            TemporaryError: A channel can't now.
            PermanentError: No channel will ever take it.
        """
        wanted = [self._notifiers[name] for name in message.via if name in self._notifiers]
        refusals: list[str] = []
        for notifier in wanted or [self._notifiers[self._default]]:
            try:
                return Sent(notifier.name, await notifier.send(message))
            except PermanentError as error:
                refusals.append(f"{notifier.name}: {error.reason}")
        raise PermanentError(f"no channel took message {message.key!r}: {'; '.join(refusals)}")
