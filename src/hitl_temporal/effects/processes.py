"""One child process with all that it starts: its output as it comes, and its end.

The child leads a session and a process group of its own, so that a signal reaches its children, too. What it leaves
running in its group when it ends is ended with it; who wants a daemon starts it with `setsid` or a service manager.

Must not know: what is run, secrets, Temporal.
"""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

__all__ = ["ChildProcess", "Tail", "start"]

_LOOK_AGAIN_SECONDS = 0.05
_DRAIN_SECONDS = 2.0
"""For those who were killed, and for what is left in the pipes: somebody outside of the group may hold them open."""
_CHUNK_BYTES = 64 * 1024


class Tail:
    """The end of a stream, in bounded memory."""

    def __init__(self, keep_bytes: int) -> None:
        self._keep_bytes = keep_bytes
        self._kept = bytearray()
        self.written_bytes = 0

    def feed(self, chunk: bytes) -> None:
        """Take what comes next."""
        self.written_bytes += len(chunk)
        self._kept += chunk
        if len(self._kept) > 2 * self._keep_bytes:  # so that bytes are moved once in a while, not each time
            del self._kept[: -self._keep_bytes]

    @property
    def end(self) -> bytes:
        """The last bytes, as many as are kept."""
        return bytes(self._kept[-self._keep_bytes :])


class ChildProcess:
    """A process that runs."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reading: Sequence[asyncio.Task[None]],
        pipes: Sequence[asyncio.ReadTransport],
    ) -> None:
        self._process = process
        self._reading = reading
        self._pipes = pipes

    async def exit_code(self) -> int:
        """Wait for its end; return 0 to 255, 128 and the number of the signal that ended it."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    async def end(self, grace: timedelta) -> None:
        """End what still runs of its group: SIGTERM, after the grace SIGKILL; then take what is left in its pipes."""
        if self._signal(signal.SIGTERM) and not await self._is_gone(grace.total_seconds()):
            self._signal(signal.SIGKILL)
            await self._is_gone(_DRAIN_SECONDS)
        with suppress(TimeoutError):  # one that may not be signalled, such as sudo, is left to itself
            async with asyncio.timeout(_DRAIN_SECONDS):
                await self._process.wait()
        _, late = await asyncio.wait(self._reading, timeout=_DRAIN_SECONDS)
        for task in late:
            task.cancel()
        for pipe in self._pipes:
            pipe.close()

    async def _is_gone(self, within_seconds: float) -> bool:
        """Wait for the end of the group, of which nobody tells; return whether it came in time."""
        deadline = asyncio.get_running_loop().time() + within_seconds
        while self._signal(0):
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return False
            await asyncio.sleep(min(_LOOK_AGAIN_SECONDS, left))
        return True

    def _signal(self, number: int) -> bool:
        """Send a signal to the group (0: none); tell whether there was anybody whom it may reach."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):  # gone; or, on macOS, all of them dead and not yet collected
            return False
        return True


async def start(
    argv: Sequence[str], *, environment: Mapping[str, str], cwd: Path, stdout: Tail, stderr: Tail
) -> ChildProcess:
    """Start a process whose output is read from now on; its stdin is empty.

    Raises:
        OSError: It can't be started.
    """
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out_write,
            stderr=err_write,
            env=dict(environment),
            cwd=cwd,
            start_new_session=True,
        )
    except BaseException:
        os.close(out_read)
        os.close(err_read)
        raise
    finally:
        os.close(out_write)
        os.close(err_write)
    opened = [await _open(out_read), await _open(err_read)]
    tails = (stdout, stderr)
    reading = [asyncio.create_task(_read(reader, tail)) for (reader, _), tail in zip(opened, tails, strict=True)]
    return ChildProcess(process, reading, [pipe for _, pipe in opened])


async def _open(descriptor: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    reader = asyncio.StreamReader(limit=_CHUNK_BYTES)
    loop = asyncio.get_running_loop()
    pipe, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    return reader, pipe


async def _read(reader: asyncio.StreamReader, tail: Tail) -> None:
    while chunk := await reader.read(_CHUNK_BYTES):
        tail.feed(chunk)
