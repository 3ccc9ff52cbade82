"""The nodes of a graph in one function: values by node, arrays by reference, loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from symgrad.compile.llvm.writer import REALS, Writer
from symgrad.errors import UnsupportedError
from symgrad.graph import CONST, INPUT, REGISTER, Graph
from symgrad.graph.body import Body
from symgrad.ops.control import parts, terms

FOLD, STACK, GATHER, ELEMENT, CAST = (REGISTER[n] for n in ("fold", "stack", "gather", "element", "cast"))
LANES = 8  # passes of a sum that share a vector
SIN, COS = REGISTER["sin"], REGISTER["cos"]


class Array(NamedTuple):
    """An array in memory, C order: its first element, its lengths (LLVM's texts), its dtype."""

    pointer: str
    lengths: tuple[str, ...]
    dtype: str


Value = str | Array


class Values:
    """The values of a graph's nodes in the function that `writer` writes.

    `outside(i)` gives what was computed before: an input, a captured value, the result of another function.
    """

    def __init__(self, writer: Writer, graph: Graph, status: str, outside: Callable[[int], Value]) -> None:
        self.writer = writer
        self.graph = graph
        self.status = status  # where a 1 is written for an index outside its array
        self.known: dict[int, Value] = {}
        self._outside = outside
        self._loops: dict[tuple[tuple[int, ...], Body], list[str]] = {}  # the carries of a loop, all at once
        self._wave: dict[tuple[int, bool], str] = {}  # (argument, is sine) -> value, of pairs made together
        self._partners: set[tuple[int, bool]] = set()
        self.lane0: Callable[[int], str | None] = lambda i: None  # in a vectorised loop: see `_blocks`

    def expect(self, nodes: Sequence[int]) -> None:
        """Nodes that will be computed here: a sine and a cosine of one argument are worked out together."""
        g = self.graph
        self._partners |= {(g.args[i][0], g.ops[i] is SIN) for i in nodes if g.ops[i] is SIN or g.ops[i] is COS}

    def __getitem__(self, i: int) -> Value:
        """The value of node `i`, which may stand elsewhere."""
        v = self.known.get(i)
        if v is None:
            g = self.graph
            op = g.ops[i]
            if op is CONST:
                return self.writer.constant(*g.attrs[i])
            v = self._packed(i) if op is STACK else self._outside(i)
            self.known[i] = v
        return v

    def scalar(self, i: int) -> str:
        v = self[i]
        assert isinstance(v, str)
        return v

    def compute(self, i: int) -> None:
        """Write node `i`; its arguments are there."""
        g = self.graph
        op = g.ops[i]
        if op is STACK:
            return  # packed where it is used
        if op is FOLD:
            body, take = g.attrs[i]
            key = g.args[i], body
            if key not in self._loops:
                self._loops[key] = self._fold(i)
            self.known[i] = self._loops[key][take]
        elif op is GATHER:
            array = self[g.args[i][0]]
            assert isinstance(array, Array)
            first = [self.lane0(a) for a in g.args[i][1:]]
            if None not in first:
                self.known[i] = self._row(array, [f for f in first if f is not None])
            else:
                self.known[i] = self._gather(array, [self.scalar(a) for a in g.args[i][1:]])
        elif op is ELEMENT:
            array = self[g.args[i][0]]
            assert isinstance(array, Array)
            places = [self.writer.constant(k, "int64") for k in g.attrs[i][0]]
            fixed = all(n.isdigit() for n in array.lengths)  # then it is inside, by its type
            self.known[i] = self._read(array, self._offset(array, places)) if fixed else self._gather(array, places)
        elif op is SIN or op is COS:
            self.known[i] = self._sine(g.args[i][0], op is SIN)
        elif op is CAST and g.types[i].dtype == "int64" and g.types[g.args[i][0]].dtype in REALS:
            self.known[i] = self._integer(i)
        else:
            self.known[i] = self.writer.operation(g, i, [self.scalar(a) for a in g.args[i]])

    def _integer(self, i: int) -> str:
        """A float as an integer; for one beyond 64 bits 0 is taken, and the status says so."""
        g, w = self.graph, self.writer
        (a,) = g.args[i]
        x = self.scalar(a)
        value = w.operation(g, i, [x])
        limit = w.constant(2.0**63, g.types[a].dtype)
        fits = w.emit(f"fcmp olt {w.real} {w.intrinsic('fabs', x)}, {limit}")
        self._report(self._all(fits))
        t = w.spelled["i64"]
        return w.emit(f"select {w.spelled['i1']} {fits}, {t} {value}, {t} {w.constant(0, 'int64')}")

    def _all(self, truth: str) -> str:
        """Whether it holds in every lane."""
        w = self.writer
        if w.width == 1:
            return truth
        whole = w.emit(f"bitcast {w.spelled['i1']} {truth} to i{w.width}")
        return w.emit(f"icmp eq i{w.width} {whole}, -1")

    def _sine(self, x: int, is_sine: bool) -> str:
        w = self.writer
        if (x, not is_sine) not in self._partners:
            return w.call("sin" if is_sine else "cos", [self.scalar(x)])
        if (x, is_sine) not in self._wave:
            pair = w.call("sincos", [self.scalar(x)])
            for k, which in enumerate((True, False)):
                self._wave[x, which] = w.emit(f"extractvalue {{{w.real}, {w.real}}} {pair}, {k}")
        return self._wave[x, is_sine]

    def _packed(self, i: int) -> Array:
        """A stack of scalars that something reads: packed into memory of this function."""
        g, w = self.graph, self.writer
        type = g.types[i]
        element = w.element(type.dtype)
        place = w.reserve(f"[{len(g.args[i])} x {element}]")
        for k, a in enumerate(g.args[i]):
            at = w.emit(f"getelementptr {element}, ptr {place}, i64 {k}")
            w.lines.append(f" store {element} {self.scalar(a)}, ptr {at}")
        return Array(place, tuple(str(n) for n in type.shape), type.dtype)

    def _offset(self, array: Array, places: Sequence[str]) -> str:
        w = self.writer
        t = w.spelled["i64"]
        offset = places[0]
        for n, k in zip(array.lengths[1:], places[1:], strict=True):
            length = n if w.width == 1 else broadcast(w, n, "int64")
            offset = w.emit(f"mul {t} {offset}, {length}")
            offset = w.emit(f"add {t} {offset}, {k}")
        return offset

    def _read(self, array: Array, offset: str) -> str:
        w = self.writer
        element = w.element(array.dtype)
        at = w.emit(f"getelementptr {element}, ptr {array.pointer}, i64 {offset}")
        return w.emit(f"load {element}, ptr {at}, align {1 if element == 'i1' else 4 if element == 'float' else 8}")

    def _gather(self, array: Array, places: Sequence[str]) -> str:
        """The element at computed places; outside the array nothing is read, and the status says so."""
        w = self.writer
        t, truth = w.spelled["i64"], w.spelled["i1"]
        inside = ""
        for n, k in zip(array.lengths, places, strict=True):
            length = n if w.width == 1 else broadcast(w, n, "int64")
            fits = w.emit(f"icmp ult {t} {k}, {length}")  # unsigned: a negative place is a huge one
            inside = w.emit(f"and {truth} {inside}, {fits}") if inside else fits
        offset = self._offset(array, places)
        element = w.element(array.dtype)
        if w.width == 1:
            self._report(inside)
            at = w.emit(f"getelementptr {element}, ptr {array.pointer}, i64 {offset}")
            safe = w.emit(f"select i1 {inside}, ptr {at}, ptr {self.status}")
            return w.emit(f"load {element}, ptr {safe}, align 4")
        self._report(self._all(inside))
        at = w.emit(f"getelementptr {element}, ptr {array.pointer}, {t} {offset}")
        result = w.spelled[element]
        name = f"@llvm.masked.gather.v{w.width}{'i64' if element == 'i64' else 'f64' if element == 'double' else 'f32'}"
        name += f".v{w.width}p0"
        w.module.declarations.add(f"declare {result} {name}(<{w.width} x ptr>, i32, {truth}, {result})")
        return w.emit(
            f"call {result} {name}(<{w.width} x ptr> {at}, i32 4, {truth} {inside}, {result} zeroinitializer)"
        )

    def _row(self, array: Array, first: Sequence[str]) -> str:
        """Neighbours along the last axis, from the element at `first` on."""
        w = self.writer
        inside = ""
        last = w.emit(f"add i64 {first[-1]}, {w.width - 1}")
        for n, k in [*zip(array.lengths, first, strict=True), (array.lengths[-1], last)]:
            fits = w.emit(f"icmp ult i64 {k}, {n}")
            inside = w.emit(f"and i1 {inside}, {fits}") if inside else fits
        self._report(inside)
        offset = first[0]
        for n, k in zip(array.lengths[1:], first[1:], strict=True):
            offset = w.emit(f"mul i64 {offset}, {n}")
            offset = w.emit(f"add i64 {offset}, {k}")
        element = w.element(array.dtype)
        at = w.emit(f"getelementptr {element}, ptr {array.pointer}, i64 {offset}")
        safe = w.emit(f"select i1 {inside}, ptr {at}, ptr {self.status}")
        return w.emit(f"load {w.spelled[element]}, ptr {safe}, align 4")

    def _report(self, inside: str) -> None:
        w = self.writer
        old = w.emit(f"load i32, ptr {self.status}")
        new = w.emit(f"select i1 {inside}, i32 {old}, i32 1")
        w.lines.append(f" store i32 {new}, ptr {self.status}")

    def _fold(self, i: int) -> list[str]:
        """A loop, all its carries. What does not change from pass to pass is worked out before it."""
        g = self.graph
        body, _, firsts, captured = parts(g, i)
        lo, hi = self.scalar(g.args[i][0]), self.scalar(g.args[i][1])
        own = body.graph
        m = body.carries
        given: dict[int, Value] = {b: self[c] for b, c in zip(body.inputs[1 + m :], captured, strict=True)}
        before = Values(self.writer, own, self.status, lambda j: given[j])
        live = own.reach(body.outputs)
        changing = _changing(body)
        steady = [j for j, n in enumerate(live) if n and not changing[j] and own.ops[j] not in (CONST, INPUT)]
        before.expect(steady)
        for j in steady:
            before.compute(j)
        carries = [self.scalar(f) for f in firsts]
        gathered = terms(body)
        if gathered is not None and all(_widens(body, t, changing) for t in gathered):
            lo, carries = self._blocks(body, gathered, lo, hi, carries, before, changing)
        return self._passes(body, lo, hi, carries, before, changing)

    def _passes(
        self, body: Body, lo: str, hi: str, carries: Sequence[str], before: Values, changing: Sequence[bool]
    ) -> list[str]:
        """One pass after the other; the carries at the end."""
        w, own = self.writer, body.graph
        types = [w.type(own.types[o].dtype) for o in body.outputs]
        head, inner, done = w.label("head"), w.label("pass"), w.label("done")
        entered = w.block
        w.lines.append(f" br label %{head}")
        w.start(head)
        k, after = w.fresh(), w.fresh()
        names = [w.fresh() for _ in carries]
        place = len(w.lines)
        more = w.emit(f"icmp sle i64 {k}, {hi}")
        w.lines.append(f" br i1 {more}, label %{inner}, label %{done}")
        w.start(inner)
        given: dict[int, Value] = dict(zip(body.inputs[1:], names, strict=False))
        given[body.inputs[0]] = k
        inside = Values(w, own, self.status, lambda j: given[j] if j in given else before[j])
        nodes = [j for j, n in enumerate(own.reach(body.outputs)) if n and changing[j] and own.ops[j] is not INPUT]
        inside.expect(nodes)
        for j in nodes:
            inside.compute(j)
        new = [inside.scalar(o) for o in body.outputs]
        w.lines.append(f" {after} = add i64 {k}, 1")
        w.lines.append(f" br label %{head}")
        w.lines[place:place] = [
            f" {k} = phi i64 [{lo}, %{entered}], [{after}, %{w.block}]",
            *(
                f" {name} = phi {t} [{first}, %{entered}], [{n}, %{w.block}]"
                for name, t, first, n in zip(names, types, carries, new, strict=True)
            ),
        ]
        w.start(done)
        return names

    def _blocks(
        self,
        body: Body,
        gathered: Sequence[int],
        lo: str,
        hi: str,
        carries: Sequence[str],
        before: Values,
        changing: Sequence[bool],
    ) -> tuple[str, list[str]]:
        """The whole blocks of passes of sums, a vector at a time: (where the rest begins, the sums so far)."""
        w, own = self.writer, body.graph
        wide = w.widened(LANES)
        real = w.module.real
        t, index = wide.real, wide.spelled["i64"]
        head, inner, done = w.label("head"), w.label("block"), w.label("rest")
        given: dict[int, Value] = {}
        for j in _read_by(own, gathered, changing):
            v = before[j]
            given[j] = v if isinstance(v, Array) else broadcast(wide, v, own.types[j].dtype)
        entered = w.block
        last = w.emit(f"sub i64 {hi}, {LANES - 1}")
        w.lines.append(f" br label %{head}")
        w.start(head)
        k, after = w.fresh(), w.fresh()
        totals = [w.fresh() for _ in carries]
        place = len(w.lines)
        more = w.emit(f"icmp sle i64 {k}, {last}")
        w.lines.append(f" br i1 {more}, label %{inner}, label %{done}")
        w.start(inner)
        wide.block = inner
        steps = ", ".join(f"i64 {n}" for n in range(LANES))
        given[body.inputs[0]] = wide.emit(f"add {index} {broadcast(wide, k, 'int64')}, <{steps}>")
        inside = Values(wide, own, self.status, lambda j: given[j])
        inside.lane0 = lambda j: self._unit_step(body, j, k, before, changing)
        nodes = [j for j, n in enumerate(own.reach(gathered)) if n and changing[j] and own.ops[j] is not INPUT]
        inside.expect(nodes)
        for j in nodes:
            inside.compute(j)
        new = []
        for out, total, term in zip(body.outputs, totals, gathered, strict=True):
            sign = "fadd" if own.ops[out].name == "add" else "fsub"
            new.append(wide.emit(f"{sign} {t} {total}, {inside.scalar(term)}"))
        w.lines.append(f" {after} = add i64 {k}, {LANES}")
        w.lines.append(f" br label %{head}")
        w.lines[place:place] = [
            f" {k} = phi i64 [{lo}, %{entered}], [{after}, %{inner}]",
            *(
                f" {total} = phi {t} [zeroinitializer, %{entered}], [{n}, %{inner}]"
                for total, n in zip(totals, new, strict=True)
            ),
        ]
        w.start(done)
        name = f"@llvm.vector.reduce.fadd.v{LANES}{'f64' if real == 'double' else 'f32'}"
        w.module.declarations.add(f"declare {real} {name}({real}, {t})")
        sums = [
            w.emit(f"call reassoc {real} {name}({real} {c}, {t} {total})")
            for c, total in zip(carries, totals, strict=True)
        ]
        return k, sums

    def _unit_step(self, body: Body, j: int, k: str, before: Values, changing: Sequence[bool]) -> str | None:
        """The place `j` in a block's first pass, where the block's passes are neighbours (as in x[k + 1])."""
        own = body.graph
        if j == body.inputs[0]:
            return k
        name, args = own.ops[j].name, own.args[j]
        if name not in ("add", "subtract") or own.types[j].dtype != "int64":
            return None
        index = body.inputs[0]
        if args[0] == index and not changing[args[1]]:
            other = args[1]
        elif name == "add" and args[1] == index and not changing[args[0]]:
            other = args[0]
        else:
            return None
        return self.writer.emit(f"{'add' if name == 'add' else 'sub'} i64 {k}, {before.scalar(other)}")


def broadcast(w: Writer, x: str, dtype: str) -> str:
    """A scalar in every lane of `w`'s vectors."""
    element = w.element(dtype)
    if not x.startswith("%"):
        return f"splat ({element} {x})"
    t = w.spelled[element]
    one = w.emit(f"insertelement {t} poison, {element} {x}, i32 0")
    return w.emit(f"shufflevector {t} {one}, {t} poison, <{w.width} x i32> zeroinitializer")


def _changing(body: Body) -> list[bool]:
    """Per node of a loop's body, whether it depends on the pass."""
    own = body.graph
    first = set(body.inputs[: 1 + body.carries])
    out: list[bool] = []
    for i, args in enumerate(own.args):
        out.append(i in first or any(out[a] for a in args))
    return out


def _read_by(own: Graph, gathered: Sequence[int], changing: Sequence[bool]) -> list[int]:
    """What the changing nodes of sums' terms read that does not change (constants aside)."""
    found = {term for term in gathered if not changing[term] and own.ops[term] is not CONST}
    for i, needed in enumerate(own.reach(gathered)):
        if needed and changing[i]:
            found |= {a for a in own.args[i] if not changing[a] and own.ops[a] is not CONST}
    return sorted(found)


def _widens(body: Body, term: int, changing: Sequence[bool]) -> bool:
    """Whether the passes of a sum can share a vector: no loop inside, floats summed."""
    own = body.graph
    if own.types[term].dtype not in ("float64", "float32"):
        return False
    live = own.reach([term])
    return not any(n and changing[i] and own.ops[i] in (FOLD, STACK) for i, n in enumerate(live))


__all__ = ["Array", "Value", "Values", "broadcast"]


def refuse_arrays(graph: Graph, roots: Sequence[int]) -> None:
    """UnsupportedError for array operations: this back end has arrays as inputs and as results only."""
    for i, needed in enumerate(graph.reach(roots)):
        op, type = graph.ops[i], graph.types[i]
        if needed and type.shape and op is not INPUT and op is not STACK:
            raise UnsupportedError(f"the native back end has no arrays yet: {op.name} of shape {type.shape}")
