"""The reader and editor of rulesets, on text alone."""

import importlib
import sys
import types
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]


def _activities() -> None:
    """Give the folder a package name of its own, so that the project loader's is left to the loader's tests."""
    package = types.ModuleType("reference_activities")
    package.__path__ = [str(ROOT / "activities")]
    sys.modules.setdefault(package.__name__, package)


_activities()
nftables = importlib.import_module("reference_activities.nftables")

OURS = 'ip saddr 203.0.113.0/24 tcp dport 22 counter accept comment "hitl:fw-1"'


def ruleset(*rules: str, before: str = "", policy: str = "drop") -> str:
    """Return a ruleset with these rules in the chain that is edited."""
    lines = ["table inet filter {", before, "\tchain input {"]
    lines += [f"\t\ttype filter hook input priority filter; policy {policy};", *(f"\t\t{rule}" for rule in rules)]
    return "\n".join([*lines, "\t}", "}", ""])


def the_chain(text: str) -> Any:
    return nftables.parse(text).chain("inet", "filter", "input")


def the_rule(rule: str, before: str = "") -> Any:
    (found,) = the_chain(ruleset(rule, before=before)).rules
    return found


def traffic(source: str, port: int, protocol: str = "tcp") -> Any:
    return nftables.Traffic(ip_network(source), port, protocol)


@pytest.mark.parametrize(
    ("rule", "matches", "differs"),
    [
        ("ip saddr 10.0.0.1 tcp dport 22 accept", ("10.0.0.1/32", 22), ("10.0.0.2/32", 22)),
        ("ip saddr 10.0.0.0/8 tcp dport 22 accept", ("10.1.0.0/16", 22), ("11.0.0.0/16", 22)),
        ("ip saddr 10.0.0.1-10.0.0.9 accept", ("10.0.0.4/30", 22), ("10.0.0.10/32", 22)),
        ("ip saddr { 10.0.0.0/9, 10.128.0.0/9 } accept", ("10.0.0.0/8", 22), ("12.0.0.0/8", 22)),
        ("ip saddr != 10.0.0.0/8 tcp dport 22 accept", ("11.0.0.0/8", 22), ("10.1.0.0/16", 22)),
        ("ip saddr != 10.0.0.0/8 accept", ("11.0.0.0/8", 22), ("fd00::/64", 22)),
        ("ip6 saddr fd00::/8 tcp dport 22 accept", ("fd00:1::/64", 22), ("10.0.0.0/8", 22)),
        ("tcp dport { 22, 8000-8099 } accept", ("fd00::/64", 8050), ("fd00::/64", 8100)),
        ("tcp dport != 22 accept", ("10.0.0.0/8", 23), ("10.0.0.0/8", 22)),
        ("tcp dport ssh accept", ("10.0.0.0/8", 22), ("10.0.0.0/8", 23)),
        ("tcp dport == 22 ct state new counter packets 3 bytes 180 accept", ("10.0.0.0/8", 22), ("10.0.0.0/8", 23)),
        ("meta l4proto { tcp, udp } th dport 53 log accept", ("10.0.0.0/8", 53), ("10.0.0.0/8", 54)),
        ("meta l4proto tcp drop", ("10.0.0.0/8", 1), ("10.0.0.0/8", 1, "udp")),
        ("udp dport 53 reject with icmpx type admin-prohibited", ("10.0.0.0/8", 53, "udp"), ("10.0.0.0/8", 53)),
        ('tcp dport 22 reject with tcp reset comment "no"', ("10.0.0.0/8", 22), ("10.0.0.0/8", 23)),
    ],
)
def test_matches(rule: str, matches: tuple[str, int], differs: tuple[str, int]) -> None:
    """A rule covers the traffic that it matches and does not meet any other."""
    found = the_rule(rule)
    assert found.unread is None
    assert found.meaning.covers(traffic(*matches))
    assert found.decides_on(traffic(*matches))
    assert not found.meaning.meets(traffic(*differs))


@pytest.mark.parametrize(
    "rule",
    [
        'iifname "wan0" tcp dport 22 accept',
        "tcp dport 22 limit rate 3/minute accept",
        "ip daddr 10.0.0.9 tcp dport 22 accept",
        "ct state untracked tcp dport 22 accept",
    ],
)
def test_a_condition_narrows(rule: str) -> None:
    """A rule with a further condition may meet the traffic, but never covers it."""
    meaning = the_rule(rule).meaning
    assert meaning.meets(traffic("10.0.0.0/8", 22))
    assert not meaning.covers(traffic("10.0.0.0/8", 22))


@pytest.mark.parametrize(
    "rule",
    [
        "jump from_wan",
        "tcp dport 22 jump ssh",
        "ip saddr $office tcp dport 22 accept",
        "ip saddr @unknown accept",
        "ip saddr office.example.com accept",
        "ip saddr . tcp dport { 10.0.0.1 . 22 } accept",
        "ip saddr & 255.0.0.0 == 10.0.0.0 accept",
        "ip saddr vmap { 10.0.0.0/8 : accept }",
        "ct state vmap { established : accept, invalid : drop }",
        "tcp dport > 1023 accept",
        "tcp dport no-such-service accept",
        "tcp flags & (fin|syn) == syn accept",
        "meta l4proto 6 accept",
        "meta mark set 0x1 accept",
        "ip saddr 10.0.0.0/8 ip saddr 10.1.0.0/16 accept",
        "tcp dport 22 dnat to 10.0.0.1",
        "accept drop",
        "queue num 0",
    ],
)
def test_not_understood_is_said(rule: str) -> None:
    """A rule that says more than is understood is kept, says so, and is held to mean nothing."""
    found = the_rule(rule)
    assert found.unread
    assert found.text == rule
    assert found.meaning == nftables.Meaning()


def test_named_sets() -> None:
    """A named set counts by its elements, over several lines and with timeouts and comments in between."""
    declared = 'set blocked { type ipv4_addr; flags interval, timeout\nelements = {\n10.0.0.0/8 timeout 1h, # "why\n'
    rule = the_rule("ip saddr @blocked drop", before=declared + '192.0.2.7 comment "x, }",\n}\n}')
    assert rule.unread is None
    assert rule.meaning.covers(traffic("10.9.0.0/16", 1))
    assert rule.meaning.meets(traffic("192.0.2.0/24", 1))
    assert not rule.meaning.meets(traffic("198.51.100.0/24", 1))


@pytest.mark.parametrize("body", ["flags dynamic; elements = { 10.0.0.1 }", "", "elements = { 10.0.0.1 . 22 }"])
def test_sets_of_unknown_content(body: str) -> None:
    """A rule on a set that is filled at run time, empty, or of joined values is not understood."""
    assert the_rule("ip saddr @flood drop", before=f"set flood {{ type ipv4_addr; {body}\n }}").unread


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("table inet filter {\n chain input {\n", 2, "not closed"),
        ("table inet filter {\n chain input { tcp dport { 22\n", 2, "not closed"),
        ("table inet filter {\n}\n}\n", 3, "closes nothing"),
        ('table inet filter {\n comment "open\n}\n', 2, "quote"),
        ("table inet filter {\n \\ }\n", 2, "cannot stand here"),
    ],
)
def test_unreadable(text: str, line: int, problem: str) -> None:
    """Text whose braces or quotes do not pair is an error with its line."""
    with pytest.raises(nftables.RulesetError, match=problem) as caught:
        nftables.parse(text)
    assert caught.value.line == line


def test_unknown_chain() -> None:
    """A chain that is not there is an error that lists those that are."""
    with pytest.raises(nftables.RulesetError, match=r"'output'.*inet filter input"):
        nftables.parse(ruleset()).chain("inet", "filter", "output")


def test_outside_of_chains() -> None:
    """What stands outside of chains and may open something is told with its line; the rest is not."""
    text = "flush ruleset\ndefine x = { 1 }\n" + ruleset() + 'include "more.nft"\nadd rule inet filter input accept\n'
    told = [(line, text) for line, text, _ in nftables.parse(text).unread]
    assert told == [(9, 'include "more.nft"'), (10, "add rule inet filter input accept")]


def test_blocks_of_one_chain() -> None:
    """Two blocks of one name are one chain, and its set may stand in either."""
    second = "table inet filter { set s { type ipv4_addr; elements = { 10.0.0.1 }\n }\n chain input {\n drop\n }\n}\n"
    rules = the_chain(ruleset("ip saddr @s accept") + second).rules
    assert [(rule.text, rule.unread) for rule in rules] == [("ip saddr @s accept", None), ("drop", None)]


@pytest.mark.parametrize(
    ("rules", "place"),
    [
        ((), 0),
        (("tcp dport 22 accept",), 1),
        (("tcp dport 22 accept", "counter drop"), 1),
        (("tcp dport 22 accept", "# all else", "reject with icmpx type port-unreachable", "tcp dport 1 accept"), 1),
        (("tcp dport 22 accept", 'limit rate 5/minute log prefix "no: "', "log", "drop"), 1),
        (("counter", "drop"), 1),
        (("tcp dport 22 drop", "log"), 1),
    ],
)
def test_place(rules: tuple[str, ...], place: int) -> None:
    """A new rule goes before the first denial of everything and before the logging that announces it."""
    assert the_chain(ruleset(*rules)).place == place


def test_remarks_stay_with_their_rule() -> None:
    """A new rule goes above the comment of the rule that it precedes, in that rule's indentation."""
    parsed = nftables.parse(ruleset("accept", "", "# all else", "# is dropped", "drop"))
    text = parsed.with_rule(parsed.chain("inet", "filter", "input"), OURS)
    assert f"accept\n\t\t\n\t\t{OURS}\n\t\t# all else\n\t\t# is dropped\n\t\tdrop" in text


@pytest.mark.parametrize(
    "text",
    [
        "table inet filter { chain input { type filter hook input priority 0; tcp dport 22 accept; drop } }\n",
        ruleset("tcp dport 22 accept; drop"),
        "table inet filter {\n chain input {\n accept }\n}\n",
        ruleset("tcp dport 22 \\", "# swallowed", "drop"),
    ],
)
def test_no_line_of_its_own(text: str) -> None:
    """Where a new line would change what stands there already, nothing is written."""
    parsed = nftables.parse(text)
    with pytest.raises(nftables.RulesetError, match="line"):
        parsed.with_rule(parsed.chain("inet", "filter", "input"), OURS)


def test_a_rule_that_shares_its_line_stays() -> None:
    """A rule that somebody joined with another on one line is not cut out."""
    with pytest.raises(nftables.RulesetError, match="shares its line") as caught:
        nftables.parse(ruleset(f"{OURS}; accept")).without("hitl:fw-1")
    assert caught.value.line == 5


def test_all_copies_go() -> None:
    """Copies of a rule go too, whatever was written behind them, and a longer id is another rule."""
    other = OURS.replace("fw-1", "fw-12")
    text = ruleset(OURS, other, f"{OURS}  # twice", f"{OURS};", "drop")
    assert nftables.parse(text).without("hitl:fw-1") == ruleset(other, "drop")


INDENTS = st.sampled_from(["", "\t", "  ", "\t\t", "    "])
LINES = st.one_of(
    st.sampled_from(
        ["", "# }", '# "', "tcp dport 22 accept # {", "tcp dport {\n22,\n# }\n80 } accept", "counter drop"]
    ),
    st.sampled_from(['log prefix "} # "', "jump other", "ct state new", "ip6 saddr fd00::/8 tcp dport ssh accept;"]),
    st.text(st.characters(codec="utf-8", exclude_characters='"\n', exclude_categories=["Cs"]), max_size=12).map(
        lambda text: f'accept comment "{text}"'
    ),
)


@given(st.lists(st.tuples(INDENTS, LINES), max_size=8), INDENTS, st.sampled_from(["", "\n", "\r\n", " # end"]))
def test_round_trip(lines: list[tuple[str, str]], indent: str, end: str) -> None:
    """Adding a rule changes no other, and taking it out again gives the identical text."""
    body = "".join(f"{indent}{line}\n" for indent, line in lines)
    text = f"table inet filter {{\n{indent}chain input {{ # type\n{body}{indent}}}\n}}{end}"
    parsed = nftables.parse(text)
    changed = parsed.with_rule(chain := parsed.chain("inet", "filter", "input"), OURS)
    rules = [rule.text for rule in the_chain(changed).rules]
    assert rules.pop(chain.place) == OURS
    assert rules == [rule.text for rule in chain.rules]
    assert nftables.parse(changed).without("hitl:fw-1") == text


@given(st.lists(st.sampled_from([*'{};,#"=\\\n .', "table", "chain", "x", "set", "ip saddr", "10.0.0.0/8", "é"])))
def test_any_text_is_read_or_refused(words: list[str]) -> None:
    """No text breaks the reader: it is a ruleset or a `RulesetError`."""
    with suppress(nftables.RulesetError):
        nftables.parse(" ".join(words))


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted).map(tuple)), st.booleans())
def test_spans(ranges: list[tuple[int, int]], is_negated: bool) -> None:
    """Spans admit what a set of integers would."""
    spans = nftables.Spans.of(ranges, is_negated=is_negated)
    admitted = {each for low, high in ranges for each in range(low, high + 1)}
    admitted = set(range(42)) - admitted if is_negated else admitted
    for first, last in [(0, 3), (5, 5), (10, 41), (20, 30)]:
        asked = set(range(first, last + 1))
        assert spans.meets(first, last) == bool(asked & admitted)
        assert spans.admits(first, last) == (asked <= admitted)
