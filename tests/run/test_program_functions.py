"""Planned programs against the NumPy reference: every traced function of NumPy, and its gradient.

The arrays come in every layout: by rows, by columns, strided, backwards, read-only.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.compile.numpy import Reference
from symgrad.compile.plan.planner import plan
from symgrad.graph import Graph
from symgrad.run.program import Program
from tests.define.numpy import cases_products, cases_reductions, cases_selecting, cases_shapes
from tests.define.numpy.agreement import Case, leaves

CASES: dict[Any, list[Case]] = {}
for _c in (*cases_products.CASES, *cases_reductions.CASES, *cases_selecting.CASES, *cases_shapes.CASES):
    CASES.setdefault(_c.function, []).append(_c)
NAMED = sorted(CASES, key=lambda f: str(f.__name__))


def laid_out(a: Any, how: int) -> Any:
    """The same elements in another layout."""
    a = np.asarray(a)
    if how == 1 and a.ndim:
        return np.asfortranarray(a)
    if how == 2 and a.ndim:
        wide = np.zeros(tuple(2 * n + 1 for n in a.shape), a.dtype)
        part = wide[tuple(slice(1, None, 2) for _ in a.shape)]
        part[...] = a
        return part
    if how == 3 and a.ndim:
        return a[tuple(slice(None, None, -1) for _ in a.shape)].copy()[tuple(slice(None, None, -1) for _ in a.shape)]
    a = a.copy()
    a.flags.writeable = False
    return a


def difference(graph: Graph, inputs: Any, outputs: Any, args: Any, native: bool) -> str:
    """Where the program's results are not the reference's; "" if nowhere."""
    first = zlib.crc32(str(graph.types).encode())
    arrays = [
        laid_out(np.asarray(a, graph.types[i].dtype), (first + k) % 4)
        for k, (a, i) in enumerate(zip(args, inputs, strict=True))
    ]
    live = graph.reach(outputs)
    single = any(n and t.dtype == "float32" for n, t in zip(live, graph.types, strict=True))
    before = [a.copy() for a in arrays]
    wanted = Reference(graph, inputs, outputs)(arrays)
    found = Program(plan(graph, inputs, outputs), native)(arrays)
    for k, (x, y, o) in enumerate(zip(found, wanted, outputs, strict=True)):
        y = np.broadcast_to(y, x.shape)
        if x.dtype != graph.types[o].dtype or x.shape != graph.types[o].lengths:
            return f"result {k} is {x.dtype}{x.shape}"
        exact = x.dtype.kind != "f"
        tolerance = 0.0 if exact else 1e-4 if single else 1e-10
        scale = 1.0 if exact else float(np.max(np.abs(y), initial=1.0, where=np.isfinite(y)))
        if not np.allclose(x, y, rtol=tolerance, atol=tolerance * scale, equal_nan=not exact):
            return f"result {k} is {x!r:.80}, not {y!r:.80}"
        if any(np.may_share_memory(x, a) for a in arrays):
            return f"result {k} is in the memory of an argument"
    if any(not np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(arrays, before, strict=True)):
        return "an argument has changed"
    return ""


def programs(c: Case, dtype: str) -> Iterator[tuple[str, sg.Function, list[Any]]]:
    """The function itself and the gradient of a weighted sum of its results, where there are such."""
    fn, arrays = c.split()
    arrays = [_as(a, dtype) for a in arrays]
    try:
        f = sg.function(fn).specialise(*arrays)
    except (sg.SymgradError, ValueError, TypeError, IndexError):  # what NumPy refuses, too
        return
    yield "values", f, leaves(arrays)
    smooth = [k for k, o in enumerate(f.outputs) if f.graph.types[o].dtype in ("float32", "float64")]
    free = [k for k, a in enumerate(arrays) if leaves(a) and all(x.dtype == dtype for x in leaves(a))]
    if not smooth or not free:
        return

    def total(variables: Any, others: Any) -> Any:
        given = list(others)
        for k, v in zip(free, variables, strict=True):
            given[k] = v
        results = _flat(fn(*given))
        return sum((np.sum(results[k] * results[k]) for k in smooth), start=0.0)

    own, others = [arrays[k] for k in free], [None if k in free else a for k, a in enumerate(arrays)]
    rest = leaves([a for a in others if a is not None])
    yield "gradient", sg.grad(total).specialise(own, others), leaves(own) + rest


def _as(a: Any, dtype: str) -> Any:
    if isinstance(a, (list, tuple)):
        return type(a)(_as(x, dtype) for x in a)
    return np.asarray(a, dtype) if np.asarray(a).dtype == np.float64 else a


def _flat(value: Any) -> list[Any]:
    return [x for v in value for x in _flat(v)] if isinstance(value, (list, tuple)) else [value]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("function", NAMED, ids=lambda f: f.__name__)
def test_functions(function: Any, dtype: str) -> None:
    wrong = []
    for c, (what, f, args) in itertools.chain.from_iterable(
        zip(itertools.repeat(c), programs(c, dtype), strict=False) for c in CASES[function]
    ):
        native = c is CASES[function][0]  # interpreted nests are the same plans, without the time to compile them
        with np.errstate(all="ignore"):
            found = difference(*f.program, args, native)
        if found:
            wrong.append(f"{c}, {what}: {found}")
    assert wrong == []
