"""`hitl preview`: who would be asked, and why, before anything is started."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from hitl_temporal.cli import output, values
from hitl_temporal.cli.command import people
from hitl_temporal.cli.inputs import FlowName, InputFile, Inputs, OnBehalfOf
from hitl_temporal.cli.session import Session

if TYPE_CHECKING:
    from hitl_temporal.client import AskPreview, StagePreview

app = typer.Typer()

_HEADINGS = ("STEP", "STAGE", "ASKED", "WHO", "AGREE", "DUE", "NOT ASKED", "NOTE")


@people(app)
def preview(
    session: Session,
    flow: FlowName,
    *,
    inputs: Inputs = None,
    file: InputFile = None,
    on_behalf_of: OnBehalfOf = None,
) -> None:
    """Say who would be asked if you started a flow now, and why; nothing is started."""
    given = values.inputs_for(session.client, flow, inputs or (), file)
    found = session.client.preview(flow, given, on_behalf_of=on_behalf_of)
    if session.as_json:
        output.as_json(found.document())
        return
    for ask in found.asks:
        in_rows = {stage.reason for stage in ask.preview.stages}
        for said in (ask.preview.title, *(what for what in ask.preview.depends if what not in in_rows)):
            output.note(f"{ask.step}: {said}")
    if found.asks:
        output.table(_HEADINGS, (row for ask in found.asks for row in _rows(ask)))
    else:
        output.note(f"{flow} asks nobody")


def _rows(ask: "AskPreview") -> Iterator[tuple[str, ...]]:
    """Yield what is known of the question as a whole, then one row per stage."""
    if ask.applies != "yes":
        yield _row(ask, "", ask.applies, note=ask.reason)
    if ask.preview.automatic:
        share = ask.preview.sample
        rest = f"people decide {share} of such" if share else "nobody is asked"
        told = f"a rule decides: {ask.preview.automatic} ({ask.preview.rule}); {rest}"
        yield _row(ask, "auto", "perhaps" if share else "no", note=told)
    if ask.preview.shadowed:
        told = f"only watched: a rule would decide {ask.preview.shadowed} ({ask.preview.rule}); people decide"
        yield _row(ask, "auto", "yes", note=told)
    if ask.preview.parks:
        yield _row(ask, "", "no", note=f"would park: {ask.preview.parks}")
    for stage in ask.preview.stages:
        yield (
            ask.step,
            stage.name,
            stage.applies,
            ", ".join(_who(stage)),
            _agree(stage),
            _due(stage),
            "; ".join(f"{p.person}: {p.reason}" for p in stage.left_out),
            "; ".join(_notes(stage)),
        )


def _row(ask: "AskPreview", stage: str, applies: str, *, note: str) -> tuple[str, ...]:
    return (ask.step, stage, applies, "", "", "", "", note)


def _who(stage: "StagePreview") -> Iterator[str]:
    for who in stage.people:
        place = f" for {who.on_behalf_of}" if who.on_behalf_of else ""
        quiet = "; not told" if who.is_quiet else ""
        yield f"{who.person}{place} ({', '.join(who.because)}{quiet})"
    if stage.number > len(stage.people):
        yield f"and {stage.number - len(stage.people)} more"


def _agree(stage: "StagePreview") -> str:
    if not stage.approve or not stage.number:
        return ""
    needed = " or ".join(map(str, stage.approve))
    if stage.votes is not None:
        return f"{needed} votes of {stage.votes}"
    return f"{needed} of {stage.number if stage.picked is None else stage.picked}"


def _due(stage: "StagePreview") -> str:
    if stage.due is None and stage.due_in is not None:
        return f"{stage.due_in} after its opening"
    return output.moment(stage.due)


def _notes(stage: "StagePreview") -> Iterator[str]:
    if stage.reason:
        yield stage.reason
    for one in stage.away:
        yield f"{one.person} is away: " + (f"{one.substitute} stands in" if one.substitute else one.reason)
    if stage.parks:
        yield f"would park: {stage.parks}"
    if stage.is_fallback:
        yield "these stand in, since nobody else could"
    if stage.picks:
        yield f"asked: {stage.picks}"
