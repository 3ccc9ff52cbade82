"""Formulas as text: one walk over the graph, each node's text from its arguments' texts.

A language is a table (`dialects.python`, `dialects.latex`) of forms; this walk knows precedence and how a person
orders sums and products (`show.arrange`), nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from symgrad.graph import CONST, INPUT, Graph
from symgrad.show.arrange import Arrange, Exponent
from symgrad.show.naming import Naming

SUM, SIGN, PRODUCT, POWER, ATOM = 10, 15, 20, 30, 40
"""Binding strengths; a text of lower strength than its place wants stands in parentheses."""


class Text(NamedTuple):
    """A piece of formula and how strongly it binds."""

    text: str
    strength: int


class Factor(NamedTuple):
    """A power in a product: the base's text and operation, and the exponent."""

    base: Text
    op: str
    exponent: Exponent


class Language(Protocol):
    """What a language must say."""

    roots: bool
    """Whether square roots are powers like others."""
    reader: bool
    """Whether it is written for a reader, not for a machine."""
    flat: frozenset[str]
    """Two-argument operations that it writes with any number of arguments."""
    used: set[str]
    """Names in use."""

    def constant(self, value: Any) -> Text: ...
    def variable(self, name: str) -> Text: ...
    def parentheses(self, text: str) -> str: ...
    def operation(self, graph: Graph, i: int, args: Sequence[Text], place: Place) -> Text: ...
    def array(self, walk: Walk, i: int) -> Text | None: ...
    def product(self, number: Any, above: list[Factor], below: list[Factor], place: Place) -> Text: ...
    def cases(self, rows: list[tuple[Text, Text]], otherwise: Text | None, place: Place) -> Text | None: ...


Place = Callable[[Text, int], str]
"""`place(text, strength)`: the text, in parentheses if it binds less than that."""


class Written(NamedTuple):
    """A formula in a language: (name, expression) of the named parts, in order, and the outputs' texts.

    A part without a name is a line of a loop or branch. `entries` holds, per output that packs scalars, their texts.
    """

    parts: list[tuple[str, str]]
    outputs: list[str]
    entries: list[list[str]]


def write(
    graph: Graph,
    outputs: Sequence[int],
    language: Language,
    variables: Mapping[str, Text] | None = None,
    known: Mapping[int, tuple[Text, str]] | None = None,
) -> Written:
    """`outputs` as texts in a language; `variables` says what inputs are written as, by name.

    known: nodes that have a line of their own, and are written by a name from there on: (name, the line's beginning).
    """
    naming = Naming(graph, outputs, language.reader, language.used)
    for i, (own, _) in (known or {}).items():
        naming.names[i] = own.text
    walk = Walk(graph, language, naming.names)
    walk.live, walk.variables = naming.live, variables or {}
    parts: list[tuple[str, str]] = []
    for i, needed in enumerate(naming.live):
        if not needed:
            continue
        walk.texts[i] = walk.one(i)
        parts += walk.before
        walk.before.clear()
        name = naming.names.get(i)
        if known and i in known:
            own, begin = known[i]
            parts.append(("", begin + walk.texts[i].text))
            walk.texts[i] = own
        elif name is not None:
            parts.append((name, walk.texts[i].text))
            walk.texts[i] = language.variable(name)
    entries = [[walk.texts[a].text for a in graph.args[o]] for o in outputs]
    return Written(parts, [walk.texts[o].text for o in outputs], entries)


def inline(graph: Graph, outputs: Sequence[int], language: Language, given: dict[int, Text]) -> list[Text]:
    """`outputs` written out in full, the `given` nodes as they are: the body of a loop."""
    walk = Walk(graph, language, {i: t.text for i, t in given.items()})
    walk.texts |= given
    for i, needed in enumerate(graph.reach(outputs)):
        if needed and i not in walk.texts:
            walk.texts[i] = walk.one(i)
    return [walk.texts[o] for o in outputs]


class Walk:
    """The texts of a graph's nodes, in order."""

    def __init__(self, graph: Graph, language: Language, names: dict[int, str]) -> None:
        self.graph = graph
        self.language = language
        self.names = names
        self.texts: dict[int, Text] = {}
        self.live: Sequence[bool] = ()
        self.variables: Mapping[str, Text] = {}
        self.before: list[tuple[str, str]] = []
        """Parts that stand before that of the node being written: a loop's."""
        self.loops: dict[Any, list[Text]] = {}
        """Results of loops and branches, by what their nodes have in common."""
        self.arrange = Arrange(graph, names.keys(), names, language.roots)

    def place(self, text: Text, strength: int) -> str:
        return text.text if text.strength >= strength else self.language.parentheses(text.text)

    def one(self, i: int) -> Text:
        graph, language, texts = self.graph, self.language, self.texts
        op = graph.ops[i]
        if op is CONST:
            return language.constant(graph.attrs[i][0])
        if op is INPUT:
            name = graph.attrs[i][0]
            return self.variables.get(name) or language.variable(name)
        array = language.array(self, i)
        if array is not None:
            return array
        if self.arrange.is_sum(i):
            return self._sum(self.arrange.terms(i))
        if self.arrange.is_product(i):
            return self._product(i, turn=True, top=True)
        if op.name in ("where", "mask"):
            rows, otherwise = self.arrange.rows(i)
            zero = language.constant(0)
            written = [(zero if v is None else texts[v], texts[c]) for v, c in rows]
            text = language.cases(written, zero if otherwise is None else texts[otherwise], self.place)
            if text is not None:
                return text
        args = graph.args[i]
        if op.name in language.flat:
            args = self._flat(i)
        return language.operation(graph, i, [texts[a] for a in args], self.place)

    def _sum(self, terms: list[tuple[bool, int]]) -> Text:
        (minus, j), *rest = terms
        first = self._product(j, minus, turn=True)
        if not rest:
            return first
        text = self.place(first, SIGN)
        for minus, j in rest:
            term = self._product(j, minus)
            if term.strength == SIGN:
                text += " - " + term.text[1:]
            else:
                text += " + " + self.place(term, PRODUCT)
        return Text(text, SUM)

    def _product(self, i: int, minus: bool = False, turn: bool = False, top: bool = False) -> Text:
        """The product at node `i` (any node) with its sign; `turn`: -a*(x - y) is written a*(y - x)."""
        p = self.arrange.product(i, top)
        minus ^= p.minus
        turned = self._difference(p.above) if minus and turn else None
        above, below = ([self._factor(f, n) for f, n in side] for side in (p.above, p.below))
        if turned is not None:
            k, text = turned
            above[k] = above[k]._replace(base=text)
            minus = False
        text = self.language.product(p.number, above, below, self.place)
        return Text("-" + self.place(text, PRODUCT), SIGN) if minus else text

    def _difference(self, above: list[tuple[int, Exponent]]) -> tuple[int, Text] | None:
        """The first factor that is a difference, turned round."""
        for k, (f, n) in enumerate(above):
            if n != 1 or not self.arrange.opened(f) or not self.arrange.is_sum(f):
                continue
            terms = self.arrange.terms(f)
            signs = [minus ^ self.arrange.product(j).minus for minus, j in terms]
            if any(signs) and not all(signs):
                turned = [(not minus, j) for minus, j in terms]
                turned.insert(0, turned.pop(signs.index(True)))
                return k, self._sum(turned)
        return None

    def _factor(self, f: int, n: Exponent) -> Factor:
        named = not self.arrange.opened(f)
        return Factor(self.texts[f], "" if named else self.graph.ops[f].name, n)

    def _flat(self, i: int) -> list[int]:
        """The arguments of nested maxima, conjunctions and the like."""
        graph, found = self.graph, []
        stack = [i]
        while stack:
            j = stack.pop()
            if graph.ops[j] is graph.ops[i] and (j == i or self.arrange.opened(j)):
                stack.extend(reversed(graph.args[j]))
            else:
                found.append(j)
        if graph.ops[i].name in ("maximum", "minimum"):
            found.sort(key=self.arrange.degree)
        return found


def loop_index(args: Sequence[Text]) -> str:
    """A name for a loop's index that its arguments do not use."""
    used = set(re.findall(r"[A-Za-z]\w*", " ".join(a.text for a in args)))
    return next(n for n in [*"ijklmpqrst", *(f"i{k}" for k in range(1000))] if n not in used)
