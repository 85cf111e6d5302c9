"""What `http.request` takes and gives.

Must not know: how it is sent.
"""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from hitl_temporal.domain.duration import ExactDuration
from hitl_temporal.domain.value import Json, Value

__all__ = ["Auth", "Basic", "Request", "Response", "is_expected"]

_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$"
"""A header's name. Source: RFC 9110, section 5.6.2 (read 2026-12-01)."""


def _line(text: str | SecretStr) -> str | SecretStr:
    plain = text if isinstance(text, str) else text.get_secret_value()
    if any(character in plain for character in "\r\n\0"):
        raise ValueError("has the end of a line in it, which would begin another header")
    return text


def _url(text: str) -> str:
    urlsplit(text).port  # noqa: B018 - raises ValueError when there is a wrong one
    return text


Scalar = str | int | float | bool
Header = Annotated[str, Field(pattern=_NAME)]
Status = Annotated[int, Field(ge=100, le=599)]
Range = Annotated[str, Field(pattern=r"^[1-5][0-9]{2}(-[1-5][0-9]{2})?$")]
Text = Annotated[str, AfterValidator(_line)]
Secret = Annotated[SecretStr, AfterValidator(_line)]


class Basic(Value):
    """A login of HTTP's own."""

    username: Text
    password: Secret


class Auth(Value):
    """How the caller shows who it is: exactly one of them."""

    bearer: Secret | None = None
    basic: Basic | None = None

    @model_validator(mode="after")
    def _one(self) -> "Auth":
        if (self.bearer is None) == (self.basic is None):
            raise ValueError("write either `bearer` or `basic`")
        return self


class Request(Value):
    """One call.

    Attributes:
        query: What stands behind `?`; a list is the same name several times.
        json_body: A JSON body, as `json`.
        body: A text as it is; its type is the header `content-type`.
        form: A form, URL-encoded.
        timeout: Of the whole call, with reading the answer.
        expect: Statuses that are a success, each a number or a range such as `200-299`.
        max_bytes: A longer answer is refused; what a step gives may have 256 KiB in all.
    """

    url: Annotated[str, Field(pattern=r"^https?://[^\s/]\S*$", max_length=8_000), AfterValidator(_url)]
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: dict[Header, Text | Secret] = Field(default_factory=dict)
    query: dict[str, Scalar | tuple[Scalar, ...]] = Field(default_factory=dict)
    json_body: Json = Field(default=None, alias="json")
    body: str | None = None
    form: dict[str, Scalar] | None = None
    auth: Auth | None = None
    timeout: ExactDuration = "30s"
    expect: tuple[Status | Range, ...] = Field(default=("200-299",), min_length=1)
    max_bytes: Annotated[int, Field(ge=1, le=250_000)] = 200_000

    @model_validator(mode="after")
    def _one_body(self) -> "Request":
        written = [name for name, key in _BODIES.items() if key in self.model_fields_set]
        if len(written) > 1:
            raise ValueError(f"there are {' and '.join(written)}; write one of them")
        return self

    @property
    def has_json(self) -> bool:
        """Whether a JSON body is written, which may be `null`."""
        return "json_body" in self.model_fields_set


_BODIES = {"json": "json_body", "body": "body", "form": "form"}


class Response(BaseModel):
    """What came back.

    Attributes:
        headers: By names in lower case, without cookies: these open sessions, and a history is kept.
        json_body: The body as `json` if it says that it is JSON, else None.
        text: Any other body, None when there is JSON.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    status: int
    headers: dict[str, str]
    json_body: Json = Field(default=None, alias="json")
    text: str | None = None


def is_expected(status: int, expect: tuple[int | str, ...]) -> bool:
    """Tell whether a status is one of these numbers and ranges."""
    for entry in expect:
        first, _, last = str(entry).partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False
