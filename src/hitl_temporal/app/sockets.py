"""Is a port free? Asked before anything is started, so that the answer names the setting and not a stack trace."""

import socket


class PortTakenError(Exception):
    """Somebody listens there already; the message names the setting to change."""


def bind(host: str, port: int, setting: str) -> socket.socket:
    """Return a listening socket.

    Raises:
        PortTakenError: It can't be had.
    """
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen(128)
    except OSError as error:
        found.close()
        raise PortTakenError(
            f"port {port} on {host} can't be used ({error.strerror or error}); stop what listens there, "
            f"or set {setting} to a free port"
        ) from error
    return found


def check(host: str, port: int, setting: str) -> None:
    """Raise PortTakenError when the port is taken."""
    bind(host, port, setting).close()
