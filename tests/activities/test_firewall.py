"""The firewall activities, on real files, with the real `nft` where it may run."""

import asyncio
import fcntl
import importlib
import os
import signal
import subprocess
import sys
import textwrap
import types
from collections.abc import Coroutine
from datetime import timedelta
from functools import cache
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from temporalio.testing import ActivityEnvironment

from hitl_temporal.ports import PermanentError, TemporaryError

ROOT = Path(__file__).parents[2]
FLOW = ROOT / "workflows/firewall_change"
SHIPPED = (FLOW / "ruleset.nft").read_bytes()

package = types.ModuleType("reference_activities")
package.__path__ = [str(ROOT / "activities")]
sys.modules.setdefault(package.__name__, package)
firewall: Any = importlib.import_module("reference_activities.firewall")
firewall_file: Any = importlib.import_module("reference_activities.firewall_file")
firewall_risk: Any = importlib.import_module("reference_activities.firewall_risk")
nftables: Any = importlib.import_module("reference_activities.nftables")


@pytest.fixture
def ruleset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped ruleset, which the settings name."""
    file = tmp_path / "edge.nft"
    file.write_bytes(SHIPPED)
    monkeypatch.setenv("HITL_FIREWALL_RULESET", str(file))
    return file


@pytest.fixture
def nft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script that stands for the program `nft`; it approves until a test writes another."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "nft"
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return script


@cache
def why_not_nft() -> str | None:
    """Return why the real `nft` can't check a ruleset here; None when it can."""
    checked = firewall_file._checked(FLOW / "ruleset.nft", FLOW / "ruleset.nft")
    return None if checked == "checked by nft" else checked


def need_nft() -> None:
    if why := why_not_nft():
        pytest.skip(f"not run: needs nft ({why})")


def opening(source: str, port: int = 22, **more: str) -> Any:
    return firewall.Application(source=source, port=port, **more)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run an activity in a loop of its own, which leaves pytest's alone."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)


def assess(request: Any) -> Any:
    return run(firewall.assess(request))


def apply(request: Any) -> Any:
    return run(firewall.apply(request))


def remove(rule: str) -> Any:
    return run(firewall.remove(firewall.Removal(rule=rule)))


def weighed(source: str, port: int, text: str) -> Any:
    ruleset = nftables.parse(text)
    traffic = firewall.Opening(source=source, port=port).traffic
    return firewall_risk.weigh(traffic, ruleset, ruleset.chain(*firewall.CHAIN))


def chain(*rules: str, policy: str = "drop") -> str:
    body = "\n".join(rules)
    return (
        f"table inet filter {{\nchain input {{\ntype filter hook input priority 0; policy {policy};\n{body}\n}}\n}}\n"
    )


# --- input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("10.0.0.5/24", "write 10.0.0.0/24 for the network or 10.0.0.5/32 for the one host"),
        ("fd00::5/64", "write fd00::/64 for the network or fd00::5/128"),
        ("10.0.0.0/33", "10.0.0.0/24"),
        ("10.0.0.0/255.0.0.0", "is not a network"),
        ("office.example.com", "is not a network"),
        ('fe80::%1"; accept #/128', "is not a network"),
        ("10.0.0.0/8\naccept", "is not a network"),
        ("", "is not a network"),
        (167772160, "is not a network"),
        (None, "is not a network"),
    ],
)
def test_source_is_a_network(source: object, says: str) -> None:
    """A source that is no network is refused with how to write it, and none can carry text into the ruleset."""
    with pytest.raises(ValidationError) as caught:
        firewall.Opening(source=source, port=22)
    assert says in str(caught.value)


@pytest.mark.parametrize("more", [{"port": 0}, {"port": 65536}, {"protocol": "sctp"}, {"ports": 22}])
def test_other_input_is_refused(more: dict[str, object]) -> None:
    """Ports, protocols and fields that do not exist are refused."""
    with pytest.raises(ValidationError):
        firewall.Opening.model_validate({"source": "10.0.0.0/8", "port": 22} | more)


@pytest.mark.parametrize("rule", ["", 'x"; accept', "a b", "x" * 65])
def test_removal_takes_an_id(rule: str) -> None:
    """What cannot be a rule id is refused."""
    with pytest.raises(ValidationError):
        firewall.Removal(rule=rule)


# --- assess -----------------------------------------------------------------------------------------------------------


def test_the_two_examples(ruleset: Path) -> None:
    """The examples of the README: a private network on 443 is low, a public one on 22 is high, and it says why."""
    low = assess(firewall.Opening(source="10.0.0.0/24", port=443))
    assert (low.score, low.overlaps, low.already_open, low.unread) == (0.15, (), False, ())
    high = assess(firewall.Opening(source="203.0.113.0/24", port=22))
    assert (high.score, high.already_open, high.unread) == (0.95, False, ())
    assert [factor.name for factor in high.factors] == ["port", "source", "size", "denied", "overlapping"]
    assert high.overlaps == (
        'ip saddr @blocked4 counter drop comment "incidents"',
        'ip saddr 203.0.113.8/29 tcp dport 22 counter accept comment "vendor support, contract 4711"',
    )
    assert ruleset.read_bytes() == SHIPPED


@pytest.mark.parametrize(
    ("rules", "policy", "is_open"),
    [
        (("tcp dport 22 accept", "drop"), "accept", True),
        (("ip saddr 10.0.0.0/8 tcp dport { 22, 80 } accept",), "drop", True),
        (("accept",), "drop", True),
        ((), "accept", True),
        ((), "drop", False),
        (("counter reject",), "accept", False),
        (("ip saddr 10.0.0.0/25 accept",), "drop", False),
        (("ip saddr 10.0.0.7 drop", "tcp dport 22 accept"), "drop", False),
        (("tcp dport 22 limit rate over 9/minute drop", "tcp dport 22 accept"), "drop", True),
        (('iifname "lan0" tcp dport 22 accept',), "drop", False),
        (("drop", "tcp dport 22 accept"), "drop", False),
        (("ct state established,related accept", 'iif "lo" accept'), "drop", False),
    ],
)
def test_already_open(rules: tuple[str, ...], policy: str, *, is_open: bool) -> None:
    """An opening is open already when one rule, or the chain's end, lets all of it in before any denies some."""
    found = weighed("10.0.0.0/24", 22, chain(*rules, policy=policy))
    assert found.already_open is is_open
    assert is_open is ("already_open" in [factor.name for factor in found.factors])


@pytest.mark.parametrize(("rule", "share"), [("ip saddr 10.0.0.0/8 drop", "all"), ("ip saddr 10.0.0.7 drop", "some")])
def test_denials_raise_the_score(rule: str, share: str) -> None:
    """A rule that denies some of the traffic is a factor that names its line and how much it denies."""
    (denied,) = [each for each in weighed("10.0.0.0/24", 22, chain(rule)).factors if each.name == "denied"]
    assert denied.reason.startswith(f"line 4 denies {share} of it")


def test_a_rate_is_no_denial() -> None:
    """A rule that drops only what comes too fast overlaps; nobody decided against this traffic by it."""
    factors = weighed("10.0.0.0/24", 22, chain("tcp dport 22 limit rate over 9/minute drop")).factors
    assert [each.name for each in factors] == ["port", "source", "size", "overlapping"]


def test_unread_is_reported() -> None:
    """What the assessment cannot read is listed with its line and raises the score."""
    text = 'include "more.nft"\n' + chain("tcp dport 22 jump ssh") + chain("accept").replace("inet", "ip")
    found = weighed("10.0.0.0/24", 22, text)
    assert [each.split(": ")[0] for each in found.unread] == ["line 1", "line 5", "line 9"]
    assert "tcp dport 22 jump ssh" in found.unread[1]
    assert found.score == weighed("10.0.0.0/24", 22, chain()).score + firewall_risk.UNREAD


@given(st.ip_addresses(), st.integers(0, 128), st.integers(1, 65535))
def test_larger_is_never_safer(address: Any, prefix: int, port: int) -> None:
    """The score is the sum of its factors, and a network is never less risky than a part of it."""
    network = ip_network(f"{address}/{min(prefix, address.max_prefixlen)}", strict=False)
    part, whole = (weighed(str(each), port, chain()) for each in (network, network.supernet()))
    assert part.score <= whole.score
    assert part.score == pytest.approx(min(1, sum(factor.weight for factor in part.factors)))


def test_the_readme_shows_the_table() -> None:
    """The risk table of the flow's README is the one that is applied."""
    readme = (FLOW / "README.md").read_text()
    for service in firewall_risk.SERVICES:
        assert f"| {', '.join(map(str, service.ports))}: {service.what} | {service.weight} |" in readme
    for name, weight in [
        ("port` | any other", firewall_risk.OTHER_PORT),
        ("source` | public", firewall_risk.PUBLIC),
        ("source` | everyone (`0.0.0.0/0`, `::/0`)", firewall_risk.ANY),
        ("overlapping` | other rules decide on some of it", firewall_risk.OVERLAPPING),
    ]:
        assert f"| `{name} | {weight} |" in readme


# --- apply and remove -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["203.0.113.0/24", "10.1.2.3/32", "0.0.0.0/0", "fd00:1::/64", "::/0"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_there_and_back(ruleset: Path, source: str, protocol: str) -> None:
    """A rule is in the right chain before the final denial, is seen as open, and its removal restores every byte."""
    applied = apply(opening(source, protocol=protocol))
    assert applied.changed
    assert applied.file == str(ruleset)
    rules = [rule.text for rule in nftables.parse(ruleset.read_text()).chain("inet", "filter", "input").rules]
    assert rules[-3] == applied.text
    assert applied.text.endswith(f'accept comment "hitl:{applied.rule}"')
    removed = remove(applied.rule)
    assert removed.removed
    assert ruleset.read_bytes() == SHIPPED


def test_nft_accepts_what_is_written(ruleset: Path) -> None:
    """The real `nft` accepts the ruleset before any change, after each, and after the last was taken back."""
    need_nft()
    made = [
        apply(opening(source, 443, protocol=protocol))
        for source in ("203.0.113.0/24", "10.1.2.3/32", "0.0.0.0/0", "fd00:1::/64", "::/0")
        for protocol in ("tcp", "udp")
    ]
    undone = [remove(each.rule) for each in made]
    assert {each.checked for each in made + undone} == {"checked by nft"}
    assert ruleset.read_bytes() == SHIPPED


def test_nft_refuses_nonsense(ruleset: Path) -> None:
    """A ruleset that the real `nft` refuses is not changed, and the error has its words and the file's name."""
    need_nft()
    ruleset.write_text(before := ruleset.read_text().replace("counter drop\n\t}", "counter dorp\n\t}", 1))
    with pytest.raises(PermanentError, match=r"nft refuses .*edge\.nft:\d+.*dorp"):
        apply(opening("203.0.113.0/24"))
    assert ruleset.read_text() == before
    assert [file.name for file in ruleset.parent.iterdir() if file.suffix == ".new"] == []


def test_twice_is_once(ruleset: Path) -> None:
    """Applying and removing again change nothing and say so."""
    first = apply(opening("203.0.113.0/24"))
    once = ruleset.read_bytes()
    second = apply(opening("203.0.113.0/24"))
    assert (second.rule, second.text, second.changed) == (first.rule, first.text, False)
    assert ruleset.read_bytes() == once
    assert remove(first.rule).removed
    again = remove(first.rule)
    assert (again.removed, again.checked) == (False, "not checked: nothing was changed")


def test_each_owner_has_a_rule(ruleset: Path) -> None:
    """The same opening of two owners is two rules: taking back the one leaves the other."""
    mine, yours = [apply(opening("203.0.113.0/24", key=key)) for key in ("mine", "yours")]
    remove(mine.rule)
    assert mine.rule not in ruleset.read_text()
    assert yours.rule in ruleset.read_text()


def test_the_workflow_is_the_owner(ruleset: Path) -> None:
    """Without a key the workflow that runs the activity owns the rule: its retries are one, another's are not."""
    environment = ActivityEnvironment()
    first, again = [run(environment.run(firewall.apply, opening("203.0.113.0/24"))) for _ in range(2)]
    assert (first.rule, first.changed, again.changed) == (again.rule, True, False)
    keyed = apply(opening("203.0.113.0/24", key=environment.info.workflow_id))
    assert keyed.rule == first.rule
    assert apply(opening("203.0.113.0/24")).changed


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=6))
def test_any_order_of_changes(tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, bool]]) -> None:
    """After any changes exactly the rules last applied stand there, and without them every byte is as it was."""
    file = tmp_path_factory.mktemp("rules") / "edge.nft"
    file.write_bytes(SHIPPED)
    openings = [opening(f"192.0.2.{each}/32") for each in range(4)]
    ids = [each.rule_id(None) for each in openings]
    present: set[int] = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HITL_FIREWALL_RULESET", str(file))
        patch.setattr(firewall_file.shutil, "which", lambda *_, **__: None)
        for each, is_added in changes:
            if is_added:
                assert firewall._apply(openings[each], ids[each]).changed is (each not in present)
                present.add(each)
            else:
                assert firewall._remove(ids[each]).removed is (each in present)
                present.discard(each)
        text = file.read_text()
        assert {each for each in range(4) if text.count(f'"hitl:{ids[each]}"') == 1} == present
        for each in present:
            firewall._remove(ids[each])
    assert file.read_bytes() == SHIPPED


def test_mode_and_links_are_kept(ruleset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file keeps its mode, and a symbolic link to it stays a link."""
    ruleset.chmod(0o640)
    link = ruleset.with_name("link.nft")
    link.symlink_to(ruleset)
    monkeypatch.setenv("HITL_FIREWALL_RULESET", str(link))
    assert apply(opening("203.0.113.0/24")).file == str(ruleset)
    assert link.is_symlink()
    assert ruleset.stat().st_mode & 0o777 == 0o640


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"table inet filter {\n chain input {\n", r"edge\.nft:2: .*not closed"),
        (b"table ip filter {\n chain input {\n }\n}\n", r"edge\.nft: no chain 'input' .*chains: ip filter input"),
        (b"\xff", r"edge\.nft: byte 0 is not UTF-8; save"),
    ],
)
def test_unreadable(ruleset: Path, content: bytes, says: str) -> None:
    """A file that is no ruleset with this chain is a permanent error with the file, the line and what to do."""
    ruleset.write_bytes(content)
    for change in (firewall.assess, firewall.apply):
        with pytest.raises(PermanentError, match=says):
            run(change(opening("10.0.0.0/24")))
    assert ruleset.read_bytes() == content


@pytest.mark.parametrize("work", ["assess", "apply", "remove"])
def test_missing(ruleset: Path, work: str) -> None:
    """A named file that is missing, or a folder, is a permanent error, and nothing is left in its place."""
    request = firewall.Removal(rule="fw-1") if work == "remove" else opening("10.0.0.0/24")
    ruleset.unlink()
    with pytest.raises(PermanentError, match=r"no such ruleset.*HITL_FIREWALL_RULESET"):
        run(getattr(firewall, work)(request))
    assert list(ruleset.parent.iterdir()) == []
    ruleset.mkdir()
    with pytest.raises(PermanentError, match=r"cannot be read .*HITL_FIREWALL_RULESET"):
        run(getattr(firewall, work)(request))


def test_refused_by_nft(ruleset: Path, nft: Path) -> None:
    """A draft that `nft` refuses is a permanent error, in bounded words; the file stays and the draft goes."""
    nft.write_text(f'#!/bin/sh\necho "$3:5:1-4: Error: syntax error {"x" * 2000}" >&2\nexit 1\n')
    with pytest.raises(PermanentError, match=r"edge\.nft:5:1-4: Error: syntax error") as caught:
        apply(opening("10.0.0.0/24"))
    assert len(caught.value.reason) < 1000
    assert ruleset.read_bytes() == SHIPPED
    assert not ruleset.with_name(".edge.nft.new").exists()


def test_nft_may_not_run(ruleset: Path, nft: Path) -> None:
    """Where `nft` has no privilege the change is made and says that it was not checked, and why."""
    nft.write_text(
        '#!/bin/sh\necho "netlink: Error: cache initialization failed: Operation not permitted" >&2\nexit 1\n'
    )
    applied = apply(opening("10.0.0.0/24"))
    assert applied.changed
    assert applied.checked == "not checked: nft may not run here; it needs CAP_NET_ADMIN"


def test_a_quoted_ruleset_is_no_excuse(ruleset: Path, nft: Path) -> None:
    """A line of the ruleset that `nft` quotes in its error is not taken for a missing privilege."""
    nft.write_text('#!/bin/sh\nprintf "x:1:1: Error: syntax error\\n# Operation not permitted\\n" >&2\nexit 1\n')
    with pytest.raises(PermanentError, match="syntax error"):
        apply(opening("10.0.0.0/24"))
    assert ruleset.read_bytes() == SHIPPED


def test_nft_is_missing(ruleset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `nft` is not installed the change is made and says so."""
    monkeypatch.setattr(firewall_file.shutil, "which", lambda *_, **__: None)
    assert apply(opening("10.0.0.0/24")).checked == "not checked: nft is not installed"


def test_nft_hangs(ruleset: Path, nft: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An `nft` that does not answer is a temporary error, and nothing is changed."""
    nft.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(firewall_file, "NFT_TIMEOUT", timedelta(milliseconds=50))
    with pytest.raises(TemporaryError, match="did not answer"):
        apply(opening("10.0.0.0/24"))
    assert ruleset.read_bytes() == SHIPPED


def test_the_lock_is_held(ruleset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change waits for another's lock, not for ever: then it is a temporary error with when to try again."""
    monkeypatch.setattr(firewall_file, "LOCK_WAIT", timedelta(milliseconds=50))
    with ruleset.with_name(".edge.nft.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(TemporaryError, match="another change") as caught:
            apply(opening("10.0.0.0/24"))
        assert caught.value.retry_after == timedelta(milliseconds=50)
    assert apply(opening("10.0.0.0/24")).changed


# --- other processes --------------------------------------------------------------------------------------------------

CHANGER = f"""
    import importlib, sys, types
    package = types.ModuleType("reference_activities")
    package.__path__ = [{str(ROOT / "activities")!r}]
    sys.modules[package.__name__] = package
    firewall = importlib.import_module("reference_activities.firewall")
    print("ready", flush=True)
    sys.stdin.readline()
    for port in range(int(sys.argv[1]), int(sys.argv[2])):
        one = firewall.Application(source="203.0.113.0/24", port=port)
        firewall._apply(one, one.rule_id(None))
"""


def changer(first: int, end: int) -> subprocess.Popen[str]:
    """Start a process that opens these ports once it is told to go."""
    command = [sys.executable, "-c", textwrap.dedent(CHANGER), str(first), str(end)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.mark.process
def test_two_processes(ruleset: Path) -> None:
    """Changes that two processes make at the same time are all there."""
    changers = [changer(1000, 1010), changer(2000, 2010)]
    for each in changers:
        assert each.stdout
        assert each.stdout.readline() == "ready\n"
    for each in changers:
        assert each.stdin
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in changers:
        each.communicate(timeout=20)
    assert [each.returncode for each in changers] == [0, 0]
    text = ruleset.read_text()
    assert all(text.count(f"tcp dport {port} counter") == 1 for port in [*range(1000, 1010), *range(2000, 2010)])


@pytest.mark.process
def test_killed_in_the_middle(ruleset: Path, nft: Path) -> None:
    """A process killed while its draft is checked has changed nothing, and the next change goes through."""
    nft.write_text("#!/bin/sh\nkill -9 $PPID\n")
    killed = changer(1000, 1001)
    killed.communicate("go\n", timeout=20)
    assert killed.returncode == -signal.SIGKILL
    assert ruleset.read_bytes() == SHIPPED
    assert ruleset.with_name(".edge.nft.new").exists()
    nft.write_text("#!/bin/sh\nexit 0\n")
    applied = apply(opening("203.0.113.0/24"))
    assert applied.changed
    assert not ruleset.with_name(".edge.nft.new").exists()


# --- which file -------------------------------------------------------------------------------------------------------


def test_the_default_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the setting it is `firewall.nft` in the state folder, made from the shipped ruleset, which stays."""
    shipped = tmp_path / "workflows/firewall_change/ruleset.nft"
    shipped.parent.mkdir(parents=True)
    shipped.write_bytes(SHIPPED)
    monkeypatch.delenv("HITL_FIREWALL_RULESET", raising=False)
    monkeypatch.delenv("HITL_STATE", raising=False)
    monkeypatch.setenv("HITL_PROJECT", str(tmp_path))
    file = tmp_path / ".hitl/firewall.nft"
    assess(firewall.Opening(source="10.0.0.0/24", port=443))
    assert file.read_bytes() == SHIPPED
    applied = apply(opening("203.0.113.0/24"))
    assert (applied.file, applied.rule in file.read_text()) == (str(file), True)
    assert shipped.read_bytes() == SHIPPED
    monkeypatch.setenv("HITL_STATE", str(tmp_path / "elsewhere"))
    assert firewall.ruleset_file() == tmp_path / "elsewhere/firewall.nft"


def test_relative_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative name counts from the project, else from the working directory."""
    monkeypatch.setenv("HITL_FIREWALL_RULESET", "rules/a.nft")
    monkeypatch.setenv("HITL_PROJECT", str(tmp_path / "project"))
    assert firewall.ruleset_file() == tmp_path / "project/rules/a.nft"
    monkeypatch.delenv("HITL_PROJECT")
    monkeypatch.chdir(tmp_path)
    assert firewall.ruleset_file() == tmp_path / "rules/a.nft"


def test_messages_survive_json() -> None:
    """What goes through Temporal comes back equal."""
    sent = opening("10.0.0.0/24", key="k")
    assert firewall.Application.model_validate_json(sent.model_dump_json()) == sent
    assert sent.source == IPv4Network("10.0.0.0/24")
