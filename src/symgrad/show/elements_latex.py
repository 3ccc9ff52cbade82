"""Products of arrays element by element in LaTeX, and the elements of others by their indices: (x_{ik} - x_{jk})^2."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any, NamedTuple

from symgrad.graph import CONST, REGISTER, Graph, Type
from symgrad.ops.repeated import repeated
from symgrad.ops.subscripts import parse, sums
from symgrad.show.formula import ATOM, POWER, PRODUCT, Place, Text
from symgrad.show.joined_latex import spaced
from symgrad.show.matrix_latex import HADAMARD, ONES
from symgrad.show.places_latex import subscripted

ELEMENTS = ("multiply", "divide", "integer_power", "sqrt")
"""Products of elements."""
MAPS = ("elementwise", "constant")
"""Kinds of operations element by element."""
FORMULA = 10
"""Operations of an element that is written by its indices."""
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

    def at(self, i: int, index: Sequence[str]) -> tuple[Graph, int, dict[int, Text]] | None:
        """The element at an index of an array that is made element by element, as a formula of numbers: a graph, the
        node, and the texts of its inputs. None where it is no such array, or a long formula."""
        g = self.graph
        if not self._parts(i, tuple(index)):
            return None
        out, given = Graph(), dict[int, Text]()
        made: dict[tuple[int, tuple[str, ...]], int] = {}
        stack = [(i, tuple(index))]
        while stack:
            key = stack[-1]
            j, at = key
            parts = self._parts(j, at) if j == i or j not in self.named else []
            missing = [p for p in parts if p not in made]
            if missing:
                stack += missing
                if len(stack) + len(made) > 2 * FORMULA:
                    return None
                continue
            stack.pop()
            if key in made:
                continue
            values = [made[p] for p in parts]
            dtype = g.types[j].dtype
            if not parts and g.ops[j] is CONST:
                made[key] = out.const(*g.attrs[j])
            elif not parts:
                text = rf"\delta_{{{''.join(at)}}}" if g.ops[j].name == "delta" else self._element(j, at)
                made[key] = out.input(f"{j} {at}", Type(dtype))
                given[made[key]] = Text(text, ATOM)
            elif g.ops[j].kind in MAPS:
                made[key] = out.add(g.ops[j], tuple(values), g.attrs[j], Type(dtype))
            else:
                made[key] = reduce(lambda a, b: out.build(REGISTER["multiply"], (a, b)), values)
        root = made[i, tuple(index)]
        return (out, root, given) if out.operations([root]) <= FORMULA else None

    def _element(self, j: int, at: Sequence[str]) -> str:
        return subscripted(self.texts[j], "".join(at), self.place) if at else self.place(self.texts[j], ATOM)

    def _parts(self, j: int, at: tuple[str, ...]) -> list[tuple[int, tuple[str, ...]]]:
        """What the element is made of: nodes, and the indices of their elements."""
        g = self.graph
        args, name = g.args[j], g.ops[j].name
        if g.ops[j].kind in MAPS and args and all(g.types[a].shape == g.types[j].shape for a in args):
            return [(a, at) for a in args]
        x, axes = repeated(g, j)
        if x != j:
            return [(x, tuple(at[k] for k in axes))]
        if name != "einsum":
            return []
        parts, out = parse(g.attrs[j][0])
        if sums(parts, out) or len(args) < 2:
            return []
        letters = dict(zip(out, at, strict=True))
        return [(a, tuple(letters[x] for x in p)) for a, p in zip(args, parts, strict=True)]
