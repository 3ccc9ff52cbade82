"""The one way to build an einsum: `contract`, which brings a product of tensors into its normal form.

Labels are ints here; letters stand in the attribute alone. Values change by rounding only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from symgrad.graph import REGISTER, Graph, Node, Type, promote
from symgrad.graph.node import spread
from symgrad.ops.arith import add as ADD
from symgrad.ops.arith import mask as MASK
from symgrad.ops.arith import multiply as MULTIPLY
from symgrad.ops.arith import negative as NEGATIVE
from symgrad.ops.arith import number, squares
from symgrad.ops.arith import subtract as SUBTRACT
from symgrad.ops.pairing import canonical, groups, path
from symgrad.ops.subscripts import Labels, parse, subscripts, sums
from symgrad.ops.summands import has_identity, summands
from symgrad.ops.symmetry import gram, symmetric

Part = tuple[int, Labels]
"""A node and a label per axis."""
LONGEST = 200
"""Terms, at most, of a sum that is not formed because they are products of smaller tensors."""


def contract(g: Graph, parts: Iterable[Part], out: Labels, sizes: dict[int, int] | None = None) -> int:
    """The sum over all labels that are not in `out` of the product of `parts`, in normal form.

    `sizes` holds those of labels of `out` that no part has (the result is constant along them).
    """
    parts = tuple(parts)
    key = parts, out, tuple(sizes.items()) if sizes else ()
    found = g.memo.get(key)
    if found is None:
        found = g.memo[key] = _Contraction(g, list(parts), out, sizes or {}).build()
    return found


class _Contraction:
    def __init__(self, g: Graph, parts: list[Part], out: Labels, sizes: dict[int, int]) -> None:
        self.g, self.out = g, out
        self.dtype = promote([g.types[i].dtype for i, _ in parts])
        self.sizes = dict(sizes)
        for i, labels in parts:
            self.sizes.update((x, n or 0) for x, n in zip(labels, g.types[i].shape, strict=True))
        self.labels = {label for _, labels in parts for label in labels}
        self.minus = False
        self.scalars: list[int] = []
        self.tensors: list[Part] = []
        self._open(squares(g, parts))

    def build(self) -> int:
        g, out = self.g, self.out
        self._sum_identities()
        self._turn_symmetric()
        if self._orthogonal():
            return spread(g, g.const(0, self.dtype), tuple(self.sizes[x] for x in out))
        ways = (self._masked, self._picked, self._multiplied_out, self._product)
        opened = next(i for way in ways if (i := way()) is not None)
        return g.build(NEGATIVE, (opened,)) if self.minus else opened

    def _open(self, parts: list[Part]) -> None:
        """Signs, broadcasts and products without sums, taken apart."""
        g = self.g
        todo = parts[::-1]
        while todo:
            i, labels = todo.pop()
            op, args = g.ops[i], g.args[i]
            if op is NEGATIVE:
                self.minus = not self.minus
                todo.append((args[0], labels))
            elif not labels:
                self.scalars.append(i)
            elif op is SUBTRACT and g.known(SUBTRACT, args[::-1]) and (other := g.add(SUBTRACT, args[::-1])) < i:
                self.minus = not self.minus  # b - a is -(a - b), which is there
                self.tensors.append((other, labels))
            elif op.name == "broadcast":
                todo.append((args[0], labels[len(labels) - len(g.types[args[0]].shape) :]))
            elif op.name == "einsum":
                inner, result = parse(g.attrs[i][0])
                new = dict(zip(result, labels, strict=True))
                if sums(inner, result) and len(set(labels)) == len(labels):
                    self.tensors.append((i, labels))
                else:  # of a trace or a diagonal, only the elements that it has
                    self._inner(new, args, inner)
                    todo.extend((a, tuple(new[x] for x in part)) for a, part in zip(args, inner, strict=True))
            else:
                self.tensors.append((i, labels))

    def _inner(self, new: dict[int, int], args: Sequence[int], parts: Sequence[Labels]) -> None:
        """Labels of our own for those that an operand sums over."""
        for a, part in zip(args, parts, strict=True):
            for x, n in zip(part, self.g.types[a].shape, strict=True):
                if x not in new:
                    new[x] = max(self.sizes) + 1
                    self.sizes[new[x]] = n or 0
                    self.labels.add(new[x])

    def _sum_identities(self) -> None:
        """Identities with a summed label rename it; the others stay, each once."""
        g, out = self.g, self.out
        k = 0
        while k < len(self.tensors):
            i, labels = self.tensors[k]
            if g.ops[i].name != "delta":
                k += 1
                continue
            a, b = labels
            if a == b or self.sizes[a] == 1:  # ones: its labels may be left without a tensor
                self.tensors.pop(k)
                continue
            if a in out and b in out:
                twice = (i, labels) in self.tensors[:k] or (i, (b, a)) in self.tensors[:k]
                self.tensors[k : k + twice] = []
                k += not twice
                continue
            self.tensors.pop(k)
            old, new = (b, a) if a in out else (a, b)
            self._rename(old, new)
            k = 0

    def _turn_symmetric(self) -> None:
        """The labels of a symmetric matrix in one order: summed ones first."""
        out = self.out
        for k, (i, labels) in enumerate(self.tensors):
            if len(labels) == 2 and labels[0] in out and symmetric(self.g, i):
                a, b = labels
                self.tensors[k] = i, tuple(sorted(labels, key=out.index)) if b in out else (b, a)

    def _rename(self, old: int, new: int) -> None:
        self.tensors = [(i, tuple(new if x == old else x for x in labels)) for i, labels in self.tensors]
        self.labels.discard(old)
        self.labels.add(new)

    def _orthogonal(self) -> bool:
        """Whether two different unit vectors share a label; equal ones become one."""
        g = self.g
        seen: dict[int, int] = {}
        kept = []
        for i, labels in self.tensors:
            if g.ops[i].name == "basis":
                if self.sizes[labels[0]] == 1:
                    continue
                first = seen.setdefault(labels[0], i)
                if first != i:
                    return True
                if (i, labels) in kept:
                    continue
            kept.append((i, labels))
        self.tensors = kept
        return False

    def _masked(self) -> int | None:
        """A mask over all of the result stays outside: a structural zero, whatever it is multiplied with."""
        g, out = self.g, self.out
        if len(self.tensors) > 1 and any(g.ops[i] is MASK for i, _ in self.tensors):
            from symgrad.ops.masks import absorbed

            self.tensors = absorbed(g, self.tensors)
        for k, (i, labels) in enumerate(self.tensors):
            if g.ops[i] is MASK and len(labels) == len(out) and set(labels) == set(out):
                condition, inner = g.args[i]
                rest = [*self.tensors[:k], (inner, labels), *self.tensors[k + 1 :], *((s, ()) for s in self.scalars)]
                rest += self._ones(labels, rest)
                product = contract(g, rest, out)
                if labels != out:
                    condition = g.add(REGISTER["einsum"], (condition,), (subscripts([labels], out),))
                return g.build(MASK, (condition, product))
        return None

    def _picked(self) -> int | None:
        """Sums with rows of identities."""
        from symgrad.ops.picked import sum_over

        return sum_over(self.g, [*self.tensors, *((s, ()) for s in self.scalars)], self.out, self.sizes)

    def _multiplied_out(self) -> int | None:
        """The sum of products, where a factor is a sum with identities in it, or the sum of what is left of one."""
        g = self.g
        for k, (i, labels) in enumerate(self.tensors):
            if g.ops[i] is not ADD and g.ops[i] is not SUBTRACT:
                continue
            several = len(self.tensors) > 1
            if not (self._drops(labels) or (several and has_identity(g, i)) or self._thin(i, labels)):
                continue
            terms = summands(g, i) or []
            rest = [*self.tensors[:k], *self.tensors[k + 1 :], *((s, ()) for s in self.scalars)]
            total: Node | None = None
            sizes = {x: self.sizes[x] for x in (*self.out, *self.labels)}
            for negative, t in terms:
                # A label that only this sum had must keep its size in every term.
                part = Node(g, contract(g, [(t, labels), *rest, *self._ones(labels, rest)], self.out, sizes))
                if total is None:
                    total = -part if negative else part
                else:
                    total = total - part if negative else total + part
            assert total is not None
            return total.id
        return None

    def _drops(self, labels: Labels) -> bool:
        """Whether the only thing that is done to a lone tensor is that axes of length 1 are left out."""
        if len(self.tensors) > 1 or len(set(labels)) < len(labels):
            return False
        summed = [x for x in labels if x not in self.out]
        return len(summed) > 0 and all(self.sizes[x] == 1 for x in summed)

    def _thin(self, i: int, labels: Labels) -> bool:
        """Whether an axis is summed of a sum whose terms are all products of smaller tensors: no need to form it.

        Or multiples and transposes of such sums. Of a difference, one term must have an identity, which goes away by
        that: sums of differences would else become differences of sums, which cancel.
        """
        if all(x in self.out for x in labels) or len(set(labels)) < len(labels):
            return False
        g = self.g
        from symgrad.ops.picked import is_cut

        terms = summands(g, i, LONGEST)
        if terms is None:
            return False
        if all(is_cut(g, t) for _, t in terms):
            return True
        whole = math.prod(self.sizes[x] for x in labels)
        stack, seen, identity = [t for _, t in terms], set[int](), False
        while stack:
            t = stack.pop()
            if t in seen:
                continue
            seen.add(t)
            if g.ops[t].name not in ("einsum", "broadcast", "delta"):
                return False
            parts, _, sizes = factors(g, t)
            for i, p in parts:
                if g.ops[i].name == "delta":
                    identity = True
                elif math.prod(sizes[x] for x in p) >= whole:
                    inner = summands(g, i)
                    if inner is None:
                        return False
                    stack += [j for _, j in inner]
        return identity or not any(negative for negative, _ in terms)

    def _ones(self, labels: Labels, rest: list[Part]) -> list[Part]:
        """Summed labels that no remaining tensor holds, as a tensor of ones."""
        held = {x for _, part in rest for x in part} | set(labels) | set(self.out)
        lost = tuple(sorted(self.labels - held))
        if not lost:
            return []
        one = spread(self.g, self.g.const(1, self.dtype), tuple(self.sizes[x] for x in lost))
        return [(one, lost)]

    def _product(self) -> int:
        g, sizes = self.g, self.sizes
        held = {x for _, labels in self.tensors for x in labels}
        out = self.out
        for x in out:  # summing an axis of length 1 and adding one is renaming
            if x not in held and sizes[x] == 1:
                old = next((y for y in sorted(held) if y not in out and sizes[y] == 1), None)
                if old is not None:
                    self._rename(old, x)
                    held = (held - {old}) | {x}
        factor = math.prod(sizes[x] for x in self.labels if x not in held and x not in out)
        scalar: int | None = None
        for s in sorted(self.scalars) + ([g.const(factor, self.dtype)] if factor != 1 else []):
            scalar = s if scalar is None else g.build(MULTIPLY, (scalar, s))
        if scalar is not None and g.ops[scalar] is NEGATIVE:
            self.minus = not self.minus
            scalar = g.args[scalar][0]
        value = None if scalar is None else number(g, scalar)
        if value is not None and value < 0:
            self.minus, value = not self.minus, -value
            scalar = g.const(value, self.dtype)
        if value == 1 and (value.__class__ is int or any(g.types[i].dtype == self.dtype for i, _ in self.tensors)):
            scalar = None
        new = tuple(x for x in out if x not in held)
        core = tuple(x for x in out if x in held)
        i = self._core(core, scalar)
        if new:
            i = spread(g, i, tuple(sizes[x] for x in new) + tuple(g.types[i].shape))
            if new + core != out:
                i = g.add(REGISTER["einsum"], (i,), (subscripts([new + core], out),))
        return i

    def _core(self, out: Labels, scalar: int | None) -> int:
        """The product of the tensors, whose labels include all of `out`, and of the scalar."""
        g = self.g
        if not self.tensors:
            return g.const(1, self.dtype) if scalar is None else scalar
        fixed = [(i, tuple(sorted(p, key=out.index))) for i, p in self.tensors if g.ops[i].name == "delta"]
        plain = [p for p in self.tensors if g.ops[p[0]].name != "delta"]
        if sums((labels for _, labels in plain), out):
            plain = self._pairs(plain, out)
        for i, labels in plain:
            if not labels:
                scalar = i if scalar is None else g.build(MULTIPLY, (scalar, i))
        parts = [p for p in plain if p[1]] + fixed
        if not parts:
            assert scalar is not None
            return scalar
        parts = self._by_elements(parts)
        if len(parts) == 1 and len(out) == 2 and symmetric(g, parts[0][0]):
            parts = [(parts[0][0], out)]
        if scalar is None and len(parts) == 1 and parts[0][1] == out:
            return parts[0][0]
        parts.sort(key=lambda p: p[0])
        if scalar is not None:
            (i, labels), *more = parts
            scaled = subscripts([(), labels], labels)
            if not more and labels != out and g.known(REGISTER["einsum"], (scalar, i), (scaled,)):
                parts = [(g.add(REGISTER["einsum"], (scalar, i), (scaled,)), labels)]  # its transpose costs nothing
            else:
                parts = [(scalar, ()), *parts]
        return self._add(parts, out)

    def _by_elements(self, parts: list[Part]) -> list[Part]:
        """Tensors with the same labels as one, multiplied element by element."""
        g = self.g
        found: dict[Labels, int] = {}
        rest = []
        for i, labels in sorted(parts):
            if g.ops[i].name in ("basis", "delta"):
                rest.append((i, labels))
            else:
                other = found.get(labels)
                found[labels] = i if other is None else g.build(MULTIPLY, (other, i))
        return [*((i, labels) for labels, i in found.items()), *rest]

    def _pairs(self, parts: list[Part], out: Labels) -> list[Part]:
        """No label summed any more: factors that share summed labels contracted pair by pair (`ops.pairing`)."""
        parts = [self._alone(k, parts, out) for k in range(len(parts))]
        found: list[Part] = []
        for group in groups(parts, out):
            if len(group) == 1:
                found += group
                continue
            group = canonical(group, out)
            every = [*group]
            wanted = list(map(set, (labels for _, labels in group)))
            for m, n in path(group, out, self.sizes):
                pair = sorted((every[m], every[n]), key=lambda p: (p[0], [out.index(x) for x in p[1] if x in out]))
                wanted[m] = wanted[n] = set()
                others = set(out).union(*wanted)
                kept = tuple(x for x in dict.fromkeys(pair[0][1] + pair[1][1]) if x in others)
                order = self._order(pair, kept)
                every.append((self._add(pair, order), order))
                wanted.append(set(order))
            found.append(every[-1])
        return found

    def _order(self, pair: Sequence[Part], kept: Labels) -> Labels:
        """The axes of a product of two: of matrices, those with fewer transposes, so that it is shared."""
        a, b = pair[0][1], pair[1][1]
        order = tuple(x for x in dict.fromkeys(a + b) if x in kept)
        if len(a) == len(b) == len(order) == 2 and order[0] in a and order[1] in b:
            across = (a[0] not in kept) + (b[1] not in kept)  # transposes in a b; there are 2 less of them in b a
            if across == 2:
                return order[::-1]
            if across == 1 and gram(self.g, *pair):
                return order
            if across == 1 and order[::-1] == tuple(x for x in self.out if x in order):
                text = subscripts([a, b], order)
                return order if self.g.known(REGISTER["einsum"], tuple(i for i, _ in pair), (text,)) else order[::-1]
        return order

    def _alone(self, k: int, parts: list[Part], out: Labels) -> Part:
        """A tensor summed over the labels that only it has."""
        labels = parts[k][1]
        wanted = {x for j, (_, c) in enumerate(parts) if j != k for x in c} | set(out)
        kept = tuple(x for x in dict.fromkeys(labels) if x in wanted)
        return parts[k] if all(x in wanted for x in labels) else (self._add([parts[k]], kept), kept)

    def _add(self, parts: Sequence[Part], out: Labels) -> int:
        g, sizes = self.g, self.sizes
        text = subscripts([labels for _, labels in parts], out)
        type = Type(promote([g.types[i].dtype for i, _ in parts]), tuple([sizes[x] for x in out]))
        return g.add(REGISTER["einsum"], tuple([i for i, _ in parts]), (text,), type)


def factors(g: Graph, i: int) -> tuple[list[Part], Labels, dict[int, int]]:
    """Node `i` as a product of tensors without sums: the factors, its own labels, their sizes; signs stay."""
    found = g.memo.get(("factors", i))
    if found is None:
        labels = tuple(range(len(g.types[i].shape)))
        opened = _Contraction(g, [(i, labels)], labels, {})
        if opened.minus:
            parts = [(i, labels)]
        else:
            parts = [*((s, ()) for s in opened.scalars), *opened.tensors]
        found = g.memo["factors", i] = parts, labels, opened.sizes
    return list(found[0]), found[1], dict(found[2])
