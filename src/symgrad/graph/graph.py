"""The one expression graph: hash-consed, a struct of arrays, integer ids in topological order."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from symgrad.graph.op import Op, register
from symgrad.graph.type import Type, promote

Args = tuple[int, ...]
Value = int | float | bool | Fraction | str
"""A constant: exact (int, Fraction), rounded (float), or named ("pi")."""

NAMED = {
    "pi": math.pi,
    "E": math.e,
    "EulerGamma": 0.57721566490153286061,
    "Catalan": 0.91596559417721901505,
    "GoldenRatio": (1 + math.sqrt(5)) / 2,
}
"""Constants that keep their name in formulas."""

LARGEST = 2**1024 - 2**970
"""Whole numbers from here on round to infinity."""

CONST = register(Op("const", "leaf", 0, attrs=("value", "dtype"), cost=0.0))
INPUT = register(Op("input", "leaf", 0, attrs=("name", "type"), cost=0.0))
SCALARS = {d: Type(d) for d in ("bool", "int64", "float32", "float64")}


class Graph:
    """Nodes by id: `ops[i]`, `args[i]`, `attrs[i]`, `types[i]`; every argument's id is below its user's.

    Equal nodes are one node. `add` interns; `build` first applies the operation's own normal form. `memo` holds what
    was worked out about nodes by questions asked again and again: answers stay right as nodes only come to it.
    """

    __slots__ = ("_ids", "args", "attrs", "memo", "ops", "types")

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.args: list[Args] = []
        self.attrs: list[tuple[Any, ...]] = []
        self.types: list[Type] = []
        self._ids: dict[Any, int] = {}
        self.memo: dict[Any, Any] = {}

    def __len__(self) -> int:
        return len(self.ops)

    def add(self, op: Op, args: Args, attrs: tuple[Any, ...] = (), type: Type | None = None) -> int:
        """The id of this node, made if it is new. `type` spares working it out where it is known."""
        key = (op, args, attrs) if attrs else (op, args)
        i = self._ids.get(key)
        if i is not None:
            return i
        if type is None:
            types = self.types
            if op.typing is None and (len(args) == 1 or (len(args) == 2 and types[args[0]] is types[args[1]])):
                type = types[args[0]]
            else:
                type = infer(op, [types[a] for a in args], attrs)
        i = len(self.ops)
        self._ids[key] = i
        self.ops.append(op)
        self.args.append(args)
        self.attrs.append(attrs)
        self.types.append(type)
        return i

    def known(self, op: Op, args: Args, attrs: tuple[Any, ...] = ()) -> bool:
        """Whether this node is there."""
        return ((op, args, attrs) if attrs else (op, args)) in self._ids

    def build(self, op: Op, args: Args, attrs: tuple[Any, ...] = ()) -> int:
        """As `add`, after the operation's normal form."""
        normal = op.normal
        if normal is not None:
            i = normal(self, args, attrs)
            if i is not None:
                return i
        return self.add(op, args, attrs)

    def const(self, value: Value, dtype: str = "float64") -> int:
        """A constant scalar, keyed by its bits: 0.0 and -0.0 differ, NaN equals itself, 1 and 1.0 differ.

        An exact number beyond the floating-point numbers is infinity.
        """
        if isinstance(value, Fraction) and value.denominator == 1:
            value = int(value)
        if isinstance(value, int) and dtype != "int64" and not -LARGEST < value < LARGEST:
            value = math.inf if value > 0 else -math.inf
        bits = struct.pack("<d", value) if isinstance(value, float) else value
        key = (CONST, value.__class__, bits, dtype)
        i = self._ids.get(key)
        if i is None:
            i = len(self.ops)
            self._ids[key] = i
            self.ops.append(CONST)
            self.args.append(())
            self.attrs.append((value, dtype))
            self.types.append(SCALARS[dtype])
        return i

    def input(self, name: str, type: Type) -> int:
        """The input of this name."""
        return self.add(INPUT, (), (name, type), type if type.shape else SCALARS[type.dtype])

    def value(self, i: int) -> Value | None:
        """The constant that node `i` is, or None."""
        return self.attrs[i][0] if self.ops[i] is CONST else None

    def reach(self, roots: Iterable[int]) -> list[bool]:
        """Per node, whether one of `roots` needs it."""
        live = [False] * len(self.ops)
        top = -1
        for r in roots:
            live[r] = True
            top = max(top, r)
        args = self.args
        for i in range(top, -1, -1):
            if live[i]:
                for a in args[i]:
                    live[a] = True
        return live

    def operations(self, roots: Iterable[int]) -> int:
        """Machine operations that `roots` take; a loop counts its body once."""
        live = self.reach(roots)
        total = 0.0
        loops = set()
        for i, needed in enumerate(live):
            if needed:
                op = self.ops[i]
                if op.attrs[-1:] == ("take",):  # nodes may take one result each of one loop or decomposition
                    key = op, self.args[i], self.attrs[i][:-1]
                    if key in loops:
                        continue
                    loops.add(key)
                total += self.work(i)
        return int(total)

    def work(self, i: int) -> float:
        """Machine operations that node `i` takes by itself."""
        op = self.ops[i]
        if op.work is not None:
            return op.work([self.types[a] for a in self.args[i]], *self.attrs[i])
        if op.kind == "control":
            body = self.attrs[i][0]
            return body.graph.operations(body.outputs)
        return op.cost * math.prod(n or 1 for n in self.types[i].shape) if op.cost else 0.0

    def copy(self) -> Graph:
        """An independent graph with the same ids."""
        g = Graph()
        g.ops, g.args, g.attrs, g.types = self.ops[:], self.args[:], self.attrs[:], self.types[:]
        g._ids = dict(self._ids)
        return g

    def into(self, target: Graph, roots: Iterable[int], seen: dict[int, int] | None = None) -> dict[int, int]:
        """Rebuild in `target` what `roots` need, through the normal forms; the map from ids here to ids there.

        `seen` may hold ids already mapped (a substitution).
        """
        seen = {} if seen is None else seen
        roots = list(roots)
        live = self.reach(r for r in roots if r not in seen) if not seen else _reach_past(self, roots, seen)
        ops, args, attrs = self.ops, self.args, self.attrs
        for i, needed in enumerate(live):
            if needed and i not in seen:
                op = ops[i]
                if op is CONST:
                    seen[i] = target.const(*attrs[i])
                else:
                    seen[i] = target.build(op, tuple([seen[a] for a in args[i]]), attrs[i])
        return seen


def _reach_past(g: Graph, roots: list[int], seen: dict[int, int]) -> list[bool]:
    """As `Graph.reach`, but what is behind an already mapped node is not needed for its sake."""
    live = [False] * len(g.ops)
    for r in roots:
        live[r] = True
    for i in range(len(g.ops) - 1, -1, -1):
        if live[i] and i not in seen:
            for a in g.args[i]:
                live[a] = True
    return live


def infer(op: Op, types: list[Type], attrs: tuple[Any, ...]) -> Type:
    """The type of `op` on arguments of `types`."""
    if op.typing is not None:
        return op.typing(types, *attrs)
    if op is INPUT:
        return attrs[1]
    first = types[0]
    for t in types[1:]:
        if t is not first and t != first:
            if t.shape != first.shape:
                shapes = ", ".join(str(t.shape) for t in types)
                raise TypeError(f"{op.name}: shapes {shapes} differ; broadcast is a node of its own")
            return Type(promote([t.dtype for t in types]), first.shape)
    return first
