"""Long lines of Python source, broken as a formatter would: at the outermost brackets, else before operators."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

WIDTH = 100
STEP = "    "
MUCH, TAIL = 24, 40
"""Characters between brackets that are worth a line of their own; characters that may follow them."""
OPEN, CLOSE = "([{", ")]}"


def wrapped(line: str, width: int = WIDTH) -> list[str]:
    """One line of source as lines of at most `width` columns, where its brackets and operators allow."""
    done: list[str] = []
    stack = [line]
    while stack:
        line = stack.pop()
        if len(line) <= width:
            done.append(line)
            continue
        parts = _at_operators(line, width) or _at_brackets(line, width)
        if parts is None:
            done.append(line)
        else:
            stack.extend(reversed(parts))
    return done


def _at_brackets(line: str, width: int) -> list[str] | None:
    """The contents of the last outermost brackets on lines of their own; items filled where they are short."""
    pair = _outermost(line)
    if pair is None:
        return None
    start, end = pair
    if end - start < 2:
        return None
    indent = line[: len(line) - len(line.lstrip())]
    items = _split(line[start + 1 : end])
    while len(items) == 1:  # np.array([...]) opens both at once
        inner = _outermost(items[0])
        if inner is None:
            return None
        start, end = start + 1 + inner[0], start + 1 + inner[1]
        items = _split(line[start + 1 : end])
    if not items:
        return None
    rows: list[str] = []
    short = all(len(item) <= 12 and not set(OPEN) & set(item) for item in items)
    for item in items:
        text = item + ","
        if short and rows and len(rows[-1]) + 1 + len(text) <= width:
            rows[-1] += " " + text
        else:
            rows.append(indent + STEP + text)
    return [line[: start + 1], *rows, indent + line[end:]]


def _at_operators(line: str, width: int) -> list[str] | None:
    """A long sum, filled line by line, each going on with its sign; in parentheses of its own."""
    head, equals, right = line.partition(" = ")
    if not equals:
        head, equals, right = line.partition("return ")
        head, equals = head + equals, ""
    if not right or head.count("(") != head.count(")"):
        head, equals = line[: len(line) - len(line.lstrip())], ""
        right = line.lstrip()
        tail = "," if right.endswith(",") else ""
        terms = _terms(right.removesuffix(","))
        rows = _filled(head, terms, width, tail)
        return rows if len(rows) > 1 else None
    terms = _terms(right)
    if len(terms) < 2:
        return None
    indent = line[: len(line) - len(line.lstrip())]
    return [head + equals + "(", *_filled(indent + STEP, terms, width, ""), indent + ")"]


def _filled(indent: str, terms: list[str], width: int, tail: str) -> list[str]:
    rows = [indent + terms[0]]
    for term in terms[1:]:
        if len(rows[-1]) + 1 + len(term) <= width:
            rows[-1] += " " + term
        else:
            rows.append(indent + term)
    rows[-1] += tail
    return rows


def _outermost(line: str) -> tuple[int, int] | None:
    """Where the last pair of brackets at depth 0 that holds much begins and ends; little may follow it."""
    found: list[tuple[int, int]] = []
    start = 0
    for k, c, depth in _outside_strings(line):
        if c in OPEN and depth == 0:
            start = k
        elif c in CLOSE and depth == 1:
            found.append((start, k))
    last = [(a, b) for a, b in found if len(line) - b <= TAIL]
    return next(((a, b) for a, b in reversed(last) if b - a > MUCH), last[-1] if last else None)


def _split(text: str) -> list[str]:
    """The items between commas at depth 0."""
    commas = [k for k, c, depth in _outside_strings(text) if c == "," and depth == 0]
    items = [text[a + 1 : b].strip() for a, b in pairwise([-1, *commas, len(text)])]
    return items if items[-1] else items[:-1]


def _terms(text: str) -> list[str]:
    """A sum cut before each + and - at depth 0."""
    places = _outside_strings(text)
    signs = [k for k, _, depth in places if depth == 0 and text[k : k + 3] in (" + ", " - ")]
    return [text[a + 1 : b] for a, b in pairwise([-1, *signs, len(text)])]


def _outside_strings(text: str) -> Iterator[tuple[int, str, int]]:
    """(place, character, depth of brackets before it) of all that stands in no string."""
    depth = 0
    quote = ""
    for k, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        else:
            yield k, c, depth
            depth += (c in OPEN) - (c in CLOSE)
