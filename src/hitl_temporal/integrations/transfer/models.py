"""What `file.transfer` takes and gives.

Must not know: how files are read and written.
"""

import re
from typing import Annotated, NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from hitl_temporal.domain.duration import ExactDuration
from hitl_temporal.domain.value import Value

__all__ = ["Login", "Remote", "Transfer", "Transferred", "remote"]

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:-]*[A-Za-z0-9])?")


class Remote(NamedTuple):
    """A file on another machine; a relative path begins in the user's home."""

    user: str
    host: str
    port: int
    path: str


def remote(place: str) -> Remote | None:
    """Return what `sftp://user@host:port/path` means (`/~/` is the user's home), None of a local path.

    Raises:
        ValueError: It is another URL, or lacks something.
    """
    if "://" not in place:
        return None
    url = urlsplit(place)
    host, user, path = url.hostname or "", unquote(url.username or ""), unquote(url.path)
    if url.scheme != "sftp":
        raise ValueError("write sftp://user@host/path, or a path of this machine")
    if url.password is not None:
        raise ValueError("has a password in it, which would be kept; write it in `login`")
    if not user or not _HOST.fullmatch(host) or url.query or url.fragment:
        raise ValueError("write sftp://user@host:port/path")
    if "\0" in path or path.endswith("/") or path.rpartition("/")[2] in {"", ".", ".."}:
        raise ValueError("names no file; write its whole path")
    return Remote(user, host, url.port or 22, path.removeprefix("/~/"))


def _place(place: str) -> str:
    remote(place)
    return place


Place = Annotated[str, Field(min_length=1, max_length=4_000), AfterValidator(_place)]


class Login(Value):
    """How this machine shows who it is, and how it knows the other one.

    Attributes:
        key: A private key in OpenSSH's or PEM format; or `password`.
        passphrase: Of that key.
        known_hosts: Lines of a `known_hosts` file; a host whose key is not in them is refused.
    """

    key: SecretStr | None = None
    passphrase: SecretStr | None = None
    password: SecretStr | None = None
    known_hosts: Annotated[str, Field(min_length=1, max_length=100_000)]

    @model_validator(mode="after")
    def _some(self) -> "Login":
        if self.key is None and self.password is None:
            raise ValueError("write `key` or `password`")
        return self


class Transfer(Value):
    """One file to copy.

    Attributes:
        source: Where from, as `from`: `sftp://user@host/path`, or a path in the project or in a folder opened to flows.
        target: Where to, as `to`; its folder must be there.
        login: For the side that is another machine; for both, if both are.
        overwrite: Whether another file of that name may be replaced; the same one is always a success.
        sha256: What the file must be, in hex; None: whatever it is.
        max_bytes: A larger file is an error.
    """

    source: Place = Field(alias="from")
    target: Place = Field(alias="to")
    login: Login | None = None
    overwrite: bool = False
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    max_bytes: Annotated[int, Field(ge=0, le=2**40)] = 2**30
    timeout: ExactDuration = "5m"

    @model_validator(mode="after")
    def _has_login(self) -> "Transfer":
        if self.login is None and any(remote(place) for place in (self.source, self.target)):
            raise ValueError("there is another machine; write `login`")
        return self


class Transferred(BaseModel):
    """What was copied; `changed` is False when the same file was there already."""

    model_config = ConfigDict(frozen=True)

    bytes: int
    sha256: str
    changed: bool
