"""Copies one file: into a draft beside its target, read back and compared, then renamed.

TemporaryError     no connection, one that broke, a full disk, no end in time: the next try begins anew
PermanentError     no such file, no permission, an unknown host key, a refused login, another file is there, the file is
                   not the one it should be, or too large

Must not know: flows, where secrets come from.
"""

import asyncio
import errno
import hashlib
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import asyncssh

from hitl_temporal.domain.duration import exact
from hitl_temporal.domain.words import shorten
from hitl_temporal.integrations.transfer.models import Login, Remote, Transfer, Transferred, remote
from hitl_temporal.integrations.transfer.sides import Local, OverSftp, Side
from hitl_temporal.ports import Connector, PermanentError, Places, TemporaryError

__all__ = ["connector"]

_NEVER: Final = (
    asyncssh.HostKeyNotVerifiable,
    asyncssh.PermissionDenied,
    asyncssh.KeyExchangeFailed,
    asyncssh.ProtocolNotSupported,
    asyncssh.IllegalUserName,
)
_LATER: Final = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.SFTPNoSpaceOnFilesystem)
_PASSES: Final = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EAGAIN, errno.EMFILE, errno.ENFILE),
        *(errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN),
    }
)


def connector(places: Places) -> Connector[Transfer, Transferred]:
    """Return `file.transfer`; local files are those that `places` allows."""

    async def run(transfer: Transfer, key: str) -> Transferred:
        mark = hashlib.sha256(key.encode()).hexdigest()[:12]
        try:
            async with asyncio.timeout(exact(transfer.timeout).total_seconds()), AsyncExitStack() as open_sides:
                source = await open_sides.enter_async_context(_side(transfer.source, transfer.login, places, mark))
                target = await open_sides.enter_async_context(_side(transfer.target, transfer.login, places, mark))
                return await _copy(transfer, source, target)
        except TimeoutError as error:
            raise TemporaryError(f"{_words(transfer)}: not done within {transfer.timeout}") from error
        except (asyncssh.Error, OSError) as error:
            said = f"{_words(transfer)}: {shorten(str(error) or type(error).__name__)}"
            raise (TemporaryError if _may_pass(error) else PermanentError)(said) from error

    return Connector("file.transfer", Transfer, Transferred, run)


@asynccontextmanager
async def _side(place: str, login: Login | None, places: Places, mark: str) -> AsyncGenerator[Side]:
    where = remote(place)
    if where is None:
        yield Local(places.path(place), mark)
        return
    assert login is not None, "checked by the model"
    connection = await _connect(where, login)
    try:
        yield OverSftp(await connection.start_sftp_client(), where.path, mark)
    finally:
        connection.close()
        await connection.wait_closed()


async def _connect(where: Remote, login: Login) -> asyncssh.SSHClientConnection:
    """Return a connection for which nothing of this machine's own SSH set-up counts."""
    passphrase, password = (None if s is None else s.get_secret_value() for s in (login.passphrase, login.password))
    try:
        keys = [] if login.key is None else [asyncssh.import_private_key(login.key.get_secret_value(), passphrase)]
    except (asyncssh.KeyImportError, ValueError) as error:
        raise PermanentError(f"the private key for {where.host!r} can't be read: {shorten(str(error))}") from None
    try:
        known = asyncssh.import_known_hosts(login.known_hosts)
    except ValueError as error:
        raise PermanentError(f"known_hosts for {where.host!r} can't be read: {shorten(str(error))}") from error
    return await asyncssh.connect(
        where.host,
        where.port,
        username=where.user,
        client_keys=keys or None,
        password=password,
        known_hosts=known,
        config=None,
        agent_path=None,
        preferred_auth="publickey,password,keyboard-interactive" if keys else "password,keyboard-interactive",
        keepalive_interval=15,  # a machine that is gone is noticed within a minute
    )


async def _copy(transfer: Transfer, source: Side, target: Side) -> Transferred:
    if await target.is_there() and not transfer.overwrite:
        return await _found_there(transfer, source, target)
    count = _Count(transfer.max_bytes)
    try:
        await target.write_draft(count.passing(source.read()))
        digest = _demanded(transfer, count)
        written = _Count(transfer.max_bytes)
        await written.drain(target.read(draft=True))
        if written.hexdigest != digest:
            raise TemporaryError(f"{_words(transfer)}: what was written is not what was read")
        await target.publish(replace=transfer.overwrite)
    except FileExistsError as error:
        raise _exists(transfer) from error
    finally:
        await target.discard()
    return Transferred(bytes=count.bytes, sha256=digest, changed=True)


async def _found_there(transfer: Transfer, source: Side, target: Side) -> Transferred:
    """Return that the same file is there already, as an earlier try has left it."""
    mine, theirs = _Count(transfer.max_bytes), _Count(transfer.max_bytes)
    await mine.drain(source.read())
    await theirs.drain(target.read())
    if _demanded(transfer, mine) != theirs.hexdigest:
        raise _exists(transfer)
    return Transferred(bytes=mine.bytes, sha256=mine.hexdigest, changed=False)


def _demanded(transfer: Transfer, count: "_Count") -> str:
    if transfer.sha256 not in {None, count.hexdigest}:
        raise PermanentError(f"{_words(transfer)}: the file is not the one it should be: sha256 {count.hexdigest}")
    return count.hexdigest


def _exists(transfer: Transfer) -> PermanentError:
    return PermanentError(f"{_words(transfer)}: another file is there; write `overwrite: true` to replace it")


class _Count:
    """Counts and digests what passes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._digest = hashlib.sha256()
        self.bytes = 0

    @property
    def hexdigest(self) -> str:
        """Of what has passed so far."""
        return self._digest.hexdigest()

    async def passing(self, parts: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """Yield the parts on."""
        try:
            async for part in parts:
                self.bytes += len(part)
                if self.bytes > self._most_bytes:
                    raise PermanentError(f"the file has more than {self._most_bytes} bytes; raise max_bytes")
                self._digest.update(part)
                yield part
        finally:
            await parts.aclose()

    async def drain(self, parts: AsyncGenerator[bytes]) -> None:
        """Count all of them."""
        async for _ in self.passing(parts):
            pass


def _may_pass(error: Exception) -> bool:
    match error:
        case asyncssh.SFTPError():
            return isinstance(error, _LATER)
        case asyncssh.Error():
            return not isinstance(error, _NEVER)
        case FileNotFoundError() | PermissionError() | IsADirectoryError() | NotADirectoryError() | FileExistsError():
            return False
        case OSError():  # a connection that was refused or cut, a full disk
            return isinstance(error, ConnectionError | socket.gaierror) or error.errno in _PASSES
        case _:
            return False


def _words(transfer: Transfer) -> str:
    return f"{shorten(transfer.source, 150)} to {shorten(transfer.target, 150)}"
