"""Writes messages to a file that can be tailed, and to the log.

Several processes may write the same file: a lock file serialises them, and a key that stands in the file already is
not written again.
"""

import asyncio
import fcntl
import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import structlog

from hitl_temporal.domain.approval.message import Message
from hitl_temporal.ports import TemporaryError

log = structlog.get_logger(__name__)


class FileNotifier:
    """A `Notifier` over one JSON-lines file."""

    name = "file"

    def __init__(self, file: Path) -> None:
        self._file = file
        self._sent: set[str] = set()
        self._read_bytes = 0

    async def send(self, message: Message) -> str:
        """Append the message unless its key is there already; return the key as reference.

        Raises:
            TemporaryError: The file can't be written now.
        """
        try:
            is_new = await asyncio.to_thread(self._append, message)
        except OSError as error:
            raise TemporaryError(f"messages file {str(self._file)!r} can't be written: {error}") from error
        if is_new:
            await log.ainfo("message.sent", approval=message.approval, occasion=message.occasion, person=message.person)
        return message.key

    def _append(self, message: Message) -> bool:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._locked(), self._file.open("a+b") as file:
            if message.key in self._keys(file):
                return False
            # ASCII: no separator hidden in somebody's text may look like the end of a line to another reader.
            line = json.dumps(message.model_dump(mode="json")).encode() + b"\n"
            file.write(line)
            return True

    def _keys(self, file: BinaryIO) -> set[str]:
        """Return the keys in the file, reading only what has been added since the last time.

        A writer that was killed may have left half a line; it is closed here and does not count as sent.
        """
        file.seek(self._read_bytes)
        news = file.read()
        if news and not news.endswith(b"\n"):
            file.write(b"\n")
            news += b"\n"
        self._read_bytes += len(news)
        for line in news.splitlines():
            try:
                self._sent.add(json.loads(line)["key"])
            except (ValueError, KeyError, TypeError):
                log.warning("messages.line_broken", file=str(self._file))
        return self._sent

    @contextmanager
    def _locked(self) -> Generator[None]:
        with self._file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
