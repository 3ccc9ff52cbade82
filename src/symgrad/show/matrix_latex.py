"""Operations on arrays in LaTeX; products and sums are in `show.tensor_latex`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symgrad.dialects.latex import FUNCTIONS
from symgrad.graph import Graph
from symgrad.show.constants import LISTED, as_latex
from symgrad.show.contraction import Diagonal, Hadamard, read
from symgrad.show.formula import ATOM, POWER, PRODUCT, SUM, Place, Text
from symgrad.show.places_latex import places

HADAMARD = 18
"""Products of elements bind less than those of matrices."""
ONES = r"\mathbf{1}"


PARTS = {
    "eigh": (r"\operatorname{eig}_{\lambda}", r"\operatorname{eig}_{V}"),
    "svd": (r"\operatorname{svd}_{U}", r"\operatorname{svd}_{\sigma}", r"\operatorname{svd}_{V^{T}}"),
    "qr": (r"\operatorname{qr}_{Q}", r"\operatorname{qr}_{R}"),
}
"""The results of decompositions."""
MET = {("T", "{-1}"): "-T", ("-1", "{T}"): "-T", ("T", "{-T}"): "-1", ("-1", "{-T}"): "T"}
MET |= {("T", "{T}"): "", ("-1", "{-1}"): ""}
"""A power -1 or T of another one."""


def array(graph: Graph, i: int, args: Sequence[Text], place: Place) -> Text | None:
    """The text of a node that is or reads an array; None where it is written as of scalars."""
    name = graph.ops[i].name
    attrs = graph.attrs[i]
    if name == "einsum":
        found = read(graph, i)
        if isinstance(found, Hadamard):
            pieces = [place(args[k], PRODUCT) for k in found.scalars]
            factors = [
                raised(args[f.operand], "T", place).text if f.role == "transposed" else place(args[f.operand], PRODUCT)
                for f in found.factors
            ]
            product = r" \circ ".join(factors)
            return Text(" ".join([*pieces, rf"\left({product}\right)"]), PRODUCT) if pieces else Text(product, HADAMARD)
        if isinstance(found, Diagonal):
            return Text(rf"\operatorname{{diag}}\left({args[0].text}\right)", ATOM)
        return None
    if name == "delta":
        return Text("I", ATOM)
    if name == "basis":
        return Text(f"e_{{{attrs[1]}}}", ATOM)
    if name in PARTS:
        return Text(rf"{PARTS[name][attrs[0]]}\left({args[0].text}\right)", ATOM)
    if name == "inv":
        return raised(args[0], "-1", place)
    if name == "expm":
        return Text(rf"e^{{{args[0].text}}}", POWER)
    if name == "logdet":
        return Text(rf"\log\det\left({args[0].text}\right)", ATOM)
    if name == "logabsdet":
        return Text(rf"\log\left|\det\left({args[0].text}\right)\right|", ATOM)
    if name == "reshape":
        sizes = r" \times ".join(map(str, attrs[0]))
        return Text(rf"\operatorname{{reshape}}_{{{sizes}}}\left({args[0].text}\right)", ATOM)
    if name == "broadcast":
        return _constant(graph, i, args[0], place)
    found = places(graph, i, args, place)
    if found is not None:
        return found
    if graph.types[i].shape and graph.ops[i].kind == "elementwise":
        return _elementwise(name, attrs, args, place)
    return None


def literal(value: Any, number: Callable[[Any], str]) -> Text | None:
    """A constant array: by what it is, a small one with its elements; None: a large one has no form."""
    known = as_latex(value, number)
    if known is not None:
        return Text(known[0], SUM if known[1] else ATOM)
    if not 0 < value.size <= LISTED or value.ndim > 2:
        return None
    rows = value.reshape(len(value), -1).tolist()
    lines = [" & ".join(str(int(x)) if isinstance(x, bool) else number(x) for x in row) for row in rows]
    return Text(r"\begin{bmatrix}" + r" \\ ".join(lines) + r"\end{bmatrix}", ATOM)


def raised(text: Text, exponent: str, place: Place) -> Text:
    """`text` to the power -1 or T."""
    base, sign, last = text.text.rpartition("^")
    if sign and text.strength == POWER and (exponent, last) in MET:
        other = MET[exponent, last]
        return Text(f"{base}^{{{other}}}", POWER) if other else Text(base, ATOM)
    return Text(f"{place(text, ATOM)}^{{{exponent}}}", POWER)


def _constant(graph: Graph, i: int, value: Text, place: Place) -> Text:
    """The same along further axes: a number times ones, a row for every row."""
    inner = graph.types[graph.args[i][0]].shape
    own = graph.types[i].shape
    if value.text == "0" or (inner and all(n == 1 for n in own[: len(own) - len(inner)])):
        return value
    if not inner:
        between = graph.ops[graph.args[i][0]].name == "einsum"  # 1^T B 1, of which nobody knows where it ends
        return Text(ONES, ATOM) if value.text == "1" else Text(f"{place(value, PRODUCT + between)} {ONES}", PRODUCT)
    if len(inner) == 1 and len(graph.types[i].shape) == 2:
        return Text(f"{ONES} {raised(value, 'T', place).text}", PRODUCT)
    return Text(rf"{ONES} \otimes {place(value, PRODUCT)}", PRODUCT)


def _elementwise(name: str, attrs: Sequence[object], args: Sequence[Text], place: Place) -> Text | None:
    """With a ring where the same sign means something else for matrices."""
    if name == "multiply":
        return Text(rf"{place(args[0], HADAMARD)} \circ {place(args[1], HADAMARD)}", HADAMARD)
    if name == "divide":
        return Text(rf"{place(args[0], PRODUCT)} \oslash {place(args[1], PRODUCT)}", HADAMARD)
    if name in ("add", "subtract", "negative", "where", "mask", "minimum", "maximum", "abs", "cast"):
        return None
    last = args[-1].text.removesuffix(f" {ONES}")
    power = "1" if last == ONES else last
    exponent = {"integer_power": attrs[0] if attrs else "", "sqrt": r"\frac{1}{2}", "power": power}.get(name)
    if exponent is not None:
        return Text(rf"{place(args[0], ATOM)}^{{\circ {exponent}}}", POWER)
    if name == "exp":
        return Text(rf"e^{{\circ {place(args[0], PRODUCT)}}}", POWER)
    head = FUNCTIONS.get(name) or r"\operatorname{" + name.replace("_", r"\_") + "}"
    inside = ", ".join([a.text for a in args] + [str(v) for v in attrs])
    return Text(rf"{head}_{{\circ}}\left({inside}\right)", ATOM)
