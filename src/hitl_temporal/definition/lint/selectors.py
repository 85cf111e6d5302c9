"""Selectors that name nobody, in a flow.

Must not know: how the directory is kept, who will ask.
"""

from collections.abc import Iterator

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem, Severity, resembling
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.people import People, is_selector

from .stages import stages_of

__all__ = ["check_selectors", "why_nobody"]


def check_selectors(flow: Flow, document: Document, people: People) -> Iterator[Problem]:
    """Yield the selectors of a flow that this directory can't resolve."""
    for at, selector in _selectors(flow):
        if "{{" in selector:
            continue
        wrong = why_nobody(selector, people)
        if wrong is not None:
            yield document.problem(at, *wrong)


def why_nobody(selector: str, people: People) -> tuple[str, str, Severity] | None:
    """Return what is wrong with a selector, how to mend it and how bad it is; None if it may name somebody."""
    kind, _, name = selector.partition(":")
    known = {
        "user": people.people,
        "group": people.groups,
        "owner": people.owners,
        "manager": people.people,
    }
    if not is_selector(selector):
        return f"{selector!r} is not a selector", "write user:ID, group:ID, role:ID or owner:NAME", "error"
    if selector == "manager:requester":
        return None
    if kind == "role":
        mend = "give it to somebody in people.yaml"
        return None if people.resolve(selector) else (f"nobody has the role {name!r}", mend, "warning")
    name = name.removeprefix("user:") if kind == "manager" else name
    if name not in known[kind]:
        word = {"manager": "user"}.get(kind, kind)
        return f"unknown {word} {name!r}", resembling(name, known[kind], f"add the {word} to people.yaml"), "error"
    if not people.resolve(selector):
        return f"{selector!r} names nobody", "see people.yaml", "warning"
    return None


def _selectors(flow: Flow) -> Iterator[tuple[At, str]]:
    if flow.owner is not None:
        yield ("owner",), flow.owner
    for index, selector in enumerate(flow.start):
        yield ("start", index), selector
    for at, _, stage, _ in stages_of(flow):
        for key, selectors in (("who", stage.who), ("fallback", stage.fallback), ("not", stage.barred)):
            for index, selector in enumerate(selectors):
                yield (*at, key, index), selector
