"""What ufuncs mean: operations of the same name, and the few that are written with others.

NumPy itself says which dtypes a ufunc works in (`ufunc.resolve_dtypes`), so promotion is NumPy's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import elementwise
from symgrad.define.numpy.reductions import accumulated
from symgrad.define.numpy.tracer import METHODS, UFUNCS, Array, graph_of, is_traced, refuse
from symgrad.graph import REGISTER

SAME = {
    "absolute": "abs",
    "fabs": "abs",
    "true_divide": "divide",
    "remainder": "mod",
    "bitwise_and": "logical_and",
    "bitwise_or": "logical_or",
    "invert": "logical_not",
}
"""ufuncs whose operation has another name."""
_LOGICAL = ("logical_and", "logical_or", "logical_not")


def _dtypes(ufunc: Any, inputs: Sequence[Any]) -> list[Any]:
    """The dtypes that NumPy would work in; Python's numbers adapt to the arrays."""
    given = []
    for v in inputs:
        if isinstance(v, (int, float)) and not isinstance(v, bool) and type(v) in (int, float):
            given.append(type(v))
        else:
            given.append(v.dtype if isinstance(v, Array) else np.asarray(v).dtype)
    found = ufunc.resolve_dtypes((*given, *[None] * ufunc.nout))
    return list(found[: ufunc.nin])


def _by_name(ufunc: Any, name: str) -> Any:
    op = REGISTER[name]

    def meaning(*inputs: Any) -> Array:
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


for _name in dir(np):
    if isinstance(getattr(np, _name), np.ufunc):
        enter(getattr(np, _name))


def means(ufunc: Any) -> Any:
    """The decorated function is what the ufunc means."""

    def keep(meaning: Any) -> Any:
        UFUNCS[ufunc] = meaning
        return meaning

    return keep


@means(np.power)
@means(np.float_power)
def power(x: Any, y: Any) -> Any:
    exponent = None if is_traced(y) or np.ndim(y) else np.asarray(y)[()]
    if exponent is not None and is_traced(x):
        if isinstance(exponent, (int, np.integer)) and (x.dtype.kind == "f" or exponent >= 0):
            return _integer_power(x, int(exponent))
        if exponent == 2.0:
            return _integer_power(x * 1.0, 2)
        if exponent == 0.5:
            return np.sqrt(x)
    return elementwise(REGISTER["power"], (x, y), _dtypes(np.power, (x, y)), graph_of(x, y))


def _integer_power(x: Array, n: int) -> Array:
    if x.dtype.kind == "b":
        x = x.astype("int64")
    if n == 0:
        return np.ones_like(x)  # type: ignore[return-value]
    return Array(x.graph, x.graph.build(REGISTER["integer_power"], (x.id,), (n,)))


@means(np.square)
def square(x: Any) -> Any:
    return power(x, 2)


@means(np.reciprocal)
def reciprocal(x: Any) -> Any:
    return 1 / x


@means(np.positive)
def positive(x: Any) -> Any:
    return x


@means(np.conjugate)
def conjugate(x: Any) -> Any:
    return x


@means(np.floor_divide)
def floor_divide(x: Any, y: Any) -> Any:
    result = np.floor(np.true_divide(x, y))
    return result.astype("int64") if _dtypes(np.floor_divide, (x, y))[0].kind in "iub" else result


@means(np.divmod)
def divmod_(x: Any, y: Any) -> Any:
    return floor_divide(x, y), np.remainder(x, y)


@means(np.modf)
def modf(x: Any) -> Any:
    whole = np.trunc(x)
    return x - whole, whole


@means(np.rint)
def rint(x: Any) -> Any:
    """The nearest whole number, the even one of two."""
    x = x * 1.0
    near = np.floor(x + 0.5)
    odd = np.equal(np.mod(near, 2.0), 1.0)
    return np.where(np.isfinite(x), np.where(np.equal(near - x, 0.5) & odd, near - 1.0, near), x)


@means(np.fmax)
def fmax(x: Any, y: Any) -> Any:
    return np.where(np.isnan(x), y, np.where(np.isnan(y), x, np.maximum(x, y)))


@means(np.fmin)
def fmin(x: Any, y: Any) -> Any:
    return np.where(np.isnan(x), y, np.where(np.isnan(y), x, np.minimum(x, y)))


@means(np.signbit)
def signbit(x: Any) -> Any:
    return np.less(x, 0)  # of -0.0, whose sign no formula keeps, False


@means(np.copysign)
def copysign(x: Any, y: Any) -> Any:
    size = np.abs(x)
    return np.where(np.less(y, 0), -size, size) * 1.0


@means(np.deg2rad)
@means(np.radians)
def radians(x: Any) -> Any:
    return x * (np.pi / 180)


@means(np.rad2deg)
@means(np.degrees)
def degrees(x: Any) -> Any:
    return x * (180 / np.pi)


@means(np.logaddexp2)
def logaddexp2(x: Any, y: Any) -> Any:
    return np.logaddexp(np.multiply(x, np.log(2.0)), np.multiply(y, np.log(2.0))) / np.log(2.0)


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
