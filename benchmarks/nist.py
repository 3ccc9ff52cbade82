"""NIST's certified nonlinear regressions (StRD): how many digits a fit gets right, from both starting points.

    python benchmarks/nist.py [--roads] [folder of .dat files] [problem ...]

With --roads, a second table says which of SciPy's solvers gets there by itself.
A digit count is -log10 of the relative error against the certified value (given to 11 digits), cut at 11.
"""

from __future__ import annotations

import ast
import math
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

import symgrad as sg

FOLDER = Path(__file__).parent.parent / "tests" / "data" / "nist_strd"
CERTIFIED_DIGITS = 11.0
WANTED = 9.0
FUNCTIONS = {"exp": sp.exp, "log": sp.log, "sin": sp.sin, "cos": sp.cos, "arctan": sp.atan, "sqrt": sp.sqrt}


@dataclass
class Problem:
    """One of NIST's tables: the model, data by column, two starts, certified values and standard deviations."""

    name: str
    level: str
    model: Any
    data: dict[str, Any]
    starts: tuple[dict[str, float], dict[str, float]]
    params: dict[str, float]
    stderr: dict[str, float]
    rss: float


def read(path: Path) -> Problem:
    """A problem from NIST's file format."""
    text = path.read_text(encoding="latin-1")
    lines = text.splitlines()
    level = re.search(r"(Lower|Average|Higher) Level of Difficulty", text)
    block = re.split(r"starting\s+values", text[text.index("Model:") :], flags=re.I)[0]
    rows = re.findall(r"^\s*(b\d+)\s*=\s*(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s*$", text, re.M)
    header = max(k for k, line in enumerate(lines) if line.startswith("Data:"))
    names = lines[header].split()[1:]
    numbers = [[float(v) for v in line.split()] for line in lines[header + 1 :] if line.strip()]
    columns = np.array(numbers).T
    rss = re.search(r"Residual Sum of Squares:\s*(\S+)", text)
    return Problem(
        path.stem,
        level.group(1).lower() if level else "?",
        formula(block),
        dict(zip(names, columns, strict=True)),
        ({r[0]: float(r[1]) for r in rows}, {r[0]: float(r[2]) for r in rows}),
        {r[0]: float(r[3]) for r in rows},
        {r[0]: float(r[4]) for r in rows},
        float(rss.group(1)) if rss else math.nan,
    )


def formula(block: str) -> Any:
    """The equation in a file's "Model" paragraph, such as "log[y] = b1 - b2*x1 * exp[-b3*x2]  +  e"."""
    body = re.sub(r"^.*\bpi\s*=.*$", "", block, flags=re.M)
    match = re.search(r"^\s*(\w+(?:\[\w+\])?)\s*=(.*?)\+\s*e\s*$", body, re.M | re.S)
    if match is None:
        raise ValueError(f"no model in {block!r}")
    left, right = (side.replace("[", "(").replace("]", ")") for side in match.groups())
    return sp.Eq(_sympy(left), _sympy(right))


def _sympy(text: str) -> Any:
    """An arithmetic formula as a SymPy expression, by Python's own parser; nothing is evaluated."""
    binary = {
        ast.Add: lambda a, b: a + b,
        ast.Sub: lambda a, b: a - b,
        ast.Mult: lambda a, b: a * b,
        ast.Div: lambda a, b: a / b,
        ast.Pow: lambda a, b: a**b,
    }

    def build(node: ast.AST) -> Any:
        match node:
            case ast.BinOp(left, op, right):
                return binary[type(op)](build(left), build(right))
            case ast.UnaryOp(ast.USub(), operand):
                return -build(operand)
            case ast.Call(ast.Name(name), [argument], []):
                return FUNCTIONS[name](build(argument))
            case ast.Name("pi"):
                return sp.pi
            case ast.Name(name):
                return sp.Symbol(name)
            case ast.Constant(int() as value):
                return sp.Integer(value)
            case ast.Constant(float() as value):
                return sp.Rational(repr(value))
        raise ValueError(f"{ast.dump(node)} in {text!r}")

    return build(ast.parse(" ".join(text.split()), mode="eval").body)


def digits(got: float, certified: float) -> float:
    """Correct digits: -log10 of the relative error, between 0 and 11."""
    if not math.isfinite(got):
        return 0.0
    error = abs(got - certified) / abs(certified) if certified else abs(got)
    return CERTIFIED_DIGITS if error == 0 else min(CERTIFIED_DIGITS, max(0.0, -math.log10(error)))


def least_digits(problem: Problem, result: Any) -> tuple[float, float]:
    """The fewest correct digits among the parameters, and among their standard deviations."""
    return (
        min(digits(result.params[n], v) for n, v in problem.params.items()),
        min(digits(result.stderr[n], v) for n, v in problem.stderr.items()),
    )


def main(arguments: list[str]) -> int:
    """Print the table; the exit status is the number of fits with fewer than 9 digits somewhere."""
    with_roads = "--roads" in arguments
    arguments = [a for a in arguments if a != "--roads"]
    folder = Path(arguments[0]) if arguments else FOLDER
    chosen = arguments[1:]
    paths = [p for p in sorted(folder.glob("*.dat"), key=lambda p: p.stem.lower()) if not chosen or p.stem in chosen]
    if not paths:
        print(f"no .dat files in {folder}")
        return 1
    print(f"{'':10} {'':8} {'start 1':^41} {'start 2':^41}")
    side = f"{'params':>7} {'sds':>6} {'solver':>18} {'time':>7}"
    print(f"{'problem':10} {'level':8} {side} {side}")
    short = 0
    for path in paths:
        problem = read(path)
        cells = []
        for start in problem.starts:
            begin = time.perf_counter()
            result = sg.fit(problem.model, problem.data, start)
            took = time.perf_counter() - begin
            least = least_digits(problem, result)
            good = min(least) >= WANTED
            short += not good
            mark = "" if good and result.success else "!" if not good else "?"
            cells.append(f"{least[0]:7.1f} {least[1]:6.1f} {result.solver[-18:]:>18} {took:6.2f}s{mark:1}")
        print(f"{problem.name:10} {problem.level:8} {' '.join(cells)}", flush=True)
    print(f"\n{2 * len(paths) - short} of {2 * len(paths)} fits have {WANTED:g} digits or more in every parameter and")
    print("every standard deviation; ! marks those that have not, ? a right result reported as no success.")
    if with_roads:
        roads(paths)
    return short


def roads(paths: list[Path]) -> None:
    """Print, for every problem and start, which single solver reaches 9 digits (+), which does not (-)."""
    names = ("projected lm", "projected trf", "lm", "trf", "dogbox", "newton")
    print("\neach road alone, from start 1 and start 2 (+ 9 digits or more, - not there, . no linear parameters)\n")
    print(f"{'problem':10}  " + "  ".join(f"{n:>13}" for n in names))
    for path in paths:
        problem = read(path)
        cells = []
        for name in names:
            marks = ""
            for start in problem.starts:
                try:
                    result = sg.fit(problem.model, problem.data, start, solver=name)
                except sg.ArgumentError:
                    marks += " ."
                    continue
                marks += " +" if min(least_digits(problem, result)) >= WANTED else " -"
            cells.append(f"{marks:>13}")
        print(f"{problem.name:10}  " + "  ".join(cells), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
