"""Hands one message over to a mail server.

TemporaryError     no connection, no answer, the server says "later" (4xx)
PermanentError     no server is set, the login or the message is refused (5xx), no TLS where it is demanded

SMTP has no keys: when the answer to the last byte is lost, the message is sent again. Its `Message-ID` is the same
then, by which mailboxes recognise a repeat.

Source: RFC 5321, section 4.2.1 (read 2026-12-01).

Must not know: flows, who decides what is sent.
"""

import asyncio
import hashlib
from base64 import b64decode
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

import aiosmtplib

from hitl_temporal.domain.words import shorten
from hitl_temporal.integrations.mail.models import Attachment, Mail, Sent
from hitl_temporal.integrations.mail.settings import Settings
from hitl_temporal.ports import Connector, PermanentError, Places, TemporaryError

MAX_BYTES: Final = 20 * 1024 * 1024
"""Of all attachments together; most servers take no more than 25 MB, and base64 makes a third more of it."""


def connector(settings: Settings | None, places: Places) -> Connector[Mail, Sent]:
    """Return `email.send`; without settings every message is refused with what to set."""

    async def run(mail: Mail, key: str) -> Sent:
        if settings is None:
            raise PermanentError("no mail server is set; set HITL_SMTP_HOST and HITL_SMTP_FROM")
        contents = [await asyncio.to_thread(_content, attachment, places) for attachment in mail.attachments]
        if sum(map(len, contents)) > MAX_BYTES:
            raise PermanentError(f"the attachments have more than {MAX_BYTES} bytes; send a link")
        message = _message(mail, contents, key, settings.sender)
        return await _hand_over(message, [_address(a).addr_spec for a in (*mail.to, *mail.cc)], settings)

    return Connector("email.send", Mail, Sent, run)


def _content(attachment: Attachment, places: Places) -> bytes:
    if attachment.file is None:
        return (attachment.text or "").encode() if attachment.base64 is None else b64decode(attachment.base64)
    try:
        with places.path(attachment.file).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PermanentError(f"attachment {attachment.name!r} can't be read: {error.strerror}") from error


def _message(mail: Mail, contents: Sequence[bytes], key: str, sender: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = _address(sender)
    message["To"] = [_address(a) for a in mail.to]
    if mail.cc:
        message["Cc"] = [_address(a) for a in mail.cc]
    if mail.reply_to:
        message["Reply-To"] = _address(mail.reply_to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{_address(sender).domain}>"
    # Source: RFC 3834, section 5: nobody's holiday notice answers a machine.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    if mail.html is not None:
        message.add_alternative(mail.html, subtype="html")
    for attachment, content in zip(mail.attachments, contents, strict=True):
        main, _, sub = attachment.type.partition("/")
        message.add_attachment(content, maintype=main, subtype=sub, filename=attachment.name)
    return message


def _address(written: str) -> Address:
    """Return an address that the model has checked; of a name, a comma is a part."""
    name, bracket, plain = written.rpartition(" <")
    return Address(display_name=name, addr_spec=plain.rstrip(">")) if bracket else Address(addr_spec=written)


async def _hand_over(message: EmailMessage, recipients: Sequence[str], settings: Settings) -> Sent:
    where = f"mail server {settings.host}:{settings.port}"
    password = settings.password
    try:
        refused, _ = await aiosmtplib.send(
            message,
            recipients=recipients,
            hostname=settings.host,
            port=settings.port,
            username=settings.username,
            password=None if password is None else password.get_secret_value(),
            use_tls=settings.tls == "tls",
            start_tls=settings.tls == "starttls",
            validate_certs=settings.verify,
            timeout=settings.timeout.total_seconds(),
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = [one.code for one in error.recipients]
        said = f"{where} refused every address: {_words(error.recipients[0])}"
        raise (TemporaryError if all(code < 500 for code in codes) else PermanentError)(said) from error
    except aiosmtplib.SMTPResponseException as error:
        said = f"{where} answered {_words(error)}"
        raise (TemporaryError if 400 <= error.code < 500 and not _is_login(error) else PermanentError)(said) from error
    except (
        aiosmtplib.SMTPConnectError,
        aiosmtplib.SMTPServerDisconnected,
        aiosmtplib.SMTPTimeoutError,
        OSError,
    ) as error:
        raise TemporaryError(f"{where} can't be reached: {shorten(str(error))}") from error
    except (aiosmtplib.SMTPException, ValueError) as error:  # no STARTTLS there, no SMTPUTF8, half a login
        raise PermanentError(f"{where}: {shorten(str(error))}") from error
    answers = {address: shorten(f"{answer.code} {answer.message}") for address, answer in refused.items()}
    accepted = tuple(address for address in recipients if address not in answers)
    return Sent(message_id=str(message["Message-ID"]), accepted=accepted, refused=answers)


def _is_login(error: aiosmtplib.SMTPResponseException) -> bool:
    return isinstance(error, aiosmtplib.SMTPAuthenticationError)


def _words(error: aiosmtplib.SMTPResponseException) -> str:
    return shorten(f"{error.code} {error.message}")
