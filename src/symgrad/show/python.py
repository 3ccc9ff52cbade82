"""Python source over NumPy: a function a person would have written, with named sub-expressions."""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from symgrad.dialects.python import CALLS, CONSTANTS, HELPERS, INFIX
from symgrad.errors import UnsupportedError
from symgrad.graph import Graph, Op
from symgrad.graph.tree import Csr, Tree
from symgrad.ops.control import accumulates, parts
from symgrad.show import matrix_python
from symgrad.show.constants import WRITTEN, as_source
from symgrad.show.decompositions_python import decomposition
from symgrad.show.formula import ATOM, POWER, PRODUCT, SIGN, Factor, Place, Text, Walk, inline, loop_index, write
from symgrad.show.loops_python import flow
from symgrad.show.matrix_python import strength
from symgrad.show.natural import rewritten
from symgrad.show.places_python import helpers, literal, places
from symgrad.show.wrap import wrapped

FEW = 8
"""A constant array of at most so many elements is written where it stands."""
_SCIPY = ("linalg", "sparse", "special")
_USED = frozenset(["np", "special", "sparse", "linalg", "math", "reduce", "sum", "range", "int", *HELPERS])
"""What the source itself may mean by a name."""


def _harmless(text: str) -> str:
    """Text for a docstring that can't end it: a function may be called anything."""
    return text.encode("unicode_escape").decode().replace('"', '\\"') if re.search(r'["\\\0]', text) else text


def identifier(name: str) -> str:
    """A valid Python name for an input: `q1(t)` becomes `q1`, its derivative `dq1_dt`, `lambda` `lambda_`."""
    derivative = re.fullmatch(r"Derivative\((\w+)\(.*\), (?:(\w+)|\((\w+), (\d+)\))\)", name)
    if derivative is not None:
        function, by, again, order = derivative.groups()
        return f"d{order or ''}{function}_d{by or again}{order or ''}"
    name = re.sub(r"\(.*\)$", "", name)
    plain = re.sub(r"\W+", "_", name).strip("_") or "x"
    if plain[0].isdigit():
        plain = "_" + plain
    return plain + "_" if keyword.iskeyword(plain) or plain in _USED else plain


class Python:
    """The language of NumPy source. Scalars are Python numbers, so batches broadcast."""

    roots = False
    reader = False
    flat: frozenset[str] = frozenset()

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        self.used = {*names.values(), *_USED}
        self.constants: dict[Any, str] = {}
        """Names of constant arrays of more than a few elements."""
        self.modules = dict.fromkeys(("np", *_SCIPY, "math", "reduce"), False)

    def parentheses(self, text: str) -> str:
        return f"({text})"

    def variable(self, name: str) -> Text:
        return Text(self.names.get(name, name), ATOM)

    def constant(self, value: Any) -> Text:
        if isinstance(value, str):
            return self._uses(CONSTANTS[value], ATOM)
        if isinstance(value, Fraction):
            return Text(f"{value.numerator}/{value.denominator}", PRODUCT if value > 0 else SIGN)
        if isinstance(value, float) and not math.isfinite(value):
            text = "np.nan" if value != value else "np.inf" if value > 0 else "-np.inf"
            return self._uses(text, SIGN if text[0] == "-" else ATOM)
        text = repr(value)
        return Text(text, SIGN if text.startswith("-") else ATOM)

    def array(self, walk: Walk, i: int) -> Text | None:
        """An operation on elements of which some only repeat others: NumPy does that by itself."""
        g = walk.graph
        if g.ops[i].kind == "flow":
            return flow(self, walk, i, _expanded)
        if g.ops[i].name in ("where", "mask") and g.types[i].shape:
            return self._cases(walk, i)
        args = matrix_python.unrepeated(g, i, walk.texts, walk.names, walk.place)
        return None if args is None else self.operation(g, i, args, walk.place)

    def _literal(self, data: Any) -> Text:
        """A constant array where it stands, if it is small or a call makes it; else by a name."""
        text = literal(data.value) if data.value.size <= WRITTEN else as_source(data.value)
        if text is not None and (data.value.size <= FEW or not text.startswith("np.array(")):
            return self._uses(text, strength(text))
        if data not in self.constants:
            taken = {*self.names.values(), *self.constants.values()}
            self.constants[data] = next(
                n for n in ("C", *(f"C{k}" for k in range(1, len(taken) + 2))) if n not in taken
            )
            self.used.add(self.constants[data])
        return Text(self.constants[data], ATOM)

    def _cases(self, walk: Walk, i: int) -> Text:
        """Elements by a condition: a triangle of a matrix, else numpy.where; what is repeated, NumPy repeats."""
        g = walk.graph
        kept = matrix_python.array(g, i, [walk.texts[a] for a in g.args[i]], walk.place)
        if kept is not None:
            return self._uses(kept.text, kept.strength)
        args = matrix_python.unrepeated(g, i, walk.texts, walk.names, walk.place)
        args = matrix_python.bare(g, i, args or [walk.texts[a] for a in g.args[i]])
        other = args[2].text if len(args) > 2 else "0.0"
        return self._uses(f"np.where({args[0].text}, {args[1].text}, {other})", ATOM)

    def operation(self, graph: Graph, i: int, args: Sequence[Text], place: Place) -> Text:
        op = graph.ops[i]
        name = op.name
        attrs = dict(zip(op.attrs, graph.attrs[i], strict=True))
        if name == "literal":
            return self._literal(attrs["data"])
        array = matrix_python.array(graph, i, args, place) or places(graph, i, args, place)
        array = array or decomposition(graph, i, args, place)
        if array is not None:
            return self._uses(array.text, array.strength)
        args = matrix_python.bare(graph, i, args)
        if name in INFIX:
            sign, strength, left, right = INFIX[name]
            gap = " " if strength < PRODUCT else ""
            return Text(f"{place(args[0], left)}{gap}{sign}{gap}{place(args[1], right)}", strength)
        if name == "negative":
            return Text(f"-{place(args[0], PRODUCT)}", SIGN)
        if name == "integer_power":
            return Text(f"{place(args[0], ATOM)}**{attrs['n']}", POWER)
        if name == "fold":
            return self._fold(graph, i, args, place)
        if name == "cast":
            if attrs["dtype"] != "int64":
                return args[0]
            whole = f"{place(args[0], ATOM)}.astype(int)" if graph.types[i].shape else f"int({args[0].text})"
            return Text(whole, ATOM)
        if name == "gather":
            return Text(f"{place(args[0], ATOM)}[{', '.join(a.text for a in args[1:])}]", ATOM)
        if name == "stack":
            items = [f"{a.text}.0" if a.text.lstrip("-").isdigit() else a.text for a in args]
            return self._uses(f"np.array({nested(items, attrs['shape'])})", ATOM)
        if name == "element":
            return Text(f"{place(args[0], ATOM)}[{', '.join(map(str, attrs['index']))}]", ATOM)
        if name in CALLS:
            return self._uses(CALLS[name].format(*(a.text for a in args), **attrs), ATOM)
        import numpy as np

        inside = ", ".join([a.text for a in args] + [f"{k}={v!r}" for k, v in attrs.items()])
        if hasattr(np, name):
            return self._uses(f"np.{name}({inside})", ATOM)
        import scipy.special

        if hasattr(scipy.special, name):
            return self._uses(f"special.{name}({inside})", ATOM)
        raise UnsupportedError(f"{name} has no form in Python source; add it to dialects/python.py")

    def _fold(self, graph: Graph, i: int, args: Sequence[Text], place: Place) -> Text:
        body, take, firsts, _ = parts(graph, i)
        m = len(firsts)
        index = loop_index(args)
        given = dict(zip(body.inputs, [Text(index, ATOM), *args[2:]], strict=True))
        high = f"{args[1].text} + 1"
        last = graph.args[i][1]
        stop = graph.value(last)
        if isinstance(stop, int):
            high = str(stop + 1)
        elif graph.ops[last].name == "subtract" and graph.value(graph.args[last][1]) == 1:
            high = args[1].text.removesuffix(" - 1")
        passes = f"range({args[0].text}, {high})" if args[0].text != "0" else f"range({high})"
        gathered = accumulates(body, take)
        if gathered is not None and graph.value(firsts[0]) == (0 if gathered[0] == "add" else 1):
            (term,) = inline(body.graph, [gathered[1]], self, given)
            if gathered[0] == "add":
                return Text(f"sum({term.text} for {index} in {passes})", ATOM)
            self.modules["math"] = True
            return Text(f"math.prod({term.text} for {index} in {passes})", ATOM)
        carry = "c"
        while any(re.search(rf"\b{carry}\b", a.text) for a in args):
            carry += "_"
        for k in range(m):
            given[body.inputs[1 + k]] = Text(f"{carry}[{k}]", ATOM)
        new = ", ".join(t.text for t in inline(body.graph, body.outputs, self, given))
        start = ", ".join(a.text for a in args[2 : 2 + m])
        self.modules["reduce"] = True
        return Text(f"reduce(lambda {carry}, {index}: ({new},), {passes}, ({start},))[{take}]", ATOM)

    def product(self, number: int | Fraction, above: list[Factor], below: list[Factor], place: Place) -> Text:
        top = [self._power(f, place) for f in above]
        bottom = [self._power(f, place) for f in below]
        if number.numerator != 1 or not top:
            top.insert(0, Text(str(number.numerator), ATOM))
        if number.denominator != 1:
            bottom.insert(0, Text(str(number.denominator), ATOM))
        if not bottom and len(top) == 1:
            return top[0]
        text = "*".join(matrix_python.apart(t, place) for t in top)
        if bottom:
            under = "*".join(matrix_python.apart(t, place) for t in bottom)
            text += f"/({under})" if len(bottom) > 1 else f"/{place(bottom[0], PRODUCT + 1)}"
        return Text(text, PRODUCT)

    def _power(self, factor: Factor, place: Place) -> Text:
        base, _, n = factor
        if n == 1:
            return base
        return Text(f"{place(base, ATOM)}**{n if isinstance(n, int) else f'({n})'}", POWER)

    def cases(self, rows: list[tuple[Text, Text]], otherwise: Text | None, place: Place) -> Text | None:
        text = otherwise.text if otherwise is not None else "0"
        if text == "0":
            text = "0.0"
        for value, condition in reversed(rows):
            text = f"np.where({condition.text}, {value.text}, {text})"
        return self._uses(text, ATOM)

    def uses(self, text: str) -> None:
        """Note the modules that a text calls."""
        self._uses(text, ATOM)

    def _uses(self, text: str, strength: int) -> Text:
        for module in ("np", "special", "linalg"):
            if re.search(rf"(?<![.\w]){module}\.", text):
                self.modules[module] = True
        return Text(text, strength)


def _expanded(op: Op) -> Callable[..., Any] | None:
    """The stable expansion of an operation that neither NumPy nor SciPy has."""
    if op.fallback is None or op.kind not in ("elementwise", "constant") or op.name in (*INFIX, *CALLS):
        return None
    import numpy as np
    import scipy.special

    return None if hasattr(np, op.name) or hasattr(scipy.special, op.name) else op.fallback


def nested(items: Sequence[str], shape: tuple[int, ...]) -> str:
    """The items as nested lists of this shape."""
    if not shape:
        return items[0]
    step = len(items) // shape[0] if shape[0] else 0
    inner = (nested(items[k * step : (k + 1) * step], shape[1:]) for k in range(shape[0]))
    return "[" + ", ".join(inner) + "]"


def source(graph: Graph, inputs: Sequence[int], outputs: Sequence[int], tree: Tree, name: str, doc: str) -> str:
    """The source of one function, imports first."""
    given = [graph.attrs[i][0] for i in inputs]
    names: dict[str, str] = {}
    for n in given:
        plain = identifier(n)
        while plain in names.values():
            plain += "_"
        names[n] = plain
    language = Python(names)
    graph, outputs = rewritten(graph, outputs, _expanded)
    written = write(graph, outputs, language)
    listed = {d: n for d, n in language.constants.items() if d.value.size <= WRITTEN}
    outside = {d: n for d, n in language.constants.items() if d not in listed}
    language.modules["np"] |= bool(listed)
    body = [f"    {n} = {literal(d.value)}" for d, n in listed.items()]
    body += [f"    {n} = {text}" if n else f"    {text}" for n, text in written.parts]

    def result(t: Tree) -> str:
        if isinstance(t, int):
            return written.outputs[t]
        if isinstance(t, Csr):
            language.modules["sparse"] = True
            return (
                f"sparse.csr_array(({written.outputs[t.position]}, {list(t.indices)}, {list(t.indptr)}), "
                f"shape={t.shape})"
            )
        return "(" + ", ".join(result(part) for part in t) + ("," if len(t) == 1 else "") + ")"

    body.append(f"    return {result(tree)}")
    own = helpers("\n".join(body))
    for code in own:
        language._uses(code, ATOM)
    lines = []
    if language.modules["math"]:
        lines.append("import math")
    if language.modules["reduce"]:
        lines.append("from functools import reduce")
    scipy = [m for m in _SCIPY if language.modules[m]]
    if lines and (language.modules["np"] or scipy):
        lines.append("")
    if language.modules["np"]:
        lines.append("import numpy as np")
    if scipy:
        lines.append(f"from scipy import {', '.join(scipy)}")
    for helper in own:
        lines += ["", "", helper.strip()]
    if lines:
        lines += ["", ""]
    arguments = [names[n] for n in given] + (["*", *outside.values()] if outside else [])
    lines.append(f"def {identifier(name)}({', '.join(arguments)}):")
    if outside:
        told = [f"    {n}: the constant array of shape {d.value.shape} of the definition." for d, n in outside.items()]
        lines += [f'    """{_harmless(doc)}', "", *told, '    """']
    else:
        lines.append(f'    """{_harmless(doc)}"""')
    return "\n".join([*lines, *(part for line in body for part in wrapped(line))]) + "\n"
