"""What the parameters of NumPy's functions are: some must be known while a function is traced."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

STATIC = frozenset(
    {
        *("axis", "axes", "axis1", "axis2", "source", "destination", "start_axis"),
        *("shape", "new_shape", "newshape", "reps", "repeats", "shift", "pad_width", "indices_or_sections", "obj"),
        *("n", "N", "k", "num", "offset", "ndmin", "minlength", "decimals", "ddof", "deg", "kth", "ord"),
        *("keepdims", "mode", "kind", "side", "norm", "order", "endpoint", "retstep", "returned", "method", "UPLO"),
    }
)
"""Parameters of shapes, places of axes, counts and options."""


@cache
def _positions(meaning: Callable[..., Any]) -> tuple[str, ...]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(p.name for p in inspect.signature(meaning).parameters.values() if p.kind in kinds)


def named(meaning: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
    """The arguments by the names that NumPy has for them; those that have none are left out."""
    return {**dict(zip(_positions(meaning), args, strict=False)), **keywords}


def elements(value: Any) -> list[Any]:
    """What is in a list of lists of ...; other values by themselves."""
    found, stack = [], [value]
    while stack:
        v = stack.pop()
        if isinstance(v, (list, tuple)):
            stack.extend(v)
        else:
            found.append(v)
    return found
