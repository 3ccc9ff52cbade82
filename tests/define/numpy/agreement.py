"""Whether a traced function is NumPy's: values, dtypes, shapes; and whether its derivative is that of its values."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import symgrad as sg

SMALLER = {"float16": "float32", "int8": "int64", "int16": "int64", "int32": "int64", "uint8": "int64"}
"""dtypes that the graph lacks, and what stands for them."""


class S(NamedTuple):
    """An argument that is not traced though it is an array."""

    value: Any


class Case(NamedTuple):
    """A call: arrays (and lists of them) among `args` are traced, the rest is part of the function."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    keywords: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.function.__name__)

    def split(self) -> tuple[Callable[..., Any], list[Any]]:
        """(a function of the arrays alone, the arrays)."""
        traced = [k for k, a in enumerate(self.args) if _has_array(a)]
        fixed = [a.value if isinstance(a, S) else a for a in self.args]

        def called(*arrays: Any) -> Any:
            given = list(fixed)
            for k, a in zip(traced, arrays, strict=True):
                given[k] = a
            return self.function(*given, **self.keywords)

        return called, [self.args[k] for k in traced]

    def __repr__(self) -> str:
        shown = ", ".join([*map(_shown, self.args), *(f"{k}={_shown(v)}" for k, v in self.keywords.items())])
        return f"{self.function.__name__}({shown})"


def case(function: Callable[..., Any], *args: Any, **keywords: Any) -> Case:
    return Case(function, args, keywords)


def _has_array(a: Any) -> bool:
    if isinstance(a, S):
        return False
    if isinstance(a, (list, tuple)):
        return any(map(_has_array, a))
    return isinstance(a, (np.ndarray, np.generic))


def _shown(a: Any) -> str:
    if isinstance(a, S):
        a = a.value
    if isinstance(a, np.ndarray):
        return f"{a.dtype}{list(a.shape)}"
    if isinstance(a, (list, tuple)):
        return f"[{', '.join(map(_shown, a))}]"
    return repr(a)


def leaves(value: Any) -> list[Any]:
    """The arrays of a result."""
    if isinstance(value, (list, tuple)):
        return [x for v in value for x in leaves(v)]
    return [np.asarray(value)]


def disagreement(c: Case) -> str:
    """What differs between the traced call and NumPy's; "" if nothing does."""
    fn, arrays = c.split()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            wanted = leaves(fn(*arrays))
        except (ValueError, TypeError, IndexError, ZeroDivisionError) as e:
            try:
                got = sg.function(fn)(*arrays)
            except (sg.SymgradError, ValueError):
                return ""
            return f"{c}: NumPy raises {e}, traced gives {got!r:.60}"
        try:
            f = sg.function(fn)
            found = leaves(f(*arrays))
            made = f.specialise(*arrays)
            dtypes = [made.graph.types[o].dtype for o in made.outputs]  # a scalar result is a Python number
        except sg.SymgradError as e:
            return f"{c}: {type(e).__name__} {str(e).splitlines()[0]}"
    return _differ(c, wanted, found, dtypes)


def _differ(c: Case, wanted: Sequence[Any], found: Sequence[Any], dtypes: Sequence[str]) -> str:
    if len(wanted) != len(found):
        return f"{c}: {len(found)} results for {len(wanted)}"
    for a, b, own in zip(wanted, found, dtypes, strict=True):
        if a.shape != b.shape:
            return f"{c}: shape {b.shape} for {a.shape}"
        dtype = SMALLER.get(a.dtype.name, a.dtype.name)
        if own != dtype:
            return f"{c}: dtype {own} for {a.dtype}"
        tight = a.dtype.name == "float64"
        half = a.dtype.name == "float16"
        rtol, atol = (2e-13, 1e-13) if tight else (2e-3, 1e-3) if half else (3e-5, 3e-6)
        if not np.allclose(a.astype(b.dtype), b, rtol=rtol, atol=atol, equal_nan=True):
            return f"{c}: {b!r:.90} for {a!r:.90}"
    return ""


def slope_disagreement(c: Case, rng: np.random.Generator, h: float = 1e-6) -> str:
    """The derivative along a random direction and along the transpose, against central differences of the values."""
    fn, arrays = c.split()
    free = [k for k, a in enumerate(arrays) if all(x.dtype == np.float64 for x in leaves(a))]
    if not free:
        return ""
    directions = [_like(arrays[k], rng) for k in free]

    def moved(t: float) -> list[Any]:
        given = list(arrays)
        for k, d in zip(free, directions, strict=True):
            given[k] = _plus(arrays[k], d, t)
        return leaves(fn(*given))

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            at = leaves(fn(*arrays))
        except (ValueError, TypeError, IndexError, ZeroDivisionError):
            return ""
        smooth = [k for k, v in enumerate(at) if v.dtype == np.float64]
        if not smooth or not all(np.all(np.isfinite(v)) for v in at):
            return ""
        weights = [rng.standard_normal(v.shape) for v in at]
        ups, downs = moved(h), moved(-h)
        wanted = sum(np.sum(weights[k] * (ups[k] - downs[k])) for k in smooth) / (2 * h)

        def total(variables: Any, others: Any) -> Any:
            given = list(others)
            for k, v in zip(free, variables, strict=True):
                given[k] = v
            value = _flat(fn(*given))
            return sum((np.sum(weights[k] * value[k]) for k in smooth), start=0.0)

        others = [None if k in free else a for k, a in enumerate(arrays)]
        try:
            gradients = sg.grad(total)([arrays[k] for k in free], others)
        except sg.SymgradError as e:
            return f"{c}: derivative: {type(e).__name__} {str(e).splitlines()[0]}"
    found = sum(
        float(np.sum(np.asarray(x) * y))
        for g, d in zip(gradients, directions, strict=True)
        for x, y in zip(leaves(g), leaves(d), strict=True)
    )
    scale = max(1.0, abs(wanted), *(float(np.max(np.abs(v), initial=0)) for v in at))
    return "" if abs(found - wanted) <= 2e-6 * scale else f"{c}: slope {found} for {wanted}"


def _flat(value: Any) -> list[Any]:
    return [x for v in value for x in _flat(v)] if isinstance(value, (list, tuple)) else [value]


def _like(a: Any, rng: np.random.Generator) -> Any:
    return [_like(x, rng) for x in a] if isinstance(a, (list, tuple)) else rng.standard_normal(np.shape(a))


def _plus(a: Any, d: Any, t: float) -> Any:
    return type(a)(_plus(x, y, t) for x, y in zip(a, d, strict=True)) if isinstance(a, (list, tuple)) else a + t * d
