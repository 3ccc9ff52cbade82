"""The picture of a function's graph: inputs on the left, outputs on the right, shared nodes drawn once.

Constants are drawn beside each operation that uses them. A large graph is cut: what is nearest to the outputs is
drawn, dashed boxes stand for the rest, and a note says how much is left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from symgrad.dialects.picture import CONSTANTS, EINSUMS, LABELS, PORTS
from symgrad.errors import ArgumentError
from symgrad.graph import CONST, INPUT, Graph
from symgrad.graph.tree import Csr, Tree
from symgrad.ops.control import accumulates, parts
from symgrad.ops.flow import scan_at
from symgrad.show.drawing import SMALL, Box, Drawing, Words, png, ports_width, svg, text_width
from symgrad.show.layout import Edge, layout

MAX_NODES = 150
"""Inputs and operations that are drawn."""
MAX_OUTPUTS = 36
MAX_TEXT = 36
"""Characters in a box."""
MARGIN = 16.0
ORDER = "(arguments from top to bottom)"
_UNORDERED = ("maximum", "minimum", "hypot", "logaddexp")
LEGEND = ("input", "constant", "operation", "output")


def picture(path: str | Path, graph: Graph, outputs: Sequence[int], tree: Tree, name: str, title: str) -> Path:
    """Draw what `outputs` need, into an .svg or a .png file; returns its path.

    Raises ArgumentError for another kind of file, UnsupportedError for PNG without matplotlib.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in (".svg", ".png"):
        raise ArgumentError(f"a picture is an .svg or a .png file, not {path.name!r}")
    drawing = draw(graph, outputs, tree, name, title)
    if kind == ".svg":
        path.write_text(svg(drawing), encoding="utf-8")
    else:
        png(drawing, path)
    return path


def draw(graph: Graph, outputs: Sequence[int], tree: Tree, name: str, title: str) -> Drawing:
    """The drawing of the graph."""
    return _Picture(graph, outputs, tree, name).drawing(title)


def roots(graph: Graph, outputs: Sequence[int], tree: Tree, name: str) -> dict[int, list[str]]:
    """The nodes that are results, entry by entry, and the names of the places where each stands."""
    found: dict[int, list[str]] = {}

    def enter(position: int, label: str, places: Sequence[tuple[int, int]] | None) -> None:
        o = outputs[position]
        if graph.ops[o].name != "stack":
            found.setdefault(o, []).append(label)
            return
        for k, entry in enumerate(graph.args[o]):
            index = places[k] if places is not None else _index(k, graph.types[o].shape)
            found.setdefault(entry, []).append(f"{label}[{','.join(map(str, index))}]")

    todo: deque[tuple[Tree, str]] = deque([(tree, name)])
    while todo:
        t, label = todo.popleft()
        if isinstance(t, int):
            enter(t, label, None)
        elif isinstance(t, Csr):
            rows = [r for r in range(t.shape[0]) for _ in range(t.indptr[r], t.indptr[r + 1])]
            enter(t.position, label, list(zip(rows, t.indices, strict=True)))
        else:
            todo.extend((part, f"{label}[{k}]") for k, part in enumerate(t))
    return found


def _index(k: int, shape: Sequence[int | None]) -> list[int]:
    index = []
    for n in reversed(shape):
        k, rest = divmod(k, n or 1)
        index.append(rest)
    return index[::-1]


class _Picture:
    """The boxes and arrows of a graph; box numbers are this picture's own."""

    def __init__(self, graph: Graph, outputs: Sequence[int], tree: Tree, name: str) -> None:
        self.graph = graph
        self.texts: list[tuple[str, str]] = []  # text, kind
        self.heights: list[float] = []
        self.layers: list[int] = []
        self.edges: list[Edge] = []
        self.inside: dict[int, tuple[str, ...]] = {}
        self.ordered = False
        results = roots(graph, outputs, tree, name)
        self.notes = []
        shown = dict(list(results.items())[:MAX_OUTPUTS])
        if len(shown) < len(results):
            self.notes.append(f"{len(results) - len(shown)} of {len(results)} results are left out")
        chosen = self._choose(shown)
        needed = sum(op is not CONST for op, live in zip(graph.ops, graph.reach(results), strict=True) if live)
        if len(chosen) < needed:
            self.notes.append(f"{needed - len(chosen)} of {needed} nodes are left out (…)")
        layers = self._layers(chosen, shown)
        box: dict[int, int] = {}
        for i in sorted(chosen):
            self._node(i, box, layers)
        last = max(self.layers, default=0) + 1
        for i, names in shown.items():
            b = self._box(_places(names), "output", last)
            if i in box:
                self.edges.append(Edge(box[i], b, 0.5))
            else:
                self._leaf(i, b, 0.5)

    def _choose(self, results: dict[int, list[str]]) -> set[int]:
        """Inputs and operations nearest to the results."""
        graph = self.graph
        chosen: set[int] = set()
        queue = deque(results)
        while queue and len(chosen) < MAX_NODES:
            i = queue.popleft()
            if i not in chosen and graph.ops[i] is not CONST:
                chosen.add(i)
                queue.extend(graph.args[i])
        return chosen

    def _layers(self, chosen: set[int], results: dict[int, list[str]]) -> dict[int, int]:
        """As far left as arguments allow; further right where that makes lines shorter."""
        graph = self.graph
        layer: dict[int, int] = {}
        users: dict[int, list[int]] = {i: [] for i in chosen}
        for i in sorted(chosen):
            own = [a for a in graph.args[i] if a in chosen]
            layer[i] = 1 + max((layer[a] for a in own), default=0) if graph.args[i] else 0
            for a in set(own):
                users[a].append(i)
        for i in sorted(chosen, reverse=True):
            if graph.args[i] and users[i] and i not in results:
                arguments = {a for a in graph.args[i] if a in chosen}
                if len(users[i]) > len(arguments):
                    layer[i] = max(layer[i], min(layer[u] for u in users[i]) - 1)
        return layer

    def _node(self, i: int, box: dict[int, int], layers: dict[int, int]) -> None:
        graph = self.graph
        op, args = graph.ops[i], graph.args[i]
        b = box[i] = self._box(label(graph, i), "input" if op is INPUT else "operation", layers[i], len(args))
        names = (*PORTS.get(op.name, ()), *_ports(graph, i))
        if names:
            self.inside[b] = (*names, *[""] * (len(args) - len(names)))
        self.ordered |= len(args) > 1 and not names and "commutative" not in op.facts and op.name not in _UNORDERED
        for k, a in enumerate(args):
            port = (k + 1) / (len(args) + 1)
            if a in box:
                self.edges.append(Edge(box[a], b, port))
            else:
                self._leaf(a, b, port)

    def _leaf(self, i: int, target: int, port: float) -> None:
        """A constant, or what is left out, just before the box that uses it."""
        constant = self.graph.ops[i] is CONST
        text, kind = (label(self.graph, i), "constant") if constant else ("…", "left out")
        self.edges.append(Edge(self._box(text, kind, self.layers[target] - 1), target, port))

    def _box(self, text: str, kind: str, layer: int, ports: int = 1) -> int:
        self.texts.append((text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…", kind))
        small = kind in ("constant", "left out")
        self.heights.append(max(26.0 if small else 32.0, 12.0 * (ports + 1)))
        self.layers.append(layer)
        return len(self.texts) - 1

    def drawing(self, title: str) -> Drawing:
        sizes = []
        for b, ((text, _), h) in enumerate(zip(self.texts, self.heights, strict=True)):
            beside = ports_width(self.inside[b]) + 4 if b in self.inside else 0.0
            sizes.append((max(h + 4, text_width(text) + 20 + beside), h))
        placed = layout(sizes, self.layers, self.edges)
        drawing = Drawing(title)
        for b, ((x, y), (w, h), (text, kind)) in enumerate(zip(placed.boxes, sizes, self.texts, strict=True)):
            drawing.boxes.append(Box(x + MARGIN, y + MARGIN, w, h, text, kind, self.inside.get(b, ())))
        drawing.lines += [[(x + MARGIN, y + MARGIN) for x, y in route] for route in placed.routes]
        drawing.width = placed.width + 2 * MARGIN
        drawing.height = placed.height + 2 * MARGIN
        self._foot(drawing)
        return drawing

    def _foot(self, drawing: Drawing) -> None:
        """The legend, and what is left out."""
        x, y = MARGIN, drawing.height + 14
        for kind in (*LEGEND, "left out"):
            if any(k == kind for _, k in self.texts):
                drawing.boxes.append(Box(x + 8, y - 4, 16, 12, "", kind))
                drawing.words.append(Words(x + 22, y, kind))
                x += 22 + text_width(kind, SMALL) + 18
        if self.ordered:
            drawing.words.append(Words(x, y, ORDER))
            x += text_width(ORDER, SMALL) + MARGIN
        drawing.width = max(drawing.width, x)
        for note in self.notes:
            y += 18
            drawing.words.append(Words(MARGIN, y, note))
            drawing.width = max(drawing.width, text_width(note, SMALL) + 2 * MARGIN)
        drawing.height = y + MARGIN


def _ports(graph: Graph, i: int) -> tuple[str, ...]:
    """What the arguments of a loop are."""
    name, args = graph.ops[i].name, graph.args[i]
    if name == "while_loop":
        return ("first",) * len(graph.attrs[i][1].outputs)
    if name != "scan":
        return ()
    s = scan_at(graph, i)
    return (*["passes"] * s.counted, *["first"] * s.carries, *["each"] * s.sliced)[: len(args)]


def _places(names: list[str]) -> str:
    return " = ".join(names) if len(names) < 3 else f"{names[0]} = … ({len(names)} in all)"


def label(graph: Graph, i: int) -> str:
    """What the box of a node says."""
    op, attrs = graph.ops[i], graph.attrs[i]
    if op is CONST:
        return number(attrs[0])
    if op is INPUT:
        return str(attrs[0]) + (f" {_axes(attrs[1].shape)}" if attrs[1].shape else "")
    if op.name == "integer_power":
        return "( )" + str(attrs[0]).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    if op.name == "fold":
        body, take, firsts, _ = parts(graph, i)
        gathered = accumulates(body, take)
        if gathered is None or graph.value(firsts[0]) != (0 if gathered[0] == "add" else 1):
            return "loop"
        return "Σ" if gathered[0] == "add" else "Π"
    if op.kind == "flow":
        return _loop(graph, i)
    if op.name == "einsum":
        return EINSUMS.get(attrs[0]) or str(attrs[0]).replace("->", " → ")
    if op.name == "element":
        return _axes(attrs[0])
    if op.name == "cast":
        return str(attrs[0])
    if op.name in LABELS:
        return LABELS[op.name]
    more = [_axes(a) if isinstance(a, tuple) else str(a) for a in attrs if isinstance(a, (int, tuple))]
    return " ".join([op.name, *more])


def _loop(graph: Graph, i: int) -> str:
    """A loop with its passes, or a branch, and which of its results this is."""
    name, attrs = graph.ops[i].name, graph.attrs[i]
    if name == "cond":
        return f"cond → {attrs[-1]}" if len(attrs[0].outputs) > 1 else "cond"
    if name == "while_loop":
        carries = len(attrs[1].outputs)
        return "while → passes" if attrs[-1] == carries else f"while → carry {attrs[-1]}"
    s = scan_at(graph, i)
    passes = f"{'≤ ' if s.counted else ''}{s.length}{' ←' if s.reverse else ''}"
    take = attrs[-1]
    return f"scan × {passes} → " + (f"carry {take}" if take < s.carries else f"stack {take - s.carries}")


def _axes(shape: Sequence[int | None]) -> str:
    return "[" + ",".join("?" if n is None else str(n) for n in shape) + "]"


def number(value: Any) -> str:
    """A constant, short."""
    if isinstance(value, str):
        return CONSTANTS.get(value, value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Fraction) and len(str(value)) < 10:
        return str(value).replace("-", "−")
    if isinstance(value, int) and abs(value) < 10**7:
        return str(value).replace("-", "−")
    return f"{float(value):.6g}".replace("-", "−")
