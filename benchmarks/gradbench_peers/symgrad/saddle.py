"""saddle: the point that is lowest in x and highest in y, by one descent within another."""

from __future__ import annotations

from typing import Any

import numpy as np

import symgrad as sg
from gradbench_peers import Answer, inputs
from gradbench_peers.symgrad import compiled
from gradbench_peers.symgrad.descent import argmax, argmin

FORWARD, REVERSE = "forward", "reverse"


def surface(x: Any, y: Any) -> Any:
    return np.sum(x**2) - np.sum(y**2)


def saddle(start: Any, outer: str, inner: str) -> Any:
    """x that minimises the maximum over y, then that y; each search begins at `start`, shape (2,)."""

    def highest(x: Any, mode: str) -> Any:
        return argmax(lambda y: surface(x, y), lambda y: sg.grad(surface, wrt="y", mode=mode)(x, y), start)

    def ridge(x: Any) -> Any:
        return surface(x, highest(x, inner))

    x = argmin(ridge, sg.grad(ridge, mode=outer), start)
    return np.concatenate([x, highest(x, outer)])


def variant(outer: str, inner: str) -> Answer:
    """The outer descent's derivative in mode `outer`, the inner one's in mode `inner`."""
    return Answer(inputs.array("start"), compiled(sg.function(lambda start: saddle(start, outer, inner))), inputs.lists)


ANSWERS = {
    "ff": variant(FORWARD, FORWARD),
    "fr": variant(FORWARD, REVERSE),
    "rf": variant(REVERSE, FORWARD),
    "rr": variant(REVERSE, REVERSE),
}
