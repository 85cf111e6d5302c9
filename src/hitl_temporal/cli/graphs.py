"""The graph of a flow, or of a run with the state of each step: what is drawn, whichever way.

Must not know: formats, the command.
"""

# ruff: noqa: PLC0415 what a command needs is imported when it runs: `hitl --help` loads typer alone

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from hitl_temporal.cli.errors import CommandError

if TYPE_CHECKING:
    from pathlib import Path

    from hitl_temporal.domain.value import Json

COLOURS = {
    "succeeded": ("#d3f2d8", "#1a7f37"),
    "running": ("#d6e8ff", "#0550ae"),
    "waiting": ("#fff8c5", "#7d4e00"),
    "parked": ("#ffe2d1", "#bc4c00"),
    "failed": ("#ffd7d5", "#cf222e"),
    "skipped": ("#eeeeee", "#57606a"),
    "cancelled": ("#eeeeee", "#57606a"),
}
"""Fill and line of each state; the text of it is always there, too."""

CATCH = "catch"
"""The name of the branch that mends a failure."""
_ONLY = "0"
"""The name of the branch of a step that has one list of steps."""


class Node(NamedTuple):
    """One step.

    Attributes:
        state: Empty before a run.
        parent: The step that it lies in; empty: none.
        branch: The list within that step.
        states: Of a step that lies in items, how many are in which state.
        condition: Its own; empty: none.
        when: The condition of its branch, or `else`; empty: it lies in none.
    """

    id: str
    verb: str
    state: str = ""
    parent: str = ""
    branch: str = ""
    states: Mapping[str, int] = {}
    condition: str = ""
    when: str = ""

    @property
    def told(self) -> str:
        """How it stands, in words; empty before a run."""
        if sum(self.states.values()) < 2:
            return self.state
        return ", ".join(f"{count} {state}" for state, count in self.states.items())


class Edge(NamedTuple):
    """One step follows another on one of these results."""

    before: str
    after: str
    results: tuple[str, ...]

    @property
    def label(self) -> str:
        """On which results, where that is not what one expects."""
        return ", ".join(self.results) if self.results != ("succeeded",) else ""


class Branch(NamedTuple):
    """One list of steps within a step.

    Attributes:
        title: Empty where there is nothing to tell it from.
        nodes: Its steps, in order.
    """

    name: str
    title: str
    nodes: tuple[Node, ...]


class Graph(NamedTuple):
    """A whole flow; its nodes in document order."""

    flow: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @property
    def top(self) -> tuple[Node, ...]:
        """The steps that lie in no other: a step of a newer server may lie in something that is no node here."""
        known = {node.id for node in self.nodes}
        return tuple(node for node in self.nodes if node.parent not in known)

    def within(self, step: str) -> tuple[Branch, ...]:
        """Return the lists of steps within one, in order, what mends its failure last."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            if node.parent == step:
                found.setdefault(node.branch, []).append(node)
        names = sorted(found, key=lambda name: name == CATCH)
        is_alone = names == [_ONLY] and self._verb(step) != "choose"
        return tuple(
            Branch(name, "" if is_alone else self._title(step, name, found[name][0].when), tuple(found[name]))
            for name in names
        )

    def document(self) -> "Json":
        """Return it as the service gives it."""
        return {
            "flow": self.flow,
            "nodes": [dict(_written(node)) for node in self.nodes],
            "edges": [{"from": e.before, "to": e.after, "results": list(e.results)} for e in self.edges],
        }

    def _verb(self, step: str) -> str:
        return next((node.verb for node in self.nodes if node.id == step), "")

    def _title(self, step: str, branch: str, when: str) -> str:
        if branch == CATCH:
            return "if it fails"
        if when:
            return when if when == "else" else f"if {when}"
        return f"branch {branch}" if self._verb(step) == "choose" else self._verb(step)


def of_flow(file: "Path") -> Graph:
    """Return the graph of a flow that has not been started."""
    from hitl_temporal.definition.project import load_flow
    from hitl_temporal.domain.flow.views import conditions

    flow, problems = load_flow(file)
    if flow is None:
        raise CommandError(f"{problems[0]}; `hitl validate` lists everything")
    edges = [Edge(b, step, n.results) for step, needs in flow.all_needs.items() for n in needs for b in n.of]
    nodes = [
        _node(
            {
                "id": spot.step.id,
                "verb": spot.step.verb,
                "parent": spot.parent or "",
                "branch": spot.list[1] if spot.parent else "",
                **conditions(flow.plan, spot),
            }
        )
        for spot in flow.plan.every
    ]
    return Graph(flow.flow, tuple(nodes), tuple(edges))


def of_run(document: "dict[str, Json]") -> Graph:
    """Read what the service gives; parts of another form than we know are left out."""
    nodes, edges = document.get("nodes"), document.get("edges")
    return Graph(
        str(document.get("flow", "")),
        tuple(_node(n) for n in (nodes if isinstance(nodes, list) else []) if isinstance(n, dict) and "id" in n),
        tuple(
            Edge(str(e["from"]), str(e["to"]), _texts(e.get("results")))
            for e in (edges if isinstance(edges, list) else [])
            if isinstance(e, dict) and {"from", "to"} <= e.keys()
        ),
    )


def _node(written: "dict[str, Json]") -> Node:
    states = written.get("states")
    return Node(
        *(str(written.get(key, "")) for key in ("id", "verb", "state", "parent", "branch")),
        states={s: n for s, n in states.items() if isinstance(n, int)} if isinstance(states, dict) else {},
        condition=str(written.get("if", "")),
        when=str(written.get("when", "")),
    )


def _written(node: Node) -> "Iterator[tuple[str, Json]]":
    yield "id", node.id
    yield "verb", node.verb
    told = {"parent": node.parent, "branch": node.branch, "state": node.state, "if": node.condition, "when": node.when}
    for key, value in told.items():
        if value:
            yield key, value
    if node.states:
        yield "states", dict(node.states)


def _texts(value: "Json") -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
