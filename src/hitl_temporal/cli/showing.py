"""One approval for a person at a terminal: what is asked, how it stands, what was said, and what has changed.

Must not know: where it is from.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hitl_temporal.cli import output

if TYPE_CHECKING:
    from hitl_temporal.cli.session import Session
    from hitl_temporal.client import Approval
    from hitl_temporal.client.approval import Decision, Stage
    from hitl_temporal.domain.value import Json

_KINDS = {"auto": "by a rule", "override": "as admin", "break_glass": "in an emergency"}
"""What a decision is called that was no vote."""

_AGREED = {None: "people have not decided", True: "people agree", False: "people have decided otherwise"}


def show_approval(session: "Session", approval: "Approval") -> None:
    """Print an approval; as JSON, all of it."""
    if session.as_json:
        output.as_json(approval.document())
        return
    output.fields(_heading(approval))
    for text in approval.body.splitlines():
        output.line(f"  {text}")
    stages = [(s.name, s.state, s.tally, ", ".join(s.may_act), output.moment(s.due)) for s in approval.stages]
    output.table(("STAGE", "STATE", "STANDS", "MAY DECIDE", "DUE"), stages)
    output.fields(pair for stage in approval.stages for pair in _about(stage))
    decided = [(*_decision(d), d.comment) for d in approval.decisions]
    filled = [
        (d.actor, d.stage, name, output.value(given)) for d in approval.decisions for name, given in d.form.items()
    ]
    voided = [(*_decision(v.decision), v.why.replace("_", " ")) for v in approval.voided]
    untold = [d for d in approval.deliveries if d.state == "failed"]
    _print(("WHO", "DECIDED", "STAGE", "AT", "COMMENT"), decided)
    _print(("WHO", "FILLED IN", "FIELD", "WITH"), filled)
    _print(("WHO", "HAD DECIDED", "STAGE", "AT", "COUNTS NO MORE"), voided)
    _print(("WHO", "SAID", "TO", "AT", "TEXT"), list(_conversation(approval)))
    _print(("WHO", "CHANGED", "BEFORE", "AFTER", "AT", "WHY"), list(_changes(approval)))
    _print(
        ("NOT TOLD", "OF", "STAGE", "BY", "WHY"),
        [(d.person, d.occasion, d.stage, d.channel or "", d.reason) for d in untold],
    )


def _heading(approval: "Approval") -> Iterator[tuple[str, str]]:
    is_open = approval.is_live
    yield "approval", approval.id
    yield "title", approval.title
    yield "state", approval.outcome or approval.state
    yield "reason", approval.reason
    yield "requester", approval.requester
    yield "on behalf of", approval.on_behalf_of or ""
    for name, given in approval.show.items():
        yield name, output.value(given)
    for document in approval.attachments:
        yield "attached", f"{document.name} {document.url}"
    yield "stands", approval.tally
    yield from _wanted(approval) if is_open else ()
    if approval.info is not None:
        info = approval.info
        what = "has sent it back" if info.rework else "has asked for more"
        yield "waits for", f"{info.to}; {info.by} {what}, {output.moment(info.since)}"
    for mine in approval.kept:
        since = output.moment(mine.at)
        yield "not counted yet", f"{mine.outcome}, since {since}: log in afresh and confirm it on the approval's page"
    if approval.cooling is not None:
        until = output.moment(approval.cooling.until)
        yield "cooling off", f"{approval.cooling.outcome}; the deciding vote may be taken back until {until}"
    if approval.shadowed is not None:
        agreed = _AGREED[approval.shadowed.agrees]
        yield "shadow", f"a rule would have decided {approval.shadowed.outcome}; {agreed}"


def _wanted(approval: "Approval") -> Iterator[tuple[str, str]]:
    """Yield what an answer may be, and what it must have."""
    labelled = ((name, choice.label) for name, choice in approval.outcomes.items())
    yield "outcomes", ", ".join(f"{name} ({label})" if label else name for name, label in labelled)
    needed = [name for name, choice in approval.outcomes.items() if choice.comment == "required"]
    yield "comment", f"needed with {', '.join(needed)}" if needed else ""
    for name, schema in approval.form.items():
        yield "field", f"{name}: {_field(schema)}" + (", required to agree" if name in approval.required else "")
    for path, given in approval.edit.items():
        yield "may edit", f"{path}={output.value(given)}"
    for stage in approval.stages:
        if stage.is_live and stage.assurance != "low":
            yield "assurance", f"{stage.assurance} in {stage.name}"
    if approval.break_glass:
        yield "emergency", f"{', '.join(approval.break_glass)} may decide alone (hitl override)"


def _field(schema: "Json") -> str:
    """Return what fits a field of a form, as its JSON Schema says it."""
    match schema:
        case {"enum": list(choices)}:
            return f"one of {', '.join(map(output.value, choices))}"
        case {"type": "array", "items": {"enum": list(choices)}}:
            return f"some of {', '.join(map(output.value, choices))}"
        case {"type": str(kind)}:
            return kind
        case _:
            return "anything"


def _about(stage: "Stage") -> Iterator[tuple[str, str]]:
    """Yield what there is to know about a stage beside its row: who has it, for whom, and why its deadline moved."""
    if stage.reason:
        yield "because", f"{stage.name}: {stage.reason}"
    if stage.claim is not None:
        yield "claimed", f"{stage.name} by {stage.claim.holder} until {output.moment(stage.claim.until)}"
    for holder, owner in stage.stand_ins.items():
        yield "stands in", f"{holder} for {owner} in {stage.name}"
    for move in stage.moves:
        moved = f"{output.moment(move.before) or 'none'} to {output.moment(move.after) or 'none'}"
        yield "due moved", f"{stage.name} from {moved}: {move.why}"


def _decision(decision: "Decision") -> tuple[str, str, str, str]:
    who = f"{decision.actor} for {decision.on_behalf_of}" if decision.on_behalf_of else decision.actor
    outcome = " ".join(filter(None, (decision.outcome, _KINDS.get(decision.kind, ""))))
    return who, outcome, decision.stage, output.moment(decision.at)


def _conversation(approval: "Approval") -> Iterator[tuple[str, ...]]:
    for remark in approval.conversation:
        documents = "".join(f" [{a.name} {a.url}]" for a in remark.attachments)
        kind = remark.kind.replace("_", " ")
        yield remark.actor, kind, remark.to or "", output.moment(remark.at), f"{remark.text}{documents}"


def _changes(approval: "Approval") -> Iterator[tuple[str, ...]]:
    for amendment in approval.amendments:
        for path, change in amendment.changes.items():
            before, after = output.value(change.before), output.value(change.after)
            yield amendment.actor, path, before, after, output.moment(amendment.at), amendment.reason


def _print(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    if rows:
        output.table(headings, rows)
