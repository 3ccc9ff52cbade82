"""The statements of a C function: one line per value that is used again, loops for folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from symgrad.dialects.c import CALLS, INFIX, PRELUDE
from symgrad.errors import UnsupportedError
from symgrad.graph import NAMED, REGISTER, Graph, Op
from symgrad.ops.control import parts

STACK, FOLD, INPUT = REGISTER["stack"], REGISTER["fold"], REGISTER["input"]
SIGNED, ATOM = 25, 40
LONGEST = 100  # characters of an expression that is not given a name
_OWN = frozenset({"stack", "element", "gather", "fold", "cast", "negative", "where", "mask"})
KINDS = {"bool": "int", "int64": "long long"}

Text = tuple[str, int]
"""C text and how strongly it binds."""


def has(op: Op) -> bool:
    """Whether this back end has `op` itself."""
    return op.name in INFIX or op.name in CALLS or op.name in _OWN


class Array:
    """An array input: the text of its first element's address and its lengths (texts)."""

    def __init__(self, pointer: str, lengths: Sequence[str]) -> None:
        self.pointer, self.lengths = pointer, tuple(lengths)


class Body:
    """Collects the statements of one function.

    `inputs`: what each input is, by name: an `Array` or a text. `suffix`: of the dtype's functions.
    """

    def __init__(self, inputs: dict[str, Array | Text], suffix: str) -> None:
        self.inputs, self.suffix = inputs, suffix
        self.lines: list[str] = []
        self.needed: set[str] = set()
        self.indent = ""
        self._count = 0

    @property
    def prelude(self) -> list[str]:
        """The functions that the statements call and C lacks."""
        return [PRELUDE[f].replace("@", self.suffix) for f in PRELUDE if f in self.needed]

    def line(self, text: str) -> None:
        self.lines.append(self.indent + text)

    def name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"

    def outputs(self, graph: Graph, roots: Sequence[int]) -> int:
        """All statements, the results last; the number of results."""
        texts = self.texts(graph, roots, lambda i: self.inputs[graph.attrs[i][0]])
        at = 0
        for r in roots:
            for p in graph.args[r] if graph.ops[r] is STACK else (r,):
                self.line(f"out[{at}] = {_scalar(texts[p])[0]};")
                at += 1
        return at

    def texts(
        self, graph: Graph, roots: Sequence[int], given: Callable[[int], Array | Text]
    ) -> dict[int, Array | Text]:
        """The text of every node that `roots` need."""
        live = graph.reach(roots)
        uses = [0] * len(graph)
        for i, needed in enumerate(live):
            if needed:
                for a in graph.args[i]:
                    uses[a] += 1
        texts: dict[int, Array | Text] = {}
        loops: dict[Any, list[str]] = {}
        for i, needed in enumerate(live):
            op, type = graph.ops[i], graph.types[i]
            if not needed or op is STACK:
                continue
            if op is INPUT:
                texts[i] = given(i)
                continue
            if type.shape:
                raise UnsupportedError(f"the C back end has no arrays yet: {op.name} of shape {type.shape}")
            if op is FOLD:
                body, take = graph.attrs[i]
                key = graph.args[i], body
                if key not in loops:
                    loops[key] = self._fold(graph, i, texts)
                texts[i] = loops[key][take], ATOM
                continue
            text, strength = self._text(graph, i, texts)
            self.needed |= {f for f in PRELUDE if f in text}
            if (uses[i] > 1 and strength < ATOM) or len(text) > LONGEST:
                v = self.name("v")
                self.line(f"const {KINDS.get(type.dtype, 'REAL')} {v} = {text};")
                text, strength = v, ATOM
            texts[i] = text, strength
        return texts

    def _text(self, graph: Graph, i: int, texts: dict[int, Array | Text]) -> Text:
        name, args, attrs = graph.ops[i].name, graph.args[i], graph.attrs[i]

        def place(k: int, strength: int) -> str:
            text, own = _scalar(texts[args[k]])
            return text if own >= strength else f"({text})"

        if name == "const":
            return constant(attrs[0], attrs[1], self.suffix)
        if name in ("element", "gather"):
            array = texts.get(args[0])
            if not isinstance(array, Array):
                raise UnsupportedError(
                    f"the C back end reads elements of inputs only, not of {graph.ops[args[0]].name}"
                )
            if name == "element" and all(n.isdigit() for n in array.lengths):
                return _item(array, [str(k) for k in attrs[0]]), ATOM
            if name == "element":
                return self._gather(array, [str(k) for k in attrs[0]])
            return self._gather(array, [place(k, ATOM) for k in range(1, len(args))])
        if name in INFIX:
            sign, strength, left, right = INFIX[name]
            return f"{place(0, left)} {sign} {place(1, right)}", strength
        if name == "negative":
            return f"-{place(0, SIGNED + 1)}", SIGNED
        if name == "where":
            return f"{place(0, 2)} ? {place(1, 2)} : {place(2, 2)}", 1
        if name == "mask":
            return f"{place(0, 2)} ? {place(1, 2)} : 0", 1
        if name == "cast":
            kind = KINDS.get(attrs[0], "REAL")
            return (f"{place(0, 5)} != 0", 4) if kind == "int" else (f"({kind}){place(0, SIGNED + 1)}", SIGNED)
        if name in ("minimum", "maximum") and graph.types[i].dtype == "int64":
            return f"{place(0, 6)} {'<' if name == 'minimum' else '>'} {place(1, 6)} ? {place(0, 2)} : {place(1, 2)}", 1
        return CALLS[name].replace("@", self.suffix).format(*(place(k, 0) for k in range(len(args)))), ATOM - 1

    def _gather(self, array: Array, places: list[str]) -> Text:
        """An element at a computed place; outside the array nothing is read and the function says so."""
        named = []
        for p in places:
            k = self.name("k")
            self.line(f"const long long {k} = {p};")
            named.append(k)
        inside = " && ".join(f"{k} >= 0 && {k} < {n}" for k, n in zip(named, array.lengths, strict=True))
        v = self.name("a")
        self.line(f"REAL {v} = 0;")
        self.line(f"if ({inside}) {v} = {_item(array, named)}; else outside = 1;")
        return v, ATOM

    def _fold(self, graph: Graph, i: int, texts: dict[int, Array | Text]) -> list[str]:
        """The loop; its carries' names."""
        body, _, firsts, captured = parts(graph, i)
        own, m = body.graph, body.carries
        lo, hi = (_scalar(texts[a])[0] for a in graph.args[i][:2])
        index, last = self.name("i"), self.name("last")
        kinds = [KINDS.get(own.types[o].dtype, "REAL") for o in body.outputs]
        carries = []
        for kind, first in zip(kinds, firsts, strict=True):
            c = self.name("c")
            self.line(f"{kind} {c} = {_scalar(texts[first])[0]};")
            carries.append(c)
        self.line(f"const long long {last} = {hi};")
        self.line(f"for (long long {index} = {lo}; {index} <= {last}; ++{index}) {{")
        outer, self.indent = self.indent, self.indent + "    "
        inside: dict[int, Array | Text] = {body.inputs[0]: (index, ATOM)}
        inside |= {b: (c, ATOM) for b, c in zip(body.inputs[1 : 1 + m], carries, strict=True)}
        inside |= {b: texts[c] for b, c in zip(body.inputs[1 + m :], captured, strict=True)}
        new = self.texts(own, body.outputs, inside.__getitem__)
        following = [_scalar(new[o])[0] for o in body.outputs]
        if m > 1:  # all at once: a carry may read another's old value
            for k, (kind, text) in enumerate(zip(kinds, following, strict=True)):
                following[k] = self.name("n")
                self.line(f"const {kind} {following[k]} = {text};")
        for c, text in zip(carries, following, strict=True):
            self.line(f"{c} = {text};")
        self.indent = outer
        self.line("}")
        return carries


def _scalar(text: Array | Text) -> Text:
    if isinstance(text, Array):
        raise UnsupportedError("the C back end has arrays only as inputs that single elements are read of")
    return text


def _item(array: Array, places: Sequence[str]) -> str:
    at = places[0]
    for n, k in zip(array.lengths[1:], places[1:], strict=True):
        at = str(int(at) * int(n) + int(k)) if (at + n + k).isdigit() else f"({at}) * {n} + {k}"
    return f"{array.pointer}[{at}]"


def constant(value: Any, dtype: str, suffix: str) -> Text:
    if dtype in KINDS:
        return (str(int(value)), ATOM) if value >= 0 else (str(int(value)), SIGNED)
    number = NAMED[value] if isinstance(value, str) else float(value) if isinstance(value, Fraction) else value
    number = float(number)
    if number != number:
        return "NAN", ATOM
    if abs(number) > (3.4028235677973366e38 if suffix else 1.7976931348623157e308):  # rounds to infinity
        return ("INFINITY", ATOM) if number > 0 else ("-INFINITY", SIGNED)
    return f"{number!r}{suffix}", ATOM if number >= 0 and not repr(number).startswith("-") else SIGNED
