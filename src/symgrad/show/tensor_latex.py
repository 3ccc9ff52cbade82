"""Sums and products of arrays in LaTeX: what `ops.terms` reads, written as algebra of matrices where it is that.

An array of four axes that is made of products of two matrices is written as the matrix it is on vectors: vec stacks
the columns of a matrix (J. R. Magnus and H. Neudecker, Matrix Differential Calculus), so that T_ijkl = A_jl B_ik is
A (x) B; K is the matrix with K vec(X) = vec(X^T), so that A_jk B_il is (A (x) B) K; A_ij B_kl is vec(A) vec(B)^T.
Other arrays of more than two axes are written by their indices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from symgrad.graph import Graph
from symgrad.ops.einsum import Labels, symmetric
from symgrad.ops.repeated import repeated
from symgrad.ops.summands import signed_terms
from symgrad.ops.terms import Term, Terms, terms
from symgrad.show.chains import Link, links, opened
from symgrad.show.contraction import Factor, Matrices, read
from symgrad.show.elements_latex import ELEMENTS, Constant, Elements
from symgrad.show.formula import ATOM, POWER, PRODUCT, SUM, Place, Text
from symgrad.show.joined_latex import (
    KRONECKER,
    Pair,
    Signed,
    factored,
    kronecker,
    signed,
    spaced,
    term,
    times_quotient,
    unbracketed,
)
from symgrad.show.matrix_latex import HADAMARD, ONES, raised
from symgrad.show.places_latex import subscripted

_INDICES = "ijklmnpqrstuvwabcdfgh"
_LINEAR = ("einsum", "add", "subtract", "negative", "multiply", "broadcast", "solve")
Piece = tuple[tuple[Link, ...], Labels]
"""A product of matrices, as one factor with indices."""


class Writer(NamedTuple):
    """What the text of one node is made from."""

    graph: Graph
    texts: Mapping[int, Text]
    named: Container[int]
    place: Place
    constant: Constant
    written: Callable[[Graph, int, dict[int, Text]], Text]
    """A formula of numbers, given the texts of its inputs."""
    norms: dict[str, str]
    """Of the texts of sums of squares, those of the norms."""

    def array(self, i: int) -> Text | None:
        """The text of node `i` where it is a sum or a product of arrays; None: it is written like other operations."""
        g = self.graph
        name, rank = g.ops[i].name, len(g.types[i].shape)
        if name == "exp":
            return self._softmax(i)
        if name not in _LINEAR and name not in ELEMENTS:
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
        if rank > 2 and name in _LINEAR:
            return self._tensor(i)
        if rank and name in ELEMENTS:
            return Elements(g, self.texts, self.named, self.place, self.constant).product(i)
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
        u = g.args[i][0]
        if g.ops[u].name != "subtract" or not g.types[i].shape:
            return None
        v, last = g.args[u][0], len(g.types[u].shape) - 1
        lse, axes = repeated(g, g.args[u][1])
        if g.ops[lse].name != "logsumexp" or g.args[lse] != (v,) or axes != tuple(range(last)):
            return None
        return Text(rf"\operatorname{{softmax}}\left({self.texts[v].text}\right)", ATOM)

    def _sum(self, i: int) -> Text:
        """A sum of matrices; a matrix that all terms are multiplied with stands outside: (A + A^T) x."""
        found: list[Signed] = []
        for minus, j in signed_terms(self.graph, i, self.named) or ():
            scale, chain = self._chain(j)
            if not scale and len(chain) == 1:
                chain = (self.place(self.texts[j], KRONECKER),)
            found.append(Signed(minus, scale, chain))
        return factored(sorted(found, key=lambda t: (t.minus, len(t.chain) == 1)))

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
        if (j not in self.named or j not in self.texts) and g.ops[j].name == "solve":  # named, and written just now
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
        return Text(term(numbers, product), ATOM if trace else PRODUCT)

    def _numbers(self, i: int, found: Matrices) -> tuple[str, ...]:
        """Scalars, traces, and products of matrices between two vectors."""
        args = self.graph.args[i]
        pieces = [self._scalar(args[k]) for k in found.scalars]
        alone = len(pieces) + len(found.closed) + bool(found.product) == 1
        for c in found.closed:
            chain = links(self.graph, args, c.factors, self.named)
            across = [k._replace(across=not k.across and not k.diagonal) for k in reversed(chain)]
            chain = min(chain, across, key=lambda ks: (ks[-1].node < 0, sum(k.across for k in ks)))
            texts = self._factors(chain)
            text = " ".join(texts)
            if c.trace:
                if len(chain) == 1 and chain[0] == Link(chain[0].node):
                    text = self.texts[chain[0].node].text
                pieces.append(rf"\operatorname{{tr}}\left({text}\right)")
            else:
                pieces.append(text if alone else rf"\left({text}\right)")
            if alone and len(chain) == 2 and chain[0] == chain[1]._replace(across=not chain[1].across):
                inside = unbracketed(self._link(chain[1]._replace(across=False)))
                self.norms[pieces[-1]] = rf"\left\|{inside}\right\|" + ("_{F}" if c.trace else "")
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
            texts.append((t.number < 0, term(self._scale(t), [array])))
        return Text(signed(texts), SUM)

    def _indices(self, found: Terms, i: int) -> Text:
        """[sum over m of X_mi X_mk]_ik, with what all terms are multiplied with in front."""
        texts = []
        scales = [self._scale(t) for t in found.terms]
        common = scales[0] if len(scales) > 1 and all(s == scales[0] for s in scales) else []
        for t, scale in zip(found.terms, scales, strict=True):
            labels = dict.fromkeys(found.out)
            pieces = self._met(self._pieces(t, found.out), found.out)
            ordered = sorted(pieces, key=lambda f: (self._is_identity(f[0]), sorted(x for x in f[1] if x in found.out)))
            summed = [x for x in dict.fromkeys(x for _, ls in ordered for x in ls) if x not in labels]
            if len(labels) + len(summed) > len(_INDICES):
                names = ", ".join(self.texts[a].text for a in self.graph.args[i])
                return Text(rf"\operatorname{{einsum}}\left({names}\right)", ATOM)
            letters = dict(zip([*labels, *summed], _INDICES, strict=False))
            powers = Counter(self._indexed(f, letters) for f in ordered)
            factors = [_to_the(p, n) for p, n in powers.items()]
            total = [rf"\sum_{{{', '.join(letters[x] for x in summed)}}}"] if summed else []
            own = [] if common else scale
            texts.append((t.number < 0, " ".join(spaced([*own, *total, *factors])) or "1"))
        texts.sort(key=lambda t: t[0])
        body = signed(texts)
        if not found.out:
            if common:
                return Text(" ".join(spaced([*common, rf"\left({body}\right)"])), PRODUCT)
            return Text(body, SUM if len(texts) > 1 or texts[0][0] else PRODUCT - 1)
        index = "".join(_INDICES[: len(found.out)])
        bracket = rf"\left[{body}\right]_{{{index}}}"
        return Text(" ".join(spaced([*common, bracket])), PRODUCT) if common else Text(bracket, ATOM)

    def _pieces(self, t: Term, out: Labels) -> list[Piece]:
        """The factors of a term, with chains multiplied: the sum over m of A_im B_mj is (A B)_ij."""
        pieces: list[Piece] = [((Link(i),), labels) for i, labels in t.factors]
        k = 0
        while k < len(pieces):
            _, labels = pieces[k]
            for x in labels:
                at = [n for n, (_, ls) in enumerate(pieces) for y in ls if y == x]
                if len(at) != 2 or at[0] == at[1] or x in out:
                    continue
                (a, left), (b, right) = (pieces[n] for n in at)
                if max(len(left), len(right)) > 2 or len(left) + len(right) == 2:
                    continue
                if left[-1] != x:
                    a, left = self._turned(a), left[::-1]
                if right[0] != x:
                    b, right = self._turned(b), right[::-1]
                if len(left) == 1:
                    a, left, b, right = self._turned(b), right[::-1], a, left
                pieces[at[0]] = ((*a, *b), left[:-1] + right[1:])
                pieces.pop(at[1])
                k = -1
                break
            k += 1
        return pieces

    def _turned(self, chain: tuple[Link, ...]) -> tuple[Link, ...]:
        """The transpose of a product; a vector is its own."""
        g = self.graph
        return tuple(
            k if len(g.types[k.node].shape) < 2 or symmetric(g, k.node) else k._replace(across=not k.across)
            for k in reversed(chain)
        )

    def _met(self, pieces: Sequence[Piece], out: Labels) -> list[Piece]:
        """With identities as delta_ij, delta_ik, and their other indices not used elsewhere."""
        first: dict[int, int] = {}
        deltas = [sorted(f[1], key=out.index) for f in pieces if self._is_identity(f[0]) and set(f[1]) <= set(out)]
        for a, b in deltas:
            one, other = sorted((first.get(a, a), first.get(b, b)), key=out.index)
            first = {x: one if y == other else y for x, y in first.items()} | {other: one, a: one, b: one}
        delta = next((f[0] for f in pieces if self._is_identity(f[0])), ())
        rest = [f for f in pieces if not (self._is_identity(f[0]) and set(f[1]) <= set(out))]
        met = [(chain, tuple(first.get(x, x) for x in labels)) for chain, labels in rest]
        return met + [(delta, (y, x)) for x, y in first.items() if x != y]

    def _is_identity(self, chain: tuple[Link, ...]) -> bool:
        return len(chain) == 1 and all(self.graph.ops[k.node].name == "delta" for k in chain)

    def _indexed(self, piece: Piece, letters: Mapping[int, str]) -> str:
        chain, labels = piece
        index = "".join(letters[x] for x in labels)
        if self._is_identity(piece[0]):
            return rf"\delta_{{{index}}}"
        link, *others = chain
        if link.across and not others:
            return self._indexed(((link._replace(across=False),), labels[::-1]), letters)
        if others:
            return rf"\left({' '.join(spaced(self._opened(chain)))}\right)_{{{index}}}"
        if len(labels) > 2 and link.node not in self.named:
            own = Elements(self.graph, self.texts, self.named, self.place, self.constant)
            formula = own.at(link.node, [letters[x] for x in labels])
            if formula is not None:
                return self.place(self.written(*formula), PRODUCT)
        return subscripted(self.texts[link.node], index, self.place)

    def _scale(self, t: Term) -> list[str]:
        size = abs(t.number)
        pieces = [self._scalar(s) for s in t.scalars]
        if size == 1 and (pieces or t.factors):
            return pieces
        return times_quotient(size, pieces) or [self.constant(size).text, *pieces]

    def _kronecker(self, found: Terms) -> Text | None:
        """The matrix that an array of four axes is, where each of its terms is a product of two matrices."""
        if len(found.out) != 4:
            return None
        pairs = [self._of_pairs(t) for t in found.terms]
        whole = [p for p in pairs if p is not None]
        return kronecker(whole) if len(whole) == len(pairs) else None

    def _of_pairs(self, t: Term) -> Pair | None:
        """A term as a product of two matrices."""
        scale = tuple(self._scale(t))
        pieces = self._pieces(t, (0, 1, 2, 3))
        for kind, left, right in (("kron", (1, 3), (0, 2)), ("turned", (1, 2), (0, 3)), ("vec", (0, 1), (2, 3))):
            a, b = ([f for f in pieces if set(f[1]) <= set(pair)] for pair in (left, right))
            if len(a) + len(b) != len(pieces):
                continue
            first, second = self._matrix(a, left), self._matrix(b, right)
            if first is not None and second is not None:
                return Pair(t.number < 0, scale, kind, (first, second))
        identities = [f for f in pieces if self._is_identity(f[0]) and set(f[1]) in ({0, 2}, {1, 3})]
        same = {2: 0, 3: 1}
        rest = [(c, tuple(same.get(x, x) for x in ls)) for c, ls in pieces if (c, ls) not in identities]
        if len(identities) == 2 and all(set(ls) <= {0, 1} for _, ls in rest):
            matrix = self._matrix(rest, (0, 1))
            return None if matrix is None else Pair(t.number < 0, scale, "diagonal", (matrix,))
        return None

    def _matrix(self, pieces: Sequence[Piece], axes: Labels) -> tuple[str, ...] | None:
        """The factors of one matrix along two axes: a product, two vectors, a diagonal; or products of elements."""
        matrices = [c if ls == axes else self._turned(c) for c, ls in pieces if len(ls) == 2]
        if len(matrices) < sum(len(ls) > 1 for _, ls in pieces) or any(len(set(ls)) < len(ls) for _, ls in pieces):
            return None
        vectors = [self._hadamard([c for c, ls in pieces if ls == (x,)]) for x in axes]
        plain = [c for c in matrices if not self._is_identity(c)]
        if not matrices:
            first, second = vectors
            row = [c for c, ls in pieces if ls == axes[1:]]
            if first is None or second is None:
                return None
            if len(row) == 1:
                across = [k._replace(across=not k.across) for k in reversed(row[0])]
                return self.place(first, PRODUCT), *self._opened(across)
            return self.place(first, PRODUCT), raised(second, "T", self.place).text
        if not plain and any(v is not None for v in vectors):
            both = [v for v in vectors if v is not None]
            text = both[0].text if len(both) == 1 else r" \circ ".join(self.place(v, HADAMARD) for v in both)
            return (rf"\operatorname{{diag}}\left({text}\right)",)
        diagonals = [None if v is None else rf"\operatorname{{diag}}\left({v.text}\right)" for v in vectors]
        if len(matrices) == 1:
            inner = self._opened(matrices[0])
        else:
            product = self._hadamard(matrices)
            inner = (rf"\left({product.text if product else ''}\right)",)
        return tuple(x for x in (diagonals[0], *inner, diagonals[1]) if x is not None)

    def _hadamard(self, chains: Sequence[tuple[Link, ...]]) -> Text | None:
        """The product of their elements; None: there are none."""
        if not chains:
            return None
        if len(chains) == 1:
            ((*_, last),) = chains
            if len(chains[0]) == 1 and not last.across:
                return self.texts[last.node]
            return Text(" ".join(spaced(self._opened(chains[0]))), PRODUCT)
        return Text(r" \circ ".join(" ".join(spaced(self._opened(c))) for c in chains), HADAMARD)

    def _opened(self, chain: Sequence[Link]) -> tuple[str, ...]:
        """The factors of a chain, with the products in it taken apart."""
        return self._factors(opened(self.graph, chain, self.named))


def _to_the(factor: str, n: int) -> str:
    if n == 1:
        return factor
    return rf"\left({factor}\right)^{{{n}}}" if "^" in factor or " " in factor else f"{factor}^{{{n}}}"
