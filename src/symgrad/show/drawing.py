"""A drawing of boxes, lines and words, written as SVG by hand or as PNG by matplotlib.

The background is left as it is. Boxes bring their own light ground; lines and free words are of a grey that is
read on white and on black alike (contrast 4.5 on both).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import NamedTuple

from symgrad.errors import UnsupportedError

Point = tuple[float, float]
GREY = "#767676"
LINE = "#8b8b8b"
INK = "#1b1b1b"
PORT = "#7a5a12"
FONT = 15.0
SMALL = 11.0
ARROW = 7.0
COLORS = {
    # kind: ground, border
    "input": ("#cfe3fb", "#3b7cc4"),
    "constant": ("#ededed", "#9a9a9a"),
    "operation": ("#ffefcc", "#c9922b"),
    "output": ("#d2efd5", "#3f9552"),
    "left out": ("#f7f7f7", "#9a9a9a"),
}
FAMILY = "DejaVu Sans, Verdana, Segoe UI, Helvetica Neue, Arial, sans-serif"
MAX_PIXELS = 9000


class Box(NamedTuple):
    """A box with rounded corners around the point (x, y)."""

    x: float
    y: float
    width: float
    height: float
    text: str
    kind: str
    ports: tuple[str, ...] = ()
    """Small words inside on the left, evenly from top to bottom."""


class Words(NamedTuple):
    """Free words; `anchor` is "start", "middle" or "end" and says which part of them stands at x."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    size: float = SMALL


def ports_width(ports: tuple[str, ...]) -> float:
    """The room that the words beside the arrows take."""
    return max((text_width(p, SMALL) for p in ports), default=0.0)


@dataclass
class Drawing:
    """Lines lie under boxes, words over both."""

    title: str
    width: float = 0.0
    height: float = 0.0
    lines: list[list[Point]] = field(default_factory=list)
    """Points of which every second piece, from the first on, is straight, the others are curves; an arrow ends it."""
    boxes: list[Box] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)


def text_width(text: str, size: float = FONT) -> float:
    """About how wide a text is."""
    return size * sum(
        0.36 if c in "iljt.,|()[] '" else 0.9 if c in "mwMW" else 0.66 if ord(c) < 0x2E80 else 1.0 for c in text
    )


def curve(line: list[Point]) -> list[tuple[Point, ...]]:
    """The pieces of a line after its first point: (end,) is straight, (control, control, end) a cubic curve."""
    pieces: list[tuple[Point, ...]] = []
    for k in range(1, len(line)):
        (x0, y0), (x1, y1) = line[k - 1], line[k]
        if k % 2:
            pieces.append((line[k],))
        else:
            middle = (x0 + x1) / 2
            pieces.append(((middle, y0), (middle, y1), (x1, y1)))
    return pieces


def svg(drawing: Drawing) -> str:
    """The drawing as the text of an SVG file."""
    w, h = drawing.width, drawing.height
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w:.0f}" height="{h:.0f}" viewBox="0 0 {w:.0f} {h:.0f}" '
        f'role="img" font-family="{FAMILY}">',
        f"<title>{_plain(drawing.title)}</title>",
        f'<g fill="none" stroke="{LINE}" stroke-width="1.3">',
    ]
    for line in drawing.lines:
        path = f"M{_at(line[0])}"
        for piece in curve([*line[:-1], (line[-1][0] - ARROW + 1, line[-1][1])]):
            path += ("L" if len(piece) == 1 else "C") + " ".join(_at(p) for p in piece)
        out.append(f'<path d="{path}"/>')
    out.append(f'</g>\n<g fill="{LINE}">')
    out += [f'<path d="M{" ".join(_at(p) for p in arrow(line))}z"/>' for line in drawing.lines]
    out.append("</g>")
    for b in drawing.boxes:
        ground, border = COLORS[b.kind]
        dashed = ' stroke-dasharray="4 3"' if b.kind == "left out" else ""
        out.append(
            f'<rect x="{b.x - b.width / 2:.1f}" '
            f'y="{b.y - b.height / 2:.1f}" width="{b.width:.1f}" height="{b.height:.1f}" '
            f'rx="{corner(b):.1f}" fill="{ground}" stroke="{border}" stroke-width="1.3"{dashed}/>'
            f'<text x="{_middle(b):.1f}" y="{b.y + 0.36 * FONT:.1f}" text-anchor="middle" font-size="{FONT:g}" '
            f'fill="{INK}">{_plain(b.text)}</text>'
        )
        out += [
            f'<text x="{t.x:.1f}" y="{t.y:.1f}" font-size="{t.size:g}" fill="{PORT}">{_plain(t.text)}</text>'
            for t in _inside(b)
        ]
    out += [
        f'<text x="{t.x:.1f}" y="{t.y:.1f}" text-anchor="{t.anchor}" font-size="{t.size:g}" fill="{GREY}">'
        f"{_plain(t.text)}</text>"
        for t in drawing.words
    ]
    return "\n".join([*out, "</svg>"]) + "\n"


def png(drawing: Drawing, path: Path) -> None:
    """Write the drawing as a PNG file of two pixels per unit, with a transparent background."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon
        from matplotlib.path import Path as Outline
    except ImportError:
        raise UnsupportedError(
            "a picture in PNG needs matplotlib: pip install 'symgrad[plot]'; one in SVG needs nothing"
        ) from None
    figure = Figure(figsize=(drawing.width / 100, drawing.height / 100))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, drawing.width), ylim=(drawing.height, 0))
    axes.set_axis_off()
    point = 0.72  # points per unit
    for line in drawing.lines:
        corners: list[Point] = [line[0]]
        codes = [Outline.MOVETO]
        for piece in curve([*line[:-1], (line[-1][0] - ARROW + 1, line[-1][1])]):
            corners += piece
            codes += [Outline.LINETO] if len(piece) == 1 else [Outline.CURVE4] * 3
        axes.add_patch(PathPatch(Outline(corners, codes), fill=False, edgecolor=LINE, linewidth=1.3 * point, zorder=1))
        axes.add_patch(Polygon(arrow(line), facecolor=LINE, edgecolor="none", zorder=1))
    for b in drawing.boxes:
        ground, border = COLORS[b.kind]
        axes.add_patch(
            FancyBboxPatch(
                (b.x - b.width / 2, b.y - b.height / 2),
                b.width,
                b.height,
                boxstyle=f"round,pad=0,rounding_size={corner(b)}",
                facecolor=ground,
                edgecolor=border,
                linewidth=1.3 * point,
                linestyle="--" if b.kind == "left out" else "-",
                zorder=2,
            )
        )
        axes.text(
            _middle(b),
            b.y,
            b.text,
            ha="center",
            va="center_baseline",
            size=FONT * point,
            color=INK,
            zorder=3,
            parse_math=False,
        )
        for t in _inside(b):
            axes.text(t.x, t.y, t.text, size=t.size * point, color=PORT, zorder=3, parse_math=False)
    anchors = {"start": "left", "middle": "center", "end": "right"}
    for t in drawing.words:
        axes.text(t.x, t.y, t.text, ha=anchors[t.anchor], size=t.size * point, color=GREY, zorder=3, parse_math=False)
    dpi = min(200.0, MAX_PIXELS * 100 / max(drawing.width, drawing.height))
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Glyph .* missing from"
        )  # a user's letters; a hollow box stands there
        figure.savefig(path, format="png", dpi=dpi, transparent=True)


def arrow(line: list[Point]) -> list[Point]:
    """The arrowhead at a line's end, which comes from the left."""
    x, y = line[-1]
    return [(x, y), (x - ARROW, y - 0.45 * ARROW), (x - ARROW, y + 0.45 * ARROW)]


def corner(box: Box) -> float:
    """The radius of a box's corners: round ends for what is given, rounded corners for what is worked out."""
    return box.height / 2 if box.kind in ("input", "constant", "left out") else 7.0 if box.kind == "operation" else 3.0


def _middle(box: Box) -> float:
    """Where a box's text stands: right of the words beside the arrows."""
    return box.x + (ports_width(box.ports) / 2 if box.ports else 0.0)


def _inside(box: Box) -> list[Words]:
    step = box.height / (len(box.ports) + 1)
    left, top = box.x - box.width / 2 + 7, box.y - box.height / 2 + 0.36 * SMALL
    return [Words(left, top + (k + 1) * step, text) for k, text in enumerate(box.ports)]


def _plain(text: str) -> str:
    """A text inside XML, which has no room for control characters."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


def _at(p: Point) -> str:
    return f"{p[0]:.1f},{p[1]:.1f}"
