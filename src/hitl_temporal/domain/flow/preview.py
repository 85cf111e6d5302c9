"""Whom the questions of a flow would be put to, before anything is started.

Every question is looked at as if its turn had come at the start: what the steps before it will have found is not known,
so whatever needs that is `perhaps`; what follows an answer or a wait has no moments, for nobody knows when it begins.

Must not know: doors, how the directory was read.
"""

from collections.abc import Mapping
from typing import Annotated, NamedTuple

from pydantic import Field

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.preview import Preview, parties_of, preview, selectors_of, unsure
from hitl_temporal.domain.approval.stage_preview import Applies
from hitl_temporal.domain.approval.state import Origin
from hitl_temporal.domain.expressions import ExpressionError, is_true
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.scope import known_before
from hitl_temporal.domain.flow.state import Run
from hitl_temporal.domain.people import SYSTEM, Roster
from hitl_temporal.domain.value import Value


class AskPreview(Value):
    """One `ask` of a flow.

    Attributes:
        applies: Whether its own `if` lets it be asked; whether its turn comes at all is for the steps before it.
        reason: Why not, or what can't be told yet.
    """

    step: str
    applies: Annotated[Applies, Field(alias="if")] = "yes"
    reason: str = ""
    preview: Preview


class Wanted(NamedTuple):
    """What the directory must be asked for."""

    selectors: tuple[str, ...]
    people: tuple[str, ...]


def wanted(run: Run, asks: Mapping[str, Ask]) -> Wanted:
    """Return whom the directory must be asked for, once, to make the previews.

    Args:
        run: As it would begin.
        asks: The question of each step that asks, its table looked up.
    """
    context = known_before(run)
    selectors: list[str] = []
    people: list[str] = []
    for ask in asks.values():
        selectors += selectors_of(ask, requester=run.requester, context=context)
        people += parties_of(ask, requester=run.requester, context=context, on_behalf_of=run.on_behalf_of)
    persons = (p for p in dict.fromkeys(people) if not p.startswith(SYSTEM))
    return Wanted(tuple(dict.fromkeys(selectors)), tuple(persons))


def previews(run: Run, asks: Mapping[str, Ask], roster: Roster) -> tuple[AskPreview, ...]:
    """Return who would be asked by each question, in the order of `asks`.

    Args:
        run: As it would begin, with the calendars that the questions name.
        asks: The question of each step that asks, its table looked up.
        roster: The directory's answer for `wanted`.
    """
    return tuple(_preview(run, step, ask, roster) for step, ask in asks.items())


def _preview(run: Run, step: str, ask: Ask, roster: Roster) -> AskPreview:
    context = known_before(run)
    condition = run.definition.step(step).condition
    applies: Applies = "yes"
    reason = ""
    try:
        if condition is not None and not is_true(condition, context):
            applies, reason = "no", f"if: {condition}"
    except ExpressionError as error:
        applies, reason = "perhaps", unsure("if", error)
    question = preview(
        ask,
        requester=run.requester,
        context=context,
        roster=roster,
        at=run.now,
        on_behalf_of=run.on_behalf_of,
        origin=Origin(run=run.id, step=step, attempt=1, flow=run.definition.flow),
        calendars=run.calendars,
        opens_at_once=not _comes_late(run.definition, step),
    )
    if applies == "no":  # what is not asked does not wait for an operator
        question = question.but(parks=None)
    return AskPreview(step=step, applies=applies, reason=reason, preview=question)


def _comes_late(definition: Flow, step: str) -> bool:
    """Tell whether people are asked, or time passes, before a step's turn comes: nobody knows when that will be."""
    plan = definition.plan
    around = {step, *plan.around(step)}
    before = set(around)
    while (more := {name for s in before for need in plan.needs[s] for name in need.of} - before) != set():
        before |= more
    within = {inner for s in before - around for inner in plan.inside[s]}
    steps = (definition.step(s) for s in (before - around) | within)
    return any(s.verb in _LONG or s.grant is not None for s in steps)


_LONG = frozenset({"ask", "wait", "flow"})
"""The verbs that take hours and days; what is called is taken to answer at once."""
