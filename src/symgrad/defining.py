"""Ways to define a function: SymPy's symbols and an expression, or a Python function of NumPy arrays."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError, FormulaError
from symgrad.function import Function
from symgrad.generic import Kind, PythonFunction, Specialised, flat
from symgrad.graph.tree import Csr
from symgrad.leaves import Fixed, is_static
from symgrad.tree import NUMBER, Structure, flatten


def from_python(fn: Callable[..., Any], static: Any = (), name: str | None = None) -> PythonFunction:
    """A PythonFunction of a plain Python function."""
    from symgrad.define.numpy import trace

    try:
        signature = _of_ufunc(fn) if isinstance(fn, np.ufunc) else inspect.signature(fn)
    except (TypeError, ValueError):
        raise ArgumentError(f"{fn!r:.60} has no signature that can be read; wrap it in a def") from None
    own = name or getattr(fn, "__name__", "f")
    names = list(signature.parameters)
    wanted = [static] if isinstance(static, (str, int)) else list(static)
    fixed = frozenset(names[s] if isinstance(s, int) else s for s in wanted)
    if fixed - set(names):
        raise ArgumentError(f"static={sorted(fixed - set(names))}: not an argument of {own}; it has {', '.join(names)}")

    def build(kind: Kind, leaf_names: tuple[str, ...]) -> Specialised:
        def call(arrays: list[Any]) -> Any:
            values, start = [], 0
            for a in kind.arguments:
                plain = tuple(int(x) if isinstance(x, Fixed) else x for x in a.fixed)  # to the function they are any
                values.append(a._replace(fixed=plain).nest(arrays[start : start + a.size]))
                start += a.size
            return _call(fn, signature, values)

        found = trace(fn, leaf_names, kind.types, kind.numbers, call, flatten, is_static)
        count = len(found.outputs)
        function = Function(
            found.graph, found.inputs, found.outputs, name=own, tree=0 if count == 1 else tuple(range(count))
        )
        fixed = [NUMBER if is_number else x for x, is_number in zip(found.leaves, found.numbers, strict=True)]
        return Specialised(function, kind, Structure(found.structure, tuple(fixed)), found.taken)

    made = PythonFunction(own, signature, build, fixed)
    made.pickled = partial(_pickled, fn, tuple(sorted(fixed)), own)
    return made


def _of_ufunc(fn: np.ufunc) -> inspect.Signature:
    """Its inputs alone: what else a ufunc takes are options."""
    names = ("x", "y", "z")[: fn.nin]
    return inspect.Signature([inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names])


def _pickled(fn: Callable[..., Any], static: tuple[str, ...], name: str, made: PythonFunction) -> tuple[Any, ...]:
    """How to make it again: by the name that a decorator gave it, or of the plain function."""
    found: Any = sys.modules.get(fn.__module__)
    for part in fn.__qualname__.split("."):
        found = getattr(found, part, None)
    return (from_name, (fn.__module__, fn.__qualname__)) if found is made else (from_python, (fn, static, name))


def from_name(module: str, path: str) -> PythonFunction:
    """The decorated function of this name, as pickled."""
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    if not isinstance(found, PythonFunction):
        raise FormulaError(f"{module}.{path} is {found!r:.60}, and was a function of symgrad when it was pickled")
    return found


def _call(fn: Callable[..., Any], signature: inspect.Signature, values: Sequence[Any]) -> Any:
    args: list[Any] = []
    named: dict[str, Any] = {}
    for p, v in zip(signature.parameters.values(), values, strict=True):
        if p.kind is p.VAR_POSITIONAL:
            args += v
        elif p.kind is p.VAR_KEYWORD:
            named.update(v)
        elif p.kind is p.KEYWORD_ONLY:
            named[p.name] = v
        else:
            args.append(v)
    return fn(*args, **named)


def take_as_function(f: Any) -> Any:
    """A Function or PythonFunction as it is; another callable traced. ArgumentError for anything else."""
    if isinstance(f, Function):
        return f.dense()
    if isinstance(f, PythonFunction):
        return f
    if callable(f):
        return from_python(f)
    raise ArgumentError(
        f"{f!r:.60} is no Function; make one with sg.function(symbols, expression) or of a Python function"
    )


def function(
    symbols: Any = None, expression: Any = None, *, name: str | None = None, dtype: str = "float64", static: Any = ()
) -> Any:
    """A Function from SymPy, or of a Python function over NumPy arrays.

    Args:
        symbols: SymPy: the arguments, in order: a symbol or a sequence of symbols, of applied functions `q(t)`, of
            their derivatives. Free symbols that are left out become named parameters, after the others.
            Python: the function itself; `sg.function` serves as a decorator.
        expression: SymPy: a scalar, a list of scalars (result of shape (n,)), a matrix, or a tuple of these.
        name: how the function shows itself.
        dtype: SymPy: "float64" or "float32". A Python function has the dtypes of its arguments.
        static: Python: names or positions of arguments that are part of the definition (sizes, options): the
            function is traced anew for each of their values.

    Raises:
        UnsupportedError: a sub-expression has no numerical meaning; it is named.
        ArgumentError: a symbol is listed twice, or is none.
        TraceError: at a call, for what can't be traced in a Python function; it shows the line.

    Example:
        >>> import numpy as np, sympy as sp, symgrad as sg
        >>> x, y = sp.symbols("x y")
        >>> sg.function([x, y], x**2 + y**2)(3.0, 4.0)
        25.0
        >>> loss = sg.function(lambda w, X: np.sum((X @ w) ** 2))
        >>> loss(np.array([1.0, 2.0]), np.eye(2))
        5.0
    """
    if expression is None:
        if symbols is None:
            return lambda fn: from_python(fn, static, name)
        if isinstance(symbols, (Function, PythonFunction)):
            return symbols
        if callable(symbols) and not hasattr(symbols, "free_symbols"):
            return from_python(symbols, static, name)
        raise ArgumentError("sg.function takes symbols and an expression, or a Python function")
    from symgrad.define.from_sympy import from_sympy

    d = from_sympy(symbols, expression, dtype)
    return Function(
        d.graph, d.inputs, d.outputs, name=name or "f", tree=d.tree, parameters=d.parameters, symbols=d.symbols
    )


def as_python_function(f: Function) -> PythonFunction:
    """A Function as one of arguments of just its types."""
    names = [n if n.isidentifier() else f"x{k}" for k, n in enumerate(f.names)]
    parameters = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names]
    own = flat(f)
    count = len(own.outputs)
    spec = _spec(f.tree)

    def build(kind: Kind, names: tuple[str, ...]) -> Specialised:
        shapes = [own.graph.types[i].shape for i in own.inputs]
        if [t.shape for t in kind.types] != shapes:
            raise ArgumentError(f"{f.name} takes arguments of shapes {shapes}, got {[t.shape for t in kind.types]}")
        return Specialised(own, kind, Structure(spec, (NUMBER,) * count))

    return PythonFunction(f.name, inspect.Signature(parameters), build, floats=frozenset(range(len(names))))


def _spec(tree: Any) -> Any:
    stack = [tree]
    while stack:
        t = stack.pop()
        if isinstance(t, Csr):
            raise ArgumentError("a function with a sparse result can't be mapped or chunked; leave out sparse=True")
        if isinstance(t, tuple):
            stack.extend(t)
    return flatten(tree)[1]
