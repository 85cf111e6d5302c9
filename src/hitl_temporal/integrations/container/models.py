"""What `container.run` takes and gives.

Must not know: engines.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from hitl_temporal.domain.duration import ExactDuration
from hitl_temporal.domain.value import Value

__all__ = ["Container", "Finished", "Mount"]

_IMAGE = r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$"


class Mount(Value):
    """A folder or file of this machine that the container sees.

    Attributes:
        source: A path in the project, or in a folder that was opened to flows.
    """

    source: Annotated[str, Field(min_length=1, max_length=4_000)]
    target: Annotated[str, Field(pattern=r"^/[^,\x00-\x1f]+$", max_length=4_000)]
    read_only: bool = True


class Container(Value):
    """One container, which is gone afterwards.

    Attributes:
        command: Program and arguments; empty: what the image says.
        env: Reaches the container by the engine's environment, not by its command line, which others may read; but for
            names that the engine itself goes by, such as `PATH` and `DOCKER_HOST`.
        engine: `auto` is `docker` if it is there, else `podman`.
        pull: When the image is fetched.
        expect: Exit codes that are a success.
        max_bytes: Of each of both outputs; what is more is an error.
    """

    image: Annotated[str, Field(pattern=_IMAGE, max_length=500)]
    command: tuple[Annotated[str, Field(pattern=r"^[^\x00]*$")], ...] = ()
    env: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str] = Field(default_factory=dict)
    mounts: Annotated[tuple[Mount, ...], Field(max_length=20)] = ()
    engine: Literal["auto", "docker", "podman"] = "auto"
    pull: Literal["missing", "always", "never"] = "missing"
    timeout: ExactDuration = "5m"
    expect: tuple[Annotated[int, Field(ge=0, le=255)], ...] = Field(default=(0,), min_length=1)
    max_bytes: Annotated[int, Field(ge=1, le=100_000)] = 50_000


class Finished(BaseModel):
    """What the command left."""

    model_config = ConfigDict(frozen=True)

    exit_code: int
    stdout: str
    stderr: str
    engine: str
