"""Runs one container by the engine's command line.

TemporaryError     the engine does not answer or can't start it now, it took too long
PermanentError     no engine, an image that is not there, a command that can't be run, an exit code that is not
                   expected, too much output

The container's name is made of the key: a try that finds one that another has left takes it away first. Whatever ends
the step ends the container.

Source: docs.docker.com/engine/containers/run, "Exit status" (read 2026-12-01); podman-run(1) has the same.

Must not know: flows, where secrets come from.
"""

import asyncio
import hashlib
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from typing import Final

from hitl_temporal.domain.duration import exact
from hitl_temporal.domain.words import shorten
from hitl_temporal.integrations.container.models import Container, Finished
from hitl_temporal.ports import Connector, PermanentError, Places, TemporaryError

__all__ = ["connector", "name_of"]

_ENGINE_FAILED: Final = 125
_CANNOT_RUN: Final = {126: "the command can't be run", 127: "there is no such command"}
_NEVER: Final = (
    "no such image",
    "not found",
    "manifest unknown",
    "access denied",
    "denied:",
    "invalid reference",
    "unauthorized",
    "bind source path does not exist",
    "unknown flag",
)
"""What engines say of an image or a call that will not be there the next time either."""

_OF_THE_ENGINE: Final = re.compile(
    r"PATH$|HOME$|USER$|SHELL$|TMPDIR$|LD_|DYLD_|DOCKER_|BUILDKIT_|CONTAINER|PODMAN_|XDG_|GO|SSL_|.*_PROXY$",
    re.IGNORECASE,
)
"""Variables that the engine's own command goes by; they reach the container by the command line."""

_EXCERPT: Final = 500
_TIDY_WITHIN_SECONDS: Final = 20.0
"""An engine that does not even remove a container is left alone; the next try removes it."""


def connector(places: Places) -> Connector[Container, Finished]:
    """Return `container.run`; what containers see of this machine is what `places` allows."""

    async def run(container: Container, key: str) -> Finished:
        engine = _engine(container.engine)
        arguments, name = _arguments(container, key, places), name_of(key)
        await _remove(engine, name)
        try:
            async with asyncio.timeout(exact(container.timeout).total_seconds()):
                code, out, err = await _output(engine, arguments, _environment(container), container.max_bytes)
        except TimeoutError as error:
            raise TemporaryError(f"container {name!r}: not done within {container.timeout}; it was ended") from error
        finally:
            # A container lives in the engine, not below its command: it outlives the one that was cancelled.
            await asyncio.shield(_remove(engine, name))
        _judge(container, name, code, err)
        return Finished(exit_code=code, stdout=out, stderr=err, engine=os.path.basename(engine))  # noqa: PTH119 - a text

    return Connector("container.run", Container, Finished, run)


def name_of(key: str) -> str:
    """Return the name of the container of a piece of work."""
    return f"hitl-{hashlib.sha256(key.encode()).hexdigest()[:24]}"


def _engine(wanted: str) -> str:
    names = ("docker", "podman") if wanted == "auto" else (wanted,)
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise PermanentError(
            f"this machine has no {' or '.join(names)}; install it, or give the step a `pool` that has it"
        )
    return found


def _arguments(container: Container, key: str, places: Places) -> list[str]:
    arguments = ["run", "--rm", "--name", name_of(key), "--pull", container.pull]
    for name, value in container.env.items():
        arguments += ["--env", f"{name}={value}" if _OF_THE_ENGINE.match(name) else name]
    for mount in container.mounts:
        source = str(places.path(mount.source))
        if "," in source:
            raise PermanentError(f"mount {mount.source!r}: the engine takes no path with a comma")
        read_only = ",readonly" if mount.read_only else ""
        arguments += ["--mount", f"type=bind,source={source},target={mount.target}{read_only}"]
    return [*arguments, container.image, *container.command]


def _environment(container: Container) -> dict[str, str]:
    """Return what the engine's command sees: the container's variables, but for those that would change the engine."""
    given = {name: value for name, value in container.env.items() if not _OF_THE_ENGINE.match(name)}
    return {**os.environ, **given}


async def _output(
    engine: str, arguments: Sequence[str], environment: Mapping[str, str], most_bytes: int
) -> tuple[int, str, str]:
    """Return exit code and both outputs of a command; one that is not waited for any more is killed."""
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            engine, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment
        )
    except (OSError, ValueError) as error:
        raise PermanentError(f"{engine!r} can't be run: {shorten(str(error))}") from error
    assert process.stdout is not None, "it is a pipe"
    assert process.stderr is not None, "it is a pipe"
    streams = (process.stdout, process.stderr)
    try:
        out, err = await asyncio.gather(*(_read(stream, most_bytes, process) for stream in streams))
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()  # asyncio takes a process for ended only when its pipes have been read
    if max(len(out), len(err)) > most_bytes:
        raise PermanentError(f"more than {most_bytes} bytes of output; write them to a mounted folder")
    return code, out.decode(errors="replace"), err.decode(errors="replace")


async def _read(stream: asyncio.StreamReader, most_bytes: int, process: asyncio.subprocess.Process) -> bytes:
    """Return what a process writes; as soon as it is more than this, the process is killed and the rest is dropped."""
    found = bytearray()
    while part := await stream.read(65_536):
        if len(found) <= most_bytes:
            found += part
            if len(found) > most_bytes and process.returncode is None:
                process.kill()
    return bytes(found)


async def _remove(engine: str, name: str) -> None:
    """End and remove the container of this name; that there is none is no error.

    That the engine is away is told by what is asked of it next.
    """
    process = await asyncio.create_subprocess_exec(
        engine,
        *("rm", "--force", name),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_TIDY_WITHIN_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _judge(container: Container, name: str, code: int, err: str) -> None:
    if code in container.expect:
        return
    tail = shorten(err.strip()[-_EXCERPT:], _EXCERPT)
    said = f"container {name!r} of {container.image!r}"
    if code == _ENGINE_FAILED:
        is_for_good = any(word in err.lower() for word in _NEVER)
        raise (PermanentError if is_for_good else TemporaryError)(f"{said} was not started: {tail}")
    why = _CANNOT_RUN.get(code, f"exit code {code}")
    raise PermanentError(f"{said}: {why}: {tail}" if tail else f"{said}: {why}")
