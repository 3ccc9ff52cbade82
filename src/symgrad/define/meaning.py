"""What the pieces of a formula's text mean: nodes, each checked when it is made.

Conditions and numbers are kept apart, and a constant must be a number that a float can hold: exact arithmetic
on 9**9**9**9 would not end.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

from symgrad.define.tokens import Token, wrong
from symgrad.dialects import text as dialect
from symgrad.errors import FormulaError
from symgrad.graph import CONST, INPUT, REGISTER, Graph, Node, Op
from symgrad.ops.declare import boolean

MAX_ORDER = 1000
"""The largest fixed order or degree of a special function."""
MAX_POWER = 2**53
"""The largest fixed exponent."""
LARGEST = 1074
"""Powers of numbers stay between 2**-1074 and 2**1074, float64's range and a little more."""
DIGITS = 4000
"""Digits of a number that only other programs, which compute without rounding, could write out."""
_EXPONENTIAL = ("exp", "expm1", "sinh", "cosh", "sech", "csch", "erfi", "erfcx", "expi", "shi", "chi", "iv", "kv")
_FACTORIAL = ("gamma", "poch", "binom", "lowergamma", "uppergamma", "polygamma", "zeta", "riemann_zeta")
_GROWING = ("eval_", "hyp", "airyb", "exp2")
WORDS = ("and", "or", "not", "True", "False", "if", "else")
"""Words of the grammar, and two that are refused with a hint."""


class Value(NamedTuple):
    """A piece of formula: a node and where it stands in the text, or the items of a bracket `(x, p)`."""

    id: int
    at: int
    last: int | None = None  # the right operand of an open chain of comparisons
    items: tuple[Value, ...] = ()


class Meaning:
    """Builds in `graph` what is written in `text`, in terms of the variables `known`."""

    def __init__(self, text: str, graph: Graph, known: dict[str, int], dtype: str) -> None:
        self.text = text
        self.g = graph
        self.known = known
        self.dtype = dtype
        self.digits: dict[int, float] = {}
        """About how many digits the number has that a node without variables is, before or after the point."""

    def operation(self, at: int, name: str, left: Value | None, right: Value) -> Value:
        """An operation between two operands, or a prefix (`left` is None). `name` "": a sign + that says nothing."""
        if name.startswith("logical_"):
            word = name.removeprefix("logical_")
            ids = [self._condition(v, word) for v in (left, right) if v is not None]
            return Value(self._build(at, name, *ids), at if left is None else left.at)
        if left is None:
            number = self.number(right, "a sign")
            return Value(self._build(at, name, number) if name else number, at)
        if REGISTER[name].typing is boolean:
            return self._comparison(at, name, left, right)
        a, b = self.number(left, "arithmetic"), self.number(right, "arithmetic")
        return Value(self._build(at, name, a, b), left.at)

    def _comparison(self, at: int, name: str, left: Value, right: Value) -> Value:
        first = self.number(left, "a comparison") if left.last is None else left.last
        last = self.number(right, "a comparison")
        this = self._build(at, name, first, last)
        if left.last is not None:  # a < b < c is a < b and b < c
            this = self._build(at, "logical_and", left.id, this)
        return Value(this, left.at, last)

    def call(self, at: int, name: str, items: tuple[Value, ...]) -> int:
        """A function of its arguments."""
        if name == "Piecewise":
            return self._piecewise(at, items)
        if name in dialect.FOLDED:
            op = dialect.FOLDED[name]
            take = self._condition if op.startswith("logical_") else self.number
            ids = [take(v, name) for v in items]
            whole = ids[0]
            for i in ids[1:]:
                whole = self._build(at, op, whole, i)
            return whole
        if name == "where":
            if len(items) != 3:
                raise self._wrong(at, f"where takes 3 arguments (condition, x, y), not {len(items)}")
            p, x, y = items
            return self._build(at, name, self._condition(p, name), self.number(x, name), self.number(y, name))
        if name in ("Not", "logical_not"):
            if len(items) != 1:
                raise self._wrong(at, f"{name} takes 1 argument, not {len(items)}")
            return self._build(at, "logical_not", *[self._condition(v, name) for v in items])
        return self._function(at, name, [self.number(v, name) for v in items])

    def _function(self, at: int, name: str, ids: list[int]) -> int:
        """A function by any of its names, of numbers."""
        ops = dialect.operation(name)
        for op in ops:
            if len(op.attrs) + (op.arity or 0) == len(ids):
                return self._operation(at, op, ids)
        g = self.g
        if name in ("log", "ln") and len(ids) == 2:
            return self._build(at, "divide", *[self._build(at, "log", i) for i in ids])
        if name == "Heaviside" and len(ids) == 1:
            return self._build(at, "heaviside", ids[0], g.const(Fraction(1, 2), self.dtype))
        if name in ("lambertw", "LambertW") and len(ids) == 1:
            return self._checked(at, g.build, REGISTER["lambertw"], tuple(ids), (0,))
        if ops:
            wanted = " or ".join(str(len(op.attrs) + (op.arity or 0)) for op in ops)
            raise self._wrong(at, f"{name} takes {wanted} argument{'s' * (wanted != '1')}, not {len(ids)}")
        other = None if name.startswith("_") or name in self.known else dialect.from_sympy(name)
        if other is not None:
            form, least, most = other
            if not least <= len(ids) <= most:
                raise self._wrong(at, f"{name} takes {least} argument{'s' * (least != 1)}, not {len(ids)}")
            return self._checked(at, lambda *nodes: form(*nodes).id, *[Node(g, i) for i in ids])
        if name in self.known or name in dialect.CONSTANTS:
            raise self._wrong(at, f"{name} is no function; for a product write {name}*(...)")
        close = difflib.get_close_matches(name[:40], dialect.names(), 1)
        raise self._wrong(
            at,
            f"unknown function {name[:40]!r}"
            + (f"; did you mean {close[0]}?" if close else f"; for a product write {name[:40]}*(...)"),
        )

    def _operation(self, at: int, op: Op, ids: list[int]) -> int:
        """An operation, whose fixed integer (order, degree) stands first in text, LambertW's branch last."""
        if not op.attrs:
            return self._checked(at, self.g.build, op, tuple(ids))
        first = op.attrs == ("n",)
        fixed = self.g.value(ids.pop(0 if first else -1))
        if not isinstance(fixed, int) or fixed not in (range(MAX_ORDER + 1) if first else (0, -1)):
            allowed = (
                f"first argument must be an integer from 0 to {MAX_ORDER}" if first else "last argument is 0 or -1"
            )
            raise self._wrong(at, f"the {allowed}")
        return self._checked(at, self.g.build, op, tuple(ids), (fixed,))

    def _piecewise(self, at: int, items: tuple[Value, ...]) -> int:
        for v in items:
            if len(v.items) != 2:
                raise self._wrong(v.at, "Piecewise takes pairs (value, condition)")
        pairs = [(self.number(x, "Piecewise"), self._condition(p, "Piecewise")) for x, p in (v.items for v in items)]
        value, last = pairs[-1]
        if self.g.value(last) is not True:
            raise self._wrong(items[-1].at, "the last condition must be True, so that there is always a value")
        for x, p in reversed(pairs[:-1]):
            value = self._build(at, "where", p, x, value)
        return value

    def name(self, token: Token) -> int:
        name = token.text
        if name in self.known:
            return self.known[name]
        if name in dialect.CONSTANTS:
            return self._checked(token.at, self.g.const, dialect.CONSTANTS[name], self.dtype)
        if name in dialect.REFUSED:
            raise self._wrong(token.at, f"{name!r} is {dialect.REFUSED[name]}")
        if name in ("True", "False"):
            return self.g.const(name == "True", "bool")
        if name in WORDS:
            raise self._wrong(token.at, f"{name!r} stands where a number, a name or '(' is expected")
        raise self._wrong(token.at, f"{name[:40]!r} can't name a variable: names do not begin with two underscores")

    def literal(self, token: Token) -> int:
        if token.text.isdigit():
            return self._checked(token.at, self.g.const, int(token.text), self.dtype)
        value = float(token.text)
        small = value == 0.0 and re.search("[1-9]", re.split("[eE]", token.text)[0])
        if small or math.isinf(value):
            raise self._wrong(token.at, f"{token.text[:40]} is too {'small' if small else 'large'} for a number here")
        return self._checked(token.at, self.g.const, value, self.dtype)

    def _build(self, at: int, name: str, *ids: int) -> int:
        return self._checked(at, self.g.build, REGISTER[name], ids)

    def _checked(self, at: int, make: Callable[..., int], *args: Any) -> int:
        """Build a node. The numbers that come of it must be such as a float holds."""
        g = self.g
        before = len(g)
        try:
            i = make(*args)
            for k in range(before, len(g)):
                self._check(at, k)
        except OverflowError:
            raise self._wrong(at, "this constant is too large for a number here") from None
        return i

    def _check(self, at: int, k: int) -> None:
        g = self.g
        op, args = g.ops[k], [g.value(a) for a in g.args[k]]
        if op is CONST and not isinstance(g.attrs[k][0], str) and not math.isfinite(g.attrs[k][0]):
            raise self._wrong(at, "this constant is too large for a number here")
        if op.name in ("divide", "mod") and args[1] == 0:
            raise self._wrong(at, "division by zero")
        self._check_power(at, op, args, g.attrs[k])
        if all(a in self.digits for a in g.args[k]) and op is not INPUT:
            self.digits[k] = digits = self._digits(op, k)
            if digits > DIGITS:
                raise self._wrong(at, "this number is too large or too small")

    def _check_power(self, at: int, op: Op, args: list[Any], attrs: tuple[Any, ...]) -> None:
        exponent = attrs[0] if op.name == "integer_power" else args[1] if op.name == "power" else None
        if exponent is None or isinstance(exponent, str):
            return
        if abs(exponent) > MAX_POWER:
            raise self._wrong(at, "this exponent is too large")
        base = args[0]
        if base is None or isinstance(base, str) or base == 0:
            return
        parts = [abs(base.numerator), base.denominator] if isinstance(base, (int, Fraction)) else [abs(base)]
        if any(abs(exponent) * abs(math.log2(n)) > LARGEST for n in parts):
            raise self._wrong(at, f"{_brief(base)}**{_brief(exponent)} is too large or too small for a number here")

    def _digits(self, op: Op, k: int) -> float:
        g = self.g
        if op is CONST:
            value = g.attrs[k][0]
            return abs(math.log10(abs(value))) if value and not isinstance(value, str) else 1.0
        sizes = [self.digits[a] for a in g.args[k]]
        most = min(max(sizes), 300.0)
        if op.name in ("multiply", "divide"):
            return sum(sizes)
        if op.name == "integer_power":
            return sizes[0] * abs(g.attrs[k][0])
        if op.name == "power":
            return max(sizes[0], 0.3) * 10 ** min(sizes[1], 300.0)
        if op.name in _EXPONENTIAL or op.name.startswith(_GROWING):
            return 10**most
        return (most + 1) * 10**most if op.name in _FACTORIAL else max(sizes) + 0.31

    def number(self, value: Value, place: str) -> int:
        if value.items:
            raise self._wrong(value.at, "a list in brackets stands where a number is expected")
        if self.g.types[value.id].dtype == "bool":
            raise self._wrong(value.at, f"{place} needs a number here, this is a condition")
        return value.id

    def _condition(self, value: Value, place: str) -> int:
        if value.items or self.g.types[value.id].dtype != "bool":
            raise self._wrong(value.at, f"{place!r} needs a condition here (such as x > 0)")
        return value.id

    def _wrong(self, at: int, message: str) -> FormulaError:
        return wrong(self.text, at, message)


def _brief(x: Any) -> str:
    text = f"({x})" if isinstance(x, Fraction) else str(x)
    return text if len(text) < 30 else f"{float(x):.3g}"
