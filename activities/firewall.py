"""Activities of the flow `firewall_change`: weigh a firewall opening, make it, take it back.

They work on a ruleset file in nftables' own format, the one that `nft -f` loads: `firewall_file` says which, and how it
is changed. `firewall_risk` says what a score is made of.

Errors: `PermanentError` names the file, the line and what to do; `TemporaryError` is a lock that others hold, a full
disk or an `nft` that does not answer.

Must not know: the flow that calls it, who decided, the platform beyond its two errors.
"""

import asyncio
import hashlib
import json
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, Field
from temporalio import activity

from . import nftables
from .firewall_file import exclusively, existing_file, explained, read_text, replace_text, ruleset_file
from .firewall_risk import Assessment, Factor, weigh

__all__ = [
    "Application",
    "Applied",
    "Assessment",
    "Factor",
    "Opening",
    "Removal",
    "Removed",
    "apply",
    "assess",
    "remove",
    "ruleset_file",
]

CHAIN: Final = ("inet", "filter", "input")
"""Family, table and chain that are weighed and edited."""


# --- messages ---------------------------------------------------------------------------------------------------------


def _network(value: object) -> nftables.Network:
    """Accept a network in CIDR notation, and say how to write it when it is not one.

    The characters are checked first: an IPv6 zone (`fe80::1%...`) may hold any text, and this one ends up in a ruleset.
    """
    if isinstance(value, IPv4Network | IPv6Network):
        value = str(value)
    if not isinstance(value, str) or not re.fullmatch(r"[0-9A-Fa-f.:]+(/[0-9]{1,3})?", value):
        raise ValueError(f"{str(value)[:60]!r} is not a network; write it like 10.0.0.0/24 or fd00:1::/64")
    try:
        return ip_network(value)
    except ValueError:
        try:
            network = ip_network(value, strict=False)
        except ValueError as error:
            raise ValueError(f"{error}; write a network like 10.0.0.0/24 or fd00:1::/64") from None
        host = value.partition("/")[0]
        raise ValueError(
            f"{value!r} is a host within a network; write {network} for the network or {host}/{network.max_prefixlen}"
            " for the one host"
        ) from None


class Opening(BaseModel, frozen=True, extra="forbid"):
    """Who may reach which port of the firewall host.

    Attributes:
        source: A network in CIDR notation, IPv4 or IPv6.
    """

    source: Annotated[nftables.Network, BeforeValidator(_network)]
    port: int = Field(ge=1, le=65535)
    protocol: Literal["tcp", "udp"] = "tcp"

    @property
    def traffic(self) -> nftables.Traffic:
        """The packets that it is about."""
        return nftables.Traffic(self.source, self.port, self.protocol)

    def rule(self, comment: str) -> str:
        """Return the nftables rule that lets it in."""
        ip = "ip" if self.source.version == 4 else "ip6"
        return f'{ip} saddr {self.source} {self.protocol} dport {self.port} counter accept comment "{comment}"'


class Application(Opening, frozen=True):
    """An opening to make.

    Attributes:
        key: Whose it is: the same key and opening are one rule however often they are applied. None is the workflow
            that runs the activity; outside of one, the opening alone counts.
    """

    key: str | None = Field(default=None, max_length=1000)

    def rule_id(self, owner: str | None) -> str:
        """Return the id of its rule: the same for the same owner and opening, different for any other."""
        what = [self.key or owner, str(self.source), self.port, self.protocol]
        return "fw-" + hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]


class Removal(BaseModel, frozen=True, extra="forbid"):
    """A rule to take out, by the id that `firewall.apply` returned."""

    rule: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")


class Applied(BaseModel, frozen=True):
    """What became of an opening.

    Attributes:
        rule: The id to remove it by.
        text: The rule as it stands in the file.
        checked: `checked by nft`, or `not checked: ` and why.
        changed: False when the rule was there already.
    """

    rule: str
    text: str
    file: str
    checked: str
    changed: bool


class Removed(BaseModel, frozen=True):
    """What became of a removal; `removed` is False when there was no such rule."""

    removed: bool
    file: str
    checked: str


# --- activities -------------------------------------------------------------------------------------------------------


@activity.defn(name="firewall.assess")
async def assess(opening: Opening) -> Assessment:
    """Score an opening against the present ruleset; changes nothing."""
    return await asyncio.to_thread(_assess, opening)


@activity.defn(name="firewall.apply")
async def apply(application: Application) -> Applied:
    """Let the traffic in by one rule, before the chain's final denial."""
    owner = activity.info().workflow_id if activity.in_activity() else None
    return await asyncio.to_thread(_apply, application, application.rule_id(owner))


@activity.defn(name="firewall.remove")
async def remove(removal: Removal) -> Removed:
    """Take out the rule with this id."""
    return await asyncio.to_thread(_remove, removal.rule)


def _assess(opening: Opening) -> Assessment:
    file = existing_file()
    with explained(file):
        ruleset = nftables.parse(read_text(file))
        return weigh(opening.traffic, ruleset, ruleset.chain(*CHAIN))


def _apply(opening: Opening, rule_id: str) -> Applied:
    file, comment = existing_file(), f"hitl:{rule_id}"
    with exclusively(file), explained(file):
        ruleset = nftables.parse(read_text(file))
        if present := ruleset.marked(comment):
            text, checked = present[0].text, _NOTHING_CHANGED
        else:
            text = opening.rule(comment)
            checked = replace_text(file, ruleset.with_rule(ruleset.chain(*CHAIN), text), like=file)
    return Applied(rule=rule_id, text=text, file=str(file), checked=checked, changed=not present)


def _remove(rule_id: str) -> Removed:
    file, comment = existing_file(), f"hitl:{rule_id}"
    with exclusively(file), explained(file):
        ruleset = nftables.parse(read_text(file))
        present = bool(ruleset.marked(comment))
        checked = replace_text(file, ruleset.without(comment), like=file) if present else _NOTHING_CHANGED
    return Removed(removed=present, file=str(file), checked=checked)


_NOTHING_CHANGED: Final = "not checked: nothing was changed"
