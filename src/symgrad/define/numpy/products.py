"""Products of arrays: einsum and what is written with it."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import array_dtype, axes_of
from symgrad.define.numpy.functions import product
from symgrad.define.numpy.tracer import Array, graph_of, implements, is_traced, node, refuse
from symgrad.ops.einsum import contract


@implements(np.einsum)
def einsum(*operands: Any, out: Any = None, optimize: Any = False, **keywords: Any) -> Any:
    if keywords.get("dtype") is not None:
        refuse("np.einsum with dtype=: convert the operands with astype")
    text = operands[0].replace(" ", "") if isinstance(operands[0], str) else ""
    if text:
        values = list(operands[1:])
        left, arrow, right = text.partition("->")
        parts: list[Any] = [_spelled(p) for p in left.split(",")]
        result: Any = _spelled(right) if arrow else None
    else:  # operand, labels, operand, labels, ..., [labels of the result]
        many = len(operands) // 2
        values, parts = list(operands[0 : 2 * many : 2]), [list(p) for p in operands[1 : 2 * many : 2]]
        result = list(operands[-1]) if len(operands) % 2 else None
    if len(parts) != len(values):
        raise ValueError(f"{len(parts)} subscripts for {len(values)} operands")
    found = _contracted(values, parts, result)
    own = parts[0]
    once = len(set(own)) == len(own) if result is None else set(own) <= set(result)
    if len(values) == 1 and once and text and is_traced(values[0]):
        return Array(found.graph, found.id, view_of=values[0], by=("einsum", text))  # nothing is summed
    return found


def _spelled(text: str) -> list[Any]:
    """Letters, and Ellipsis for three dots."""
    head, dots, tail = text.partition("...")
    return [*head, *([Ellipsis] if dots else []), *tail]


def _contracted(values: list[Any], parts: list[list[Any]], result: list[Any] | None) -> Any:
    g = graph_of(*values)
    dtype = array_dtype(values)
    broad = max((np.ndim(v) - len(p) + 1 for v, p in zip(values, parts, strict=True) if Ellipsis in p), default=0)
    names: dict[Any, int] = {("...", k): k for k in range(broad)}
    sizes: dict[int, int] = {}
    given = []
    for v, p in zip(values, parts, strict=True):
        labels: list[int] = []
        for x in p:
            if x is Ellipsis:
                own = np.ndim(v) - len(p) + 1
                labels += [names["...", k] for k in range(broad - own, broad)]
            else:
                labels.append(names.setdefault(x, len(names)))
        if len(labels) != np.ndim(v):
            raise ValueError(f"subscripts {''.join(map(str, p))} for an operand of shape {np.shape(v)}")
        given.append((node(g, v, dtype), labels))
        for x, n in zip(labels, np.shape(v), strict=True):
            if sizes.get(x, 1) == 1:
                sizes[x] = n
            elif n not in (1, sizes[x]):
                raise ValueError(f"an axis is {sizes[x]} and {n} long in shapes {[np.shape(v) for v in values]}")
    fresh = len(names) + 1
    nodes = []
    for i, labels in given:  # an axis of length 1 where others are longer is summed away
        for k, n in enumerate(g.types[i].lengths):
            if n == 1 and sizes[labels[k]] != 1:
                labels[k] = fresh
                fresh += 1
        nodes.append((i, tuple(labels)))
    if result is None:
        count: dict[Any, int] = {}
        for p in parts:
            for x in p:
                count[x] = count.get(x, 0) + 1
        once = sorted(x for x, c in count.items() if c == 1 and x is not Ellipsis)
        wanted = [*range(broad), *(names[x] for x in once)]
    else:
        wanted = []
        for x in result:
            if x is Ellipsis:
                wanted += list(range(broad))
            elif x not in names:
                raise ValueError(f"subscript {x!r} of the result is in no operand")
            else:
                wanted.append(names[x])
        if len(set(wanted)) < len(wanted):
            raise ValueError("a subscript stands twice in the result")
    return Array(g, contract(g, nodes, tuple(wanted), sizes))


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    p, q = np.ndim(a), np.ndim(b)
    if isinstance(axes, (int, np.integer)):
        left, right = list(range(p - int(axes), p)), list(range(int(axes)))
    else:
        left, right = ([axes[k]] if isinstance(axes[k], (int, np.integer)) else list(axes[k]) for k in (0, 1))
    left, right = [axes_of(k, p)[0] for k in left], [axes_of(k, q)[0] for k in right]
    first, second = list(range(p)), list(range(p, p + q))
    for x, y in zip(left, right, strict=True):
        second[y] = x
    out = [k for k in range(p) if k not in left] + [p + k for k in range(q) if k not in right]
    return product([(a, tuple(first)), (b, tuple(second))], tuple(out), "np.tensordot")


@implements(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    p, q = np.ndim(a), np.ndim(b)
    if not p or not q:
        return np.multiply(a, b)
    return tensordot(a, b, ([p - 1], [q - 1]))


@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    return product([(np.ravel(a), (0,)), (np.ravel(b), (1,))], (0, 1), "np.outer")


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    return product([(np.ravel(a), (0,)), (np.ravel(b), (0,))], (), "np.vdot")


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    rank = max(np.ndim(a), np.ndim(b))
    a = np.reshape(a, (1,) * (rank - np.ndim(a)) + np.shape(a))
    b = np.reshape(b, (1,) * (rank - np.ndim(b)) + np.shape(b))
    left, right = tuple(range(0, 2 * rank, 2)), tuple(range(1, 2 * rank, 2))
    whole = product([(a, left), (b, right)], tuple(range(2 * rank)), "np.kron")
    return np.reshape(whole, [m * n for m, n in zip(np.shape(a), np.shape(b), strict=True)])


@implements(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    same = axis1 % a.ndim == axis2 % a.ndim
    if offset or same or a.dtype.kind == "b" or np.shape(a)[axis1] != np.shape(a)[axis2]:
        return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)
    labels = list(range(a.ndim))
    labels[axis2] = labels[axis1]
    out = tuple(x for x in labels if labels.count(x) == 1)
    found = product([(a, tuple(labels))], out, "np.trace")
    return found if dtype is None else found.astype(dtype)


@implements(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if np.shape(a)[-1] != 3 or np.shape(b)[-1] != 3:
        raise ValueError("both arrays must have 3 elements along the axis")
    x, y = ([v[..., k] for k in range(3)] for v in (a, b))
    parts = [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]]
    return np.moveaxis(np.stack(parts, axis=-1), -1, axisc)


@implements(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    x = np.atleast_2d(m)
    if not rowvar and np.ndim(m) != 1:
        x = np.transpose(x)
    if y is not None:
        other = np.atleast_2d(y)
        x = np.concatenate([x, other if rowvar or np.ndim(y) < 2 else np.transpose(other)], axis=0)
    x = x.astype(np.result_type(x.dtype, np.float64) if dtype is None else dtype)
    ddof = (0 if bias else 1) if ddof is None else ddof
    w: Any = fweights if aweights is None else aweights if fweights is None else np.multiply(fweights, aweights)
    if w is None:
        apart = x - np.mean(x, axis=1, keepdims=True)
        return np.squeeze(apart @ np.transpose(apart) / max(np.shape(x)[1] - ddof, 0))
    total = np.sum(w)
    apart = x - np.sum(x * w, axis=1, keepdims=True) / total
    scale = total - (ddof if aweights is None else ddof * np.sum(np.multiply(w, aweights)) / total if ddof else 0)
    return np.squeeze(apart @ np.transpose(apart * w) / scale)


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    c = cov(x, y, rowvar, dtype=dtype)
    if not np.ndim(c):
        return c / c
    d = np.sqrt(np.diagonal(c))
    return np.clip(c / d[:, None] / d[None, :], -1, 1)


@implements(np.ix_)
def ix_(*args: Any) -> Any:
    return tuple(np.reshape(a, [-1 if j == k else 1 for j in range(len(args))]) for k, a in enumerate(args))
