"""Writes docs/operations.md from the register of operations: `python docs/make_operations.py`."""

from __future__ import annotations

from pathlib import Path

import symgrad.ops  # noqa: F401  declares them
from symgrad import Function
from symgrad.derive.accumulate import forward
from symgrad.errors import UnsupportedError
from symgrad.graph import REGISTER, Graph, Op, Type

PAGE = Path(__file__).with_name("operations.md")
ATTRIBUTES = {"n": 3, "k": 1, "p": 2, "q": 2}
OWN = {"lambertw": (0,)}
LEFT_OUT = ("cast", "mask", "where")
HEAD = """# Operations
Every operation on numbers, as a formula, and its derivative by each argument: what `sg.grad` builds with. Written by
`python docs/make_operations.py` from the declarations in `src/symgrad/ops/`, which the tests check against 40 digits.
Operations with a fixed integer order are shown at one order. `Piecewise` is `where`, its derivative a mask.

| operation | formula | derivatives | what it is |
| --- | --- | --- | --- |
"""


def latex(g: Graph, inputs: list[int], node: int) -> str:
    text = Function(g, inputs, [node]).latex().replace("|", r"\vert ").replace("  ", " ")
    return f"${text}$"


def row(op: Op) -> str:
    g = Graph()
    names = "xyzp"[: len(op.domain)]
    inputs = [g.input(name, Type("float64")) for name in names]
    root = g.add(op, tuple(inputs), OWN.get(op.name) or tuple(ATTRIBUTES[a] for a in op.attrs))
    slopes = []
    for k, i in enumerate(inputs):
        if op.kind == "constant":
            slopes.append("0")
            continue
        try:
            entries = forward(g, [root], [i])
        except UnsupportedError:
            slopes.append(f"by ${names[k]}$: no closed form")
            continue
        slope = latex(g, inputs, entries[0, 0]) if entries else "0"
        slopes.append(slope if len(inputs) == 1 else f"by ${names[k]}$: {slope}")
    about = op.doc.replace("|", r"\|").replace("*", r"\*")
    return f"| `{op.name}` | {latex(g, inputs, root)} | {'; '.join(dict.fromkeys(slopes))} | {about} |"


def page() -> str:
    shown = [
        op
        for op in REGISTER.values()
        if op.kind in ("elementwise", "constant") and op.name not in LEFT_OUT and not _boolean(op)
    ]
    return HEAD + "\n".join(row(op) for op in sorted(shown, key=lambda op: op.name)) + "\n"


def _boolean(op: Op) -> bool:
    types = [Type("float64")] * len(op.domain)
    return op.typing is not None and not op.attrs and op.typing(types).dtype == "bool"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{PAGE}: {len(page().splitlines())} lines")
