"""The local derivative of one node, from its operation's declaration."""

from __future__ import annotations

from collections.abc import Callable

from symgrad.errors import UnsupportedError
from symgrad.graph import Graph, Node
from symgrad.graph.node import spread

ONE = -1
MINUS_ONE = -2
"""Derivatives that are exactly 1 or -1 are these, not nodes: products with them cost nothing."""

SHORT: dict[str, Callable[[tuple[int, ...]], tuple[int, ...]]] = {
    "multiply": lambda args: args[::-1],
    "add": lambda args: (ONE, ONE),
    "subtract": lambda args: (ONE, MINUS_ONE),
}
"""The commonest rules without the detour over nodes; a test holds them to the declared ones."""


class Partials:
    """The partial derivatives of the elementwise nodes of one graph, by their arguments.

    Only arguments that are `active` (they depend on a variable) are asked for: some partials, as that of a
    Bessel function by its order, exist in no closed form, and their rules raise.
    """

    def __init__(self, graph: Graph, active: Callable[[int], bool]) -> None:
        self.graph = graph
        self.active = active
        self._known: dict[int, list[tuple[int, int]]] = {}

    def of(self, i: int) -> list[tuple[int, int]]:
        """(argument, partial) for every active argument of node `i` whose partial is not structurally zero.

        A partial is the id of a node, or ONE or MINUS_ONE. An argument that stands twice is listed twice.
        """
        known = self._known.get(i)
        if known is None:
            known = self._known[i] = self._work_out(i)
        return known

    def _work_out(self, i: int) -> list[tuple[int, int]]:
        g = self.graph
        op = g.ops[i]
        args = g.args[i]
        active = self.active
        short = SHORT.get(op.name)
        if short is not None:
            return [(a, p) for a, p in zip(args, short(args), strict=True) if active(a)]
        if op.kind == "constant" or op.kind == "leaf":
            return []
        if op.kind == "control":
            from symgrad.derive.loops import fold_partial  # deriving a body takes this module in turn

            found = ((a, fold_partial(g, i, k)) for k, a in enumerate(args) if active(a))
            return [(a, p) for a, p in found if p is not None]
        if op.kind != "elementwise":
            raise UnsupportedError(f"{op.name} is not an elementwise operation")
        attrs = dict(zip(op.attrs, g.attrs[i], strict=True))
        nodes = [Node(g, a) for a in args] + [Node(g, i)]
        out: list[tuple[int, int]] = []
        for a, rule in zip(args, op.rule, strict=True):
            p = None if rule is None or not active(a) else rule(*nodes, **attrs)
            if p is None:
                continue
            value = g.value(p.id) if p.__class__ is Node else p
            if isinstance(value, int) and value.__class__ is int and abs(value) == 1:
                out.append((a, ONE if value == 1 else MINUS_ONE))
            else:
                type = g.types[i]
                out.append((a, p.id if p.__class__ is Node else spread(g, g.const(p, type.dtype), type.shape)))
        return out
