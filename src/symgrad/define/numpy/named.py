"""Functions that do not ask their arguments what they mean: SciPy's that are no ufuncs, a few of NumPy's (np.array),
and NumPy's for lists of traced values. While a function is traced, the names by which it and the functions
that it calls know them lead to the tables of `tracer`. With other arguments they are NumPy's and SciPy's.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from symgrad.define.numpy.chance import Generators, refusing, tracing
from symgrad.define.numpy.messages import REFUSED, STATIC_HINT
from symgrad.define.numpy.place import LIBRARIES
from symgrad.define.numpy.signatures import STATIC, named
from symgrad.define.numpy.tracer import FUNCTIONS, Array, Standing, elements, guarded, has_traced, lifted, refuse, widen
from symgrad.define.numpy.views import SHARING, own

MODULES = ("scipy.linalg", "scipy.special", "scipy.fft")
OWN = ("numpy", "numpy.linalg", "numpy.fft", "numpy.random")
"""Modules of NumPy whose names are led elsewhere, too."""
NAMED: dict[str, Callable[..., Any]] = {}
"""What functions mean, by their full names: SciPy need not be loaded."""
NAMED_REFUSED: dict[str, str] = {}
"""Functions of SciPy that can't be traced, and what to write instead."""
_ARRAYS = frozenset(
    {
        *("a", "a1", "a2", "b", "x", "x1", "x2", "y", "m", "u", "v", "p", "arr", "ary", "array", "element"),
        *("values", "weights", "condition", "xp", "fp"),
    }
)
"""What NumPy calls an argument that is one array: a list there stands for the array of its elements."""
_LOCK = threading.RLock()


def implements_named(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The decorated function is what the functions of these full names ("scipy.linalg.solve") mean."""

    def enter(meaning: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            NAMED[name] = meaning
        return meaning

    return enter


def _asking(fn: Any, name: str) -> Callable[..., Any]:
    """What stands for a function that asks no argument."""

    @functools.wraps(fn)
    def call(*args: Any, **keywords: Any) -> Any:
        if not has_traced((*args, *keywords.values())) or (name.startswith("numpy.") and _from_library()):
            return fn(*args, **keywords)
        meaning = NAMED.get(name) or FUNCTIONS.get(fn)
        if meaning is None:
            hint = NAMED_REFUSED.get(name) or REFUSED.get(fn, "see docs/numpy.md for the functions that can")
            return refuse(f"{name} can't be traced: {hint}")
        widen((args, tuple(keywords.values())))
        given = named(meaning, args, keywords) if name.startswith("numpy.") else {}
        for what in STATIC.intersection(given):
            if has_traced(given[what]):
                refuse(f"{name.replace('numpy.', 'np.')}: {what} must be known, and is traced: {STATIC_HINT}")
        result = guarded(name.replace("numpy.", "np."), meaning, *args, **keywords)
        return result if fn in SHARING else own(result, args)

    return call


def _asking_all(fn: Any) -> Callable[..., Any]:
    """What stands for a function of NumPy, which asks some of its arguments, and not the elements of lists."""
    names = [n if n in _ARRAYS else "" for n in inspect.signature(FUNCTIONS[fn]).parameters]

    @functools.wraps(fn)
    def call(*args: Any, **keywords: Any) -> Any:
        array = next((v for v in elements((*args, *keywords.values())) if isinstance(v, Standing)), None)
        if not isinstance(array, Array) or _from_library():
            return fn(*args, **keywords)
        given = list(args)
        for k, n in enumerate(names[: len(given)]):
            if n and isinstance(given[k], (list, tuple)) and has_traced(given[k]):
                given[k] = lifted(array.graph, given[k])
        return array.__array_function__(fn, (), given, keywords)

    return call


def _from_library() -> bool:
    """Whether NumPy, SciPy or this package has made the call that asks this: they get what they know."""
    return str(sys._getframe(2).f_code.co_filename).startswith(LIBRARIES)


def _is_asked(value: Any) -> bool:
    return isinstance(value, (FunctionType, BuiltinFunctionType)) or type(value).__name__ == "_Function"


@functools.cache
def _replacements(loaded: tuple[str, ...]) -> dict[int, tuple[Any, Any]]:
    """For modules that are loaded: id of a function -> (it, what stands for it)."""
    found: dict[int, tuple[Any, Any]] = {}
    for module_name in loaded:
        module = sys.modules[module_name]
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name, None)
            if _is_asked(value):
                found[id(value)] = (value, _asking(value, f"{module_name}.{name}"))
    for fn in FUNCTIONS:
        found.setdefault(id(fn), (fn, _asking_all(fn)))
    for name in NAMED:
        if name.startswith("numpy."):
            value = getattr(np, name[len("numpy.") :])
            found[id(value)] = (value, _asking(value, name))
    found.update(refusing())
    return found


@functools.cache
def _in_modules(loaded: tuple[str, ...]) -> list[tuple[dict[str, Any], str, Any, Any]]:
    """(namespace, name, what is there, what stands for it) in the modules of NumPy and SciPy."""
    replaced = _replacements(loaded)
    found = []
    for module in (*OWN, *loaded):
        space = sys.modules[module].__dict__
        for name, value in list(space.items()):
            pair = replaced.get(id(value))
            if pair is not None and pair[0] is value:
                found.append((space, name, *pair))
    return found


def _namespaces(fn: Any) -> tuple[list[dict[str, Any]], list[Any]]:
    """The globals of `fn` and of the Python functions that it can reach; and their closures."""
    found: dict[int, dict[str, Any]] = {}
    cells: list[Any] = []
    stack: list[Any] = [fn]
    seen: set[int] = set()
    while stack:
        f = stack.pop()
        f = getattr(f, "__wrapped__", getattr(f, "func", getattr(f, "__func__", f)))
        if not isinstance(f, FunctionType):
            f = vars(type(f)).get("__call__")
        if not isinstance(f, FunctionType) or id(f) in seen:
            continue
        seen.add(id(f))
        space = f.__globals__
        top = str(space.get("__name__", "")).split(".")[0]
        if top in ("numpy", "scipy", "symgrad"):
            continue
        for cell in f.__closure__ or ():
            try:
                stack.append(cell.cell_contents)
            except ValueError:  # not bound yet
                continue
            cells.append(cell)
        if id(space) not in found:
            found[id(space)] = space
            stack.extend(v for v in list(space.values()) if isinstance(v, FunctionType))
            stack.extend(
                v
                for m in list(space.values())
                if _is_user_module(m)
                for v in vars(m).values()
                if isinstance(v, FunctionType)
            )
    return list(found.values()), cells


def _is_user_module(value: Any) -> bool:
    if not isinstance(value, ModuleType):
        return False
    path = getattr(value, "__file__", None) or ""
    return bool(path) and "site-packages" not in path and "lib/python" not in path


@contextmanager
def dispatching(fn: Any) -> Iterator[None]:
    """While this lasts, functions in reach of `fn` ask their arguments, and random numbers are refused."""
    loaded = tuple(name for name in MODULES if name in sys.modules)
    with _LOCK:
        replaced = _replacements(loaded)
        changed = [c for c in _in_modules(loaded) if c[0].get(c[1]) is c[2]]
        held: list[tuple[Any, Any]] = []
        spaces, cells = _namespaces(fn)
        generators = Generators(spaces, cells)
        for cell in cells:
            value = cell.cell_contents
            pair = replaced.get(id(value))
            if pair is not None and pair[0] is value:
                cell.cell_contents = pair[1]
                held.append((cell, value))
        for space in spaces:
            for name, value in list(space.items()):
                pair = replaced.get(id(value))
                if pair is not None and pair[0] is value:
                    changed.append((space, name, *pair))
        for space, name, _, own in changed:
            space[name] = own
        try:
            with tracing():
                yield
        finally:
            for space, name, value, own in changed:
                if space.get(name) is own:  # the function may have written to its globals
                    space[name] = value
            for cell, value in held:
                cell.cell_contents = value
        generators.check(fn)
