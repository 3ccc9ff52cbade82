"""Products with derivatives that are never formed: J v (forward), w J (reverse), H v (forward over reverse).

Each costs a small multiple of the function itself, whatever the number of variables and outputs. Where JAX's
transforms take arguments, these take functions: the direction becomes further inputs of the result.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from symgrad.defining import take_as_function
from symgrad.derive.cotangents import cotangents
from symgrad.derive.tangents import tangents, zero_like
from symgrad.derive.tensors import in_dtype
from symgrad.errors import ArgumentError
from symgrad.function import Function
from symgrad.generic import Kind, PythonFunction, Specialised, flat, variable_slots
from symgrad.graph import Graph, Node, Type
from symgrad.graph.pause import no_collector
from symgrad.graph.tree import Csr, Tree
from symgrad.simplify import simplify
from symgrad.transforms import grad, variables
from symgrad.tree import Structure, tuple_of


def jvp(f: Any, wrt: Any = None) -> Any:
    """(value, tangent): the value, and its derivative along a direction.

    The inputs are those of `f`, then one tangent per variable x, named d_x, of the type of x (of a Python
    function, a pytree like the argument x). The tangent has the form of the value.

    Example:
        >>> import sympy as sp, symgrad as sg
        >>> x, y = sp.symbols("x y")
        >>> sg.jvp(sg.function([x, y], x * y))(3.0, 4.0, 1.0, 0.0)
        (12.0, 4.0)
    """
    f = take_as_function(f)
    if isinstance(f, PythonFunction):
        return _along(f, "jvp", wrt, jvp, lambda value, variables: tuple_of([value, value]))
    chosen, _ = variables(f, wrt)
    with no_collector():
        g, roots, inputs = _lean(f)
        new = [_fresh(g, f"d_{f.names[k]}", f.graph.types[f.inputs[k]]) for k in chosen]
        found = tangents(g, roots, {inputs[k]: d for k, d in zip(chosen, new, strict=True)})
        full = [zero_like(g, r) if t is None else t for r, t in zip(roots, found, strict=True)]
    return _result(f, g, inputs + new, roots + full, (f.tree, shifted(f.tree, len(roots))), "jvp")


def vjp(f: Any, wrt: Any = None) -> Any:
    """(value, gradient): the value, and the derivative of a weighted sum of all its numbers.

    The inputs are those of `f`, then one array of weights (a cotangent) per output, of the type of the output:
    `ct`, or `ct0`, `ct1`, ... of several (of a Python function, one pytree `ct` like its result). The gradient has
    the form of that of `sg.grad`.
    """
    f = take_as_function(f)
    if isinstance(f, PythonFunction):
        return _weighted(f, wrt)
    chosen, single = variables(f, wrt)
    with no_collector():
        g, roots, inputs = _lean(f)
        many = len(roots) > 1
        new = [_fresh(g, f"ct{k}" if many else "ct", g.types[r]) for k, r in enumerate(roots)]
        seeds: dict[int, int] = {}
        for r, ct in zip(roots, new, strict=True):
            seeds[r] = _sum(g, seeds[r], ct) if r in seeds else ct
        at = [inputs[k] for k in chosen]
        sums = zip(at, cotangents(g, seeds, at), strict=True)
        found = [zero_like(g, i) if t is None else in_dtype(g, t, g.types[i].dtype) for i, t in sums]
    first = len(roots)
    gradient: Tree = first if single else tuple(range(first, first + len(found)))
    return _result(f, g, inputs + new, roots + found, (f.tree, gradient), "vjp")


def hvp(f: Any, wrt: Any = None) -> Any:
    """The Hessian of a scalar function times a vector, as forward over reverse: the Hessian is never formed.

    The inputs are those of `f`, then one entry of the vector per variable x, named d_x, of the type of x. The
    result has the form of that of `sg.grad`.
    """
    f = take_as_function(f)
    if isinstance(f, PythonFunction):
        return _along(f, "hvp", wrt, hvp, lambda value, variables: variables)
    chosen, _ = variables(f, wrt)
    first = grad(f, wrt)
    with no_collector():
        g, roots, inputs = _lean(first)
        new = [_fresh(g, f"d_{f.names[k]}", f.graph.types[f.inputs[k]]) for k in chosen]
        found = tangents(g, roots, {inputs[k]: d for k, d in zip(chosen, new, strict=True)})
        full = [zero_like(g, r) if t is None else t for r, t in zip(roots, found, strict=True)]
    return _result(f, g, inputs + new, full, first.tree, "hvp")


def _along(
    f: PythonFunction,
    name: str,
    wrt: Any,
    derive: Callable[[Function, list[int]], Function],
    result: Callable[[Structure, Structure], Structure],
) -> PythonFunction:
    """A transform of a Python function that takes a direction: one further argument per variable, nested alike."""
    chosen, single = f.chosen(wrt)
    known = len(f.names)

    def build(kind: Kind, names: tuple[str, ...]) -> Specialised:
        parent = f.of_kind(kind.first(known))
        slots, variables = variable_slots(f, parent, wrt)
        for n, k in enumerate(chosen):
            wanted = [kind.types[s] for s in kind.slots(k)]
            given = [kind.types[s] for s in kind.slots(known + n)]
            if [t.shape for t in wanted] != [t.shape for t in given]:
                shapes = [", ".join(str(t.shape) for t in part) for part in (given, wanted)]
                raise ArgumentError(
                    f"{name} {f.name}: d_{f.names[k]} has shape {shapes[0]}, {f.names[k]} has {shapes[1]}; "
                    "a direction is nested and shaped like its variable"
                )
        derived = flat(derive(parent.function.dense(), slots))
        return Specialised(derived, kind, result(parent.result, variables), parent.taken)

    made = PythonFunction(
        f"{name} {f.name}",
        _extended(f.signature, [f"d_{f.names[k]}" for k in chosen]),
        build,
        f._static,
        f._floats | frozenset(chosen) | frozenset(range(known, known + len(chosen))),
        parent=f,
    )
    return f.kept((name, tuple(chosen), single), made)


def _weighted(f: PythonFunction, wrt: Any) -> PythonFunction:
    """vjp of a Python function: one further argument `ct`, nested like the result."""
    chosen, single = f.chosen(wrt)
    known = len(f.names)

    def build(kind: Kind, names: tuple[str, ...]) -> Specialised:
        parent = f.of_kind(kind.first(known))
        slots, variables = variable_slots(f, parent, wrt)
        own = parent.function.dense()
        wanted = [own.graph.types[o].shape for o in own.outputs]
        given = [kind.types[s].shape for s in kind.slots(known)]
        if wanted != given:
            raise ArgumentError(
                f"vjp {f.name}: ct has shape {', '.join(map(str, given))}, the result {', '.join(map(str, wanted))}; "
                "ct is nested and shaped like the result"
            )
        return Specialised(flat(vjp(own, slots)), kind, tuple_of([parent.result, variables]), parent.taken)

    made = PythonFunction(
        f"vjp {f.name}",
        _extended(f.signature, ["ct"]),
        build,
        f._static,
        f._floats | frozenset(chosen) | {known},
        parent=f,
    )
    return f.kept(("vjp", tuple(chosen), single), made)


def _extended(signature: inspect.Signature, names: Sequence[str]) -> inspect.Signature:
    """The signature with further parameters at its end. ArgumentError where no further one can be given."""
    kinds = inspect.Parameter
    if any(
        p.kind in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD, kinds.KEYWORD_ONLY) for p in signature.parameters.values()
    ):
        raise ArgumentError(f"a function of {signature} takes no direction as a further argument; wrap it in a def")
    plain = [p.replace(default=kinds.empty) for p in signature.parameters.values()]
    taken = set(signature.parameters)
    for n in names:
        while n in taken:
            n += "_"
        taken.add(n)
        plain.append(kinds(n, kinds.POSITIONAL_OR_KEYWORD))
    return signature.replace(parameters=plain)


def shifted(tree: Tree, by: int) -> Tree:
    """The same nesting of outputs that stand `by` places further on."""
    if isinstance(tree, Csr):
        return tree._replace(position=tree.position + by)
    return tuple([shifted(t, by) for t in tree]) if isinstance(tree, tuple) else tree + by


def _lean(f: Function) -> tuple[Graph, list[int], list[int]]:
    """A graph of f's own to work in, its outputs and its inputs there."""
    base, roots = f.lean(f.outputs)
    g = base.copy()
    return g, roots, f.inputs_in(g)


def _fresh(g: Graph, name: str, type: Type) -> int:
    """A new input, with an underscore more where the name is taken."""
    taken = {a[0] for op, a in zip(g.ops, g.attrs, strict=True) if op.name == "input"}
    while name in taken:
        name += "_"
    return g.input(name, type)


def _sum(g: Graph, a: int, b: int) -> int:
    return (Node(g, a) + Node(g, b)).id


def _result(f: Function, g: Graph, inputs: Sequence[int], outputs: Sequence[int], tree: Tree, what: str) -> Function:
    with no_collector():
        out, roots = simplify(g, outputs)
        given = [out.input(g.attrs[i][0], g.types[i]) for i in inputs]
    return Function(
        out,
        given,
        roots,
        name=f"{what} {f.name}",
        tree=tree,
        parameters=f.parameters,
        symbols=f.symbols,
        simple=True,
    )
