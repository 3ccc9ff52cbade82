"""One operation after the other as LLVM instructions, on scalars or on vectors of points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import count
from typing import Any

from symgrad.compile.llvm.ir import literal
from symgrad.compile.llvm.vector_math import FUNCTIONS, symbol
from symgrad.dialects.llvm import ARITHMETIC, COMPARE, INTEGER_FIRST, INTRINSIC, LOGIC, LOOPS, SCIPY, Loop
from symgrad.errors import UnsupportedError
from symgrad.graph import NAMED, Graph, Op

REALS = {"float64": "double", "float32": "float"}
SIZES = {"float64": 8, "float32": 4, "int64": 8, "bool": 1}  # bytes of an element in memory
_KINDS = {"bool": "i1", "int64": "i64"}
_OF_TRUTHS = {"add": "or", "maximum": "or", "multiply": "and", "minimum": "and"}
_OWN = frozenset(
    ["where", "mask", "negative", "logical_not", "minimum", "maximum", "stack", "element", "gather", "cast", "fold"]
)


def has(op: Op) -> bool:
    """Whether this back end has `op` itself, so that it needs no expansion."""
    name = op.name
    return (
        name in ARITHMETIC
        or name in FUNCTIONS
        or name in COMPARE
        or name in LOGIC
        or name in INTRINSIC
        or name in _OWN
        or name in SCIPY
        or name in LOOPS
    )


class Module:
    """What the functions of a module share: the machine, the declarations, the vector maths they call."""

    def __init__(self, dtype: str, fused: bool) -> None:
        self.dtype = dtype
        self.real = REALS[dtype]
        self.fused = fused
        self.maths: set[tuple[str, int, str]] = set()
        self.declarations: set[str] = set()


class Writer:
    """The instructions of one function. `width` points at once; 1 writes scalars."""

    def __init__(self, module: Module, width: int) -> None:
        self.module = module
        self.width = width
        self.lines: list[str] = []
        self.slots: list[str] = []  # stack memory, reserved at the function's beginning
        self.block = "entry"
        self._numbers = count()
        real = module.real
        spell = (lambda t: t) if width == 1 else (lambda t: f"<{width} x {t}>")
        self.spelled = {t: spell(t) for t in ("i1", "i64", real)}
        self.real = self.spelled[real]
        flags = "contract " if module.fused else ""
        self._arithmetic = {name: f"{f} {flags}{self.real}" for name, (f, _) in ARITHMETIC.items()}

    def fresh(self) -> str:
        return f"%v{next(self._numbers)}"

    def emit(self, text: str) -> str:
        name = f"%v{next(self._numbers)}"
        self.lines.append(f" {name} = {text}")
        return name

    def label(self, kind: str) -> str:
        return f"{kind}{next(self._numbers)}"

    def widened(self, width: int) -> Writer:
        """Writes on in the same function, for other widths."""
        other = Writer(self.module, width)
        other.lines, other.slots, other._numbers = self.lines, self.slots, self._numbers
        return other

    def start(self, label: str) -> None:
        """The instructions that follow belong to a new block."""
        self.lines.append(f"{label}:")
        self.block = label

    def reserve(self, type: str) -> str:
        name = f"%s{len(self.slots)}"
        self.slots.append(f" {name} = alloca {type}, align 8")
        return name

    def element(self, dtype: str) -> str:
        """LLVM's scalar type of a dtype."""
        return _KINDS.get(dtype, self.module.real)

    def type(self, dtype: str) -> str:
        return self.spelled[self.element(dtype)]

    def constant(self, value: Any, dtype: str) -> str:
        value = NAMED[value] if isinstance(value, str) else value
        if dtype == "int64" and (not math.isfinite(value) or value != int(value)):
            raise UnsupportedError(f"the constant {value} is no integer")
        return self.lift(literal(value, self.element(dtype)), dtype)

    def lift(self, text: str, dtype: str) -> str:
        """A constant's text, for every point."""
        return text if self.width == 1 else f"splat ({self.element(dtype)} {text})"

    def operation(self, g: Graph, i: int, args: Sequence[str]) -> str:
        """The result of node `i`, whose arguments are `args`."""
        name = g.ops[i].name
        dtype = g.types[g.args[i][0]].dtype
        if dtype in _KINDS:
            return self._discrete(g, i, name, dtype, args)
        if name in self._arithmetic:
            return self.emit(f"{self._arithmetic[name]} {args[0]}, {args[1]}")
        if name in COMPARE:
            return self.emit(f"fcmp {COMPARE[name][0]} {self.real} {args[0]}, {args[1]}")
        if name == "negative":
            return self.emit(f"fneg {self.real} {args[0]}")
        if name in INTRINSIC:
            return self.intrinsic(INTRINSIC[name], args[0])
        if name in ("minimum", "maximum"):
            return self._extreme("olt" if name == "minimum" else "ogt", *args)
        if name == "cast":
            return self._cast(dtype, g.types[i].dtype, args[0])
        if name in FUNCTIONS:
            return self.call(name, args)
        attrs = g.attrs[i]
        if name in SCIPY:
            return self._lanes(lambda parts: self._scipy(name, attrs, parts), args)
        return self._lanes(lambda parts: self._loop(LOOPS[name], attrs, parts), args)

    def _discrete(self, g: Graph, i: int, name: str, dtype: str, args: Sequence[str]) -> str:
        """An operation whose first argument is a truth value or an integer."""
        t = self.type(dtype)
        if name in ("where", "mask"):
            out = g.types[i].dtype
            other = args[2] if name == "where" else self.constant(0, out)
            return self.emit(f"select {t} {args[0]}, {self.type(out)} {args[1]}, {self.type(out)} {other}")
        if name == "cast":
            return self._cast(dtype, g.types[i].dtype, args[0])
        if name == "logical_not":
            return self.emit(f"xor {t} {args[0]}, {self.lift('true', 'bool')}")
        if name in LOGIC:
            return self.emit(f"{LOGIC[name]} {t} {args[0]}, {args[1]}")
        if name in COMPARE:
            how = COMPARE[name][1]
            if dtype == "bool" and how[0] == "s":
                how = "u" + how[1:]
            return self.emit(f"icmp {how} {t} {args[0]}, {args[1]}")
        if dtype == "bool" and name in _OF_TRUTHS:
            return self.emit(f"{_OF_TRUTHS[name]} {t} {args[0]}, {args[1]}")
        if dtype == "int64":
            if name in ("floor", "ceil", "trunc"):
                return args[0]
            if name in ("abs", "sign"):
                return self._signed(name, args[0])
            if name in ("mod", "fmod"):
                return self._remainder(name, args[0], args[1])
            if name == "negative":
                return self.emit(f"sub {t} {self.constant(0, 'int64')}, {args[0]}")
            if name in ("minimum", "maximum"):
                c = self.emit(f"icmp {'slt' if name == 'minimum' else 'sgt'} {t} {args[0]}, {args[1]}")
                return self.emit(f"select {self.spelled['i1']} {c}, {t} {args[0]}, {t} {args[1]}")
            instruction = ARITHMETIC.get(name, ("", None))[1]
            if instruction is not None:
                return self.emit(f"{instruction} {t} {args[0]}, {args[1]}")
        raise UnsupportedError(f"the native back end has no {name} of {dtype}")

    def _signed(self, name: str, x: str) -> str:
        """abs and sign of integers."""
        t, truth, zero = self.type("int64"), self.spelled["i1"], self.constant(0, "int64")
        below = self.emit(f"icmp slt {t} {x}, {zero}")
        if name == "abs":
            return self.emit(f"select {truth} {below}, {t} {self.emit(f'sub {t} {zero}, {x}')}, {t} {x}")
        above = self.emit(f"zext {truth} {self.emit(f'icmp sgt {t} {x}, {zero}')} to {t}")
        return self.emit(f"sub {t} {above}, {self.emit(f'zext {truth} {below} to {t}')}")

    def _remainder(self, name: str, a: str, b: str) -> str:
        """mod and fmod of integers: 0 for a divisor of 0, as in NumPy; none for -1, which might overflow."""
        t, truth, zero, one = (
            self.type("int64"),
            self.spelled["i1"],
            self.constant(0, "int64"),
            self.constant(1, "int64"),
        )
        near = self.emit(f"icmp ult {t} {self.emit(f'add {t} {b}, {one}')}, {self.constant(2, 'int64')}")
        rest = self.emit(f"srem {t} {a}, {self.emit(f'select {truth} {near}, {t} {one}, {t} {b}')}")
        if name == "fmod":
            return rest
        other = self.emit(f"icmp slt {t} {self.emit(f'xor {t} {rest}, {b}')}, {zero}")
        some = self.emit(f"icmp ne {t} {rest}, {zero}")
        moved = self.emit(f"and {truth} {other}, {some}")
        return self.emit(f"select {truth} {moved}, {t} {self.emit(f'add {t} {rest}, {b}')}, {t} {rest}")

    def intrinsic(self, name: str, *args: str) -> str:
        short = "f64" if self.module.real == "double" else "f32"
        full = f"@llvm.{name}.{short if self.width == 1 else f'v{self.width}{short}'}"
        self.module.declarations.add(f"declare {self.real} {full}({', '.join([self.real] * len(args))})")
        return self.emit(f"call {self.real} {full}({', '.join(f'{self.real} {a}' for a in args)})")

    def _extreme(self, better: str, a: str, b: str) -> str:
        """minimum, maximum as NumPy has them: NaN where either is."""
        is_better = self.emit(f"fcmp {better} {self.real} {a}, {b}")
        is_nan = self.emit(f"fcmp uno {self.real} {a}, {a}")
        first = self.emit(f"or {self.spelled['i1']} {is_better}, {is_nan}")
        return self.emit(f"select {self.spelled['i1']} {first}, {self.real} {a}, {self.real} {b}")

    def _cast(self, source: str, target: str, value: str) -> str:
        a, b = self.type(source), self.type(target)
        if a == b:
            return value
        if source == "bool":
            return self.emit(f"{'zext' if target == 'int64' else 'uitofp'} {a} {value} to {b}")
        if source == "int64" and target != "bool":
            return self.emit(f"sitofp {a} {value} to {b}")
        if target == "bool":
            return self.emit(
                f"{'icmp ne' if source == 'int64' else 'fcmp une'} {a} {value}, {self.constant(0, source)}"
            )
        short = "f64" if self.module.real == "double" else "f32"
        ends = ("i64", short) if self.width == 1 else (f"v{self.width}i64", f"v{self.width}{short}")
        name = f"@llvm.fptosi.sat.{ends[0]}.{ends[1]}"
        self.module.declarations.add(f"declare {b} {name}({a})")
        return self.emit(f"call {b} {name}({a} {value})")

    def call(self, name: str, args: Sequence[str]) -> str:
        """One of our vector functions; `sincos` gives the pair."""
        self.module.maths.add((name, self.width, self.module.dtype))
        result = f"{{{self.real}, {self.real}}}" if name == "sincos" else self.real
        passed = ", ".join([f"{self.real} {a}" for a in args])
        return self.emit(f"call {result} {symbol(name, self.width, self.module.dtype)}({passed})")

    def _lanes(self, function: Any, args: Sequence[str]) -> str:
        """A function of double scalars, for one point after the other."""
        if self.width == 1:
            return self._narrow(function([self._wide(a) for a in args]))
        out = "poison"
        for lane in range(self.width):
            parts = [self._wide(self.emit(f"extractelement {self.real} {a}, i32 {lane}")) for a in args]
            value = self._narrow(function(parts))
            out = self.emit(f"insertelement {self.real} {out}, {self.module.real} {value}, i32 {lane}")
        return out

    def _wide(self, x: str) -> str:
        if self.module.real == "double":
            return x
        return f"0x{x[2:]}" if x.startswith("0x") else self.emit(f"fpext float {x} to double")

    def _narrow(self, x: str) -> str:
        return x if self.module.real == "double" else self.emit(f"fptrunc double {x} to float")

    def _scipy(self, name: str, attrs: tuple[Any, ...], args: Sequence[str]) -> str:
        """A C function of scipy.special: its last argument is Cython's own."""
        first = "i64" if name in INTEGER_FIRST else "double"
        passed = [f"{first} {literal(a, first)}" for a in attrs] + [f"double {a}" for a in args]
        types = [first] * len(attrs) + ["double"] * len(args)
        f = f'@"symgrad.scipy.{SCIPY[name]}"'
        self.module.declarations.add(f"declare double {f}({', '.join([*types, 'i32'])}) nounwind")
        return self.emit(f"call double {f}({', '.join([*passed, 'i32 0'])})")

    def _loop(self, how: Loop, attrs: tuple[Any, ...], args: Sequence[str]) -> str:
        """One pass of a ufunc's loop: pointers to each argument and each result."""
        inputs, results = how.types.split("->")
        f = f'@"symgrad.ufunc.{how.name}/{how.types}.loop"'
        data = f'@"symgrad.ufunc.{how.name}/{how.types}.data"'
        self.module.declarations.add(f"declare void {f}(ptr, ptr, ptr, ptr)")
        self.module.declarations.add(f"{data} = external global i8")
        values: list[Any] = [*args, *attrs] if inputs[0] == "D" else [*attrs, *args]
        values += how.after
        total = len(inputs) + len(results)
        x = args[0]
        if how.reflects is not None:
            self.module.declarations.add("declare double @llvm.fabs.f64(double)")
            args = [self.emit(f"call double @llvm.fabs.f64(double {x})")]
            values[-1] = args[0]
        pointers = self.reserve(f"[{total} x ptr]")
        one, strides = self.reserve("i64"), self.reserve(f"[{total} x i64]")
        self.lines.append(f" store i64 1, ptr {one}")
        self.lines.append(f" store [{total} x i64] zeroinitializer, ptr {strides}")
        places = [self.reserve("[2 x double]") for _ in range(total)]
        for k, place in enumerate(places):
            self.lines.append(f" {(at := self.fresh())} = getelementptr ptr, ptr {pointers}, i64 {k}")
            self.lines.append(f" store ptr {place}, ptr {at}")
        for kind, value, place in zip(inputs, values, places, strict=False):
            type = "i64" if kind == "l" else "double"
            text = value if isinstance(value, str) else literal(value, type)
            if kind == "D":
                self.lines.append(f" store [2 x double] zeroinitializer, ptr {place}")
            self.lines.append(f" store {type} {text}, ptr {place}")
        self.lines.append(f" call void {f}(ptr {pointers}, ptr {one}, ptr {strides}, ptr {data})")
        place = places[len(inputs) + how.take]
        out = self.emit(f"load double, ptr {place}")
        nan = literal(float("nan"), "double")
        if results[how.take] == "D":
            self.lines.append(f" {(at := self.fresh())} = getelementptr double, ptr {place}, i64 1")
            imaginary = self.emit(f"load double, ptr {at}")
            real = self.emit(f"fcmp oeq double {imaginary}, 0.0")
            return self.emit(f"select i1 {real}, double {out}, double {nan}")
        if how.reflects is not None and (attrs[0] + how.reflects) % 2:
            below = self.emit(f"fcmp olt double {x}, 0.0")
            return self.emit(f"select i1 {below}, double {self.emit(f'fneg double {out}')}, double {out}")
        if how.from_zero:
            below = self.emit(f"fcmp olt double {args[0]}, 0.0")
            return self.emit(f"select i1 {below}, double {nan}, double {out}")
        return out
