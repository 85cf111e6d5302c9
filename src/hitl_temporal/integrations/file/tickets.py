"""Keeps tickets in a file of what was done with them, one JSON object a line: for development and tests.

A ticket is what the lines about it say, so nothing is ever changed or lost; several processes may write the same file.
`{"doing": "closed", "ref": "T-1"}`, written by hand, closes a ticket as somebody in a real system would.
"""

import asyncio
import fcntl
import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import structlog

from hitl_temporal.domain.value import Json
from hitl_temporal.ports import PermanentError, TemporaryError, TicketFound

log = structlog.get_logger(__name__)

_T = TypeVar("_T")


class FileTickets:
    """A `Tickets` over one JSON-lines file."""

    name = "file"

    def __init__(self, file: Path) -> None:
        self._file = file

    async def find(self, key: str) -> TicketFound | None:
        """Return the open ticket of a key."""
        return await self._do(lambda lines, _: _open_one(lines, key))

    async def open(self, key: str, title: str, body: str, fields: Mapping[str, Json]) -> str:
        """Open a ticket, unless one with this key is open."""

        def opened(lines: list[dict[str, Any]], write: Callable[[dict[str, Any]], None]) -> str:
            found = _open_one(lines, key)
            if found is not None:
                return found.ref
            ref = f"T-{sum(line.get('doing') == 'opened' for line in lines) + 1}"
            write({"doing": "opened", "ref": ref, "ticket": key, "title": title, "text": body, "fields": dict(fields)})
            return ref

        return await self._do(opened)

    async def comment(self, ref: str, text: str, key: str) -> None:
        """Add a comment, once for its key."""
        await self._do(
            lambda lines, write: _add(lines, write, {"doing": "commented", "ref": ref, "text": text, "key": key})
        )

    async def resolve(self, ref: str, text: str, key: str) -> None:
        """Close a ticket, unless it is closed."""
        await self._do(
            lambda lines, write: _add(lines, write, {"doing": "resolved", "ref": ref, "text": text, "key": key})
        )

    async def _do(self, work: Callable[[list[dict[str, Any]], Callable[[dict[str, Any]], None]], _T]) -> _T:
        try:
            return await asyncio.to_thread(self._locked_do, work)
        except OSError as error:
            raise TemporaryError(f"tickets file {str(self._file)!r} can't be written: {error}") from error

    def _locked_do(self, work: Callable[[list[dict[str, Any]], Callable[[dict[str, Any]], None]], _T]) -> _T:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._locked(), self._file.open("a+b") as file:
            lines = _lines(file)

            def write(line: dict[str, Any]) -> None:
                file.write(json.dumps(line).encode() + b"\n")
                log.info("ticket.kept", doing=line["doing"], ref=line["ref"])

            return work(lines, write)

    @contextmanager
    def _locked(self) -> Generator[None]:
        with self._file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _lines(file: BinaryIO) -> list[dict[str, Any]]:
    """Return what the file says; half a line of a killed writer is closed, and does not count."""
    file.seek(0)
    text = file.read()
    if text and not text.endswith(b"\n"):
        file.write(b"\n")
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        try:
            read = json.loads(line)
        except ValueError:
            continue
        if isinstance(read, dict):
            found.append(read)  # pyright: ignore[reportUnknownArgumentType]
    return found


_CLOSES = frozenset({"resolved", "closed"})


def _open_one(lines: list[dict[str, Any]], key: str) -> TicketFound | None:
    closed = {line.get("ref") for line in lines if line.get("doing") in _CLOSES}
    opened = (str(line["ref"]) for line in lines if line.get("doing") == "opened" and line.get("ticket") == key)
    return next((TicketFound(ref) for ref in opened if ref not in closed), None)


def _add(lines: list[dict[str, Any]], write: Callable[[dict[str, Any]], None], line: dict[str, Any]) -> None:
    of_it = [found for found in lines if found.get("ref") == line["ref"]]
    if not of_it:
        raise PermanentError(f"there is no ticket {line['ref']!r}")
    is_closed = any(found.get("doing") in _CLOSES for found in of_it)
    if not any(found.get("key") == line["key"] for found in of_it) and not (is_closed and line["doing"] == "resolved"):
        write(line)
