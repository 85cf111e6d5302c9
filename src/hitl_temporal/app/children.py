"""Processes that we start: each in a session of its own, its output in a log file, stopped kindly and then for good.

The pid file names them with their start times, so that those of a killed `hitl up` are found and ended, and a
stranger who got an old number is left alone.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

KINDLY = timedelta(seconds=10)


class Child:
    """One process."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self._process = process

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    async def wait(self) -> int:
        """Return its exit code once it has ended."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end, and make it after a while."""
        if not self.is_running:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(KINDLY.total_seconds()):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


async def spawn(name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None) -> Child:
    """Start a process whose output is appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,  # Ctrl-C is for us alone: we stop the others in order
            env={**os.environ, **(environment or {})},
        )
    return Child(name, process)


class PidFile:
    """Who runs on behalf of this state folder."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def owner(self) -> int | None:
        """Return the pid of the `hitl up` that runs here, None when there is none."""
        found = self._read().get("up")
        return found[0] if found and _started(found[0]) == found[1] else None

    def end_orphans(self) -> tuple[str, ...]:
        """End what a killed `hitl up` has left; return what was ended."""
        ended: list[str] = []
        for name, (pid, started) in self._read().items():
            if name != "up" and _started(pid) == started:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                ended.append(f"{name} ({pid})")
        self.remove()
        return tuple(ended)

    def write(self, children: Iterable[Child]) -> None:
        """Write down this process and its children."""
        pids = {"up": os.getpid(), **{c.name: c.pid for c in children if c.is_running}}
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps({name: [pid, _started(pid)] for name, pid in pids.items()}))
        draft.replace(self._file)

    def remove(self) -> None:
        """Forget everybody."""
        self._file.unlink(missing_ok=True)

    def _read(self) -> dict[str, tuple[int, str]]:
        try:
            found = json.loads(self._file.read_text())
            return {str(name): (int(pid), str(started)) for name, (pid, started) in found.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


def _started(pid: int) -> str:
    """Return when a process was started, in the words of `ps`; empty when there is none."""
    found = subprocess.run(  # noqa: S603 - a fixed command and a number
        ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607 - `ps` is where the system has it
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    return found.stdout.strip()
