"""From an ask document to an approval that waits for people to be resolved.

Everything that can be wrong with a question is found here, before anybody is asked.

Must not know: how people are found.
"""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime

from hitl_temporal.domain.approval.ask import Ask, Auto, Stage
from hitl_temporal.domain.approval.state import Approval, Origin, Shown, StageRun
from hitl_temporal.domain.expressions import ExpressionError, evaluate, is_true, render
from hitl_temporal.domain.people import bind, selector_list
from hitl_temporal.domain.value import Json, canonical


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
    scope: dict[str, Json] = {**(context or {}), "requester": requester}
    beneficiary, author = _person(ask.beneficiary, "beneficiary", scope), _person(ask.author, "author", scope)
    rules_that_hold(ask, scope)  # for its errors alone: it is judged once people are known
    return Approval(
        id=approval_id,
        ask=ask,
        requester=requester,
        on_behalf_of=on_behalf_of,
        context=scope,
        origin=origin,
        shown=Shown(
            title=_text(ask.title, "title", scope),
            body=_text(ask.body, "body", scope),
            show={name: _rendered(value, f"show.{name}", scope) for name, value in ask.show.items()},
            material={path: _evaluated(path, f"material {path!r}", scope) for path in ask.material},
        ),
        barred=tuple(dict.fromkeys(p for p in (requester, on_behalf_of, beneficiary, author) if p)),
        stages=tuple(_stage(stage, requester, scope) for stage in ask.stages),
        started_at=at,
        now=at,
    )


def rules_that_hold(ask: Ask, scope: dict[str, Json]) -> tuple[Auto, ...]:
    """Return the `auto` rules that hold, in order.

    Raises:
        AskError: A condition fails. It is never taken for false: the rule might have refused what another approves.
    """
    holding: list[Auto] = []
    for index, rule in enumerate(ask.auto):
        with _saying(f"auto.{index}.if"):
            if is_true(rule.condition, scope):
                holding.append(rule)
    return tuple(holding)


def _stage(stage: Stage, requester: str, scope: dict[str, Json]) -> StageRun:
    where = f"stage {stage.name!r}"
    if stage.when is not None:
        with _saying(f"{where}: when"):
            applies = is_true(stage.when, scope)
        if not applies:
            return StageRun(document=stage, state="skipped", reason=f"when: {stage.when}")
    return StageRun(
        document=stage.but(fallback=_selectors(stage.fallback, f"{where}: fallback", requester, scope)),
        who=_selectors(stage.who, f"{where}: who", requester, scope),
        barred=_selectors(stage.barred, f"{where}: not", requester, scope),
    )


def _selectors(entries: tuple[str, ...], where: str, requester: str, scope: dict[str, Json]) -> tuple[str, ...]:
    found: list[str] = []
    for entry in entries:
        rendered = _rendered(entry, where, scope)
        selectors = selector_list(rendered)
        if selectors is None:
            raise AskError(f"{where}: {entry!r} gave {canonical(rendered)[:200]}, which is no selector such as user:ID")
        found.extend(bind(s, requester) for s in selectors)
    return tuple(dict.fromkeys(found))


def _rendered(value: Json, where: str, scope: dict[str, Json]) -> Json:
    with _saying(where):
        return render(value, scope)


def _evaluated(text: str, where: str, scope: dict[str, Json]) -> Json:
    with _saying(where):
        return evaluate(text, scope)


def _person(template: str | None, where: str, scope: dict[str, Json]) -> str | None:
    """Return the id of the person that a template names, also when it is written as a selector; None: nobody."""
    named = _text(template or "", where, scope).strip().removeprefix("user:")
    return named or None


def _text(template: str, where: str, scope: dict[str, Json]) -> str:
    with _saying(where):
        rendered = render(template, scope)
        if isinstance(rendered, (list, dict)):
            raise AskError(f"{where}: {template!r} gave a {type(rendered).__name__}; a text is needed")
        # Within text a value is written as people do; the blank makes a lone expression text too.
        return rendered if isinstance(rendered, str) else str(render(f" {template}", scope))[1:]


@contextmanager
def _saying(where: str) -> Generator[None]:
    """Say which key of the ask an expression that fails belongs to."""
    try:
        yield
    except ExpressionError as error:
        raise AskError(f"{where}: {error}") from error
