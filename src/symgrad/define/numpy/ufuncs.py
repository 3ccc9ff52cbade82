"""What ufuncs mean: operations of the same name, and the few that are written with others.

NumPy itself says which dtypes a ufunc works in (`ufunc.resolve_dtypes`), so promotion is NumPy's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import alike, elementwise, of_alike
from symgrad.define.numpy.dtypes import python_number
from symgrad.define.numpy.reductions import accumulated
from symgrad.define.numpy.tracer import METHODS, UFUNCS, Array, cast, graph_of, is_traced, own_dtype, refuse
from symgrad.graph import REGISTER

SAME = {
    "absolute": "abs",
    "fabs": "abs",
    "true_divide": "divide",
    "remainder": "mod",
    "bitwise_and": "logical_and",
    "bitwise_or": "logical_or",
    "bitwise_xor": "logical_xor",
    "invert": "logical_not",
}
"""ufuncs whose operation has another name."""
_LOGICAL = ("logical_and", "logical_or", "logical_xor", "logical_not")


def _dtypes(ufunc: Any, inputs: Sequence[Any]) -> list[Any]:
    """The dtypes that NumPy would work in; Python's numbers adapt to the arrays."""
    given = [v.weak or v.dtype if isinstance(v, Array) else python_number(v) or np.asarray(v).dtype for v in inputs]
    found = ufunc.resolve_dtypes((*given, *[None] * ufunc.nout))
    return list(found[: ufunc.nin])


def _by_name(ufunc: Any, name: str) -> Any:
    op = REGISTER[name]

    def meaning(*inputs: Any) -> Array:
        if name not in _LOGICAL and alike(inputs):
            return of_alike(op, inputs)
        dtypes = _dtypes(ufunc, inputs)
        if name in _LOGICAL:
            if ufunc.__name__ not in _LOGICAL and any(d.kind != "b" for d in dtypes):
                refuse(f"np.{ufunc.__name__} of integers: bits of traced integers can't be taken")
            dtypes = ["bool"] * len(dtypes)
        return elementwise(op, inputs, dtypes, graph_of(*inputs))

    return meaning


def enter(ufunc: Any, operation: str | None = None) -> None:
    """A ufunc that is an operation: the one given, or of its own name, or as `SAME` has it."""
    own = str(ufunc.__name__)
    name = operation or SAME.get(own, own)
    op = REGISTER.get(name)
    if op is not None and op.kind in ("elementwise", "constant") and op.arity == ufunc.nin and not op.attrs:
        UFUNCS[ufunc] = _by_name(ufunc, name)


for _value in list(vars(np).values()):  # not by name: NumPy loads f2py, testing and others when asked for them
    if isinstance(_value, np.ufunc):
        enter(_value)


def means(*ufuncs: Any) -> Any:
    """The decorated function is what these ufuncs mean, of inputs in the dtypes that NumPy would work in."""

    def keep(meaning: Any) -> Any:
        for u in ufuncs:
            UFUNCS[u] = _converted(u, meaning)
        return meaning

    return keep


def _converted(ufunc: Any, meaning: Any) -> Any:
    def call(*inputs: Any) -> Any:
        dtypes = [own_dtype(d) for d in _dtypes(ufunc, inputs)]
        return meaning(
            *[cast(x, d) if is_traced(x) else np.asarray(x).astype(d) for x, d in zip(inputs, dtypes, strict=True)]
        )

    return call


def power(x: Any, y: Any) -> Any:
    exponent = None if is_traced(y) or np.ndim(y) else np.asarray(y)[()]
    if exponent is not None and is_traced(x):
        if isinstance(exponent, (int, np.integer)) and not isinstance(exponent, (bool, np.bool_)):
            if x.dtype.kind == "f" and np.result_type(x.dtype, y) == x.dtype:
                return _integer_power(x, int(exponent))
            if x.dtype.kind == "i" and exponent >= 0:
                return _integer_power(x, int(exponent))
            if x.dtype.kind == "i":
                raise ValueError("integers to negative integer powers are not integers: write x.astype(float)")
        elif exponent == 2.0:
            return _integer_power(cast(x, _dtypes(np.power, (x, y))[0]), 2)
        elif exponent == 0.5:
            return np.sqrt(cast(x, _dtypes(np.power, (x, y))[0]))
    return elementwise(REGISTER["power"], (x, y), _dtypes(np.power, (x, y)), graph_of(x, y))


def _integer_power(x: Array, n: int) -> Array:
    if n == 0:
        return np.ones_like(x)  # type: ignore[return-value]
    return Array(x.graph, x.graph.build(REGISTER["integer_power"], (x.id,), (n,)))


def float_power(x: Any, y: Any) -> Any:
    if is_traced(x):
        x = cast(x, "float64")
        return power(x, y if not is_traced(y) and not np.ndim(y) else y * np.float64(1.0))
    return power(np.asarray(x, np.float64), y * np.float64(1.0))


UFUNCS[np.power] = power
UFUNCS[np.float_power] = float_power


@means(np.square)
def square(x: Any) -> Any:
    return _integer_power(x, 2)


@means(np.reciprocal)
def reciprocal(x: Any) -> Any:
    if x.dtype.kind == "f":
        return 1 / x
    return np.where(np.equal(x, 0), np.iinfo(np.int64).min, np.where(np.equal(np.abs(x), 1), x, 0))


@means(np.positive, np.conjugate)
def positive(x: Any) -> Any:
    return x.copy()


@means(np.floor_divide)
def floor_divide(x: Any, y: Any) -> Any:
    """As NumPy's: from the remainder, so that it is whole to the last digit; integers over zero are 0."""
    if _real(x, y):
        quotient = np.rint((x - np.remainder(x, y)) / y)
        return np.where(np.equal(y, 0), x / y, quotient)
    safe = np.where(np.equal(y, 0), 1, y)
    return np.where(np.equal(y, 0), 0, cast(np.rint((x - np.remainder(x, safe)) / safe), "int64"))  # type: ignore[arg-type]


def _real(*values: Any) -> bool:
    return all(v.dtype.kind == "f" for v in values)


@means(np.divmod)
def divmod_(x: Any, y: Any) -> Any:
    return np.floor_divide(x, y), np.remainder(x, y)


@means(np.modf)
def modf(x: Any) -> Any:
    whole = np.trunc(x)
    return np.where(np.isinf(x), np.zeros((), x.dtype), x - whole), whole


@means(np.rint)
def rint(x: Any) -> Any:
    """The nearest whole number, the even one of two."""
    below = np.floor(x)
    rest, odd = x - below, np.equal(np.mod(below, 2), 1)
    up = np.greater(rest, 0.5) | (np.equal(rest, 0.5) & odd)
    return np.where(np.isfinite(x), np.where(up, below + 1, below), x)


@means(np.fmax)
def fmax(x: Any, y: Any) -> Any:
    return np.where(np.isnan(x), y, np.where(np.isnan(y), x, np.maximum(x, y)))


@means(np.fmin)
def fmin(x: Any, y: Any) -> Any:
    return np.where(np.isnan(x), y, np.where(np.isnan(y), x, np.minimum(x, y)))


@means(np.signbit)
def signbit(x: Any) -> Any:
    return np.less(np.where(np.equal(x, 0), 1 / x, x), 0)  # 1/-0.0 is -inf


@means(np.copysign)
def copysign(x: Any, y: Any) -> Any:
    size = np.abs(x)
    return np.where(np.signbit(y), -size, size)


@means(np.ldexp)
def ldexp(x: Any, n: Any) -> Any:
    return x * np.power(np.asarray(2, x.dtype), n).astype(x.dtype)


@means(np.deg2rad, np.radians)
def radians(x: Any) -> Any:
    return x * (np.pi / 180)


@means(np.rad2deg, np.degrees)
def degrees(x: Any) -> Any:
    return x * (180 / np.pi)


@means(np.logaddexp2)
def logaddexp2(x: Any, y: Any) -> Any:
    two = float(np.log(2.0))
    return np.logaddexp(x * two, y * two) / two


def _products() -> None:
    """Products of NumPy 2 that are ufuncs, too."""
    for name, subscripts in (
        ("vecdot", "...i,...i->..."),
        ("matvec", "...ij,...j->...i"),
        ("vecmat", "...i,...ij->...j"),
    ):
        if hasattr(np, name):
            UFUNCS[getattr(np, name)] = lambda a, b, _s=subscripts: np.einsum(_s, a, b)


_products()


def _of_integers(ufunc: Any, name: str, otherwise: bool) -> None:
    """isnan and its kind: decided by the dtype for integers."""
    op = REGISTER[name]

    def meaning(x: Any) -> Any:
        if x.dtype.kind != "f":
            return np.full_like(x, otherwise, dtype=bool)
        return elementwise(op, (x,), (x.dtype,), x.graph)

    UFUNCS[ufunc] = meaning


_of_integers(np.isnan, "isnan", False)
_of_integers(np.isinf, "isinf", False)
_of_integers(np.isfinite, "isfinite", True)


def _whole(ufunc: Any, name: str) -> None:
    """floor and its kind: integers are their own."""
    op = REGISTER[name]

    def meaning(x: Any) -> Any:
        return elementwise(op, (x,), (x.dtype,), x.graph) if x.dtype.kind == "f" else x.copy()

    UFUNCS[ufunc] = meaning


for _ufunc in (np.floor, np.ceil, np.trunc):
    _whole(_ufunc, _ufunc.__name__)

_REDUCED = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
}


def _reduce(ufunc: Any, x: Any, axis: Any = 0, **keywords: Any) -> Any:
    if ufunc not in _REDUCED:
        refuse(f"np.{ufunc.__name__}.reduce can't be traced")
    return _REDUCED[ufunc](x, axis=axis, **keywords)


def _outer(ufunc: Any, x: Any, y: Any) -> Any:
    left = np.reshape(x, np.shape(x) + (1,) * np.ndim(y))
    return ufunc(left, y)


def _accumulate(ufunc: Any, x: Any, axis: int = 0, **keywords: Any) -> Any:
    meaning = accumulated(ufunc)
    if meaning is None:
        refuse(f"np.{ufunc.__name__}.accumulate can't be traced")
    return meaning(x, axis=axis, **keywords)


METHODS.update({"reduce": _reduce, "accumulate": _accumulate, "outer": _outer})
