"""From an ask document to an approval that waits for people to be resolved.

Everything that can be wrong with a question is found here, before anybody is asked.

Must not know: how people are found.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime

from hitl_temporal.domain.addresses import unsafe
from hitl_temporal.domain.approval import room
from hitl_temporal.domain.approval.ask import Ask, Auto, BreakGlass
from hitl_temporal.domain.approval.commands import Reference
from hitl_temporal.domain.approval.routes import Routed, Table, choose
from hitl_temporal.domain.approval.stage import Parallel, Stage
from hitl_temporal.domain.approval.state import Approval, Cast, Origin, Shown, StageRun
from hitl_temporal.domain.blobs import advice, reference_in
from hitl_temporal.domain.expressions import ExpressionError, evaluate, is_true, render
from hitl_temporal.domain.inputs import Input
from hitl_temporal.domain.people import SYSTEM, bind, selector_list
from hitl_temporal.domain.value import Json, canonical

Scope = dict[str, Json]


class AskError(Exception):
    """The question can't be put as it is; the message names the key and the mend.

    Attributes:
        template: What gave the value that the message shows; empty: it shows none.
    """

    def __init__(self, where: str, what: str, template: str = "") -> None:
        super().__init__(f"{where}: {what}")
        self.where = where
        self.template = template

    def told(self, is_sensitive: Callable[[str], bool]) -> str:
        """Say it to those who are shown no sensitive value.

        Args:
            is_sensitive: Tells of an expression whether it reads such a value.
        """
        if isinstance(self.__cause__, ExpressionError):
            return f"{self.where}: {self.__cause__.told(is_sensitive)}"
        if self.template and is_sensitive(self.template):
            return f"{self.where}: {self.template!r} gives a sensitive value, which can't stand there and is not shown"
        return str(self)


def begin(  # noqa: PLR0913 - each is a part of the question
    approval_id: str,
    ask: Ask,
    *,
    requester: str,
    at: datetime,
    on_behalf_of: str | None = None,
    context: Scope | None = None,
    origin: Origin | None = None,
    fields: dict[str, Input] | None = None,
    seed: str = "",
) -> Approval:
    """Return a new approval with everything rendered, before people are known.

    Raises:
        AskError: An expression of the ask fails over this context, or gives something else than it must; or it is all
            too large.
    """
    scope: Scope = {**(context or {}), "requester": requester}
    rules_that_hold(ask, scope)  # for its errors alone: it is judged once people are known
    state = Approval(
        id=approval_id,
        seed=seed,
        ask=ask,
        requester=requester,
        on_behalf_of=on_behalf_of,
        context=scope,
        fields=fields or {},
        origin=origin,
        shown=shown(ask, requester, scope),
        subject=subject(ask, scope),
        break_glass=break_glass(ask, requester, scope),
        barred=parties(ask, requester, on_behalf_of, scope),
        stages=stages(ask, requester, scope),
        started_at=at,
        now=at,
    )
    too_large = room.for_question(state)
    if too_large is not None:
        raise AskError("the question", too_large)
    return state


def parties(ask: Ask, requester: str, on_behalf_of: str | None, scope: Scope) -> tuple[str, ...]:
    """Return who asks, and for whom: nobody of them decides.

    Raises:
        AskError: As `begin`.
    """
    beneficiary, author = _person(ask.beneficiary, "beneficiary", scope), _person(ask.author, "author", scope)
    return tuple(dict.fromkeys(p for p in (requester, on_behalf_of, beneficiary, author) if p))


def subject(ask: Ask, scope: Scope) -> str | None:
    """Return what a request is about, None when the ask does not say.

    Raises:
        AskError: As `begin`.
    """
    return (_text(ask.subject, "subject", scope).strip() or None) if ask.subject is not None else None


def shown(ask: Ask, requester: str, scope: Scope) -> Shown:
    """Return what people see over this scope, and what else they decide about: also what is material to one stage.

    Raises:
        AskError: As `begin`.
    """
    asked = (s.document for s in stages(ask, requester, scope) if s.state != "skipped")
    paths = dict.fromkeys((*ask.material, *(path for stage in asked for path in stage.material or ())))
    return Shown(
        title=_text(ask.title, "title", scope),
        body=_text(ask.body, "body", scope),
        show={name: _rendered(value, f"show.{name}", scope) for name, value in ask.show.items()},
        form={name: field.json_schema() for name, field in ask.form.items()},
        attachments=tuple(_attachments(ask, scope)),
        material=material(tuple(paths), scope),
    )


def material(paths: tuple[str, ...], scope: Scope) -> dict[str, Json]:
    """Return the value of each material path over this scope.

    Raises:
        AskError: One can't be evaluated.
    """
    return {path: _evaluated(path, f"material {path!r}", scope) for path in paths}


def stages(ask: Ask, requester: str, scope: Scope) -> tuple[StageRun, ...]:
    """Return the stages that a request goes through over this scope, those that don't apply skipped.

    Raises:
        AskError: As `begin`; or the ask names a table that nobody has looked up.
    """
    runs: list[StageRun] = []
    for block, entry in enumerate(entries(ask, scope)):
        if isinstance(entry, Parallel):
            reason = _skipped(entry.when, f"stages {entry.name or block}", scope)
            inner = entry.parallel
        else:
            reason, inner = None, (entry,)
        runs.extend(stage_run(ask.complete(s), block, reason, requester, scope) for s in inner)
    return tuple(runs)


def rules_that_hold(ask: Ask, scope: Scope) -> tuple[Auto, ...]:
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


def deciding_rule(ask: Ask, holding: tuple[Auto, ...]) -> Auto:
    """Return which of several rules that hold decides: a negative one goes before all others, else the first."""
    return next((r for r in holding if not ask.is_positive(r.outcome)), holding[0])


def entries(ask: Ask, scope: Scope) -> tuple[Stage | Parallel, ...]:
    """Return the entries of `stages` that hold for this scope, those of a table chosen.

    Raises:
        AskError: A condition of the table fails, or nobody has looked the table up.
    """
    if not isinstance(ask.stages, Routed):
        return ask.stages
    table = ask.stages.route
    if not isinstance(table, Table):
        raise AskError("stages", f"there is no route {table!r} in site.yaml")
    with _saying("stages.route"):
        return choose(table, scope)


def stage_run(stage: Stage, block: int, skipped: str | None, requester: str, scope: Scope) -> StageRun:
    """Return a stage that has not been opened, its selectors rendered.

    Args:
        stage: Completed by what the ask says for all.
        block: Its place among the entries.
        skipped: Why its block does not apply; None: it does.
        requester: Whom `manager:requester` is about.
        scope: What its expressions see.

    Raises:
        AskError: As `begin`.
    """
    where = f"stage {stage.name!r}"
    reason = skipped or _skipped(stage.when, where, scope)
    if reason is not None:
        return StageRun(document=stage, block=block, state="skipped", reason=reason)

    def selectors(entries: tuple[str, ...], key: str) -> tuple[str, ...]:
        return _selectors(entries, f"{where}: {key}", requester, scope)

    material(stage.material or (), scope)  # for its errors alone
    cast = Cast(
        ways=tuple(selectors(a.who, "who") for a in stage.alternatives),
        barred=selectors(stage.barred, "not"),
        fallback=selectors(stage.fallback, "fallback"),
        quiet=selectors(stage.quiet, "quiet") if isinstance(stage.quiet, tuple) else (),
        weights={s: n for key, n in (stage.weights or {}).items() for s in selectors((key,), "weights")},
        escalate=tuple(selectors(e.to, "escalate.to") for e in stage.escalate),
    )
    return StageRun(document=stage, cast=cast, block=block, who=cast.who)


def break_glass(ask: Ask, requester: str, scope: Scope) -> BreakGlass | None:
    """Return who may decide alone in an emergency, and who reviews it, by selectors over this scope.

    Raises:
        AskError: As `begin`.
    """
    glass = ask.break_glass
    if glass is None:
        return None
    who = _selectors(glass.who, "break_glass.who", requester, scope)
    reviewers = _selectors(glass.review.who, "break_glass.review.who", requester, scope)
    return glass.but(who=who, review=glass.review.but(who=reviewers))


def _skipped(when: str | None, where: str, scope: Scope) -> str | None:
    """Return why an entry does not apply, None when it does."""
    if when is None:
        return None
    with _saying(f"{where}: when"):
        return None if is_true(when, scope) else f"when: {when}"


def _attachments(ask: Ask, scope: Scope) -> Generator[Reference]:
    for index, attachment in enumerate(ask.attachments):
        where = f"attachments.{index}"
        found = {
            "name": _text(attachment.name, f"{where}.name", scope),
            "url": _text(attachment.url, f"{where}.url", scope),
            "digest": _text(attachment.digest, f"{where}.digest", scope).lower() if attachment.digest else None,
        }
        if (reason := unsafe(str(found["url"]))) is not None:
            raise AskError(f"{where}.url", reason, attachment.url)
        try:
            yield Reference.model_validate(found)
        except ValueError as error:
            raise AskError(where, "a name, an address and the hex SHA-256 of the content are needed") from error


def _selectors(entries: tuple[str, ...], where: str, requester: str, scope: Scope) -> tuple[str, ...]:
    found: list[str] = []
    for entry in entries:
        rendered = _rendered(entry, where, scope)
        selectors = selector_list(rendered)
        if selectors is None:
            gave = canonical(rendered)[:200]
            raise AskError(where, f"{entry!r} gave {gave}, which is no selector such as user:ID", entry)
        found.extend(bind(s, requester) for s in selectors)
    return tuple(dict.fromkeys(found))


def _rendered(value: Json, where: str, scope: Scope) -> Json:
    with _saying(where):
        return render(value, scope)


def _evaluated(text: str, where: str, scope: Scope) -> Json:
    with _saying(where):
        return evaluate(text, scope)


def _person(template: str | None, where: str, scope: Scope) -> str | None:
    """Return the id of the person that a template names, also when it is written as a selector; None: nobody."""
    named = _text(template or "", where, scope).strip()
    if not named:
        return None
    plain = named.removeprefix("user:").strip()
    if not plain or (":" in plain and not plain.startswith(SYSTEM)):  # a group would keep nobody from deciding
        raise AskError(where, f"{named!r} names no person: give the id of one", template or "")
    return plain


def _text(template: str, where: str, scope: Scope) -> str:
    with _saying(where):
        rendered = render(template, scope)
        if (kept := reference_in(rendered)) is not None:
            raise AskError(where, f"{template!r}: {advice('what it gives', kept)}", template)
        if isinstance(rendered, (list, dict)):
            raise AskError(where, f"{template!r} gave a {type(rendered).__name__}; a text is needed")
        # Within text a value is written as people do; the blank makes a lone expression text too.
        return rendered if isinstance(rendered, str) else str(render(f" {template}", scope))[1:]


@contextmanager
def _saying(where: str) -> Generator[None]:
    """Say which key of the ask an expression that fails belongs to."""
    try:
        yield
    except ExpressionError as error:
        raise AskError(where, str(error)) from error
