"""Exponentials and their sums: log(sum(exp(x))), exp(x)/sum(exp(x)) and logarithms of it, without overflow.

However a softmax is written (shifted by its largest element, as a quotient, as exp(log_softmax)), it becomes
p = exp(x - logsumexp(x)), whose derivatives are diag(p) - p p^T; so its Hessians have that form, too. Equal in exact
arithmetic; `notes` says which rewrites a formula gets.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from symgrad.graph import CONST, REGISTER, Graph, Node
from symgrad.ops.einsum import Labels, Part, contract, factors, parse
from symgrad.ops.reduce import logsumexp
from symgrad.ops.repeated import repeated
from symgrad.simplify.stable import NOTE

EXP, LOG, DIVIDE, MULTIPLY = (REGISTER[n] for n in ("exp", "log", "divide", "multiply"))
ADD, SUBTRACT, NEGATIVE = REGISTER["add"], REGISTER["subtract"], REGISTER["negative"]
LOGSUM = "log(sum(exp(x))) as logsumexp(x)"
SOFTMAX = "exp(x)/sum(exp(x)) as exp(x - logsumexp(x))"
LOGARITHM = "log(a exp(x)) as x + log(a)"
SHIFT = "logsumexp(x - m) as logsumexp(x) - m"


def normalise(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """`roots` with these rewrites, in a new graph; the same one where there is nothing to do."""
    made = _Rewriting(graph, roots)
    return (made.out, made.roots) if made.found else (graph, list(roots))


def notes(graph: Graph, roots: Sequence[int]) -> list[str]:
    """One line per kind of rewrite that `normalise` makes."""
    found = Counter(_Rewriting(graph, roots).found)
    return [f"{NOTE}{note}" + (f", {n} times" if n > 1 else "") for note, n in found.items()]


class _Rewriting:
    def __init__(self, graph: Graph, roots: Sequence[int]) -> None:
        self.found: list[str] = []
        self.out = Graph()
        live = graph.reach(roots)
        if not any(
            n and (op is EXP or op is logsumexp) and graph.types[graph.args[i][0]].shape
            for i, (n, op) in enumerate(zip(live, graph.ops, strict=True))
        ):
            return
        new: dict[int, int] = {}
        for i, needed in enumerate(live):
            if needed:
                op, attrs = graph.ops[i], graph.attrs[i]
                args = tuple([new[a] for a in graph.args[i]])
                new[i] = self.out.const(*attrs) if op is CONST else self._rewritten(self.out.build(op, args, attrs))
        self.roots = [new[r] for r in roots]

    def _rewritten(self, i: int) -> int:
        g = self.out
        op = g.ops[i]
        if op is LOG:
            found = self._logarithm(g.args[i][0])
        elif op is logsumexp:
            found = self._shifted(g.args[i][0])
        elif op.name == "einsum":
            found = self._softmax(i)
        elif (op is ADD or op is SUBTRACT) and g.types[i].shape:
            found = self._cancelled(i)
        else:
            found = None
        return i if found is None else found

    def _note(self, text: str, result: int) -> int:
        self.found.append(text)
        return result

    def _logarithm(self, u: int) -> int | None:
        """log(sum(exp(v))), log(exp(v) * w), log(exp(v) / w), log(1/w)."""
        g = self.out
        v = self._sum_of_exponentials(u)
        if v is not None:
            total = g.build(logsumexp, (v,))
            return self._note(LOGSUM, self._rewritten(total))
        if g.ops[u] is DIVIDE:
            a, b = g.args[u]
            if self._is_one(a):
                return g.build(NEGATIVE, (self._log(b),))
            if g.ops[a] is EXP:
                return self._note(LOGARITHM, self._rewritten(g.build(SUBTRACT, (g.args[a][0], self._log(b)))))
        if g.ops[u] is MULTIPLY:
            for a, b in (g.args[u], g.args[u][::-1]):
                if g.ops[a] is EXP:
                    return self._note(LOGARITHM, self._rewritten(g.build(ADD, (g.args[a][0], self._log(b)))))
        if g.ops[u].name == "einsum" and g.types[u].shape:
            parts, labels, sizes = factors(g, u)
            for k, (e, own) in enumerate(parts):
                if g.ops[e] is EXP and len(parts) > 1 and set(own) == set(labels):
                    rest = [*parts[:k], *parts[k + 1 :]]
                    axes = tuple(x for x in labels if any(x in part for _, part in rest))
                    other = contract(g, [(self._log(contract(g, rest, axes)), axes)], labels, sizes)
                    own_v = contract(g, [(g.args[e][0], own)], labels)
                    return self._note(LOGARITHM, self._rewritten(g.build(ADD, (own_v, other))))
        return None

    def _log(self, x: int) -> int:
        return self._rewritten(self.out.build(LOG, (x,)))

    def _is_one(self, i: int) -> bool:
        g = self.out
        value = g.value(g.args[i][0] if g.ops[i].name == "broadcast" else i)
        return value.__class__ in (int, float) and value == 1

    def _sum_of_exponentials(self, u: int) -> int | None:
        """v with its summed axes as the last one, where node `u` is the sum of exp(v) over some axes."""
        g = self.out
        if g.ops[u].name != "einsum" or len(g.args[u]) != 1 or g.ops[g.args[u][0]] is not EXP:
            return None
        ((own,), kept) = parse(g.attrs[u][0])
        summed = tuple(x for x in own if x not in kept)
        if not summed or len(set(own)) < len(own):
            return None
        v = contract(g, [(g.args[g.args[u][0]][0], own)], kept + summed)
        lengths = g.types[v].lengths
        flat = (*lengths[: len(kept)], math.prod(lengths[len(kept) :]))
        return v if len(summed) == 1 else g.build(REGISTER["reshape"], (v,), (flat,))

    def _shifted(self, v: int) -> int | None:
        """logsumexp(x + m) where m is the same along the last axis."""
        g = self.out
        if g.ops[v] is not ADD and g.ops[v] is not SUBTRACT:
            return None
        last = len(g.types[v].shape) - 1
        a, b = g.args[v]
        for x, m, op in ((a, b, g.ops[v]), (b, a, ADD)):
            inner, axes = repeated(g, m)
            if last in axes or (g.ops[v] is SUBTRACT and x == b):
                continue
            labels = tuple(range(last))
            shift = contract(g, [(inner, axes)], labels, dict(enumerate(g.types[v].lengths[:-1])))
            return self._note(SHIFT, g.build(op, (self._rewritten(g.build(logsumexp, (x,))), shift)))
        return None

    def _softmax(self, i: int) -> int | None:
        """A product with exp(v) and 1/sum(exp(v)) among its factors."""
        g = self.out
        parts, labels, sizes = factors(g, i)
        for n, (q, own) in enumerate(parts):
            if g.ops[q] is not DIVIDE or not self._is_one(g.args[q][0]):
                continue
            total = g.args[q][1]
            if g.ops[total].name != "einsum" or len(g.args[total]) != 1:
                continue
            e = g.args[total][0]
            ((inner,), kept) = parse(g.attrs[total][0])
            for m, (f, axes) in enumerate(parts):
                if f == e and g.ops[e] is EXP and self._matches(inner, kept, axes, own):
                    p = self._probabilities(e, total, inner, kept)
                    if p is not None:
                        rest = [part for k, part in enumerate(parts) if k not in (m, n)]
                        return self._note(SOFTMAX, contract(g, [*rest, (p, axes)], labels, sizes))
        return None

    def _matches(self, inner: Labels, kept: Labels, axes: Labels, own: Labels) -> bool:
        """Whether the axes of the quotient are those of exp(v) that its sum keeps."""
        place = dict(zip(inner, axes, strict=True))
        return tuple(place[x] for x in kept) == own and len(set(axes)) == len(axes)

    def _probabilities(self, e: int, total: int, inner: Labels, kept: Labels) -> int | None:
        g = self.out
        v = self._sum_of_exponentials(total)
        if v is None:
            return None
        lse = self._rewritten(g.build(logsumexp, (v,)))
        sizes = dict(zip(inner, g.types[e].lengths, strict=True))
        spread = contract(g, [(lse, kept)], inner, sizes)
        exponent = self._rewritten(g.build(SUBTRACT, (g.args[e][0], spread)))
        return g.build(EXP, (exponent,))

    def _cancelled(self, i: int) -> int | None:
        """The sum at node `i` without terms that cancel; sums within what a term repeats are looked into."""
        g = self.out
        labels = tuple(range(len(g.types[i].shape)))
        sizes = dict(enumerate(g.types[i].lengths))
        count: Counter[Part] = Counter()
        stack: list[tuple[int, int, Labels]] = [(1, i, labels)]
        inside = False
        while stack:
            sign, j, own = stack.pop()
            op, args = g.ops[j], g.args[j]
            if op is ADD or op is SUBTRACT:
                inside |= own != labels
                stack += [(-sign if op is SUBTRACT else sign, args[1], own), (sign, args[0], own)]
            elif op is NEGATIVE:
                stack.append((-sign, args[0], own))
            else:
                x, axes = repeated(g, j)
                if x != j:
                    stack.append((sign, x, tuple(own[a] for a in axes)))
                else:
                    count[j, own] += sign
        if not inside or all(count.values()):
            return None
        total: Node | None = None
        for (j, own), n in sorted(count.items(), key=lambda t: t[1] < 0):
            if n:
                term = abs(n) * Node(g, contract(g, [(j, own)], labels, sizes))
                if total is None:
                    total = term if n > 0 else -term
                else:
                    total = total + term if n > 0 else total - term
        return None if total is None else total.id
