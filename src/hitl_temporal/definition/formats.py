"""The formats of JSON Schema that are checked: those that need no further library, and three for networks.

Must not know: schemas, inputs.
"""

import re
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker

__all__ = ["FORMATS"]

FORMATS = FormatChecker(formats=())
"""A network is written without host bits: with 10.0.0.7/24 nobody can tell whether the network or the host is meant."""

for _format in ("date", "email", "idn-email", "ipv4", "ipv6", "regex", "uuid"):
    FORMATS.checkers[_format] = Draft202012Validator.FORMAT_CHECKER.checkers[_format]


@FORMATS.checks("ipv4-network", raises=ValueError)
def _is_ipv4_network(value: object) -> bool:
    return not isinstance(value, str) or bool(IPv4Network(value))


@FORMATS.checks("ipv6-network", raises=ValueError)
def _is_ipv6_network(value: object) -> bool:
    return not isinstance(value, str) or bool(IPv6Network(value))


@FORMATS.checks("ip-network", raises=ValueError)
def _is_ip_network(value: object) -> bool:
    return not isinstance(value, str) or bool(ip_network(value))


@FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    """RFC 3339: a date, a time and an offset."""
    if not isinstance(value, str):
        return True
    return "T" in value.upper() and datetime.fromisoformat(value.upper()).tzinfo is not None


@FORMATS.checks("time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(f"2000-01-01T{value.upper()}").tzinfo is not None


@FORMATS.checks("uri", raises=ValueError)
def _is_uri(value: object) -> bool:
    if not isinstance(value, str):
        return True
    parts = urlsplit(value)
    return bool(parts.scheme and (parts.netloc or parts.path)) and not re.search(r"\s", value)


@FORMATS.checks("hostname", raises=ValueError)
def _is_hostname(value: object) -> bool:
    label = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
    return not isinstance(value, str) or (len(value) <= 253 and bool(re.fullmatch(rf"{label}(\.{label})*", value)))
