"""The five ways to declare an operation. Each call is the operation's whole truth, in one place.

The last parameter of a partial derivative is the operation's own result, so that a rule may reuse it.

`domain` says where the rules are tested, one entry per argument: a number or truth value is that value, a
pair of floats an interval, another tuple a choice of values, a list the union of its entries. It must reach
every branch of the rule, and large arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from symgrad.errors import UnsupportedError
from symgrad.graph import REGISTER, Graph, Op, Type, register

Partial = Callable[..., Any] | None
Normal = Callable[[Graph, tuple[int, ...], tuple[Any, ...]], int | None]

REAL = (-10.0, 10.0)
POSITIVE = (1e-3, 20.0)
UNIT = (-0.99, 0.99)
FRACTION = (1e-3, 0.999)


def elementwise(name: str, *partials: Partial, **more: Any) -> Op:
    """An operation on each element by itself; one partial derivative per argument."""
    return _element_by_element(name, "elementwise", len(partials), rule=partials, **more)


def constant(name: str, arity: int, typing: Callable[..., Type], domain: tuple[Any, ...] = (), **more: Any) -> Op:
    """An operation whose derivative is zero wherever it exists."""
    return _element_by_element(name, "constant", arity, typing=typing, domain=domain, **more)


def _element_by_element(name: str, kind: str, arity: int, **more: Any) -> Op:
    """`more`: fields of `Op`; the domain is all numbers, and the normal form what the facts imply, unless given.

    `defined` is a definition that is stable as it stands: it is what the operation `means` and its `fallback`.
    """
    if "defined" in more:
        more["means"] = more["fallback"] = more.pop("defined")
    op = Op(name, kind, arity, **_defaults(more))
    op.domain = op.domain or (REAL,) * arity
    if op.normal is None:
        op.normal = _from_facts(op, op.facts)
    return register(op)


def linear(name: str, arity: int | None, typing: Callable[..., Type], rule: Any, **more: Any) -> Op:
    """Jointly linear in all arguments; `rule(ct, *args, result, **attrs)` gives each argument's cotangent."""
    return register(Op(name, "linear", arity, typing=typing, rule=rule, **_defaults(more)))


def multilinear(name: str, arity: int | None, typing: Callable[..., Type], rule: Any, **more: Any) -> Op:
    """Linear in each argument alone; `rule(ct, *args, result, **attrs)` gives each argument's cotangent."""
    return register(Op(name, "multilinear", arity, typing=typing, rule=rule, **_defaults(more)))


def tangent(name: str, arity: int | None, typing: Callable[..., Type], rule: Any, **more: Any) -> Op:
    """Anything else: `rule(tangents, *args, result, **attrs)` is the tangent of the result."""
    return register(Op(name, "tangent", arity, typing=typing, rule=rule, **_defaults(more)))


@dataclass(frozen=True)
class Unknown:
    """A partial derivative that has no closed form: differentiating `op` by that argument is refused."""

    op: str
    by: str

    def __call__(self, *nodes: Any, **attrs: Any) -> Any:
        raise UnsupportedError(
            f"the derivative of {self.op} by {self.by} has no closed form; "
            f"hold {self.by} constant (leave it out of wrt=)"
        )


def _defaults(more: dict[str, Any]) -> dict[str, Any]:
    more["facts"] = frozenset(more.get("facts", "").split())
    return more


def boolean(types: list[Type]) -> Type:
    """The type of a comparison: bool of the common shape."""
    shapes = {t.shape for t in types}
    if len(shapes) > 1:
        raise TypeError(f"shapes {sorted(shapes, key=str)} differ; broadcast is a node of its own")
    return Type("bool", types[0].shape)


def _from_facts(op: Op, facts: frozenset[str]) -> Normal | None:
    """The normal form that the declared facts imply."""
    if "odd" in facts or "even" in facts:
        odd = "odd" in facts

        def parity(g: Graph, args: tuple[int, ...], attrs: tuple[Any, ...]) -> int | None:
            if g.ops[args[0]].name == "negative":
                inner = g.build(op, g.args[args[0]], attrs)
                return g.build(REGISTER["negative"], (inner,)) if odd else inner
            return None

        return parity
    if "commutative" in facts or "idempotent" in facts:
        idempotent = "idempotent" in facts

        def sort(g: Graph, args: tuple[int, ...], attrs: tuple[Any, ...]) -> int | None:
            a, b = args
            if a == b and idempotent:
                return a
            return g.add(op, (b, a), attrs) if b < a else None

        return sort
    if "involution" in facts:

        def twice(g: Graph, args: tuple[int, ...], attrs: tuple[Any, ...]) -> int | None:
            return g.args[args[0]][0] if g.ops[args[0]] is op else None

        return twice
    return None
