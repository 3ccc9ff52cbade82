"""Operation -> PyTorch. An operation is lowered by: this table, else its own name in torch, torch.special or
torch.linalg, else its declared fallback. The table holds only the exceptions.

Entries take tensors, attributes as keywords; those of `TYPED` get the operation's `types` and `result` type too.
They are traced by torch.fx, so they never look at values or shapes.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from symgrad.dialects import expansions
from symgrad.dialects.matrices import as_matmul, factors_of
from symgrad.graph import Op, Type

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
    within, found = None, []
    for axis, k in enumerate(places):
        n = array.size(axis)
        here = (k >= 0) & (k < n)
        within = here if within is None else within & here
        found.append(torch.where(here, k, 0))
    return torch.where(within, array[tuple(found)], math.nan if result.dtype[0] == "f" else LEAST)


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
    "inv": torch.linalg.inv,
    "det": torch.linalg.det,
    "logdet": _logdet,
    "logabsdet": lambda a: torch.linalg.slogdet(a)[1],
    "gamma": _gamma,
    "loggamma": _log_gamma,
    "betaln": _betaln,
    "beta": lambda x, y: torch.exp(_betaln(x, y)),
    "erfcinv": lambda x: torch.special.ndtri(x / 2) / -math.sqrt(2),
}

TYPED: dict[str, Callable[..., Any]] = {
    "einsum": _einsum,
    "gather": _gather,
    "broadcast": lambda types, result, x, shape: x.expand(shape),
    "reshape": lambda types, result, x, shape: x.reshape(shape),
    "solve": lambda types, result, a, b: _solve(types, a, b),
}


def _solve(types: list[Type], a: Any, b: Any) -> Any:
    """`b` of shape (batch, n, ...): one axis of right sides."""
    batch, own = len(types[0].shape) - 2, types[1].shape
    if len(own) == batch + 2:
        return torch.linalg.solve(a, b)
    if len(own) == batch + 1:
        return torch.linalg.solve(a, b.unsqueeze(-1)).squeeze(-1)
    return torch.linalg.solve(a, b.flatten(batch + 1)).reshape(own)


NAMESPACES = (torch, torch.special, torch.linalg)
ABSENT = frozenset(["polygamma", "ndtr"])
"""Names that are less exact than the fallback: polygamma(1, x) is off by 5e-10, ndtr(-7) by 2e-5."""


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
