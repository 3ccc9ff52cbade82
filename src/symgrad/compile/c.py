"""The C back end: self-contained C99, no allocation, no dependency but libm, and a header that says the
order of the arguments."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

from symgrad.compile.c_body import ATOM, Array, Body, has
from symgrad.compile.c_plan import Planned, is_of_arrays, planned, sizes
from symgrad.compile.lower import lower
from symgrad.dialects.c import CALLS, PRELUDE
from symgrad.errors import ArgumentError, UnsupportedError
from symgrad.graph import Graph
from symgrad.graph.tree import Csr, Tree

_KEYWORDS = """
    auto break case char const continue default do double else enum extern float for goto if inline int long
    register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
    main real
"""
_OUTSIDE = {False: "0 was taken for the element", True: "the results are then unfinished"}
_LIBM = {text.partition("(")[0].replace("@", suffix) for text in CALLS.values() for suffix in ("", "f")}
_TAKEN = {*_KEYWORDS.split(), *_LIBM, *PRELUDE, "fmod", "fmodf"}
"""Names that a function of ours can't have."""


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
    if not name or name[0].isdigit() or name in _TAKEN:
        raise ArgumentError(f"{stem.name!r} can't name a C function; choose another file name")
    source, header = c_source(name, graph, inputs, outputs, tree, title)
    files = stem.with_name(stem.name + ".c"), stem.with_name(stem.name + ".h")
    files[0].write_text(source, "utf-8")
    files[1].write_text(header, "utf-8")
    return files


def c_source(
    name: str, graph: Graph, inputs: Sequence[int], outputs: Sequence[int], tree: Tree, title: str
) -> tuple[str, str]:
    """Source and header of `void name(const real *in, real *out)`.

    Where elements are read at computed places it is
    `int name(const real *in, const real *const *arrays, const long long *lengths, real *out)`: the arrays whose
    lengths only a call knows come apart, and 1 is returned where a place was outside its array (else 0).
    """
    dtypes = {graph.types[i].dtype for i in (*inputs, *outputs)} - {"bool", "int64"}
    if len(dtypes) > 1:
        raise UnsupportedError("C code is of one dtype; this function mixes float32 and float64")
    real, suffix = ("float", "f") if dtypes == {"float32"} else ("double", "")
    if is_of_arrays(graph, outputs):
        made = planned(graph, inputs, outputs, "float32" if suffix else "float64")
        return _of_plan(name, graph, inputs, outputs, tree, title, real, made)
    lowered, roots = lower(graph, outputs, has, "C")
    places = Places(graph, inputs)
    body = Body(places.texts, suffix)
    count = body.outputs(lowered, roots)
    computed = any("outside" in line for line in body.lines) or bool(places.arrays)
    documentation = _documentation(name, graph, outputs, tree, title, places, count, computed)
    signature = (
        f"int {name}(const {real} *in, const {real} *const *arrays, const long long *lengths, {real} *out)"
        if computed
        else f"void {name}(const {real} *in, {real} *out)"
    )
    header = _header(name, documentation, _pattern(name, tree), signature)
    source = f"/* {_harmless(title)}. See the header for the order of arguments. */\n#include <math.h>\n\n"
    if body.prelude:
        source += f"typedef {real} real;\n" + "\n".join(body.prelude) + "\n\n"
    used = "\n".join(body.lines)
    arguments = ("in", "arrays", "lengths") if computed else ("in",)
    lines = [f"(void){n};" for n in arguments if f"{n}[" not in used and f"({n} +" not in used]
    if computed:
        lines.append("int outside = 0;")
    lines += body.lines
    if computed:
        lines.append("return outside;")
    return source + f"{signature}\n{{\n" + "\n".join("    " + t.replace("REAL", real) for t in lines) + "\n}\n", header


def _of_plan(
    name: str,
    graph: Graph,
    inputs: Sequence[int],
    outputs: Sequence[int],
    tree: Tree,
    title: str,
    real: str,
    made: Planned,
) -> tuple[str, str]:
    """Source and header of a function of arrays: `void name(const real *in, real *out)`.

    It returns an int where elements are at computed places: 1 where one is outside its array. A function that needs
    much memory to work in takes it as one more argument, `real *work`.
    """
    places = Places(graph, inputs)
    documentation = _documentation(
        name, graph, outputs, tree, title, places, sizes(graph, outputs), made.returns, True, made.work, made.loops
    )
    work = f", {real} *work" if made.work else ""
    signature = f"{'int' if made.returns else 'void'} {name}(const {real} *in, {real} *out{work})"
    header = _header(name, documentation, _pattern(name, tree), signature)
    source = f"/* {_harmless(title)}. See the header for the order of arguments. */\n#include <math.h>\n\n"
    if made.prelude:
        source += f"typedef {real} real;\n" + "\n".join(made.prelude) + "\n\n"
    lines = [*made.tables, *("    " + t for t in made.lines)]
    if not any("in[" in t for t in made.lines):
        lines.append("    (void)in;")
    if made.returns:
        lines.append("    return 0;")
    return source + f"{signature}\n{{\n" + "\n".join(t.replace("REAL", real) for t in lines) + "\n}\n", header


def _header(name: str, documentation: str, pattern: str, signature: str) -> str:
    guard = f"{name.upper()}_H"
    return (
        f"{documentation}\n#ifndef {guard}\n#define {guard}\n\n"
        f"{pattern}"
        f'#ifdef __cplusplus\nextern "C" {{\n#endif\n'
        f"{signature};\n"
        f"#ifdef __cplusplus\n}}\n#endif\n\n#endif\n"
    )


class Places:
    """Where each input stands: in `in`, or, where only a call knows its lengths, in `arrays`."""

    def __init__(self, graph: Graph, inputs: Sequence[int]) -> None:
        self.texts: dict[str, Array | tuple[str, int]] = {}
        self.described: list[str] = []
        self.arrays: list[str] = []
        self.size = 0
        axes = 0
        for i in inputs:
            name, type = graph.attrs[i]
            if None in type.shape:
                lengths = [f"lengths[{axes + k}]" for k in range(len(type.shape))]
                self.texts[name] = Array(f"arrays[{len(self.arrays)}]", lengths)
                self.arrays.append(
                    f"arrays[{len(self.arrays)}] = {name}, lengths in {', '.join(lengths)}, row after row"
                )
                axes += len(type.shape)
            elif type.shape:
                step = math.prod(n for n in type.shape if n is not None)
                self.texts[name] = Array(f"(in + {self.size})", [str(n) for n in type.shape])
                where = f"in[{self.size}..{self.size + step - 1}]"
                self.described.append(f"{where} = {name}, shape {tuple(type.shape)}, row after row")
                self.size += step
            else:
                text = f"in[{self.size}]"
                whole = type.dtype == "int64"
                self.texts[name] = (f"(long long){text}", 25) if whole else (text, ATOM)
                self.described.append(f"{text} = {name}" + (" (a whole number)" if whole else ""))
                self.size += 1


def _documentation(
    name: str,
    graph: Graph,
    outputs: Sequence[int],
    tree: Tree,
    title: str,
    places: Places,
    count: int,
    computed: bool,
    planned: bool = False,
    work: int = 0,
    loops: bool = False,
) -> str:
    lines = [f"{title}.", "", f"in: {places.size} values, in this order:", *(f"  {t}" for t in places.described)]
    if places.arrays:
        lines += ["", "arrays:", *(f"  {t}" for t in places.arrays)]
    if computed:
        endless = ", 2 where a loop's condition still held after as many passes as it may make" if loops else ""
        lines += ["", f"Returns 1 where an index was outside its array ({_OUTSIDE[planned]}){endless}, else 0."]
    if work:
        lines += ["", f"work: memory for {work} values, which the function writes to."]
    lines += ["", f"out: {count} values, in this order:"]
    at = 0
    for k, o in enumerate(outputs):
        shape = graph.types[o].shape
        step = math.prod(n for n in shape if n is not None)
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
    return "/*\n" + "\n".join(" * " + _harmless(line) if line else " *" for line in lines) + "\n */"


def _harmless(text: str) -> str:
    """Text of a comment that neither ends it nor begins a line: names of symbols may be anything."""
    return " ".join(text.replace("*/", "* /").replace("/*", "/ *").splitlines())


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
