"""LaTeX: a formula as a textbook prints it, large ones as named sub-expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from symgrad.dialects.latex import CONSTANTS, FORMS, FUNCTIONS, GREEK, INFIX
from symgrad.graph import INPUT, Graph
from symgrad.graph.tree import Csr, Tree
from symgrad.ops.control import accumulates, parts
from symgrad.show import matrix_latex
from symgrad.show.expanded import multiplied_out
from symgrad.show.formula import ATOM, POWER, PRODUCT, SIGN, Factor, Place, Text, Walk, inline, loop_index, write
from symgrad.show.loops_latex import flow
from symgrad.show.natural import OPPOSITE, meaning, rewritten
from symgrad.show.places_latex import subscripted, triangular
from symgrad.show.python import nested
from symgrad.show.tensor_latex import Writer

HALF = Fraction(1, 2)
CENTRE = r"\frac{1}{2}"
NAN = r"\text{nan}"
POWERED = ("sin", "cos", "tan", "log", "sinh", "cosh", "tanh")
"""Functions whose powers are written sin^2(x)."""


BARE = ("where", "mask", "maximum", "minimum", *OPPOSITE)
"""Operations on arrays among whose arguments a number stands for an array of it."""
PLACED = ("take", "scatter_add")
"""Operations at the places that are their second argument: an index, in which a matrix can't be read."""


def symbol(name: str) -> str:
    """A name in LaTeX: `beta1` is \\beta_{1}, `x_max` is x_{max}, `q1(t)` is q_{1}(t), its derivative dotted."""
    derivative = re.fullmatch(r"Derivative\((.+), (\w+|\(\w+, \d+\))\)", name)
    if derivative is not None:
        return _derivative(*derivative.groups())
    match = re.fullmatch(r"([A-Za-z]+?)_?(\d*|(?<=_)\w+)(\(.*\))?", name)
    if match is None:
        return r"\mathrm{" + name.replace("_", r"\_") + "}"
    stem, index, rest = match.groups()
    if stem in GREEK:
        stem = "\\" + stem
    elif len(stem) > 1:
        stem = rf"\mathrm{{{stem}}}"
    index = (index or "").replace("_", r"\_")
    if len(index) > 1 and not index.isdigit():
        index = rf"\mathrm{{{index}}}"
    return stem + (f"_{{{index}}}" if index else "") + (rf"\left({rest[1:-1]}\right)" if rest else "")


def _derivative(function: str, by: str) -> str:
    """The derivative of an unknown function: by time dots, else d/dx."""
    variable, _, order = by.strip("()").partition(", ")
    n = int(order or 1)
    if variable == "t" and n <= 3:
        name, _, argument = symbol(function).partition(r"\left(")
        stem, _, index = name.partition("_")
        dots = "\\" + "d" * n + f"ot{{{stem}}}" if n > 1 else rf"\dot{{{stem}}}"
        return dots + (f"_{index}" if index else "") + (rf"\left({argument}" if argument else "")
    power = f"^{{{n}}}" if n > 1 else ""
    return rf"\frac{{d{power}}}{{d {variable}{power}}} {symbol(function)}"


class Latex:
    """The language of LaTeX formulas; `taken` are the names in use, which no function may have."""

    roots = True
    reader = True
    flat: frozenset[str] = frozenset(("maximum", "minimum", "logical_and", "logical_or", "hypot"))

    def __init__(self, taken: Sequence[str] = ()) -> None:
        self.taken = taken
        self.used = set(taken)
        self.index = ""
        """Of the loop whose body is being written: named parts have it."""
        self.norms: dict[str, str] = {}
        self.constants: dict[Any, str] = {}
        """Names of constant arrays that are too large to be written."""

    def parentheses(self, text: str) -> str:
        return rf"\left({text}\right)"

    def variable(self, name: str) -> Text:
        text = symbol(name)
        return Text(f"{text[:-1]}, {self.index}}}" if self.index and text.endswith("}") else text, ATOM)

    def constant(self, value: Any) -> Text:
        if isinstance(value, str):
            return Text(CONSTANTS[value], ATOM)
        if isinstance(value, bool):
            return Text(rf"\text{{{str(value).lower()}}}", ATOM)
        sign = "-" if value < 0 else ""
        size = abs(value)
        if isinstance(value, Fraction):
            text = rf"{sign}\frac{{{size.numerator}}}{{{size.denominator}}}"
        elif isinstance(value, float) and not value.is_integer() and (4 * value).is_integer() and size < 100:
            return self.constant(Fraction(value))  # 0.5 is a half
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

    def array(self, walk: Walk, i: int) -> Text | None:
        g, texts = walk.graph, walk.texts
        if g.ops[i].kind == "flow":
            return flow(self, walk, i)
        if g.ops[i].name in BARE and g.types[i].shape:
            if g.ops[i].name == "mask" and (kept := triangular(g, i, texts)) is not None:
                return kept
            args = [_bare(walk, a) for a in g.args[i]]
            if g.ops[i].name not in ("where", "mask"):
                return self.operation(g, i, args, walk.place)
            zero = self.constant(0)
            return self.cases([(args[1], args[0])], args[2] if len(args) > 2 else zero, walk.place)

        def written(graph: Graph, root: int, given: dict[int, Text]) -> Text:
            (text,) = inline(graph, [root], self, given)
            return text

        return Writer(walk.graph, walk.texts, walk.names, walk.place, self.constant, written, self.norms).array(i)

    def operation(self, graph: Graph, i: int, args: Sequence[Text], place: Place) -> Text:
        op = graph.ops[i]
        name = op.name
        attrs = dict(zip(op.attrs, graph.attrs[i], strict=True))
        if name == "literal":
            return self._literal(attrs["data"])
        if name in PLACED and (places := _constant(graph, graph.args[i][1])) is not None and places.value.ndim > 1:
            args = [args[0], self._named(places)]
        array = matrix_latex.array(graph, i, args, place)
        if array is not None:
            return array
        if name in INFIX:
            sign, strength, left, right = INFIX[name]
            first, *others = args
            return Text(f" {sign} ".join([place(first, left), *(place(a, right) for a in others)]), strength)
        if name == "heaviside" and args[1].text == CENTRE:
            return Text(rf"\theta\left({args[0].text}\right)", ATOM)
        if name in FORMS:
            form, strength = FORMS[name]
            return Text(form.format(*(a.text for a in args), **attrs), strength)
        if name == "power":
            return Text(f"{place(args[0], ATOM)}^{{{args[1].text}}}", POWER)
        if name == "negative":
            return Text(f"-{place(args[0], PRODUCT)}", SIGN)
        if name == "integer_power":
            return Text(f"{place(args[0], ATOM)}^{{{attrs['n']}}}", POWER)
        if name == "fold":
            return self._fold(graph, i, args, place)
        if name == "cast":
            relation = graph.types[graph.args[i][0]].dtype == "bool" and attrs["dtype"] != "bool"
            return Text(rf"\left[{args[0].text}\right]", ATOM) if relation else args[0]
        if name == "gather":
            return Text(subscripted(args[0], ", ".join(a.text for a in args[1:]), place), ATOM)
        if name == "stack":
            return Text(matrix([a.text for a in args], attrs["shape"]), ATOM)
        if name == "element":
            return Text(subscripted(args[0], ", ".join(map(str, attrs["index"])), place), ATOM)
        if name == "implicit":  # by its solver, of what the equation depends on
            name, args, attrs = attrs["name"], args[1:], {}
        head = FUNCTIONS.get(name)
        if head is None or head.lstrip("\\") in self.taken:
            head = r"\operatorname{" + name.replace("_", r"\_") + "}"
        inside = ", ".join([a.text for a in args] + [str(v) for v in attrs.values()])
        return Text(rf"{head}\left({inside}\right)", ATOM)

    def _literal(self, data: Any) -> Text:
        known = matrix_latex.literal(data.value, lambda v: self.constant(v).text)
        return self._named(data) if known is None else known

    def _named(self, data: Any) -> Text:
        """The name of a constant array."""
        if data not in self.constants:
            held = {symbol(n) for n in self.taken} | set(self.constants.values())
            free = ["C", *(f"C_{{{k}}}" for k in range(1, len(held) + 1))]
            self.constants[data] = next(n for n in free if n not in held)
        return Text(self.constants[data], ATOM)

    def product(self, number: int | Fraction, above: list[Factor], below: list[Factor], place: Place) -> Text:
        """One fraction; a lone factor needs no parentheses above or below the line."""
        top = [str(n)] if (n := number.numerator) != 1 else []
        bottom = [str(d)] if (d := number.denominator) != 1 else []
        over = len(bottom) + len(below) > 0
        lone = over and len(top) + len(above) == 1
        top += [self._power(f, lone, place) for f in above]
        bottom += [self._power(f, len(bottom) + len(below) == 1, place) for f in below]
        if over:
            return Text(rf"\frac{{{_juxtaposed(top) or '1'}}}{{{_juxtaposed(bottom)}}}", PRODUCT)
        if len(top) == 1 and above:
            (factor,) = above
            return factor.base if factor.exponent == 1 else Text(top[0], ATOM if factor.op in POWERED else POWER)
        return Text(_juxtaposed(top) or "1", PRODUCT if top[1:] else ATOM)

    def _power(self, factor: Factor, lone: bool, place: Place) -> str:
        base, op, n = factor
        if n == 1:
            return base.text if lone else place(base, PRODUCT)
        if base.text in self.norms and isinstance(n, Fraction):
            norm = self.norms[base.text]
            return norm if n == HALF else f"{norm}^{{{2 * n}}}"
        if n == HALF:
            return rf"\sqrt{{{base.text}}}"
        shown = str(n)
        head = FUNCTIONS.get(op)
        if op in POWERED and head and base.text.startswith(head):
            return rf"{head}^{{{shown}}}" + base.text[len(head) :]
        return f"{place(base, ATOM)}^{{{shown}}}"

    def cases(self, rows: list[tuple[Text, Text]], otherwise: Text | None, place: Place) -> Text | None:
        lines = [rf"{value.text} & \text{{if }} {condition.text}" for value, condition in rows]
        if otherwise is not None and otherwise.text != NAN:
            lines.append(rf"{otherwise.text} & \text{{otherwise}}")
        return Text(r"\begin{cases}" + r" \\ ".join(lines) + r"\end{cases}", ATOM)

    def _fold(self, graph: Graph, i: int, args: Sequence[Text], place: Place) -> Text:
        body, take, firsts, _ = parts(graph, i)
        m = len(firsts)
        index = loop_index(args)
        given = dict(zip(body.inputs, [Text(index, ATOM), *args[2:]], strict=True))
        gathered = accumulates(body, take)
        bounds = rf"_{{{index}={args[0].text}}}^{{{args[1].text}}}"
        if gathered is not None and graph.value(firsts[0]) == (0 if gathered[0] == "add" else 1):
            sign = r"\sum" if gathered[0] == "add" else r"\prod"
            (term,) = inline(body.graph, [gathered[1]], self, given)
            return Text(f"{sign}{bounds} {place(term, PRODUCT)}", PRODUCT - 1)
        for k in range(m):
            given[body.inputs[1 + k]] = Text(f"c_{{{k}}}", ATOM)
        new = ", ".join(t.text for t in inline(body.graph, body.outputs, self, given))
        start = ", ".join(a.text for a in args[2 : 2 + m])
        return Text(
            rf"\left[\left(c_{{0..{m - 1}}}\right) \leftarrow \left({new}\right)\right]{bounds}"
            rf"\left({start}\right)_{{{take}}}",
            ATOM,
        )


def _bare(walk: Walk, a: int) -> Text:
    """A number that is the same everywhere as that number."""
    g = walk.graph
    spread = g.ops[a].name == "broadcast" and a not in walk.names and not g.types[g.args[a][0]].shape
    return walk.texts[g.args[a][0] if spread else a]


def _constant(graph: Graph, i: int) -> Any:
    return graph.attrs[i][0] if graph.ops[i].name == "literal" else None


def _juxtaposed(factors: Sequence[str]) -> str:
    """Factors side by side, with a dot where digits would run together."""
    text = ""
    for f in factors:
        gap = r" \cdot " if text[-1:].isdigit() and f[:1].isdigit() else " "
        text = text + gap + f if text else f
    return text


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
    graph, outputs = multiplied_out(*rewritten(graph, outputs, meaning, read=True))
    taken = [graph.attrs[i][0] for i, op in enumerate(graph.ops) if op is INPUT]
    language = Latex(taken)
    written = write(graph, outputs, language)

    def result(t: Tree) -> str:
        if isinstance(t, int):
            return written.outputs[t]
        if isinstance(t, Csr):
            if graph.ops[outputs[t.position]].name != "stack":
                return _of_values(t, written.outputs[t.position])
            return _sparse(t, written.entries[t.position])
        return r"\left( " + r", \ ".join(result(part) for part in t) + r"\right)"

    if not written.parts and not language.constants:
        return result(tree)
    lines = [f"{name} &\\in {_space(data.value)}" for data, name in language.constants.items()]
    lines += [f"{symbol(n)} &= {text}" if n else text for n, text in written.parts] + [f"& {result(tree)}"]
    return r"\begin{aligned}" + r" \\ ".join(lines) + r"\end{aligned}"


def _space(array: Any) -> str:
    """Where a constant array is from."""
    numbers = {"f": r"\mathbb{R}", "i": r"\mathbb{Z}", "b": r"\{0, 1\}"}[array.dtype.kind]
    sizes = r" \times ".join(map(str, array.shape))
    return f"{numbers}^{{{sizes}}}"


def _of_values(csr: Csr, values: str) -> str:
    """A sparse matrix whose values are one array: what stands on a diagonal, else values at places, row by row."""
    rows, columns = csr.shape
    if rows == columns == len(csr.indices) and list(csr.indices) == list(range(rows)) == list(csr.indptr[:-1]):
        return rf"\operatorname{{diag}}\left({values}\right)"
    return rf"\operatorname{{sparse}}_{{{rows} \times {columns}}}\left({values}\right)"


def _sparse(csr: Csr, values: Sequence[str]) -> str:
    """A small sparse matrix with its zeros, a large one as its column of values."""
    rows, columns = csr.shape
    if rows * columns > 400:
        return matrix(values, (len(values),))
    grid = [["0"] * columns for _ in range(rows)]
    for r in range(rows):
        for k in range(csr.indptr[r], csr.indptr[r + 1]):
            grid[r][csr.indices[k]] = values[k]
    return matrix([t for row in grid for t in row], (rows, columns))
