"""From an ask document to an approval that waits for people to be resolved.

Everything that can be wrong with a question is found here, before anybody is asked.

Must not know: how people are found.
"""

from datetime import datetime

from hitl_temporal.domain.approval.ask import Ask, Stage
from hitl_temporal.domain.approval.state import Approval, Origin, Shown, StageRun
from hitl_temporal.domain.expressions import ExpressionError, evaluate, is_true, render
from hitl_temporal.domain.people import bind, selector_list
from hitl_temporal.domain.value import Json


class AskError(Exception):
    """The question can't be put as it is; the message names the key and the mend."""


def begin(
    approval_id: str,
    ask: Ask,
    *,
    requester: str,
    at: datetime,
    on_behalf_of: str | None = None,
    context: dict[str, Json] | None = None,
    origin: Origin | None = None,
) -> Approval:
    """Return a new approval with everything rendered, before people are known.

    Raises:
        AskError: An expression of the ask fails over this context, or gives something else than it must.
    """
    scope: dict[str, Json] = {"requester": requester, **(context or {})}
    beneficiary, author = _text(ask.beneficiary, "beneficiary", scope), _text(ask.author, "author", scope)
    return Approval(
        id=approval_id,
        ask=ask,
        requester=requester,
        on_behalf_of=on_behalf_of,
        context=scope,
        origin=origin,
        shown=Shown(
            title=_text(ask.title, "title", scope) or "",
            body=_text(ask.body, "body", scope) or "",
            show={name: _render(value, f"show.{name}", scope) for name, value in ask.show.items()},
            material={path: _evaluate(path, "material", scope) for path in ask.material},
        ),
        barred=tuple(dict.fromkeys(p for p in (requester, on_behalf_of, beneficiary, author) if p)),
        stages=tuple(_stage(stage, requester, scope) for stage in ask.stages),
        started_at=at,
        now=at,
    )


def _stage(stage: Stage, requester: str, scope: dict[str, Json]) -> StageRun:
    where = f"stage {stage.name!r}"
    if stage.when is not None and not _is_true(stage.when, f"{where}: when", scope):
        return StageRun(document=stage, state="skipped", reason=f"when: {stage.when}")
    return StageRun(
        document=stage.but(fallback=_selectors(stage.fallback, f"{where}: fallback", requester, scope)),
        who=_selectors(stage.who, f"{where}: who", requester, scope),
        barred=_selectors(stage.barred, f"{where}: not", requester, scope),
    )


def _selectors(entries: tuple[str, ...], where: str, requester: str, scope: dict[str, Json]) -> tuple[str, ...]:
    found: list[str] = []
    for entry in entries:
        rendered = _render(entry, where, scope)
        selectors = selector_list(rendered)
        if selectors is None:
            raise AskError(f"{where}: {entry!r} gave {str(rendered)[:200]!r}, which is no selector such as user:ID")
        found.extend(bind(s, requester) for s in selectors)
    return tuple(dict.fromkeys(found))


def _text(template: str | None, where: str, scope: dict[str, Json]) -> str | None:
    if template is None:
        return None
    rendered = _render(template, where, scope)
    if rendered is not None and not isinstance(rendered, (str, int, float)):
        raise AskError(f"{where}: {template!r} gave a {type(rendered).__name__}; a text is needed")
    return None if rendered is None else str(rendered)


def _render(value: Json, where: str, scope: dict[str, Json]) -> Json:
    try:
        return render(value, scope)
    except ExpressionError as error:
        raise AskError(f"{where}: {error}") from error


def _evaluate(text: str, where: str, scope: dict[str, Json]) -> Json:
    try:
        return evaluate(text, scope)
    except ExpressionError as error:
        raise AskError(f"{where}: {error}") from error


def _is_true(text: str, where: str, scope: dict[str, Json]) -> bool:
    try:
        return is_true(text, scope)
    except ExpressionError as error:
        raise AskError(f"{where}: {error}") from error
