"""Pictures: everything is there, drawn once, readable, and nothing lies on top of something else."""

from __future__ import annotations

import random
import re
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.dialects.picture import EINSUMS, LABELS, PORTS
from symgrad.errors import ArgumentError, UnsupportedError
from symgrad.graph import REGISTER
from symgrad.show.drawing import COLORS, GREY, INK, LINE, Drawing, curve
from symgrad.show.layout import Edge, layout
from symgrad.show.picture import MAX_NODES, MAX_OUTPUTS, draw

x, y, z = sp.symbols("x y z")


def drawing(f: sg.Function) -> Drawing:
    return draw(f.graph, f.outputs, f.tree, f.name, repr(f))


def texts(d: Drawing, kind: str) -> list[str]:
    return sorted(b.text for b in d.boxes if b.kind == kind and b.text)


def test_inputs_constants_operations_and_outputs() -> None:
    d = drawing(sg.function([x, y], 2 * sp.sin(x) + sp.sqrt(y) / 3, name="f"))
    assert texts(d, "input") == ["x", "y"]
    assert texts(d, "constant") == ["1/3", "2"]
    assert texts(d, "operation") == ["+", "sin", "×", "×", "√"]
    assert texts(d, "output") == ["f"]
    assert len(d.lines) == 9


def test_a_shared_node_is_drawn_once_and_used_twice() -> None:
    e = sp.exp(x)
    d = drawing(sg.function([x], e * sp.sin(e)))
    assert texts(d, "operation") == ["exp", "sin", "×"]
    exp = next(b for b in d.boxes if b.text == "exp")
    assert sum(line[0] == (exp.x + exp.width / 2, exp.y) for line in d.lines) == 2


def test_names_of_outputs() -> None:
    f = sg.function([x, y], x**2 * y, name="f")
    assert texts(drawing(sg.grad(f)), "output") == ["grad f[0]", "grad f[1]"]
    hessian = sg.hessian(f)
    hessian.name = "H"
    assert texts(drawing(hessian), "output") == ["H[0,0]", "H[0,1] = H[1,0]", "H[1,1]"]
    sparse = sg.hessian(f, sparse=True)
    sparse.name = "H"
    assert texts(drawing(sparse), "output") == ["H[0,0]", "H[0,1] = H[1,0]"]
    assert texts(drawing(sg.value_and_grad(f, "x")), "output") == ["value_and_grad f[0]", "value_and_grad f[1]"]
    assert texts(drawing(sg.function([x], sp.zeros(3, 3))), "output") == ["f[0,0] = … (9 in all)"]
    assert texts(drawing(sg.function([x], x)), "output") == ["f"]
    assert texts(drawing(sg.function([x], [])), "output") == []


def test_arguments_enter_from_top_to_bottom() -> None:
    d = drawing(sg.function([x, y], sp.atan2(x, y), name="f"))
    box = next(b for b in d.boxes if b.text == "arctan2")
    starts = {b.text: (b.x + b.width / 2, b.y) for b in d.boxes if b.kind == "input" and b.text}
    ends = {name: next(line[-1] for line in d.lines if line[0] == start) for name, start in starts.items()}
    assert box.y - box.height / 2 < ends["x"][1] < ends["y"][1] < box.y + box.height / 2
    assert any("top to bottom" in w.text for w in d.words)


def test_words_beside_the_arrows() -> None:
    d = drawing(sg.function([x], sp.Piecewise((x, x < 1), (sp.sqrt(x), True))))
    box = next(b for b in d.boxes if b.text == "where")
    assert box.ports == ("if", "then", "else")


def test_loops_and_powers() -> None:
    n = sp.Symbol("n", integer=True)
    k = sp.Symbol("k", integer=True)
    d = drawing(sg.function([x, n], sp.Sum(x**k, (k, 1, n))))
    assert "Σ" in texts(d, "operation")
    assert "( )³" in texts(drawing(sg.function([x], x**3)), "operation")
    assert "polygamma 2" in texts(drawing(sg.function([x], sp.polygamma(2, x))), "operation")


def test_matrices() -> None:
    a, v = sp.MatrixSymbol("A", 3, 2), sp.MatrixSymbol("v", 2, 1)
    d = drawing(sg.function([a, v], (a * v).T))
    assert texts(d, "input") == ["A [3,2]", "v [2,1]"]
    assert not [t for t in texts(d, "operation") if t == "einsum"]


def test_names_of_einsums_mean_them() -> None:
    a, b, v, w = (np.arange(1.0, n + 1) for n in (6, 6, 2, 3))
    a, b = a.reshape(3, 2), b.reshape(3, 2)
    meanings = {
        "( )ᵀ": [((a,), a.T)],
        "×": [((2.0, w), 2 * w), ((2.0, a), 2 * a)],
        "trace": [((a @ b.T,), np.trace(a @ b.T))],
        "diagonal": [((a @ b.T,), np.diag(a @ b.T))],
        "a·b": [((a, b.T), a @ b.T), ((a, v), a @ v), ((w, w), w @ w)],
        "aᵀ·b": [((a, b), a.T @ b), ((a, w), a.T @ w)],
        "a·bᵀ": [((a, b), a @ b.T)],
    }
    for subscripts, name in EINSUMS.items():
        axes = [len(s) for s in subscripts.split("->")[0].split(",")]
        fits = [(k, r) for k, r in meanings[name] if [np.ndim(o) for o in k] == axes]
        assert fits
        for operands, expected in fits:
            np.testing.assert_allclose(np.einsum(subscripts, *operands), expected)


def test_the_tables_name_operations() -> None:
    assert set(LABELS) | set(PORTS) <= set(REGISTER)


def test_a_large_graph_is_cut_and_says_so() -> None:
    f = sg.derivative(sg.function([x], sp.sin(sp.sin(sp.sin(sp.sin(sp.sin(sp.sin(x))))))), order=8)
    d = drawing(f)
    needed = sum(op.name != "const" for op, live in zip(f.graph.ops, f.graph.reach(f.outputs), strict=True) if live)
    shown = len(texts(d, "operation")) + len(texts(d, "input"))
    assert shown == MAX_NODES < needed
    assert f"{needed - shown} of {needed} nodes are left out (…)" in [w.text for w in d.words]
    assert texts(d, "left out")
    check_geometry(d)


def test_many_outputs_are_cut_and_say_so() -> None:
    f = sg.function([x], [sp.sin(k * x) for k in range(1, 100)])
    d = drawing(f)
    assert len(texts(d, "output")) == MAX_OUTPUTS
    assert f"{99 - MAX_OUTPUTS} of 99 results are left out" in [w.text for w in d.words]


def check_geometry(d: Drawing) -> None:
    """No box on another, none outside; no line through a box that it does not end at."""
    boxes = [b for b in d.boxes if b.text]
    for k, b in enumerate(boxes):
        assert b.width / 2 <= b.x <= d.width - b.width / 2
        assert b.height / 2 <= b.y <= d.height - b.height / 2
        for c in boxes[k + 1 :]:
            assert abs(b.x - c.x) >= (b.width + c.width) / 2 or abs(b.y - c.y) >= (b.height + c.height) / 2
    for line in d.lines:
        for p, q in pairwise(line):
            assert p[0] <= q[0] + 1e-9
        for (x0, y0), (x1, y1) in list(pairwise(line))[::2]:
            assert y0 == y1  # level within its layer
            for b in boxes:
                inside = b.y - b.height / 2 < y0 < b.y + b.height / 2
                assert not (inside and x0 < b.x + b.width / 2 - 1e-6 and x1 > b.x - b.width / 2 + 1e-6)
    words = [w for w in d.words if w.anchor == "start"]
    assert all(w.x >= 0 and w.y <= d.height for w in words)


@pytest.mark.parametrize("seed", range(6))
def test_nothing_lies_on_top_of_something_else(seed: int) -> None:
    rng = random.Random(seed)
    made = [x, y, z]
    for _ in range(rng.choice([5, 15, 30])):
        a, b = rng.choice(made), rng.choice(made)
        made.append(rng.choice([a + b, a * b, sp.sin(a), sp.exp(b / 7), a - 2 * b, sp.atan2(a, b + 3), sp.Max(a, b)]))
    f = sg.function([x, y, z], made[-1])
    check_geometry(drawing(f))
    check_geometry(drawing(sg.grad(f)))


def test_layout_of_a_chain_is_straight_and_of_a_swap_has_no_crossing() -> None:
    sizes = [(40.0, 30.0)] * 4
    chain = layout(sizes, [0, 1, 2, 3], [Edge(0, 1, 0.5), Edge(1, 2, 0.5), Edge(2, 3, 0.5)])
    assert len({round(p[1], 6) for p in chain.boxes}) == 1
    swap = layout(sizes, [0, 0, 1, 1], [Edge(0, 3, 0.5), Edge(1, 2, 0.5)])
    assert (swap.boxes[0][1] < swap.boxes[1][1]) == (swap.boxes[3][1] < swap.boxes[2][1])
    nothing = layout([], [], [])
    assert (nothing.width, nothing.height) == (0.0, 0.0)


def test_curves_join_where_pieces_meet() -> None:
    line = [(0.0, 0.0), (5.0, 0.0), (15.0, 8.0), (20.0, 8.0)]
    assert curve(line) == [((5.0, 0.0),), ((10.0, 0.0), (10.0, 8.0), (15.0, 8.0)), ((20.0, 8.0),)]


def test_svg_is_well_formed_and_holds_every_text(tmp_path: Path) -> None:
    awkward = sp.Symbol('<b> & "q" $x\x01]]>')
    f = sg.function([awkward, x], awkward * sp.sin(x), name="<f> & g")
    path = f.picture(tmp_path / "p.svg")
    assert path == tmp_path / "p.svg"
    root = ET.parse(path).getroot()
    space = "{http://www.w3.org/2000/svg}"
    found = [t.text for t in root.iter(f"{space}text")]
    assert "<f> & g" in found
    assert '<b> & "q" $x�]]>' in found
    assert "<f>" in (root.find(f"{space}title").text or "")  # type: ignore[union-attr]
    assert len(list(root.iter(f"{space}rect"))) == len(drawing(f).boxes)
    assert not re.search(r"<script|onload|href", path.read_text(encoding="utf-8"))


def test_png_is_written_with_a_transparent_background(tmp_path: Path) -> None:
    from matplotlib.image import imread

    f = sg.function([x, sp.Symbol("日_$a$")], sp.sin(x) * sp.Symbol("日_$a$"))
    image = imread(f.picture(str(tmp_path / "P.PNG")))
    d = drawing(f)
    assert image.shape == (round(2 * d.height), round(2 * d.width), 4) or abs(image.shape[0] - 2 * d.height) < 2
    assert image[0, 0, 3] == 0.0
    assert image[..., 3].max() == 1.0


def test_other_files_are_refused(tmp_path: Path) -> None:
    f = sg.function([x], sp.sin(x))
    for name in ("p.jpg", "p", "svg", "p.svg.txt"):
        with pytest.raises(ArgumentError, match=r"\.svg or a \.png"):
            f.picture(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        f.picture(tmp_path / "none" / "p.svg")


def test_png_without_matplotlib_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    f = sg.function([x], sp.sin(x))
    with pytest.raises(UnsupportedError, match=r"symgrad\[plot\]"):
        f.picture(tmp_path / "p.png")
    assert f.picture(tmp_path / "p.svg").exists()


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_are_read_on_white_and_on_black() -> None:
    for ground in ("#ffffff", "#000000"):
        assert contrast(GREY, ground) > 4.5
        assert contrast(LINE, ground) > 3
    for ground, border in COLORS.values():
        assert contrast(INK, ground) > 12
        assert contrast(border, "#000000") > 3 or contrast(ground, "#000000") > 3
    assert len({ground for ground, _ in COLORS.values()}) == len(COLORS)
