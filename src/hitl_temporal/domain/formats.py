"""The formats of JSON Schema that are checked: those that need no further library, and three for networks.

Must not know: schemas, inputs, forms.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from urllib.parse import urlsplit

__all__ = ["FORMATS", "is_of"]

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_HOSTNAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")


def _is_date(text: str) -> bool:
    return bool(_DATE.fullmatch(text) and date.fromisoformat(text))


def _is_date_time(text: str) -> bool:
    """RFC 3339: a date, a time and an offset."""
    return "T" in text.upper() and datetime.fromisoformat(text.upper()).tzinfo is not None


def _is_time(text: str) -> bool:
    return datetime.fromisoformat(f"2000-01-01T{text.upper()}").tzinfo is not None


def _is_ipv6(text: str) -> bool:
    return IPv6Address(text).scope_id is None


def _is_regex(text: str) -> bool:
    return bool(re.compile(text))


def _is_uri(text: str) -> bool:
    parts = urlsplit(text)
    return bool(parts.scheme and (parts.netloc or parts.path)) and not re.search(r"\s", text)


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "date": _is_date,
    "date-time": _is_date_time,
    "email": lambda text: "@" in text,
    "hostname": lambda text: len(text) <= 253 and bool(_HOSTNAME.fullmatch(text)),
    "idn-email": lambda text: "@" in text,
    "ip-network": lambda text: bool(ip_network(text)),
    "ipv4": lambda text: bool(IPv4Address(text)),
    "ipv4-network": lambda text: bool(IPv4Network(text)),
    "ipv6": _is_ipv6,
    "ipv6-network": lambda text: bool(IPv6Network(text)),
    "regex": _is_regex,
    "time": _is_time,
    "uri": _is_uri,
    "uuid": lambda text: bool(_UUID.fullmatch(text)),
}
"""What tells whether a text is of a format; it may raise what `is_of` knows of.

A network is written without host bits: with 10.0.0.7/24 nobody can tell whether the network or the host is meant.
"""


def is_of(name: str, text: str) -> bool:
    """Return whether a text is of the format; anything is of a format that nothing checks.

    A document that names such a format has been warned of when it was read.
    """
    try:
        return name not in FORMATS or FORMATS[name](text)
    except (ValueError, OverflowError, RecursionError, re.error):
        return False
