"""One call of the command: who calls, where the service is, whether JSON is wanted.

Settings and the HTTP client are made when a command first needs them, so that `hitl --help` loads neither.

Must not know: what the commands do.
"""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from hitl_temporal.cli.errors import UsageError

if TYPE_CHECKING:
    import httpx

    from hitl_temporal.app.settings import Settings
    from hitl_temporal.client import Client


@dataclass(frozen=True, slots=True)
class World:
    """What a test replaces.

    Attributes:
        transport: Stands in for the network; None: the network.
        sleep: Waits for so many seconds.
        clock: Seconds that only grow.
    """

    transport: "httpx.BaseTransport | None" = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


@dataclass
class Session:
    """What every command is given.

    Attributes:
        as_user: From `--as`; None: the environment says who calls.
        as_json: Whether the answer is printed as JSON.
    """

    world: World = field(default_factory=World)
    as_user: str | None = None
    as_json: bool = False

    def hear(self, as_user: str | None, *, is_json: bool) -> None:
        """Take what stands before the name of a command; what stands after it goes first."""
        self.as_user = as_user or self.as_user
        self.as_json = is_json or self.as_json

    @cached_property
    def settings(self) -> "Settings":
        """The environment, the project's pyproject.toml, and defaults.

        Raises:
            UsageError: One of them holds what it can't mean.
        """
        from tomllib import TOMLDecodeError

        from pydantic import ValidationError

        from hitl_temporal.app.settings import Settings
        from hitl_temporal.domain.problems import first_problem

        try:
            return Settings()
        except ValidationError as error:
            where, _, what = first_problem(error).partition(": ")
            raise UsageError(f"HITL_{where.upper()}: {what}; mend the environment or [tool.hitl]") from error
        except TOMLDecodeError as error:
            raise UsageError(f"pyproject.toml: {error}; mend it") from error

    @cached_property
    def client(self) -> "Client":
        """The HTTP service as the caller sees it: `--as` goes before HITL_TOKEN, and that before HITL_USER."""
        from hitl_temporal.client import Client

        return Client(self.settings.base_url, token=self._token, transport=self.world.transport, sleep=self.world.sleep)

    @property
    def _token(self) -> str | None:
        token, user = self.settings.token, self.settings.user
        if self.as_user is None and token is not None:
            return token.get_secret_value()
        person = self.as_user or user
        return f"dev:{person}" if person else None
