"""A handle on one node, with Python's operators: what derivative rules are written in."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from symgrad.graph.graph import Graph
from symgrad.graph.op import REGISTER, Op
from symgrad.graph.type import Type


class Node:
    """Node `id` of `graph`."""

    __slots__ = ("graph", "id")
    __array_ufunc__ = None  # NumPy scalars give way to the operators below

    def __init__(self, graph: Graph, id: int) -> None:
        self.graph = graph
        self.id = id

    @property
    def type(self) -> Type:
        return self.graph.types[self.id]

    @property
    def shape(self) -> tuple[int | None, ...]:
        return self.graph.types[self.id].shape

    @property
    def op(self) -> Op:
        return self.graph.ops[self.id]

    @property
    def args(self) -> tuple[Node, ...]:
        return tuple(Node(self.graph, a) for a in self.graph.args[self.id])

    def __add__(self, other: Any) -> Node:
        return build(_ADD, (self, other))

    def __radd__(self, other: Any) -> Node:
        return build(_ADD, (other, self))

    def __sub__(self, other: Any) -> Node:
        return build(_SUBTRACT, (self, other))

    def __rsub__(self, other: Any) -> Node:
        return build(_SUBTRACT, (other, self))

    def __mul__(self, other: Any) -> Node:
        return build(_MULTIPLY, (self, other))

    def __rmul__(self, other: Any) -> Node:
        return build(_MULTIPLY, (other, self))

    def __truediv__(self, other: Any) -> Node:
        return build(_DIVIDE, (self, other))

    def __rtruediv__(self, other: Any) -> Node:
        return build(_DIVIDE, (other, self))

    def __neg__(self) -> Node:
        return build(REGISTER["negative"], (self,))

    def __abs__(self) -> Node:
        return build(REGISTER["abs"], (self,))

    def __pow__(self, n: Any) -> Node:
        if isinstance(n, int):
            return build(REGISTER["integer_power"], (self,), (n,))
        return build(REGISTER["power"], (self, n))

    def __lt__(self, other: Any) -> Node:
        return build(REGISTER["less"], (self, other))

    def __le__(self, other: Any) -> Node:
        return build(REGISTER["less_equal"], (self, other))

    def __gt__(self, other: Any) -> Node:
        return build(REGISTER["greater"], (self, other))

    def __ge__(self, other: Any) -> Node:
        return build(REGISTER["greater_equal"], (self, other))

    def __bool__(self) -> bool:
        raise TypeError("a node has no truth value; write where(condition, a, b)")

    def __repr__(self) -> str:
        return f"Node({self.id}: {self.op.name} {self.type})"


def build(op: Op, args: tuple[Any, ...], attrs: tuple[Any, ...] = ()) -> Node:
    """The node of `op` on nodes and numbers; scalars are broadcast to the shape of the other arguments."""
    graph = None
    dtype = "float64"
    shape: tuple[int | None, ...] = ()
    for a in args:
        if a.__class__ is Node:
            graph = a.graph
            t = graph.types[a.id]
            if t.dtype != "bool":
                dtype = t.dtype
            if len(t.shape) > len(shape):
                shape = t.shape
    if graph is None:
        raise TypeError(f"{op.name} needs at least one node among its arguments")
    ids = tuple([a.id if a.__class__ is Node else graph.const(_plain(a), dtype) for a in args])
    if shape and len(ids) > 1 and op.kind in ("elementwise", "constant"):
        if not any(graph.types[i].shape and graph.ops[i].name != "broadcast" for i in ids):
            ids = tuple([_number(graph, i) for i in ids])
            if not any(graph.types[i].shape for i in ids):  # the same number everywhere
                return Node(graph, spread(graph, graph.build(op, ids, attrs), shape))
        ids = tuple([spread(graph, i, shape) for i in ids])
    return Node(graph, graph.build(op, ids, attrs))


def _number(graph: Graph, i: int) -> int:
    """The scalar that node `i` repeats, or `i`."""
    if graph.ops[i].name == "broadcast" and not graph.types[graph.args[i][0]].shape:
        return graph.args[i][0]
    return i


def spread(graph: Graph, i: int, shape: tuple[int | None, ...]) -> int:
    """Node `i` broadcast to `shape` (leading axes are added, as NumPy does)."""
    if graph.types[i].shape == shape:
        return i
    return graph.build(REGISTER["broadcast"], (i,), (shape,))


def _plain(a: Any) -> int | float | bool | Fraction | str:
    if isinstance(a, (bool, int, float, Fraction, str)):
        return a
    raise TypeError(f"{type(a).__name__} can't stand in a graph as a constant")


_ADD: Op
_SUBTRACT: Op
_MULTIPLY: Op
_DIVIDE: Op


def bind_arithmetic(add: Op, subtract: Op, multiply: Op, divide: Op) -> None:
    """Called once by `ops.arith`: the operators of `Node` are these operations."""
    global _ADD, _SUBTRACT, _MULTIPLY, _DIVIDE
    _ADD, _SUBTRACT, _MULTIPLY, _DIVIDE = add, subtract, multiply, divide
