"""The text of an nftables ruleset as blocks of statements, each word with its place: no byte is lost sight of.

Source: nft(8) of nftables 1.0.6, read 2026-11-22.

Must not know: what a statement means.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

__all__ = ["Block", "RulesetError", "Statement", "Token", "outline"]


class RulesetError(ValueError):
    """The text is no ruleset that can be read, or edited, here.

    Attributes:
        line: Where, counted from 1; None when it is about the text as a whole.
    """

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.line = line


class Token(NamedTuple):
    """One word or sign: its place in the text, and its line counted from 1."""

    text: str
    start: int
    end: int
    line: int


Statement = tuple[Token, ...]
"""The words and signs between two ends of a statement; never empty."""


@dataclass(slots=True)
class Block:
    """What a pair of braces holds, in order.

    Attributes:
        header: What stands before its opening brace; empty for the file as a whole.
        closing: Where its closing brace stands; 0 for the file as a whole.
    """

    header: Statement
    statements: list[Statement] = field(default_factory=list[Statement])
    blocks: list["Block"] = field(default_factory=list["Block"])
    closing: int = 0


_LEXEME: Final = re.compile(
    r"""(?P<nothing> [ \t\r]+ | \\\r?\n | \#[^\n]* )
      | (?P<token>   \n | "[^"\n]*" | [!=<>]= | [{};,=<>!] | [^\s{};,=<>!"\#\\]+ )""",
    re.VERBOSE,
)


def outline(text: str) -> Block:
    """Return the file as one block: its blocks are tables, and theirs are chains and sets.

    Raises:
        RulesetError: Braces or quotes do not pair.
    """
    return _block(_tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    at, line = 0, 1
    while at < len(text):
        lexeme = _LEXEME.match(text, at)
        if lexeme is None:
            problem = "this quote is not closed" if text[at] == '"' else f"{text[at]!r} cannot stand here"
            raise RulesetError(problem, line)
        if lexeme["token"]:
            yield Token(lexeme["token"], at, lexeme.end(), line)
        line += lexeme[0].count("\n")
        at = lexeme.end()


def _block(tokens: Iterator[Token], header: Statement = (), depth: int = 0) -> Block:
    """Return what stands up to the closing brace; the file is at depth 0, and below 2 braces hold values only."""
    block = Block(header)
    pending: list[Token] = []
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


def _values(tokens: Iterator[Token], opening: Token) -> Iterator[Token]:
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
