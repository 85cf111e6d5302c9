"""Read an nftables ruleset as text and edit it by whole lines: every byte that is not ours stays as it was.

Only what the firewall activities weigh is understood: tables, chains, named sets, and rules that match on source,
destination port, protocol, connection state and a few plain conditions. A rule that says anything else is kept and
carries the reason in `Rule.unread`; its meaning is never guessed.
Source: nft(8) of nftables 1.0.6, read 2026-11-22.

Must not know: files, the `nft` program, Temporal, risk.
"""

import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, NamedTuple

__all__ = ["Chain", "Meaning", "Network", "Rule", "Ruleset", "RulesetError", "Spans", "Traffic", "parse"]

Network = IPv4Network | IPv6Network


class RulesetError(ValueError):
    """The text is no ruleset that can be read, or edited, here.

    Attributes:
        line: Where, counted from 1; None when it is about the text as a whole.
    """

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.line = line


class Traffic(NamedTuple):
    """New connections from a network to one port of this host."""

    source: Network
    port: int
    protocol: str


# --- what a rule means ------------------------------------------------------------------------------------------------


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


def _first_and_last(network: Network) -> tuple[int, int]:
    return int(network.network_address), int(network.broadcast_address)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule where it stands.

    Attributes:
        text: As written, blanks collapsed.
        line: Of its first character, counted from 1.
        start, end: Its place in the ruleset's text.
        comment: Its `comment "..."`, None without one.
        unread: Why it was not understood, None when it was; `meaning` says nothing then.
    """

    text: str
    line: int
    start: int
    end: int
    comment: str | None = None
    meaning: Meaning = Meaning()
    unread: str | None = None

    @property
    def denies(self) -> bool:
        """Whether it drops or rejects what it matches."""
        return self.meaning.verdict in {"drop", "reject"}

    @property
    def denies_everything(self) -> bool:
        """Whether no packet gets past it."""
        return self.denies and self.meaning.is_catch_all

    def decides_on(self, traffic: Traffic) -> bool:
        """Return whether it may decide on some of this traffic, and not only by chance.

        A rule that names neither source, port nor protocol but, say, an interface is about something else.
        """
        means = self.meaning
        is_about_it = means.is_catch_all or means.sources or means.ports or means.protocols
        return bool(means.verdict and is_about_it and means.meets(traffic))

    @property
    def announces(self) -> bool:
        """Whether it only logs, at most at some rate, whatever gets to it."""
        conditions = self.meaning.conditions
        return (
            self.meaning.logs
            and all(condition.startswith("limit ") for condition in conditions)
            and replace(self.meaning, logs=False, conditions=()) == Meaning()
        )


@dataclass(frozen=True, slots=True)
class Chain:
    """The rules that packets meet in order; several blocks of one name are one chain, as they are to `nft`.

    Attributes:
        hook: `input`, `prerouting`, ...; None for a chain that is only jumped to.
        type: `filter`, `nat`, `route`; None without a hook.
        policy: What happens to a packet that no rule decides.
        closing: Where the closing brace of its last block stands.
    """

    family: str
    table: str
    name: str
    line: int
    closing: int
    rules: tuple[Rule, ...] = ()
    hook: str | None = None
    type: str | None = None
    policy: str = "accept"

    @property
    def place(self) -> int:
        """How many rules come before a new accept rule.

        It goes before the first rule that denies everything, and before the logging that announces that denial:
        after it, it would never match; between the two, the log would tell of drops that did not happen.
        """
        place = next((at for at, rule in enumerate(self.rules) if rule.denies_everything), len(self.rules))
        while place and self.rules[place - 1].announces:
            place -= 1
        return place

    @property
    def denies_by_default(self) -> bool:
        """Whether a packet that no rule before `place` decides is refused."""
        return self.policy == "drop" or any(rule.denies_everything for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Ruleset:
    """A ruleset's text and what was read of it.

    Attributes:
        chains: In order of first appearance.
        unread: What stands outside of chains and was not understood: (line, text, why).
    """

    text: str
    chains: tuple[Chain, ...]
    unread: tuple[tuple[int, str, str], ...] = ()

    def chain(self, family: str, table: str, name: str) -> Chain:
        """Return this chain.

        Raises:
            RulesetError: It is not there; the message lists those that are.
        """
        for chain in self.chains:
            if (chain.family, chain.table, chain.name) == (family, table, name):
                return chain
        known = ", ".join(f"{chain.family} {chain.table} {chain.name}" for chain in self.chains[:20]) or "none"
        raise RulesetError(f"no chain {name!r} in table '{family} {table}'; its chains: {known}. Add the chain first")

    def marked(self, comment: str) -> tuple[Rule, ...]:
        """Return the rules, of any chain, that carry exactly this comment."""
        return tuple(rule for chain in self.chains for rule in chain.rules if rule.comment == comment)

    def with_rule(self, chain: Chain, rule: str) -> str:
        """Return the text with one more line in `chain`, at its `place` and in its indentation.

        Raises:
            RulesetError: There is no line of its own for it.
        """
        place = chain.place
        if place < len(chain.rules):
            at = self._line_start(chain.rules[place].start)
            indent = self._indent(at)
            at = self._above_remarks(at)
        else:
            at = self._line_start(chain.closing)
            indent = self._indent(self._line_of(chain.rules[-1].start)) if chain.rules else self._indent(at) + "\t"
        text = f"{self.text[:at]}{indent}{rule}\n{self.text[at:]}"
        # A continued line or a remark in an odd place could have swallowed the rule: read it back before it counts.
        expected = [each.text for each in chain.rules]
        expected.insert(place, rule)
        found = [each.text for each in parse(text).chain(chain.family, chain.table, chain.name).rules]
        if found != expected:
            raise RulesetError("a rule cannot be added here by a line of its own; write one rule a line", chain.line)
        return text

    def without(self, comment: str) -> str:
        """Return the text without the lines of the rules that carry exactly this comment.

        Raises:
            RulesetError: Such a rule shares its line with something else.
        """
        text = self.text
        for rule in sorted(self.marked(comment), key=lambda rule: rule.start, reverse=True):
            start = self._line_start(rule.start)
            newline = self.text.find("\n", rule.end)
            stop = len(self.text) if newline < 0 else newline + 1
            if not re.fullmatch(r"[ \t\r;]*(#.*)?\n?", self.text[rule.end : stop]):
                raise RulesetError(
                    "the rule shares its line; give it a line of its own or take it out by hand", rule.line
                )
            text = text[:start] + text[stop:]
        return text

    def _line_of(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def _line_start(self, at: int) -> int:
        """Return where the line begins of which this is the first thing."""
        start = self._line_of(at)
        if self.text[start:at].strip():
            line = self.text.count("\n", 0, at) + 1
            raise RulesetError("several things share this line; give each rule and brace a line of its own", line)
        return start

    def _indent(self, line_start: int) -> str:
        end = line_start
        while self.text[end] in " \t":
            end += 1
        return self.text[line_start:end]

    def _above_remarks(self, line_start: int) -> int:
        """Return the start of the comment lines directly above: they belong to the rule below them."""
        while line_start:
            above = self._line_of(line_start - 1)
            if not self.text[above:line_start].lstrip().startswith("#"):
                break
            line_start = above
        return line_start


def parse(text: str) -> Ruleset:
    """Read a ruleset.

    Raises:
        RulesetError: Braces or quotes do not pair.
    """
    root = _block(_tokens(text))
    chains: dict[tuple[str, str, str], Chain] = {}
    unread = [_outsider(each, text) for each in root.statements if each[0].text not in _HARMLESS]
    tables: list[tuple[str, str, _Block]] = []
    for block in root.blocks:
        match [token.text for token in block.header if token.text not in {"add", "create"}]:
            case ["table", name]:
                tables.append(("ip", name, block))
            case ["table", family, name]:
                tables.append((family, name, block))
            case _:
                unread.append(_outsider(block.header, text))
    for family, table, block in tables:
        unread += [_outsider(each, text) for each in block.statements if each[0].text not in _HARMLESS_IN_TABLE]
        siblings = [each for *of, part in tables if of == [family, table] for each in part.blocks]
        sets = {each.header[1].text: _elements(each) for each in siblings if _is(each, "set")}
        for each in block.blocks:
            if _is(each, "chain"):
                key = (family, table, each.header[1].text)
                chain = chains.get(key) or Chain(*key, line=each.header[0].line, closing=each.closing)
                chains[key] = _extended(chain, each, sets, text)
    return Ruleset(text, tuple(chains.values()), tuple(unread))


_HARMLESS: Final = frozenset({"flush", "delete", "destroy", "define", "table"})
"""First words of statements outside of tables that open nothing; a rule that uses a `define` is itself unread."""

_HARMLESS_IN_TABLE: Final = frozenset({"comment", "define"})


# --- from text to blocks of statements --------------------------------------------------------------------------------


class _Token(NamedTuple):
    text: str
    start: int
    end: int
    line: int


_Statement = tuple[_Token, ...]


@dataclass(slots=True)
class _Block:
    header: _Statement
    statements: list[_Statement] = field(default_factory=list[_Statement])
    blocks: list["_Block"] = field(default_factory=list["_Block"])
    closing: int = 0


_Sets = Mapping[str, str]
"""The named sets of a table: their elements as written."""

_LEXEME: Final = re.compile(
    r"""(?P<nothing> [ \t\r]+ | \\\r?\n | \#[^\n]* )
      | (?P<token>   \n | "[^"\n]*" | [!=<>]= | [{};,=<>!] | [^\s{};,=<>!"\#\\]+ )""",
    re.VERBOSE,
)


def _tokens(text: str) -> Iterator[_Token]:
    at, line = 0, 1
    while at < len(text):
        lexeme = _LEXEME.match(text, at)
        if lexeme is None:
            problem = "this quote is not closed" if text[at] == '"' else f"{text[at]!r} cannot stand here"
            raise RulesetError(problem, line)
        if lexeme["token"]:
            yield _Token(lexeme["token"], at, lexeme.end(), line)
        line += lexeme[0].count("\n")
        at = lexeme.end()


def _block(tokens: Iterator[_Token], header: _Statement = (), depth: int = 0) -> _Block:
    """Return what stands up to the closing brace: the file (depth 0) holds tables, they hold chains and sets."""
    block = _Block(header)
    pending: list[_Token] = []
    for token in tokens:
        match token.text:
            case "{" if depth < 2 and pending and all(each.text != "=" for each in pending):
                block.blocks.append(_block(tokens, tuple(pending), depth + 1))
                pending.clear()
            case "{":
                pending += _values(tokens, token)
            case "\n" | ";" | "}":
                if pending:
                    block.statements.append(tuple(pending))
                    pending.clear()
                if token.text == "}" and not depth:
                    raise RulesetError("this brace closes nothing", token.line)
                if token.text == "}":
                    block.closing = token.start
                    return block
            case _:
                pending.append(token)
    if depth:
        raise RulesetError("the brace opened here is not closed", header[0].line)
    if pending:
        block.statements.append(tuple(pending))
    return block


def _values(tokens: Iterator[_Token], opening: _Token) -> Iterator[_Token]:
    """Yield a list of values in braces, both included; lines do not end a statement in it."""
    depth = 1
    yield opening
    while depth:
        token = next(tokens, None)
        if token is None:
            raise RulesetError("the brace opened here is not closed", opening.line)
        depth += {"{": 1, "}": -1}.get(token.text, 0)
        if token.text != "\n":
            yield token


def _source(statement: _Statement, text: str) -> str:
    return " ".join(text[statement[0].start : statement[-1].end].split())


def _joined(statement: _Statement) -> str:
    return " ".join(token.text for token in statement)


def _outsider(statement: _Statement, text: str) -> tuple[int, str, str]:
    return statement[0].line, _source(statement, text), "stands outside of any chain and may change what is open"


def _is(block: _Block, kind: str) -> bool:
    return len(block.header) == 2 and block.header[0].text == kind


def _elements(block: _Block) -> str:
    """Return the elements of a named set as written, `{ a , b }`; empty when they are added at run time."""
    statements = [_joined(each) for each in block.statements]
    if any(each.startswith("flags ") and "dynamic" in each for each in statements):
        return ""
    return next((each.removeprefix("elements = ") for each in statements if each.startswith("elements = ")), "")


def _extended(chain: Chain, block: _Block, sets: _Sets, text: str) -> Chain:
    rules = list(chain.rules)
    chain = replace(chain, closing=block.closing)
    for statement in block.statements:
        match [token.text for token in statement]:
            case ["type", kind, "hook", hook, *_]:
                chain = replace(chain, type=kind, hook=hook)
            case ["policy", policy]:
                chain = replace(chain, policy=policy)
            case [("comment" | "flags" | "devices"), *_]:
                pass
            case _:
                rules.append(_rule(statement, sets, text))
    return replace(chain, rules=tuple(rules))


def _rule(statement: _Statement, sets: _Sets, text: str) -> Rule:
    joined = _joined(statement)
    comment = re.search(r'\bcomment "([^"]*)"$', joined)
    rule = Rule(
        text=_source(statement, text),
        line=statement[0].line,
        start=statement[0].start,
        end=statement[-1].end,
        comment=comment[1] if comment else None,
    )
    try:
        return replace(rule, meaning=_meaning(joined, sets))
    except _UnreadError as error:
        return replace(rule, unread=str(error))


# --- from a statement to what it means --------------------------------------------------------------------------------


class _UnreadError(Exception):
    """A rule says more than is understood here; the message completes `it ...`."""


def _meaning(statement: str, sets: _Sets) -> Meaning:
    """Return what a statement, its words joined by one blank, means: its parts are read one after the other."""
    found, at = Meaning(), 0
    while at < len(statement):
        for grammar, read in _GRAMMAR:
            if part := grammar.match(statement, at):
                found, at = read(found, part, sets), part.end()
                break
        else:
            raise _UnreadError(f"says {statement[at : at + 60]!r}")
    return found


def _sources(found: Meaning, part: re.Match[str], sets: _Sets) -> Meaning:
    version = 4 if part["ip"] == "ip" else 6
    if found.sources or found.version not in {None, version}:
        raise _UnreadError("names its source twice")
    return replace(found, version=version, sources=_spans(part, sets, lambda value: _addresses(value, version)))


def _ports(found: Meaning, part: re.Match[str], sets: _Sets) -> Meaning:
    if found.ports:
        raise _UnreadError("names its port twice")
    found = found if part["l4"] == "th" else _limited(found, {part["l4"]})
    return replace(found, ports=_spans(part, sets, _port_range))


def _protocols(found: Meaning, part: re.Match[str], _: _Sets) -> Meaning:
    names = set(_listed(part["value"]))
    if part["no"] or not all(name[0].isalpha() for name in names):
        raise _UnreadError("excludes protocols, or gives them as numbers")
    return _limited(found, names)


def _states(found: Meaning, part: re.Match[str], sets: _Sets) -> Meaning:
    """A rule for known connections only never sees a first packet, so it opens and closes nothing."""
    states = set(_listed(part["value"]))
    if states <= {"established", "related", "invalid"} and not part["no"]:
        return replace(found, is_for_new=False)
    return found if "new" in states and not part["no"] else _condition(found, part, sets)


def _icmp(found: Meaning, part: re.Match[str], sets: _Sets) -> Meaning:
    return _condition(_limited(found, {"icmp"}), part, sets)


def _condition(found: Meaning, part: re.Match[str], _: _Sets) -> Meaning:
    return replace(found, conditions=(*found.conditions, part[0].strip()))


def _log(found: Meaning, _part: re.Match[str], _: _Sets) -> Meaning:
    return replace(found, logs=True)


def _nothing(found: Meaning, _part: re.Match[str], _: _Sets) -> Meaning:
    return found


def _verdict(found: Meaning, part: re.Match[str], _: _Sets) -> Meaning:
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
        raise _UnreadError("joins values, or maps them to others")
    return [words[0] for words in elements]


def _spans(part: re.Match[str], sets: _Sets, read: Callable[[str], tuple[int, int]]) -> Spans:
    ranges: list[tuple[int, int]] = []
    for value in _listed(part["value"]):
        elements = _listed(sets.get(value[1:], "")) if value.startswith("@") else [value]
        if not elements:
            raise _UnreadError(f"uses {value!r}, a set that is not in its table, or empty, or filled at run time")
        for element in elements:
            try:
                ranges.append(read(element))
            except (ValueError, OSError):
                raise _UnreadError(f"names {element!r}, which is not known here") from None
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
