"""A message is taken if who has the secret has signed it, byte for byte, just now."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from hitl_temporal.integrations.webhook import Message, RefusedError, read

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = b"24 bytes, as senders make"
SECRET = SecretStr(f"whsec_{base64.b64encode(KEY).decode()}")
BODY = b'{"type": "order.paid"}'


def headers(key: bytes = KEY, body: bytes = BODY, at: datetime = AT, name: str = "msg_1") -> dict[str, str]:
    """Return what a sender puts before a message."""
    stamp = str(int(at.timestamp()))
    made = hmac.digest(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": name,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(made).decode()}",
    }


def test_the_vector_of_the_standard_is_taken() -> None:
    """As its reference libraries sign it. Source: standard-webhooks, libraries/python, tests, read 2026-12-01."""
    secret = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    sent = datetime.fromtimestamp(1_614_265_330, UTC)
    given = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert read(secret, given, b'{"test": 2432232314}', sent) == Message("msg_p5jXN8AQM9LWM0D4loKWxJek", sent)


@pytest.mark.parametrize("key", [KEY, b"as it is"])
def test_a_secret_is_base64_with_its_prefix_or_the_key_itself(key: bytes) -> None:
    """Both are in use."""
    secret = SECRET if key == KEY else SecretStr(key.decode())
    assert read(secret, headers(key), BODY, AT).id == "msg_1"


def test_one_of_several_signatures_is_enough() -> None:
    """While a secret is changed, senders sign with both; other versions are passed over."""
    given = headers()
    given["webhook-signature"] = f"v1a,xx v1,!! {headers(b'old')['webhook-signature']} {given['webhook-signature']}"
    assert read(SECRET, given, BODY, AT).at == AT


@pytest.mark.parametrize("minutes", [-5, 0, 5])
def test_clocks_may_differ(minutes: int) -> None:
    """By five minutes, either way."""
    assert read(SECRET, headers(at=AT + timedelta(minutes=minutes)), BODY, AT)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"webhook-id": ""}, "webhook-id is missing"),
        ({"webhook-id": "x" * 201}, "webhook-id"),
        ({"webhook-id": "msg_2"}, "not made with the secret"),
        ({"webhook-timestamp": ""}, "no number"),
        ({"webhook-timestamp": "soon"}, "no number"),
        ({"webhook-timestamp": "9" * 12}, "no number"),
        ({"webhook-timestamp": str(int(AT.timestamp()) - 301)}, "more than 300 s"),
        ({"webhook-timestamp": str(int(AT.timestamp()) + 301)}, "more than 300 s"),
        ({"webhook-timestamp": str(int(AT.timestamp()) + 1)}, "not made with the secret"),
        ({"webhook-signature": ""}, "not made with the secret"),
        ({"webhook-signature": "v1,"}, "not made with the secret"),
        ({"webhook-signature": headers(b"other")["webhook-signature"]}, "not made with the secret"),
    ],
)
def test_what_is_not_signed_now_is_refused(changes: dict[str, str], says: str) -> None:
    """The message says what is wrong, and nothing of the secret."""
    with pytest.raises(RefusedError, match=says):
        read(SECRET, headers() | changes, BODY, AT)


def test_every_byte_is_signed() -> None:
    """One blank more is another message."""
    with pytest.raises(RefusedError):
        read(SECRET, headers(), BODY + b" ", AT)


def test_a_broken_secret_refuses_everything() -> None:
    """It is no key to compare with."""
    with pytest.raises(RefusedError, match="no base64") as told:
        read(SecretStr("whsec_geheim!"), headers(), BODY, AT)
    assert "geheim" not in str(told.value)
