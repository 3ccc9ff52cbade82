"""SymPy's Sum, Product and Indexed: loops stay loops, an IndexedBase is an array."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symgrad.define.sympy import OWN_WALK, Import, brief, reads
from symgrad.errors import UnsupportedError
from symgrad.graph import REGISTER, Graph, Type
from symgrad.graph.body import Body
from symgrad.ops.control import fold_of

OWN_WALK.update((sp.Sum, sp.Product, sp.Indexed))


@reads(sp.Sum)
def _sum(imp: Import, e: Any, args: list[int]) -> int:
    return _loop(imp, e.function, list(e.limits), "add", 0)


@reads(sp.Product)
def _product(imp: Import, e: Any, args: list[int]) -> int:
    return _loop(imp, e.function, list(e.limits), "multiply", 1)


@reads(sp.Indexed)
def _indexed(imp: Import, e: Any, args: list[int]) -> int:
    g = imp.graph
    base = imp.known.get(e.base)
    if base is None:
        raise UnsupportedError(f"{brief(e)}: the array {e.base} is not among the symbols of the function")
    if len(e.indices) != len(g.types[base].shape):
        raise UnsupportedError(f"{brief(e)}: {len(e.indices)} indices for an array of {len(g.types[base].shape)} axes")
    if all(k.is_Integer and k >= 0 for k in e.indices):
        return g.build(REGISTER["element"], (base,), (tuple(int(k) for k in e.indices),))
    return g.build(REGISTER["gather"], (base, *(integer(imp, k) for k in e.indices)))


def integer(imp: Import, e: Any) -> int:
    """A bound or an index, as an int64 node."""
    g = imp.graph
    if e.is_Integer:
        return g.const(int(e), "int64")
    known = {}
    for s, i in imp.known.items():
        if not g.types[i].shape and g.types[i].dtype != "bool":
            known[s] = g.build(REGISTER["cast"], (imp.integers.get(s, i),), ("int64",))
    bad = [a for a in sp.preorder_traversal(e) if isinstance(a, sp.Rational) and not a.is_Integer]
    if bad:
        raise UnsupportedError(f"{brief(e)} is no integer: bounds and indices are sums and products of integers")
    (node,) = Import(g, "int64", known).read([e])
    if g.types[node].dtype != "int64":
        raise UnsupportedError(f"{brief(e)} is no integer expression; it stands as a bound or an index")
    return node


def _loop(imp: Import, function: Any, limits: list[Any], combine: str, first: int) -> int:
    """A fold for the last limit, which is the outermost; the others nest in its body."""
    *inner, limit = limits
    if len(limit) != 3:
        raise UnsupportedError(f"the sum or product over {limit} needs a lower and an upper bound")
    index, low, high = limit
    if not all(b.is_finite is not False for b in (low, high)):
        raise UnsupportedError(f"the sum or product over {limit} is infinite; give finite bounds")
    g = imp.graph
    used = free([function, *(b for _, *bounds in inner for b in bounds)], {index, *(k for k, *_ in inner)})
    outer = [(s, i) for s, i in imp.known.items() if s in used]
    body = Graph()
    at = body.input("i", Type("int64"))
    carry = body.input("carry", Type(imp.dtype))
    known: dict[Any, int] = {}
    integers: dict[Any, int] = {}
    inputs = [at, carry]
    captured = []
    for k, (s, i) in enumerate(outer):
        known[s] = body.input(f"c{k}", g.types[i])
        inputs.append(known[s])
        captured.append(i)
        if s in imp.integers:
            integers[s] = body.input(f"n{k}", Type("int64"))
            inputs.append(integers[s])
            captured.append(imp.integers[s])
    known[index] = body.build(REGISTER["cast"], (at,), (imp.dtype,))
    integers[index] = at
    own = Import(body, imp.dtype, known, integers)
    term = _loop(own, function, inner, combine, first) if inner else own.read([function])[0]
    out = body.build(REGISTER[combine], (carry, term))
    lo, hi = integer(imp, low), integer(imp, high)
    return fold_of(g, Body(body, inputs, [out]), 0, lo, hi, [g.const(first, imp.dtype)], captured)


def unknown_derivative(e: Any) -> bool:
    """Whether `e` is the derivative of an unknown function, as Derivative(q(t), t): a variable."""
    return isinstance(e, sp.Derivative) and isinstance(e.expr, AppliedUndef)


def free(roots: list[Any], bound: set[Any]) -> set[Any]:
    """Symbols, applied functions and arrays that occur in `roots`, less those in `bound` and loop indices."""
    found: set[Any] = set()
    seen: set[tuple[int, frozenset[Any]]] = set()
    stack = [(e, frozenset(bound)) for e in roots]
    while stack:
        e, inside = stack.pop()
        if (id(e), inside) in seen:
            continue
        seen.add((id(e), inside))
        if e in inside:
            continue
        if isinstance(e, sp.IndexedBase):
            found.add(e)
            continue
        if isinstance(e, (sp.Sum, sp.Product)):
            deeper = inside | {k for k, *_ in e.limits}
            stack.append((e.function, deeper))
            stack.extend((b, deeper) for _, *bounds in e.limits for b in bounds)
        elif isinstance(e, sp.Lambda):
            stack.append((e.expr, inside | set(e.variables)))
        elif isinstance(e, sp.Indexed):
            if e.base not in inside:
                found.add(e.base)
            stack.extend((k, inside) for k in e.indices)
        elif e.is_Symbol or isinstance(e, (AppliedUndef, sp.MatrixSymbol)) or unknown_derivative(e):
            found.add(e)
        else:
            stack.extend((a, inside) for a in e.args)
    return found
