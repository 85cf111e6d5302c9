"""Emergencies that nobody would look at: reviewers who are barred, who judge each other, who come late.

Must not know: what breaking the glass does.
"""

from collections.abc import Iterator
from datetime import timedelta

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem
from hitl_temporal.domain.approval.ask import BreakGlass
from hitl_temporal.domain.duration import parse
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.people import People

from .stages import asks_of

__all__ = ["check_glass"]

_WEEK = timedelta(weeks=1)
"""An emergency is reviewed while those who were there remember it."""
_WORKING = {"bd": _WEEK / 5, "bh": _WEEK / 40}
"""About how long working time is."""


def check_glass(flow: Flow, document: Document, people: People | None) -> Iterator[Problem]:
    """Yield what is wrong with the emergencies of a flow; without a directory, only what the document itself shows."""
    for at, ask in asks_of(flow):
        if ask.break_glass is None:
            continue
        here = (*at, "break_glass")
        yield from _check_reviewers(here, ask.break_glass, document, people)
        yield from _check_due((*here, "review", "due"), ask.break_glass.review.due, document)


def _check_reviewers(at: At, glass: BreakGlass, document: Document, people: People | None) -> Iterator[Problem]:
    may_break, reviewers = _named(glass.who, people), _named(glass.review.who, people)
    if may_break is None or not reviewers or not reviewers <= may_break:
        return
    at = (*at, "review", "who")
    if people is not None and len(reviewers) == 1:
        (only,) = reviewers
        message = f"when {only!r} breaks the glass, nobody of `review.who` may review it"
        yield document.problem(at, message, "name somebody else, too", "warning")
    else:
        message = "all who review may break the glass themselves: they judge each other"
        yield document.problem(at, message, "let others review", "warning")


def _named(selectors: tuple[str, ...], people: People | None) -> frozenset[str] | None:
    """Return whom selectors name, as far as they can be told apart: people, else the selectors; None: nobody can."""
    if any("{{" in s or s == "manager:requester" for s in selectors):
        return None
    if people is None:
        return frozenset(selectors)
    named = (p for s in selectors for p in people.resolve(s))
    return frozenset(p for p in named if people.people[p].active)


def _check_due(at: At, due: str, document: Document) -> Iterator[Problem]:
    lasts = sum(((part.length or part.count * _WORKING[part.unit]) for part in parse(due)), timedelta())
    if lasts > _WEEK:
        message = f"`due: {due}` lets an emergency go for more than a week before anybody has looked at it"
        yield document.problem(at, message, "write a shorter time, such as 2bd", "warning")
