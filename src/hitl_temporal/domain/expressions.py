"""What `{{ expr }}` means: CEL over one scope of JSON, made bounded and repeatable.

The CEL library is fast but trusting, so three things are done around it, in this order:

1. *Before it sees a text*: length, nesting and macros are bounded, since it can exhaust the thread's stack, and it
   cannot be interrupted.
2. *Before it sees values*: it gets only the part of the scope that the text names, within bounds.
3. *While it iterates*: each macro gets its items from `_Hooks`. The library walks maps in a random order, which
   would break replays, and copies what `map` and `filter` have built at each item, which would stall a workflow task
   (0.10.0 took 55 s to filter 10,000 maps of eight values, 1.4 s in chunks).

Whatever goes wrong is an `ExpressionError`; it is never false and never nothing.

Must not know: YAML, files, secrets' values, clocks, Temporal.
"""

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from itertools import chain, pairwise, zip_longest
from typing import NamedTuple, TypeAlias, cast

import cel

from hitl_temporal.domain.value import Json, canonical

__all__ = [
    "MAX_ITEMS",
    "MAX_LENGTH",
    "ExpressionError",
    "check",
    "evaluate",
    "expressions_in",
    "is_secret",
    "is_true",
    "references",
    "render",
    "secrets_in",
]

MAX_LENGTH = 1_000
"""Characters of one expression. It also bounds chains: the library overflows an 8 MB stack above 10,000 operators."""

MAX_ITEMS = 10_000
"""Items of one list that an expression may touch."""

_MAX_MACROS = 2
_MAX_BRACKETS = 32  # The library itself stops at 96, which already overflows a thread with a stack of 512 KB.
_MAX_LEVELS = 100  # Of nested values: the library converts them recursively.
_MAX_WORK = 75_000_000  # Units of about 20 ns: together 1.5 s, of the 2 s that Temporal gives a workflow task.
_PASS = 30  # Units for handing one plain value to Python; handing it back and rebuilding costs twice that.
_INT64 = range(-(2**63), 2**63)

_MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})
_BUILDERS = frozenset({"filter", "map"})  # Those whose result is a list.
_CHUNK = "_chunk_of_items"
_TYPES = frozenset({"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "uint"})
_WORDS = frozenset({"true", "false", "null", "in"})
_CONVERSIONS = frozenset({"bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"})
_TESTS = frozenset({"contains", "endsWith", "matches", "size", "startsWith"})
_DATES = frozenset({"getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getMonth"})
_TIMES = frozenset({"getHours", "getMilliseconds", "getMinutes", "getSeconds"})
_FUNCTIONS = _CONVERSIONS | _TESTS | _DATES | _TIMES

_TOKEN = re.compile(
    r"""
      (?P<blank> \s+ | //[^\n]* )
    | (?P<text>  (?: [bB]?[rR] (?: \"{3}.*?\"{3} | '{3}.*?'{3} | "[^"\n]*" | '[^'\n]*' ) )
               | [bB]? (?: \"{3}(?:\\.|[^\\])*?\"{3} | '{3}(?:\\.|[^\\])*?'{3}
                         | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' ) )
    | (?P<name>  [A-Za-z_][A-Za-z0-9_]* )
    | (?P<number> [0-9][A-Za-z0-9_.]* )
    | (?P<sign>  . )
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN_KEY = re.compile(r"""(["'])([A-Za-z_][A-Za-z0-9_]*)\1""")
_SECRET = re.compile(r"""\{\{\s*secret\(\s*(["'])([^"'\\{}]+)\1\s*\)\s*\}\}""")

_Path: TypeAlias = tuple[str, ...]
_Tree: TypeAlias = "dict[str, _Tree]"  # Names below names; an empty tree is a value read as a whole.


class ExpressionError(Exception):
    """An expression that may not be used, or that failed on these values.

    Attributes:
        expression: Its text.
        reason: What happened and, where it helps, what to write instead.
        values: Path and shortened value of what it referenced, sorted by path; empty when it was not evaluated.
    """

    def __init__(self, expression: str, reason: str, values: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(expression, reason, values)
        self.expression = expression
        self.reason = reason
        self.values = values

    def __str__(self) -> str:
        """Say it in one bounded line."""
        known = _short(", ".join(f"{path} = {value}" for path, value in self.values), 300)
        return f"expression {_short(self.expression, 200)!r}: {self.reason}" + (f" (with {known})" if known else "")


def check(text: str) -> None:
    """Refuse an expression that could never be evaluated, or not safely.

    Raises:
        ExpressionError: It is too long, nested too deeply, not CEL, or calls a function that does not exist.
    """
    _compiled(text)


def references(text: str) -> frozenset[str]:
    """Return the dotted paths that an expression reads, such as `steps.risk.outputs.score`, as far as its text tells.

    A path ends where an index is computed. Names that a macro binds are left out.
    """
    return frozenset(".".join(path) for path in _compiled(text).paths if path[0] not in _TYPES)


def evaluate(text: str, scope: Mapping[str, Json]) -> Json:
    """Return what an expression gives over `scope`; maps in it are sorted by key.

    Raises:
        ExpressionError: It is refused by `check`, touches too much, fails, or its result is not JSON.
    """
    compiled = _compiled(text)
    part = _part(scope, compiled.tree)
    if unfit := _unfit(part):
        raise ExpressionError(text, unfit, _known(compiled, scope))
    hooks = _Hooks()
    named = {"_items": hooks.items, "_chunks": hooks.chunks, "_joined": hooks.joined, "string": hooks.string}
    try:
        result = _json(compiled.program.execute(cel.Context(part, named)))
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ExpressionError(text, hooks.refusal or _reason(error), _known(compiled, scope)) from error
    # In CEL `true || failing` is true, so a refusal may not have come through as an error.
    if hooks.refusal:
        raise ExpressionError(text, hooks.refusal, _known(compiled, scope))
    return result


def is_true(text: str, scope: Mapping[str, Json]) -> bool:
    """Return whether a condition holds.

    Raises:
        ExpressionError: As for `evaluate`, and when the result is anything but true or false.
    """
    result = evaluate(text, scope)
    if isinstance(result, bool):
        return result
    reason = f"gives {_glimpse(result)}, not true or false; compare it with something"
    raise ExpressionError(text, reason, _known(_compiled(text), scope))


def render(value: Json, scope: Mapping[str, Json]) -> Json:
    """Return a document's value with each `{{ expr }}` in its strings replaced; keys stay as they are.

    A string that is one expression becomes its result, with its type. Within text null is nothing, numbers are written
    as people do (`3`, `0.8`), lists and maps as canonical JSON. What an expression gives is never rendered again, so
    values cannot smuggle expressions in. A whole-value `{{secret('name')}}` stays: the activity resolves it.
    A literal `{{` is written `{{ "{{" }}`.

    Raises:
        ExpressionError: As for `evaluate`, or a `{{` is not closed.
    """
    match value:
        case str():
            return value if is_secret(value) else _rendered(value, scope)
        case list():
            return [render(item, scope) for item in value]
        case dict():
            return {key: render(item, scope) for key, item in value.items()}
        case _:
            return value


def expressions_in(value: Json) -> tuple[str, ...]:
    """Return the expressions of a document's value in reading order, whole-value secrets left out.

    Raises:
        ExpressionError: A `{{` is not closed.
    """
    return tuple(
        part.text
        for text in _strings(value)
        if not is_secret(text)
        for part in _parts(text)
        if isinstance(part, _Expression)
    )


def is_secret(text: str) -> str | None:
    """Return the name in a value that is wholly `{{secret('name')}}`, None for any other text."""
    found = _SECRET.fullmatch(text)
    return found[2] if found else None


def secrets_in(value: Json) -> tuple[str, ...]:
    """Return the names of the whole-value secrets in a document's value, in reading order."""
    return tuple(name for text in _strings(value) if (name := is_secret(text)))


# --- Reading the text -----------------------------------------------------------------------------------------------


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class _Bracket(NamedTuple):
    macro: str | None
    """The macro whose arguments it holds, None for any other bracket."""
    bound: str | None
    """The name that this macro binds within the bracket."""


class _Insertion(NamedTuple):
    at: int
    text: str


class _Compiled(NamedTuple):
    program: cel.Program
    paths: frozenset[_Path]
    tree: _Tree


class _Expression(NamedTuple):
    text: str


# The texts come from definitions, whose number is small; the bound only keeps a worker that sees many from growing.
@lru_cache(maxsize=2_048)
def _compiled(text: str) -> _Compiled:
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
    return _Compiled(program, paths, _tree(paths))


def _surveyed(text: str) -> tuple[frozenset[_Path], list[_Insertion]]:
    """Return the paths that a text reads and the hooks for its macros; refuse what is nested too deeply."""
    tokens = [
        _Token(found.lastgroup or "", found[0], found.start())
        for found in _TOKEN.finditer(text)
        if found.lastgroup != "blank"
    ]
    nothing = _Token("", "", len(text))
    paths: set[_Path] = set()
    hooks: list[_Insertion] = []
    brackets: list[_Bracket] = []
    macro: str | None = None
    for index, token in enumerate(tokens):
        before = tokens[index - 1] if index else nothing
        after = tokens[index + 1] if index + 1 < len(tokens) else nothing
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
            paths.add(_path(tokens[index:]))
    return frozenset(paths), hooks


def _refuse_depth(text: str, brackets: list[_Bracket]) -> None:
    if len(brackets) > _MAX_BRACKETS:
        raise ExpressionError(text, f"nests brackets more than {_MAX_BRACKETS} deep")
    if sum(bracket.macro is not None for bracket in brackets) > _MAX_MACROS:
        raise ExpressionError(text, f"nests macros ({', '.join(sorted(_MACROS))}) more than {_MAX_MACROS} deep")


def _path(tokens: list[_Token]) -> _Path:
    """Return the path that these tokens begin with, up to a call or a computed index."""
    path = [tokens[0].text]
    rest = tokens[1:]
    while True:
        match rest:
            case [_Token(text="."), _Token(kind="name"), _Token(text="("), *_]:
                return tuple(path)
            case [_Token(text="."), _Token(kind="name", text=name), *rest]:
                path.append(name)
            case [_Token(text="["), _Token(text=key), _Token(text="]"), *rest] if plain := _PLAIN_KEY.fullmatch(key):
                path.append(plain[2])
            case _:
                return tuple(path)


def _with(insertions: list[_Insertion], text: str) -> str:
    """Return the text with the insertions made; at one place, in the order in which they were found."""
    cuts = [0, *sorted(insertion.at for insertion in insertions), len(text)]
    pieces = (text[start:end] for start, end in pairwise(cuts))
    inserted = (insertion.text for insertion in sorted(insertions, key=lambda insertion: insertion.at))
    return "".join(chain.from_iterable(zip_longest(pieces, inserted, fillvalue="")))


def _tree(paths: frozenset[_Path]) -> _Tree:
    """Return the paths as one tree; a path that another begins with stands for both."""
    tree: _Tree = {}
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
    complaint = re.search(
        r"<input>:(\d+):(\d+): (?:Syntax error: )?(.+?)(?: expecting \{.*)?$", str(error), re.MULTILINE
    )
    if complaint is None:
        return _short(str(error), 160)
    return f"{_short(complaint[3], 120)} (line {complaint[1]}, column {complaint[2]})"


# --- Guarding the values --------------------------------------------------------------------------------------------


class _Hooks:
    """What the library calls back during one evaluation.

    Macros go through bounded lists, and through maps in the order of their keys. A refusal is kept here, not raised:
    the library would log and rewrap it; with None in place of a result it stops by itself.
    """

    def __init__(self) -> None:
        self.refusal: str | None = None
        self._work = 0

    def items(self, target: object) -> object:
        """Return what `all`, `exists` and `exists_one` go through; anything but a list or a map stays as it is."""
        items = _as_items(target)
        if items is None:
            return target
        self._spend(items, _PASS)
        if len(items) > MAX_ITEMS:
            self.refusal = _too_long(len(items))
        return None if self.refusal else items

    def chunks(self, target: object) -> object:
        """Return the same for `map` and `filter`, in as many chunks as a chunk has items: that copies least."""
        items = _as_items(self.items(target))
        if items is None:
            return target if self.refusal is None else None
        size = math.isqrt(len(items)) or 1
        self._spend(items, size + 2 * _PASS)
        return [items[start : start + size] for start in range(0, len(items), size)]

    def joined(self, chunks: list[list[object]]) -> list[object]:
        """Return the items of the chunks that a `map` or `filter` has made."""
        items = list(chain.from_iterable(chunks))
        self._spend(items, 2 * _PASS)
        return items

    def string(self, value: object) -> str | None:
        """Be `string(bool)`, which CEL has and the library 0.10.0 lacks; it asks here for what it cannot do itself."""
        if isinstance(value, bool):
            return "true" if value else "false"
        self.refusal = f"uses string() on {_glimpse(value)}"
        return None

    def _spend(self, items: list[object], units: int) -> None:
        self._work += units * _weight(items)
        if self._work > _MAX_WORK:
            self.refusal = "would take too long on lists of this size; prepare them in a step before"


def _as_items(target: object) -> list[object] | None:
    """Return what a macro goes through: a list's items, a map's keys in order; None for what it cannot."""
    match target:
        case list():
            return cast("list[object]", target)
        case dict():
            return sorted(cast("dict[object, object]", target), key=str)
        case _:
            return None


def _weight(items: list[object]) -> int:
    """Return how dear these are to copy: 1 for a plain item, 3 for each node of another (measured)."""
    return 3 * sum(1 for _ in _nodes(items)) - 2 * len(items)


def _part(scope: Mapping[str, Json], tree: _Tree) -> dict[str, Json]:
    """Return only what the tree names; a path ends where the scope does not go on."""
    part: dict[str, Json] = {}
    for name, below in tree.items():
        if name in scope:
            value = scope[name]
            part[name] = _part(value, below) if below and isinstance(value, dict) else value
    return part


def _unfit(part: dict[str, Json]) -> str | None:
    """Return why the library should not see these values, None when it may."""
    for node, level in _nodes(part):
        if level > _MAX_LEVELS:
            return f"touches a value nested more than {_MAX_LEVELS} deep"
        if not isinstance(node, dict) and len(_children(node)) > MAX_ITEMS:
            return _too_long(len(_children(node)))
        if isinstance(node, int) and node not in _INT64:
            return "touches an integer that does not fit 64 bits; pass it as a string"
    return None


def _nodes(value: object) -> Iterator[tuple[object, int]]:
    """Yield everything in a value, itself included, with its level; without recursion."""
    pending = [(value, 0)]
    while pending:
        node, level = pending.pop()
        yield node, level
        pending += [(child, level + 1) for child in _children(node)]


def _children(node: object) -> Collection[object]:
    match node:
        case dict():
            return cast("dict[str, object]", node).values()
        case list() | tuple():
            return cast("list[object]", node)
        case _:
            return ()


def _json(result: object) -> Json:
    """Return the result as JSON, maps sorted by key, since the library gives them in a random order."""
    match result:
        case float() if not math.isfinite(result):
            raise ValueError("gives a number that is not finite; was something divided by zero?")
        case None | bool() | int() | float() | str():
            return result
        case list():
            return [_json(item) for item in cast("list[object]", result)]
        case dict():
            entries = cast("dict[object, object]", result)
            if not all(isinstance(key, str) for key in entries):
                raise ValueError("gives a map with keys that are not strings; convert them with string()")
            return {str(key): _json(entries[key]) for key in sorted(entries, key=str)}
        case _:
            kind = type(result).__name__
            raise ValueError(f"gives a {kind}, which JSON cannot hold; convert it with string()")


# --- Telling what went wrong ----------------------------------------------------------------------------------------


def _known(compiled: _Compiled, scope: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
    """Return each path that was read and a glimpse of its value."""
    read = sorted(path for path in compiled.paths if path[0] in scope or path[0] not in _TYPES)
    return tuple((".".join(path), _look_up(path, scope)) for path in read)


def _look_up(path: _Path, scope: Mapping[str, Json]) -> str:
    value: object = scope
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return "missing"
        value = cast("Mapping[str, object]", value)[name]
    return _glimpse(value)


def _glimpse(value: object) -> str:
    match value:
        case dict():
            return f"a map of {len(cast('dict[object, object]', value))}"
        case list() | tuple():
            return f"a list of {len(cast('list[object]', value))}"
        case str():
            readable = value[:61].encode(errors="replace").decode()
            return json.dumps(_short(readable, 60), ensure_ascii=False)
        case _:
            return _short(json.dumps(value), 60)


def _reason(error: Exception) -> str:
    """Return the first sentence of the library's message, with what to do where it is too long to follow."""
    sentence = _short(str(error).split("\n", 1)[0].split(". ", 1)[0], 160)
    match error:
        case KeyError(args=[key, *_]):
            return f"found no key {_short(str(key), 60)!r}; ask has() first if it may be missing"
        case TypeError():
            return f"{sentence}; CEL mixes no types, convert with int(), double() or string()"
        case _:
            return sentence


def _too_long(length: int) -> str:
    return f"touches a list of {length:,} items; at most {MAX_ITEMS:,} are allowed"


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


# --- Expressions in documents ---------------------------------------------------------------------------------------


def _parts(text: str) -> Iterator[str | _Expression]:
    """Yield a string's literal text and its expressions in turn, beginning and ending with text."""
    at = 0
    while (start := text.find("{{", at)) >= 0:
        end = _closing(text, start)
        yield text[at:start]
        yield _Expression(text[start + 2 : end].strip())
        at = end + 2
    yield text[at:]


def _closing(text: str, start: int) -> int:
    """Return where the `}}` is that closes the `{{` at `start`: not within a CEL string or a CEL map."""
    depth = 0
    for token in _TOKEN.finditer(text, start + 2):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}" and depth:
            depth -= 1
        elif token[0] == "}" and text.startswith("}}", token.start()):
            return token.start()
    raise ExpressionError(text[start:], "has a `{{` that is not closed by `}}`")


def _rendered(text: str, scope: Mapping[str, Json]) -> Json:
    parts = tuple(_parts(text))
    match parts:
        case ("", _Expression(whole), ""):
            return evaluate(whole, scope)
        case _:
            return "".join(
                _written(evaluate(part.text, scope)) if isinstance(part, _Expression) else part for part in parts
            )


def _written(value: Json) -> str:
    """Return a value as it reads within text."""
    match value:
        case None:
            return ""
        case str():
            return value
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return canonical(value)


def _strings(value: Json) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _strings(item)
        case dict():
            for item in value.values():
                yield from _strings(item)
        case _:
            return
