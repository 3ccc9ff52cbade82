"""Arrays in Python source: `A.T @ x` where an einsum is matrix algebra, numpy.einsum where it is not."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence

from symgrad.graph import Graph, Type
from symgrad.ops.repeated import repeated
from symgrad.ops.subscripts import LETTERS, parse, sums
from symgrad.show.constants import triangle
from symgrad.show.contraction import Closed, Diagonal, Factor, Hadamard, Matrices, read
from symgrad.show.formula import ATOM, PRODUCT, SIGN, Place, Text

SHORT = 6
"""A quotient with a decimal of at most so many characters is written as it among arrays."""


def array(graph: Graph, i: int, args: Sequence[Text], place: Place) -> Text | None:
    """The text of a node that only arrays have; None where it is written as of scalars."""
    name = graph.ops[i].name
    attrs = graph.attrs[i]
    if name == "einsum":
        found = read(graph, i)
        if isinstance(found, Matrices):
            return _matrices(graph, i, found, args, place)
        if isinstance(found, Hadamard):
            pieces = [place(args[k], PRODUCT) for k in found.scalars]
            return scaled(pieces, "*".join(_factor(f, args, place) for f in found.factors))
        if isinstance(found, Diagonal):
            return Text(f"np.diag({args[0].text})", ATOM)
        return _einsum(graph, i, args, place)
    if name == "solve" and (len(graph.types[i].shape) > 2 or len(graph.types[graph.args[i][0]].shape) > 2):
        return _solved(graph, i, args, place)
    if name == "broadcast":
        if graph.types[graph.args[i][0]].shape:
            return Text(f"np.broadcast_to({args[0].text}, {attrs[0]})", ATOM)
        return Text(_filled(args[0].text, graph.types[i]), ATOM)
    if name in ("mask", "where") and len(graph.types[i].shape) == 2:
        return _triangle(graph, i, args)
    return None


def _triangle(graph: Graph, i: int, args: Sequence[Text]) -> Text | None:
    """A matrix with zeros above or below a diagonal."""
    found = triangle(graph, graph.args[i][0])
    if found is None or (len(args) > 2 and graph.value(repeated(graph, graph.args[i][2])[0]) != 0):
        return None
    kind, at = found
    return Text(f"np.{kind}({args[1].text}{f', {at}' if at else ''})", ATOM)


def scaled(numbers: Sequence[str], product: str) -> Text:
    """Numbers times an array: x/6 rather than 1/6*x."""
    above, below, minus = [], [], False
    for text in numbers:
        found = re.fullmatch(r"(-?)1/(.*)", text)
        if found is None or re.search(r"[/ @%]|(?<!\*)\*(?!\*)", _outside(found[2])):
            above.append(text)
        else:
            minus ^= found[1] == "-"
            below.append(found[2])
    text = "*".join([*above, product]) + "".join(f"/{d}" for d in below)
    return Text(f"-{text}", SIGN) if minus else Text(text, PRODUCT)


def _solved(graph: Graph, i: int, args: Sequence[Text], place: Place) -> Text:
    """Matrices in front, one by one; right sides of several axes as columns of one matrix."""
    shape = graph.types[i].shape
    lead = len(graph.types[graph.args[i][0]].shape) - 2
    matrix, right = args[0].text, place(args[1], ATOM)
    columns = len(shape) - lead - 1
    if columns == 0:
        return Text(f"np.linalg.solve({matrix}, {right}[..., None])[..., 0]", ATOM)
    if columns == 1:
        return Text(f"np.linalg.solve({matrix}, {args[1].text})", ATOM)
    rows = ", ".join(map(str, shape[: lead + 1]))
    return Text(f"np.linalg.solve({matrix}, {right}.reshape({rows}, -1)).reshape{shape}", ATOM)


def unrepeated(
    graph: Graph, i: int, texts: Mapping[int, Text], named: Container[int], place: Place
) -> list[Text] | None:
    """The arguments of the elementwise node `i`, smaller arrays where NumPy repeats those; None: there are none.

    Each axis must be that of one of them.
    """
    args, rank = graph.args[i], len(graph.types[i].shape)
    if graph.ops[i].kind not in ("elementwise", "constant") or rank == 0:
        return None
    parts = [(a, tuple(range(rank))) if a in named else repeated(graph, a) for a in args]
    if all(x == a or not axes for (x, axes), a in zip(parts, args, strict=True)):
        return None
    if len({k for _, axes in parts for k in axes}) < rank:
        return None
    found = []
    for (x, axes), a in zip(parts, args, strict=True):
        if x == a or not axes or x not in texts:
            found.append(texts[a])
        elif list(axes) != sorted(axes):
            return None
        elif axes[-1] == rank - 1 and len(axes) == rank - axes[0]:  # the last axes
            found.append(texts[x])
        else:
            places = ", ".join(":" if k in axes else "None" for k in range(axes[0], rank))
            found.append(Text(f"{place(texts[x], ATOM)}[{places}]", ATOM))
    return found


def bare(graph: Graph, i: int, args: Sequence[Text]) -> list[Text]:
    """The arguments of an elementwise operation: a number that is the same everywhere is just the number."""
    out = list(args)
    ids = graph.args[i]
    if graph.ops[i].kind not in ("elementwise", "constant") or not graph.types[i].shape:
        return out
    if all(graph.ops[a].name == "broadcast" for a in ids):
        return out
    for k, a in enumerate(ids):
        if graph.ops[a].name == "broadcast":
            out[k] = _bare(args[k], graph.types[a])
    return out


def _bare(filled: Text, type: Type) -> Text:
    """The number of an array that `_filled` wrote; other texts as they are."""
    for number in ("0", "1"):
        if filled.text == _filled(number, type):
            return Text(number, ATOM)
    start = _filled("", type)[:-1]
    if not filled.text.startswith(start):
        return filled
    text = filled.text[len(start) : -1]
    quotient = re.fullmatch(r"(-?\d+)/(\d+)", text)
    if quotient is not None and len(decimal := repr(int(quotient[1]) / int(quotient[2]))) <= SHORT:
        text = decimal
    return Text(text, strength(text))


def strength(text: str) -> int:
    """How strongly a text binds, seen from the signs outside its brackets."""
    signs = _outside(text)
    if re.search(r"[<>=&|~,]| [-+] |\b(if|lambda|or|and|not)\b", signs):
        return 0
    if re.search(r"[*/@%]", signs):
        return SIGN if text[0] == "-" else PRODUCT
    return SIGN if text[0] == "-" else ATOM


def _outside(text: str) -> str:
    """What of a text is in no brackets."""
    depth, found = 0, ""
    for c in text:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(c, 0)
        found += c if depth == 0 else ""
    return found


def _filled(number: str, type: Type) -> str:
    """An array of the same number everywhere."""
    shape = type.shape[0] if len(type.shape) == 1 else tuple(type.shape)
    if number in ("0", "1") and type.dtype == "float64":
        return f"np.{('zeros', 'ones')[int(number)]}({shape})"
    return f"np.full({shape}, {number})"


def _einsum(graph: Graph, i: int, args: Sequence[Text], place: Place) -> Text:
    """numpy.einsum with the axes of the result as i, j, k, ..., numbers in front."""
    parts, out = parse(graph.attrs[i][0])
    numbers = [place(a, PRODUCT) for a, p in zip(args, parts, strict=True) if not p]
    found = [(p, a.text) for a, p in zip(args, parts, strict=True) if p]
    found.sort(key=lambda t: sorted(out.index(x) if x in out else len(out) for x in t[0]))
    letters = dict(zip(dict.fromkeys([*out, *(x for p, _ in found for x in p)]), LETTERS, strict=False))
    left, right = (["".join(letters[x] for x in p) for p in side] for side in ([p for p, _ in found], [out]))
    alone = Text(found[0][1], next(a.strength for a, p in zip(args, parts, strict=True) if p)) if found else None
    if alone is not None and len(found) == 1 and left == right:
        return scaled(numbers, place(alone, PRODUCT))
    if alone is not None and len(found) == 1 and len(set(left[0])) == len(left[0]) and _within(right[0], left[0]):
        axes = [k for k, x in enumerate(left[0]) if x not in right[0]]
        which = "" if not right[0] else f", axis={axes[0] if len(axes) == 1 else tuple(axes)}"
        return (
            scaled(numbers, f"np.sum({alone.text}{which})") if numbers else Text(f"np.sum({alone.text}{which})", ATOM)
        )
    if len(found) == 1 and sorted(left[0]) == sorted(right[0]):  # axes in another order
        axes = ", ".join(str(left[0].index(x)) for x in right[0])
        assert alone is not None
        moved = Text(f"{place(alone, ATOM)}.transpose({axes})", ATOM)
        return moved if not numbers else scaled(numbers, moved.text)
    fast = ", optimize=True" if len(found) > 1 and sums(parts, out) else ""  # by matrix products
    text = f'np.einsum("{",".join(left)}->{right[0]}", {", ".join(t for _, t in found)}{fast})'
    return scaled(numbers, text) if numbers else Text(text, ATOM)


def _within(part: str, whole: str) -> bool:
    """Whether the letters of the part stand in the same order in the whole."""
    return "".join(x for x in whole if x in part) == part


def _matrices(graph: Graph, i: int, found: Matrices, args: Sequence[Text], place: Place) -> Text:
    if not found.scalars and not found.product and len(found.closed) == 1:
        return _number(found.closed[0], args, place)
    pieces = [apart(args[k], place) for k in found.scalars]
    pieces += [place(_number(c, args, place), PRODUCT + 1) for c in found.closed]
    if found.product:
        product = _product(found.product, args, place)
        return scaled(pieces, apart(product, place)) if pieces else product
    return args[found.scalars[0]] if len(pieces) == 1 else Text("*".join(pieces), PRODUCT)


def apart(text: Text, place: Place) -> str:
    """A factor of a product, where `@` would not read well beside `*`."""
    return place(text, PRODUCT + 1 if "@" in text.text and "@" in _outside(text.text) else PRODUCT)


def _number(c: Closed, args: Sequence[Text], place: Place) -> Text:
    if c.trace and len(c.factors) == 2:
        a, b = c.factors
        if b.role in ("plain", "transposed") and a.role in ("plain", "transposed"):
            # tr(a b) is the sum of the products of the elements of a and b^T
            turned = {"plain": "transposed", "transposed": "plain"}
            first, second = a, b._replace(role=turned[b.role])
            if first.role == second.role == "transposed":
                first, second = first._replace(role="plain"), second._replace(role="plain")
            return Text(f"np.sum({_factor(first, args, place)}*{_factor(second, args, place)})", ATOM)
    ones = [f for f in c.factors if f.operand < 0]
    if len(c.factors) == 2 and len(ones) == 1 and not c.trace:
        (other,) = (f for f in c.factors if f.operand >= 0)
        return Text(f"np.sum({args[other.operand].text})", ATOM)
    text = _joined(c.factors, args, place)
    return Text(f"np.trace({text})", ATOM) if c.trace else Text(text, PRODUCT)


def _product(factors: Sequence[Factor], args: Sequence[Text], place: Place) -> Text:
    """A product of matrices; two vectors side by side are an outer product."""
    for k in range(1, len(factors)):
        if factors[k - 1].role == "column" and factors[k].role == "row":
            left, right = (_joined(part, args, place) for part in (factors[:k], factors[k:]))
            return Text(f"np.outer({left}, {right})", ATOM)
    (first, *others) = factors
    if not others:
        if first.role in ("plain", "column") and first.operand >= 0:
            return args[first.operand]
        return Text(_factor(first, args, place), ATOM)
    if len(factors) == 2 and others[0].operand < 0:  # times ones: a sum over the last axis
        if others[0].size == 1:
            plain = first.role == "plain" and first.operand >= 0
            matrix = args[first.operand] if plain else Text(_factor(first, args, place), ATOM)
            return Text(f"{place(matrix, ATOM)}[:, 0]", ATOM)
        if first.role == "transposed":
            return Text(f"np.sum({args[first.operand].text}, axis=0)", ATOM)
        return Text(f"np.sum({_factor(first, args, place)}, axis=1)", ATOM)
    return Text(_joined(factors, args, place), PRODUCT)


def _joined(factors: Sequence[Factor], args: Sequence[Text], place: Place) -> str:
    if len(factors) == 1 and factors[0].operand >= 0 and factors[0].role in ("plain", "column", "row"):
        return args[factors[0].operand].text
    pieces = _scaled(factors, args, place)
    if len(pieces) == 1 and len(factors) > 1 and pieces[0][0] == "(":
        return pieces[0][1:-1]
    return " @ ".join(pieces)


def _scaled(factors: Sequence[Factor], args: Sequence[Text], place: Place) -> list[str]:
    """The factors, diagonal ones multiplied into the next (or the last into the one before it) without a matrix."""
    found: list[str] = []
    scales: list[str] = []
    for k, f in enumerate(factors):
        if f.role != "diagonal":
            vector = f.role in ("column", "row")
            pieces = [s if vector else f"{s}[:, None]" for s in scales] + [_factor(f, args, place)]
            found.append(f"({'*'.join(pieces)})" if scales else pieces[0])
            scales = []
        else:
            text = args[f.operand]
            scales.append(place(text, ATOM if k + 1 < len(factors) else PRODUCT))
    if scales and found:
        found[-1] = f"({'*'.join([found[-1], *scales])})"
    elif scales:
        (first, *others) = scales
        found = [f"np.diag({'*'.join([first, *others])})"]
    return found


def _factor(f: Factor, args: Sequence[Text], place: Place) -> str:
    if f.operand < 0:
        return f"np.ones({f.size})"
    text = args[f.operand]
    if f.role == "transposed":
        return f"{place(text, ATOM)}.T"
    if f.role == "diagonal":
        return f"np.diag({text.text})"
    return place(text, PRODUCT + 1)
