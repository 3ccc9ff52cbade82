"""A small builder of textual LLVM IR for straight-line maths on scalars or vectors of any width.

Formulas are written once, with Python's operators on `Value`s; the builder's width decides whether
`fadd double` or `fadd <8 x double>` is written. Nothing here imports LLVM.

The text needs LLVM 19 or later (`splat` constants).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from fractions import Fraction

Number = int | float | Fraction


@dataclass(frozen=True)
class Format:
    """An IEEE binary format and the integer type of its bits."""

    name: str  # as in symbols: f64
    real: str  # LLVM's name of the type
    bits: str
    size: int  # bits in all
    mantissa: int  # stored bits of the significand
    bias: int
    largest: float

    @property
    def digits(self) -> int:
        """Significant bits."""
        return self.mantissa + 1

    @property
    def magic(self) -> float:
        """x + magic - magic is x rounded to an integer, which stands in the low bits of x + magic."""
        return 1.5 * 2.0**self.mantissa

    @property
    def sign_bit(self) -> int:
        return 1 << (self.size - 1)

    @property
    def one_bits(self) -> int:
        """The bits of 1.0."""
        return self.bias << self.mantissa

    @property
    def smallest_normal(self) -> float:
        return 2.0 ** (1 - self.bias)


F64 = Format("f64", "double", "i64", 64, 52, 1023, float.fromhex("0x1.fffffffffffffp+1023"))
F32 = Format("f32", "float", "i32", 32, 23, 127, float.fromhex("0x1.fffffep+127"))
FORMATS = {"float64": F64, "float32": F32}
_BY_REAL = {f.real: f for f in (F64, F32)}
_BY_BITS = {f.bits: f for f in (F64, F32)}


class Value:
    """An SSA value: `type` is its element type (double, float, i64, i32 or i1)."""

    __slots__ = ("code", "name", "type")

    def __init__(self, code: Builder, name: str, type: str) -> None:
        self.code = code
        self.name = name
        self.type = type

    @property
    def format(self) -> Format:
        return _BY_REAL.get(self.type) or _BY_BITS[self.type]

    def _two(self, real: str, integer: str, other: Operand, swap: bool = False) -> Value:
        instruction = real if self.type in _BY_REAL else integer
        a, b = self.name, self.code.lift(other, self.type).name
        if swap:
            a, b = b, a
        return self.code.emit(f"{instruction} {self.code.spelled(self.type)} {a}, {b}", self.type)

    def __add__(self, other: Operand) -> Value:
        return self._two("fadd", "add", other)

    def __radd__(self, other: Operand) -> Value:
        return self._two("fadd", "add", other, swap=True)

    def __sub__(self, other: Operand) -> Value:
        return self._two("fsub", "sub", other)

    def __rsub__(self, other: Operand) -> Value:
        return self._two("fsub", "sub", other, swap=True)

    def __mul__(self, other: Operand) -> Value:
        return self._two("fmul", "mul", other)

    def __rmul__(self, other: Operand) -> Value:
        return self._two("fmul", "mul", other, swap=True)

    def __truediv__(self, other: Operand) -> Value:
        return self._two("fdiv", "sdiv", other)

    def __rtruediv__(self, other: Operand) -> Value:
        return self._two("fdiv", "sdiv", other, swap=True)

    def __mod__(self, other: Operand) -> Value:
        return self._two("frem", "srem", other)

    def __and__(self, other: Operand) -> Value:
        return self._two("", "and", other)

    def __or__(self, other: Operand) -> Value:
        return self._two("", "or", other)

    def __xor__(self, other: Operand) -> Value:
        return self._two("", "xor", other)

    def __lshift__(self, count: int) -> Value:
        return self._two("", "shl", count)

    def __rshift__(self, count: int) -> Value:
        return self._two("", "lshr", count)

    def __neg__(self) -> Value:
        return self.code.emit(f"fneg {self.code.spelled(self.type)} {self.name}", self.type)

    def __invert__(self) -> Value:
        return self ^ 1

    def negative(self) -> Value:
        """Whether the sign bit is set (of -0 too)."""
        bits = self.as_bits()
        return self.code.emit(f"icmp slt {self.code.spelled(bits.type)} {bits.name}, {self.code.zero}", "i1")

    def _compare(self, predicate: str, other: Operand) -> Value:
        b = self.code.lift(other, self.type)
        if self.type in _BY_REAL:
            head = f"fcmp {predicate}"
        else:
            head = f"icmp {predicate}".replace(" oeq", " eq")
        return self.code.emit(f"{head} {self.code.spelled(self.type)} {self.name}, {b.name}", "i1")

    # ordered comparisons: false where either side is NaN
    def __lt__(self, other: Operand) -> Value:
        return self._compare("olt", other)

    def __gt__(self, other: Operand) -> Value:
        return self._compare("ogt", other)

    def __le__(self, other: Operand) -> Value:
        return self._compare("ole", other)

    def __ge__(self, other: Operand) -> Value:
        return self._compare("oge", other)

    def equals(self, other: Operand) -> Value:
        return self._compare("oeq", other)

    def unordered(self, other: Operand) -> Value:
        """Whether either is NaN."""
        return self._compare("uno", other)

    def as_bits(self) -> Value:
        return self.code.convert("bitcast", self, self.format.bits)

    def as_real(self) -> Value:
        return self.code.convert("bitcast", self, self.format.real)

    def widen(self) -> Value:
        """float -> double."""
        return self.code.convert("fpext", self, "double")

    def narrow(self) -> Value:
        """double -> float, rounded."""
        return self.code.convert("fptrunc", self, "float")


Operand = Value | int | float | Fraction


class Builder:
    """Collects the lines of one function of vectors of `width` (1: scalars)."""

    def __init__(self, width: int, fused: bool) -> None:
        self.width = width
        self.fused = fused  # whether the machine has a fused multiply-add
        self.lines: list[str] = ["entry:"]
        self.declarations: set[str] = set()
        self.needs: set[tuple[str, str]] = set()  # further functions called: name, format
        self._count = 0
        self._branches = 0
        self._block = "entry"

    def spelled(self, type: str) -> str:
        return type if self.width == 1 else f"<{self.width} x {type}>"

    @property
    def zero(self) -> str:
        return "0" if self.width == 1 else "zeroinitializer"

    def emit(self, text: str, type: str) -> Value:
        name = f"%{self._count}"
        self._count += 1
        self.lines.append(f" {name} = {text}")
        return Value(self, name, type)

    def lift(self, x: Operand, type: str) -> Value:
        if isinstance(x, Value):
            return x
        text = literal(x, type)
        return Value(self, text if self.width == 1 else f"splat ({type} {text})", type)

    def convert(self, how: str, x: Value, type: str) -> Value:
        return self.emit(f"{how} {self.spelled(x.type)} {x.name} to {self.spelled(type)}", type)

    def intrinsic(self, name: str, *args: Value) -> Value:
        """llvm.<name> of arguments of one type."""
        type = args[0].type
        short = _BY_REAL[type].name
        full = f"@llvm.{name}.{short if self.width == 1 else f'v{self.width}{short}'}"
        spelled = self.spelled(type)
        self.declarations.add(f"declare {spelled} {full}({', '.join([spelled] * len(args))})")
        return self.emit(f"call {spelled} {full}({', '.join(f'{spelled} {a.name}' for a in args)})", type)

    def any(self, mask: Value) -> str:
        """The name of an i1 that says whether any lane of `mask` is set."""
        if self.width == 1:
            return mask.name
        whole = self.emit(f"bitcast <{self.width} x i1> {mask.name} to i{self.width}", "i1")
        return self.emit(f"icmp ne i{self.width} {whole.name}, 0", "i1").name

    def rescue(self, mask: Value, value: Value, name: str, *args: Value) -> Value:
        """`value`, or where any lane of `mask` is set what the function `name` makes of (args, value)."""
        format = value.format
        self.needs.add((name, format.name))
        self._branches += 1
        rare, after = f"rare{self._branches}", f"after{self._branches}"
        spelled = self.spelled(value.type)
        unlikely = '!prof !{!"branch_weights", i32 1, i32 100000}'
        self.lines.append(f" br i1 {self.any(mask)}, label %{rare}, label %{after}, {unlikely}")
        self.lines.append(f"{rare}:")
        passed = ", ".join(f"{self.spelled(a.type)} {a.name}" for a in (*args, value))
        mended = self.emit(f"call {spelled} {mangled(name, format, self.width)}({passed})", value.type)
        self.lines += [f" br label %{after}", f"{after}:"]
        before, self._block = self._block, after
        return self.emit(f"phi {spelled} [{value.name}, %{before}], [{mended.name}, %{rare}]", value.type)

    def per_lane(self, function: str, x: Value) -> Value:
        """The C library's double function, called for one lane after the other."""
        self.declarations.add(f"declare double @{function}(double) nounwind willreturn memory(none)")
        if self.width == 1:
            return self.emit(f"call double @{function}(double {x.name})", "double")
        spelled = self.spelled("double")
        r = Value(self, "poison", "double")
        for i in range(self.width):
            lane = self.emit(f"extractelement {spelled} {x.name}, i32 {i}", "double")
            y = self.emit(f"call double @{function}(double {lane.name})", "double")
            r = self.emit(f"insertelement {spelled} {r.name}, double {y.name}, i32 {i}", "double")
        return r


def mangled(name: str, format: Format, width: int) -> str:
    """The symbol of a function of the vector maths."""
    return f"@sg.{name}.{format.name}.x{width}"


def real_bits(x: float, format: Format) -> int:
    """The bits of x, rounded to the format."""
    real, integer = ("<d", "<Q") if format.size == 64 else ("<f", "<I")
    return struct.unpack(integer, struct.pack(real, x))[0]


def _single(x: float) -> float:
    """x rounded to single precision."""
    try:
        return struct.unpack("<f", struct.pack("<f", x))[0]
    except OverflowError:
        return math.copysign(math.inf, x)


def literal(x: Number, type: str) -> str:
    """A constant as LLVM wants it: reals as the bits of the double that equals them."""
    if type in _BY_REAL:
        value = float(x)
        if type == "float":
            value = _single(value)
        return f"0x{real_bits(value, F64):016X}"
    value = int(x)
    if type == "i1":
        return "true" if value else "false"
    size = _BY_BITS[type].size
    return str(value - (1 << size) if value >> (size - 1) == 1 else value)
