"""Operation -> JAX. An operation is lowered by: this table, else its own name in jax.numpy or jax.scipy.special,
else its declared fallback. The table holds only the exceptions.

Entries take arrays or Python numbers, attributes as keywords; those of `TYPED` get the operation's `types` and
`result` type too. Never called outside a trace of the caller's: jit, grad and vmap see plain JAX.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.linalg
import jax.scipy.special
from jax import lax

from symgrad.dialects import expansions
from symgrad.dialects.matrices import as_matmul, factors_of
from symgrad.graph import Op, Type

Places = tuple[int, ...]

OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}
"""Those that take Python numbers beside an array."""


def _stack(*parts: Any, shape: tuple[int, ...]) -> Any:
    spread = jnp.broadcast_arrays(*parts)
    return jnp.stack(spread, -1).reshape(spread[0].shape + shape)


def _gather(types: list[Type], result: Type, array: Any, *places: Any, inside: bool) -> Any:
    """Elements at computed places; outside the array NaN (of integers the least), as compiled code can't raise."""
    return array.at[places].get(mode="fill", wrap_negative_indices=False)


def _einsum(types: list[Type], result: Type, *arrays: Any, subscripts: str, zeros: tuple[int, ...]) -> Any:
    """`zeros`: the operands that are identities or unit vectors. Their zeros are structural: inf times them is 0."""
    product = as_matmul(subscripts, arrays)
    if product is not None:
        return product
    if not zeros or len(zeros) == len(arrays):
        return jnp.einsum(subscripts, *arrays)
    inside, rest = factors_of(subscripts, arrays, zeros, jnp.einsum)
    return jnp.where(inside, rest, 0)


def _logdet(a: Any) -> Any:
    sign, value = jnp.linalg.slogdet(a)
    return jnp.where(sign < 0, math.nan, value)


def _hypot(x: Any, y: Any) -> Any:
    """JAX's has the derivative NaN at (0, 0)."""
    origin = (x == 0) & (y == 0)
    return jnp.where(origin, 0, jnp.hypot(jnp.where(origin, 1, x), y))


def _fresnel(part: int) -> Callable[..., Any]:
    return lambda x: jax.scipy.special.fresnel(x)[part]


def _right(fn: Callable[..., Any]) -> Callable[..., Any]:
    """NaN for x < 0, where the function is complex."""
    return lambda x: jnp.where(x < 0, math.nan, fn(jnp.where(x < 0, 1, x)))


def _betaln(x: Any, y: Any) -> Any:
    """JAX's is off by 1e-7 where x and y are far apart."""
    log_gamma = jax.scipy.special.gammaln
    return log_gamma(x) + log_gamma(y) - log_gamma(x + y)


def _log_ndtr(x: Any) -> Any:
    """JAX's loses digits for large x."""
    small, large = jnp.where(x > 0, 0, x), jnp.where(x > 0, x, 0)
    right = jnp.log1p(-jax.scipy.special.erfc(large / math.sqrt(2)) / 2)
    return jnp.where(x > 0, right, jax.scipy.special.log_ndtr(small))


def _hyp1f1(a: Any, b: Any, z: Any) -> Any:
    """By Kummer's transformation for z < 0, where the series cancels. DLMF 13.2.39."""
    left, right = jnp.where(z < 0, b - a, a), jnp.abs(z)
    return jnp.where(z < 0, jnp.exp(z), 1) * jax.scipy.special.hyp1f1(left, b, right)


LOWERED: dict[str, Callable[..., Any]] = {
    "integer_power": lambda x, n: x**n,
    "mask": lambda c, x: jnp.where(c, x, 0),
    "stack": _stack,
    "element": lambda x, index: x[index],
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "sinc": partial(expansions.sinc, jnp),
    "spherical_yn": partial(expansions.spherical_yn, jnp),
    "spherical_in": partial(expansions.spherical_in, jnp),
    "eval_hermite": partial(expansions.hermite, jnp, step=2),
    "eval_hermitenorm": partial(expansions.hermite, jnp, step=1),
    "beta": lambda x, y: jnp.exp(_betaln(x, y)),
    "betaln": _betaln,
    "log_ndtr": _log_ndtr,
    "erfi": lambda x: 2 / math.sqrt(math.pi) * jnp.exp(x * x) * jax.scipy.special.dawsn(x),
    "hyp1f1": _hyp1f1,
    "hypot": _hypot,
    "fresnels": _fresnel(0),
    "fresnelc": _fresnel(1),
    "si": lambda x: jax.scipy.special.sici(x)[0],
    "ci": _right(lambda x: jax.scipy.special.sici(x)[1]),
    "loggamma": lambda x: jnp.where(x > 0, jax.scipy.special.gammaln(x), math.nan),
    "expn": lambda x, n: jax.scipy.special.expn(n, x),
    "erfcinv": lambda x: jax.scipy.special.ndtri(x / 2) / -math.sqrt(2),
}


def _columns(types: list[Type], a: Any, b: Any, solve: Callable[[Any, Any], Any]) -> Any:
    """`solve` for right sides of shape (batch, n, ...), as the matrices that it takes."""
    batch, own = len(types[0].shape) - 2, types[1].shape
    if len(own) == batch + 2:
        return solve(a, b)
    if len(own) == batch + 1:
        return solve(a, b[..., None])[..., 0]
    return solve(a, b.reshape((*own[: batch + 1], -1))).reshape(own)


def _triangular(types: list[Type], result: Type, a: Any, b: Any, lower: bool) -> Any:
    return _columns(types, a, b, lambda a, b: lax.linalg.triangular_solve(a, b, left_side=True, lower=lower))


def _symmetric(a: Any) -> Any:
    return (a + a.mT) / 2


def _expm_frechet(types: list[Type], result: Type, a: Any, e: Any) -> Any:
    """The upper right block of the exponential of [[a, e], [0, a]]."""
    n = types[0].lengths[-1]
    above, below = jnp.concatenate([a, e], -1), jnp.concatenate([jnp.zeros_like(a), a], -1)
    return jax.scipy.linalg.expm(jnp.concatenate([above, below], -2))[..., :n, n:]


def _pad(types: list[Type], result: Type, x: Any, low: Places, high: Places, interior: Places) -> Any:
    lead = [(0, 0, 0)] * (len(types[0].shape) - len(low))
    return lax.pad(x, jnp.zeros((), x.dtype), [*lead, *zip(low, high, interior, strict=True)])


def _positive(i: Any, n: int) -> Any:
    """Negative places as places behind the end: JAX would count them from there."""
    return jnp.where(i < 0, n, i)


def _take(types: list[Type], result: Type, x: Any, i: Any, axis: int, inside: bool) -> Any:
    """Outside the array NaN (of integers the least), as compiled code can't raise."""
    return jnp.take(x, i if inside else _positive(i, x.shape[axis]), axis, mode="fill")


def _take_along(types: list[Type], result: Type, x: Any, i: Any, inside: bool) -> Any:
    return jnp.take_along_axis(x, i if inside else _positive(i, x.shape[-1]), -1, mode="fill")


def _scatter_add(types: list[Type], result: Type, x: Any, i: Any, axis: int, n: int) -> Any:
    at = (..., _positive(i, n), *[slice(None)] * (-1 - axis))
    return jnp.zeros(result.lengths, x.dtype).at[at].add(x, mode="drop")


def _put_along(types: list[Type], result: Type, x: Any, i: Any, n: int) -> Any:
    def row(x: Any, i: Any) -> Any:
        return jnp.zeros(n, x.dtype).at[i].add(x, mode="drop")

    k = x.shape[-1]
    return jax.vmap(row)(x.reshape(math.prod(x.shape[:-1]), k), _positive(i, n).reshape(-1, k)).reshape(result.lengths)


def _linear_recurrence(a: Any, b: Any) -> Any:
    def step(y: Any, row: tuple[Any, Any]) -> tuple[Any, Any]:
        y = row[0] * y + row[1]
        return y, y

    rows = jnp.moveaxis(a, -1, 0), jnp.moveaxis(b, -1, 0)
    return jnp.moveaxis(lax.scan(step, jnp.zeros_like(b[..., 0] if b.shape[-1] else b.sum(-1)), rows)[1], 0, -1)


def _so_far(extreme: Callable[..., Any], better: Callable[..., Any]) -> Callable[..., Any]:
    """The place of the extreme element so far: the first of equal ones, NaN before all."""

    def call(x: Any) -> Any:
        n = x.shape[-1]
        x = lax.stop_gradient(x)
        found, later = extreme(x, x.ndim - 1)[..., :-1], x[..., 1:]
        new = better(later, found) | ((later != later) & (found == found))
        places = jnp.where(new, jnp.arange(1, n), 0) if n else jnp.zeros(x.shape, int)
        return lax.cummax(jnp.concatenate([jnp.zeros_like(places[..., :1]), places], -1) if n else places, x.ndim - 1)

    return call


def _dft(x: Any, sign: int) -> Any:
    z = lax.complex(x[..., 0], x[..., 1])
    y = jnp.fft.fft(z, axis=-1) if sign < 0 else jnp.fft.ifft(z, axis=-1, norm="forward")
    return jnp.stack([y.real, y.imag], -1)


ARRAYS: dict[str, Callable[..., Any]] = {
    "slice": lambda x, start, stop, step: x[(..., *map(slice, start, stop, step))],
    "flip": lambda x, axes: jnp.flip(x, axes),
    "concatenate": lambda *parts, axis: jnp.concatenate(parts, axis),
    "amax": lambda x: jnp.max(x, -1),
    "amin": lambda x: jnp.min(x, -1),
    "prod": lambda x: jnp.prod(x, -1),
    "logsumexp": lambda x: jax.nn.logsumexp(x, -1),
    "cumsum": lambda x: jnp.cumsum(x, -1),
    "cumprod": lambda x: jnp.cumprod(x, -1),
    "linear_recurrence": _linear_recurrence,
    "argmax": lambda x: jnp.argmax(x, -1),
    "argmin": lambda x: jnp.argmin(x, -1),
    "argsort": lambda x: jnp.argsort(x, -1),
    "argcummax": _so_far(lax.cummax, operator.gt),
    "argcummin": _so_far(lax.cummin, operator.lt),
    "searchsorted": lambda a, v, side: jnp.searchsorted(a, v, side=side),
    "dft": _dft,
    "inv": jnp.linalg.inv,
    "det": jnp.linalg.det,
    "logdet": _logdet,
    "logabsdet": lambda a: jnp.linalg.slogdet(a)[1],
    "det_sign": lambda a: jnp.linalg.slogdet(a)[0],
    "cholesky": lambda a: jnp.linalg.cholesky(_symmetric(a)),
    "eigh": lambda a: jnp.linalg.eigh(_symmetric(a)),
    "pinv": lambda a, rcond: jnp.linalg.pinv(a, rtol=rcond),
    "svd": lambda a: jnp.linalg.svd(a, full_matrices=False),
    "qr": jnp.linalg.qr,
    "expm": jax.scipy.linalg.expm,
}
"""On the last axes, whatever is in front. Decompositions give all their parts."""

TYPED: dict[str, Callable[..., Any]] = {
    "einsum": _einsum,
    "gather": _gather,
    "broadcast": lambda types, result, x, shape: jnp.broadcast_to(x, shape),
    "reshape": lambda types, result, x, shape: jnp.reshape(x, shape),
    "solve": lambda types, result, a, b: _columns(types, a, b, jnp.linalg.solve),
    "triangular_solve": _triangular,
    "expm_frechet": _expm_frechet,
    "pad": _pad,
    "take": _take,
    "take_along": _take_along,
    "scatter_add": _scatter_add,
    "put_along": _put_along,
}

NAMESPACES = (jnp, jax.scipy.special)
ABSENT = frozenset(["polygamma", "hyp2f1", "spence"])
"""Names that are less exact than the fallback, or wrong: hyp2f1 for z < -1, the derivative of spence near 1."""
RULED = frozenset(["exp1", "expn", "fresnels", "fresnelc"])
"""Operations whose derivative is the declared rule: JAX's fails, or is less exact."""


def lowering(op: Op) -> Callable[..., Any] | None:
    """The callable for an operation; None: it has none here, expand its `fallback`."""
    for table in (OPERATORS, LOWERED, ARRAYS, TYPED):
        if op.name in table:
            return table[op.name]
    if op.name in ABSENT or op.kind not in ("elementwise", "constant"):
        return None
    for space in NAMESPACES:
        own = getattr(space, op.name, None)
        if own is not None:
            return own
    return None


def has_call(module: str, name: str) -> bool:
    """Whether JAX has the function `name` of NumPy ("np") or of SciPy's "special" or "linalg"."""
    home: Any = {"np": jnp, "special": jax.scipy.special, "linalg": jax.scipy.linalg}[module]
    for part in name.split("."):
        home = getattr(home, part, None)
    return home is not None
