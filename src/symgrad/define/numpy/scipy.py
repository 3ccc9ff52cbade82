"""SciPy's functions that are no ufuncs, and so do not ask their arguments: while a function is traced, the names by
which it and the functions that it calls know them lead to the tables of `tracer`. With other arguments they are
SciPy's.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

from symgrad.define.numpy.messages import REFUSED
from symgrad.define.numpy.tracer import FUNCTIONS, Array, guarded, refuse

MODULES = ("scipy.linalg", "scipy.special", "scipy.fft")
NAMED: dict[str, Callable[..., Any]] = {}
"""What SciPy's functions mean, by their full names: SciPy need not be loaded."""
NAMED_REFUSED: dict[str, str] = {}
"""Functions of SciPy that can't be traced, and what to write instead."""
_LOCK = threading.RLock()


def implements_named(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The decorated function is what the functions of these full names ("scipy.linalg.solve") mean."""

    def enter(meaning: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            NAMED[name] = meaning
        return meaning

    return enter


def _is_own(value: Any) -> bool:
    return isinstance(value, Array) or (isinstance(value, (tuple, list)) and any(isinstance(v, Array) for v in value))


def _wrapped(fn: Any, name: str) -> Callable[..., Any]:
    @functools.wraps(fn)
    def call(*args: Any, **keywords: Any) -> Any:
        if not any(map(_is_own, (*args, *keywords.values()))):
            return fn(*args, **keywords)
        meaning = NAMED.get(name) or FUNCTIONS.get(fn)
        if meaning is None:
            hint = NAMED_REFUSED.get(name) or REFUSED.get(fn, "see docs/numpy.md for the functions that can")
            return refuse(f"{name} can't be traced: {hint}")
        return guarded(name, meaning, *args, **keywords)

    return call


@functools.cache
def _replacements(loaded: tuple[str, ...]) -> dict[int, tuple[Any, Any]]:
    """For SciPy's modules that are loaded: id of a function -> (it, what stands for it)."""
    found: dict[int, tuple[Any, Any]] = {}
    for module_name in loaded:
        module = sys.modules.get(module_name)
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name, None)
            if isinstance(value, FunctionType) or type(value).__name__ == "_Function":
                found[id(value)] = (value, _wrapped(value, f"{module_name}.{name}"))
    return found


def _namespaces(fn: Any) -> tuple[list[dict[str, Any]], list[Any]]:
    """The globals of `fn` and of the Python functions that it can reach, and SciPy's modules; and their closures."""
    found: dict[int, dict[str, Any]] = {}
    cells: list[Any] = []
    for name in MODULES:
        if name in sys.modules:
            found[id(sys.modules[name].__dict__)] = sys.modules[name].__dict__
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
    """While this lasts, SciPy's functions in reach of `fn` ask their arguments."""
    loaded = tuple(name for name in MODULES if name in sys.modules)
    if not loaded:
        yield
        return
    with _LOCK:
        replaced = _replacements(loaded)
        changed: list[tuple[dict[str, Any], str, Any]] = []
        held: list[tuple[Any, Any]] = []
        spaces, cells = _namespaces(fn)
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
                    space[name] = pair[1]
                    changed.append((space, name, value))
        try:
            yield
        finally:
            for space, name, value in changed:
                space[name] = value
            for cell, value in held:
                cell.cell_contents = value
