"""What one nftables rule asks of a packet, and what it then does with it.

A rule is read part after part by a small grammar; one that says anything else is an `UnreadError`: its meaning is
never guessed.
Source: nft(8) of nftables 1.0.6, read 2026-11-22.

Must not know: where a rule stands, files, risk.
"""

import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, NamedTuple

__all__ = ["ANYTHING", "Meaning", "Network", "Sets", "Spans", "Traffic", "UnreadError", "understand"]

Network = IPv4Network | IPv6Network

Sets = Mapping[str, str]
"""The named sets of a table: their elements as written."""


class Traffic(NamedTuple):
    """New connections from a network to one port of this host."""

    source: Network
    port: int
    protocol: str


@dataclass(frozen=True, slots=True)
class Spans:
    """Integers (addresses or ports) that a match admits: inclusive ranges or, with `is_negated`, all but them."""

    ranges: tuple[tuple[int, int], ...]
    is_negated: bool = False

    @classmethod
    def of(cls, ranges: Iterable[tuple[int, int]], *, is_negated: bool = False) -> "Spans":
        """Return the spans with neighbours fused, so that one range alone can hold what two together do."""
        fused: list[tuple[int, int]] = []
        for first, last in sorted(ranges):
            if fused and first <= fused[-1][1] + 1:
                fused[-1] = (fused[-1][0], max(fused[-1][1], last))
            else:
                fused.append((first, last))
        return cls(tuple(fused), is_negated)

    def meets(self, first: int, last: int) -> bool:
        """Return whether something from `first` to `last` is admitted."""
        return not self._contains(first, last) if self.is_negated else self._touches(first, last)

    def admits(self, first: int, last: int) -> bool:
        """Return whether everything from `first` to `last` is admitted."""
        return not self._touches(first, last) if self.is_negated else self._contains(first, last)

    def _touches(self, first: int, last: int) -> bool:
        return any(low <= last and first <= high for low, high in self.ranges)

    def _contains(self, first: int, last: int) -> bool:
        return any(low <= first and last <= high for low, high in self.ranges)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a rule asks of a packet, and what it then does. None is always `whatever`.

    Attributes:
        verdict: `accept`, `drop` or `reject`; None when the packet goes on to the next rule.
        version: The IP version.
        conditions: What else must hold, as written: an interface, a rate, a destination.
        is_for_new: False when only packets of known connections match.
        logs: Whether it writes to the log.
    """

    verdict: str | None = None
    version: int | None = None
    sources: Spans | None = None
    ports: Spans | None = None
    protocols: frozenset[str] | None = None
    conditions: tuple[str, ...] = ()
    is_for_new: bool = True
    logs: bool = False

    @property
    def is_catch_all(self) -> bool:
        """Whether every packet that gets here matches."""
        return replace(self, verdict=None, logs=False) == Meaning()

    def meets(self, traffic: Traffic) -> bool:
        """Return whether some of this traffic may match."""
        return (
            self.is_for_new
            and self.version in {None, traffic.source.version}
            and (self.protocols is None or traffic.protocol in self.protocols)
            and (self.ports is None or self.ports.meets(traffic.port, traffic.port))
            and (self.sources is None or self.sources.meets(*_first_and_last(traffic.source)))
        )

    def covers(self, traffic: Traffic) -> bool:
        """Return whether all of this traffic matches, whatever else is true of it."""
        return (
            self.meets(traffic)
            and not self.conditions
            and (self.sources is None or self.sources.admits(*_first_and_last(traffic.source)))
        )


ANYTHING: Final = Meaning()
"""What a rule without a word means: any packet matches, and goes on to the next rule."""


def _first_and_last(network: Network) -> tuple[int, int]:
    return int(network.network_address), int(network.broadcast_address)


class UnreadError(Exception):
    """A rule says more than is understood here; the message completes `it ...`."""


def understand(statement: str, sets: Sets) -> Meaning:
    """Return what a rule means, its words joined by one blank.

    Raises:
        UnreadError: It says more than is understood here.
    """
    found, at = Meaning(), 0
    while at < len(statement):
        for grammar, read in _GRAMMAR:
            if part := grammar.match(statement, at):
                found, at = read(found, part, sets), part.end()
                break
        else:
            raise UnreadError(f"says {statement[at : at + 60]!r}")
    return found


def _sources(found: Meaning, part: re.Match[str], sets: Sets) -> Meaning:
    version = 4 if part["ip"] == "ip" else 6
    if found.sources or found.version not in {None, version}:
        raise UnreadError("names its source twice")
    return replace(found, version=version, sources=_spans(part, sets, lambda value: _addresses(value, version)))


def _ports(found: Meaning, part: re.Match[str], sets: Sets) -> Meaning:
    if found.ports:
        raise UnreadError("names its port twice")
    found = found if part["l4"] == "th" else _limited(found, {part["l4"]})
    return replace(found, ports=_spans(part, sets, _port_range))


def _protocols(found: Meaning, part: re.Match[str], _: Sets) -> Meaning:
    names = set(_listed(part["value"]))
    if part["no"] or not all(name[0].isalpha() for name in names):
        raise UnreadError("excludes protocols, or gives them as numbers")
    return _limited(found, names)


def _states(found: Meaning, part: re.Match[str], sets: Sets) -> Meaning:
    """A rule for known connections only never sees a first packet, so it opens and closes nothing."""
    states = set(_listed(part["value"]))
    if states <= {"established", "related", "invalid"} and not part["no"]:
        return replace(found, is_for_new=False)
    return found if "new" in states and not part["no"] else _condition(found, part, sets)


def _icmp(found: Meaning, part: re.Match[str], sets: Sets) -> Meaning:
    return _condition(_limited(found, {"icmp"}), part, sets)


def _condition(found: Meaning, part: re.Match[str], _: Sets) -> Meaning:
    return replace(found, conditions=(*found.conditions, part[0].strip()))


def _log(found: Meaning, _part: re.Match[str], _: Sets) -> Meaning:
    return replace(found, logs=True)


def _nothing(found: Meaning, _part: re.Match[str], _: Sets) -> Meaning:
    return found


def _verdict(found: Meaning, part: re.Match[str], _: Sets) -> Meaning:
    return replace(found, verdict=part["verdict"])


def _grammar(pattern: str) -> re.Pattern[str]:
    """Return the pattern of one part of a rule; `VALUE` is an operand: `a`, `a , b`, `{ a , b }`, `!= a`, a string."""
    value = r"""(?:==[ ])? (?P<no>!=[ ])? (?P<value> \{[ ][^{}]*[ ]\} | "[^"]*" | [^\s{}"<>=!]+ (?:[ ],[ ][^\s,]+)* )"""
    return re.compile(rf"(?: {pattern.replace('VALUE', value)} ) (?:[ ]|$)", re.VERBOSE)


_GRAMMAR: Final = (
    (_grammar(r"(?P<ip>ip6?)[ ]saddr[ ]VALUE"), _sources),
    (_grammar(r"(?P<l4>tcp|udp|th)[ ]dport[ ]VALUE"), _ports),
    (_grammar(r"(?: meta[ ]l4proto | ip[ ]protocol | ip6[ ]nexthdr )[ ]VALUE"), _protocols),
    (_grammar(r"ct[ ]state[ ]VALUE"), _states),
    (_grammar(r"icmp(?:v6)?[ ]type[ ]VALUE"), _icmp),
    (
        _grammar(r"(?: [io]if(?:name)? | ip6?[ ]daddr | meta[ ](?:nfproto|[io]if(?:name)?|pkttype) )[ ]VALUE"),
        _condition,
    ),
    (_grammar(r"limit[ ]rate[ ](?:over[ ])? \d+/\w+ (?:[ ]burst[ ]\d+[ ]packets)?"), _condition),
    (_grammar(r'log (?:[ ](?:prefix[ ]"[^"]*"|(?:level|flags|group|snaplen)[ ]\w+))*'), _log),
    (_grammar(r'counter (?:[ ]packets[ ]\d+[ ]bytes[ ]\d+)? | comment[ ]"[^"]*"'), _nothing),
    (_grammar(r'(?P<verdict>accept|drop|reject) (?:(?<=t)[ ]with[ ][\w -]+?)? (?=$|[ ]comment[ ]"[^"]*"$)'), _verdict),
)
"""The parts of a rule that are understood, and what each adds to its meaning."""


def _limited(found: Meaning, protocols: set[str]) -> Meaning:
    both = frozenset(protocols) if found.protocols is None else found.protocols & protocols
    return replace(found, protocols=both)


def _listed(value: str) -> list[str]:
    """Return the elements of `a`, `a , b` or `{ a , b }` without their timeouts and comments."""
    plain = re.sub(r'"[^"]*"', "", value).strip("{} ")
    elements = [element.split() for element in plain.split(",") if element.strip()]
    if any(len(words) > 1 and words[1] not in {"timeout", "expires", "counter", "comment"} for words in elements):
        raise UnreadError("joins values, or maps them to others")
    return [words[0] for words in elements]


def _spans(part: re.Match[str], sets: Sets, read: Callable[[str], tuple[int, int]]) -> Spans:
    ranges: list[tuple[int, int]] = []
    for value in _listed(part["value"]):
        elements = _listed(sets.get(value[1:], "")) if value.startswith("@") else [value]
        if not elements:
            raise UnreadError(f"uses {value!r}, a set that is not in its table, or empty, or filled at run time")
        for element in elements:
            try:
                ranges.append(read(element))
            except (ValueError, OSError):
                raise UnreadError(f"names {element!r}, which is not known here") from None
    return Spans.of(ranges, is_negated=bool(part["no"]))


def _addresses(value: str, version: int) -> tuple[int, int]:
    """Return the ends of `10.0.0.1`, `10.0.0.0/8` or `10.0.0.1-10.0.0.9`."""
    first, dash, last = value.partition("-")
    low, high = (ip_network(first), ip_network(last)) if dash else (ip_network(value, strict=False),) * 2
    if {low.version, high.version} != {version}:
        raise ValueError(value)
    return int(low.network_address), int(high.broadcast_address)


def _port_range(value: str) -> tuple[int, int]:
    """Return the ends of `22`, `8000-8099` or `ssh` (from this host's list of services, as `nft` does)."""
    first, dash, last = value.partition("-")
    if first.isdecimal():
        return int(first), int(last) if dash else int(first)
    port = socket.getservbyname(value)
    return port, port
