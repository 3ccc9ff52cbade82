"""sg.root, sg.minimize, sg.fixed_point: values defined by an equation, solved by SciPy, differentiable to any order."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import symgrad.derive.implicit  # noqa: F401  importing declares the derivative
from symgrad.defining import from_python
from symgrad.derive import tensors
from symgrad.errors import ArgumentError
from symgrad.graph import CONST, FLOATS, REGISTER, Graph, Type
from symgrad.graph.body import Body
from symgrad.simplify import simplify
from symgrad.tree import flatten

IMPLICIT = REGISTER["implicit"]


def root(f: Callable[..., Any], x0: Any, *args: Any) -> Any:
    """x with f(x, *args) = 0, near `x0`; differentiable by whatever f depends on.

    Args:
        f: a Python function of NumPy arrays: as many equations as unknowns, nested as x is. Arrays of a function
            that is traced may be in it without being arguments.
        x0: where SciPy's solver begins (`scipy.optimize.root`): a number, an array or a pytree of them. The solution
            is nested likewise; its derivatives do not depend on x0.

    Raises:
        ConvergenceError: none was found, or the Jacobian is singular there; it says where the solver ended.
        ArgumentError: as many equations as unknowns there are not.

    Example:
        >>> import numpy as np, symgrad as sg
        >>> def solution(a):
        ...     return sg.root(lambda x: x**3 + x - a, 1.0)
        >>> float(solution(2.0)), float(sg.grad(solution)(2.0))
        (1.0, 0.25)
    """
    return _solution("root", f, x0, args)


def minimize(f: Callable[..., Any], x0: Any, *args: Any) -> Any:
    """The x near `x0` where the number f(x, *args) is least; differentiable by whatever f depends on.

    As `root`, of the gradient of f: SciPy's `minimize` is given exact gradients and Hessians. ConvergenceError also
    where the Hessian is not positive definite in the end.

    Example:
        >>> import numpy as np, symgrad as sg
        >>> def ridge(weight, X, y):
        ...     return sg.minimize(lambda w: np.sum((X @ w - y) ** 2) + weight * np.sum(w**2), np.zeros(2))
        >>> X, y = np.eye(2), np.array([2.0, 4.0])
        >>> ridge(1.0, X, y), sg.jacobian(ridge)(1.0, X, y)
        (array([1., 2.]), array([-0.5, -1. ]))
    """
    return _solution("minimize", f, x0, args)


def fixed_point(f: Callable[..., Any], x0: Any, *args: Any) -> Any:
    """x with f(x, *args) = x, near `x0`; differentiable by whatever f depends on.

    As `root`, by SciPy's `fixed_point` (accelerated iteration) first.

    Example:
        >>> import numpy as np, symgrad as sg
        >>> round(float(sg.fixed_point(np.cos, 1.0)), 6)
        0.739085
        >>> round(float(sg.grad(lambda a: sg.fixed_point(lambda x: a * np.cos(x), 1.0))(1.0)), 6)
        0.441611
    """
    return _solution("fixed_point", f, x0, args)


def _solution(name: str, f: Callable[..., Any], x0: Any, args: tuple[Any, ...]) -> Any:
    from symgrad.define.numpy import current

    if not callable(f):
        raise ArgumentError(f"sg.{name} takes a function and where to begin, got {f!r:.60}")
    g = current()
    if g is not None:
        return _written(g, name, f, x0, args)

    def solution(x0: Any, args: Any) -> Any:
        return _solution(name, f, x0, args)

    return from_python(solution, name=f"{name} {getattr(f, '__name__', '')}".strip())(_floats(x0), args)


def _floats(x0: Any) -> Any:
    """Whole numbers to begin with are floats."""
    from optree import tree_map

    return tree_map(lambda x: x if np.asarray(x).dtype.name in FLOATS else np.asarray(x, "float64"), x0)


def _written(g: Graph, name: str, f: Callable[..., Any], x0: Any, args: tuple[Any, ...]) -> Any:
    """The solution as nodes of `g`."""
    from symgrad.define.numpy.tracer import Array, node

    leaves, spec = flatten(x0)
    starts = [node(g, x) for x in leaves]
    if not starts:
        raise ArgumentError(f"sg.{name}: there is no number in x0")
    dtype = "float32" if all(g.types[s].dtype == "float32" for s in starts) else "float64"
    shapes = [g.types[s].lengths for s in starts]
    sizes = [math.prod(s) for s in shapes]
    x = g.input(f"%unknown {len(g)}", Type(dtype, (sum(sizes),)))
    unknown = _nested(Array(g, x), shapes, spec)
    result, _ = flatten(f(unknown, *args))
    made = [node(g, r) for r in result]
    if name == "minimize":
        if len(made) != 1 or g.types[made[0]].shape:
            told = [g.types[m].lengths for m in made]
            raise ArgumentError(f"sg.minimize needs a function whose result is one number; its results have {told}")
        value = _as(g, made[0], dtype)
        roots = [tensors.gradient(g, value, [x])[0], value]
    else:
        got = [g.types[m].lengths for m in made]
        if got != shapes:
            raise ArgumentError(f"sg.{name}: x has leaves of shapes {shapes}, and the function's result has {got}")
        residual = _joined(g, made, dtype)
        roots = [residual if name == "root" else g.build(REGISTER["subtract"], (residual, x))]
    body, captured = _body(g, x, roots)
    start = _joined(g, starts, dtype)
    solved = g.build(IMPLICIT, (start, *captured), (body, name))
    return _nested(Array(g, solved), shapes, spec)


def _as(g: Graph, i: int, dtype: str) -> int:
    return i if g.types[i].dtype == dtype else g.build(REGISTER["cast"], (i,), (dtype,))


def _joined(g: Graph, nodes: list[int], dtype: str) -> int:
    """Arrays as one vector."""
    flat = [g.build(REGISTER["reshape"], (_as(g, i, dtype),), ((math.prod(g.types[i].lengths),),)) for i in nodes]
    return flat[0] if len(flat) == 1 else g.build(REGISTER["concatenate"], tuple(flat), (-1,))


def _nested(vector: Any, shapes: list[tuple[int, ...]], spec: Any) -> Any:
    """The vector cut into leaves."""
    import optree

    leaves, start = [], 0
    for shape in shapes:
        size = math.prod(shape)
        leaves.append(vector[start : start + size].reshape(shape))
        start += size
    return optree.tree_unflatten(spec, leaves)


def _body(g: Graph, x: int, roots: list[int]) -> tuple[Body, list[int]]:
    """(residual, Jacobian, what is minimized) as a function of x and of what does not depend on x; and that."""
    depends = [False] * len(g)
    depends[x] = True
    for i, args in enumerate(g.args):
        depends[i] = depends[i] or any(depends[a] for a in args)
    captured: dict[int, None] = {r: None for r in roots if not depends[r] and g.ops[r] is not CONST}
    for i, needed in enumerate(g.reach(roots)):
        if needed and depends[i]:
            captured |= {a: None for a in g.args[i] if not depends[a] and not _is_constant(g, a)}
    first = Body(g, [x, *captured], roots)
    own, inputs = first.graph.copy(), first.inputs
    residual, *value = first.outputs
    (slope,) = tensors.jacobian(own, residual, [inputs[0]], whole=True)
    lean, outputs = simplify(own, [residual, slope, *value])
    return Body(lean, [lean.input(*own.attrs[i]) for i in inputs], outputs), list(captured)


def _is_constant(g: Graph, i: int) -> bool:
    return not g.args[i] and g.ops[i].name != "input"
