"""A loop nest over arrays: the one kind of kernel that array code is made of.

A `Nest` runs over an index space of static sizes. At each point of it elements are loaded, a straight-line
scalar body works on them, and results are stored or summed. Arrays are *buffers*: flat memory, known by a
number; where an element lies is said in elements, by a stride per axis. So broadcasting is a stride of 0,
transposition an exchange of strides, a slice an offset, a diagonal a sum of strides, a gather a place that the
body computes. An axis on which a store has no stride is reduced.

    g = Graph()
    x, s = load_input(g, 0), load_input(g, 1)
    nest = Nest((n, m), (Access(0, "float64", (m, 1)), Access(1, "float64", (1, 0))), g,
                (Store(g.build(multiply, (x, s)), Access(2, "float64", (m, 1))),))    # out[i, j] = x[i, j] * s[i]

The order of the axes is free: results do not depend on it beyond the rounding of sums, and compiled code puts
the axes into an order of its own. `interpret` is the meaning, in NumPy: slow and plain, what every other way
of running a nest is tested against.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from symgrad.compile.numpy import Reference
from symgrad.errors import ArgumentError
from symgrad.graph import INPUT, Graph, Type
from symgrad.graph.type import FLOATS

IDENTITY: dict[str, Any] = {"add": 0, "multiply": 1, "max": -math.inf, "min": math.inf}
"""What a reduction over nothing is; for int64 and bool the ends of their range stand for the infinities."""
HOW = ("set", *IDENTITY)


class Place(NamedTuple):
    """A computed place: the int64 node `node` of the body, times `stride` elements.

    At run time the place must be in [0, length); else the whole call ends in an error, and nothing outside is
    read or written.
    """

    node: int
    stride: int
    length: int


@dataclass(frozen=True)
class Access:
    """Where an element of `buffer` lies: `offset` + sum of strides times loop indices + sum of places, in elements.

    dtype: as it lies in memory. A load gives it to the body, which may have declared the other float dtype;
    a store converts likewise.
    """

    buffer: int
    dtype: str
    strides: tuple[int, ...]
    offset: int = 0
    at: tuple[Place, ...] = ()


@dataclass(frozen=True)
class Store:
    """Put node `value` of the body at `access`.

    how: "set"; or "add", "multiply", "max", "min" (of truth values: or, and) into what came there before, which
    is the identity of `how` where `keep` is False, else what the buffer held. With places that the body computes
    (a scatter) reductions need `keep`: put a `fill` before.
    """

    value: int
    access: Access
    how: str = "set"
    keep: bool = False


@dataclass(frozen=True, eq=False)
class Nest:
    """`body` at every point of the index space of `sizes`.

    body: scalar nodes. Its inputs: `load_input(body, k)` is what `loads[k]` reads, `index_input(body, axis)` the
    loop index of an axis, an int64. One dtype of floats in a body.

    All loads of a point come before its stores. A buffer that is stored to may be loaded from only by the very
    same access (an update in place), and two stores never meet, except within one reduction.
    """

    sizes: tuple[int, ...]
    loads: tuple[Access, ...]
    body: Graph
    stores: tuple[Store, ...]

    @property
    def points(self) -> int:
        return math.prod(self.sizes)

    @property
    def roots(self) -> tuple[int, ...]:
        """The nodes of the body that the nest needs: stored values and places."""
        places = [p.node for a in (*self.loads, *(s.access for s in self.stores)) for p in a.at]
        return tuple(dict.fromkeys([*(s.value for s in self.stores), *places]))

    @property
    def dtype(self) -> str:
        """The dtype of the body's floats; float64 where it has none."""
        live = self.body.reach(self.roots)
        found = {t.dtype for t, needed in zip(self.body.types, live, strict=True) if needed} & set(FLOATS)
        if len(found) > 1:
            raise ArgumentError("a nest's body has one dtype of floats; convert by what the loads and stores say")
        return found.pop() if found else "float64"

    def check(self) -> None:
        """ArgumentError, naming the access, where the nest makes no sense."""
        g, axes = self.body, len(self.sizes)
        if any(n < 0 for n in self.sizes) or not self.stores:
            raise ArgumentError(f"a nest needs sizes of at least 0 and a store, got {self.sizes}")
        _ = self.dtype
        for i, needed in enumerate(g.reach(self.roots)):
            if needed and g.types[i].shape:
                raise ArgumentError(f"a nest's body is of scalars: node {i} is a {g.ops[i].name} of {g.types[i]}")
            if needed and g.ops[i] is INPUT:
                kind, k = input_of(g, i)
                if k >= (len(self.loads) if kind == "x" else axes):
                    raise ArgumentError(f"the nest's body reads {g.attrs[i][0]}, which is not there")
                if kind == "x":
                    _check_dtypes(self.loads[k].dtype, g.types[i].dtype, f"load {k}")
        for a in self.loads:
            self._check_access(a, "load")
        for s in self.stores:
            self._check_access(s.access, "store")
            _check_dtypes(s.access.dtype, g.types[s.value].dtype, "store")
            if s.how not in HOW:
                raise ArgumentError(f"a store is one of {', '.join(HOW)}, not {s.how!r}")
            lost = any(n > 1 and not c for n, c in zip(self.sizes, s.access.strides, strict=True))
            if s.how == "set" and lost and self.points and not s.access.at:
                raise ArgumentError(f"a store without a stride on an axis reduces it: say how ({s})")
            if s.how != "set" and s.access.at and not s.keep:
                raise ArgumentError("a reduction into computed places adds to what is there: fill it, and say keep")

    def _check_access(self, a: Access, what: str) -> None:
        if len(a.strides) != len(self.sizes):
            raise ArgumentError(f"a {what} has a stride for each of the {len(self.sizes)} axes, got {a.strides}")
        for p in a.at:
            if self.body.types[p.node].dtype != "int64":
                raise ArgumentError(f"the place of a {what} is an int64, got {self.body.types[p.node]}")


@dataclass(frozen=True)
class Call:
    """A C function called between nests: BLAS and its like.

    symbol: as `run.externals` names them. arguments: ("buffer", k, offset in bytes) the address; ("int", n) and
    ("real", x) the address of a C int or double, as Fortran wants them; ("char", "T") the address of a letter.
    """

    symbol: str
    arguments: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Mirrored:
    """What is above the diagonal of a matrix of `size` rows copied below; all in elements."""

    buffer: int
    dtype: str
    offset: int
    size: int
    down: int
    right: int


UNUSED, OWN = -1, -2


@dataclass(frozen=True, eq=False)
class Passes:
    """Steps that run again and again, or one of two lines of steps: each on a table of buffers of its own.

    kind: "scan", one body, `length` times; "while_loop", the condition and the body; "cond", those for False and True.
    tables: per body and buffer (buffer of the table around, offset in bytes, bytes further per pass), buffer UNUSED, or
    OWN: at the offset in memory of the body's own, of `own` bytes. number: (buffer, offset) of an int64: of a scan the
    passes if they are fewer, of a while_loop where their number is written, or of the predicate. test: the condition's
    buffer that holds its result. kept: (buffer, offset, bytes, whether it is changed) of little memory around that no
    other slot reaches: passes may work on a copy of it.
    """

    kind: str
    bodies: tuple[tuple[Any, ...], ...]
    tables: tuple[tuple[tuple[int, int, int], ...], ...]
    length: int
    reverse: bool
    number: tuple[int, int] | None
    test: int
    own: tuple[int, ...]
    kept: tuple[tuple[int, int, int, bool], ...] = ()


Step = Nest | Call | Mirrored | Passes


def load_input(body: Graph, k: int, dtype: str = "float64") -> int:
    """The body's input for what load `k` reads."""
    return body.input(f"x{k}", Type(dtype))


def index_input(body: Graph, axis: int) -> int:
    """The body's input for the loop index of `axis`."""
    return body.input(f"i{axis}", Type("int64"))


def input_of(body: Graph, i: int) -> tuple[str, int]:
    """("x", k) where the input node `i` is load `k`, ("i", axis) where it is an index."""
    name = body.attrs[i][0]
    if name[:1] not in ("x", "i") or not name[1:].isdigit():
        raise ArgumentError(f"an input of a nest's body is made by load_input or index_input, got {name!r}")
    return name[0], int(name[1:])


def fill(buffer: int, dtype: str, count: int, value: Any) -> Nest:
    """`count` elements from the buffer's beginning set to one value."""
    g = Graph()
    return Nest((count,), (), g, (Store(g.const(value, dtype), Access(buffer, dtype, (1,))),))


def identity(how: str, dtype: str) -> Any:
    """What a reduction begins with."""
    if dtype == "bool":
        return how in ("min", "multiply")
    if dtype == "int64" and how in ("max", "min"):
        return -(2**63) if how == "max" else 2**63 - 1
    return IDENTITY[how] if dtype == "int64" else float(IDENTITY[how])


def _check_dtypes(memory: str, body: str, what: str) -> None:
    if memory != body and not (memory in FLOATS and body in FLOATS):
        raise ArgumentError(f"{what}: {memory} in memory is not {body} in the body; write a cast")


def interpret(nest: Nest, buffers: Sequence[Any]) -> None:
    """Run `nest` on flat arrays, by NumPy. IndexError for a place outside its length.

    buffers: one-dimensional arrays of the accesses' dtypes.
    """
    nest.check()
    g, sizes = nest.body, nest.sizes
    index = [np.arange(n).reshape([-1 if k == axis else 1 for k in range(len(sizes))]) for axis, n in enumerate(sizes)]
    index = [np.asarray(i, np.int64) for i in index]
    known: dict[int, Any] = {}

    def evaluate(node: int) -> Any:
        inputs = [i for i, needed in enumerate(g.reach([node])) if needed and g.ops[i] is INPUT]
        return Reference(g, inputs, [node])([read(i) for i in inputs])[0]

    def where(a: Access) -> Any:
        at = np.full(sizes, a.offset, np.int64)
        for stride, i in zip(a.strides, index, strict=True):
            at = at + stride * i
        for p in a.at:
            place = evaluate(p.node)
            if at.size and np.any((place < 0) | (place >= p.length)):
                raise IndexError(f"a place outside [0, {p.length})")
            at = at + p.stride * place
        return at

    def read(i: int) -> Any:
        if i not in known:
            kind, k = input_of(g, i)
            if kind == "i":
                known[i] = index[k]
            else:
                a = nest.loads[k]
                known[i] = buffers[a.buffer][where(a)].astype(g.types[i].dtype)
        return known[i]

    results = [(s, where(s.access), evaluate(s.value)) for s in nest.stores]
    for s, at, value in results:
        target = buffers[s.access.buffer]
        value = np.broadcast_to(value, sizes).astype(target.dtype)
        if s.how == "set":
            target[at] = value
            continue
        if not s.keep:
            first = np.array(s.access.offset)  # without the reduced axes, which may be empty
            for c, i in zip(s.access.strides, index, strict=True):
                first = first + c * i if c else first
            target[first] = identity(s.how, s.access.dtype)
        combine = {"add": np.add, "multiply": np.multiply, "max": np.maximum, "min": np.minimum}[s.how]
        with np.errstate(all="ignore"):
            combine.at(target, at, value)
