"""Parts and places of arrays in LaTeX: x_{1:4}, blocks of zeros and others side by side, triangles of matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symgrad.graph import Graph
from symgrad.show.constants import LISTED, is_transpose, recognised, triangle
from symgrad.show.formula import ATOM, POWER, PRODUCT, Place, Text

NAMED = {
    "argsort": r"\operatorname{argsort}",
    "searchsorted": r"\operatorname{searchsorted}",
    "cumsum": r"\operatorname{cumsum}",
    "cumprod": r"\operatorname{cumprod}",
}
"""Functions whose attributes a reader does not need."""
ZEROS = r"\mathbf{0}"


def subscripted(base: Text, index: str, place: Place) -> str:
    """The base with an index; what has one already stands in brackets: (x_1)_0."""
    free = base.strength >= ATOM and not _indexed(base.text)
    return f"{place(base if free else Text(base.text, PRODUCT), ATOM)}_{{{index}}}"


def _indexed(text: str) -> bool:
    """Whether the text ends with an index."""
    if not text.endswith("}"):
        return len(text) > 1 and text[-2] == "_"
    depth, k = 0, len(text)
    while k and (depth or k == len(text)):
        k -= 1
        depth += {"}": 1, "{": -1}.get(text[k], 0)
    return k > 0 and text[k - 1] == "_"


def places(graph: Graph, i: int, args: Sequence[Text], place: Place) -> Text | None:
    """The text of a node of one of these operations; None for all others."""
    name = graph.ops[i].name
    attrs = dict(zip(graph.ops[i].attrs, graph.attrs[i], strict=True))
    rank = len(graph.types[i].shape)
    if name == "slice":
        return Text(subscripted(args[0], _range(graph, i), place), ATOM)
    if name == "pad":
        return _padded(args[0], rank, attrs["low"], attrs["high"], attrs["interior"])
    if name == "concatenate":
        return _joined(args, rank, attrs["axis"])
    if name == "flip":
        return Text(rf"{_flip(rank, attrs['axes'])}\left({args[0].text}\right)", ATOM)
    if name == "take":
        x, k = graph.args[i]
        whole = len(graph.types[x].shape)
        index = [":"] * whole
        index[attrs["axis"]] = _numbers(graph, k, args[1])
        return Text(subscripted(args[0], ", ".join(index), place), ATOM)
    if name == "take_along":
        if rank == 1:
            return Text(subscripted(args[0], args[1].text, place), ATOM)
        return Text(rf"\operatorname{{take}}_{{{args[1].text}}}\left({args[0].text}\right)", ATOM)
    if name in ("scatter_add", "put_along"):
        at = _numbers(graph, graph.args[i][1], args[1])
        return Text(rf"\operatorname{{scatter}}_{{{at}}}\left({args[0].text}\right)", ATOM)
    if name == "pinv":
        return Text(f"{place(args[0], ATOM)}^{{+}}", POWER)
    if name == "dft":
        return Text(rf"\mathcal{{F}}{'^{*}' if attrs['sign'] > 0 else ''}\left({args[0].text}\right)", ATOM)
    if name in NAMED:
        return Text(rf"{NAMED[name]}\left({', '.join(a.text for a in args)}\right)", ATOM)
    return None


def triangular(graph: Graph, i: int, texts: Mapping[int, Text]) -> Text | None:
    """A mask that keeps a triangle of a matrix; a transposed one as the transpose of a triangle."""
    condition, x = graph.args[i]
    found = triangle(graph, condition)
    if found is not None:
        return Text(_triangle(*found, texts[x]), ATOM)
    turned = [graph.args[k][0] if is_transpose(graph, k) else None for k in (condition, x)]
    if turned[0] is None or turned[1] is None or (found := triangle(graph, turned[0])) is None:
        return None
    return Text(f"{_triangle(*found, texts[turned[1]])}^{{T}}", POWER)


def _triangle(kind: str, at: int, text: Text) -> str:
    return rf"\operatorname{{{kind}}}" + (f"_{{{at}}}" if at else "") + rf"\left({text.text}\right)"


def _range(graph: Graph, i: int) -> str:
    """1:4, or :, 0:6:2; an axis that is whole is a colon."""
    start, stop, step = graph.attrs[i]
    lengths = graph.types[graph.args[i][0]].lengths
    lead = len(lengths) - len(start)
    items = [":"] * lead
    for a, b, s, n in zip(start, stop, step, lengths[lead:], strict=True):
        items.append(":" if (a, b, s) == (0, n, 1) else f"{a}:{b}" + (f":{s}" if s != 1 else ""))
    return ", ".join(items)


def _numbers(graph: Graph, i: int, text: Text) -> str:
    """Places: a few constant ones as they are, others by their name or formula."""
    if graph.ops[i].name != "literal":
        return text.text
    array = graph.attrs[i][0].value
    found = recognised(array)
    if found is not None and found.kind == "count" and found.step > 0:
        stop = found.start + found.step * len(array)
        return f"{found.start}:{stop}" + (f":{found.step}" if found.step != 1 else "")
    if array.ndim == 1 and 0 < len(array) <= LISTED:
        return rf"\left[{', '.join(map(str, array.tolist()))}\right]"
    return text.text


def _zeros(n: int) -> list[str]:
    return [] if n == 0 else ["0"] if n == 1 else [ZEROS]


def _padded(x: Text, rank: int, low: Sequence[int], high: Sequence[int], interior: Sequence[int]) -> Text:
    """With zeros before and after it as a block matrix."""
    text = x.text
    if any(interior):
        text = rf"\operatorname{{spaced}}_{{{', '.join(map(str, interior))}}}\left({text}\right)"
    if not any(low) and not any(high):
        return Text(text, ATOM)
    if rank > 2 or len(low) > rank:
        sizes = ", ".join(map(str, (*low, *high)))
        return Text(rf"\operatorname{{pad}}_{{{sizes}}}\left({text}\right)", ATOM)
    if rank == 1:  # a vector is a column
        ((before, after),) = zip(low, high, strict=True)
        return _block([[t] for t in (*_zeros(before), text, *_zeros(after))])
    top, left, bottom, right = *([0] * (2 - len(low))), *low, *([0] * (2 - len(high))), *high
    row = [ZEROS] * bool(left) + [text] + [ZEROS] * bool(right)
    zero = [[ZEROS] * len(row)]
    return _block(zero * bool(top) + [row] + zero * bool(bottom))


def _joined(args: Sequence[Text], rank: int, axis: int) -> Text:
    """Arrays one after the other: vectors as parts of a column, matrices as blocks."""
    if rank == 1 or (rank == 2 and axis in (-2, 0)):
        return _block([[a.text] for a in args])
    if rank == 2:
        return _block([[a.text for a in args]])
    return Text(rf"\operatorname{{concatenate}}_{{{axis}}}\left({', '.join(a.text for a in args)}\right)", ATOM)


def _block(rows: Sequence[Sequence[str]]) -> Text:
    return Text(r"\begin{bmatrix}" + r" \\ ".join(" & ".join(row) for row in rows) + r"\end{bmatrix}", ATOM)


def _flip(rank: int, axes: Sequence[int]) -> str:
    """As NumPy calls it."""
    if len(axes) == rank:
        return r"\operatorname{flip}"
    if rank == 2:
        return r"\operatorname{fliplr}" if axes[0] in (-1, 1) else r"\operatorname{flipud}"
    return rf"\operatorname{{flip}}_{{{', '.join(map(str, axes))}}}"
