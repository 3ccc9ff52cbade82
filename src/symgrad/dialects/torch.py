"""Operation -> PyTorch. An operation is lowered by: this table, else its own name in torch, torch.special or
torch.linalg, else its declared fallback. The table holds only the exceptions.

Entries take tensors, attributes as keywords; those of `TYPED` get the operation's `types` and `result` type too.
They are traced by torch.fx, so they never look at values or shapes.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import torch

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
    "power": operator.pow,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}
"""Those that take Python numbers beside a tensor."""


LEAST = -(2**63)


def _stack(*parts: Any, shape: tuple[int, ...]) -> Any:
    stacked = torch.stack(torch.broadcast_tensors(*parts), -1)
    return stacked if len(shape) == 1 else stacked.unflatten(-1, shape)


def _gather(types: list[Type], result: Type, array: Any, *places: Any, inside: bool) -> Any:
    """Elements at computed places; outside the array NaN (of integers the least), as compiled code can't raise.

    `inside`: the places are known to be within.
    """
    if inside:
        return array[places]
    here = [(k >= 0) & (k < array.size(axis)) for axis, k in enumerate(places)]
    found = [torch.where(h, k, 0) for h, k in zip(here, places, strict=True)]
    return torch.where(reduce(operator.and_, here), array[tuple(found)], _nowhere(result))


def _einsum(types: list[Type], result: Type, *arrays: Any, subscripts: str, zeros: tuple[int, ...]) -> Any:
    """`zeros`: the operands that are identities or unit vectors. Their zeros are structural: inf times them is 0."""
    product = as_matmul(subscripts, arrays)
    if product is not None:
        return product
    if not zeros or len(zeros) == len(arrays):
        return torch.einsum(subscripts, *arrays)
    inside, rest = factors_of(subscripts, arrays, zeros, torch.einsum)
    return torch.where(inside, rest, 0.0)


def _heaviside(x: Any, h: Any) -> Any:
    return torch.where(x == 0, h.detach(), torch.where(x > 0, 1.0, torch.where(x < 0, 0.0, x.detach())))


def _logdet(a: Any) -> Any:
    sign, value = torch.linalg.slogdet(a)
    return torch.where(sign < 0, math.nan, value)


def _log_gamma(x: Any) -> Any:
    return torch.where(x > 0, torch.special.gammaln(x), math.nan)


def _gamma(x: Any) -> Any:
    """By the logarithm; below 0 its sign changes at every pole."""
    sign = torch.where((x > 0) | (torch.floor(x) % 2 == 0), torch.ones_like(x), -1.0)
    return torch.where((x <= 0) & (torch.floor(x) == x), math.nan, sign * torch.exp(torch.special.gammaln(x)))


def _betaln(x: Any, y: Any) -> Any:
    return torch.special.gammaln(x) + torch.special.gammaln(y) - torch.special.gammaln(x + y)


def _hypot(x: Any, y: Any) -> Any:
    """PyTorch's has the derivative NaN at (0, 0)."""
    origin = (x == 0) & (y == 0)
    return torch.where(origin, 0.0, torch.hypot(torch.where(origin, 1.0, x), y))


def _cbrt(x: Any) -> Any:
    return torch.sign(x) * torch.abs(x) ** (1 / 3)


LOWERED: dict[str, Callable[..., Any]] = {
    "integer_power": lambda x, n: x**n,
    "logical_and": operator.and_,
    "logical_or": operator.or_,
    "logical_xor": operator.xor,
    "mask": lambda c, x: torch.where(c, x, 0.0),
    "stack": _stack,
    "element": lambda x, index: x[index],
    "mod": torch.remainder,
    "heaviside": _heaviside,
    "cbrt": _cbrt,
    "sinc": partial(expansions.sinc, torch),
    "spherical_yn": partial(expansions.spherical_yn, torch),
    "spherical_in": partial(expansions.spherical_in, torch),
    "eval_hermite": partial(expansions.hermite, torch, step=2),
    "eval_hermitenorm": partial(expansions.hermite, torch, step=1),
    "hypot": _hypot,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    "gamma": _gamma,
    "loggamma": _log_gamma,
    "betaln": _betaln,
    "beta": lambda x, y: torch.exp(_betaln(x, y)),
    "erfcinv": lambda x: torch.special.ndtri(x / 2) / -math.sqrt(2),
}


def _columns(types: list[Type], a: Any, b: Any, solve: Callable[[Any, Any], Any]) -> Any:
    """`solve` for right sides of shape (batch, n, ...), as the matrices that it takes."""
    batch, own = len(types[0].shape) - 2, types[1].shape
    if len(own) == batch + 2:
        return solve(a, b)
    if len(own) == batch + 1:
        return solve(a, b.unsqueeze(-1)).squeeze(-1)
    return solve(a, b.flatten(batch + 1)).reshape(own)


def _triangular(types: list[Type], result: Type, a: Any, b: Any, lower: bool) -> Any:
    return _columns(types, a, b, lambda a, b: torch.linalg.solve_triangular(a, b, upper=not lower))


def _symmetric(a: Any) -> Any:
    return (a + a.mT) / 2


def _expm_frechet(types: list[Type], result: Type, a: Any, e: Any) -> Any:
    """The upper right block of the exponential of [[a, e], [0, a]]."""
    n = types[0].lengths[-1]
    above, below = torch.cat([a, e], -1), torch.cat([torch.zeros_like(a), a], -1)
    return torch.linalg.matrix_exp(torch.cat([above, below], -2))[..., :n, n:]


def _pad(types: list[Type], result: Type, x: Any, low: Places, high: Places, interior: Places) -> Any:
    for k, (gap, n) in enumerate(zip(reversed(interior), reversed(types[0].lengths), strict=False)):
        if gap and n:  # zeros after each element but the last
            wide = torch.nn.functional.pad(x.unsqueeze(-1 - k), [0, 0] * k + [0, gap])
            x = wide.flatten(-2 - k, -1 - k).narrow(-1 - k, 0, n + (n - 1) * gap)
    ends = [n for pair in zip(reversed(low), reversed(high), strict=True) for n in pair]
    return torch.nn.functional.pad(x, ends) if any(ends) else x


def _take(types: list[Type], result: Type, x: Any, i: Any, axis: int, inside: bool) -> Any:
    """Outside the array NaN (of integers the least), as compiled code can't raise."""
    after = (slice(None),) * (-1 - axis)
    if inside:
        return x[(..., i, *after)]
    here = (i >= 0) & (i < types[0].lengths[axis])
    found = x[(..., torch.where(here, i, 0), *after)]
    return torch.where(here[(..., *[None] * len(after))], found, _nowhere(result))


def _take_along(types: list[Type], result: Type, x: Any, i: Any, inside: bool) -> Any:
    if inside:
        return torch.gather(x, -1, i)
    here = (i >= 0) & (i < types[0].lengths[-1])
    return torch.where(here, torch.gather(x, -1, torch.where(here, i, 0)), _nowhere(result))


def _nowhere(result: Type) -> Any:
    return math.nan if result.dtype[0] == "f" else LEAST


def _scatter_add(types: list[Type], result: Type, x: Any, i: Any, axis: int, n: int) -> Any:
    after, places = -1 - axis, len(types[1].shape)
    at = len(types[0].shape) - after - places
    moved = x.flatten(at, at + places - 1) if places else x.unsqueeze(at)
    return x.new_zeros(result.lengths).index_add(at, i.reshape(-1), moved)


def _put_along(types: list[Type], result: Type, x: Any, i: Any, n: int) -> Any:
    return x.new_zeros(result.lengths).scatter_add(-1, i, x)


def _linear_recurrence(types: list[Type], result: Type, a: Any, b: Any) -> Any:
    """One step after the other; long ones in log2(n) steps of all elements at once (Hillis and Steele, 1986)."""
    n = types[0].lengths[-1]
    if n == 0:
        return b
    if n <= 64:
        rows = [b[..., 0]]
        for k in range(1, n):
            rows.append(a[..., k] * rows[-1] + b[..., k])
        return torch.stack(rows, -1)
    step = 1
    while step < n:
        ahead, behind = slice(step, None), slice(None, n - step)
        b = torch.cat([b[..., :step], a[..., ahead] * b[..., behind] + b[..., ahead]], -1)
        a = torch.cat([a[..., :step], a[..., ahead] * a[..., behind]], -1)
        step *= 2
    return b


def _so_far(extreme: Callable[..., Any], better: Callable[..., Any]) -> Callable[..., Any]:
    """The place of the extreme element so far: the first of equal ones, NaN before all."""

    def call(types: list[Type], result: Type, x: Any) -> Any:
        n = types[0].lengths[-1]
        if n == 0:
            return torch.zeros_like(x, dtype=torch.int64)
        x = x.detach()
        found, later = extreme(x, -1)[0][..., :-1], x[..., 1:]
        new = better(later, found) | ((later != later) & (found == found))
        places = torch.where(new, torch.arange(1, n, device=x.device), 0)
        return torch.cummax(torch.nn.functional.pad(places, [1, 0]), -1)[0]

    return call


def _dft(x: Any, sign: int) -> Any:
    z = torch.complex(x[..., 0], x[..., 1])
    y = torch.fft.fft(z, dim=-1) if sign < 0 else torch.fft.ifft(z, dim=-1, norm="forward")
    return torch.view_as_real(y)


ARRAYS: dict[str, Callable[..., Any]] = {
    "slice": lambda x, start, stop, step: x[(..., *map(slice, start, stop, step))],
    "flip": lambda x, axes: torch.flip(x, axes),
    "concatenate": lambda *parts, axis: torch.cat(parts, axis),
    "amax": lambda x: torch.amax(x, -1),
    "amin": lambda x: torch.amin(x, -1),
    "prod": lambda x: torch.prod(x, -1),
    "logsumexp": lambda x: torch.logsumexp(x, -1),
    "cumsum": lambda x: torch.cumsum(x, -1),
    "cumprod": lambda x: torch.cumprod(x, -1),
    "argmax": lambda x: torch.argmax(x, -1),
    "argmin": lambda x: torch.argmin(x, -1),
    "argsort": lambda x: torch.argsort(x.detach(), dim=-1, stable=True),
    "searchsorted": lambda a, v, side: torch.searchsorted(a.detach(), v.detach(), side=side),
    "dft": _dft,
    "inv": torch.linalg.inv,
    "det": torch.linalg.det,
    "logdet": _logdet,
    "logabsdet": lambda a: torch.linalg.slogdet(a)[1],
    "det_sign": lambda a: torch.linalg.slogdet(a)[0],
    "cholesky": lambda a: torch.linalg.cholesky(_symmetric(a)),
    "eigh": lambda a: torch.linalg.eigh(_symmetric(a)),
    "pinv": lambda a, rcond: torch.linalg.pinv(a, rtol=rcond),
    "svd": lambda a: torch.linalg.svd(a, full_matrices=False),
    "qr": torch.linalg.qr,
    "expm": torch.linalg.matrix_exp,
}
"""On the last axes, whatever is in front. Decompositions give all their parts."""

TYPED: dict[str, Callable[..., Any]] = {
    "einsum": _einsum,
    "gather": _gather,
    "broadcast": lambda types, result, x, shape: x.expand(shape),
    "reshape": lambda types, result, x, shape: x.reshape(shape),
    "solve": lambda types, result, a, b: _columns(types, a, b, torch.linalg.solve),
    "triangular_solve": _triangular,
    "expm_frechet": _expm_frechet,
    "pad": _pad,
    "take": _take,
    "take_along": _take_along,
    "scatter_add": _scatter_add,
    "put_along": _put_along,
    "linear_recurrence": _linear_recurrence,
    "argcummax": _so_far(torch.cummax, operator.gt),
    "argcummin": _so_far(torch.cummin, operator.lt),
}

NAMESPACES = (torch, torch.special, torch.linalg)
ABSENT = frozenset(["polygamma", "ndtr"])
"""Names that are less exact than the fallback: polygamma(1, x) is off by 5e-10, ndtr(-7) by 2e-5."""


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
