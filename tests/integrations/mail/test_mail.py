"""`email.send` to a real mail server on loopback."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from pydantic import SecretStr, ValidationError

from hitl_temporal.integrations.mail import Mail, Sent, Settings, connector
from hitl_temporal.ports import PermanentError, TemporaryError
from tests.fakes import FakePlaces


@dataclass
class Mailbox:
    """What the server does with mail: keeps it, or answers `says` to an address or to the whole."""

    port: int = 0
    kept: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    says: dict[str, str] = field(default_factory=dict)
    login: tuple[bytes, bytes] | None = None

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        """Take an address, or say what a test wants."""
        if address not in self.says:
            envelope.rcpt_tos.append(address)
        return self.says.get(address, "250 OK")

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Take a message, or say what a test wants."""
        if "data" in self.says:
            return self.says["data"]
        self.kept.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=default)))
        return "250 OK"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        """Know one login."""
        return AuthResult(success=(given.login, given.password) == self.login, handled=False)


@asynccontextmanager
async def server(login: tuple[bytes, bytes] | None = None) -> AsyncIterator[Mailbox]:
    """Run a mail server; with a login it wants one."""
    box = Mailbox(login=login)
    options: dict[str, Any] = {"auth_required": True, "auth_require_tls": False} if login else {}

    def made() -> SMTP:
        with warnings.catch_warnings():  # that a login without TLS is no good idea is not what we test
            warnings.simplefilter("ignore")
            return SMTP(box, authenticator=box.authenticate, hostname="mx.example", **options)

    listening = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    box.port = listening.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        listening.close()
        await asyncio.sleep(0)


def settings(box: Mailbox, **rest: object) -> Settings:
    """Return settings for this server."""
    given = {"host": "127.0.0.1", "port": box.port, "tls": "none", "sender": "HITL <hitl@example.org>", **rest}
    return Settings.model_validate(given)


async def sent(where: Settings | None, key: str = "run.mail.1", root: Path = Path(), **given: object) -> Sent:
    """Return what becomes of a message."""
    mail = Mail.model_validate({"to": "ann@example.org", "subject": "Port 443", "text": "Hello", **given})
    return await connector(where, FakePlaces(root)).run(mail, key)


async def test_a_message_arrives_as_it_was_written(tmp_path: Path) -> None:
    """Names, text, HTML, attachments of each kind; everybody in `to` and `cc` gets it."""
    (tmp_path / "report.csv").write_text("a,b\n")
    async with server() as box:
        found = await sent(
            settings(box),
            root=tmp_path,
            to=["Ann Ex, Dr. <ann@example.org>", "bob@example.org"],
            cc="Çai <cai@example.org>",
            reply_to="team@example.org",
            subject="Grüße: port 443",
            text="Hello é",
            html="<p>Hello é</p>",
            attachments=[
                {"name": "note.txt", "type": "text/plain", "text": "notes"},
                {"name": "x.bin", "base64": "/w=="},
                {"name": "report.csv", "type": "text/csv", "file": "report.csv"},
            ],
        )
    [(recipients, message)] = box.kept
    assert recipients == ["ann@example.org", "bob@example.org", "cai@example.org"] == list(found.accepted)
    assert found.refused == {}
    assert message["Message-ID"] == found.message_id
    assert message["Message-ID"].endswith("@example.org>")
    assert message["Subject"] == "Grüße: port 443"
    assert [a.display_name for a in message["To"].addresses] == ["Ann Ex, Dr.", ""]
    assert message["Cc"].addresses[0].display_name == "Çai"
    assert (message["From"], message["Reply-To"]) == ("HITL <hitl@example.org>", "team@example.org")
    assert message.get_body(("plain",)).get_content().strip() == "Hello é"
    assert message.get_body(("html",)).get_content().strip() == "<p>Hello é</p>"
    parts = {part.get_filename(): part.get_payload(decode=True).strip() for part in message.iter_attachments()}
    assert parts == {"note.txt": b"notes", "x.bin": b"\xff", "report.csv": b"a,b"}


async def test_every_try_has_one_message_id() -> None:
    """Mailboxes recognise a repeat by it; other work has another."""
    async with server() as box:
        first, again, other = [(await sent(settings(box), key=key)).message_id for key in ("a", "a", "b")]
    assert first == again != other


async def test_a_login_is_made_where_one_is_wanted() -> None:
    """A wrong one is refused for good, and its password is not told."""
    async with server((b"hitl", b"pa55w0rd")) as box:
        good = settings(box, username="hitl", password=SecretStr("pa55w0rd"))
        assert (await sent(good)).accepted == ("ann@example.org",)
        with pytest.raises(PermanentError, match="535") as caught:
            await sent(settings(box, username="hitl", password=SecretStr("wr0ng-one")))
        assert "wr0ng-one" not in str(caught.value)


@pytest.mark.parametrize(
    ("says", "error", "said"),
    [
        ({"ann@example.org": "550 no such user"}, PermanentError, "550 no such user"),
        ({"ann@example.org": "451 greylisted"}, TemporaryError, "451 greylisted"),
        ({"data": "554 looks like spam"}, PermanentError, "554 looks like spam"),
        ({"data": "452 disk full"}, TemporaryError, "452 disk full"),
    ],
)
async def test_what_the_server_says_decides(says: dict[str, str], error: type[Exception], said: str) -> None:
    """4xx is later, 5xx is never."""
    async with server() as box:
        box.says = says
        with pytest.raises(error, match=said):
            await sent(settings(box))


async def test_one_refused_address_does_not_repeat_the_message_for_the_others() -> None:
    """They have it; the output says who has not."""
    async with server() as box:
        box.says = {"bob@example.org": "550 gone"}
        found = await sent(settings(box), to=["ann@example.org", "bob@example.org"])
    assert (found.accepted, found.refused) == (("ann@example.org",), {"bob@example.org": "550 gone"})
    assert len(box.kept) == 1


async def test_tls_is_never_left_out_silently() -> None:
    """A server without it is refused, not spoken to in the clear."""
    async with server() as box:
        with pytest.raises(PermanentError, match="STARTTLS"):
            await sent(settings(box, tls="starttls"))
        with pytest.raises(TemporaryError):
            await sent(settings(box, tls="tls", timeout=1))
    assert box.kept == []


async def test_a_server_that_is_away_is_tried_again() -> None:
    """Nothing was sent."""
    with pytest.raises(TemporaryError, match="can't be reached"):
        await sent(settings(Mailbox(port=1)))


async def test_without_settings_it_says_what_to_set() -> None:
    """The step fails at once."""
    with pytest.raises(PermanentError, match="HITL_SMTP_HOST"):
        await sent(None)


async def test_attachments_are_bounded_and_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file of the machine leaves it by mail."""
    where = settings(Mailbox(port=1))
    for name, said in (("/etc/passwd", "outside"), ("none.txt", "can't be read")):
        with pytest.raises(PermanentError, match=said):
            await sent(where, root=tmp_path, attachments=[{"name": "x", "file": name}])
    monkeypatch.setattr("hitl_temporal.integrations.mail.sending.MAX_BYTES", 3)
    with pytest.raises(PermanentError, match="more than 3 bytes"):
        await sent(where, attachments=[{"name": "x", "text": "abcd"}])


@pytest.mark.parametrize(
    "given",
    [
        {"subject": "Hi\r\nBcc: eve@example.org"},
        {"subject": "Hi\nthere"},
        {"subject": ""},
        {"to": "ann@example.org\r\nBcc: eve@example.org"},
        {"to": "Ann\n <ann@example.org>"},
        {"to": 'Ann" <eve@example.org>, "x <ann@example.org>'},
        {"to": "ann@example.org, eve@example.org"},
        {"to": "ann"},
        {"to": []},
        {"cc": ["ann@example.org\n"]},
        {"reply_to": "a@b\nX: y"},
        {"attachments": [{"name": "a\r\nX: y", "text": ""}]},
        {"attachments": [{"name": "a", "type": "text/plain\r\nX: y", "text": ""}]},
        {"attachments": [{"name": "a"}]},
        {"attachments": [{"name": "a", "text": "", "file": "x"}]},
        {"attachments": [{"name": "a", "base64": "?"}]},
        {"bcc": "ann@example.org"},
    ],
)
def test_nothing_begins_another_header(given: dict[str, Any]) -> None:
    """Nor another recipient."""
    with pytest.raises(ValidationError):
        Mail.model_validate({"to": "ann@example.org", "subject": "Hi", "text": "", **given})
