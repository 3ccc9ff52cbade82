"""What an operation is: one record that says its whole truth, and the register of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from symgrad.graph.type import Type

if TYPE_CHECKING:
    from symgrad.graph.graph import Graph
    from symgrad.graph.node import Node

REGISTER: dict[str, Op] = {}
"""Every operation by its name."""


@dataclass(eq=False, slots=True)
class Op:
    """One operation. Calling it on nodes builds a node: `sin(x)`.

    `kind` says how `rule` is to be read (one rule serves forward, reverse and every order):

    - "elementwise": one callable per argument, `partial(*args, result)`, attributes as keywords; a
      callable that is None, or returns None, means that the partial derivative is structurally zero.
    - "linear": jointly linear in all its arguments; `rule(ct, *args, result, **attrs)` returns the
      cotangent of each argument. Its tangent is the operation itself applied to the tangents.
    - "multilinear": linear in each argument alone; `rule` as for "linear"; the tangent is the sum over
      the arguments of the operation with that argument replaced by its tangent.
    - "tangent": `rule(tangents, *args, result, **attrs)` is the tangent of the result (tangents may be
      None), linear in the tangents; reverse follows by transposing it.
    - "constant": the derivative is zero everywhere (it is zero wherever it exists, or the result is not real).
    - "control": a fold over a range of integers; `derive.loops` derives its body.
    - "flow": a loop or a branch whose bodies are graphs; `derive.flow` derives them.
    - "leaf": an input or a constant.
    """

    name: str
    kind: str
    arity: int | None
    """Number of arguments, None where it varies."""
    attrs: tuple[str, ...] = ()
    """Names of the static attributes, in the order in which nodes hold them."""
    typing: Callable[..., Type] | None = None
    """`typing(argument types, *attrs) -> Type`; None: elementwise promotion."""
    rule: Any = None
    facts: frozenset[str] = frozenset()
    """Exact algebraic facts: "commutative", "odd", "even", "idempotent", ..."""
    domain: tuple[Any, ...] = ()
    """Per argument, intervals (low, high) or tuples of values to sample when the rule is tested."""
    means: Callable[..., Node] | None = None
    """The definition in simpler operations: ground truth, and how SymPy sees it."""
    fallback: Callable[..., Node] | None = None
    """A numerically stable expansion for a back end that does not have the operation."""
    normal: Callable[[Graph, tuple[int, ...], tuple[Any, ...]], int | None] | None = None
    """Rewrites at construction, exact in IEEE arithmetic but for the sign of zero; None: no change."""
    cost: float = 1.0
    """Machine operations per element, as `count_ops` counts; 0 for what only moves data."""
    doc: str = ""
    work: Callable[..., float] | None = None
    """`work(argument types, *attrs)`: machine operations in all, where they are not `cost` per element."""
    transposes: dict[int, Callable[..., Node]] = field(default_factory=dict)
    """Of a "tangent" operation that is linear in some arguments, their cotangents: `rule(ct, *args, result)`."""
    _extra: dict[str, Any] = field(default_factory=dict)

    def __call__(self, *args: Any, **attrs: Any) -> Node:
        from symgrad.graph.node import build

        return build(self, args, tuple(attrs[a] for a in self.attrs))

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return named, (self.name,)


def named(name: str) -> Op:
    """The registered operation of this name."""
    return REGISTER[name]


def register(op: Op) -> Op:
    """Enter `op` under its name; a name is taken once."""
    if op.name in REGISTER:
        raise ValueError(f"operation {op.name!r} is declared twice")
    REGISTER[op.name] = op
    return op
