"""The C back end: self-contained C99, no allocation, no dependency but libm, and a header that says the
order of the arguments."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from symgrad.compile.lower import lower
from symgrad.dialects.c import CALLS, INFIX, PRELUDE
from symgrad.errors import ArgumentError, UnsupportedError
from symgrad.graph import NAMED, REGISTER, Graph
from symgrad.graph.tree import Csr, Tree

STACK, ELEMENT = REGISTER["stack"], REGISTER["element"]
SIGNED, ATOM = 25, 40


def write_c(
    path: str | Path,
    graph: Graph,
    inputs: Sequence[int],
    outputs: Sequence[int],
    tree: Tree,
    title: str,
) -> tuple[Path, Path]:
    """Write `path`.c and `path`.h; the function is named after the file. Returns both paths."""
    stem = Path(path).with_suffix("") if Path(path).suffix in (".c", ".h") else Path(path)
    name = re.sub(r"\W", "_", stem.name)
    if not name or name[0].isdigit():
        raise ArgumentError(f"{stem.name!r} can't name a C function; choose another file name")
    source, header = c_source(name, graph, inputs, outputs, tree, title)
    files = stem.with_name(stem.name + ".c"), stem.with_name(stem.name + ".h")
    files[0].write_text(source)
    files[1].write_text(header)
    return files


def c_source(
    name: str, graph: Graph, inputs: Sequence[int], outputs: Sequence[int], tree: Tree, title: str
) -> tuple[str, str]:
    """Source and header of `void name(const real *in, real *out)`."""
    dtypes = {graph.types[i].dtype for i in (*inputs, *outputs)} - {"bool", "int64"}
    if len(dtypes) > 1:
        raise UnsupportedError("C code is of one dtype; this function mixes float32 and float64")
    real, suffix = ("float", "f") if dtypes == {"float32"} else ("double", "")
    places, size = _input_places(graph, inputs)
    lowered, roots = lower(graph, outputs, lambda op: op.name in INFIX or op.name in CALLS or op.name in _OWN, "C")
    body, prelude, count = _body(lowered, roots, places, suffix)
    documentation = _documentation(name, graph, inputs, outputs, tree, title, size, count)
    guard = f"{name.upper()}_H"
    header = (
        f"{documentation}\n#ifndef {guard}\n#define {guard}\n\n"
        f"{_pattern(name, tree)}"
        f'#ifdef __cplusplus\nextern "C" {{\n#endif\n'
        f"void {name}(const {real} *in, {real} *out);\n"
        f"#ifdef __cplusplus\n}}\n#endif\n\n#endif\n"
    )
    source = f"/* {title}. See the header for the order of arguments. */\n#include <math.h>\n\n"
    if prelude:
        source += f"typedef {real} real;\n" + "\n".join(p.replace("@", suffix) for p in prelude) + "\n\n"
    source += f"void {name}(const {real} *in, {real} *out)\n{{\n"
    source += "\n".join("    " + line.replace("REAL", real) for line in body) + "\n}\n"
    return source, header


_OWN = frozenset({"stack", "element", "negative", "where", "mask"})


def _input_places(graph: Graph, inputs: Sequence[int]) -> tuple[dict[str, int], int]:
    """The offset of each input in `in`, and their size together."""
    places: dict[str, int] = {}
    size = 0
    for i in inputs:
        name, type = graph.attrs[i]
        if None in type.shape:
            raise UnsupportedError(f"{name} has a length that only a call knows; C code needs a fixed shape")
        places[name] = size
        size += _size(type.shape)
    return places, size


def _size(shape: Sequence[int | None]) -> int:
    n = 1
    for k in shape:
        assert k is not None
        n *= k
    return n


def _body(graph: Graph, roots: Sequence[int], places: dict[str, int], suffix: str) -> tuple[list[str], list[str], int]:
    """Statements, the functions they need, and the number of results."""
    live = graph.reach(roots)
    uses = [0] * len(graph)
    for i, needed in enumerate(live):
        if needed:
            for a in graph.args[i]:
                uses[a] += 1
    texts: dict[int, tuple[str, int]] = {}
    lines: list[str] = []
    needed_functions: set[str] = set()

    def place(i: int, strength: int) -> str:
        text, own = texts[i]
        return text if own >= strength else f"({text})"

    for i, needed in enumerate(live):
        op = graph.ops[i]
        if not needed or op is STACK:
            continue
        if graph.types[i].shape and op.name != "input":
            raise UnsupportedError(f"the C back end has no arrays yet: {op.name} of shape {graph.types[i].shape}")
        text, strength = _text(graph, i, places, suffix, place)
        for f in PRELUDE:
            if f in text:
                needed_functions.add(f)
        if (uses[i] > 1 and strength < ATOM) or len(text) > 100:
            kind = "int" if graph.types[i].dtype == "bool" else "REAL"
            lines.append(f"const {kind} v{i} = {text};")
            text, strength = f"v{i}", ATOM
        texts[i] = text, strength
    at = 0
    for r in roots:
        parts = graph.args[r] if graph.ops[r] is STACK else (r,)
        for p in parts:
            lines.append(f"out[{at}] = {texts[p][0]};")
            at += 1
    if not any("in[" in line for line in lines):
        lines.insert(0, "(void)in;")
    return lines, [PRELUDE[f] for f in PRELUDE if f in needed_functions], at


def _text(graph: Graph, i: int, places: dict[str, int], suffix: str, place: Any) -> tuple[str, int]:
    op, args = graph.ops[i], graph.args[i]
    name = op.name
    if name == "const":
        return _constant(graph.attrs[i][0], suffix)
    if name == "input":
        return f"in[{places[graph.attrs[i][0]]}]", ATOM
    if name == "element":
        source, type = graph.attrs[args[0]]
        at = 0
        for k, n in zip(graph.attrs[i][0], type.shape, strict=True):
            at = at * n + k
        return f"in[{places[source] + at}]", ATOM
    if name in INFIX:
        sign, strength, left, right = INFIX[name]
        return f"{place(args[0], left)} {sign} {place(args[1], right)}", strength
    if name == "negative":
        return f"-{place(args[0], SIGNED + 1)}", SIGNED
    if name == "where":
        return f"{place(args[0], 2)} ? {place(args[1], 2)} : {place(args[2], 2)}", 1
    if name == "mask":
        return f"{place(args[0], 2)} ? {place(args[1], 2)} : 0", 1
    return CALLS[name].replace("@", suffix).format(*(place(a, 0) for a in args)), ATOM - 1


def _constant(value: Any, suffix: str) -> tuple[str, int]:
    if isinstance(value, bool):
        return str(int(value)), ATOM
    number = NAMED[value] if isinstance(value, str) else float(value) if isinstance(value, Fraction) else value
    number = float(number)
    if number != number:
        return "NAN", ATOM
    if number in (float("inf"), float("-inf")):
        return ("INFINITY", ATOM) if number > 0 else ("-INFINITY", SIGNED)
    return f"{number!r}{suffix}", ATOM if number >= 0 and not repr(number).startswith("-") else SIGNED


def _documentation(
    name: str,
    graph: Graph,
    inputs: Sequence[int],
    outputs: Sequence[int],
    tree: Tree,
    title: str,
    size: int,
    count: int,
) -> str:
    lines = [f"{title}.", "", f"in: {size} values, in this order:"]
    at = 0
    for i in inputs:
        n, type = graph.attrs[i]
        step = _size(type.shape)
        where = f"in[{at}]" if not type.shape else f"in[{at}..{at + step - 1}]"
        shape = "" if not type.shape else f", shape {tuple(type.shape)}, row after row"
        lines.append(f"  {where} = {n}{shape}")
        at += step
    lines += ["", f"out: {count} values, in this order:"]
    at = 0
    for k, o in enumerate(outputs):
        shape = graph.types[o].shape
        step = _size(shape)
        where = f"out[{at}]" if not shape else f"out[{at}..{at + step - 1}]"
        csr = tree if isinstance(tree, Csr) else None
        if isinstance(tree, tuple) and not csr:
            csr = next((t for t in tree if isinstance(t, Csr) and t.position == k), None)
        if csr is not None:
            rows, columns = csr.shape
            what = f"nonzeros of a {rows} x {columns} matrix, CSR order ({name}_indptr, {name}_indices)"
        else:
            what = f"result {k}" + (f", shape {tuple(shape)}, row after row" if shape else "")
        lines.append(f"  {where} = {what}")
        at += step
    lines += ["", "No allocation, no global state; in and out must not overlap."]
    return "/*\n" + "\n".join(" * " + line if line else " *" for line in lines) + "\n */"


def _pattern(name: str, tree: Tree) -> str:
    if not isinstance(tree, Csr):
        return ""
    out = ""
    for what, values in (("indptr", tree.indptr), ("indices", tree.indices)):
        numbers = "\n".join(
            textwrap.wrap(", ".join(map(str, values)), 100, initial_indent="    ", subsequent_indent="    ")
        )
        out += f"static const int {name}_{what}[{max(1, len(values))}] = {{\n{numbers or '    0'}\n}};\n"
    return out + "\n"
