"""Parts, places, reductions and scans of arrays in Python source: calls of NumPy, or of a few lines of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.dialects.python import HELPERS
from symgrad.graph import Graph
from symgrad.show.constants import as_source
from symgrad.show.formula import ATOM, Place, Text

LAST = {
    "amax": "np.max",
    "amin": "np.min",
    "prod": "np.prod",
    "logsumexp": "special.logsumexp",
    "cumsum": "np.cumsum",
    "cumprod": "np.cumprod",
    "argmax": "np.argmax",
    "argmin": "np.argmin",
}
"""Functions along the last axis."""
SO_FAR = {"argcummax": "np.maximum", "argcummin": "np.minimum"}


def places(graph: Graph, i: int, args: Sequence[Text], place: Place) -> Text | None:
    """The text of a node of one of these operations; None for all others."""
    name = graph.ops[i].name
    attrs = dict(zip(graph.ops[i].attrs, graph.attrs[i], strict=True))
    if name not in LAST and name not in _FORMS and name not in HELPERS:
        return None
    rank = len(graph.types[graph.args[i][0]].shape)
    if name == "expm_frechet" and all(len(graph.types[a].shape) == 2 for a in graph.args[i]):
        return None  # which SciPy has
    first = args[0].text
    if name in LAST:
        return Text(f"{LAST[name]}({first})" if rank == 1 else f"{LAST[name]}({first}, axis=-1)", ATOM)
    if name == "slice":
        return Text(f"{place(args[0], ATOM)}[{_index(graph, i)}]", ATOM)
    if name == "pad":
        return Text(_pad(first, rank, **attrs), ATOM)
    if name == "flip":
        axes = attrs["axes"]
        which = "" if len(axes) == rank else f", {axes[0]}" if len(axes) == 1 else f", {axes}"
        return Text(f"np.flip({first}{which})", ATOM)
    if name == "concatenate":
        axis = "" if rank == 1 else f", axis={attrs['axis']}"
        return Text(f"np.concatenate([{', '.join(a.text for a in args)}]{axis})", ATOM)
    if name == "take" and rank == 1:
        return Text(f"{place(args[0], ATOM)}[{args[1].text}]", ATOM)
    if name == "take":
        return Text(f"np.take({first}, {args[1].text}, axis={attrs['axis']})", ATOM)
    if name == "take_along":
        x, k = graph.args[i]
        extreme = SO_FAR.get(graph.ops[k].name)
        if extreme is not None and graph.args[k] == (x,):
            return Text(f"{extreme}.accumulate({first}{'' if rank == 1 else ', axis=-1'})", ATOM)
        return Text(f"np.take_along_axis({first}, {args[1].text}, axis=-1)", ATOM)
    if name == "argsort":
        return Text(f'np.argsort({first}, axis=-1, kind="stable")', ATOM)
    if name == "searchsorted":
        side = "" if attrs["side"] == "left" else ', side="right"'
        return Text(f"np.searchsorted({first}, {args[1].text}{side})", ATOM)
    given = [a.text for a in args] + [f"{k}={v!r}" for k, v in attrs.items()]
    return Text(f"{name}({', '.join(given)})", ATOM)


_FORMS = frozenset({"slice", "pad", "flip", "concatenate", "take", "take_along", "argsort", "searchsorted"})


def literal(array: Any) -> str:
    """A constant array; float64 and whole numbers need no dtype."""
    known = as_source(array)
    if known is not None:
        return known
    text = repr(array.tolist()).replace("inf", "np.inf").replace("nan", "np.nan")
    return f"np.array({text})" if array.dtype != np.float32 else f"np.array({text}, np.float32)"


def _index(graph: Graph, i: int) -> str:
    """What stands between the brackets: 1:4, ::2."""
    start, stop, step = graph.attrs[i]
    shape = graph.types[graph.args[i][0]].lengths
    lead = len(shape) - len(start)
    items = [":"] * lead if lead < 2 else ["..."]
    for a, b, s, n in zip(start, stop, step, shape[lead:], strict=True):
        items.append(f"{a or ''}:{'' if b == n else b}" + (f":{s}" if s > 1 else ""))
    while items[-1] == ":" and items[0] != "...":
        items.pop()
    return ", ".join(items)


def _pad(text: str, rank: int, low: Sequence[int], high: Sequence[int], interior: Sequence[int]) -> str:
    lead = rank - len(low)
    for k, gap in enumerate(interior):
        if gap:
            axis = k - len(low)
            text = f"spaced({text}, {gap}, {axis})"
    if not any(low) and not any(high):
        return text
    if rank == 1:
        return f"np.pad({text}, ({low[0]}, {high[0]}))"
    widths = [(0, 0)] * lead + list(zip(low, high, strict=True))
    return f"np.pad({text}, {widths})"


def helpers(text: str) -> list[str]:
    """The functions that a source calls and has to define."""
    return [code for name, code in HELPERS.items() if re.search(rf"(?<![\w.]){name}\(", text)]
