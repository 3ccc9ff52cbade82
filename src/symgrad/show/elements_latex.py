"""Products of arrays element by element in LaTeX, and the elements of others by their indices: (x_{ik} - x_{jk})^2."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from symgrad.graph import Graph
from symgrad.ops.repeated import repeated
from symgrad.show.formula import ATOM, POWER, PRODUCT, Place, Text
from symgrad.show.joined_latex import spaced
from symgrad.show.matrix_latex import HADAMARD, ONES

ELEMENTS = ("multiply", "divide", "integer_power", "sqrt")
"""Products of elements."""
Constant = Callable[[Any], Text]


class Elements(NamedTuple):
    """What the text of a product is made from."""

    graph: Graph
    texts: Mapping[int, Text]
    named: Container[int]
    place: Place
    constant: Constant

    def product(self, i: int) -> Text:
        """A product or quotient element by element, equal factors as powers: numbers, those above, those below."""
        g = self.graph
        powers: dict[int, int | Fraction] = {}
        number: int | Fraction = 1
        stack: list[tuple[int, int | Fraction]] = [(i, 1)]
        while stack:
            j, n = stack.pop()
            name, args = g.ops[j].name, g.args[j]
            if j != i and j in self.named:
                powers[j] = powers.get(j, 0) + n
            elif name in ("multiply", "divide"):
                stack += [(args[1], -n if name == "divide" else n), (args[0], n)]
            elif name == "integer_power":
                stack.append((args[0], n * g.attrs[j][0]))
            elif name == "sqrt":
                stack.append((args[0], Fraction(n) / 2))
            elif (value := self._exact(j)) and (n.__class__ is int or value == 1):
                number *= Fraction(value) ** int(n)
            else:
                powers[j] = powers.get(j, 0) + n
        above, below = ([j for j, n in powers.items() if n * sign > 0] for sign in (1, -1))
        scale = [self.constant(number if number.denominator > 1 else int(number)).text] if number != 1 else []
        if not above and not below:
            return Text(" ".join([*scale, ONES]), PRODUCT if scale else ATOM)
        if not scale and not below and len(above) == 1:
            return self._raised(above[0], powers[above[0]])
        top, bottom = (self._factors(side, powers) for side in (above, below))
        if not below and not scale:
            return Text(top, HADAMARD)
        if not below:
            return Text(" ".join(spaced([*scale, rf"\left({top}\right)" if len(above) > 1 else top])), PRODUCT)
        under = bottom if len(below) == 1 else rf"\left({bottom}\right)"
        if len(above) > 1:
            top = rf"\left({top}\right)"
        return Text(rf"{' '.join(spaced([*scale, top or ONES]))} \oslash {under}", HADAMARD)

    def _factors(self, nodes: Sequence[int], powers: Mapping[int, int | Fraction]) -> str:
        ordered = sorted(nodes, key=lambda j: self.texts[j].strength < HADAMARD)  # brackets last
        lone = PRODUCT if len(nodes) == 1 else HADAMARD
        return r" \circ ".join(self.place(self._raised(j, abs(powers[j])), lone) for j in ordered)

    def _raised(self, j: int, n: int | Fraction) -> Text:
        """The elements of node `j` to a power."""
        if n == 1:
            return self.texts[j]
        power = n if n.denominator == 1 else rf"\frac{{{n.numerator}}}{{{n.denominator}}}"
        return Text(rf"{self.place(self.texts[j], ATOM)}^{{\circ {power}}}", POWER)

    def _exact(self, i: int) -> int | Fraction | None:
        """The number that the array is everywhere, where it is exact and positive."""
        x, _ = repeated(self.graph, i)
        value = self.graph.value(x) if not self.graph.types[x].shape else None
        if isinstance(value, float) and (4 * value).is_integer():
            value = Fraction(value)
        return value if isinstance(value, (int, Fraction)) and value.__class__ is not bool and value > 0 else None
