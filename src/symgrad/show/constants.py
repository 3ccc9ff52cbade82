"""Constant arrays as a reader knows them: triangles, diagonals, counts, instead of their numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from symgrad.graph import Graph

LISTED = 16
"""A constant array of at most so many elements may stand in a formula with its elements."""
WRITTEN = 200
"""One of more elements is not written into source either: it is an argument."""


class Shape(NamedTuple):
    """A constant array by what it is.

    kind: "tril" and "triu" are 1 (or True) below and above diagonal `at`, with it, and 0 elsewhere; "eye" is `scale`
    on it; "count" is start, start + step, ...; the last diagonal of a triangle is `scale`.
    """

    kind: str
    at: int = 0
    scale: float = 1.0
    start: int = 0
    step: int = 1


def recognised(array: Any) -> Shape | None:
    """What a constant array is; None: only its elements tell."""
    if array.ndim == 1 and array.dtype.kind == "i" and len(array) > 2:
        step = int(array[1]) - int(array[0])
        if step and np.all(np.diff(array) == step):
            return Shape("count", start=int(array[0]), step=step)
    if array.ndim != 2 or 0 in array.shape or np.any(np.signbit(array.astype(float)) & (array == 0)):
        return None
    if not np.array_equal(array[1:, 1:], array[:-1, :-1]):
        return None
    rows = len(array)
    diagonals = [float(x) for x in (*array[:0:-1, 0], *array[0])]  # from below, the main one at rows - 1
    present = [k for k, x in enumerate(diagonals) if x != 0]
    if not present:
        return None
    first, last = present[0], present[-1]
    if first == last and len(diagonals) > 1:
        return Shape("eye", first - rows + 1, diagonals[first])
    for kind, turned in (("tril", diagonals), ("triu", diagonals[::-1])):
        end = max(k for k, x in enumerate(turned) if x != 0)
        if all(x == 1 for x in turned[:end]) and end + 1 < len(turned) and end > 0:
            at = end - rows + 1 if kind == "tril" else len(diagonals) - 1 - end - rows + 1
            return Shape(kind, at, turned[end])
    return None


def as_source(array: Any) -> str | None:
    """A call of NumPy that makes the array, with its dtype; None: there is none shorter than its elements."""
    found = recognised(array)
    if found is None:
        return None
    kind, at, scale, start, step = found
    if kind == "count":
        stop = start + step * len(array)
        if step != 1:
            return f"np.arange({start}, {stop}, {step})"
        return f"np.arange({stop})" if start == 0 else f"np.arange({start}, {stop})"
    n, m = array.shape
    dtype = {"float64": "", "bool": ", dtype=bool"}.get(array.dtype.name, f", dtype=np.{array.dtype.name}")
    size = f"{n}" if n == m else f"{n}, {m}"
    offset = "" if at == 0 else f", k={at}"
    eye = f"np.eye({size}{offset}{dtype})"
    if kind == "eye":
        return eye if scale == 1 else f"{scale:g}*{eye}" if float(f"{scale:g}") == scale else None
    if kind == "tril":
        text = f"np.tri({size}{offset}{dtype})"
    else:
        text = f"np.triu(np.ones(({n}, {m}){dtype}){offset})"
    if scale == 1:
        return text
    return f"{text} - {1 - scale:g}*{eye}" if float(f"{1 - scale:g}") == 1 - scale else None


def as_latex(array: Any, number: Callable[[Any], str]) -> tuple[str, bool] | None:
    """(text, whether it is a sum) of the array as matrices with names; None: it is none that has one."""
    found = recognised(array)
    if found is None or found.kind == "count":
        return None
    kind, at, scale, _, _ = found
    identity = "I" if at == 0 and array.shape[0] == array.shape[1] else _at(r"\operatorname{eye}", at)
    if kind == "eye":
        if identity != "I":
            identity += r"\left(" + r" \times ".join(map(str, array.shape)) + r"\right)"
        return (identity if scale == 1 else f"{number(scale)} {identity}"), scale != 1
    text = _at(rf"\operatorname{{{kind}}}", at) + r"\left(\mathbf{1}\right)"
    if scale == 1:
        return text, False
    if at:
        return None
    rest = 1 - scale
    sign, size = ("-", rest) if rest > 0 else ("+", -rest)
    return f"{text} {sign} {number(size)} {identity}", True


def _at(head: str, k: int) -> str:
    return head if k == 0 else f"{head}_{{{k}}}"


def triangle(graph: Graph, i: int) -> tuple[str, int] | None:
    """("tril" or "triu", its diagonal) where node `i` is a constant condition that holds there."""
    if graph.ops[i].name != "literal":
        return None
    array = graph.attrs[i][0].value
    found = recognised(array)
    if found is None or found.kind not in ("tril", "triu") or found.scale != 1 or array.dtype != bool:
        return None
    return found.kind, found.at


def is_transpose(graph: Graph, i: int) -> bool:
    """Whether node `i` is a matrix transposed."""
    return graph.ops[i].name == "einsum" and len(graph.args[i]) == 1 and graph.attrs[i][0] == "ij->ji"
