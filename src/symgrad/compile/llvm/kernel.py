"""A graph of scalars as straight-line LLVM IR: for one point, or for as many points as a vector holds.

The nodes become instructions in order. Functions of about `CHUNK` operations keep code generation linear;
values that cross from one to another pass through a workspace whose slots are used again.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

from symgrad.compile.llvm.vector_math import FUNCTIONS, functions, symbol
from symgrad.compile.lower import lower
from symgrad.dialects.llvm import COMPARE, INLINE, LOGIC, library_symbol
from symgrad.errors import UnsupportedError
from symgrad.graph import CONST, INPUT, NAMED, REGISTER, Graph, Op

CHUNK = 2500
FOLD, STACK, GATHER, ELEMENT = (REGISTER[n] for n in ("fold", "stack", "gather", "element"))
CAST = REGISTER["cast"]
REALS = {"float64": "double", "float32": "float"}


class Program(NamedTuple):
    """What the back end compiles: operations it has, one dtype, and where inputs and outputs stand."""

    graph: Graph
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    dtype: str


def has(op: Op) -> bool:
    """Whether this back end lowers `op` itself."""
    return op.name in INLINE or op.name in COMPARE or op.name in LOGIC or op.name in FUNCTIONS or (
        op.name in ("where", "mask", "negative", "stack", "element", "gather", "cast", "fold")
        or library_symbol(op.name) is not None
    )


def prepare(graph: Graph, inputs: Sequence[int], outputs: Sequence[int]) -> Program:
    """The program of a graph; UnsupportedError, naming the operation, for what this back end has not."""
    dtypes = {graph.types[i].dtype for i in inputs} | {graph.types[o].dtype for o in outputs}
    dtypes -= {"bool", "int64"}
    if len(dtypes) > 1:
        raise UnsupportedError("the native back end runs one dtype at a time; this function mixes two")
    lowered, roots = lower(graph, outputs, has, "native")
    places = [lowered.input(*graph.attrs[i]) for i in inputs]
    for i, needed in enumerate(lowered.reach(roots)):
        type, op = lowered.types[i], lowered.ops[i]
        if needed and type.shape and op is not INPUT and op is not STACK:
            raise UnsupportedError(f"the native back end has no arrays yet: {op.name} of shape {type.shape}")
    return Program(lowered, tuple(places), tuple(roots), dtypes.pop() if dtypes else "float64")


def vectorises(program: Program) -> bool:
    """Whether several points can share one vector: no loops, no computed places, no integers."""
    g = program.graph
    return all(not g.types[i].shape for i in program.inputs) and not any(
        op is FOLD or op is GATHER or t.dtype == "int64" for op, t in zip(g.ops, g.types, strict=True)
    )


def number(value: Any, real: str) -> str:
    """A constant as LLVM writes it."""
    v = float(NAMED[value] if isinstance(value, str) else value)
    if real == "float":
        v = struct.unpack("<f", struct.pack("<f", v))[0] if abs(v) < 3.5e38 or v != v else v
    return f"0x{struct.unpack('<Q', struct.pack('<d', v))[0]:016X}"


class Writer:
    """Instructions of one function. `width` 1 writes scalars."""

    def __init__(self, program: Program, width: int, prefix: str = "") -> None:
        self.program = program
        self.real = REALS[program.dtype]
        self.width = width
        self.lines: list[str] = []
        self.values: dict[int, str] = {}
        self.maths: set[str] = set()
        self.library: dict[str, str] = {}
        self.prefix = prefix
        self._fresh = 0

    def vector(self, element: str) -> str:
        return element if self.width == 1 else f"<{self.width} x {element}>"

    def fresh(self) -> str:
        self._fresh += 1
        return f"%{self.prefix}t{self._fresh}"

    def emit(self, text: str) -> str:
        name = self.fresh()
        self.lines.append(f"{name} = {text}")
        return name

    def constant(self, value: Any, dtype: str) -> str:
        if dtype == "bool":
            text, element = ("true" if value else "false"), "i1"
        elif dtype == "int64":
            text, element = str(int(value)), "i64"
        else:
            text, element = number(value, self.real), self.real
        return text if self.width == 1 else f"splat ({element} {text})"

    def type_of(self, i: int) -> str:
        dtype = self.program.graph.types[i].dtype
        return self.vector({"bool": "i1", "int64": "i64"}.get(dtype, self.real))

    def operation(self, graph: Graph, i: int, args: Sequence[str]) -> str:
        """The instruction(s) of node `i`."""
        op = graph.ops[i]
        name = op.name
        dtype = graph.types[graph.args[i][0]].dtype
        integer = dtype == "int64"
        t = self.vector("i64" if integer else "i1" if dtype == "bool" else self.real)
        if name in INLINE:
            real, whole = INLINE[name]
            if integer and whole is None:
                raise UnsupportedError(f"the native back end has no {name} of integers")
            return self.emit(f"{whole if integer else real} {t} {args[0]}, {args[1]}")
        if name in COMPARE:
            real, whole = COMPARE[name]
            return self.emit(f"{'icmp ' + whole if integer else 'fcmp ' + real} {t} {args[0]}, {args[1]}")
        if name in LOGIC:
            ones = "true" if self.width == 1 else "splat (i1 true)"
            return self.emit(LOGIC[name].format(t=t, a=args[0], b=args[-1], ones=ones))
        if name == "negative":
            return self.emit(f"sub {t} {self.constant(0, 'int64')}, {args[0]}" if integer else f"fneg {t} {args[0]}")
        if name in ("where", "mask"):
            out = self.type_of_node(graph, i)
            condition = self.vector("i1")
            other = args[2] if name == "where" else self.constant(0, graph.types[i].dtype)
            return self.emit(f"select {condition} {args[0]}, {out} {args[1]}, {out} {other}")
        if name == "cast":
            return self._cast(dtype, graph.types[i].dtype, args[0])
        if name in FUNCTIONS:
            return self._maths(name, args)
        return self._library(name, args)

    def type_of_node(self, graph: Graph, i: int) -> str:
        dtype = graph.types[i].dtype
        return self.vector({"bool": "i1", "int64": "i64"}.get(dtype, self.real))

    def _cast(self, source: str, target: str, value: str) -> str:
        if source == target or {source, target} == {"float32", "float64"}:
            return value
        kinds = {"bool": "i1", "int64": "i64"}
        a, b = self.vector(kinds.get(source, self.real)), self.vector(kinds.get(target, self.real))
        if source == "bool":
            return self.emit(f"{'zext' if target == 'int64' else 'uitofp'} {a} {value} to {b}")
        if source == "int64":
            return self.emit(f"sitofp {a} {value} to {b}")
        if target == "bool":
            return self.emit(f"fcmp une {a} {value}, zeroinitializer" if self.width > 1 else f"fcmp une {a} {value}, 0.0")
        return self.emit(f"call {b} @llvm.fptosi.sat.i64.{'f64' if self.real == 'double' else 'f32'}({a} {value})")

    def _maths(self, name: str, args: Sequence[str]) -> str:
        self.maths.add(name)
        t = self.vector(self.real)
        f = symbol(name, self.width, self.program.dtype)
        return self.emit(f"call {t} {f}({', '.join(f'{t} {a}' for a in args)})")

    def _library(self, name: str, args: Sequence[str]) -> str:
        """A function of SciPy's or libm's, which take doubles: lane by lane."""
        f = library_symbol(name)
        assert f is not None
        self.library[f] = f"declare double @{f}({', '.join(['double'] * len(args))}) nounwind"
        if self.width == 1:
            return self._library_lane(f, args)
        t = self.vector(self.real)
        out = "poison"
        for lane in range(self.width):
            parts = [self.emit(f"extractelement {t} {a}, i32 {lane}") for a in args]
            out = self.emit(f"insertelement {t} {out}, {self.real} {self._library_lane(f, parts)}, i32 {lane}")
        return out

    def _library_lane(self, f: str, args: Sequence[str]) -> str:
        if self.real == "float":
            args = [self.emit(f"fpext float {a} to double") for a in args]
        out = self.emit(f"call double @{f}({', '.join(f'double {a}' for a in args)})")
        return self.emit(f"fptrunc double {out} to float") if self.real == "float" else out


def maths_text(names: set[str], width: int, dtype: str, fma: bool) -> dict[str, str]:
    """The vector maths that a module needs, by symbol."""
    return functions([(n, width, dtype) for n in sorted(names)], fma)


__all__ = ["CAST", "CONST", "ELEMENT", "Program", "Writer", "has", "maths_text", "number", "prepare", "vectorises"]
