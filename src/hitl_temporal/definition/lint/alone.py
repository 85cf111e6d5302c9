"""One ask by itself, out of no file: what keeps a project from asking it, each fault by its key.

What it says of inputs and steps is not looked at: it may be meant for another version of its flow.

Must not know: who has written it, why.
"""

from collections.abc import Iterator

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem
from hitl_temporal.definition.site import Site
from hitl_temporal.definition.tokens import Position
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.flow.definition import Flow
from hitl_temporal.domain.flow.step import Step
from hitl_temporal.domain.people import People
from hitl_temporal.domain.value import Json

from .calendars import check_calendars
from .deadlines import check_deadlines
from .selectors import check_selectors
from .stages import stages_of
from .votes import check_picks

__all__ = ["lint_ask"]

_STEP: At = ("steps", 0)


def lint_ask(ask: Ask, written: Json, people: People, site: Site) -> tuple[str, ...]:
    """Return what keeps an ask from being asked, as `ask.key: what is wrong; how to mend it`; none when it is sound.

    Args:
        ask: As it was understood; its table is in it, or named and looked for elsewhere.
        written: As it was written.
        people: The directory.
        site: Its calendars.
    """
    data: Json = {"steps": [{"ask": written}]}
    places = tuple(_places(data))
    document = Document("", data, {at: Position(number, 1) for number, at in enumerate(places, 1)})
    flow = Flow(flow="alone", steps=(Step(id="alone", ask=ask),))
    errors = [p for p in _problems(flow, document, people, site) if p.severity == "error"]
    return tuple(_by_key(p, places) for p in sorted(errors, key=lambda p: p.line))


def _problems(flow: Flow, document: Document, people: People, site: Site) -> Iterator[Problem]:
    yield from check_calendars(flow, document, site)
    yield from check_deadlines(flow, document)
    yield from check_selectors(flow, document, people)
    yield from check_picks(stages_of(flow), document)


def _places(data: Json, at: At = ()) -> Iterator[At]:
    """Yield every place of a document in order: there are no lines, so each place counts as one."""
    yield at
    match data:
        case dict():
            for key, value in data.items():
                yield from _places(value, (*at, key))
        case list():
            for index, value in enumerate(data):
                yield from _places(value, (*at, index))
        case _:
            pass


def _by_key(problem: Problem, places: tuple[At, ...]) -> str:
    key = ".".join(map(str, places[problem.line - 1][len(_STEP) :]))
    return f"{key}: {'; '.join(filter(None, (problem.message, problem.mend)))}"
