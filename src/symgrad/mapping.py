"""vmap: a function of one point as a function of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.defining import as_python_function, take_as_function
from symgrad.derive.batching import batched
from symgrad.errors import ArgumentError
from symgrad.function import Function
from symgrad.generic import Kind, PythonFunction, Specialised, flat
from symgrad.graph import Graph, Type
from symgrad.graph.node import spread
from symgrad.graph.pause import no_collector
from symgrad.ops.einsum import transpose
from symgrad.simplify import simplify
from symgrad.tree import flatten_with_none, prefix_of


def vmap(f: Any, in_axes: Any = 0, out_axes: int = 0) -> PythonFunction:
    """`f` at many points at once: arguments have one axis more, and so have the results.

    Args:
        f: a Python function of arrays, or a Function (one argument per input).
        in_axes: where the arguments have the axis of the points: an int for all, or one entry per argument, None
            for an argument that is the same at every point. Of a pytree, all leaves have it there, unless its entry
            is a pytree too, nested as the argument or as its upper part. With an int for all, a number for a parameter
            that has a default is the same at every point.
        out_axes: where the results get it.

    Nothing runs point by point: the graph itself is rewritten, so the result may be derived, printed and compiled
    like any other. Raises ArgumentError where the axes have different lengths.

    Example:
        >>> import numpy as np, symgrad as sg
        >>> rows = sg.vmap(lambda x, w: np.sum(x * w), in_axes=(0, None))
        >>> rows(np.arange(6.0).reshape(3, 2), np.array([1.0, 10.0]))
        array([10., 32., 54.])
    """
    f = take_as_function(f)
    if isinstance(f, Function):
        f = as_python_function(f)
    axes = tuple(in_axes) if isinstance(in_axes, (tuple, list)) else (in_axes,) * len(f.names)
    leaves, spec = flatten_with_none(axes)
    if len(axes) != len(f.names) or not all(a is None or (isinstance(a, int) and a is not True) for a in leaves):
        raise ArgumentError(
            f"in_axes={in_axes!r}: {f.name} has arguments {', '.join(f.names)}; one int or None for each, or a pytree "
            "of them"
        )
    if all(a is None for a in leaves):
        raise ArgumentError(f"in_axes={in_axes!r}: at least one argument has an axis of points")
    inner: PythonFunction = f
    given = isinstance(in_axes, (tuple, list))
    optional = [not given and p.default is not p.empty for p in f.signature.parameters.values()]

    def build(kind: Kind, names: tuple[str, ...]) -> Specialised:
        places: list[Any] = []
        for k, argument in enumerate(kind.arguments):
            try:
                own_axes = prefix_of(axes[k], argument)
            except ValueError as e:
                raise ArgumentError(f"in_axes={in_axes!r} nests otherwise than {inner.names[k]}: {e}") from None
            for s, axis in zip(kind.slots(k), own_axes, strict=True):
                places.append(None if optional[k] and not kind.types[s].shape else axis)
        n, types = _without(inner, names, kind.types, places)
        weak = [w if at is None else None for w, at in zip(kind.numbers, places, strict=True)]
        parent = inner.of_kind(Kind(kind.arguments, tuple(types), tuple(weak)))
        own = parent.function.dense()
        same = {n: own.graph.types[i] for n, i in zip(own.names, own.inputs, strict=True) if n in parent.taken}
        every, where = parent.filled(kind.types, same), parent.filled(places, dict.fromkeys(same))
        function = _mapped(own, every, where, n, out_axes)
        return Specialised(flat(function), kind, parent.result, parent.taken)

    made = PythonFunction(f"vmap {f.name}", f.signature, build, f._static, f._floats)
    return f.kept(("vmap", tuple(leaves), spec, out_axes, given), made)


def _without(
    f: PythonFunction, names: tuple[str, ...], types: tuple[Type, ...], places: list[Any]
) -> tuple[int, list[Type]]:
    """The number of points, and the types of one."""
    lengths: dict[str, int] = {}
    found = []
    for name, type, axis in zip(names, types, places, strict=True):
        if axis is None:
            found.append(type)
            continue
        shape = type.lengths
        if not -len(shape) <= axis < len(shape):
            raise ArgumentError(
                f"vmap {f.name}: {name} has shape {shape}, and no axis {axis}; say None for it in in_axes "
                "if it is the same at every point"
            )
        at = axis % len(shape)
        lengths[name] = shape[at]
        found.append(Type(type.dtype, shape[:at] + shape[at + 1 :]))
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise ArgumentError(f"vmap {f.name}: the arguments have different numbers of points: {listed}")
    if not lengths:
        raise ArgumentError(f"vmap {f.name}: no array among the arguments has an axis of points")
    return next(iter(lengths.values())), found


def _mapped(f: Function, types: Sequence[Type], places: Sequence[Any], n: int, out_axis: int) -> Function:
    with no_collector():
        base, roots = f.lean(f.outputs)
        out = Graph()
        inputs = []
        given: dict[int, tuple[int, bool]] = {}
        for i, name, type, axis in zip(f.inputs_in(base), f.names, types, places, strict=True):
            node = out.input(name, type)
            inputs.append(node)
            if axis is not None:
                at = axis % len(type.shape)
                node = transpose(out, node, (at, *(k for k in range(len(type.shape)) if k != at)))
            given[i] = node, axis is not None
        outputs = []
        for (node, is_batched), r in zip(batched(base, roots, out, given, n), roots, strict=True):
            shape = base.types[r].lengths
            full = node if is_batched else spread(out, node, (n, *shape))
            if not -len(shape) - 1 <= out_axis <= len(shape):
                raise ArgumentError(f"vmap {f.name}: out_axes={out_axis} of a result of shape {(n, *shape)}")
            at = out_axis % (len(shape) + 1)
            order = (*range(1, at + 1), 0, *range(at + 1, len(shape) + 1))
            outputs.append(transpose(out, full, order))
        graph, outputs = simplify(out, outputs)
        inputs = [graph.input(name, type) for name, type in zip(f.names, types, strict=True)]
    return Function(graph, inputs, outputs, name=f"vmap {f.name}", tree=f.tree, notes=f._notes, simple=True)
