"""The JAX back end: a graph as a function of plain JAX, for the caller to jit, vmap and differentiate.

It evaluates the graph when it is traced; what is left is an ordinary jaxpr. Nothing global is changed: without
`jax_enable_x64` everything runs in 32 bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jax.experimental import sparse

from symgrad.compile.framework import Loop, Number, evaluate, loop_of, nest, pointwise, prepare, scalars_apart, slopes
from symgrad.compile.implicit import solver
from symgrad.compile.loops.jax import flow
from symgrad.compile.numpy import Reference
from symgrad.dialects.jax import OPERATORS, RULED, TYPED, lowering
from symgrad.errors import ArgumentError
from symgrad.graph import Graph, Op, Type
from symgrad.graph.body import Body
from symgrad.graph.tree import Csr, Tree
from symgrad.ops.implicit import JACOBIAN, RESIDUAL


def has(op: Op) -> bool:
    """Whether JAX has the operation."""
    return op.kind in ("leaf", "control", "flow") or op.name in ("cast", "implicit") or lowering(op) is not None


class Tracing:
    """Evaluates steps on JAX's arrays. `dtypes`: what the dtypes of the graph are here."""

    def __init__(self, dtypes: dict[str, Any]) -> None:
        self.dtypes = dtypes

    def dtype(self, name: str) -> Any:
        return self.dtypes.get(name) or jax.dtypes.canonicalize_dtype(name)

    def full(self, value: Any, type: Type) -> Any:
        return jnp.full(type.lengths, value, self.dtype(type.dtype))

    def leaf(self, op: Op, attrs: dict[str, Any]) -> Any:
        if op.name == "literal":
            data = attrs["data"].value
            return jnp.asarray(data, self.dtype(data.dtype.name))
        eye = jnp.eye(attrs["n"], dtype=self.dtype(attrs["dtype"]))
        return eye if op.name == "delta" else eye[attrs["k"]]

    def call(self, op: Op, args: list[Any], attrs: dict[str, Any], types: list[Type], result: Type) -> Any:
        if op.kind == "leaf":
            return self.leaf(op, attrs)
        if op.name == "cast":
            return args[0].astype(self.dtype(attrs["dtype"]))
        if op.name == "stack" and len(args) > 8:
            return self.packed(args, attrs["shape"], result)
        if op.name == "einsum" and not attrs["zeros"]:
            numbers, args, attrs, types = scalars_apart(args, attrs, types)
            if numbers:
                rest = self.call(op, args, attrs, types, result) if args else None
                for x in numbers:
                    rest = x if rest is None else x * rest
                return rest
            if len(set(attrs["subscripts"].split("->"))) == 1:
                return args[0]
        if op.name not in OPERATORS:
            flat = op.kind in ("elementwise", "constant")
            args = [
                self.full(a, Type(t.dtype) if flat else t) if isinstance(a, Number) else a
                for a, t in zip(args, types, strict=True)
            ]
        if op.name == "implicit":
            return solution(attrs["body"], attrs["name"])(*args)
        if op.name in RULED:
            return ruled(op, tuple(attrs.items()))(*args)
        fn: Any = lowering(op)
        return fn(types, result, *args, **attrs) if op.name in TYPED else fn(*args, **attrs)

    def packed(self, parts: list[Any], shape: tuple[int, ...], result: Type) -> Any:
        """A stack of many parts: those that differ are stacked and put in their places, which compiles faster."""
        each: dict[Any, int] = {}
        keys = [(x.__class__, repr(x)) if isinstance(x, Number) else id(x) for x in parts]
        places = [each.setdefault(k, len(each)) for k in keys]
        distinct = dict(zip(keys, parts, strict=True))
        one = Type(result.dtype)
        arrays = [self.full(x, one) if isinstance(x, Number) else x for x in (distinct[k] for k in each)]
        stacked = jnp.stack(jnp.broadcast_arrays(*arrays), -1)
        return stacked[..., np.array(places)].reshape(stacked.shape[:-1] + shape)

    def gate(self, condition: Any, x: Any) -> Any:
        return jnp.where(condition, x, lax.stop_gradient(x))

    def loop(self, body: Body, lo: Any, hi: Any, firsts: list[Any], captured: list[Any]) -> Sequence[Any]:
        loop = loop_of(body, has, "JAX")
        firsts = [self.full(x, t) if isinstance(x, Number) else x for x, t in zip(firsts, loop.types, strict=True)]
        lengths = [captured[k].shape[axis] for k, axis in loop.extents]
        known = all(isinstance(b, int) or not isinstance(b, Tracer) for b in (lo, hi))
        if known:
            lo, hi = int(lo), int(hi)
            if lengths and lo <= hi and (lo < 0 or hi >= min(lengths)):
                raise ArgumentError(f"index {lo if lo < 0 else hi} is outside an axis of length {min(lengths)}")
            if loop.gathers:
                return self.gathered(loop, jnp.arange(lo, hi + 1), None, firsts, captured)
            return self.passes(loop, lo, hi, firsts, captured)
        if not lengths or not loop.gathers:
            return self.passes(loop, lo, hi, firsts, captured)
        last = min(lengths) - 1
        totals = self.gathered(loop, jnp.arange(last + 1), (lo, hi), firsts, captured)
        good = (hi < lo) | ((lo >= 0) & (hi <= last))
        return [jnp.where(good, t, math.nan) for t in totals]

    def flow(self, g: Graph, i: int, args: list[Any]) -> Sequence[Any]:
        return flow(g, i, args, self, has)

    def passes(self, loop: Loop, lo: Any, hi: Any, firsts: list[Any], captured: list[Any]) -> Sequence[Any]:
        """One pass after the other: a scan where the bounds are known, else a loop without a reverse derivative."""
        signs = loop.signs

        def step(k: Any, carries: list[Any]) -> list[Any]:
            found = evaluate(loop.plan, [k, *carries, *captured], self)
            if loop.gathers == "sum":
                found = [c + x if s > 0 else c - x for c, x, s in zip(carries, found, signs, strict=True)]
            elif loop.gathers == "prod":
                found = [c * x for c, x in zip(carries, found, strict=True)]
            return [jnp.asarray(x, c.dtype) for x, c in zip(found, carries, strict=True)]

        return lax.fori_loop(lo, hi + 1, step, firsts)

    def gathered(self, loop: Loop, index: Any, bounds: Any, firsts: list[Any], captured: list[Any]) -> Sequence[Any]:
        """All passes side by side, those outside `bounds` counting nothing."""
        neutral = 0 if loop.gathers == "sum" else 1

        def term(k: Any) -> list[Any]:
            held, inside = captured, None
            if bounds is not None:
                inside = (k >= bounds[0]) & (k <= bounds[1])
                held = [c if t.shape or t.dtype[0] != "f" or isinstance(c, Number) else self.gate(inside, c)
                        for c, t in zip(captured, loop.captured, strict=True)]  # fmt: skip
            found = evaluate(loop.plan, [k, *firsts, *held], self)
            found = [jnp.asarray(x, c.dtype) for x, c in zip(found, firsts, strict=True)]
            return found if inside is None else [jnp.where(inside, x, neutral) for x in found]

        each = jax.vmap(term)(index)
        if loop.gathers == "prod":
            return [c * jnp.prod(x, 0) for c, x in zip(firsts, each, strict=True)]
        sums = [jnp.sum(x, 0) for x in each]
        return [c + x if s > 0 else c - x for c, x, s in zip(firsts, sums, loop.signs, strict=True)]


@cache
def ruled(op: Op, attrs: tuple[tuple[str, Any], ...]) -> Callable[..., Any]:
    """An elementwise operation that is differentiated by its declared rule."""
    fn: Any = lowering(op)
    own = dict(attrs)
    call = jax.custom_jvp(lambda *args: fn(*args, **own))

    @call.defjvp
    def rule(values: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        result = call(*values)
        total = jnp.zeros_like(result)
        for k, t in enumerate(tangents):
            slope = slopes(op, own, "float64", k)
            if slope is not None:
                graph, inputs, output = slope
                plan = prepare(graph, inputs, [output], has, "JAX")
                total = total + evaluate(plan, [*values, result], Tracing({"float64": result.dtype}))[0] * t
        return result, total

    return call


@cache
def solution(body: Body, name: str) -> Callable[..., Any]:
    """A solution of an equation, found by SciPy on the host; its derivative is the implicit function theorem's."""
    plan = prepare(body.graph, body.inputs, body.outputs, has, "JAX")
    host = solver(body, name, Reference)
    types = [body.graph.types[o] for o in body.outputs]

    def equation(target: Tracing, x: Any, params: Sequence[Any]) -> list[Any]:
        found = evaluate(plan, [x, *params], target)
        return [target.full(v, t) if isinstance(v, Number) else v for v, t in zip(found, types, strict=True)]

    @jax.custom_jvp
    def call(*args: Any) -> Any:
        wanted = jax.ShapeDtypeStruct(args[0].shape, args[0].dtype)
        return jax.pure_callback(
            lambda *a: np.asarray(host(*a), wanted.dtype), wanted, *args, vmap_method="broadcast_all"
        )

    @call.defjvp
    def rule(values: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        x, params = call(*values), tuple(values[1:])
        target = Tracing({types[RESIDUAL].dtype: x.dtype})
        _, along = jax.jvp(lambda *p: equation(target, x, p)[RESIDUAL], params, tuple(tangents[1:]))
        return x, -jnp.linalg.solve(equation(target, x, params)[JACOBIAN], along)

    return call


def jax_function(
    graph: Graph,
    inputs: Sequence[int],
    outputs: Sequence[int],
    tree: Tree,
    name: str,
    bind: Callable[..., list[Any]],
) -> Callable[..., Any]:
    """The graph as a JAX function of its inputs, by position or by name."""
    plan = prepare(graph, inputs, outputs, has, "JAX")
    flat = pointwise(plan)
    names = [graph.attrs[i][0] for i in inputs]
    types = [graph.types[i] for i in inputs]
    own = [graph.types[o] for o in outputs]

    def call(*args: Any, **named: Any) -> Any:
        values, dtypes = _arrays(name, names, types, bind(name, names, args, named))
        target = Tracing(dtypes)
        shapes = [np.shape(x)[: np.ndim(x) - len(t.shape)] for x, t in zip(values, types, strict=True)]
        batch = np.broadcast_shapes(*shapes)

        def program(*values: Any) -> list[Any]:
            found = evaluate(plan, values, target)
            return [
                target.full(x, t) if isinstance(x, Number) else jnp.asarray(x, target.dtype(t.dtype))
                for x, t in zip(found, own, strict=True)
            ]

        if not batch or flat:
            leaves = program(*values)
        else:
            points = [
                jnp.broadcast_to(x, batch + np.shape(x)[len(s) :]).reshape((-1, *np.shape(x)[len(s) :])) if s else x
                for x, s in zip(values, shapes, strict=True)
            ]
            leaves = jax.vmap(program, [0 if s else None for s in shapes])(*points)
            leaves = [x.reshape(batch + x.shape[1:]) for x in leaves]
        if batch:
            leaves = [
                jnp.broadcast_to(x, batch + x.shape[x.ndim - len(t.shape) :]) for x, t in zip(leaves, own, strict=True)
            ]
        return nest(tree, leaves, _sparse)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"{name}({', '.join(names)}), as JAX"
    return call


def with_parameters(
    call: Callable[..., Any],
    names: Sequence[str],
    types: Sequence[Type],
    name: str,
    bind: Callable[..., list[Any]],
    trainable: dict[str, Any],
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """(apply, params): `apply(params, *inputs)` takes the other inputs, `params` is a dict of the first values."""
    free = [n for n in names if n not in trainable]
    params = {}
    for n, type in zip(names, types, strict=True):
        if n in trainable:
            start = trainable[n]
            dtype = start.dtype if isinstance(start, jax.Array) else jax.dtypes.canonicalize_dtype(type.dtype)
            params[n] = jnp.asarray(start, dtype)
            _check_shape(name, n, params[n], type)

    def apply(params: dict[str, Any], *args: Any, **named: Any) -> Any:
        given = dict(zip(free, bind(name, free, args, named), strict=True))
        return call(**given, **{n: params[n] for n in names if n in trainable})

    return apply, params


def _arrays(
    function: str, names: Sequence[str], types: Sequence[Type], given: list[Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The inputs, and what each dtype of the graph is here: the widest that is given for it.

    Python numbers stay what they are: so the length of a loop may be known.
    """
    dtypes: dict[str, Any] = {}
    values = []
    for n, x, t in zip(names, given, types, strict=True):
        if not isinstance(x, Number):
            x = jnp.asarray(x)
            if not (jnp.issubdtype(x.dtype, jnp.floating) or jnp.issubdtype(x.dtype, jnp.integer) or x.dtype == bool):
                raise ArgumentError(f"{function}: {n} must be real numbers, got an array of {x.dtype}")
            _check_shape(function, n, x, t)
            if t.dtype[0] == "f" and jnp.issubdtype(x.dtype, jnp.floating):
                dtypes[t.dtype] = jnp.promote_types(dtypes.get(t.dtype, x.dtype), x.dtype)
        values.append(x)
    found = []
    for x, t in zip(values, types, strict=True):
        if not isinstance(x, Number):
            x = x.astype(dtypes.get(t.dtype) or jax.dtypes.canonicalize_dtype(t.dtype))
        elif t.shape:
            raise ArgumentError(f"{function}: an array of shape {t.shape} is wanted, got the number {x}")
        else:
            x = bool(x) if t.dtype == "bool" else int(x) if t.dtype == "int64" else float(x)
        found.append(x)
    return found, dtypes


def _check_shape(function: str, name: str, x: Any, type: Type) -> None:
    rank = len(type.shape)
    own = x.shape[max(x.ndim - rank, 0) :]
    if len(own) != rank or any(want not in (None, have) for want, have in zip(type.shape, own, strict=True)):
        raise ArgumentError(f"{function}: {name} must have shape {type.shape}, got shape {x.shape}")


def _sparse(tree: Csr, values: Any) -> Any:
    if values.ndim > 1:
        return values  # of a batch
    places = jnp.array(tree.indices, jnp.int32), jnp.array(tree.indptr, jnp.int32)
    return sparse.BCSR((values, *places), shape=tree.shape)
