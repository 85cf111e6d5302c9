"""Signed messages of other systems: verified with the secret that a trigger names, then taken as events.

Must not know: HTTP, where secrets are kept.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import structlog
from pydantic import SecretStr

from hitl_temporal.domain.schedules import webhook_event
from hitl_temporal.domain.value import Json, canonical
from hitl_temporal.integrations.webhook import Message, RefusedError, read
from hitl_temporal.ports import Catalogue, PermanentError, Secrets, TemporaryError
from hitl_temporal.service.errors import ForbiddenError, InvalidError, UnavailableError
from hitl_temporal.service.events import Events, Place, Received

log = structlog.get_logger(__name__)


class Webhooks:
    """The use case of signed messages."""

    def __init__(
        self,
        events: Events,
        catalogue: Catalogue,
        secrets: Secrets,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._events = events
        self._catalogue = catalogue
        self._secrets = secrets
        self._clock = clock

    async def receive(self, source: str, headers: Mapping[str, str], body: bytes) -> Received:
        """Take a message: only triggers whose secret has signed it mean it.

        Args:
            source: The name in its address.
            headers: Their names in lower case.
            body: As it was sent.

        Raises:
            ForbiddenError: No trigger of this source has a secret with which it is signed; an unknown source is told
                the same.
            InvalidError: It is signed, and neither JSON nor text.
            UnavailableError: A secret is not there, or Temporal does not answer: sent again, it counts once.
        """
        secrets: dict[str, list[Place]] = {}
        for name, flow in (await self._catalogue.every_flow()).items():
            for number, trigger in enumerate(flow.triggers):
                if (hook := trigger.webhook) is not None and hook.source == source:
                    secrets.setdefault(hook.secret or f"webhook_{source}", []).append(Place(name, number))
        message: Message | None = None
        signed: set[Place] = set()
        for secret, places in secrets.items():
            try:
                message = read(await self._secret(secret), headers, body, self._clock())
            except RefusedError as error:
                await log.ainfo("webhook.refused", source=source, secret=secret, reason=str(error))
            else:
                signed.update(places)
        if message is None:
            raise ForbiddenError(
                f"no trigger takes this message for {source[:60]!r}: unknown source, or not signed now"
            )
        event = webhook_event(source, message.id, message.at, _data(body))
        return await self._events.receive(event, "webhook", sender=f"/webhooks/{source}", only=frozenset(signed))

    async def _secret(self, name: str) -> SecretStr:
        try:
            return await self._secrets.secret(name)
        except (PermanentError, TemporaryError) as error:
            await log.aerror("webhook.no_secret", secret=name, reason=str(error))
            raise UnavailableError("this message can't be verified now; send it again") from error


def _data(body: bytes) -> Json:
    """Return what a message says: JSON as what it is, anything else as text."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidError("the message is neither JSON nor text") from error
    try:
        found: Json = json.loads(text)
        canonical(found).encode()  # NaN and half characters are read, but are no JSON
    except (ValueError, RecursionError):
        return text
    return found
