"""Operation -> NumPy. An operation is lowered by: this table, else its own name in NumPy or scipy.special,
else its declared fallback. The table holds only the exceptions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.errors import UnsupportedError
from symgrad.graph import Op


def _stack(*parts: Any, shape: tuple[int, ...]) -> Any:
    """Scalars (or batches of them, one common shape) to an array with the new axes at the end."""
    if len(parts) == 0:
        return np.zeros(shape)
    parts = np.broadcast_arrays(*parts)
    return np.stack(parts, axis=-1).reshape(parts[0].shape + shape)


LOWERED: dict[str, Callable[..., Any]] = {
    "integer_power": lambda x, n: np.power(x, np.asarray(n, dtype=np.int64) if n > 2 else n),
    "mask": lambda c, x: np.where(c, x, np.zeros((), getattr(x, "dtype", float))),
    "arctan2": np.arctan2,
    "stack": _stack,
    "element": lambda x, index: x[(..., *index)],
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
        raise UnsupportedError(
            f"the NumPy back end has no lowering of {op.name!r} and it declares no fallback"
        )
    return own
