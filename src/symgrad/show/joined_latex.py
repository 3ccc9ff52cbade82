"""Terms of matrices in LaTeX, joined: signs, common factors outside, Kronecker products put together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from symgrad.show.formula import PRODUCT, SUM, Text

KRONECKER = 17
"""Kronecker products bind less than products of elements."""
COMMUTATION = r"\mathbf{K}"


class Signed(NamedTuple):
    """A term: whether it is subtracted, its numbers, its matrices."""

    minus: bool
    scale: tuple[str, ...]
    chain: tuple[str, ...]


class Pair(NamedTuple):
    """A number times a product of two matrices: "kron" is A (x) B, "turned" (A (x) B) K, "vec" vec(A) vec(B)^T.

    "diagonal": of one matrix, diag(vec(A)).
    """

    minus: bool
    scale: tuple[str, ...]
    kind: str
    sides: tuple[tuple[str, ...], ...]


def factored(found: list[Signed]) -> Text:
    """A sum; what several terms end with stands outside, or what they begin with: (A + A^T) x + b."""
    for side in (-1, 0):
        k = 0
        while k < len(found):
            _, scale, chain = found[k]
            alike = [t for t in found if t.scale == scale and len(t.chain) > 1 and t.chain[side] == chain[side]]
            if len(alike) > 1 and found[k] in alike:
                n = _common([f if not side else f[::-1] for _, _, f in alike])
                rest = [Signed(m, (), f[:-n] if side else f[n:]) for m, _, f in alike]
                rest.sort(key=lambda t: (t.minus, _transposes(t.chain)))
                minus = all(t.minus for t in rest)
                inner = factored([t._replace(minus=t.minus ^ minus) for t in rest])
                text = inner.text if inner.strength == PRODUCT else rf"\left({inner.text}\right)"
                joined = Signed(minus, scale, (text, *chain[-n:]) if side else (*chain[:n], text))
                found = [joined if t is found[k] else t for t in found if t is found[k] or t not in alike]
            k += 1
    scale = found[0].scale
    if len(found) > 1 and scale and all(t.scale == scale for t in found):  # 1/2 (A + B)
        inner = signed([(m, term((), f)) for m, _, f in found])
        return Text(term(scale, [rf"\left({inner}\right)"]), PRODUCT)
    texts = [(m, term(c, f)) for m, c, f in found]
    return Text(signed(texts), SUM if len(found) > 1 or texts[0][0] else PRODUCT)


def term(scale: Sequence[str], chain: Sequence[str]) -> str:
    """Numbers times matrices; where a lone number is 1 or 2 or so over something, one fraction."""
    if len(scale) == 1 and chain:
        over = _quotient(scale[0])
        if over is not None:
            number, below = over
            above = list(chain) if number == "1" else [number, *chain]
            if len(above) == 1:
                above = [unbracketed(above[0])]
            return rf"\frac{{{' '.join(spaced(above))}}}{{{below}}}"
    return " ".join(spaced([*scale, *chain]))


def times_quotient(number: object, pieces: Sequence[str]) -> list[str] | None:
    """A whole number times one fraction, as one fraction; None: it is none."""
    over = _quotient(pieces[0]) if len(pieces) == 1 and isinstance(number, int) else None
    if over is None or not isinstance(number, int):
        return None
    below = re.fullmatch(r"(\d+) (\D.*)", over[1])
    value = Fraction(number * int(over[0]), int(below[1]) if below else 1)
    rest = below[2] if below else over[1]
    under = rest if value.denominator == 1 else f"{value.denominator} {rest}"
    return [rf"\frac{{{value.numerator}}}{{{under}}}"]


def _quotient(text: str) -> tuple[str, str] | None:
    """(above, below) of a fraction of a whole number by more than a number."""
    if not text.startswith(r"\frac{"):
        return None
    middle = _closing(text, 5)
    number, below = text[6:middle], text[middle + 2 : -1]
    if not number.isdigit() or _closing(text, middle + 1) != len(text) - 1:
        return None
    return None if below.isdigit() else (number, below)


def _closing(text: str, k: int) -> int:
    """Where the brace that opens at `k` is closed."""
    depth = 0
    for n in range(k, len(text)):
        depth += {"{": 1, "}": -1}.get(text[n], 0)
        if depth == 0:
            return n
    return len(text)


def unbracketed(text: str) -> str:
    """The text without parentheses around all of it."""
    if not (text.startswith(r"\left(") and text.endswith(r"\right)")):
        return text
    depth, k = 0, 0
    while k < len(text):
        if text.startswith(r"\left", k) and not text.startswith(r"\leftarrow", k):
            depth += 1
        elif text.startswith(r"\right", k) and not text.startswith(r"\rightarrow", k):
            depth -= 1
            if depth == 0:
                return text[6:-7].strip() if k == len(text) - 7 else text
        k += 1
    return text


def kronecker(found: Sequence[Pair]) -> Text:
    """A sum of products of two matrices; what has one of them in common is put together: I (x) (A + A^T)."""
    pairs = list(found)
    for side in (0, 1):
        k = 0
        while k < len(pairs):
            p = pairs[k]
            alike = [
                q for q in pairs if q[1:3] == p[1:3] and p.kind != "vec" and q.sides[side:][:1] == p.sides[side:][:1]
            ]
            if len(p.sides) == 2 and len(alike) > 1:
                minus = all(q.minus for q in alike)
                terms = [Signed(q.minus ^ minus, (), q.sides[1 - side]) for q in alike]
                terms.sort(key=lambda t: (t.minus, _transposes(t.chain)))
                total = (rf"\left({factored(terms).text}\right)",)
                sides = (total, p.sides[1]) if side else (p.sides[0], total)
                pairs = [
                    Pair(minus, p.scale, p.kind, sides) if q is p else q for q in pairs if q is p or q not in alike
                ]
            k += 1
    texts = sorted(((p.minus, _pair(p)) for p in pairs), key=lambda t: t[0])
    if len(texts) == 1 and not texts[0][0]:
        return Text(texts[0][1], KRONECKER if pairs[0].kind == "kron" else PRODUCT)
    return Text(signed(texts), SUM)


def _pair(p: Pair) -> str:
    sides = [" ".join(spaced(s)) for s in p.sides]
    if p.kind == "kron":
        return rf"{' '.join(spaced([*p.scale, *p.sides[0]]))} \otimes {sides[1]}"
    if p.kind == "turned":
        return term(p.scale, [rf"\left({sides[0]} \otimes {sides[1]}\right)", COMMUTATION])
    first, *others = [rf"\operatorname{{vec}}\left({unbracketed(s)}\right)" for s in sides]
    if p.kind == "diagonal":
        return term(p.scale, [rf"\operatorname{{diag}}\left({first}\right)"])
    return term(p.scale, [first, rf"{others[0]}^{{T}}"])


def _common(chains: Sequence[tuple[str, ...]]) -> int:
    """How many factors all begin with, leaving each at least one."""
    least = min(map(len, chains)) - 1
    return next((n for n in range(least) if len({f[n] for f in chains}) > 1), least)


def _transposes(factors: Sequence[str]) -> int:
    return sum("T}" in f for f in factors)


def signed(found: Sequence[tuple[bool, str]]) -> str:
    """Texts with their signs."""
    (minus, text), *rest = found
    return ("-" if minus else "") + text + "".join((" - " if m else " + ") + t for m, t in rest)


def spaced(pieces: Sequence[str]) -> list[str]:
    """Factors side by side, with a dot where digits would run together."""
    found = list(pieces[:1])
    for p in pieces[1:]:
        found.append(r"\cdot " + p if found[-1][-1:].isdigit() and p[:1].isdigit() else p)
    return found
