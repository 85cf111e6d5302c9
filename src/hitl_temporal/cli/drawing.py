"""`hitl graph`: a flow's steps and what follows what, before or during a run."""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from hitl_temporal.cli import output
from hitl_temporal.cli.command import people
from hitl_temporal.cli.errors import CommandError
from hitl_temporal.cli.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from hitl_temporal.domain.value import Json

app = typer.Typer()


class Format(StrEnum):
    """How a graph is drawn."""

    MERMAID = "mermaid"
    TEXT = "text"


class Node(NamedTuple):
    """One step; `state` is empty before a run."""

    id: str
    verb: str
    state: str = ""


class Edge(NamedTuple):
    """One step follows another on one of these results."""

    before: str
    after: str
    results: tuple[str, ...]


class Graph(NamedTuple):
    """A whole flow."""

    flow: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def document(self) -> "Json":
        """Return it as the service gives it."""
        return {
            "flow": self.flow,
            "nodes": [{"id": n.id, "verb": n.verb, **({"state": n.state} if n.state else {})} for n in self.nodes],
            "edges": [{"from": e.before, "to": e.after, "results": list(e.results)} for e in self.edges],
        }


@people(app)
def graph(
    session: Session,
    subject: Annotated[str, typer.Argument(metavar="FLOW|ID", help="A flow of this project, or the id of a run.")],
    form: Annotated[Format, typer.Option("--format", metavar="FORMAT", help="mermaid or text.")] = Format.MERMAID,
) -> None:
    """Draw a flow, or a run with the state of each step."""
    file = session.settings.project / "workflows" / subject / "flow.yaml"
    found = _of_flow(file) if file.is_file() else _of_run(session.client.graph(subject))
    if session.as_json:
        output.as_json(found.document())
        return
    for line in mermaid(found) if form is Format.MERMAID else text(found):
        output.line(line)


def mermaid(found: Graph) -> Iterator[str]:
    """Yield the lines of a Mermaid flowchart.

    Steps are numbered: some step ids, `end` among them, are words of Mermaid's own.
    Source: https://mermaid.js.org/syntax/flowchart.html (read 2026-11-22).
    """
    numbers = {node.id: number for number, node in enumerate(found.nodes)}
    yield "flowchart TD"
    for node in found.nodes:
        state = f"<br/>{node.state}" if node.state else ""
        yield f'  s{numbers[node.id]}["{node.id} · {node.verb}{state}"]'
    for edge in found.edges:
        if edge.before in numbers and edge.after in numbers:
            label = f"|{', '.join(edge.results)}| " if edge.results != ("succeeded",) else ""
            yield f"  s{numbers[edge.before]} --> {label}s{numbers[edge.after]}"
    for state in sorted({node.state for node in found.nodes} & _COLOURS.keys()):
        members = ",".join(f"s{numbers[node.id]}" for node in found.nodes if node.state == state)
        yield f"  classDef {state} {_COLOURS[state]}"
        yield f"  class {members} {state}"


def text(found: Graph) -> Iterator[str]:
    """Yield one line a step: what it is, how it stands, what it follows."""
    width = max((len(node.id) for node in found.nodes), default=0)
    for node in found.nodes:
        before = [
            edge.before + (f" ({', '.join(edge.results)})" if edge.results != ("succeeded",) else "")
            for edge in found.edges
            if edge.after == node.id
        ]
        after = f"after {', '.join(before)}" if before else "at once"
        yield f"{node.id:<{width}}  {node.verb:<4}  {node.state + '  ' if node.state else ''}{after}"


_COLOURS = {
    "succeeded": "fill:#d3f2d8,stroke:#1a7f37,color:#000",
    "running": "fill:#d6e8ff,stroke:#0550ae,color:#000",
    "waiting": "fill:#fff8c5,stroke:#7d4e00,color:#000",
    "parked": "fill:#ffe2d1,stroke:#bc4c00,color:#000",
    "failed": "fill:#ffd7d5,stroke:#cf222e,color:#000",
    "skipped": "fill:#eeeeee,stroke:#57606a,color:#000",
    "cancelled": "fill:#eeeeee,stroke:#57606a,color:#000",
}


def _of_flow(file: "Path") -> Graph:
    from hitl_temporal.definition.project import load_flow

    flow, problems = load_flow(file)
    if flow is None:
        raise CommandError(f"{problems[0]}; `hitl validate` lists everything")
    edges = [
        Edge(before, step, need.results)
        for step, needs in flow.all_needs.items()
        for need in needs
        for before in need.of
    ]
    return Graph(flow.flow, tuple(Node(step.id, step.verb) for step in flow.steps), tuple(edges))


def _of_run(document: "dict[str, Json]") -> Graph:
    """Read what the service gives; parts of another form than we know are left out."""
    nodes, edges = document.get("nodes"), document.get("edges")
    return Graph(
        str(document.get("flow", "")),
        tuple(
            Node(str(n["id"]), str(n.get("verb", "")), str(n.get("state", "")))
            for n in (nodes if isinstance(nodes, list) else [])
            if isinstance(n, dict) and "id" in n
        ),
        tuple(
            Edge(str(e["from"]), str(e["to"]), _texts(e.get("results")))
            for e in (edges if isinstance(edges, list) else [])
            if isinstance(e, dict) and {"from", "to"} <= e.keys()
        ),
    )


def _texts(value: "Json") -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
