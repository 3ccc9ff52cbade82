"""Sums and products of arrays in LaTeX: what `ops.terms` reads, written as algebra of matrices where it is that.

An array of four axes that is made of products of two matrices is written as the matrix it is on vectors: vec stacks
the columns of a matrix (J. R. Magnus and H. Neudecker, Matrix Differential Calculus), so that T_ijkl = A_jl B_ik is
A (x) B; K is the matrix with K vec(X) = vec(X^T), so that A_jk B_il is (A (x) B) K; A_ij B_kl is vec(A) vec(B)^T.
Other arrays of more than two axes are written by their indices.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from symgrad.graph import Graph
from symgrad.ops.einsum import Labels, Part, symmetric
from symgrad.ops.repeated import repeated
from symgrad.ops.terms import Term, Terms, terms
from symgrad.show.chains import Link, links
from symgrad.show.contraction import Factor, Matrices, read
from symgrad.show.formula import ATOM, POWER, PRODUCT, SUM, Place, Text
from symgrad.show.matrix_latex import HADAMARD, ONES, raised

KRONECKER = 17
"""Kronecker products bind less than products of elements."""
COMMUTATION = r"\mathbf{K}"
_INDICES = "ijklmnpqrstuvwabcdfgh"
_LINEAR = ("einsum", "add", "subtract", "negative", "multiply", "broadcast", "solve")
Constant = Callable[[Any], Text]
Signed = tuple[bool, tuple[str, ...], tuple[str, ...]]
"""A term: whether it is subtracted, its numbers, its matrices."""


class Writer(NamedTuple):
    """What the text of one node is made from."""

    graph: Graph
    texts: Mapping[int, Text]
    named: Container[int]
    place: Place
    constant: Constant

    def array(self, i: int) -> Text | None:
        """The text of node `i` where it is a sum or a product of arrays; None: it is written like other operations."""
        g = self.graph
        name, rank = g.ops[i].name, len(g.types[i].shape)
        if name == "exp":
            return self._softmax(i)
        if name not in _LINEAR:
            return None
        if rank == 2 and name in ("einsum", "broadcast"):
            vector = self._rows(i)
            if vector is not None:
                return vector
        if name == "einsum" and rank < 3:
            found = read(g, i)
            if isinstance(found, Matrices):
                return self._matrices(i, found)
            return self._tensor(i) if found is None else None
        if name == "solve":
            return Text(" ".join(self._chain(i)[1]), PRODUCT) if rank < 3 else self._solved(i)
        if rank > 2:
            return self._tensor(i)
        if rank and name == "multiply":
            return self._elements(i)
        if rank and name in ("add", "subtract"):
            return self._sum(i)
        return None

    def _rows(self, i: int) -> Text | None:
        """A vector in every row, or in every column."""
        x, axes = repeated(self.graph, i)
        if x == i or len(axes) != 1 or any(n == 1 for n in self.graph.types[i].shape):
            return None
        if axes == (0,):
            return Text(f"{self.place(self.texts[x], PRODUCT)} {ONES}^{{T}}", PRODUCT)
        return Text(f"{ONES} {raised(self.texts[x], 'T', self.place).text}", PRODUCT)

    def _softmax(self, i: int) -> Text | None:
        """exp(v - logsumexp(v)), of the last axis."""
        g = self.graph
        (u,) = g.args[i]
        if g.ops[u].name != "subtract" or not g.types[i].shape:
            return None
        v, last = g.args[u][0], len(g.types[u].shape) - 1
        lse, axes = repeated(g, g.args[u][1])
        if g.ops[lse].name != "logsumexp" or g.args[lse] != (v,) or axes != tuple(range(last)):
            return None
        return Text(rf"\operatorname{{softmax}}\left({self.texts[v].text}\right)", ATOM)

    def _sum(self, i: int) -> Text:
        """A sum of matrices; a matrix that all terms are multiplied with stands outside: (A + A^T) x."""
        g = self.graph
        found: list[Signed] = []
        stack = [(False, i)]
        while stack:
            minus, j = stack.pop()
            name, args = g.ops[j].name, g.args[j]
            if (j == i or j not in self.named) and name in ("add", "subtract"):
                stack += [(minus ^ (name == "subtract"), args[1]), (minus, args[0])]
            elif (j == i or j not in self.named) and name == "negative":
                stack.append((not minus, args[0]))
            else:
                scale, chain = self._chain(j)
                if not scale and len(chain) == 1:
                    chain = (self.place(self.texts[j], KRONECKER),)
                found.append((minus, scale, chain))
        return _factored(sorted(found, key=lambda t: t[0]))

    def _solved(self, i: int) -> Text:
        """The solution for right sides of several axes."""
        matrix, right = (self.texts[a] for a in self.graph.args[i])
        return Text(f"{raised(matrix, '-1', self.place).text} {self.place(right, PRODUCT)}", PRODUCT)

    def _chain(self, j: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Numbers, and the matrices multiplied."""
        g = self.graph
        if j not in self.named and g.ops[j].name == "einsum":
            x, axes = repeated(g, j)
            if axes == (0,) and x != j and len(g.types[j].shape) == 2:
                return (), (self.place(self.texts[x], PRODUCT), f"{ONES}^{{T}}")
            found = read(g, j)
            if isinstance(found, Matrices) and found.product:
                return self._numbers(j, found), self._factors(links(g, g.args[j], found.product, self.named))
        if j not in self.named and g.ops[j].name == "solve":
            a, b = g.args[j]
            return (), self._factors(links(g, (a, b), [Factor(0, "inverse"), Factor(1, "plain")], self.named))
        return (), (self.place(self.texts[j], PRODUCT),)

    def _matrices(self, i: int, found: Matrices) -> Text:
        """Numbers, and a product of matrices."""
        g = self.graph
        numbers = self._numbers(i, found)
        chain = links(g, g.args[i], found.product, self.named)
        product = self._factors(chain)
        if not numbers and len(product) == 1:
            (link,) = chain if len(chain) == 1 else (None,)
            plain = link is not None and link.node >= 0 and not (link.across or link.inverse or link.diagonal)
            return self.texts[link.node] if link is not None and plain else Text(product[0], POWER)
        trace = len(numbers) == 1 and not product and any(c.trace for c in found.closed)
        return Text(" ".join(_spaced([*numbers, *product])), ATOM if trace else PRODUCT)

    def _numbers(self, i: int, found: Matrices) -> tuple[str, ...]:
        """Scalars, traces, and products of matrices between two vectors."""
        args = self.graph.args[i]
        pieces = [self._scalar(args[k]) for k in found.scalars]
        alone = len(pieces) + len(found.closed) + bool(found.product) == 1
        for c in found.closed:
            chain = links(self.graph, args, c.factors, self.named)
            across = [k._replace(across=not k.across and not k.diagonal) for k in reversed(chain)]
            chain = min(chain, across, key=lambda ks: sum(k.across for k in ks))
            texts = self._factors(chain)
            text = " ".join(texts)
            if c.trace:
                if len(chain) == 1 and chain[0] == Link(chain[0].node):
                    text = self.texts[chain[0].node].text
                pieces.append(rf"\operatorname{{tr}}\left({text}\right)")
            else:
                pieces.append(text if alone else rf"\left({text}\right)")
        return tuple(pieces)

    def _scalar(self, s: int) -> str:
        """A number in front of a matrix: if it is a product of matrices itself, in brackets."""
        text = self.texts[s]
        if self.graph.ops[s].name == "einsum" and s not in self.named and text.strength == PRODUCT:
            return rf"\left({text.text}\right)"
        return self.place(text, PRODUCT)

    def _factors(self, chain: Sequence[Link]) -> tuple[str, ...]:
        """The factors of a chain, the same one again and again as a power."""
        found = []
        for link, group in groupby(chain):
            n = len(list(group))
            if n == 1 or link.node < 0 or link.diagonal:
                found += [self._link(link)] * n
                continue
            text = self._link(link._replace(across=False, inverse=False), ATOM)
            power = f"{text}^{{{-n if link.inverse else n}}}"
            found.append(rf"\left({power}\right)^{{T}}" if link.across else power)
        return tuple(found)

    def _link(self, link: Link, strength: int = PRODUCT) -> str:
        if link.node < 0:
            return ONES + ("^{T}" if link.across else "")
        text = self.texts[link.node]
        if link.diagonal:
            return rf"\operatorname{{diag}}\left({text.text}\right)"
        if link.inverse:
            text = raised(text, "-1", self.place)
        if link.across:
            text = raised(text, "T", self.place)
        return self.place(text, strength)

    def _elements(self, i: int) -> Text:
        """A product element by element, equal factors as powers."""
        g = self.graph
        powers: Counter[int] = Counter()
        stack = [(i, 1)]
        while stack:
            j, n = stack.pop()
            name, args = g.ops[j].name, g.args[j]
            if name == "multiply" and (j == i or j not in self.named):
                stack += [(args[1], n), (args[0], n)]
            elif name == "integer_power" and j not in self.named and g.attrs[j][0] > 0:
                stack.append((args[0], n * g.attrs[j][0]))
            else:
                powers[j] += n
        if len(powers) == 1:
            ((j, n),) = powers.items()
            return Text(f"{self.place(self.texts[j], ATOM)}^{{\\circ {n}}}", POWER)
        pieces = [
            f"{self.place(self.texts[j], ATOM)}^{{\\circ {n}}}" if n > 1 else self.place(self.texts[j], HADAMARD)
            for j, n in powers.items()
        ]
        return Text(r" \circ ".join(pieces), HADAMARD)

    def _tensor(self, i: int) -> Text | None:
        found = terms(self.graph, i, self.named)
        if not any(t.factors for t in found.terms):
            return None  # the same number everywhere
        return self._plain(found) or self._kronecker(found) or self._indices(found, i)

    def _plain(self, found: Terms) -> Text | None:
        """Multiples of arrays, where no term needs an index."""
        if any(len(t.factors) != 1 or t.factors[0][1] != found.out for t in found.terms):
            return None
        texts = []
        for t in sorted(found.terms, key=lambda t: t.number < 0):
            array = self.place(self.texts[t.factors[0][0]], PRODUCT)
            texts.append((t.number < 0, " ".join(_spaced([*self._scale(t), array]))))
        return Text(_signed(texts), SUM)

    def _indices(self, found: Terms, i: int) -> Text:
        """[sum over m of X_mi X_mk]_ik."""
        texts = []
        for t in found.terms:
            labels = dict.fromkeys(found.out)
            ordered = sorted(t.factors, key=lambda f: (self.graph.ops[f[0]].name == "delta", _places(f, found.out)))
            summed = [x for x in dict.fromkeys(x for _, ls in ordered for x in ls) if x not in labels]
            if len(labels) + len(summed) > len(_INDICES):
                names = ", ".join(self.texts[a].text for a in self.graph.args[i])
                return Text(rf"\operatorname{{einsum}}\left({names}\right)", ATOM)
            letters = dict(zip([*labels, *summed], _INDICES, strict=False))
            pieces = Counter(self._indexed(f, letters) for f in ordered)
            factors = [f"{p}^{{{n}}}" if n > 1 else p for p, n in pieces.items()]
            total = [rf"\sum_{{{', '.join(letters[x] for x in summed)}}}"] if summed else []
            texts.append((t.number < 0, " ".join(_spaced([*self._scale(t), *total, *factors]))))
        texts.sort(key=lambda t: t[0])
        body = _signed(texts)
        if not found.out:
            return Text(body, SUM if len(texts) > 1 or texts[0][0] else PRODUCT - 1)
        index = "".join(_INDICES[: len(found.out)])
        return Text(rf"\left[{body}\right]_{{{index}}}", ATOM)

    def _indexed(self, factor: Part, letters: Mapping[int, str]) -> str:
        i, labels = factor
        index = "".join(letters[x] for x in labels)
        if self.graph.ops[i].name == "delta":
            return rf"\delta_{{{index}}}"
        text = self.texts[i]
        free = text.strength >= ATOM and re.search(r"_(\w|\{[^{}]*\})$", text.text) is None  # no index on an index
        return f"{self.place(text if free else Text(text.text, PRODUCT), ATOM)}_{{{index}}}"

    def _scale(self, t: Term) -> list[str]:
        size = abs(t.number)
        pieces = [self._scalar(s) for s in t.scalars]
        return pieces if size == 1 and (pieces or t.factors) else [self.constant(size).text, *pieces]

    def _kronecker(self, found: Terms) -> Text | None:
        """The matrix that an array of four axes is, where each of its terms is a product of two matrices."""
        if len(found.out) != 4:
            return None
        texts = []
        for t in found.terms:
            product = self._of_pairs(t)
            if product is None:
                return None
            texts.append((t.number < 0, product))
        texts.sort(key=lambda t: t[0])
        if len(texts) == 1 and not texts[0][0]:
            return Text(texts[0][1], KRONECKER if r"\otimes" in texts[0][1] else PRODUCT)
        return Text(_signed(texts), SUM)

    def _of_pairs(self, t: Term) -> str | None:
        """A term as a product of two matrices, without its sign."""
        scale = self._scale(t)
        for left, right in (((1, 3), (0, 2)), ((1, 2), (0, 3)), ((0, 1), (2, 3))):
            a, b = ([f for f in t.factors if set(f[1]) <= set(pair)] for pair in (left, right))
            if len(a) + len(b) != len(t.factors):
                continue
            first, second = self._matrix(a, left), self._matrix(b, right)
            if first is None or second is None:
                return None
            if left == (1, 3):
                return rf"{' '.join(_spaced([*scale, first]))} \otimes {second}"
            if left == (1, 2):
                product = [rf"\left({first} \otimes {second}\right)", COMMUTATION]
            else:
                product = [_vec(first), rf"{_vec(second)}^{{T}}"]
            return " ".join(_spaced([*scale, *product]))
        return None

    def _matrix(self, factors: Sequence[Part], axes: Labels) -> str | None:
        """One matrix, or two vectors, along two axes."""
        if len(factors) == 1 and len(factors[0][1]) == 2:
            ((i, labels),) = factors
            text = self.texts[i]
            turned = labels != axes and not symmetric(self.graph, i)
            return raised(text, "T", self.place).text if turned else self.place(text, PRODUCT)
        if len(factors) == 2 and sorted(x for _, labels in factors for x in labels) == sorted(axes):
            (a,), (b,) = ([i for i, labels in factors if labels == (x,)] for x in axes)
            return f"{self.place(self.texts[a], PRODUCT)} {raised(self.texts[b], 'T', self.place).text}"
        return None


def _factored(found: list[Signed]) -> Text:
    """A sum; what several terms end with stands outside, or what they begin with: (A + A^T) x + b."""
    for side in (-1, 0):
        k = 0
        while k < len(found):
            _, scale, chain = found[k]
            alike = [t for t in found if t[1] == scale and len(t[2]) > 1 and t[2][side] == chain[side]]
            if len(alike) > 1 and found[k] in alike:
                n = _common([f if not side else f[::-1] for _, _, f in alike])
                rest = [(m, (), f[:-n] if side else f[n:]) for m, _, f in alike]
                rest.sort(key=lambda t: (t[0], _transposes(t[2])))
                minus = all(m for m, _, _ in rest)
                inner = _factored([(m ^ minus, c, f) for m, c, f in rest])
                text = inner.text if inner.strength == PRODUCT else rf"\left({inner.text}\right)"
                joined = (minus, scale, (text, *chain[-n:]) if side else (*chain[:n], text))
                found = [joined if t is found[k] else t for t in found if t is found[k] or t not in alike]
            k += 1
    texts = [(m, " ".join(_spaced([*c, *f]))) for m, c, f in found]
    return Text(_signed(texts), SUM if len(found) > 1 or texts[0][0] else PRODUCT)


def _common(chains: Sequence[tuple[str, ...]]) -> int:
    """How many factors all begin with, leaving each at least one."""
    least = min(map(len, chains)) - 1
    return next((n for n in range(least) if len({f[n] for f in chains}) > 1), least)


def _vec(matrix: str) -> str:
    return rf"\operatorname{{vec}}\left({matrix}\right)"


def _places(factor: Part, out: Labels) -> tuple[int, ...]:
    """Where a factor stands among others: by its first axes of the result."""
    return tuple(sorted(x for x in factor[1] if x in out))


def _transposes(factors: Sequence[str]) -> int:
    return sum("T}" in f for f in factors)


def _signed(found: Sequence[tuple[bool, str]]) -> str:
    """Texts with their signs."""
    (minus, text), *rest = found
    return ("-" if minus else "") + text + "".join((" - " if m else " + ") + t for m, t in rest)


def _spaced(pieces: Sequence[str]) -> list[str]:
    """Factors side by side, with a dot where digits would run together."""
    spaced = list(pieces[:1])
    for p in pieces[1:]:
        spaced.append(r"\cdot " + p if spaced[-1][-1:].isdigit() and p[:1].isdigit() else p)
    return spaced
