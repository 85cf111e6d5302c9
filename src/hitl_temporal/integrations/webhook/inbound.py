"""A signed message: is it from who has the secret, and is it from now.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, read 2026-12-01.

RefusedError    not signed with this secret, or not now; the message says which, and nothing of the secret

Must not know: clocks, where secrets are kept, HTTP.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pydantic import SecretStr

TOLERANCE = timedelta(minutes=5)
"""How far the sender's clock may be off, and how long a recorded message may be sent again: its id counts once."""

_PREFIX = "whsec_"
_VERSION = "v1"
_LONGEST_ID = 200


class RefusedError(Exception):
    """A message that is not what it should be."""


class Message(NamedTuple):
    """A message that is from who has the secret.

    Attributes:
        id: The same message has the same, however often it is sent.
        at: When this attempt was made, by the sender's clock.
    """

    id: str
    at: datetime


def read(secret: SecretStr, headers: Mapping[str, str], body: bytes, at: datetime) -> Message:
    """Return what a message says of itself.

    Args:
        secret: `whsec_` and base64, as senders show it; anything else is the key as it is.
        headers: Their names in lower case.
        body: As it was sent: every byte is signed.
        at: Now.

    Raises:
        RefusedError: A header is missing, the time is not now, or no signature is made with this secret.
    """
    message, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message or len(message) > _LONGEST_ID:
        raise RefusedError(f"webhook-id is missing, or longer than {_LONGEST_ID} characters")
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > len("99999999999"):
        raise RefusedError("webhook-timestamp is no number of seconds since 1970")
    sent = datetime.fromtimestamp(int(stamp), UTC)
    if abs(at - sent) > TOLERANCE:
        raise RefusedError(f"webhook-timestamp is more than {TOLERANCE.total_seconds():.0f} s from now")
    signed = f"{message}.{stamp}.".encode() + body
    wanted = hmac.digest(_key(secret), signed, hashlib.sha256)
    if not any(hmac.compare_digest(wanted, given) for given in _signatures(headers.get("webhook-signature", ""))):
        raise RefusedError("webhook-signature is not made with the secret of this source")
    return Message(message, sent)


def _key(secret: SecretStr) -> bytes:
    text = secret.get_secret_value()
    if not text.startswith(_PREFIX):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise RefusedError(f"the secret of this source begins with {_PREFIX} and is no base64; mend it") from None


def _signatures(header: str) -> tuple[bytes, ...]:
    """Return the signatures of our version: there are several while a secret is changed."""
    found: list[bytes] = []
    for entry in header.split()[:20]:
        version, _, text = entry.partition(",")
        if version == _VERSION:
            try:
                found.append(base64.b64decode(text, validate=True))
            except binascii.Error:
                continue
    return tuple(found)
