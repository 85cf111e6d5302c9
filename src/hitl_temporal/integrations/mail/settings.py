"""Where mail is handed over, and as whom."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from hitl_temporal.domain.value import Value

__all__ = ["Settings"]


class Settings(Value):
    """A mail server.

    Attributes:
        tls: `starttls` speaks TLS once connected, `tls` from the first byte, `none` never: for one on this machine.
        username: None: the server asks for no login.
        sender: The address in `From`, with or without a name.
        timeout: Of each answer of the server.
    """

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    verify: bool = True
    username: str | None = None
    password: SecretStr | None = None
    sender: str
    timeout: timedelta = timedelta(seconds=30)
