"""A real SSH server on loopback, with its keys."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh


@dataclass(frozen=True)
class House:
    """Where it is, whom it lets in (`ann`), and what its known hosts are."""

    port: int
    key: str
    known_hosts: str


@asynccontextmanager
async def ssh_server(
    process: Callable[[asyncssh.SSHServerProcess[bytes]], Coroutine[Any, Any, None]] | None = None,
    root: Path | None = None,
) -> AsyncIterator[House]:
    """Run a server that lets one key in; `process` runs its commands, `root` is what SFTP shows."""
    host, client = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    sftp = (lambda channel: asyncssh.SFTPServer(channel, chroot=str(root).encode())) if root else None
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host],
        authorized_client_keys=asyncssh.import_authorized_keys(client.export_public_key().decode()),
        process_factory=process,
        sftp_factory=sftp,
        encoding=None,
    )
    port = server.sockets[0].getsockname()[1]
    public = host.export_public_key().decode().strip()
    try:
        yield House(port, client.export_private_key().decode(), f"[127.0.0.1]:{port} {public}\n")
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)
