"""Einsums as users of PyTorch and JAX write them: `a @ b` where it is a matrix product, masks for identities."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from symgrad.ops.subscripts import parse, subscripts, sums


def as_matmul(text: str, arrays: Sequence[Any]) -> Any:
    """The product of two matrices or vectors, a sum over axes, or a transpose; None for any other einsum."""
    if text == "ij->ji":
        return arrays[0].mT
    parts, out = parse(text)
    if len(arrays) == 1 and len(set(parts[0])) == len(parts[0]) and tuple(x for x in parts[0] if x in out) == out:
        summed = tuple(k for k, x in enumerate(parts[0]) if x not in out)
        return arrays[0].sum(summed) if out else arrays[0].sum()
    if len(arrays) != 2 or any(len(p) not in (1, 2) or len(set(p)) != len(p) for p in parts):
        return None
    shared = [x for x in parts[0] if x in parts[1]]
    if len(shared) != 1 or shared[0] in out:
        return None
    (a, x), (b, y) = zip(arrays, parts, strict=True)
    rows, columns = [k for k in x if k not in shared], [k for k in y if k not in shared]
    if list(out) != rows + columns:
        (a, x), (b, y) = (b, y), (a, x)
    left = a.mT if len(x) == 2 and x[0] in shared else a
    right = b.mT if len(y) == 2 and y[1] in shared else b
    return left @ right


def factors_of(text: str, arrays: Sequence[Any], zeros: Sequence[int], einsum: Callable[..., Any]) -> tuple[Any, Any]:
    """(where all identities are nonzero, the product of the other operands), over the axes of the result.

    Nothing is summed where an identity stands (`ops.contraction`).
    """
    parts, out = parse(text)
    assert not sums(parts, out)

    def spread(x: Any, labels: Sequence[int]) -> Any:
        ordered = tuple(k for k in out if k in labels)
        if ordered != tuple(labels):
            x = einsum(subscripts([tuple(labels)], ordered), x)
        return x[tuple(slice(None) if k in labels else None for k in out)]

    inside = reduce(operator.and_, [spread(arrays[k], parts[k]) != 0 for k in zeros])
    rest = [k for k in range(len(arrays)) if k not in zeros]
    labels = tuple(k for k in out if any(k in parts[j] for j in rest))
    if len(rest) == 1:
        return inside, spread(arrays[rest[0]], parts[rest[0]])
    return inside, spread(einsum(subscripts([parts[k] for k in rest], labels), *[arrays[k] for k in rest]), labels)
