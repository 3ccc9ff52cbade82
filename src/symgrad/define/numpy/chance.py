"""Random numbers in a function that is being traced would be drawn once, and be constants ever after: refused."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from symgrad.define.numpy.place import defined
from symgrad.define.numpy.tracer import refuse
from symgrad.errors import TraceError

_INSTEAD = (
    "random numbers would be drawn once, while the function is traced, and be the same at every call: draw them "
    "outside and give them as an argument"
)
_FIXED = ("default_rng", "Generator", "SeedSequence", "get_state", "set_state", "RandomState", "BitGenerator")


_TRACING: list[int] = []
"""The thread that is tracing, once for each function within a function."""


@contextmanager
def tracing() -> Iterator[None]:
    """This thread is tracing: it may draw no random numbers."""
    _TRACING.append(threading.get_ident())
    try:
        yield
    finally:
        _TRACING.pop()


def refusing() -> dict[int, tuple[Any, Any]]:
    """id of a function of np.random -> (it, what stands for it in the thread that traces)."""
    found = {}
    for name in np.random.__all__:
        value = getattr(np.random, name)
        if callable(value) and not isinstance(value, type) and name not in _FIXED:
            found[id(value)] = (value, _refusing(value, f"np.random.{name}", lambda *_, **__: True))
    own = np.random.default_rng
    found[id(own)] = (own, _refusing(own, "np.random.default_rng()", lambda seed=None: seed is None))
    return found


def _refusing(fn: Any, name: str, is_chance: Callable[..., bool]) -> Callable[..., Any]:
    @functools.wraps(fn)
    def call(*args: Any, **keywords: Any) -> Any:
        if threading.get_ident() in _TRACING and is_chance(*args, **keywords):  # other threads may draw meanwhile
            refuse(f"{name}: {_INSTEAD}")
        return fn(*args, **keywords)

    return call


class Generators:
    """The generators of random numbers that a function can reach, and where they stood before it was called."""

    def __init__(self, spaces: Sequence[dict[str, Any]], cells: Sequence[Any]) -> None:
        values = [(n, v) for space in spaces for n, v in list(space.items())]
        values += [("", cell.cell_contents) for cell in cells]
        self.found = [
            (n, v, _state(v)) for n, v in values if isinstance(v, (np.random.Generator, np.random.RandomState))
        ]

    def check(self, fn: Any) -> None:
        """TraceError if one of them has been used."""
        for name, generator, before in self.found:
            if _state(generator) != before:
                shown = name or "a generator"
                raise TraceError(f"{shown} draws in {getattr(fn, '__name__', 'the function')}: {_INSTEAD}{defined(fn)}")


def _state(generator: Any) -> str:
    if isinstance(generator, np.random.Generator):
        return repr(generator.bit_generator.state)
    return repr(generator.get_state())
