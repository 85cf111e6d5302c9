"""More time for a grant: moved at once by an operator, or asked of people.

The end of a grant only ever moves while the grant runs, so its `undo` never comes in between. A question that is still
out when the grant ends is taken back; a yes that comes all the same changes nothing, and is recorded.

Must not know: who may want it (policy.py), what ends a grant (grants.py).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.opening import AskError
from hitl_temporal.domain.audit import child_attributes
from hitl_temporal.domain.calendar import CalendarError
from hitl_temporal.domain.flow.address import child_id
from hitl_temporal.domain.flow.commands import ExtendGrant
from hitl_temporal.domain.flow.effects import StartAsk
from hitl_temporal.domain.flow.events import ExtensionAnswered, ExtensionFailed, ExtensionTaken
from hitl_temporal.domain.flow.requests import question
from hitl_temporal.domain.flow.scope import scope, told
from hitl_temporal.domain.flow.state import Extension, Run
from hitl_temporal.domain.flow.step import Extend
from hitl_temporal.domain.flow.times import after
from hitl_temporal.domain.flow.turn import Turn
from hitl_temporal.domain.value import Json
from hitl_temporal.domain.words import moment

MAX_WISHES = 100
"""For one grant, refused ones included: a run may be granted for years and must stay small."""

News = ExtensionAnswered | ExtensionFailed | ExtensionTaken


def rule(run: Run, step_id: str) -> Extend | None:
    """Return what the document says about more time for this step, None when it says nothing."""
    grant = run.definition.step(step_id).grant
    return None if grant is None else grant.extend


def is_ruled_out(run: Run, step_id: str) -> bool:
    """Tell whether the document gives this step for a time that nobody may extend."""
    return run.definition.step(step_id).grant is not None and rule(run, step_id) is None


def asks_people(run: Run, step_id: str) -> bool:
    """Tell whether people decide about more time for this step."""
    extend = rule(run, step_id)
    return extend is not None and extend.ask is not None


def out(run: Run) -> Iterator[tuple[str, Extension]]:
    """Yield the questions that people are still being asked, each with its step."""
    return ((name, extension) for name, step in run.steps.items() for extension in step.extensions if extension.is_out)


def impossible(run: Run, step_id: str, command: ExtendGrant) -> str | None:
    """Return why a running grant can't be extended as wished, None when it can."""
    extend, step = rule(run, step_id), run.steps[step_id]
    assert extend is not None, "judged before: the document allows it"
    assert step.granted is not None, "judged before: the grant runs"
    of_this = [e for e in step.extensions if e.n == step.n]
    if sum(e.state in {"asked", "granted"} for e in of_this) >= extend.max:
        return f"step {step_id!r} may be extended {extend.max} times at most (made or asked for already)"
    if len(of_this) >= MAX_WISHES:
        return f"more time was wished for step {step_id!r} {MAX_WISHES} times; that is enough for one grant"
    wished = _wish(run, step_id, command)
    try:
        _longer(run, step_id, wished)
        if extend.ask is not None:
            _question(run, step_id, extend.ask, wished)
    except (CalendarError, AskError) as error:
        return told(run, error)
    return None


def wish(turn: Turn, step_id: str, command: ExtendGrant) -> tuple[str, ...]:
    """Extend a grant, or ask people whether it may be; return what changes."""
    wished = _wish(turn.run, step_id, command)
    if asks_people(turn.run, step_id):
        asked = _ask(turn, step_id, wished)
        return (f"{step_id}: {asked.duration} more asked for in {asked.approval}",)
    until = _longer(turn.run, step_id, wished)
    _set(turn, step_id, (*turn.run.steps[step_id].extensions, wished.but(state="granted")))
    _move(turn, step_id, wished, until)
    return (f"{step_id}: granted until {moment(until)}",)


def hear(turn: Turn, event: News) -> None:
    """Take the news of a question that is out; of any other it is too late."""
    asked = next((e for name, e in out(turn.run) if (name, e.approval) == (event.step, event.approval)), None)
    if asked is None:
        return
    match event:
        case ExtensionAnswered():
            _hear_answer(turn, asked, event)
        case ExtensionTaken() if asked.state == "asked":
            _ask_again(turn, event.step, asked)
        case ExtensionTaken():
            _turn_into(turn, event.step, asked, asked.but(state="withdrawn"))
        case ExtensionFailed():
            _fail(turn, event.step, asked, event.error)
        case _:
            assert_never(event)


def _ask_again(turn: Turn, step_id: str, asked: Extension) -> None:
    try:
        _ask(turn, step_id, asked)
    except AskError as error:  # a variable that it shows has changed meanwhile
        _fail(turn, step_id, asked, told(turn.run, error))


def _hear_answer(turn: Turn, asked: Extension, event: ExtensionAnswered) -> None:
    result, is_late = event.result, event.result.positive and asked.state == "withdrawing"
    turn.record(
        "step.extension_answered",
        f"{event.step}:{asked.n}:extension:{asked.k}:answered",
        step=event.step,
        outcome=result.outcome,
        by=[d.actor for d in result.decisions],
        reason="the grant had ended already: nothing changes" if is_late else None,
        child=child_attributes(event.approval, result.evidence),
    )
    if is_late:
        _turn_into(turn, event.step, asked, asked.but(state="late"))
    elif not result.positive:
        state = "withdrawn" if result.outcome == "withdrawn" else "refused"
        _turn_into(turn, event.step, asked, asked.but(state=state))
    else:
        _grant(turn, event.step, asked)


def _grant(turn: Turn, step_id: str, asked: Extension) -> None:
    """Do what people have allowed."""
    try:
        until = _longer(turn.run, step_id, asked)
    except CalendarError as error:  # another extension came first, and the calendar does not reach so far
        _fail(turn, step_id, asked, told(turn.run, error))
        return
    _turn_into(turn, step_id, asked, asked.but(state="granted"))
    _move(turn, step_id, asked, until)


def _fail(turn: Turn, step_id: str, asked: Extension, error: str) -> None:
    _turn_into(turn, step_id, asked, asked.but(state="failed"))
    turn.record(
        "step.extension_failed",
        f"{step_id}:{asked.n}:extension:{asked.k}:failed",
        step=step_id,
        approval=asked.approval,
        reason=error,
    )


def _wish(run: Run, step_id: str, command: ExtendGrant) -> Extension:
    """Return the extension as it is wished, before anybody is asked."""
    return Extension(
        n=run.steps[step_id].n,
        by=command.actor,
        duration=command.longer.duration,
        reason=command.reason,
        state="asked",
    )


def _ask(turn: Turn, step_id: str, wished: Extension) -> Extension:
    """Ask people, under the next free number: a wish that is new, or one whose number somebody else had."""
    extend, extensions = rule(turn.run, step_id), turn.run.steps[step_id].extensions
    assert extend is not None, f"step {step_id!r} can't be extended"
    assert extend.ask is not None, f"nobody is asked about step {step_id!r}"
    asked = wished.but(k=1 + max((e.k for e in extensions if e.n == wished.n), default=0))
    effect = _question(turn.run, step_id, extend.ask, asked)
    asked = asked.but(approval=effect.approval)
    _set(turn, step_id, (*(e for e in extensions if e is not wished), asked))
    turn.record(
        "step.extension_asked",
        f"{step_id}:{asked.n}:extension:{asked.k}:asked",
        step=step_id,
        by=asked.by,
        duration=asked.duration,
        reason=asked.reason or None,
        approval=asked.approval,
    )
    turn.effects.append(effect)
    return asked


def _question(run: Run, step_id: str, ask: Ask, wished: Extension) -> StartAsk:
    """Return the effect that asks people; whoever profits from the grant may not decide, whoever asks for them.

    Raises:
        AskError: What is asked can't be rendered.
    """
    profiting = [p for p in dict.fromkeys((run.on_behalf_of, run.requester)) if p is not None and p != wished.by]
    # An ask bars whoever stands in one of these keys; what an author has written there stays.
    free = [key for key, written in (("beneficiary", ask.beneficiary), ("author", ask.author)) if written is None]
    effect = question(
        run,
        step_id,
        wished.n,
        f"{child_id(run.id, step_id, wished.n)}.extend.{wished.k}",
        ask.but(**dict(zip(free, profiting[1:], strict=False))),
        requester=wished.by,
        on_behalf_of=next(iter(profiting), None),
        now={**scope(run, step_id, everything=True), "extension": _view(run, step_id, wished)},
    )
    return effect.but(is_extension=True)


def _view(run: Run, step_id: str, wished: Extension) -> dict[str, Json]:
    """Return what the question's expressions see as `extension`."""
    granted = run.steps[step_id].granted
    assert granted is not None, f"step {step_id!r} has nothing to extend"
    return {"step": step_id, "by": wished.duration, "until": granted.until.isoformat(), "reason": wished.reason}


def _longer(run: Run, step_id: str, extension: Extension) -> datetime:
    """Return when the grant will end with this extension.

    Raises:
        CalendarError: It lies beyond what the calendar knows.
    """
    granted = run.steps[step_id].granted
    assert granted is not None, f"step {step_id!r} has nothing to extend"
    return after(run, granted.until, extension.duration)


def _move(turn: Turn, step_id: str, extension: Extension, until: datetime) -> None:
    step = turn.run.steps[step_id]
    assert step.granted is not None, f"step {step_id!r} has nothing to extend"
    turn.set_step(step_id, grant=step.granted.but(until=until))
    turn.record(
        "step.grant_extended",
        f"{step_id}:{step.n}:extended:{sum(e.n == step.n and e.state == 'granted' for e in step.extensions)}",
        step=step_id,
        from_=step.granted.until.isoformat(),
        to=until.isoformat(),
        by=extension.by,
        reason=extension.reason or None,
        approval=extension.approval,
    )


def _turn_into(turn: Turn, step_id: str, old: Extension, new: Extension) -> None:
    _set(turn, step_id, tuple(new if e is old else e for e in turn.run.steps[step_id].extensions))


def _set(turn: Turn, step_id: str, extensions: tuple[Extension, ...]) -> None:
    turn.set_step(step_id, extensions=extensions)
