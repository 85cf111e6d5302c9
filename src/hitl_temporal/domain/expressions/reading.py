"""What an expression says, read from its text alone: bounded, known functions only, hooks around its macros.

Must not know: the values that it will meet.
"""

import re
from functools import lru_cache
from itertools import chain, pairwise, zip_longest
from typing import NamedTuple, TypeAlias

import cel

from hitl_temporal.domain.expressions.errors import ExpressionError, short
from hitl_temporal.domain.expressions.tokens import Token, tokens

MAX_LENGTH = 1_000
"""Characters of one expression. It also bounds chains: the library overflows an 8 MB stack above 10,000 operators."""

TYPES = frozenset({"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "uint"})
"""Names that are types wherever the scope does not hold them."""

_MAX_MACROS = 2
_MAX_BRACKETS = 32  # The library itself stops at 96, which already overflows a thread with a stack of 512 KB.

_MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})
_BUILDERS = frozenset({"filter", "map"})  # Those whose result is a list.
_CHUNK = "_chunk_of_items"
_WORDS = frozenset({"true", "false", "null", "in"})
_CONVERSIONS = frozenset({"bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"})
_TESTS = frozenset({"contains", "endsWith", "matches", "size", "startsWith"})
_DATES = frozenset({"getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getMonth"})
_TIMES = frozenset({"getHours", "getMilliseconds", "getMinutes", "getSeconds"})
_FUNCTIONS = _CONVERSIONS | _TESTS | _DATES | _TIMES

_PLAIN_KEY = re.compile(r"""(["'])([A-Za-z_][A-Za-z0-9_]*)\1""")

Path: TypeAlias = tuple[str, ...]
"""The names of a reference, in order."""

Tree: TypeAlias = "dict[str, Tree]"
"""Names below names; an empty tree is a value read as a whole."""


class Compiled(NamedTuple):
    """An expression that may be evaluated: its program, the paths that it reads, these as one tree, what it calls."""

    program: cel.Program
    paths: frozenset[Path]
    tree: Tree
    calls: frozenset[str]


class _Bracket(NamedTuple):
    macro: str | None
    """The macro whose arguments it holds, None for any other bracket."""
    bound: str | None
    """The name that this macro binds within the bracket."""


class _Insertion(NamedTuple):
    at: int
    text: str


def check(text: str) -> None:
    """Refuse an expression that could never be evaluated, or not safely.

    Raises:
        ExpressionError: It is too long, nested too deeply, not CEL, or calls a function that does not exist.
    """
    compiled(text)


def checked(text: str) -> str:
    """Return an expression that a document may hold; a field of a model is validated with it.

    Raises:
        ValueError: It may not, and why.
    """
    try:
        check(text)
    except ExpressionError as error:
        raise ValueError(str(error)) from error
    return text


def references(text: str) -> frozenset[str]:
    """Return the dotted paths that an expression reads, such as `steps.risk.outputs.score`, as far as its text tells.

    A path ends where an index is computed. Names that a macro binds are left out.
    """
    return frozenset(".".join(path) for path in compiled(text).paths if path[0] not in TYPES)


# The texts come from definitions, whose number is small; the bound only keeps a worker that sees many from growing.
@lru_cache(maxsize=2_048)
def compiled(text: str) -> Compiled:
    """Return an expression ready to be evaluated.

    Raises:
        ExpressionError: As for `check`.
    """
    if not text.strip():
        raise ExpressionError(text, "is empty")
    if len(text) > MAX_LENGTH:
        raise ExpressionError(text, f"has {len(text):,} characters; at most {MAX_LENGTH:,} are allowed")
    paths, hooks = _surveyed(text)
    try:
        called = cel.compile(text).functions()
        program = cel.compile(_with(hooks, text))
    except ValueError as error:
        raise ExpressionError(text, f"is not CEL: {_syntax_error(error)}") from error
    # Operators are among the functions, under names such as `_+_` and `@in`.
    unknown = [name for name in called if name.isidentifier() and name not in _FUNCTIONS]
    if unknown:
        raise ExpressionError(text, _unknown(unknown[0]))
    return Compiled(program, paths, _tree(paths), frozenset(called))


def _surveyed(text: str) -> tuple[frozenset[Path], list[_Insertion]]:
    """Return the paths that a text reads and the hooks for its macros; refuse what is nested too deeply."""
    found = list(tokens(text))
    nothing = Token("", "", len(text))
    paths: set[Path] = set()
    hooks: list[_Insertion] = []
    brackets: list[_Bracket] = []
    macro: str | None = None
    for index, token in enumerate(found):
        before = found[index - 1] if index else nothing
        after = found[index + 1] if index + 1 < len(found) else nothing
        if token.text in {"(", "[", "{"}:
            brackets.append(_Bracket(macro, after.text if macro else None))
            macro = None
            _refuse_depth(text, brackets)
        elif token.text in {")", "]", "}"} and brackets:
            if brackets.pop().macro in _BUILDERS:
                hooks.append(_Insertion(token.at + 1, ")._joined()"))
        elif token.kind == "name" and before.text == "." and after.text == "(" and token.text in _MACROS:
            macro = token.text
            hook = f"._chunks().map({_CHUNK}, {_CHUNK}" if macro in _BUILDERS else "._items()"
            hooks.append(_Insertion(before.at, hook))
        elif (
            token.kind == "name"
            and before.text != "."
            and after.text != "("
            and token.text not in _WORDS
            and all(bracket.bound != token.text for bracket in brackets)
        ):
            paths.add(_path(found[index:]))
    return frozenset(paths), hooks


def _refuse_depth(text: str, brackets: list[_Bracket]) -> None:
    if len(brackets) > _MAX_BRACKETS:
        raise ExpressionError(text, f"nests brackets more than {_MAX_BRACKETS} deep")
    if sum(bracket.macro is not None for bracket in brackets) > _MAX_MACROS:
        raise ExpressionError(text, f"nests macros ({', '.join(sorted(_MACROS))}) more than {_MAX_MACROS} deep")


def _path(found: list[Token]) -> Path:
    """Return the path that these tokens begin with, up to a call or a computed index."""
    path = [found[0].text]
    rest = found[1:]
    while True:
        match rest:
            case [Token(text="."), Token(kind="name"), Token(text="("), *_]:
                return tuple(path)
            case [Token(text="."), Token(kind="name", text=name), *rest]:
                path.append(name)
            case [Token(text="["), Token(text=key), Token(text="]"), *rest] if plain := _PLAIN_KEY.fullmatch(key):
                path.append(plain[2])
            case _:
                return tuple(path)


def _with(insertions: list[_Insertion], text: str) -> str:
    """Return the text with the insertions made; at one place, in the order in which they were found."""
    cuts = [0, *sorted(insertion.at for insertion in insertions), len(text)]
    pieces = (text[start:end] for start, end in pairwise(cuts))
    inserted = (insertion.text for insertion in sorted(insertions, key=lambda insertion: insertion.at))
    return "".join(chain.from_iterable(zip_longest(pieces, inserted, fillvalue="")))


def _tree(paths: frozenset[Path]) -> Tree:
    """Return the paths as one tree; a path that another begins with stands for both."""
    tree: Tree = {}
    for *stem, leaf in sorted(paths, key=len):
        branch = tree
        for name in stem:
            if branch.get(name) == {}:
                break
            branch = branch.setdefault(name, {})
        else:
            branch[leaf] = {}
    return tree


def _unknown(function: str) -> str:
    if function == "secret":
        return "calls secret(), which is allowed only as a whole value in `with` or `env`: the activity resolves it"
    if function in _MACROS:
        return f"uses the macro {function!r} in another form than list.{function}(item, expression)"
    return f"calls the unknown function {function!r}; known are {', '.join(sorted(_FUNCTIONS))}"


def _syntax_error(error: ValueError) -> str:
    """Return the library's first complaint, without its drawing of the text and its list of tokens."""
    found = re.findall(r"<input>:(\d+):(\d+): (?:Syntax error: )?(.+?)(?: expecting \{.*)?$", str(error), re.MULTILINE)
    line, column, complaint = (*found, ("?", "?", str(error)))[0]
    return f"{short(complaint, 120)} (line {line}, column {column})"
