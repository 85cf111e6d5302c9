"""What `shell.ssh` takes and gives.

Must not know: how a connection is made.
"""

import shlex
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from hitl_temporal.domain.duration import ExactDuration
from hitl_temporal.domain.value import Value

__all__ = ["Command", "Finished"]

_HOST = r"^[A-Za-z0-9]([A-Za-z0-9._:-]*[A-Za-z0-9])?$"


class Command(Value):
    """One command.

    Attributes:
        command: A list is program and arguments, each of them quoted; a text is left to the other side's shell.
        key: A private key in OpenSSH's or PEM format.
        passphrase: Of that key.
        known_hosts: Lines of a `known_hosts` file; a host whose key is not in them is refused.
        timeout: Of the command, with the connection.
        expect: Exit codes that are a success.
        idempotent: Whether it may be begun again when the connection broke in the middle of it.
        max_bytes: Of each of both outputs; what is more is an error.
    """

    host: Annotated[str, Field(pattern=_HOST, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    user: Annotated[str, Field(pattern=r"^[^\s\x00-\x1f]{1,100}$")]
    command: Annotated[str, Field(min_length=1, max_length=100_000)] | Annotated[tuple[str, ...], Field(min_length=1)]
    key: SecretStr
    passphrase: SecretStr | None = None
    known_hosts: Annotated[str, Field(min_length=1, max_length=100_000)]
    input: Annotated[str, Field(max_length=1_000_000)] = ""
    timeout: ExactDuration = "5m"
    expect: tuple[Annotated[int, Field(ge=0, le=255)], ...] = Field(default=(0,), min_length=1)
    idempotent: bool = False
    max_bytes: Annotated[int, Field(ge=1, le=100_000)] = 50_000

    @property
    def line(self) -> str:
        """The command as the other side's shell gets it."""
        return self.command if isinstance(self.command, str) else shlex.join(self.command)


class Finished(BaseModel):
    """What the command left."""

    model_config = ConfigDict(frozen=True)

    exit_code: int
    stdout: str
    stderr: str
