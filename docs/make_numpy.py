"""Writes docs/numpy.md from the tables in src/symgrad/define/numpy/: `python docs/make_numpy.py`.

What is traced stands in those tables. Whether it has a derivative is tried out: each function is traced at a few
kinds of arguments, and its tangents are asked for.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import scipy.fft
import scipy.linalg
import scipy.special

import symgrad as sg
from symgrad.define.numpy.fourier import Complex
from symgrad.define.numpy.messages import REFUSED
from symgrad.define.numpy.named import NAMED, NAMED_REFUSED
from symgrad.define.numpy.refused import PLAIN, PLAIN_NAMED
from symgrad.define.numpy.special import by_name
from symgrad.define.numpy.tracer import FUNCTIONS, UFUNCS
from symgrad.derive.tangents import tangents
from symgrad.errors import SymgradError, UnsupportedError
from symgrad.ops.literal import constant_array

PAGE = Path(__file__).with_name("numpy.md")
MODULES: dict[str, Any] = {
    "numpy": np,
    "numpy.linalg": np.linalg,
    "numpy.fft": np.fft,
    "scipy.special": scipy.special,
    "scipy.linalg": scipy.linalg,
    "scipy.fft": scipy.fft,
}
STATUS = {
    "differentiable": "traced, differentiable",
    "partly": "traced, differentiable by some arguments",
    "constant": "traced, constant: derivative zero",
    "values": "traced; its derivative is refused",
    "refused": "refused",
    "plain": "of plain numbers only",
    "not traced": "not traced",
}
GROUPS = {
    "ufuncs": "elementwise",
    "special": "elementwise",
    "distributions": "elementwise",
    "reductions": "reductions, running sums",
    "nans": "with NaN left out",
    "quantiles": "quantiles, medians",
    "functions": "shapes, sums, choices",
    "joining": "joining, splitting, padding",
    "selecting": "sorting, places",
    "products": "products",
    "differences": "differences",
    "polynomials": "polynomials",
    "numbers": "numbers, tests",
    "making": "arrays of traced values, ranges, places",
    "linalg": "linear algebra",
    "scipy_linalg": "linear algebra",
    "fourier": "Fourier transforms",
}
"""What the files of src/symgrad/define/numpy/ hold."""
HEAD = """# NumPy and SciPy
Which functions may take traced arrays, in a function given to `sg.function` or a transform. Written by
`python docs/make_numpy.py` from the tables in `src/symgrad/define/numpy/`, for NumPy {numpy} and SciPy {scipy}.

- **traced, differentiable**: as NumPy's, and its derivatives are exact. **Constant**: as NumPy's; derivative zero.
- **refused**: an error at your line, which says what to write instead. **not traced**: an error at your line.
- Called with plain arrays, every function is NumPy's or SciPy's own, also in a traced function: what it gives is a
  constant there. Those **of plain numbers only** (`np.zeros(3)`, `np.arange(x.shape[0])`) take nothing else.

Arrays have the operators and methods of `numpy.ndarray` (`x.sum()`, `x.T`, `x[1:, None]`, `x[i] = v`); `out=` and
`where=` of ufuncs are refused. Writing in place (`x[i] = v`, `x += y`) is seen by other names and through views, as in
NumPy; arguments can't be written to. A method that stands for a function here (`x.cumsum`) is traced where that is.
"""
V = np.array([0.3, 0.8, 0.45, 0.6])
M = np.array([[2.0, 0.3, 0.1], [0.3, 3.0, 0.2], [0.1, 0.2, 4.0]])
PLACES = np.array([1, 0, 2])
TRIED: list[tuple[Any, ...]] = [
    (V,),
    (M,),
    (V, V + 0.1),
    (V + 1.5,),
    (M, V[:3]),
    (M, M + 1),
    (2, V),
    (V, 2),
    (M, 0),
    (M, 0, 1),
    (M, 0, -1),
    (V, V, V),
    (0.5, 0.5, V),
    (1, 2, V),
    (V, V, V, V),
    (0.5, 0.5, 1.5, V),
    (V, 2, 1),
    (M[:, 0], 0.5, 0.1),
    ([V, V],),
    ([M, M],),
    (V, PLACES),
    (M, PLACES[None], 0),
    (PLACES, [V, V, V]),
    (V[:3] > 0.4, V[:3]),
    (V > 0.4, V, V),
    ([V > 0.4], [V]),
    (V > 0.4,),
    (PLACES,),
    (PLACES, PLACES + 1),
    (V, (2, 2)),
    (V, (2, 4)),
    (M[None], 3),
    (M[None], 1),
    (np.eye(6).reshape(2, 3, 6), 2),
    (V > 0.4, V > 0.5),
    (V, [V, V, V]),
    (V, 0, V[0]),
    (V, (1, 2)),
    ("i,i->", V, V),
    ("ij->i", M),
    ((M, True), V[:3]),
    (V, V, V, 0.1, 2),
    ((2, 4), V),
    (2, 5, V),
    (2.0, 1.5, V),
    (PLACES * 1.0 + 1.5,),
    (V, [V > 0.4], [np.sin, np.cos]),
    (M, V[:3]),
]
"""Arguments of the usual kinds; arrays among them are traced."""


def entries(module: Any) -> Iterator[tuple[str, Any]]:
    """The public functions of a module: (name, it)."""
    public = getattr(module, "__all__", None) if module is not np else None
    for name in sorted(set(public or dir(module))):
        value = getattr(module, name)
        if not name.startswith("_") and callable(value) and not isinstance(value, type) and name != "test":
            yield name, value


def meaning_of(full: str, f: Any) -> Any:
    """What the tables have for a function; None if nothing."""
    if isinstance(f, np.ufunc):
        return UFUNCS.get(f) or (by_name(f) if full.startswith("scipy.special") else None)
    return NAMED.get(full) or (FUNCTIONS.get(f) if hasattr(f, "__hash__") else None)


def status(full: str, f: Any) -> str:
    """One of STATUS."""
    if meaning_of(full, f) is None:
        if full in NAMED_REFUSED or f in REFUSED:
            return "refused"
        return "plain" if f in PLAIN or full in PLAIN_NAMED else "not traced"
    found: set[str] = set()
    for args in TRIED:
        found.add(tried(f, args))
        if "differentiable" in found and not full.startswith(
            "scipy.special"
        ):  # there, some arguments have no derivative
            break
    if "differentiable" in found:
        return "partly" if "refused" in found else "differentiable"
    return "values" if "refused" in found else "constant"


def tried(f: Any, args: Sequence[Any]) -> str:
    """What tracing `f` with these arguments shows; "" where it does not take them."""
    places = [k for k, a in enumerate(args) if _is_array(a)]

    def called(*arrays: Any) -> Any:
        given = list(args)
        for k, a in zip(places, arrays, strict=True):
            given[k] = a if isinstance(a, (list, tuple)) else a.copy()
        result = f(*given)
        if result is None:  # it changes its first argument
            result = given[0]
        return [(z.real, z.imag) if isinstance(z, Complex) else z for z in _leaves(result)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = sg.function(called).specialise(*[args[k] for k in places])
        except (SymgradError, TypeError, ValueError, AttributeError, ZeroDivisionError):
            return ""
    g = made.graph
    rng = np.random.default_rng(0)
    variables = [i for i in made.inputs if g.types[i].dtype == "float64"]
    seeds = {i: constant_array(g, rng.uniform(1, 2, g.types[i].lengths)) for i in variables}
    outputs = [o for o in made.outputs if g.types[o].dtype == "float64"]
    try:
        found = [t for t in tangents(g, outputs, seeds) if t is not None]
    except UnsupportedError:
        return "refused"
    given = [x for k in places for x in _leaves(args[k]) if isinstance(x, np.ndarray)]
    try:
        slopes = sg.Function(g, made.inputs, found, tree=tuple(range(len(found))))(*given) if found else ()
    except SymgradError:  # a place outside of its array
        return ""
    return "differentiable" if any(np.any(np.isfinite(s) & (s != 0)) for s in slopes) else "constant"


def _is_array(a: Any) -> bool:
    return isinstance(a, (np.ndarray, list)) or (isinstance(a, tuple) and isinstance(a[0], np.ndarray))


def _leaves(value: Any) -> list[Any]:
    return [x for v in value for x in _leaves(v)] if isinstance(value, (tuple, list)) else [value]


def statuses() -> dict[str, str]:
    """Full name -> status, of every public function."""
    return {
        f"{name}.{own}": status(f"{name}.{own}", f) for name, module in MODULES.items() for own, f in entries(module)
    }


def _listed(names: Sequence[str]) -> str:
    return " ".join(f"`{n}`" for n in names)


def _group(full: str, f: Any) -> str:
    """The file that has its meaning."""
    if isinstance(f, np.ufunc):
        return "elementwise"
    meaning: Callable[..., Any] = meaning_of(full, f)
    return GROUPS[meaning.__module__.rpartition(".")[2]]


def _section(name: str, module: Any, known: dict[str, str]) -> list[str]:
    rows: dict[tuple[str, str], list[str]] = {}
    hints: dict[str, list[str]] = {}
    for own, f in entries(module):
        full = f"{name}.{own}"
        how = known[full]
        if how == "refused":
            hints.setdefault(NAMED_REFUSED.get(full) or REFUSED[f], []).append(own)
            continue
        group = _group(full, f) if how in ("differentiable", "constant", "partly", "values") else ""
        rows.setdefault((how, group), []).append(own)
    lines = [f"## {name}", "| status | | functions |", "| --- | --- | --- |"]
    lines += [
        f"| {STATUS[how]} | {group} | {_listed(rows[how, group])} |"
        for how, group in sorted(rows, key=lambda r: (list(STATUS).index(r[0]), r[1]))
    ]
    if hints:
        lines += ["", "| refused | what to write instead |", "| --- | --- |"]
        lines += [f"| {_listed(own)} | {hint.replace('|', chr(92) + '|')} |" for hint, own in hints.items()]
    return [*lines, ""]


def page() -> str:
    known = statuses()
    lines = [HEAD.format(numpy=_short(np.__version__), scipy=_short(scipy.__version__))]
    for name, module in MODULES.items():
        lines += _section(name, module, known)
    return "\n".join(lines)


def _short(version: str) -> str:
    return ".".join(version.split(".")[:2])


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{PAGE}: {len(page().splitlines())} lines")
