"""Read an nftables ruleset as text and edit it by whole lines: every byte that is not ours stays as it was.

Only what the firewall activities weigh is understood: tables, chains, named sets, and rules that match on source,
destination port, protocol, connection state and a few plain conditions. A rule that says anything else is kept and
carries the reason in `Rule.unread`; its meaning is never guessed.
Source: nft(8) of nftables 1.0.6, read 2026-11-22.

Must not know: files, the `nft` program, Temporal, risk.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from .nftables_meaning import ANYTHING, Meaning, Network, Sets, Spans, Traffic, UnreadError, understand
from .nftables_text import Block, RulesetError, Statement, outline

__all__ = ["Chain", "Meaning", "Network", "Rule", "Ruleset", "RulesetError", "Spans", "Traffic", "parse"]


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
    meaning: Meaning = ANYTHING
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
            and replace(self.meaning, logs=False, conditions=()) == ANYTHING
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
    root = outline(text)
    chains: dict[tuple[str, str, str], Chain] = {}
    unread = [_outsider(each, text) for each in root.statements if each[0].text not in _HARMLESS]
    tables: list[tuple[str, str, Block]] = []
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


def _source(statement: Statement, text: str) -> str:
    return " ".join(text[statement[0].start : statement[-1].end].split())


def _joined(statement: Statement) -> str:
    return " ".join(token.text for token in statement)


def _outsider(statement: Statement, text: str) -> tuple[int, str, str]:
    return statement[0].line, _source(statement, text), "stands outside of any chain and may change what is open"


def _is(block: Block, kind: str) -> bool:
    return len(block.header) == 2 and block.header[0].text == kind


def _elements(block: Block) -> str:
    """Return the elements of a named set as written, `{ a , b }`; empty when they are added at run time."""
    statements = [_joined(each) for each in block.statements]
    if any(each.startswith("flags ") and "dynamic" in each for each in statements):
        return ""
    return next((each.removeprefix("elements = ") for each in statements if each.startswith("elements = ")), "")


def _extended(chain: Chain, block: Block, sets: Sets, text: str) -> Chain:
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


def _rule(statement: Statement, sets: Sets, text: str) -> Rule:
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
        return replace(rule, meaning=understand(joined, sets))
    except UnreadError as error:
        return replace(rule, unread=str(error))
