"""Activities of the flow `firewall_change`: weigh a firewall opening, make it, take it back.

They work on a ruleset file in nftables' own format, the one that `nft -f` loads:

- `HITL_FIREWALL_RULESET` names it (relative to `HITL_PROJECT`, else to the working directory);
- without it, it is `firewall.nft` in `HITL_STATE` (`.hitl/`), copied on first use from the ruleset shipped beside the
  flow. The shipped one is never edited.

Each change is a draft in the same folder, checked by `nft -c -f` where that may run, then renamed over the file: a
reader sees the old ruleset or the new one, whatever is killed when. A lock file keeps two changes apart.

Errors: `PermanentError` names the file, the line and what to do; `TemporaryError` is a lock that others hold, a full
disk or an `nft` that does not answer.

Must not know: the flow that calls it, who decided, the platform beyond its two errors.
"""

import asyncio
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from temporalio import activity

from hitl_temporal.ports import PermanentError, TemporaryError

from . import nftables

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

SHIPPED: Final = Path("workflows/firewall_change/ruleset.nft")
"""The ruleset that a project starts from."""


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


class _Input(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Output(BaseModel):
    model_config = ConfigDict(frozen=True)


class Opening(_Input):
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


class Application(Opening):
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


class Removal(_Input):
    """A rule to take out, by the id that `firewall.apply` returned."""

    rule: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")


class Factor(_Output):
    """One reason why a score is what it is; a negative weight lowers it."""

    name: str
    weight: float
    reason: str


class Assessment(_Output):
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


class Applied(_Output):
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


class Removed(_Output):
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
    file = _existing_file()
    with _explained(file):
        return _weighed(opening, nftables.parse(_read(file)))


def _apply(opening: Opening, rule_id: str) -> Applied:
    file, comment = _existing_file(), f"hitl:{rule_id}"
    with _exclusively(file), _explained(file):
        ruleset = nftables.parse(_read(file))
        if present := ruleset.marked(comment):
            text, checked = present[0].text, _NOTHING_CHANGED
        else:
            text = opening.rule(comment)
            checked = _replace(file, ruleset.with_rule(ruleset.chain(*CHAIN), text), like=file)
    return Applied(rule=rule_id, text=text, file=str(file), checked=checked, changed=not present)


def _remove(rule_id: str) -> Removed:
    file, comment = _existing_file(), f"hitl:{rule_id}"
    with _exclusively(file), _explained(file):
        ruleset = nftables.parse(_read(file))
        present = bool(ruleset.marked(comment))
        checked = _replace(file, ruleset.without(comment), like=file) if present else _NOTHING_CHANGED
    return Removed(removed=present, file=str(file), checked=checked)


_NOTHING_CHANGED: Final = "not checked: nothing was changed"


# --- risk -------------------------------------------------------------------------------------------------------------


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


def _weighed(opening: Opening, ruleset: nftables.Ruleset) -> Assessment:
    traffic, chain = opening.traffic, ruleset.chain(*CHAIN)
    before = chain.rules[: chain.place]
    overlaps = [rule for rule in before if rule.decides_on(traffic)]
    denials = [rule for rule in overlaps if rule.denies and not rule.meaning.conditions]
    already_open = _is_open(traffic, overlaps, chain)
    unread = _unread(ruleset, chain)
    factors = [_of_port(opening.port), _of_source(opening.source), _of_size(opening.source)]
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


def _of_source(source: nftables.Network) -> Factor:
    if source.prefixlen == 0:
        return Factor(name="source", weight=ANY, reason=f"{source} is everyone")
    if any(source.network_address in each and source.prefixlen >= each.prefixlen for each in _PRIVATE):
        return Factor(name="source", weight=0, reason=f"{source} is private")
    return Factor(name="source", weight=PUBLIC, reason=f"{source} is public")


def _of_size(source: nftables.Network) -> Factor:
    weight = next(weight for prefix, weight in SIZES[source.version] if source.prefixlen >= prefix)
    return Factor(name="size", weight=weight, reason=f"/{source.prefixlen}: {_count(source)}")


def _count(source: nftables.Network) -> str:
    bits = source.max_prefixlen - source.prefixlen
    return "1 address" if not bits else f"{2**bits:,} addresses" if bits <= 32 else f"2^{bits} addresses"


def _is_open(traffic: nftables.Traffic, overlaps: list[nftables.Rule], chain: nftables.Chain) -> bool:
    """Return whether one rule lets all of it in before any denies some; without a rule, the chain's end decides."""
    for rule in overlaps:
        if rule.meaning.covers(traffic) or (rule.denies and not rule.meaning.conditions):
            return not rule.denies
    return not chain.denies_by_default


def _unread(ruleset: nftables.Ruleset, chain: nftables.Chain) -> list[str]:
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


# --- the file ---------------------------------------------------------------------------------------------------------


def ruleset_file() -> Path:
    """Return the ruleset that the settings name, with symbolic links followed: a rename would replace the link."""
    project = Path(os.environ.get("HITL_PROJECT") or ".")
    named = os.environ.get("HITL_FIREWALL_RULESET")
    return (project / (named or Path(os.environ.get("HITL_STATE") or ".hitl", "firewall.nft"))).resolve()


def _existing_file() -> Path:
    """Return the ruleset's file, made from the shipped one where no other is named and none is there."""
    file = ruleset_file()
    if file.exists():
        return file
    if os.environ.get("HITL_FIREWALL_RULESET"):
        raise PermanentError(f"{file}: no such ruleset; put one there or set HITL_FIREWALL_RULESET to another")
    shipped = Path(os.environ.get("HITL_PROJECT") or ".", SHIPPED).resolve()
    text = _read(shipped)
    with _explained(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    with _exclusively(file), _explained(file):
        if not file.exists():  # another process may have been first
            _replace(file, text, like=shipped)
    return file


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise PermanentError(f"{file}: byte {error.start} is not UTF-8; save the ruleset as UTF-8") from None
    except OSError as error:
        problem = f"{file}: cannot be read ({error.strerror})"
        raise PermanentError(f"{problem}; set HITL_FIREWALL_RULESET to a ruleset that the worker may read") from None


@contextmanager
def _explained(file: Path) -> Generator[None]:
    """Turn what goes wrong with this ruleset into the platform's two errors."""
    try:
        yield
    except nftables.RulesetError as error:
        where = f"{file}:{error.line}" if error.line else f"{file}"
        raise PermanentError(f"{where}: {error}") from None
    except OSError as error:
        problem = f"{file}: cannot be written ({error.strerror})"
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP}:
            raise PermanentError(f"{problem}; let the worker write this file and its folder") from None
        raise TemporaryError(problem) from None


LOCK_WAIT: Final = timedelta(seconds=10)
"""How long a change waits for another: each takes milliseconds, so a longer wait means that something hangs."""


@contextmanager
def _exclusively(file: Path) -> Generator[None]:
    """Keep other changes of this file out, those of other processes included.

    The lock is on a file beside it, which is never renamed; the system lets go of it when the process dies.
    """
    with _explained(file):
        lock = os.open(
            file.with_name(f".{file.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
    try:
        give_up = time.monotonic() + LOCK_WAIT.total_seconds()
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise TemporaryError(f"{file}: another change has held it for {LOCK_WAIT}", LOCK_WAIT) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(lock)


def _replace(file: Path, text: str, *, like: Path) -> str:
    """Put `text` in the place of `file` once `nft` has no objection, and return what `nft` said.

    Args:
        file: Held exclusively, so the draft's name is ours and a draft left by a killed process is overwritten.
        text: All of it.
        like: Whose owner and mode it gets.
    """
    draft = file.with_name(f".{file.name}.new")
    model = like.stat()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as out:
            with suppress(PermissionError):  # only root may give a file away; anyone else keeps it
                os.fchown(out.fileno(), model.st_uid, model.st_gid)
            os.fchmod(out.fileno(), stat.S_IMODE(model.st_mode))
            out.write(text.encode())
            out.flush()
            os.fsync(out.fileno())
        checked = _checked(draft, file)
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # without it a power cut may bring the old name back
    finally:
        os.close(folder)
    return checked


NFT_TIMEOUT: Final = timedelta(seconds=10)


def _checked(draft: Path, file: Path) -> str:
    """Return what `nft -c` says of a draft: it reads, resolves and refuses as a load would, and loads nothing.

    Source: nft(8) of nftables 1.0.6, `--check`, read 2026-11-22; the words of a refused privilege were observed.

    Raises:
        PermanentError: It refuses the draft.
        TemporaryError: It does not answer.
    """
    nft = shutil.which("nft") or shutil.which("nft", path="/usr/sbin:/sbin")  # not on the PATH of plain users
    if nft is None:
        return "not checked: nft is not installed"
    try:
        run = subprocess.run(  # noqa: S603  no shell, and nothing of the command comes from outside
            [nft, "-c", "-f", str(draft)],
            capture_output=True,
            check=False,
            text=True,
            timeout=NFT_TIMEOUT.total_seconds(),
        )
    except subprocess.TimeoutExpired:
        raise TemporaryError(f"{file}: nft did not answer within {NFT_TIMEOUT}") from None
    if run.returncode == 0:
        return "checked by nft"
    said = run.stderr.replace(str(draft), str(file)).strip()
    first = said.partition("\n")[0]  # its own words; what follows quotes the ruleset, which may say anything
    if first.endswith("Operation not permitted") or "Unable to initialize Netlink socket" in first:
        return "not checked: nft may not run here; it needs CAP_NET_ADMIN"
    reason = " ".join(said.split())[:500]
    raise PermanentError(f"nft refuses the changed ruleset, so {file} stays as it was: {reason}")
