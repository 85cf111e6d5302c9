"""Runs one command over SSH.

TemporaryError     no connection, or one that broke before the command began; later, if the command is idempotent
PermanentError     an unknown host key, a refused login, a key that can't be read, an exit code that is not expected,
                   too much output; a command that was cut off and is not idempotent: nobody knows how far it came

Nothing of this machine's own SSH set-up counts: no configuration, agent, keys or known hosts.

Must not know: flows, where secrets come from.
"""

import asyncio
from contextlib import suppress
from typing import Any, Final

import asyncssh

from hitl_temporal.domain.duration import exact
from hitl_temporal.domain.words import shorten
from hitl_temporal.integrations.ssh.models import Command, Finished
from hitl_temporal.ports import Connector, PermanentError, TemporaryError

__all__ = ["connector"]

_NEVER: Final = (
    asyncssh.HostKeyNotVerifiable,
    asyncssh.PermissionDenied,
    asyncssh.KeyExchangeFailed,
    asyncssh.ProtocolNotSupported,
    asyncssh.IllegalUserName,
)
_EXCERPT: Final = 500
"""Characters of the end of `stderr` that an error tells."""


def connector() -> Connector[Command, Finished]:
    """Return `shell.ssh`."""
    return Connector("shell.ssh", Command, Finished, _run, lambda command: not command.idempotent)


async def _run(command: Command, _key: str) -> Finished:
    where = f"{command.user}@{command.host}:{command.port}"
    options = _options(command, where)
    has_begun = False
    try:
        async with asyncio.timeout(exact(command.timeout).total_seconds()):
            connection = await asyncssh.connect(**options)
            try:
                has_begun = True
                return await _finished(connection, command, where)
            finally:
                connection.close()
                await connection.wait_closed()
    except TimeoutError as error:
        raise _cut_off(f"{where}: not done within {command.timeout}", command, has_begun=has_begun) from error
    except _NEVER as error:
        raise PermanentError(f"{where}: {_words(error)}") from error
    except (asyncssh.Error, OSError) as error:
        raise _cut_off(f"{where}: {_words(error)}", command, has_begun=has_begun) from error


def _options(command: Command, where: str) -> dict[str, Any]:
    try:
        passphrase = None if command.passphrase is None else command.passphrase.get_secret_value()
        key = asyncssh.import_private_key(command.key.get_secret_value(), passphrase)
    except (asyncssh.KeyImportError, ValueError) as error:
        raise PermanentError(f"{where}: the private key can't be read: {_words(error)}") from None
    try:
        known = asyncssh.import_known_hosts(command.known_hosts)
    except ValueError as error:
        raise PermanentError(f"{where}: known_hosts can't be read: {_words(error)}") from error
    return {
        "host": command.host,
        "port": command.port,
        "username": command.user,
        "client_keys": [key],
        "known_hosts": known,
        "config": None,
        "agent_path": None,
        "password": None,
        "preferred_auth": "publickey",
        "keepalive_interval": 15,  # a machine that is gone is noticed within a minute
    }


async def _finished(connection: asyncssh.SSHClientConnection, command: Command, where: str) -> Finished:
    process: asyncssh.SSHClientProcess[bytes] = await connection.create_process(command.line, encoding=None)
    try:
        with suppress(BrokenPipeError):  # a command need not read what it is given
            process.stdin.write(command.input.encode())
            process.stdin.write_eof()
        both = (process.stdout, process.stderr)
        out, err = await asyncio.gather(*(_read(stream, command.max_bytes, where) for stream in both))
        await process.wait_closed()
    finally:
        process.close()
    if process.exit_status is None:
        raise asyncssh.ConnectionLost("it ended without an exit code")
    if process.exit_status not in command.expect:
        said = f"{where}: exit code {process.exit_status}"
        tail = err.strip()[-_EXCERPT:]
        raise PermanentError(f"{said}: {shorten(tail, _EXCERPT)}" if tail else said)
    return Finished(exit_code=process.exit_status, stdout=out, stderr=err)


async def _read(stream: asyncssh.SSHReader[bytes], most_bytes: int, where: str) -> str:
    found = bytearray()
    while part := await stream.read(65_536):
        found += part
        if len(found) > most_bytes:
            raise PermanentError(f"{where}: more than {most_bytes} bytes of output; write them to a file there")
    return found.decode(errors="replace")


def _cut_off(said: str, command: Command, *, has_begun: bool) -> TemporaryError | PermanentError:
    """Return what a broken connection is: a command that may have done half of its work is not begun again."""
    if not has_begun or command.idempotent:
        return TemporaryError(said)
    return PermanentError(f"{said}; it is in doubt how far the command came: look there, then rerun or finish the step")


def _words(error: Exception) -> str:
    return shorten(str(error) or type(error).__name__)
