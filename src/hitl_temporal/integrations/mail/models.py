"""What `email.send` takes and gives.

Must not know: how it is sent.
"""

from base64 import b64decode
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from hitl_temporal.domain.value import Value

__all__ = ["ADDRESS", "Addresses", "Attachment", "Mail", "Sent"]

_PLAIN = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}"
ADDRESS = rf"^(?:{_PLAIN}|[^\x00-\x1f\x7f<>\"\\]{{1,200}} <{_PLAIN}>)$"
"""`ann@example.org` or `Ann Example <ann@example.org>`. Source: RFC 5322, section 3.4, less what nobody writes."""


def _line(text: str) -> str:
    if any(ord(character) < 32 or character in "\x7f\x85\u2028\u2029" for character in text):
        raise ValueError("has the end of a line or another control character in it, which may begin another header")
    return text


def _base64(text: str) -> str:
    b64decode(text, validate=True)
    return text


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


Address = Annotated[str, Field(pattern=ADDRESS, max_length=600)]
Addresses = Annotated[tuple[Address, ...], BeforeValidator(_several), Field(max_length=100)]
"""One address, or a list of them."""


class Attachment(Value):
    """A file that goes with it: exactly one of `text`, `base64` and `file` says what is in it.

    Attributes:
        type: Its media type.
        file: A file of the project, or of a folder that was opened to flows.
    """

    name: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_line)]
    type: Annotated[str, Field(pattern=r"^[a-z]+/[A-Za-z0-9.+-]+$", max_length=100)] = "application/octet-stream"
    text: str | None = None
    base64: Annotated[str, AfterValidator(_base64)] | None = None
    file: str | None = None

    @model_validator(mode="after")
    def _one(self) -> "Attachment":
        if sum(part is not None for part in (self.text, self.base64, self.file)) != 1:
            raise ValueError("write one of `text`, `base64` and `file`")
        return self


class Mail(Value):
    """One message.

    Attributes:
        html: The same in HTML, for programs that show it.
    """

    to: Annotated[Addresses, Field(min_length=1)]
    subject: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_line)]
    text: Annotated[str, Field(max_length=500_000)]
    html: Annotated[str, Field(max_length=500_000)] | None = None
    cc: Addresses = ()
    reply_to: Address | None = None
    attachments: Annotated[tuple[Attachment, ...], Field(max_length=20)] = ()


class Sent(BaseModel):
    """What became of it.

    Attributes:
        message_id: The same for every try.
        accepted: Addresses for which the server has taken it.
        refused: The others, each with the server's reason; when all were refused, the step fails instead.
    """

    model_config = ConfigDict(frozen=True)

    message_id: str
    accepted: tuple[str, ...]
    refused: dict[str, str]
