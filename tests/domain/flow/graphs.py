"""Random flows: every verb, blocks in blocks, every way to fail, to need and to undo."""

from typing import Any

from hypothesis import strategies as st

from tests.domain.flow.world import Document, ask, call, granted, undo, wait

OUTCOMES = ("approved", "rejected", "expired", "withdrawn", "later", "sooner")
OWN = {"outcomes": {"later": {"label": "Later"}, "sooner": {"label": "Sooner", "positive": True}}}
CONDITIONS = ("true", "false", "vars.go", "inputs.nothing > 1")
FLOWS = {"child": [call("c")], "asking": [ask("q"), {"id": "self", "flow": "asking"}]}
MOST_STEPS, MOST_DEPTH = 12, 3
USES = st.sampled_from([{}, {}, {}, {"uses": {"r": 1}}, {"uses": {"r": 1, "s": 2}, "keep": True}])


class _Ids:
    """Hands out step ids, and says when there are enough."""

    def __init__(self) -> None:
        self.used = 0

    def next(self) -> str:
        self.used += 1
        return f"s{self.used - 1}"


@st.composite
def needs_of(draw: st.DrawFn, before: list[Document]) -> list[Any] | None:
    """Return needs on steps above in the list, in every form; None: not written."""
    if not before or draw(st.booleans()):
        return draw(st.sampled_from([None, []]))
    by_name = {str(step["id"]): step for step in before}

    def results(*of: str) -> st.SearchStrategy[str]:
        known = ["succeeded", "failed", "done", "skipped", "cancelled"]
        own = [set(_outcomes(by_name[name])) for name in of]
        return st.sampled_from([*known, *sorted(set.intersection(*own))])

    entries: list[Any] = []
    for _ in range(draw(st.integers(1, 2))):
        some = draw(st.lists(st.sampled_from(sorted(by_name)), min_size=1, max_size=3, unique=True))
        listed = draw(st.lists(results(*some), min_size=1, max_size=2, unique=True))
        count = draw(st.integers(1, len(some)))
        forms = [some[0], {some[0]: draw(results(some[0]))}, {"any": some, "is": listed}]
        entries.append(draw(st.sampled_from([*forms, {"of": some, "count": count, "is": listed}])))
    return entries


def _outcomes(step: Document) -> tuple[str, ...]:
    match step:
        case {"ask": _}:
            return OUTCOMES
        case {"run": _}:
            return ("0", "1-3")
        case {"flow": _}:
            return ("completed", "rejected", "expired", "withdrawn")
        case {"wait": _, "timeout": _}:
            return ("timed_out",)
        case {"choose": branches}:
            return tuple(str(index) for index in range(len(branches)))
        case {"first": True, "do": inner}:
            return tuple(s["id"] for s in inner)
        case _:
            return ()


@st.composite
def _undos(draw: st.DrawFn, step: str) -> Document:
    forms: list[Document] = [
        {},
        {"undo": undo(step, was="{{ self.outputs }}")},
        {"undo": undo(step, place="{{ item }}")},
        {"undo": {"run": {"command": "rm it"}}},
        {"undo": {"flow": "child"}},
    ]
    return draw(st.sampled_from([*forms, *forms[1:2] * 3]))


@st.composite
def _ends_of_failure(draw: st.DrawFn, ids: _Ids, depth: int) -> Document:
    which = draw(st.integers(0, 9))
    if which == 9 and depth < MOST_DEPTH:
        return {"on_failure": {"catch": draw(_lists(ids, depth + 1, most=2))}}
    words: list[Any] = ["park", "fail", "fail", "continue", "ask", {"ask": {"who": ["user:bob"]}}]
    return {"on_failure": words[which]} if which < len(words) else {}


@st.composite
def _steps(draw: st.DrawFn, ids: _Ids, before: list[Document], depth: int) -> Document:
    name, envelope = ids.next(), {}
    needs = draw(needs_of(before))
    if needs is not None:
        envelope["needs"] = needs
    if draw(st.integers(0, 5)) == 0:
        envelope["if"] = draw(st.sampled_from(CONDITIONS))
    is_deeper = depth < MOST_DEPTH and ids.used < MOST_STEPS
    kinds = (_job, _job, _granted, _asked, _waiting, _nested) + (_block, _items, _items, _choice) * 2 * is_deeper
    return draw(draw(st.sampled_from(kinds))(name, envelope, ids, depth))


@st.composite
def _job(draw: st.DrawFn, name: str, envelope: Document, ids: _Ids, depth: int) -> Document:
    more = draw(_undos(name)) | draw(_ends_of_failure(ids, depth)) | draw(USES)
    if draw(st.integers(0, 4)) == 0:
        return {"id": name, "run": {"command": "do it"}, **envelope, **more}
    return call(name, **envelope, **more)


@st.composite
def _granted(draw: st.DrawFn, name: str, envelope: Document, ids: _Ids, depth: int) -> Document:
    extend = draw(st.sampled_from([None, {"max": 2}, {"max": 2, "ask": {"who": "user:bob"}}]))
    return granted(name, "2h", extend=extend, undo=undo(name), **envelope)


@st.composite
def _asked(draw: st.DrawFn, name: str, envelope: Document, ids: _Ids, depth: int) -> Document:
    return ask(name, asked=OWN, **envelope, **(draw(_undos(name)) if draw(st.booleans()) else {}))


@st.composite
def _waiting(draw: st.DrawFn, name: str, envelope: Document, ids: _Ids, depth: int) -> Document:
    event = {"type": draw(st.sampled_from(["one", "two"]))}
    waits: list[Document] = [{"event": event}, {"file": "f"}, {"run": {"id": "other", "status": ["completed"]}}]
    if draw(st.booleans()):
        return wait(name, **envelope)
    more = {"timeout": "1h", **draw(_ends_of_failure(ids, depth))} if draw(st.booleans()) else {}
    return {"id": name, "wait": draw(st.sampled_from([*waits, waits[0]])), **envelope, **more}


@st.composite
def _nested(draw: st.DrawFn, name: str, envelope: Document, ids: _Ids, depth: int) -> Document:
    flow = draw(st.sampled_from(["child", "asking"]))
    return {"id": name, "flow": flow, **envelope, **draw(_undos(name)), **draw(_ends_of_failure(ids, depth))}


@st.composite
def _block(draw: st.DrawFn, name: str, envelope: Document, ids: _Ids, depth: int) -> Document:
    inner = draw(_lists(ids, depth + 1))
    until = draw(st.sampled_from(["index == 1", "vars.go", f"steps.{inner[0]['id']}.state == 'succeeded'", "1"]))
    kinds: list[Document] = [{}, {"repeat": {"until": until, "max": 3}}, {"first": True}, {"first": True}]
    more = draw(_undos(name)) | draw(_ends_of_failure(ids, depth)) | draw(USES)
    return {"id": name, "do": inner, **envelope, **draw(st.sampled_from(kinds)), **more}


@st.composite
def _items(draw: st.DrawFn, name: str, envelope: Document, ids: _Ids, depth: int) -> Document:
    items = draw(st.sampled_from(["[1, 2, 3]", "vars.items", "vars.items", [1, 2], "[]", "7"]))
    bounds: Document = {
        "limit": draw(st.sampled_from([None, 1, 2])),
        "tolerate": draw(st.sampled_from([None, 1, "50%", "100%"])),
        "enough": draw(st.sampled_from([None, None, {"count": 1}, {"count": 2, "rest": "continue"}])),
    }
    more = {key: value for key, value in bounds.items() if value is not None}
    more |= draw(_undos(name)) | draw(_ends_of_failure(ids, depth))
    return {"id": name, "each": items, "do": draw(_lists(ids, depth + 1, most=3)), **envelope, **more}


@st.composite
def _choice(draw: st.DrawFn, name: str, envelope: Document, ids: _Ids, depth: int) -> Document:
    branches: list[Document] = [
        {"if": draw(st.sampled_from(CONDITIONS)), "do": draw(_lists(ids, depth + 1, most=2))}
        for _ in range(draw(st.integers(1, 2)))
    ]
    if draw(st.booleans()):
        branches.append({"else": draw(_lists(ids, depth + 1, most=2))})
    return {"id": name, "choose": branches, **envelope, **draw(_undos(name)), **draw(_ends_of_failure(ids, depth))}


@st.composite
def _lists(draw: st.DrawFn, ids: _Ids, depth: int, most: int = 4) -> list[Document]:
    found: list[Document] = []
    for _ in range(draw(st.integers(1, most))):
        if not found or ids.used < MOST_STEPS:
            found.append(draw(_steps(ids, found, depth)))
    return found


@st.composite
def documents(draw: st.DrawFn) -> list[Document]:
    """Return the steps of a random flow."""
    steps = draw(_lists(_Ids(), 0))
    # Half of the flows go on until they are ended, so that many have something to undo.
    return [*steps, wait("end", "3000d", needs=[])] if draw(st.booleans()) else steps
