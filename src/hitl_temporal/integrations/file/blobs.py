"""Keeps blobs in a folder, one file for each, named by the SHA-256 of what it holds.

Several processes and hosts may share the folder: a file appears whole or not at all, and never changes. A blob that is
kept again has its time set to now, so that files may be deleted by age.
"""

import asyncio
import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from hitl_temporal.domain.blobs import is_digest
from hitl_temporal.ports import PermanentError, TemporaryError

__all__ = ["FileBlobs"]


class FileBlobs:
    """`Blobs` over one folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made when the first blob is kept."""
        self._folder = folder

    async def put(self, content: bytes) -> str:
        """Write a file unless it is there and sound; a damaged one is replaced.

        Raises:
            TemporaryError: The folder can't be written.
        """
        try:
            return await asyncio.to_thread(self._put, content)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise TemporaryError(f"blobs can't be kept in {str(self._folder)!r} ({why}); mend HITL_BLOBS") from error

    async def get(self, digest: str) -> bytes:
        """Read a file, and see that it holds what its name says.

        Raises:
            PermanentError: There is none of this name, or it holds something else.
            TemporaryError: It can't be read.
        """
        if not is_digest(digest):
            raise PermanentError(f"{digest[:80]!r} is no digest; it is written sha256: and 64 hexadecimal digits")
        try:
            return await asyncio.to_thread(self._get, digest)
        except FileNotFoundError:
            raise PermanentError(
                f"the blob {digest!r} is not in {str(self._folder)!r} on this machine; "
                "let all workers share HITL_BLOBS, or rerun the step that gave it"
            ) from None
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise TemporaryError(f"the blob {digest!r} can't be read ({why}); mend HITL_BLOBS") from error

    def _put(self, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        file = self._file(digest)
        with suppress(FileNotFoundError, PermanentError):
            self._get(digest)
            os.utime(file)
            return digest
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=".", dir=file.parent)
        try:
            with os.fdopen(number, "wb") as written:
                written.write(content)
                written.flush()
                os.fsync(number)
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _settle(file.parent)
        return digest

    def _get(self, digest: str) -> bytes:
        content = self._file(digest).read_bytes()
        if hashlib.sha256(content).hexdigest() != digest.removeprefix("sha256:"):
            raise PermanentError(
                f"the blob {digest!r} in {str(self._folder)!r} is damaged: it holds something else than was kept; "
                "rerun the step that gave it"
            )
        return content

    def _file(self, digest: str) -> Path:
        name = digest.removeprefix("sha256:")
        return self._folder / name[:2] / name


def _settle(folder: Path) -> None:
    """Have a folder's new entry survive a power cut."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
