"""Graphs of steps within steps: as Mermaid, as SVG, as text."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_temporal.cli.drawing import mermaid, text
from hitl_temporal.cli.graphs import COLOURS, Edge, Graph, Node, of_flow, of_run
from hitl_temporal.cli.svg import svg
from hitl_temporal.domain.flow.views import graph
from tests.domain.flow.world import World, ask, call

FLOW = """
flow: x
inputs: {n: {type: integer}}
steps:
  - id: post
    each: [1, 2, 3]
    do: [{id: journal, call: a.b}, {id: end, call: a.b, needs: [{journal: done}]}]
  - id: c
    choose:
      - {if: inputs.n > 1, do: [{id: q, call: a.b}]}
      - {else: [{id: w, call: a.b}]}
  - {id: s, call: a.b, on_failure: {catch: [{id: m, call: a.b}]}}
"""
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def drawn(tmp_path: Path) -> Graph:
    """A flow with steps in an each, in branches and in a catch."""
    file = tmp_path / "x" / "flow.yaml"
    file.parent.mkdir()
    file.write_text(FLOW)
    return of_flow(file)


def test_a_step_with_steps_within_is_a_subgraph(drawn: Graph) -> None:
    """Branches and what mends a failure are subgraphs of their own."""
    assert list(mermaid(drawn)) == [
        "flowchart TD",
        '  subgraph s0["post · each"]',
        '    s1["journal · call"]',
        '    s2["end · call"]',
        "  end",
        '  subgraph s3["c · choose"]',
        '    subgraph s3b0["if inputs.n #gt; 1"]',
        '      s4["q · call"]',
        "    end",
        '    subgraph s3b1["else"]',
        '      s5["w · call"]',
        "    end",
        "  end",
        '  subgraph s6["s · call"]',
        '    subgraph s6b0["if it fails"]',
        '      s7["m · call"]',
        "    end",
        "  end",
        "  s1 --> |done| s2",
        "  s0 --> s3",
        "  s3 --> s6",
    ]


def test_as_text_what_lies_within_is_indented(drawn: Graph) -> None:
    """A line a step, and one for each branch."""
    assert list(text(drawn)) == [
        "post       each    at once",
        "  journal  call    at once",
        "  end      call    after journal (done)",
        "c          choose  after post",
        "  if inputs.n > 1:",
        "    q      call    at once",
        "  else:",
        "    w      call    at once",
        "s          call    after c",
        "  if it fails:",
        "    m      call    at once",
    ]


def test_a_run_tells_how_many_items_are_how_far() -> None:
    """What the core says of a run is drawn with the states of the items."""
    items = {"id": "post", "each": [1, 2, 3], "do": [call("journal"), ask("ok")]}
    world = World(items, call("after")).succeeds("post[0].journal").succeeds("post[1].journal")
    found = of_run(graph(world.run))
    told = {node.id: (node.state, node.told) for node in found.nodes}
    assert told["post"] == ("running", "running")
    assert told["journal"] == ("running", "2 succeeded, 1 running")
    assert of_run(found.document()) == found  # type: ignore[arg-type]
    assert "  class s0,s1 running" in list(mermaid(found))
    assert "2 succeeded, 1 running" in "\n".join(svg(found))


def test_the_drawing_tells_every_state_in_words_and_has_a_title() -> None:
    """Who sees no colours, or nothing at all, is told the same."""
    nodes = tuple(Node(f"s{n}", "call", state) for n, state in enumerate(COLOURS))
    root = ET.fromstring("\n".join(svg(Graph("x<y", nodes, (Edge("s0", "s1", ("failed", "done")),)))))
    said = [element.text for element in root.iter(f"{SVG}text")]
    assert {*said} == {*(n.id for n in nodes), "call", *COLOURS, "failed, done"}
    assert root.get("role") == "img"
    assert [e.text for e in root.findall(f"{SVG}title")] == ["Flow x<y"]
    (description,) = (e.text or "" for e in root.findall(f"{SVG}desc"))
    assert "s1: call, running, after s0 (failed, done)." in description
    assert [e.get("fill") for e in root.iter(f"{SVG}rect")][1:] == [fill for fill, _ in COLOURS.values()]


def test_a_graph_of_another_server_is_drawn_as_far_as_it_can_be() -> None:
    """Circles, steps in nothing, unknown verbs and states."""
    nodes = (Node("a", "fly", "flying", "gone", "7"), Node('b"', "do"), Node("c", "call", "", 'b"', "7"))
    found = Graph("x", nodes, (Edge("a", 'b"', ()), Edge('b"', "a", ("x",)), Edge("a", "a", ("x",))))
    assert [line.split() for line in text(found)][-2:] == [["do:"], ["c", "call", "at", "once"]]
    assert '  subgraph s1["b#quot; · do"]' in list(mermaid(found))
    ET.fromstring("\n".join(svg(found)))
    ET.fromstring("\n".join(svg(Graph("x", (), ()))))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Return flows of up to 14 steps, one in the other, that follow each other in any way."""
    count = draw(st.integers(1, 14))
    nodes: list[Node] = []
    edges: list[Edge] = []
    for number in range(count):
        parent = draw(st.sampled_from(["", *(n.id for n in nodes)]))
        branch = draw(st.sampled_from(["0", "1", "catch"])) if parent else ""
        node = Node(f"s{number}", draw(st.sampled_from(["call", "choose"])), "running", parent, branch)
        beside = [n.id for n in nodes if (n.parent, n.branch) == (parent, branch)]
        edges += [Edge(b, node.id, ("succeeded",)) for b in beside if draw(st.booleans())]
        nodes.append(node)
    return Graph("x", tuple(nodes), tuple(edges))


@given(graphs())
def test_no_box_lies_on_another_that_does_not_hold_it(found: Graph) -> None:
    """Boxes are beside each other, or one in the other, as the steps are; a follower stands below."""
    root = ET.fromstring("\n".join(svg(found)))
    boxes: dict[str, tuple[float, float, float, float]] = {}
    for group in root.iter(f"{SVG}g"):
        (rect,) = group.findall(f"{SVG}rect")
        x, y, width, height = (float(rect.get(key, "0")) for key in ("x", "y", "width", "height"))
        boxes[re.split(",", group.findtext(f"{SVG}title", ""))[0]] = x, y, x + width, y + height
    parents = {node.id: node.parent for node in found.nodes}
    assert boxes.keys() == parents.keys()
    for one, inner in boxes.items():
        around = {*holders(one, parents)}
        for other, box in boxes.items():
            left, top, right, bottom = box
            is_apart = inner[0] >= right or inner[2] <= left or inner[1] >= bottom or inner[3] <= top
            is_within = inner[0] >= left and inner[2] <= right and inner[1] >= top and inner[3] <= bottom
            if other in around:
                assert is_within, (one, other)
            elif other != one and one not in holders(other, parents):
                assert is_apart, (one, other)
    for edge in found.edges:
        assert boxes[edge.after][1] > boxes[edge.before][3]


def holders(step: str, parents: dict[str, str]) -> list[str]:
    """Return the steps that one lies in."""
    found: list[str] = []
    while step := parents[step]:
        found.append(step)
    return found


def test_conditions_are_drawn_whole_or_shortened(tmp_path: Path) -> None:
    """Of a step and of a branch, also of a run, whose core says them; a picture has long ones in its description."""
    long = " && ".join(f"inputs.n > {number}" for number in range(9))
    file = tmp_path / "y" / "flow.yaml"
    file.parent.mkdir()
    file.write_text(f"flow: y\ninputs: {{n: {{type: integer}}}}\nsteps:\n  - {{id: a, if: {long}, call: a.b}}\n")
    found = of_flow(file)
    assert list(text(found)) == [f"a  call  at once, if {long}"]
    assert "a · call<br/>if inputs.n #gt; 0 #amp;#amp; inputs.n" in "\n".join(mermaid(found))
    root = ET.fromstring("\n".join(svg(found)))
    assert f"if {long}"[:39] + "…" in [element.text for element in root.iter(f"{SVG}text")]
    assert [f"if {long}" in (e.text or "") for e in root.findall(f"{SVG}desc")] == [True]
    branches = [{"if": "true", "do": [call("q", **{"if": "1 < 2"})]}, {"else": [call("w")]}]
    nodes = {node.id: node for node in of_run(graph(World({"id": "c", "choose": branches}).run)).nodes}
    assert (nodes["q"].condition, nodes["q"].when, nodes["w"].when, nodes["c"].when) == ("1 < 2", "true", "else", "")
