"""A Python function of arrays as a JAX function of pytrees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from symgrad.frameworks import traced, zeros


def jax_of(f: Any) -> Callable[..., Any]:
    """The PythonFunction `f` in JAX: traced anew for every kind of arguments, as jax.jit does."""
    made: dict[int, Callable[..., Any]] = {}

    def call(*args: Any, **named: Any) -> Any:
        own, numbers = traced(f, f._bound(args, named), _like)
        if id(own) not in made:
            made[id(own)] = own.function.jax()
        value = made[id(own)](*numbers)
        return own.result.nest((value,) if own.result.size == 1 else value)

    call.__name__ = call.__qualname__ = f.name
    return call


def _like(x: Any) -> Any:
    return zeros(x.shape, x.dtype.name) if isinstance(x, jax.Array) else None
