"""Formula text to the graph, by a small grammar of its own: nothing in the text is ever evaluated as code.

    number, name, pi, E    x + y   x - y   x * y   x / y   x % y   x ** y (or x ^ y)   -x   f(x, y)   (x)
    x < y <= z   x == y   x != y   p and q (&)   p or q (|)   not p (~)   True   False
    where(p, x, y)   Piecewise((x, p), (y, q), (z, True))

Strengths and directions are Python's; ^ is a power. Names without parentheses are variables. The parser keeps
its own stack, so that its depth is a number with a limit; it is linear in the text.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple

from symgrad.define.meaning import WORDS, Meaning, Value
from symgrad.define.tokens import Token, tokens, wrong
from symgrad.dialects import text as dialect
from symgrad.errors import ArgumentError, FormulaError
from symgrad.graph import Graph, Type

MAX_DEPTH = 200
"""Brackets, signs and powers that may stand inside each other."""

SIGNS: dict[str, tuple[str, int]] = {
    "or": ("logical_or", 1),
    "and": ("logical_and", 2),
    "<": ("less", 4),
    "<=": ("less_equal", 4),
    ">": ("greater", 4),
    ">=": ("greater_equal", 4),
    "==": ("equal", 4),
    "!=": ("not_equal", 4),
    "|": ("logical_or", 5),
    "&": ("logical_and", 6),
    "+": ("add", 10),
    "-": ("subtract", 10),
    "*": ("multiply", 20),
    "/": ("divide", 20),
    "%": ("mod", 20),
    "**": ("power", 30),
    "^": ("power", 30),
}
"""Sign between two operands -> operation and strength."""
PREFIX: dict[str, tuple[str, int]] = {
    "not": ("logical_not", 3),
    "~": ("logical_not", 25),
    "-": ("negative", 25),
    "+": ("", 25),
}
POWER, COMPARISON = 30, 4
INSTEAD = {"&&": "and", "||": "or", "//": "floor(x/y)", "=": "== to compare", "if": "where(p, x, y)", "else": "where"}


class Formula(NamedTuple):
    """A formula read from text: `output` of `graph`, in terms of `inputs`, which have these `names`."""

    graph: Graph
    inputs: list[int]
    output: int
    names: list[str]


class _Frame:
    """An open bracket, or an operation that waits for its right operand (`op` is its name)."""

    __slots__ = ("at", "bracket", "call", "items", "op", "prefix", "strength")

    def __init__(self, at: int, op: str | None = None, strength: int = 0, prefix: bool = False, call: str = "") -> None:
        self.at = at
        self.bracket = at  # of a call, where its bracket stands
        self.op = op  # None: a bracket
        self.strength = strength
        self.prefix = prefix
        self.call = call  # the function whose bracket this is
        self.items: list[Value] = []


def from_text(text: str, variables: Sequence[str] = (), dtype: str = "float64") -> Formula:
    """Read a formula.

    Args:
        text: see the top of this page.
        variables: names that come first among the inputs, in this order; the others follow by alphabet.
        dtype: "float64" or "float32".

    Raises:
        FormulaError: the text is no formula, or is too long or too deep; it shows where.
        ArgumentError: `variables` names what can't be a variable.
    """
    if not isinstance(text, str):
        raise ArgumentError(f"a formula is text, not {type(text).__name__}")
    found = tokens(text)
    if len(found) == 1:
        raise wrong(text, 0, "the formula is empty")
    names = list(variables)
    for name in names:
        check_name(name)
    if len(set(names)) != len(names):
        raise ArgumentError(f"a variable is listed twice: {', '.join(names)}")
    names += sorted({t.text for t, after in itertools.pairwise(found) if _variable(t, after)} - set(names))
    g = Graph()
    inputs = [g.input(n, Type(dtype)) for n in names]
    meaning = Meaning(text, g, dict(zip(names, inputs, strict=True)), dtype)
    return Formula(g, inputs, _Parser(found, meaning).run(), names)


def sides(text: str) -> tuple[str | None, str]:
    """The two sides of `y = formula`; the left one is None where there is no `=`. Columns stay those of `text`."""
    equals = [t.at for t in tokens(text) if t.text == "="]
    if not equals:
        return None, text
    if len(equals) > 1:
        raise wrong(text, equals[1], "a second '='")
    at = equals[0]
    if not text[:at].strip():
        raise wrong(text, at, "nothing stands left of '='")
    return text[:at], " " * (at + 1) + text[at + 1 :]


def check_name(name: str) -> None:
    """Raise ArgumentError unless `name` can name a variable."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", name) or name.startswith("__"):
        raise ArgumentError(f"{name!r:.80} can't name a variable; use letters, digits and _")
    if name in dialect.CONSTANTS or name in dialect.REFUSED or name in WORDS:
        meaning = dialect.REFUSED.get(name, "a constant" if name in dialect.CONSTANTS else "a word of the grammar")
        raise ArgumentError(f"{name!r} can't name a variable: it is {meaning}")


def _variable(token: Token, after: Token) -> bool:
    """Whether the token is a variable (refused names are met by the parser, which can point at them)."""
    name = token.text
    return (
        token.kind == "name"
        and after.text != "("
        and not name.startswith("__")
        and not (name in dialect.CONSTANTS or name in dialect.REFUSED or name in WORDS)
    )


class _Parser:
    """Operator precedence with an explicit stack of open brackets and waiting operations."""

    def __init__(self, found: list[Token], meaning: Meaning) -> None:
        self.tokens = found
        self.meaning = meaning
        self.values: list[Value] = []
        self.frames: list[_Frame] = []

    def run(self) -> int:
        """The node of the whole text."""
        operand = True  # an operand comes next
        at = 0
        while True:
            token = self.tokens[at]
            at += 1
            if operand:
                called = token.kind == "name" and self.tokens[at].text == "(" and token.text not in WORDS
                if called:
                    self._open(_Frame(token.at, call=token.text))
                    self.frames[-1].bracket = self.tokens[at].at
                    at += 1
                    if self.tokens[at].text == ")":
                        raise self._wrong(self.tokens[at].at, f"{token.text}() has no argument")
                else:
                    operand = self._operand(token)
            elif token.kind == "end":
                self._reduce(0)
                if self.frames:
                    raise self._wrong(self.frames[-1].bracket, "this bracket is not closed")
                return self.meaning.number(self.values.pop(), "the formula")
            elif token.text == ")":
                self._close(token)
            elif token.text == ",":
                self._separate(token)
                operand = True
            else:
                self._infix(token)
                operand = True

    def _operand(self, token: Token) -> bool:
        """Take a number, a name, a bracket or a prefix; whether an operand must still follow."""
        kind, text, at = token
        if kind == "number":
            self.values.append(Value(self.meaning.literal(token), at))
        elif text in PREFIX:
            op, strength = PREFIX[text]
            self._open(_Frame(at, op, strength, prefix=True))
            return True
        elif kind == "name":
            self.values.append(Value(self.meaning.name(token), at))
        elif text == "(":
            self._open(_Frame(at))
            return True
        else:
            what = "the formula ends" if kind == "end" else f"{text!r} stands"
            raise self._wrong(at, f"{what} where a number, a name or '(' is expected")
        return False

    def _infix(self, token: Token) -> None:
        _, text, at = token
        if text not in SIGNS:
            if text in INSTEAD:
                raise self._wrong(at, f"{text!r} is not part of formulas; write {INSTEAD[text]}")
            previous = self.tokens[self.tokens.index(token) - 1].text
            hint = f"{previous[:20]}*{text[:20]}" if text != "(" else f"{previous[:20]}*(...)"
            raise self._wrong(at, f"an operation is missing before {text[:40]!r}; for a product write {hint}")
        name, strength = SIGNS[text]
        self._reduce(strength + (strength == POWER))  # powers group from the right
        self._open(_Frame(at, name, strength))

    def _open(self, frame: _Frame) -> None:
        if len(self.frames) >= MAX_DEPTH:
            raise self._wrong(frame.at, f"the formula is nested deeper than {MAX_DEPTH} levels")
        self.frames.append(frame)

    def _reduce(self, strength: int) -> None:
        """Carry out what waits and binds at least as strongly; stop at a bracket."""
        while self.frames and (f := self.frames[-1]).op is not None and f.strength >= strength:
            self.frames.pop()
            right = self.values.pop()
            left = None if f.prefix else self.values.pop()
            self.values.append(self.meaning.operation(f.at, f.op, left, right))

    def _separate(self, token: Token) -> None:
        self._reduce(0)
        if not self.frames:
            raise self._wrong(token.at, "',' stands outside of brackets; give one formula")
        self.frames[-1].items.append(self.values.pop())

    def _close(self, token: Token) -> None:
        self._reduce(0)
        if not self.frames:
            raise self._wrong(token.at, "this ')' closes no bracket")
        f = self.frames.pop()
        items = (*f.items, self.values.pop())
        if f.call:
            self.values.append(Value(self.meaning.call(f.at, f.call, items), f.at))
        elif len(items) == 1:
            self.values.append(items[0]._replace(last=None))
        else:
            self.values.append(Value(-1, f.at, items=items))

    def _wrong(self, at: int, message: str) -> FormulaError:
        return wrong(self.meaning.text, at, message)
