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
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Never

import structlog

from hitl_temporal.app.state import writing

log = structlog.get_logger(__name__)

KINDLY = timedelta(seconds=10)

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0
_SETTLED_SECONDS = 2.0
"""A process that has lived for so long did not die of how it was started."""

_DEAD_WITHIN_SECONDS = 5.0
"""A killed process is gone at once, unless it hangs in the kernel."""


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
    """Start a process whose output is appended to `log`.

    Raises:
        StateError: The log can't be written.
    """
    with writing(log):
        log.parent.mkdir(parents=True, exist_ok=True)
        opened = log.open("ab")
    with opened as out:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,  # Ctrl-C is for us alone: we stop the others in order
            env={**_own_environment(), **(environment or {})},
        )
    return Child(name, process)


def _own_environment() -> dict[str, str]:
    """Return our environment without Temporal's settings: the embedded server is meant, not the one they name."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    return ours | {"TEMPORAL_CONFIG_FILE": os.devnull}  # else the profile in the home folder still counts


async def keep(
    child: Child, again: Callable[[], Awaitable[Child]], log_file: Path, failures: tuple[type[Exception], ...]
) -> Never:
    """Start a process again whenever it has died; with a growing pause when it dies at once. Cancelled, stop it.

    Args:
        child: The one that runs now.
        again: Starts the next one.
        log_file: Where it says why it died.
        failures: Why `again` may fail; it is tried again then.
    """
    pause = _FIRST_PAUSE_SECONDS
    while True:
        code, lived = await _end_of(child)
        pause = _FIRST_PAUSE_SECONDS if lived > _SETTLED_SECONDS else min(pause * 2, _LONGEST_PAUSE_SECONDS)
        await log.awarning("process.died", process=child.name, code=code, log=str(log_file), again_in_seconds=pause)
        while True:
            await asyncio.sleep(pause)
            try:
                child = await again()
                break
            except failures as error:
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
                await log.awarning("process.not_started", process=child.name, reason=str(error), again_in_seconds=pause)


async def _end_of(child: Child) -> tuple[int, float]:
    """Return the exit code of a process, and for how many seconds it has lived; stop it when that is cancelled."""
    born = time.monotonic()
    try:
        return await child.wait(), time.monotonic() - born
    finally:
        await child.stop()


class PidFile:
    """Who runs on behalf of this state folder.

    Whatever writes it raises StateError when it can't be written.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._children: dict[str, Child] = {}

    def owner(self) -> int | None:
        """Return the pid of the `hitl up` that runs here, None when there is none."""
        found = self._read().get("up")
        return found[0] if found and _is_alive(*found) else None

    def end_orphans(self) -> tuple[str, ...]:
        """End what a killed `hitl up` has left, wait until it is gone, and return what was ended."""
        orphans = {name: who for name, who in self._read().items() if name != "up" and _is_alive(*who)}
        for pid, _ in orphans.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        give_up = time.monotonic() + _DEAD_WITHIN_SECONDS
        # They hold ports and files for as long as they are there.
        while any(_is_alive(*who) for who in orphans.values()) and time.monotonic() < give_up:
            time.sleep(0.02)
        self.remove()
        return tuple(f"{name} ({pid})" for name, (pid, _) in orphans.items())

    def claim(self) -> None:
        """Write down this process, which has no children yet."""
        self._write()

    def add(self, child: Child) -> None:
        """Write down a child, in the place of an earlier one of its name."""
        self._children[child.name] = child
        self._write()

    def remove(self) -> None:
        """Forget everybody."""
        with writing(self._file):
            self._file.unlink(missing_ok=True)

    def _write(self) -> None:
        pids = {"up": os.getpid(), **{name: c.pid for name, c in self._children.items() if c.is_running}}
        draft = self._file.with_suffix(".new")
        text = json.dumps({name: [pid, _started(pid)] for name, pid in pids.items()})
        with writing(draft):
            draft.write_text(text)
            draft.replace(self._file)

    def _read(self) -> dict[str, tuple[int, str]]:
        try:
            found = json.loads(self._file.read_text())
            return {str(name): (int(pid), str(started)) for name, (pid, started) in found.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


def _is_alive(pid: int, started: str) -> bool:
    """Tell whether the process that was started then is still there."""
    return bool(started) and _started(pid) == started


def _started(pid: int) -> str:
    """Return when a process was started, in the system's words; empty when there is none, or none but its remains."""
    state, _, started = (_of_proc(pid) if _PROC.exists() else _of_ps(pid)).partition(" ")
    # A zombie has ended; whoever started it has not looked yet (in a container often nobody ever does).
    return "" if state.startswith("Z") else started.strip()


_PROC = Path("/proc/self/stat")


def _of_proc(pid: int) -> str:
    """Return state and start of a process on Linux, where `ps` need not be installed."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{fields[0]} {boot}/{fields[19]}"  # Source: proc(5): `state` and `starttime`, counted from the boot


def _of_ps(pid: int) -> str:
    found = subprocess.run(  # noqa: S603 - a fixed command and a number
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],  # noqa: S607 - `ps` is where the system has it
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    return found.stdout.strip()
