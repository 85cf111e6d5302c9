"""`hitl graph`: a flow's steps and what follows what, before or during a run."""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

from hitl_temporal.cli import output
from hitl_temporal.cli.command import people
from hitl_temporal.cli.errors import CommandError
from hitl_temporal.cli.graphs import COLOURS, Edge, Graph, Node, of_flow, of_run
from hitl_temporal.cli.session import Session
from hitl_temporal.cli.svg import svg

__all__ = ["Edge", "Format", "Graph", "Node", "app", "graph", "mermaid", "text"]

app = typer.Typer()


class Format(StrEnum):
    """How a graph is drawn."""

    MERMAID = "mermaid"
    SVG = "svg"
    TEXT = "text"


@people(app)
def graph(
    session: Session,
    subject: Annotated[str, typer.Argument(metavar="FLOW|ID", help="A flow of this project, or the id of a run.")],
    form: Annotated[Format, typer.Option("--format", metavar="FORMAT", help="mermaid, svg or text.")] = Format.MERMAID,
) -> None:
    """Draw a flow, or a run with the state of each step."""
    file = session.settings.project / "workflows" / subject / "flow.yaml"
    found = of_flow(file) if file.is_file() else _of_run(session, subject)
    if session.as_json:
        output.as_json(found.document())
        return
    for line in {Format.MERMAID: mermaid, Format.SVG: svg, Format.TEXT: text}[form](found):
        output.line(line)


def _of_run(session: Session, subject: str) -> Graph:
    from hitl_temporal.client import NotFoundError, UnauthenticatedError

    try:
        return of_run(session.client.graph(subject))
    except (NotFoundError, UnauthenticatedError) as error:
        flows = session.settings.project / "workflows"
        names = sorted(file.parent.name for file in flows.glob("*/flow.yaml"))
        known = f"flows of this project: {', '.join(names)}" if names else "this project has no flows"
        raise CommandError(f"no flow is named {subject!r}, and as a run: {error}; {known}") from error


def mermaid(found: Graph) -> Iterator[str]:
    """Yield the lines of a Mermaid flowchart; a step with steps within is a subgraph.

    Steps are numbered: some step ids, `end` among them, are words of Mermaid's own.
    Source: https://mermaid.js.org/syntax/flowchart.html (read 2026-12-01).
    """
    numbers = {node.id: number for number, node in enumerate(found.nodes)}
    yield "flowchart TD"
    for node in found.top:
        yield from _drawn(found, node, numbers, "  ")
    for edge in found.edges:
        if edge.before in numbers and edge.after in numbers:
            label = f"|{_quoted(edge.label)}| " if edge.label else ""
            yield f"  s{numbers[edge.before]} --> {label}s{numbers[edge.after]}"
    for state in sorted({node.state for node in found.nodes} & COLOURS.keys()):
        fill, line = COLOURS[state]
        members = ",".join(f"s{numbers[node.id]}" for node in found.nodes if node.state == state)
        yield f"  classDef {state} fill:{fill},stroke:{line},color:#000"
        yield f"  class {members} {state}"


def _drawn(found: Graph, node: Node, numbers: dict[str, int], indent: str) -> Iterator[str]:
    number, told = numbers[node.id], f"<br/>{node.told}" if node.told else ""
    told = (f"<br/>if {_escaped(node.condition)}" if node.condition else "") + told
    label = f's{number}["{_quoted(f"{node.id} · {node.verb}")}{_quoted(told)}"]'
    branches = found.within(node.id)
    yield f"{indent}{'subgraph ' if branches else ''}{label}"
    for order, branch in enumerate(branches):
        inner = indent + "  "
        if branch.title:
            yield f'{inner}subgraph s{number}b{order}["{_quoted(_escaped(branch.title))}"]'
            inner += "  "
        for step in branch.nodes:
            yield from _drawn(found, step, numbers, inner)
        if branch.title:
            yield f"{indent}  end"
    if branches:
        yield f"{indent}end"


def _escaped(text: str) -> str:
    """Return an expression as a label holds it, which is read as HTML."""
    return text.replace("&", "#amp;").replace("<", "#lt;").replace(">", "#gt;")


def _quoted(label: str) -> str:
    return label.replace('"', "#quot;")


def text(found: Graph) -> Iterator[str]:
    """Yield one line a step: what it is, how it stands, what it follows; what lies within it is indented."""
    rows = [row for node in found.top for row in _rows(found, node, "")]
    names, verbs = (max((len(row[n]) for row in rows if row[1]), default=0) for n in range(2))
    for name, verb, state, rest in rows:
        if not verb:
            yield name
        else:
            yield f"{name:<{names}}  {verb:<{max(verbs, 4)}}  {state}{'  ' if state else ''}{rest}"


def _rows(found: Graph, node: Node, indent: str) -> Iterator[tuple[str, str, str, str]]:
    before = [e.before + (f" ({e.label})" if e.label else "") for e in found.edges if e.after == node.id]
    after = f"after {', '.join(before)}" if before else "at once"
    after += f", if {node.condition}" if node.condition else ""
    yield indent + node.id, node.verb, node.told, after
    for branch in found.within(node.id):
        inner = indent + "  "
        if branch.title:
            yield f"{inner}{branch.title}:", "", "", ""
            inner += "  "
        for step in branch.nodes:
            yield from _rows(found, step, inner)
