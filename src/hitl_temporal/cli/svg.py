"""A graph as SVG: steps in layers, each below what it follows, and what lies within a step inside its box.

The drawing tells its states by colour and by text, and has a title and a description for who doesn't see it.

Must not know: the command, where a graph comes from.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple
from xml.sax.saxutils import escape

from hitl_temporal.cli.graphs import COLOURS, Edge, Graph, Node

_CHARACTER, _LINE, _PAD = 7.9, 18.0, 10.0
"""Width and height of a character of 13 pixels, and the space around a text."""
_BESIDE, _BELOW = 24.0, 44.0
"""Space between steps: beside each other, and from layer to layer, where the labels of edges stand."""
_WIDEST = 40
"""Characters of a condition that are drawn."""
_PLAIN = ("#f6f8fa", "#57606a")
_EDGE = "#424a53"


class _Label(NamedTuple):
    x: float
    y: float
    text: str


class _Box(NamedTuple):
    """A step, with all that lies within it.

    Attributes:
        lines: What is written at the top of it.
        inner: The drawings of the lists within, each with where it stands in the box, and its title.
    """

    node: Node
    width: float
    height: float
    lines: tuple[str, ...]
    inner: "tuple[tuple[float, float, str, _Drawing], ...]" = ()


class _Line(NamedTuple):
    """What leads from one step to another, from point to point."""

    edge: Edge
    points: tuple[tuple[float, float], ...]


class _Drawing(NamedTuple):
    """A list of steps, each box with its place."""

    width: float
    height: float
    boxes: tuple[tuple[float, float, _Box], ...]
    lines: tuple[_Line, ...]


def svg(found: Graph) -> Iterator[str]:
    """Yield the lines of the document."""
    drawing = _arranged(found, found.top)
    width, height = round(drawing.width + 2 * _BESIDE), round(drawing.height + 2 * _BESIDE)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'role="img" aria-labelledby="title description" font-family="ui-monospace, monospace" font-size="13">'
    )
    yield f'<title id="title">Flow {escape(found.flow)}</title>'
    yield f'<desc id="description">{escape(_described(found))}</desc>'
    yield (
        '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        f'orient="auto"><path d="M0,0 L10,5 L0,10 z" fill="{_EDGE}"/></marker></defs>'
    )
    yield '<rect width="100%" height="100%" fill="#ffffff"/>'
    yield from _drawn(drawing, _BESIDE, _BESIDE)
    yield "</svg>"


def _described(found: Graph) -> str:
    """Return every step in a sentence, in order."""
    sentences: list[str] = []
    for node in found.nodes:
        before = [e.before + (f" ({e.label})" if e.label else "") for e in found.edges if e.after == node.id]
        told = (
            node.told,
            f"in {node.parent}" if node.parent else "",
            f"after {', '.join(before)}" if before else "",
            *(f"if {condition}" for condition in (node.when, node.condition) if condition not in {"", "else"}),
            "else" if node.when == "else" else "",
        )
        sentences.append(f"{node.id}: {', '.join(filter(None, (node.verb, *told)))}.")
    return " ".join(sentences)


# --- Where everything stands ------------------------------------------------------------------------------------------


def _arranged(found: Graph, nodes: tuple[Node, ...]) -> _Drawing:
    """Place the steps of one list: layer below layer, those that span several led past what stands between."""
    boxes = {node.id: _box(found, node) for node in nodes}
    edges = [e for e in found.edges if e.before in boxes and e.after in boxes and e.before != e.after]
    layers = _layers([*boxes], edges)
    ways = {edge: _way(edge, layers) for edge in edges}
    rows = _rows(layers, ways)
    heights = [max((boxes[n].height for n in row if n in boxes), default=0.0) for row in rows]
    widths = [sum(boxes[n].width if n in boxes else 0.0 for n in row) + _BESIDE * (len(row) - 1) for row in rows]
    width, top = max(widths, default=0.0), 0.0
    places: dict[str, tuple[float, float, float]] = {}
    for row, height, taken in zip(rows, heights, widths, strict=True):
        left = (width - taken) / 2
        for name in row:
            wide = boxes[name].width if name in boxes else 0.0
            places[name] = left + wide / 2, top, top + height
            left += wide + _BESIDE
        top += height + _BELOW
    lines = [_Line(edge, _points(ways[edge], places, boxes)) for edge in edges]
    placed = [(places[name][0] - box.width / 2, places[name][1], box) for name, box in boxes.items()]
    return _Drawing(width, max(top - _BELOW, 0.0), tuple(placed), tuple(lines))


def _box(found: Graph, node: Node) -> _Box:
    condition = _short(f"if {node.condition}") if node.condition else ""
    lines = tuple(filter(None, (node.id, node.verb, condition, node.told)))
    width = max(len(line) for line in lines) * _CHARACTER + 2 * _PAD
    height = len(lines) * _LINE + 2 * _PAD
    inner: list[tuple[float, float, str, _Drawing]] = []
    left, lowest = _PAD, height
    for branch in found.within(node.id):
        drawing = _arranged(found, branch.nodes)
        below = height + (_LINE if branch.title else 0.0)
        title = _short(branch.title)
        inner.append((left, below, title, drawing))
        left += max(drawing.width, len(title) * _CHARACTER) + _BESIDE
        lowest = max(lowest, below + drawing.height + _PAD)
    if not inner:
        return _Box(node, width, height, lines)
    needed = left - _BESIDE + _PAD
    return _Box(node, max(width, needed), lowest, lines, tuple(inner))


def _short(text: str) -> str:
    """Return a text that is not too wide for a box; the description has all of it."""
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _layers(names: list[str], edges: list[Edge]) -> dict[str, int]:
    """Return how far down each step stands: below all that it follows, as far as there is no circle."""
    layers = dict.fromkeys(names, 0)
    for _ in names:
        lower = {
            e.after: max(layers[e.after], layers[e.before] + 1) for e in edges if layers[e.after] <= layers[e.before]
        }
        if not lower:
            break
        layers |= lower
    return layers


def _way(edge: Edge, layers: dict[str, int]) -> tuple[str, ...]:
    """Return what an edge passes: its steps, and a name of its own in each layer between."""
    between = range(layers[edge.before] + 1, layers[edge.after])
    return edge.before, *(f"{edge.before} {edge.after} {layer}" for layer in between), edge.after


def _rows(layers: dict[str, int], ways: dict[Edge, tuple[str, ...]]) -> list[list[str]]:
    """Return what stands in each layer, ordered so that edges cross little: below the middle of what it follows."""
    rows: list[list[str]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
    for name, layer in layers.items():
        rows[layer].append(name)
    above: dict[str, list[str]] = {}
    for edge, way in ways.items():
        for offset, (before, after) in enumerate(pairwise(way), layers[edge.before] + 1):
            above.setdefault(after, []).append(before)
            if after not in layers and after not in rows[offset]:
                rows[offset].append(after)
    for previous, row in pairwise(rows):
        order = {name: (index + 0.5) / len(previous) for index, name in enumerate(previous)}
        middles = {n: [order[b] for b in above.get(n, ()) if b in order] for n in row}
        row.sort(key=lambda n: sum(middles[n]) / len(middles[n]) if middles[n] else 0.5)
    return rows


def _points(
    way: tuple[str, ...], places: dict[str, tuple[float, float, float]], boxes: dict[str, _Box]
) -> tuple[tuple[float, float], ...]:
    first, *between, last = way
    x, top, bottom = places[first]
    points = [(x, top + boxes[first].height), (x, bottom)]
    for name in between:
        x, top, bottom = places[name]
        points += [(x, top), (x, bottom)]
    x, top, _ = places[last]
    return (*points, (x, top))


# --- What is drawn ----------------------------------------------------------------------------------------------------


def _drawn(drawing: _Drawing, left: float, top: float) -> Iterator[str]:
    for line in drawing.lines:
        yield f'<path d="{_path(line, left, top)}" fill="none" stroke="{_EDGE}" marker-end="url(#arrow)"/>'
    for x, y, box in drawing.boxes:
        yield from _drawn_box(box, left + x, top + y)
    for line in drawing.lines:
        if line.edge.label:
            (x1, y1), (x2, y2) = line.points[-2:]
            yield _text(_Label(left + (x1 + x2) / 2, top + (y1 + y2) / 2 + 4, line.edge.label), small=True)


def _drawn_box(box: _Box, left: float, top: float) -> Iterator[str]:
    fill, stroke = COLOURS.get(box.node.state, _PLAIN)
    told = ", ".join(box.lines)
    opacity = ' fill-opacity="0.35"' if box.inner else ""
    yield f'<g><title>{escape(told)}</title><rect x="{left:.0f}" y="{top:.0f}" width="{box.width:.0f}" '
    yield f'height="{box.height:.0f}" rx="6" fill="{fill}"{opacity} stroke="{stroke}"/>'
    for number, line in enumerate(box.lines):
        middle = left + box.width / 2
        yield _text(_Label(middle, top + _PAD + _LINE * number + 13, line), bold=number == 0)
    yield "</g>"
    for x, y, title, inner in box.inner:
        if title:
            yield _text(_Label(left + x + len(title) * _CHARACTER / 2, top + y - 6, title))
        yield from _drawn(inner, left + x, top + y)


def _path(line: _Line, left: float, top: float) -> str:
    points = [(left + x, top + y) for x, y in line.points]
    parts = [f"M{points[0][0]:.0f},{points[0][1]:.0f}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        half = (y1 + y2) / 2
        curve = f"C{x1:.0f},{half:.0f} {x2:.0f},{half:.0f} {x2:.0f},{y2:.0f}"
        parts.append(f"L{x2:.0f},{y2:.0f}" if x1 == x2 else curve)
    return " ".join(parts)


def _text(label: _Label, *, bold: bool = False, small: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    halo = ' font-size="11" stroke="#ffffff" stroke-width="4" paint-order="stroke"' if small else ""
    return f'<text x="{label.x:.0f}" y="{label.y:.0f}" text-anchor="middle"{weight}{halo}>{escape(label.text)}</text>'
