"""SymPy expressions to the graph: one post-order walk, linear in the distinct nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from symgrad.dialects.sympy import FOLDED, NAMED, READ, REFUSED, SAME
from symgrad.errors import UnsupportedError
from symgrad.graph import REGISTER, Graph, Node, Op

Reader = Callable[["Import", Any, list[int]], int]
READERS: dict[type, Reader] = {}
"""SymPy class -> how its node is built from the nodes of its arguments (what the dialect's tables do not say)."""


def reads(*classes: type) -> Callable[[Reader], Reader]:
    """Register the reader of these SymPy classes."""

    def enter(reader: Reader) -> Reader:
        for c in classes:
            READERS[c] = reader
        return reader

    return enter


class Import:
    """One import into `graph`; `known` maps SymPy objects to the nodes that stand for them."""

    def __init__(self, graph: Graph, dtype: str, known: dict[Any, int], integers: dict[Any, int] | None = None) -> None:
        self.graph = graph
        self.dtype = dtype
        self.known = known
        self.integers = integers or {}
        """Loop indices as int64 nodes; `known` has them as numbers of `dtype`."""
        # SymPy compares expressions structurally, which is slow; its cache makes most equal ones identical.
        self._by_id: dict[int, int] = {}

    def read(self, roots: Iterable[Any]) -> list[int]:
        """The node of each root."""
        roots = list(roots)
        done = self._by_id
        known = self.known
        keep = []  # ids are only good while the objects live
        stack: list[Any] = []
        for root in roots:
            stack.append(root)
            while stack:
                e = stack[-1]
                if id(e) in done:
                    stack.pop()
                    continue
                cls = e.__class__
                if (e.is_Symbol or cls in _VARIABLES or isinstance(e, AppliedUndef)) and e in known:
                    done[id(e)] = known[e]
                    keep.append(stack.pop())
                    continue
                how = _HOW.get(cls) or find_reader(e, cls, stack)  # refused before its parts are
                args = operands(e, cls)
                missing = [a for a in args if id(a) not in done]
                if missing:
                    stack.extend(missing)
                    continue
                done[id(e)] = how(self, e, [done[id(a)] for a in args])
                keep.append(stack.pop())
        self._keep = keep
        return [done[id(r)] for r in roots]

    def inner(self, roots: Iterable[Any]) -> list[int]:
        """As `read`, for a reader that walks its arguments itself, with the same knowledge."""
        return Import(self.graph, self.dtype, self.known, self.integers).read(roots)


_HOW: dict[type, Reader] = {}


def find_reader(e: Any, cls: type, stack: list[Any]) -> Reader:
    """How expressions of this class are read; found once.

    Raises UnsupportedError, naming `e`, and where `e` is but a constant, what it stands in (on `stack`).
    """
    how: Reader | None = None
    kin = next((c for c in cls.__mro__ if c in READERS or c in READ or c in REFUSED or c in FOLDED or c in SAME), None)
    if kin in READERS:
        how = READERS[kin]
    elif kin in SAME:
        how = _by_operation(REGISTER[SAME[kin]])
    elif kin in FOLDED:
        how = _by_fold(FOLDED[kin])
    elif kin in READ:
        how = _by_formula(READ[kin])
    elif e in NAMED:
        how = _by_name
    if how is None:
        hint = REFUSED[kin] if kin is not None else "rewrite it with supported functions before calling sg.function"
        place = e if e.args else next((p for p in reversed(stack[:-1]) if e in p.args), e)
        raise UnsupportedError(
            f"{cls.__name__} has no numerical meaning here, in the sub-expression {brief(place)}; {hint}"
        )
    _HOW[cls] = how
    return how


def _by_operation(op: Op) -> Reader:
    return lambda imp, e, args: imp.graph.build(op, tuple(args))


def _by_fold(name: str) -> Reader:
    return lambda imp, e, args: fold(imp.graph, name, args)


def _by_formula(formula: Callable[..., Node]) -> Reader:
    return lambda imp, e, args: formula(*(Node(imp.graph, a) for a in args)).id


def _by_name(imp: Import, e: Any, args: list[int]) -> int:
    return imp.graph.const(NAMED[e], imp.dtype)


_VARIABLES: set[type] = {sp.Derivative, sp.Indexed, sp.MatrixSymbol}
"""Classes that may stand as a variable when the user lists them."""
OWN_WALK: set[type] = set()
"""Classes whose reader walks the arguments itself (they bind variables, or hold what is no expression)."""


def operands(e: Any, cls: type) -> Any:
    """The sub-expressions that are read before `e` itself."""
    if cls in OWN_WALK:
        return ()
    if cls is sp.Piecewise:
        return [part for pair in e._args for part in pair._args]
    return e._args


def brief(e: Any) -> str:
    """A sub-expression for an error message, cut to one line."""
    text = (
        str(e)
        if sum(1 for _ in zip(sp.preorder_traversal(e), range(60), strict=False)) < 60
        else f"{type(e).__name__}(...)"
    )
    return repr(text if len(text) <= 80 else text[:77] + "...")


def fold(g: Graph, name: str, args: list[int]) -> int:
    """A left fold of a two-argument operation."""
    op = REGISTER[name]
    acc = args[0]
    for a in args[1:]:
        acc = g.build(op, (acc, a))
    return acc


@reads(sp.Symbol, sp.Dummy, AppliedUndef)
def _symbol(imp: Import, e: Any, args: list[int]) -> int:
    raise UnsupportedError(f"{brief(e)} is not among the symbols of the function")


@reads(sp.Integer)
def _integer(imp: Import, e: Any, args: list[int]) -> int:
    return imp.graph.const(int(e.p), imp.dtype)


@reads(sp.Rational)
def _rational(imp: Import, e: Any, args: list[int]) -> int:
    return imp.graph.const(Fraction(e.p, e.q), imp.dtype)


@reads(sp.Float)
def _float(imp: Import, e: Any, args: list[int]) -> int:
    return imp.graph.const(float(e), imp.dtype)


@reads(BooleanTrue, BooleanFalse)
def _truth(imp: Import, e: Any, args: list[int]) -> int:
    return imp.graph.const(bool(e), "bool")


@reads(sp.core.numbers.Infinity)
def _infinity(imp: Import, e: Any, args: list[int]) -> int:
    return imp.graph.const(float("inf"), imp.dtype)


@reads(sp.core.numbers.NegativeInfinity)
def _minus_infinity(imp: Import, e: Any, args: list[int]) -> int:
    return imp.graph.const(float("-inf"), imp.dtype)


@reads(sp.Add)
def _add(imp: Import, e: Any, args: list[int]) -> int:
    # The positive terms first: then the negative ones subtract, and no leading minus remains.
    g = imp.graph
    negative = REGISTER["negative"]
    first = [a for a in args if g.ops[a] is not negative]
    return fold(g, "add", first + [a for a in args if g.ops[a] is negative])


@reads(sp.Mul)
def _mul(imp: Import, e: Any, args: list[int]) -> int:
    """One product over one product: a/(b*c), not (a*b**-1)*c**-1."""
    g = imp.graph
    divide = REGISTER["divide"]
    above: list[int] = []
    below: list[int] = []
    for a in args:
        if g.ops[a] is divide and g.value(g.args[a][0]) == 1:
            below.append(g.args[a][1])
        else:
            above.append(a)
    top = fold(g, "multiply", above) if above else g.const(1, imp.dtype)
    return g.build(divide, (top, fold(g, "multiply", below))) if below else top


@reads(sp.Pow)
def _pow(imp: Import, e: Any, args: list[int]) -> int:
    g = imp.graph
    base, exponent = args
    if e._args[0] is sp.E:
        return g.build(REGISTER["exp"], (exponent,))
    return g.build(REGISTER["power"], (base, exponent))


@reads(sp.Piecewise)
def _piecewise(imp: Import, e: Any, args: list[int]) -> int:
    g = imp.graph
    where = REGISTER["where"]
    values, conditions = args[::2], args[1::2]
    pairs = list(zip(values, conditions, strict=True))
    value, condition = pairs[-1]
    acc = value
    if g.value(condition) is not True:
        acc = g.build(where, (condition, value, g.const(float("nan"), imp.dtype)))
    for value, condition in reversed(pairs[:-1]):
        acc = g.build(where, (condition, value, acc))
    return acc


@reads(sp.ITE)
def _ite(imp: Import, e: Any, args: list[int]) -> int:
    c, a, b = args
    g = imp.graph
    both = g.build(REGISTER["logical_and"], (c, a))
    neither = g.build(REGISTER["logical_and"], (g.build(REGISTER["logical_not"], (c,)), b))
    return g.build(REGISTER["logical_or"], (both, neither))


@reads(sp.Heaviside)
def _heaviside(imp: Import, e: Any, args: list[int]) -> int:
    return imp.graph.build(REGISTER["heaviside"], tuple(args))
