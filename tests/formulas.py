"""Random formulas: small graphs whose values stay moderate, for hypothesis."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from symgrad import Function
from symgrad.graph import REGISTER, Graph, Node, Type
from symgrad.ops import arith, compare, elementary

SMOOTH: list[tuple[str, int]] = [
    *(("add", 2), ("subtract", 2), ("multiply", 2), ("quotient", 2), ("negative", 1), ("square", 1), ("cube", 1)),
    *(("sin", 1), ("cos", 1), ("tanh", 1), ("arctan", 1), ("bounded_exp", 1), ("root", 1), ("logarithm", 1)),
    *(("one", 1), ("scaled", 1), ("sum3", 3), ("softplus", 1), ("sigmoid", 1)),
    *(
        ("moderate_power", 2),
        ("half_power", 1),
        ("inverse", 1),
        ("log_of_sum", 2),
        ("logistic", 1),
        ("one_minus_exp", 1),
    ),
]
KINKED: list[tuple[str, int]] = [("maximum", 2), ("abs", 1), ("where", 4), ("mask_root", 2)]

MADE: dict[str, Any] = {
    "quotient": lambda x, y: x / (2 + elementary.cos(y)),
    "square": lambda x: x**2,
    "cube": lambda x: x**3,
    "bounded_exp": lambda x: elementary.exp(elementary.sin(x)),
    "root": lambda x: elementary.sqrt(1 + x**2),
    "logarithm": lambda x: elementary.log(1 + x**2),
    "one": lambda x: 1 - x,
    "scaled": lambda x: Fraction(2, 3) * x,
    "moderate_power": lambda x, y: elementary.power(1 + x**2, elementary.sin(y)),
    "half_power": lambda x: elementary.power(1 + x**2, Fraction(-3, 2)),
    "inverse": lambda x: 1 / (1 + x**2),
    "log_of_sum": lambda x, y: elementary.log(elementary.exp(elementary.sin(x)) + elementary.exp(elementary.cos(y))),
    "logistic": lambda x: 1 / (1 + elementary.exp(-elementary.arctan(x))),
    "one_minus_exp": lambda x: 1 - elementary.exp(-elementary.tanh(x)),
    "sum3": lambda x, y, z: 2 * x * y + 3 * x * z - x,
    "where": lambda a, b, x, y: arith.where(compare.less(a, b), x, y),
    # the branch not taken has no real value
    "mask_root": lambda x, y: arith.where(compare.less(x, 0), elementary.sqrt(-x) * y, y),
}


@st.composite
def functions(
    draw: Any, kinks: bool = False, outputs: int = 1, most: int = 14, inputs: int = 3, dtype: str = "float64"
) -> Function:
    """A function of up to `inputs` scalars (all of them inputs, even where they do not matter)."""
    g = Graph()
    count = draw(st.integers(1, inputs))
    nodes = [Node(g, g.input(f"x{k}", Type(dtype))) for k in range(count)]
    names = [n.id for n in nodes]
    table = SMOOTH + KINKED if kinks else SMOOTH
    for _ in range(draw(st.integers(2, most))):
        name, arity = table[draw(st.integers(0, len(table) - 1))]
        # recent nodes more often, so that formulas are deep and all of them is used
        picks = [len(nodes) - 1 - min(draw(st.integers(0, 5)), len(nodes) - 1) for _ in range(arity)]
        make = MADE.get(name) or REGISTER[name]
        nodes.append(make(*(nodes[p] for p in picks)))
    roots = [nodes[-1 - k].id for k in range(outputs)]
    if outputs == 1:
        return Function(g, names, roots)
    packed = g.add(REGISTER["stack"], tuple(roots), ((outputs,),))
    return Function(g, names, [packed])


POINTS = st.lists(
    st.integers(-160, 160).filter(lambda k: k % 8 != 0).map(lambda k: k / 64 + 1 / 1024), min_size=3, max_size=3
)
"""Coordinates between -2.5 and 2.5, none of them 0 or an integer."""
