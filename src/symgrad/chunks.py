"""Derivatives too large for a given amount of memory: computed some rows at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.defining import as_python_function
from symgrad.derive.rows import rows
from symgrad.errors import ArgumentError
from symgrad.function import Function
from symgrad.generic import Kind, PythonFunction, Specialised
from symgrad.graph import REGISTER, Type
from symgrad.graph.node import spread
from symgrad.graph.pause import no_collector
from symgrad.ops.literal import constant_array
from symgrad.run.limits import parsed, shown
from symgrad.simplify import simplify

SHARE = 4
"""A chunk is at most this part of the memory: what computes it needs some, too."""


class Chunks:
    """A large array that is computed some rows of its first axis at a time.

    Iterating gives (rows, block): a slice of the first axis, and the array of those rows. `into(out)` writes all of
    them into an array, say a `numpy.memmap`.

    Attributes:
        shape, dtype, nbytes: of the whole array.
        rows: how many rows a block has, but for the last.
    """

    def __init__(self, block: Function, numbers: Sequence[Any], shape: tuple[int, ...], rows: int) -> None:
        self._block, self._numbers = block, list(numbers)
        self.shape, self.rows = shape, rows
        self.dtype = np.dtype(block.graph.types[block.outputs[0]].dtype)

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def __len__(self) -> int:
        return -(-self.shape[0] // self.rows)

    def __iter__(self) -> Iterator[tuple[slice, Any]]:
        n = self.shape[0]
        for start in range(0, n, self.rows):
            stop = min(start + self.rows, n)
            first = max(0, stop - self.rows)  # the last block starts earlier, and its first rows are left out
            yield slice(start, stop), self._block(*self._numbers, first)[start - first :]

    def into(self, out: Any) -> Any:
        """Write every block into `out`, of this shape; returns it."""
        if np.shape(out) != self.shape:
            raise ValueError(f"out has shape {np.shape(out)}, the array {self.shape}")
        for place, block in self:
            out[place] = block
        return out

    def __repr__(self) -> str:
        return f"<{self.shape} in {len(self)} chunks of {self.rows} rows: {shown(self.nbytes)} in all>"


@dataclass(frozen=True)
class InChunks(Specialised):
    """A function some of whose results come in chunks: per output, the function of its rows, or None."""

    blocks: tuple[tuple[Function, int] | None, ...] = ()

    def __call__(self, numbers: Sequence[Any]) -> Any:
        f = self.function
        found = []
        for k, (o, part) in enumerate(zip(f.outputs, self.blocks, strict=True)):
            if part is None:
                found.append(_alone(f, k)(*numbers))
            else:
                found.append(Chunks(part[0], numbers, f.graph.types[o].lengths, part[1]))
        return self.result.nest(found)


def within(f: Any, memory: str | int) -> PythonFunction:
    """The same function, its results in chunks where they take more than `memory` ("2GB", or bytes) together."""
    most = parsed(memory) if isinstance(memory, str) else int(memory)
    if most <= 0:
        raise ArgumentError(f"memory={memory!r} is no amount of memory; write it as '2GB' or in bytes")
    f = as_python_function(f) if isinstance(f, Function) else f
    inner: PythonFunction = f

    def build(kind: Kind, names: tuple[str, ...]) -> Specialised:
        made = inner.of_kind(kind)
        own = made.function.dense()
        sizes = [_bytes(own.graph.types[o]) for o in own.outputs]
        if sum(sizes) <= most or made.taken:  # within another function that is traced, nothing is made yet
            return made
        share = most / SHARE / len(sizes)
        blocks = tuple(
            (_of_rows(own, k, size, share) if size > share and own.graph.types[own.outputs[k]].shape else None)
            for k, size in enumerate(sizes)
        )
        return InChunks(own, kind, made.result, blocks=blocks)

    return PythonFunction(f.name, f.signature, build, f._static, f._floats, parent=f)


def _bytes(type: Type) -> int:
    return math.prod(type.lengths) * np.dtype(type.dtype).itemsize


def _of_rows(f: Function, k: int, size: int, share: float) -> tuple[Function, int]:
    """The function of some rows of output `k`, with a further input: the first of them."""
    root = f.outputs[k]
    n = f.graph.types[root].lengths[0]
    count = max(1, min(n, int(share / (size / n))))
    with no_collector():
        g = f.graph.copy()
        name = "first"
        while name in f.names:
            name += "_"
        first = g.input(name, Type("int64"))
        following = constant_array(g, np.arange(count)) if count > 1 else spread(g, g.const(0, "int64"), (1,))
        places = g.build(REGISTER["add"], (spread(g, first, (count,)), following))
        out, (block,) = simplify(g, [rows(g, root, places)])
        inputs = [*f.inputs_in(out), out.input(name, Type("int64"))]
    return Function(out, inputs, [block], name=f"rows of {f.name}", notes=f._notes, simple=True), count


def _alone(f: Function, k: int) -> Callable[..., Any]:
    return Function(f.graph, f.inputs, [f.outputs[k]], name=f.name, notes=f._notes, simple=True)
