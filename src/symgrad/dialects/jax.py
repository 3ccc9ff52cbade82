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

from symgrad.dialects import expansions
from symgrad.dialects.matrices import as_matmul, factors_of
from symgrad.graph import Op, Type

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
    parts = jnp.broadcast_arrays(*parts)
    return jnp.stack(parts, -1).reshape(parts[0].shape + shape)


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


def _solve(types: list[Type], result: Type, a: Any, b: Any) -> Any:
    """`b` of shape (batch, n, ...): one axis of right sides."""
    batch, own = len(types[0].shape) - 2, types[1].shape
    if len(own) == batch + 2:
        return jnp.linalg.solve(a, b)
    if len(own) == batch + 1:
        return jnp.linalg.solve(a, b[..., None])[..., 0]
    return jnp.linalg.solve(a, b.reshape((*own[: batch + 1], -1))).reshape(own)


def _hypot(x: Any, y: Any) -> Any:
    """JAX's has the derivative NaN at (0, 0)."""
    origin = (x == 0) & (y == 0)
    return jnp.where(origin, 0, jnp.hypot(jnp.where(origin, 1, x), y))


def _fresnel(part: int) -> Callable[..., Any]:
    return lambda x: jax.scipy.special.fresnel(x)[part]


def _positive(fn: Callable[..., Any]) -> Callable[..., Any]:
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
    "inv": jnp.linalg.inv,
    "det": jnp.linalg.det,
    "logdet": _logdet,
    "logabsdet": lambda a: jnp.linalg.slogdet(a)[1],
    "fresnels": _fresnel(0),
    "fresnelc": _fresnel(1),
    "si": lambda x: jax.scipy.special.sici(x)[0],
    "ci": _positive(lambda x: jax.scipy.special.sici(x)[1]),
    "loggamma": lambda x: jnp.where(x > 0, jax.scipy.special.gammaln(x), math.nan),
    "expn": lambda x, n: jax.scipy.special.expn(n, x),
    "erfcinv": lambda x: jax.scipy.special.ndtri(x / 2) / -math.sqrt(2),
}

TYPED: dict[str, Callable[..., Any]] = {
    "einsum": _einsum,
    "gather": _gather,
    "broadcast": lambda types, result, x, shape: jnp.broadcast_to(x, shape),
    "reshape": lambda types, result, x, shape: jnp.reshape(x, shape),
    "solve": _solve,
}

NAMESPACES = (jnp, jax.scipy.special)
ABSENT = frozenset(["polygamma", "hyp2f1", "spence"])
"""Names that are less exact than the fallback, or wrong: hyp2f1 for z < -1, the derivative of spence near 1."""
RULED = frozenset(["exp1", "expn", "fresnels", "fresnelc"])
"""Operations whose derivative is the declared rule: JAX's fails, or is less exact."""


def lowering(op: Op) -> Callable[..., Any] | None:
    """The callable for an operation; None: it has none here, expand its `fallback`."""
    for table in (OPERATORS, LOWERED, TYPED):
        if op.name in table:
            return table[op.name]
    if op.name in ABSENT or op.kind not in ("elementwise", "constant"):
        return None
    for space in NAMESPACES:
        own = getattr(space, op.name, None)
        if own is not None:
            return own
    return None
