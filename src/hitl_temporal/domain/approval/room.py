"""How much an approval can hold: it travels whole through Temporal, which takes 2 MiB and no more.

What people send has three shares, so that talk keeps nobody from deciding. Who merely says yes or no needs none of
them, and a question back can be answered when all else is full: no approval waits for ever because it is.

Must not know: who may say what, which verb is judged.
"""

from collections.abc import Iterable, Mapping

from hitl_temporal.domain.approval.commands import Decide, Reference
from hitl_temporal.domain.approval.context import at_path
from hitl_temporal.domain.approval.eligibility import eligible
from hitl_temporal.domain.approval.state import Approval, StageRun
from hitl_temporal.domain.value import Json, weigh

MAX_QUESTION_BYTES = 300_000
"""The question as it is put: its document, its context, and what is shown of it."""

MAX_TALK_BYTES = 250_000
"""Everything said: remarks with their attachments, and why deadlines were extended."""

MAX_CHANGES_BYTES = 150_000
"""Everything changed since it was asked, each value before and after."""

MAX_ANSWERS_BYTES = 150_000
"""The comments and forms of all answers, of those that count no more and those to be confirmed too."""

MAX_PLACES = 1_000
"""How many people all stages together may ask: each has a message, its last word, and perhaps an answer."""

MAX_ON_THEIR_WAY = 500
"""How many messages may be on their way when something is changed: each change may send as many again, and more."""

_REMARK_BYTES = 150
"""What a remark takes beside its text: who, when, to whom."""

_FOR_ANSWERS_BYTES = 50_000
"""Kept free for answers to questions back, whatever others have said."""


def for_question(state: Approval) -> str | None:
    """Return why a question is too large to be asked, None when it is not."""
    size = len(state.model_dump_json().encode())
    if size <= MAX_QUESTION_BYTES:
        return None
    return (
        f"the question with its context has {size} bytes, and {MAX_QUESTION_BYTES} is the most; "
        "leave large values out and link to them"
    )


def for_places(state: Approval, stage: StageRun) -> str | None:
    """Return why a stage can't ask all those whom it names, None when it can."""
    return of_places(len(stage.asked) + sum(_places(state, s) for s in state.stages if s.name != stage.name))


def _places(state: Approval, stage: StageRun) -> int:
    """Return how many people a stage asks: those of its opening, and where it is open whoever has come since."""
    now = eligible(state, stage, stage.who) if stage.is_live else ()
    return len({*stage.asked, *(s.named for s in now)})


def of_places(asked: int) -> str | None:
    """Return why so many people are not asked, None when they are."""
    if asked <= MAX_PLACES:
        return None
    return f"{asked} people would be asked in all, and {MAX_PLACES} is the most: name smaller groups, or `pick` a few"


def for_talk(state: Approval, text: str, attachments: Iterable[Reference] = (), *, answers: bool = False) -> str | None:
    """Return why nothing more can be said, None when this can be.

    Args:
        state: The approval.
        text: What is to be said.
        attachments: What comes with it.
        answers: Whether it answers a question back.
    """
    said = sum(_of_remark(r.text, r.attachments) for r in state.conversation)
    moved = sum(_of_json(m.why) for s in state.stages for m in s.moves)
    limit = MAX_TALK_BYTES if answers else MAX_TALK_BYTES - _FOR_ANSWERS_BYTES
    if said + moved + _of_remark(text, attachments) <= limit:
        return None
    return f"the conversation is full ({limit} bytes); go on elsewhere, with a link"


def for_changes(state: Approval, changes: Mapping[str, Json], reason: str = "") -> str | None:
    """Return why nothing more can be changed, None when this can be."""
    on_their_way = sum(d.state == "sending" for d in state.deliveries)
    if on_their_way > MAX_ON_THEIR_WAY:
        return f"{on_their_way} messages about it are still on their way: change it when people have them"
    kept = sum(len(a.model_dump_json().encode()) for a in state.amendments)
    # A value stands in the context too, and with what came of it; an edit also with the answer it belongs to.
    new = sum(4 * _of_json(v) + 2 * _of_json(at_path(state.context, p)) for p, v in changes.items())
    if 2 * kept + new + _of_json(reason) <= MAX_CHANGES_BYTES:
        return None
    return (
        f"all changes together may have {MAX_CHANGES_BYTES} bytes: withdraw it and ask anew, or link to what is large"
    )


def for_answer(state: Approval, decide: Decide) -> str | None:
    """Return why an answer's comment and form can't be kept, None when they can, or when there are none."""
    new = _of_answer(decide.comment, decide.form)
    if not new:
        return None
    answers = (*state.decisions, *(v.decision for v in state.voided))
    waiting = (i for i in state.intents if i.actor != decide.actor)
    if new + sum(_of_answer(a.comment, a.form) for a in (*answers, *waiting)) <= MAX_ANSWERS_BYTES:
        return None
    return f"all answers together may have {MAX_ANSWERS_BYTES} bytes of comments and forms: shorten yours"


def _of_remark(text: str, attachments: Iterable[Reference]) -> int:
    return _REMARK_BYTES + _of_json(text) + sum(len(a.model_dump_json().encode()) for a in attachments)


def _of_answer(comment: str, form: Mapping[str, Json]) -> int:
    return (_of_json(comment) if comment else 0) + (_of_json(dict(form)) if form else 0)


def _of_json(value: Json) -> int:
    """Return how many bytes a value has on its way: a control character has six."""
    return weigh(value)
