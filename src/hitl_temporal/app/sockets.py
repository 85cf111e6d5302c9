"""Is a port free? Asked before anything is started, so that the answer names the setting and not a stack trace.

SocketError
├── PortTakenError    somebody listens there, or may not be asked to make room: another port is the way out
└── BadAddressError   this machine has no such address: no port of it would do
"""

import errno
import socket


class SocketError(Exception):
    """We can't listen there; the message names the setting to change."""


class PortTakenError(SocketError):
    """The port can't be had."""


class BadAddressError(SocketError):
    """The address is none of this machine."""


_NO_SUCH_ADDRESS = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def bind(host: str, port: int, setting: str) -> socket.socket:
    """Return a listening socket.

    Raises:
        BadAddressError: The address can't be had, whatever the port.
        PortTakenError: The port can't be had.
    """
    try:
        return _listening(host, port)
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that no name server could be asked for
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        if isinstance(error, UnicodeError | socket.gaierror) or error.errno in _NO_SUCH_ADDRESS:
            raise BadAddressError(
                f"no address {host!r} to listen on ({reason}); set HITL_HTTP_HOST to one of this machine"
            ) from error
        raise PortTakenError(
            f"port {port} on {host} can't be used ({reason}); stop what listens there, or set {setting} to a free port"
        ) from error


def check(host: str, port: int, setting: str) -> None:
    """Raise SocketError when the port can't be had."""
    bind(host, port, setting).close()


def _listening(host: str, port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(128)
    except BaseException:
        found.close()
        raise
    return found
