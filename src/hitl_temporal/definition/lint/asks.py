"""What an ask says that does not do what it seems to.

Must not know: people, calendars.
"""

from collections.abc import Iterable, Iterator

from hitl_temporal.definition.documents import At, Document
from hitl_temporal.definition.problems import Problem, resembling
from hitl_temporal.domain.addresses import unsafe
from hitl_temporal.domain.approval.ask import Ask
from hitl_temporal.domain.approval.routes import Routed, Table
from hitl_temporal.domain.approval.stage import Parallel, Stage
from hitl_temporal.domain.expressions import expressions_in, references
from hitl_temporal.domain.flow.definition import Flow

from .inputs import check_fields
from .stages import Placed, asks_of, entries_of, stages_of

__all__ = ["check_asks", "check_blocks", "check_doors", "check_rows"]

_LABELS = {"approve": "approved", "reject": "rejected"}
"""What the buttons of the built-in outcomes say, in small letters, and the outcome of each."""


def check_asks(flow: Flow, document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the asks of a flow as such."""
    for at, ask in asks_of(flow):
        yield from check_fields(ask.form, (*at, "form"), document)
        yield from _check_edit(flow, at, ask, document)
        yield from _check_subject(at, ask, document)
        yield from _check_labels(at, ask, document)
        yield from _check_attachments(at, ask, document)
        yield from check_blocks(entries_of(at, ask), document)
        if isinstance(ask.stages, Routed) and isinstance(ask.stages.route, Table):
            yield from check_rows((*at, "stages", "route"), ask.stages.route, document)
    yield from check_doors(stages_of(flow), document)


def check_blocks(entries: Iterable[tuple[At, Stage | Parallel]], document: Document) -> Iterator[Problem]:
    """Yield the blocks in which nothing is parallel."""
    for at, entry in entries:
        if isinstance(entry, Parallel) and len(entry.parallel) == 1:
            message = "one stage is not parallel to anything"
            yield document.problem((*at, "parallel"), message, "write the stage itself, or add another", "warning")


def check_rows(at: At, table: Table, document: Document) -> Iterator[Problem]:
    """Yield the row after which no other is ever looked at, when there are others."""
    if table.hit == "all":
        return
    for number, row in enumerate(table.rows[:-1]):
        if row.condition is None:
            message = f"row {number + 1} always holds, so no row after it is looked at"
            yield document.problem((*at, "rows", number), message, "move it to the end, or give it an `if`", "warning")
            return


def check_doors(stages: Iterable[Placed], document: Document) -> Iterator[Problem]:
    """Yield the stages that ask for more assurance than the only door they offer has."""
    for at, stage, _ in stages:
        if stage.assurance != "low" and set(stage.via) == {"email"}:
            message = f"`assurance: {stage.assurance}` by e-mail alone: each answer has to be confirmed elsewhere"
            yield document.problem((*at, "assurance"), message, "add a channel to `via`, or ask for `low`", "warning")


def _check_edit(flow: Flow, at: At, ask: Ask, document: Document) -> Iterator[Problem]:
    known = {"inputs": flow.inputs, "vars": flow.vars}
    words = {"inputs": "input", "vars": "variable"}
    for index, path in enumerate(ask.edit):
        head, _, rest = path.partition(".")
        name = rest.partition(".")[0]
        if head not in known or not name:
            message = f"`{path}` can't be edited: of a run only inputs and variables can be changed"
            yield document.problem((*at, "edit", index), message, "write inputs.NAME or vars.NAME")
        elif name not in known[head]:
            mend = resembling(name, known[head], f"known: {', '.join(known[head]) or 'none'}")
            yield document.problem((*at, "edit", index), f"`{path}`: unknown {words[head]} {name!r}", mend)


def _check_subject(at: At, ask: Ask, document: Document) -> Iterator[Problem]:
    if (ask.subject or "").strip() and not any(references(e) for e in expressions_in(ask.subject)):
        message = "the `subject` is the same for every request: each would withdraw the one before"
        yield document.problem((*at, "subject"), message, "say in it what the request is about: {{...}}", "warning")


def _check_labels(at: At, ask: Ask, document: Document) -> Iterator[Problem]:
    seen = {**_LABELS, **({"send back": "rework"} if ask.rework else {})}
    for name, outcome in ask.outcomes.items():
        other = seen.setdefault(outcome.label.strip().casefold(), name)
        if other != name:
            message = f"the outcomes {other!r} and {name!r} have the same label: nobody can tell them apart"
            yield document.problem((*at, "outcomes", name, "label"), message, "give each its own", "warning")


def _check_attachments(at: At, ask: Ask, document: Document) -> Iterator[Problem]:
    """Yield the documents whose address no expression can make a good one."""
    for index, attachment in enumerate(ask.attachments):
        head, _, expression = attachment.url.partition("{{")
        if (reason := unsafe(head if expression else attachment.url)) is not None and not _may_become_web(head):
            message, _, mend = reason.partition(": ")
            yield document.problem((*at, "attachments", index, "url"), message, mend)


def _may_become_web(head: str) -> bool:
    return head.lower() in {"http://", "https://"}
