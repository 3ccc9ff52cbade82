"""Operation -> NumPy. An operation is lowered by: this table, else its own name in NumPy or scipy.special,
else its declared fallback. The table holds only the exceptions.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.dialects import numpy_arrays as arrays
from symgrad.dialects import numpy_linalg as linalg
from symgrad.dialects import numpy_places as places
from symgrad.errors import ArgumentError, UnsupportedError
from symgrad.graph import Op


def _stack(*parts: Any, shape: tuple[int, ...]) -> Any:
    """Scalars (or batches of them, one common shape) to an array with the new axes at the end."""
    if len(parts) == 0:
        return np.zeros(shape)
    parts = np.broadcast_arrays(*parts)
    return np.stack(parts, axis=-1).reshape(parts[0].shape + shape)


def _scipy(name: str, part: int | None = None, first: bool = False) -> Callable[..., Any]:
    """A function of scipy.special, loaded at its first call.

    `part`: it returns a tuple, of which this is wanted. `first`: it takes the one attribute first.
    """

    def call(*args: Any, **attrs: Any) -> Any:
        import scipy.special

        fn = getattr(scipy.special, name)
        value = fn(*attrs.values(), *args) if first else fn(*args, **attrs)
        return value if part is None else value[part]

    return call


def _from_zero(fn: Callable[..., Any]) -> Callable[..., Any]:
    """NaN for x < 0, where the function is complex and SciPy gives its real part."""
    return lambda x: np.where(x < 0, np.nan, fn(x))


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def _lambertw(x: Any, k: int) -> Any:
    import scipy.special

    w = scipy.special.lambertw(x, k)
    return np.where(w.imag == 0, w.real, np.nan)


def _cast(x: Any, dtype: str) -> Any:
    """As NumPy's, but a number beyond 64 bits is no integer: a sum up to it would not end."""
    x = np.asarray(x)
    if dtype == "int64" and x.dtype.kind == "f" and not np.all(np.abs(x) < 2.0**63):
        bad = x[~(np.abs(x) < 2.0**63)].flat[0]
        raise ArgumentError(f"a bound of a sum or an index must be an integer of 64 bits, got {bad}")
    return x.astype(dtype)


def _gather(array: Any, *places: Any) -> Any:
    """Elements at computed places; NumPy would count negative ones from the end, here they are outside."""
    batch, shape = array.shape[: array.ndim - len(places)], array.shape[array.ndim - len(places) :]
    for axis, (k, n) in enumerate(zip(places, shape, strict=True)):
        if np.size(k) and (np.min(k) < 0 or np.max(k) >= n):
            bad = int(np.min(k)) if np.min(k) < 0 else int(np.max(k))
            raise ArgumentError(f"index {bad} is outside axis {axis} of an array of shape {shape}")
    own = np.ogrid[tuple(map(slice, batch))] if batch else ()  # every point of a batch reads its own array
    return array[(*own, *places)]


def _element(array: Any, index: tuple[int, ...]) -> Any:
    if all(map(operator.lt, index, array.shape[array.ndim - len(index) :])):
        return array[(..., *index)]
    return _gather(array, *index)  # which says what is wrong


LOWERED: dict[str, Callable[..., Any]] = {
    **linalg.LOWERED,
    **places.LOWERED,
    "integer_power": lambda x, n: np.power(x, np.asarray(n, dtype=np.int64) if n > 2 else n),
    "mask": lambda c, x: np.where(c, x, np.zeros((), getattr(x, "dtype", float))),
    "arctan2": np.arctan2,
    "stack": _stack,
    "einsum": arrays.einsum,
    "delta": lambda n, dtype: np.eye(n, dtype=dtype),
    "basis": arrays.basis,
    "literal": lambda data: data.value,
    "broadcast": arrays.broadcast,
    "reshape": arrays.reshape,
    "gather": _gather,
    "cast": _cast,
    "element": _element,
    "sigmoid": _sigmoid,
    "softplus": lambda x: np.logaddexp(np.zeros_like(x), x),
    "sinc": lambda x: np.where(x == 0, 1, np.sin(x) / x),  # NumPy's is that of pi x
    "polygamma": _scipy("polygamma", first=True),
    "riemann_zeta": _scipy("zeta"),
    "expn": _scipy("expn", first=True),
    "fresnels": _scipy("fresnel", 0),
    "fresnelc": _scipy("fresnel", 1),
    "si": _scipy("sici", 0),
    "ci": _from_zero(_scipy("sici", 1)),
    "shi": _scipy("shichi", 0),
    "chi": _from_zero(_scipy("shichi", 1)),
    "lambertw": _lambertw,
    "airyai": _scipy("airy", 0),
    "airyaiprime": _scipy("airy", 1),
    "airybi": _scipy("airy", 2),
    "airybiprime": _scipy("airy", 3),
    "spherical_jn": _scipy("spherical_jn", first=True),
    "spherical_yn": _scipy("spherical_yn", first=True),
    "spherical_in": _scipy("spherical_in", first=True),
    "eval_hermite": _scipy("eval_hermite", first=True),
    "eval_hermitenorm": _scipy("eval_hermitenorm", first=True),
}


def lowering(op: Op) -> Callable[..., Any] | None:
    """The NumPy callable for an operation, attributes as keywords; None: expand its `fallback`."""
    special = LOWERED.get(op.name)
    if special is not None:
        return special
    own = getattr(np, op.name, None)
    if callable(own):
        return own
    import scipy.special

    own = getattr(scipy.special, op.name, None)
    if own is None and op.fallback is None:
        raise UnsupportedError(f"the NumPy back end has no lowering of {op.name!r} and it declares no fallback")
    return own
