"""Sessions: a signed cookie that says who logged in and when, and the tokens that tie a form to it.

Nothing is kept here: whoever holds the key can check a cookie. A session ends with its time, with the process that
has the key, or when the browser forgets it.

Must not know: HTTP, directories; a session says who logged in, not that they may still do so.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

LIFETIME = timedelta(hours=12)
"""A working day: people log in once in the morning."""


class Login(NamedTuple):
    """Who began a session, and when, to the second."""

    person: str
    at: datetime


class Sessions:
    """Makes and reads session cookies with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def begin(self, person: str, now: datetime) -> str:
        """Return the cookie of a new session; no two are the same."""
        name = base64.urlsafe_b64encode(person.encode()).decode()
        content = f"{name}.{int(now.timestamp())}.{secrets.token_urlsafe(16)}"
        return f"{content}.{self._sign('session', content)}"

    def login(self, cookie: str, now: datetime) -> Login | None:
        """Return who began the session and when, None when the cookie is not ours or its time is over."""
        content, _, signature = cookie.rpartition(".")
        if not _same(signature, self._sign("session", content)):
            return None
        name, began, _ = content.split(".")
        login = Login(base64.urlsafe_b64decode(name).decode(), datetime.fromtimestamp(int(began), UTC))
        return login if now < login.at + LIFETIME else None

    def form_token(self, cookie: str) -> str:
        """Return what a form of this session carries, so that no other site can send it."""
        return self._sign("form", cookie)

    def is_form_token(self, cookie: str, token: str) -> bool:
        """Tell whether a form was made for this session."""
        return _same(token, self.form_token(cookie))

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()


def _same(given: str, ours: str) -> bool:
    return hmac.compare_digest(given.encode(), ours.encode())
