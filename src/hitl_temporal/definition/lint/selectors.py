"""Selectors that name nobody, wherever one may stand.

Must not know: how the directory is kept, who will ask.
"""

from collections.abc import Iterable, Iterator

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem, Severity, resembling
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.stage import Stage
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.people import People, is_selector

from .stages import Placed, asks_of, stages_of

__all__ = ["check_selectors", "check_selectors_at", "check_stage_selectors", "why_nobody"]


def check_selectors(flow: Flow, document: Document, people: People) -> Iterator[Problem]:
    """Yield the selectors of a flow that this directory can't resolve."""
    yield from _unresolved(_of_flow(flow), document, people)
    yield from check_stage_selectors(stages_of(flow), document, people)


def check_selectors_at(at: At, selectors: tuple[str, ...], document: Document, people: People) -> Iterator[Problem]:
    """Yield those of a list of selectors that this directory can't resolve."""
    yield from _unresolved(_each(at, selectors), document, people)


def check_stage_selectors(stages: Iterable[Placed], document: Document, people: People) -> Iterator[Problem]:
    """Yield the selectors of stages that this directory can't resolve."""
    for at, stage, _ in stages:
        yield from _unresolved(_of_stage(at, stage), document, people)


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


_Found = Iterator[tuple[At, str]]


def _unresolved(found: _Found, document: Document, people: People) -> Iterator[Problem]:
    for at, selector in found:
        wrong = None if "{{" in selector else why_nobody(selector, people)
        if wrong is not None:
            yield document.problem(at, *wrong)


def _of_flow(flow: Flow) -> _Found:
    if flow.owner is not None:
        yield ("owner",), flow.owner
    yield from _each(("start",), flow.start)
    for at, ask in asks_of(flow):
        yield from _of_ask(at, ask)


def _of_ask(at: At, ask: Ask) -> _Found:
    for key, person in (("beneficiary", ask.beneficiary), ("author", ask.author)):
        if person:  # An id, which may be written as a selector.
            yield (*at, key), f"user:{person.strip().removeprefix('user:')}"
    if ask.break_glass is not None:
        yield from _each((*at, "break_glass", "who"), ask.break_glass.who)
        yield from _each((*at, "break_glass", "review", "who"), ask.break_glass.review.who)
    yield from _of_defaults(at, ask)


def _of_stage(at: At, stage: Stage) -> _Found:
    for key, selectors in (("who", stage.who), ("fallback", stage.fallback), ("not", stage.barred)):
        yield from _each((*at, key), selectors)
    for index, alternative in enumerate(stage.any_of):
        yield from _each((*at, "any_of", index, "who"), alternative.who)
    for index, step in enumerate(stage.escalate):
        yield from _each((*at, "escalate", index, "to"), step.to)
    yield from _of_defaults(at, stage)


def _of_defaults(at: At, said: Ask | Stage) -> _Found:
    """Yield those of the keys that a stage has, and an ask may have for all its stages."""
    if isinstance(said.quiet, tuple):
        yield from _each((*at, "quiet"), said.quiet)
    for selector in said.weights or ():
        yield (*at, "weights", selector), selector


def _each(at: At, selectors: tuple[str, ...]) -> _Found:
    yield from (((*at, index), selector) for index, selector in enumerate(selectors))
