"""Formulas as text: one walk over the graph, each node's text from its arguments' texts.

A language is a table (`dialects.python`, `dialects.latex`) of forms; this walk knows precedence, nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from symgrad.graph import CONST, INPUT, Graph
from symgrad.show.naming import Naming

SUM, SIGN, PRODUCT, POWER, ATOM = 10, 15, 20, 30, 40
"""Binding strengths; a text of lower strength than its place wants stands in parentheses."""


class Text(NamedTuple):
    """A piece of formula and how strongly it binds."""

    text: str
    strength: int


class Language(Protocol):
    """What a language must say."""

    def constant(self, value: Any) -> Text: ...
    def variable(self, name: str) -> Text: ...
    def parentheses(self, text: str) -> str: ...
    def operation(self, graph: Graph, i: int, args: Sequence[Text], place: Place) -> Text: ...


Place = Callable[[Text, int], str]
"""`place(text, strength)`: the text, in parentheses if it binds less than that."""


class Written(NamedTuple):
    """A formula in a language: (name, expression) of the named parts, in order, and the outputs' texts."""

    parts: list[tuple[str, str]]
    outputs: list[str]


def write(graph: Graph, outputs: Sequence[int], language: Language) -> Written:
    """`outputs` as texts in a language."""
    naming = Naming(graph, outputs)
    texts: dict[int, Text] = {}
    parts: list[tuple[str, str]] = []

    def place(text: Text, strength: int) -> str:
        return text.text if text.strength >= strength else language.parentheses(text.text)

    for i, needed in enumerate(naming.live):
        if not needed:
            continue
        texts[i] = _one(graph, i, texts, language, place)
        name = naming.names.get(i)
        if name is not None:
            parts.append((name, texts[i].text))
            texts[i] = language.variable(name)
    return Written(parts, [texts[o].text for o in outputs])


def inline(
    graph: Graph, outputs: Sequence[int], language: Language, given: dict[int, Text], place: Place
) -> list[Text]:
    """`outputs` written out in full, the `given` nodes as they are: the body of a loop."""
    texts = dict(given)
    for i, needed in enumerate(graph.reach(outputs)):
        if needed and i not in texts:
            texts[i] = _one(graph, i, texts, language, place)
    return [texts[o] for o in outputs]


def _one(graph: Graph, i: int, texts: dict[int, Text], language: Language, place: Place) -> Text:
    op = graph.ops[i]
    if op is CONST:
        return language.constant(graph.attrs[i][0])
    if op is INPUT:
        return language.variable(graph.attrs[i][0])
    return language.operation(graph, i, [texts[a] for a in graph.args[i]], place)


def loop_index(args: Sequence[Text]) -> str:
    """A name for a loop's index that its arguments do not use."""
    used = set(re.findall(r"[A-Za-z]\w*", " ".join(a.text for a in args)))
    return next(n for n in [*"ijklmpqrst", *(f"i{k}" for k in range(1000))] if n not in used)
