"""C for functions of arrays: the steps of a plan, loop nests and products of matrices, as plain loops.

What a plan has as calls of BLAS are three loops here, without a library. Memory to work in is the function's own
where it is little, else an argument. Arguments and results lie in `in` and `out` one after the other, in C order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from symgrad.compile.c_body import ATOM, KINDS, Array, Body, Text, constant, has
from symgrad.compile.c_flow import arenas, flow
from symgrad.compile.c_scans import scan
from symgrad.compile.lower import lower
from symgrad.compile.nest import Access, Nest, Store, identity, input_of
from symgrad.compile.plan.planner import plan
from symgrad.compile.plan.steps import CONSTANT, RESULT, TEMPORARY, Flow, Gemm, Library, Matmul, Mirror, Plan
from symgrad.compile.plan.views import View
from symgrad.errors import UnsupportedError
from symgrad.graph import INPUT, REGISTER, Graph
from symgrad.graph.type import FLOATS

STACK = REGISTER["stack"]
OWN = 1024
"""Up to so many values of memory to work in are the function's own."""
LISTED = 200_000
"""Numbers of constant arrays that are written into source at most."""
_SIGNS = {"add": "+", "multiply": "*"}


class Planned(NamedTuple):
    """Statements, what they call and need: `work` values of memory to work in that a caller gives (0: none)."""

    lines: list[str]
    prelude: list[str]
    tables: list[str]
    work: int
    returns: bool
    """Whether a place may be outside its array: then the function returns 1."""
    loops: bool
    """Whether a loop may not end within its limit: then it returns 2."""


def is_of_arrays(graph: Graph, outputs: Sequence[int]) -> bool:
    """Whether there are operations on arrays, loops as those of arrays, or an array is given back as it is."""
    live = graph.reach(outputs)
    if any(needed and op.kind == "flow" for needed, op in zip(live, graph.ops, strict=True)):
        return True
    whole = any(graph.ops[o] is INPUT and graph.types[o].shape for o in outputs)
    return whole or any(
        needed and t.shape and op is not INPUT and op is not STACK
        for needed, t, op in zip(live, graph.types, graph.ops, strict=True)
    )


def planned(graph: Graph, inputs: Sequence[int], outputs: Sequence[int], dtype: str) -> Planned:
    """The statements of a function of arrays. UnsupportedError, naming it, for what has no loops."""
    live = graph.reach(outputs)
    if any(needed and None in t.shape for needed, t in zip(live, graph.types, strict=True)):
        raise UnsupportedError("C code of arrays is of arrays whose shapes are known; trace it with arrays")
    writer = Writer(plan(graph, inputs, outputs, fresh=False), dtype)
    writer.run()
    tables = writer.tables
    if writer.whole:
        tables = [*tables, f"    long long whole[{writer.whole}];"]
    if 0 < writer.work <= OWN:
        tables = [*tables, f"    REAL work[{writer.work}];"]
    work = writer.work if writer.work > OWN else 0
    return Planned(writer.body.lines, writer.body.prelude, tables, work, writer.returns, writer.loops)


Pointer = tuple[str, ...]
"""Of a buffer, the name of its memory, and terms whose sum is where it begins there."""


class Writer:
    def __init__(self, plan: Plan, dtype: str) -> None:
        self.plan, self.dtype = plan, dtype
        self.suffix = "f" if dtype == "float32" else ""
        self.body = Body({}, self.suffix)
        self.tables: list[str] = []
        self.work = 0
        self.returns = False
        self.loops = False
        """Whether a loop may not end."""
        self.whole = self.listed = 0
        self.pointers: dict[int, Pointer] = {}

    def run(self) -> None:
        self._lay_out()
        for k, b in enumerate(self.plan.buffers):
            if b.zeroed and b.kind == RESULT:
                self.body.line(f"for (long long i0 = 0; i0 < {b.count}; ++i0) {self.item(k, ['i0'])} = 0;")
        self._steps()

    def inside(self, body: Plan, pointers: dict[int, Pointer]) -> None:
        """The steps of a body whose buffers lie there."""
        around = self.plan, self.pointers
        self.plan, self.pointers = body, pointers
        self._steps()
        self.plan, self.pointers = around

    def _steps(self) -> None:
        for step in self.plan.steps:
            if isinstance(step, Nest):
                self._nest(step)
            elif isinstance(step, Gemm):
                self._gemm(step)
            elif isinstance(step, Matmul):
                self._matmul(step)
            elif isinstance(step, Mirror):
                self._mirror(step.a)
            elif isinstance(step, Library):
                if scan(self, step):
                    continue
                raise UnsupportedError(
                    f"C code has no {step.name}: it has loops over elements, sums, running sums, products of matrices "
                    "and places; leave it out of the function, or use machine code, PyTorch or JAX"
                )
            else:
                assert isinstance(step, Flow)
                flow(self, step)

    def _lay_out(self) -> None:
        """Where each buffer lies: inputs and results one after the other, whole numbers apart from floats."""
        at = 0
        for k in self.plan.inputs:
            self.pointers[k] = "in", str(at)
            at += self.plan.buffers[k].count
        at = 0
        for v in self.plan.results:
            self.pointers[v.buffer] = "out", str(at)
            at += self.plan.buffers[v.buffer].count
        for k, b in enumerate(self.plan.buffers):
            if b.kind == CONSTANT:
                self._table(k)
        self.pointers |= self.temporaries(self.plan)

    def temporaries(self, plan: Plan) -> dict[int, Pointer]:
        """Memory for what a plan, or a body of one, works in."""
        skipped = arenas(plan)
        own = [b for k, b in enumerate(plan.buffers) if k not in skipped]
        if len({b.dtype for b in own} & set(FLOATS) | {self.dtype}) > 1:
            raise UnsupportedError("C code is of one dtype; this function mixes float32 and float64")
        item = 4 if self.dtype == "float32" else 8
        found: dict[int, Pointer] = {}
        start = self.work
        for k, b in enumerate(plan.buffers):
            if b.kind != TEMPORARY or b.at < 0 or k in skipped:
                continue
            if b.dtype in FLOATS:
                found[k] = "work", str(start + b.at // item)
                self.work = max(self.work, start + b.at // item + b.count)
            else:
                found[k] = "whole", str(self.whole)
                self.whole += b.count
        if self.whole > OWN:
            raise UnsupportedError(
                f"C code has room for {OWN} whole numbers between its steps, this needs {self.whole}"
            )
        return found

    def _table(self, k: int) -> None:
        b = self.plan.buffers[k]
        self.listed += b.count
        if self.listed > LISTED:
            raise UnsupportedError(f"C code would hold {self.listed} constant numbers; make these arrays arguments")
        kind = KINDS.get(b.dtype, "REAL")
        numbers = [constant(x, b.dtype, self.suffix)[0] for x in b.data.reshape(-1).tolist()] or ["0"]
        rows = [", ".join(numbers[n : n + 8]) for n in range(0, len(numbers), 8)]
        self.tables += [f"    static const {kind} constant{k}[] = {{", *(f"        {r}," for r in rows), "    };"]
        self.pointers[k] = f"constant{k}", "0"

    def item(self, buffer: int, place: Sequence[str]) -> str:
        """The element of a buffer at the sum of these terms."""
        name, *start = self.pointers[buffer]
        return self.at(name, [*start, *place])

    @staticmethod
    def at(name: str, terms: Sequence[str]) -> str:
        """The element of memory at the sum of these terms."""
        return f"{name}[{_sum(terms)}]"

    @staticmethod
    def times(c: int, text: str) -> str:
        return text if c == 1 else f"{c} * {text}" if c else "0"

    def open(self, index: str, start: str, end: object) -> None:
        self.body.line(f"for (long long {index} = {start}; {index} < {end}; ++{index}) {{")
        self.body.indent += "    "

    def close(self, count: int = 1) -> None:
        for _ in range(count):
            self.body.indent = self.body.indent[4:]
            self.body.line("}")

    def _nest(self, nest: Nest) -> None:
        """Kept axes outside, those that every reduction sums over inside, with a running total each."""
        reduced = [_reduced(nest, s) for s in nest.stores if s.how != "set" and not s.access.at]
        inside = reduced[0] if reduced and all(r == reduced[0] for r in reduced) else frozenset()
        order = [k for k in range(len(nest.sizes)) if k not in inside]
        for s, r in zip([s for s in nest.stores if s.how != "set" and not s.access.at], reduced, strict=True):
            if not s.keep and not inside and (r or not nest.points):
                self._begin(nest, s, r)
        for k in order:
            self.open(f"i{k}", "0", nest.sizes[k])
        totals = {}
        for n, s in enumerate(nest.stores):
            if inside and s.how != "set" and not s.access.at:
                totals[n] = self.body.name("s")
                start = self._cell(s.access, []) if s.keep else _first(s, self.suffix)
                self.body.line(f"{KINDS.get(s.access.dtype, 'REAL')} {totals[n]} = {start};")
        for k in sorted(inside):
            self.open(f"i{k}", "0", nest.sizes[k])
        values, places = self._computed(nest)
        for n, s in enumerate(nest.stores):
            cell = totals.get(n) or self._cell(s.access, places[n])
            fresh = s.how != "set" and not s.keep and n not in totals and not _reduced(nest, s)
            how = "set" if fresh else s.how
            if how in _SIGNS and s.access.dtype != "bool":
                self.body.line(f"{cell} {_SIGNS[how]}= {values[s.value]};")
            else:
                self.body.line(f"{cell} = {self._combined(how, cell, values[s.value], s.access.dtype)};")
        self.close(len(inside))
        for n, total in totals.items():
            self.body.line(f"{self._cell(nest.stores[n].access, [])} = {total};")
        self.close(len(order))

    def _begin(self, nest: Nest, s: Store, reduced: frozenset[int]) -> None:
        """What a reduction begins with, in the memory of its result."""
        kept = [k for k in range(len(nest.sizes)) if k not in reduced]
        for k in kept:
            self.open(f"i{k}", "0", nest.sizes[k])
        self.body.line(f"{self._cell(s.access, [])} = {_first(s, self.suffix)};")
        self.close(len(kept))

    def _cell(self, a: Access, places: Sequence[str]) -> str:
        steps = [self.times(c, f"i{k}") for k, c in enumerate(a.strides) if c]
        return self.item(a.buffer, [str(a.offset), *steps, *places])

    def _computed(self, nest: Nest) -> tuple[dict[int, str], list[list[str]]]:
        """The texts of the values to store, and each store's places; elements are read once their place is known."""
        graph, roots = lower(nest.body, nest.roots, has, "C")
        new = dict(zip(nest.roots, roots, strict=True))
        known: dict[str, Array | Text] = {f"i{k}": (f"i{k}", ATOM) for k in range(len(nest.sizes))}
        needed = {input_of(graph, i)[1] for i in self._inputs(graph, roots) if input_of(graph, i)[0] == "x"}
        left = sorted(needed)
        while left:
            ready = [k for k in left if all(self._is_known(graph, new[p.node], known) for p in nest.loads[k].at)]
            assert ready
            for k in ready:
                a = nest.loads[k]
                places = self._places(graph, a, new, known)
                text, kind = self._cell(a, places), KINDS.get(a.dtype, "REAL")
                if kind != "REAL" and self.pointers[a.buffer][0] in ("in", "out"):
                    text = f"{text} != 0" if a.dtype == "bool" else f"({kind}){text}"
                name = self.body.name("x")
                self.body.line(f"const {kind} {name} = {text};")
                known[f"x{k}"] = name, ATOM
            left = [k for k in left if k not in ready]
        wanted = [new[s.value] for s in nest.stores]
        texts = self.body.texts(graph, wanted, lambda i: known[graph.attrs[i][0]])
        values = {}
        for s in nest.stores:
            text = texts[new[s.value]]
            assert not isinstance(text, Array)
            values[s.value] = text[0]
        if len(nest.stores) > 1:  # all are computed before the first is stored
            for s in nest.stores:
                if not values[s.value].isidentifier():
                    name = self.body.name("v")
                    kind = KINDS.get(graph.types[new[s.value]].dtype, "REAL")
                    self.body.line(f"const {kind} {name} = {values[s.value]};")
                    values[s.value] = name
        return values, [self._places(graph, s.access, new, known) for s in nest.stores]

    def _inputs(self, graph: Graph, roots: Sequence[int]) -> list[int]:
        return [i for i, needed in enumerate(graph.reach(roots)) if needed and graph.ops[i] is INPUT]

    def _is_known(self, graph: Graph, root: int, known: Mapping[str, Any]) -> bool:
        return all(graph.attrs[i][0] in known for i in self._inputs(graph, [root]))

    def _places(self, graph: Graph, a: Access, new: Mapping[int, int], known: Mapping[str, Array | Text]) -> list[str]:
        """Computed places, checked before anything is read or written there."""
        found = []
        for p in a.at:
            texts = self.body.texts(graph, [new[p.node]], lambda i: known[graph.attrs[i][0]])
            text = texts[new[p.node]]
            assert not isinstance(text, Array)
            name = self.body.name("k")
            self.body.line(f"const long long {name} = {text[0]};")
            self.body.line(f"if ({name} < 0 || {name} >= {p.length}) return 1;")
            self.returns = True
            found.append(self.times(p.stride, name))
        return found

    def _combined(self, how: str, old: str, value: str, dtype: str) -> str:
        if how == "set":
            return value
        if dtype == "bool":
            return f"{old} {'||' if how in ('add', 'max') else '&&'} ({value})"
        if dtype == "int64":
            return f"{old} {'<' if how == 'min' else '>'} ({value}) ? {old} : ({value})"
        self.body.needed.add(f"sg_{how}")
        return f"sg_{how}({old}, {value})"

    def _gemm(self, step: Gemm) -> None:
        """c = alpha a b + beta c, row by row of b where its rows lie without gaps, else as products of vectors."""
        a, b, c = step.a, step.b, step.c
        scale = "" if step.alpha == 1 else f"{constant(float(step.alpha), self.dtype, self.suffix)[0]} * "
        first = "i" if step.half else "0"

        def item(m: Any, row: str, column: str) -> str:
            return self.item(m.buffer, [str(m.offset), self.times(m.down, row), self.times(m.right, column)])

        old = "" if step.beta == 0 else f"{constant(float(step.beta), self.dtype, self.suffix)[0]} * "
        self.open("i", "0", c.rows)
        if b.right == 1 and c.right == 1 and c.columns > 1:
            if step.beta != 1:
                self.open("j", first, c.columns)
                cell = item(c, "i", "j")
                self.body.line(f"{cell} = {old + cell if old else '0'};")
                self.close()
            self.open("k", "0", a.columns)
            self.body.line(f"const REAL t = {scale}{item(a, 'i', 'k')};")
            self.open("j", first, c.columns)
            self.body.line(f"{item(c, 'i', 'j')} += t * {item(b, 'k', 'j')};")
            self.close(3)
            return
        self.open("j", first, c.columns)
        self.body.line("REAL t = 0;")
        self.open("k", "0", a.columns)
        self.body.line(f"t += {item(a, 'i', 'k')} * {item(b, 'k', 'j')};")
        self.close()
        cell = item(c, "i", "j")
        self.body.line(f"{cell} = {scale}t{f' + {old}{cell}' if old else ''};")
        self.close(2)

    def _matmul(self, step: Matmul) -> None:
        *batch, rows, inner = step.a.shape
        columns = step.b.shape[-1]
        names = [f"i{k}" for k in range(len(batch))]

        def item(v: View, last: Sequence[str]) -> str:
            steps = [self.times(s, k) for s, k in zip(v.strides, [*names, *last], strict=True)]
            return self.item(v.buffer, [str(v.offset), *steps])

        for name, n in zip(names, batch, strict=True):
            self.open(name, "0", n)
        self.open("i", "0", rows)
        self.open("j", "0", columns)
        self.body.line("REAL t = 0;")
        self.open("k", "0", inner)
        self.body.line(f"t += {item(step.a, ('i', 'k'))} * {item(step.b, ('k', 'j'))};")
        self.close()
        self.body.line(f"{item(step.c, ('i', 'j'))} = t;")
        self.close(2 + len(names))

    def _mirror(self, v: View) -> None:
        n, (down, right) = v.shape[0], v.strides
        self.open("i", "0", n)
        self.open("j", "0", "i")
        above = self.item(v.buffer, [str(v.offset), self.times(down, "j"), self.times(right, "i")])
        below = self.item(v.buffer, [str(v.offset), self.times(down, "i"), self.times(right, "j")])
        self.body.line(f"{below} = {above};")
        self.close(2)


def _reduced(nest: Nest, s: Store) -> frozenset[int]:
    """The axes that a store sums over."""
    if s.how == "set" or s.access.at:
        return frozenset()
    return frozenset(k for k, (n, c) in enumerate(zip(nest.sizes, s.access.strides, strict=True)) if n != 1 and not c)


def _first(s: Store, suffix: str) -> str:
    start = identity(s.how, s.access.dtype)
    if s.access.dtype == "int64" and start == -(2**63):
        return "(-9223372036854775807LL - 1)"
    return constant(start, s.access.dtype, suffix)[0]


def _sum(terms: Sequence[str]) -> str:
    """Whole numbers put together."""
    number = sum(int(t) for t in terms if t.lstrip("-").isdigit())
    rest = [t for t in terms if not t.lstrip("-").isdigit()]
    if not rest:
        return str(number)
    text = " + ".join(rest)
    return text + (f" + {number}" if number > 0 else f" - {-number}" if number else "")


def sizes(graph: Graph, outputs: Sequence[int]) -> int:
    """How many numbers the results are."""
    return sum(math.prod(graph.types[o].lengths) for o in outputs)
