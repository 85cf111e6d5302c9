"""How risky a firewall opening is: what a port, a source and the present rules weigh, and why.

Must not know: files, the activities, who decides at which score.
"""

from ipaddress import ip_network
from typing import Final, NamedTuple

from pydantic import BaseModel, Field

from .nftables import Chain, Network, Rule, Ruleset, Traffic

__all__ = [
    "ALREADY_OPEN",
    "ANY",
    "DENIED",
    "OTHER_PORT",
    "OVERLAPPING",
    "PUBLIC",
    "SERVICES",
    "SIZES",
    "UNREAD",
    "Assessment",
    "Factor",
    "weigh",
]


class Factor(BaseModel, frozen=True):
    """One reason why a score is what it is; a negative weight lowers it."""

    name: str
    weight: float
    reason: str


class Assessment(BaseModel, frozen=True):
    """How risky an opening is.

    Attributes:
        score: The sum of the weights, from 0 (harmless) to 1.
        overlaps: The rules that decide about some of the same traffic, as written, in the order packets meet them.
        already_open: Whether all of it is let in today.
        unread: What could not be understood, so was not weighed: `line N: text (why)`.
    """

    score: float = Field(ge=0, le=1)
    factors: tuple[Factor, ...]
    overlaps: tuple[str, ...]
    already_open: bool
    unread: tuple[str, ...] = ()


class _Service(NamedTuple):
    ports: tuple[int, ...]
    weight: float
    what: str


SERVICES: Final = (
    _Service((443,), 0.05, "HTTPS"),
    _Service((53, 80, 123), 0.1, "DNS, HTTP and NTP"),
    _Service((161, 389, 636), 0.3, "SNMP and directories"),
    _Service((21, 22), 0.35, "shells and file transfer"),
    _Service((111, 1433, 1521, 2049, 3306, 5432), 0.4, "databases and NFS"),
    _Service((5900, 5985, 5986, 6443, 10250), 0.4, "VNC, WinRM and Kubernetes"),
    _Service((135, 139, 445, 3389), 0.45, "Windows RPC, file sharing and remote desktop"),
    _Service((2379, 6379, 9200, 11211, 27017), 0.45, "data stores that often ask for no password"),
    _Service((23, 2375), 0.5, "Telnet and Docker's open socket"),
)
"""What a port is worth to an attacker; the flow's README shows the same table."""

OTHER_PORT: Final = 0.15
PUBLIC, ANY = 0.3, 0.5
DENIED, OVERLAPPING, UNREAD, ALREADY_OPEN = 0.15, 0.05, 0.1, -0.2

SIZES: Final = {
    4: ((32, 0.0), (25, 0.05), (17, 0.1), (9, 0.2), (0, 0.3)),
    6: ((128, 0.0), (64, 0.05), (48, 0.1), (32, 0.2), (0, 0.3)),
}
"""By IP version: from this prefix length on, this weight."""

_PRIVATE: Final = tuple(
    ip_network(each)
    for each in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),  # RFC 1918
        *("127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10"),  # never routed
        "fc00::/7",  # RFC 4193
    )
)
"""Networks whose packets do not come from the internet. Carrier-grade NAT (100.64.0.0/10) is not ours, so not here."""


def weigh(traffic: Traffic, ruleset: Ruleset, chain: Chain) -> Assessment:
    """Return how risky it is to let this traffic in.

    Args:
        traffic: What would be let in.
        ruleset: As it is now; what could not be read of it raises the score.
        chain: The chain of it that would get the rule.
    """
    before = chain.rules[: chain.place]
    overlaps = [rule for rule in before if rule.decides_on(traffic)]
    denials = [rule for rule in overlaps if rule.denies and not rule.meaning.conditions]
    already_open = _is_open(traffic, overlaps, chain)
    unread = _unread(ruleset, chain)
    factors = [_of_port(traffic.port), _of_source(traffic.source), _of_size(traffic.source)]
    if denials:
        share = "all" if any(rule.meaning.covers(traffic) for rule in denials) else "some"
        reason = f"line {denials[0].line} denies {share} of it, and goes on doing so: it comes before the new rule"
        factors.append(Factor(name="denied", weight=DENIED, reason=reason))
    if others := [rule for rule in overlaps if rule not in denials]:
        lines = ", ".join(str(rule.line) for rule in others[:10])
        reason = f"{len(others)} other rules decide on some of it (line {lines})"
        factors.append(Factor(name="overlapping", weight=OVERLAPPING, reason=reason))
    if already_open:
        factors.append(Factor(name="already_open", weight=ALREADY_OPEN, reason="all of it is let in today"))
    if unread:
        reason = f"{len(unread)} statements could not be understood"
        factors.append(Factor(name="unread", weight=UNREAD, reason=reason))
    return Assessment(
        score=round(min(1.0, max(0.0, sum(factor.weight for factor in factors))), 2),
        factors=tuple(factors),
        overlaps=tuple(rule.text for rule in overlaps),
        already_open=already_open,
        unread=tuple(unread),
    )


def _of_port(port: int) -> Factor:
    for service in SERVICES:
        if port in service.ports:
            return Factor(name="port", weight=service.weight, reason=f"port {port}: {service.what}")
    return Factor(name="port", weight=OTHER_PORT, reason=f"port {port}: no service in the table")


def _of_source(source: Network) -> Factor:
    if source.prefixlen == 0:
        return Factor(name="source", weight=ANY, reason=f"{source} is everyone")
    if any(source.network_address in each and source.prefixlen >= each.prefixlen for each in _PRIVATE):
        return Factor(name="source", weight=0, reason=f"{source} is private")
    return Factor(name="source", weight=PUBLIC, reason=f"{source} is public")


def _of_size(source: Network) -> Factor:
    weight = next(weight for prefix, weight in SIZES[source.version] if source.prefixlen >= prefix)
    return Factor(name="size", weight=weight, reason=f"/{source.prefixlen}: {_count(source)}")


def _count(source: Network) -> str:
    bits = source.max_prefixlen - source.prefixlen
    return "1 address" if not bits else f"{2**bits:,} addresses" if bits <= 32 else f"2^{bits} addresses"


def _is_open(traffic: Traffic, overlaps: list[Rule], chain: Chain) -> bool:
    """Return whether one rule lets all of it in before any denies some; without a rule, the chain's end decides."""
    for rule in overlaps:
        if rule.meaning.covers(traffic) or (rule.denies and not rule.meaning.conditions):
            return not rule.denies
    return not chain.denies_by_default


def _unread(ruleset: Ruleset, chain: Chain) -> list[str]:
    """Return what may bear on the traffic but was not understood."""
    found = list(ruleset.unread)
    found += [(rule.line, rule.text, rule.unread) for rule in chain.rules if rule.unread]
    found += [
        (each.line, f"chain {each.name} of table {each.family} {each.table}", "sees the same packets, is not weighed")
        for each in ruleset.chains
        if each is not chain
        and each.type == "filter"
        and each.hook in {"ingress", "prerouting", "input"}
        and each.rules
    ]
    return [f"line {line}: {text[:200]} ({why})" for line, text, why in sorted(found)]
