"""LaTeX: a formula as a textbook prints it, large ones as named sub-expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from symgrad.dialects.latex import CONSTANTS, FORMS, FUNCTIONS, GREEK, INFIX
from symgrad.graph import CONST, Graph
from symgrad.graph.tree import Csr, Tree
from symgrad.ops.control import accumulates, parts
from symgrad.show.formula import ATOM, POWER, PRODUCT, SIGN, Place, Text, inline, loop_index, write
from symgrad.show.python import nested


def symbol(name: str) -> str:
    """A name in LaTeX: `beta1` is \\beta_{1}, `x_max` is x_{max}, `q1(t)` is q_{1}(t)."""
    match = re.fullmatch(r"([A-Za-z]+?)_?(\d*|(?<=_)\w+)(\(.*\))?", name)
    if match is None:
        return r"\mathrm{" + name.replace("_", r"\_") + "}"
    stem, index, rest = match.groups()
    if stem in GREEK:
        stem = "\\" + stem
    elif len(stem) > 1:
        stem = rf"\mathrm{{{stem}}}"
    index = (index or "").replace("_", r"\_")
    return stem + (f"_{{{index}}}" if index else "") + (rf"\left{rest[:-1]}\right)" if rest else "")


class Latex:
    """The language of LaTeX formulas."""

    def parentheses(self, text: str) -> str:
        return rf"\left({text}\right)"

    def variable(self, name: str) -> Text:
        return Text(symbol(name), ATOM)

    def constant(self, value: Any) -> Text:
        if isinstance(value, str):
            return Text(CONSTANTS[value], ATOM)
        if isinstance(value, bool):
            return Text(rf"\text{{{str(value).lower()}}}", ATOM)
        sign = "-" if value < 0 else ""
        size = abs(value)
        if isinstance(value, Fraction):
            text = rf"{sign}\frac{{{size.numerator}}}{{{size.denominator}}}"
        elif isinstance(value, float):
            digits, _, exponent = repr(size).partition("e")
            digits = digits.removesuffix(".0")
            digits = {"inf": r"\infty", "nan": r"\text{nan}"}.get(digits, digits)
            text = sign + digits + (rf" \cdot 10^{{{int(exponent)}}}" if exponent else "")
            if exponent:
                return Text(text, PRODUCT)
        else:
            text = f"{sign}{size}"
        return Text(text, SIGN if sign else ATOM)

    def operation(self, graph: Graph, i: int, args: Sequence[Text], place: Place) -> Text:
        op = graph.ops[i]
        name = op.name
        attrs = dict(zip(op.attrs, graph.attrs[i], strict=True))
        if name == "multiply":
            return self._product(graph, i, args, place)
        if name in INFIX:
            sign, strength, left, right = INFIX[name]
            return Text(f"{place(args[0], left)} {sign} {place(args[1], right)}", strength)
        if name in FORMS:
            form, strength = FORMS[name]
            return Text(form.format(*(a.text for a in args), **attrs), strength)
        if name == "negative":
            return Text(f"- {place(args[0], PRODUCT)}", SIGN)
        if name == "integer_power":
            function = FUNCTIONS.get(graph.ops[graph.args[i][0]].name)
            base = args[0].text
            if function and function in (r"\sin", r"\cos", r"\tan", r"\log") and base.startswith(function + r"\left"):
                return Text(rf"{function}^{{{attrs['n']}}}" + base[len(function) :], ATOM)
            return Text(f"{place(args[0], ATOM)}^{{{attrs['n']}}}", POWER)
        if name == "power":
            return Text(f"{place(args[0], ATOM)}^{{{args[1].text}}}", POWER)
        if name == "fold":
            return self._fold(graph, i, args, place)
        if name == "cast":
            return args[0]
        if name == "gather":
            return Text(f"{place(args[0], ATOM)}_{{{', '.join(a.text for a in args[1:])}}}", ATOM)
        if name == "stack":
            return Text(matrix([a.text for a in args], attrs["shape"]), ATOM)
        if name == "element":
            return Text(f"{place(args[0], ATOM)}_{{{', '.join(str(k) for k in attrs['index'])}}}", ATOM)
        head = FUNCTIONS.get(name) or r"\operatorname{" + name.replace("_", r"\_") + "}"
        inside = ", ".join([a.text for a in args] + [str(v) for v in attrs.values()])
        return Text(rf"{head}\left({inside}\right)", ATOM)

    def _fold(self, graph: Graph, i: int, args: Sequence[Text], place: Place) -> Text:
        body, take, firsts, _ = parts(graph, i)
        m = len(firsts)
        index = loop_index(args)
        given = dict(zip(body.inputs, [Text(index, ATOM), *args[2:]], strict=True))
        gathered = accumulates(body, take)
        bounds = rf"_{{{index}={args[0].text}}}^{{{args[1].text}}}"
        if gathered is not None and graph.value(firsts[0]) == (0 if gathered[0] == "add" else 1):
            sign = r"\sum" if gathered[0] == "add" else r"\prod"
            (term,) = inline(body.graph, [gathered[1]], self, given, place)
            return Text(f"{sign}{bounds} {place(term, PRODUCT)}", PRODUCT - 1)
        for k in range(m):
            given[body.inputs[1 + k]] = Text(f"c_{{{k}}}", ATOM)
        new = ", ".join(t.text for t in inline(body.graph, body.outputs, self, given, place))
        start = ", ".join(a.text for a in args[2 : 2 + m])
        return Text(
            rf"\left[\left(c_{{0..{m - 1}}}\right) \leftarrow \left({new}\right)\right]{bounds}"
            rf"\left({start}\right)_{{{take}}}",
            ATOM,
        )

    def _product(self, graph: Graph, i: int, args: Sequence[Text], place: Place) -> Text:
        (a, b), (x, y) = graph.args[i], args
        if graph.ops[b] is CONST and graph.ops[a] is not CONST:
            a, b, x, y = b, a, y, x
        value = graph.value(a)
        if isinstance(value, Fraction):
            top = y.text if value.numerator == 1 else f"{value.numerator} {place(y, PRODUCT)}"
            return Text(rf"\frac{{{top}}}{{{value.denominator}}}", PRODUCT)
        left, right = place(x, PRODUCT), place(y, PRODUCT)
        dot = r" \cdot " if right[:1].isdigit() else " "
        return Text(left + dot + right, PRODUCT)


def matrix(items: Sequence[str], shape: tuple[int, ...]) -> str:
    """A vector as a column, a matrix as rows; more axes as nested lists."""
    if len(shape) == 1:
        rows = [[t] for t in items]
    elif len(shape) == 2:
        rows = [list(items[r * shape[1] : (r + 1) * shape[1]]) for r in range(shape[0])]
    else:
        return nested(items, shape)
    return r"\begin{bmatrix}" + r" \\ ".join(" & ".join(row) for row in rows) + r"\end{bmatrix}"


def latex(graph: Graph, outputs: Sequence[int], tree: Tree) -> str:
    """The result as one LaTeX formula; with named sub-expressions, an `aligned` list that ends with it."""
    written = write(graph, outputs, Latex())

    def result(t: Tree) -> str:
        if isinstance(t, int):
            return written.outputs[t]
        if isinstance(t, Csr):
            return _sparse(graph, outputs[t.position], t, written.outputs[t.position])
        return r"\left( " + r", \ ".join(result(part) for part in t) + r"\right)"

    if not written.parts:
        return result(tree)
    lines = [f"{symbol(n)} &= {text}" for n, text in written.parts] + [f"& {result(tree)}"]
    return r"\begin{aligned}" + r" \\ ".join(lines) + r"\end{aligned}"


def _sparse(graph: Graph, output: int, csr: Csr, text: str) -> str:
    """A small sparse matrix with its zeros, a large one as its column of values."""
    rows, columns = csr.shape
    values = text.removeprefix(r"\begin{bmatrix}").removesuffix(r"\end{bmatrix}").split(r" \\ ")
    if rows * columns > 400 or len(values) != len(csr.indices):
        return text
    grid = [["0"] * columns for _ in range(rows)]
    for r in range(rows):
        for k in range(csr.indptr[r], csr.indptr[r + 1]):
            grid[r][csr.indices[k]] = values[k]
    return matrix([t for row in grid for t in row], (rows, columns))
