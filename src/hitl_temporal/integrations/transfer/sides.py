"""The two sides of a copy: a file of this machine, and one behind SFTP; both can do the same.

They raise what `os` and asyncssh raise.

Must not know: which side is the source.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol, cast

import asyncssh

__all__ = ["Local", "OverSftp", "Side"]

_PART_BYTES: Final = 256 * 1024


class Side(Protocol):
    """One file that may or may not be there, and its draft beside it."""

    async def is_there(self) -> bool:
        """Tell whether the file is there."""
        ...

    def read(self, *, draft: bool = False) -> AsyncGenerator[bytes]:
        """Yield what is in the file, or in its draft."""
        ...

    async def write_draft(self, parts: AsyncIterator[bytes]) -> None:
        """Write a draft anew, and have it on the disk."""
        ...

    async def publish(self, *, replace: bool) -> None:
        """Give the draft the name of the file; FileExistsError when another one has it and stays."""
        ...

    async def discard(self) -> None:
        """Take the draft away; none is no error."""
        ...


class Local:
    """A file of this machine."""

    def __init__(self, file: Path, mark: str) -> None:
        self._file = file
        self._draft = file.with_name(f".{file.name[:200]}.{mark}.part")

    async def is_there(self) -> bool:
        """Tell whether the file is there."""
        return await asyncio.to_thread(self._file.exists)

    async def read(self, *, draft: bool = False) -> AsyncGenerator[bytes]:
        """Yield what is in the file, or in its draft."""
        file = await asyncio.to_thread((self._draft if draft else self._file).open, "rb")
        try:
            while part := await asyncio.to_thread(file.read, _PART_BYTES):
                yield part
        finally:
            file.close()

    async def write_draft(self, parts: AsyncIterator[bytes]) -> None:
        """Write a draft anew, and have it on the disk."""
        file = await asyncio.to_thread(self._draft.open, "wb")
        try:
            async for part in parts:
                await asyncio.to_thread(file.write, part)
            await asyncio.to_thread(lambda: (file.flush(), os.fsync(file.fileno())))
        finally:
            file.close()

    async def publish(self, *, replace: bool) -> None:
        """Give the draft the name of the file; FileExistsError when another one has it and stays."""
        if replace:
            await asyncio.to_thread(self._draft.replace, self._file)
        else:  # a link is refused where a rename would replace
            await asyncio.to_thread(self._file.hardlink_to, self._draft)
            await self.discard()

    async def discard(self) -> None:
        """Take the draft away; none is no error."""
        await asyncio.to_thread(self._draft.unlink, missing_ok=True)


class OverSftp:
    """A file behind SFTP."""

    def __init__(self, client: asyncssh.SFTPClient, path: str, mark: str) -> None:
        self._client = client
        self._path = path
        folder, slash, name = path.rpartition("/")
        self._draft = f"{folder}{slash}.{name[:200]}.{mark}.part"

    async def is_there(self) -> bool:
        """Tell whether the file is there."""
        return await self._client.exists(self._path)

    async def read(self, *, draft: bool = False) -> AsyncGenerator[bytes]:
        """Yield what is in the file, or in its draft."""
        file = await self._client.open(self._draft if draft else self._path, "rb")
        try:
            while part := cast("bytes", await file.read(_PART_BYTES)):  # it was opened for bytes
                yield part
        finally:
            await file.close()

    async def write_draft(self, parts: AsyncIterator[bytes]) -> None:
        """Write a draft anew, and have it on the disk where the server can do that."""
        file = await self._client.open(self._draft, "wb")
        try:
            async for part in parts:
                await file.write(part)
            with suppress(asyncssh.SFTPOpUnsupported, asyncssh.SFTPFailure):
                await file.fsync()
        finally:
            await file.close()

    async def publish(self, *, replace: bool) -> None:
        """Give the draft the name of the file; FileExistsError when another one has it and stays."""
        if replace:
            await self._client.posix_rename(self._draft, self._path)
            return
        try:  # SFTP's own rename replaces nothing
            await self._client.rename(self._draft, self._path)
        except asyncssh.SFTPError:
            if await self.is_there():
                raise FileExistsError(self._path) from None
            raise

    async def discard(self) -> None:
        """Take the draft away; none is no error."""
        with suppress(asyncssh.SFTPError, OSError):
            await self._client.remove(self._draft)
