"""Settings: from the environment (`HITL_*`), else `[tool.hitl]` of the project's pyproject.toml, else a default.

Secrets come from files or the environment, never from documents.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    PyprojectTomlConfigSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import override

from hitl_temporal.domain.duration import DurationError, fixed


def _length(value: object) -> object:
    """Read a length of time as documents write it."""
    if not isinstance(value, str):
        return value
    length = fixed(value)
    if length is None:
        raise DurationError(f"{value!r} counts working time; write it in s, m or h")
    return length


Length = Annotated[timedelta, BeforeValidator(_length)]
"""A length of time, written like `30s` or `2m`."""


class Settings(BaseSettings):
    """Everything that may differ between two installations; passed in, never read from globals."""

    model_config = SettingsConfigDict(env_prefix="HITL_", extra="ignore", pyproject_toml_table_header=("tool", "hitl"))

    project: Path = Path()
    """The project's folder, which holds `workflows/` and `activities/`; default: the working directory."""

    state: Path = Path(".hitl")
    """Where the embedded server, the audit store, messages and the pid file lie; relative to the working directory."""

    task_queue: str = "hitl"
    """What workers poll and clients start on."""

    http_host: str = "127.0.0.1"
    """Loopback by default: the development identity is refused on any other."""

    http_port: int = Field(default=8080, ge=1, le=65535)
    """Of the HTTP service."""

    temporal_port: int = Field(default=7233, ge=1, le=65535)
    """Of the embedded Temporal server."""

    temporal_ui_port: int = Field(default=8233, ge=1, le=65535)
    """Of the embedded Temporal server's UI."""

    temporal_patience: Length = timedelta(seconds=30)
    """How long `hitl worker` and `hitl serve` try to reach Temporal before they give up: longer than its restart."""

    url: str | None = None
    """Where commands find the HTTP service; None: the loopback address with `http_port`."""

    token: SecretStr | None = None
    """The bearer token that commands send."""

    user: str | None = None
    """The development identity that commands send when there is no token (`--as` goes first)."""

    worker_cached_workflows: int = Field(default=500, ge=0)
    """About 0.3 MB each (measured); a workflow that is not cached costs a few milliseconds more."""

    secrets: Path | None = None
    """A folder that holds one file for each secret; None: secrets come from `HITL_SECRET_<NAME>` alone."""

    blobs: Path | None = None
    """A folder for large outputs, which all workers and agents share; None: `blobs` in the state folder."""

    worker_slots: int = Field(default=20, ge=1)
    """How many commands and other activities an agent (`hitl worker --pool`) does at once; `--slots` goes first."""
    smtp_host: str | None = None
    """The mail server to which `email.send` hands over; None: there is none."""

    smtp_port: int = Field(default=587, ge=1, le=65535)
    """Of the mail server: 587 with `starttls`, 465 with `tls`, mostly."""

    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    """When TLS begins: once connected, with the first byte, or never, for a server on this machine."""

    smtp_verify: bool = True
    """Whether the mail server's certificate is checked; false is for tests alone."""

    smtp_username: str | None = None
    """The login at the mail server; None: it wants none."""

    smtp_password: SecretStr | None = None
    """Of that login."""

    smtp_from: str | None = None
    """The sender of mails, an address with or without a name; None: `hitl@` and the mail server's name."""

    smtp_timeout: Length = timedelta(seconds=30)
    """How long each answer of the mail server may take."""

    open_folders: tuple[Path, ...] = ()
    """Folders beside the project's whose files flows may read and write, as a JSON list."""

    @property
    def base_url(self) -> str:
        """Where the HTTP service is, without a slash at the end."""
        return (self.url or f"http://127.0.0.1:{self.http_port}").rstrip("/")

    @property
    def audit_file(self) -> Path:
        """The SQLite store of the audit trail."""
        return self.state / "audit.db"

    @property
    def blobs_folder(self) -> Path:
        """Where large outputs lie."""
        return self.blobs or self.state / "blobs"

    @property
    def messages_file(self) -> Path:
        """Where the file channel writes what people are told, one JSON object a line."""
        return self.state / "messages.jsonl"

    @property
    def tickets_file(self) -> Path:
        """Where tickets are kept until a ticket system is set up, one JSON object a line."""
        return self.state / "tickets.jsonl"

    @override
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment before pyproject.toml."""
        return (init_settings, env_settings, PyprojectTomlConfigSettingsSource(settings_cls))
