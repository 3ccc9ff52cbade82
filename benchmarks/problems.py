"""The problems: SymPy expressions, the symbols to differentiate by, and points to evaluate at.

problem = load("gait2d")            # names: `NAMES`; a number may be changed, "pendulum-7"
problem.symbols, problem.parameters, problem.expressions, problem.kind, problem.points(10_000)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import srepr
import sympy as sp
from store import kept

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "equations_of_motion"


class Absent(Exception):
    """A problem whose data are not on this machine."""


@dataclass(frozen=True)
class Problem:
    """What to differentiate, and where to evaluate it."""

    name: str
    symbols: list[Any]
    """The variables."""
    expressions: list[Any]
    kind: str = "jacobian"
    """"jacobian" of all expressions, or "hessian" of the only one."""
    parameters: list[Any] = field(default_factory=list)
    """Further symbols: arguments like the others, but not differentiated by."""
    low: Any = -1.0
    high: Any = 1.0
    """Bounds of the points, numbers or one per variable."""

    @property
    def inputs(self) -> list[Any]:
        """Variables, then parameters: the columns of `points`."""
        return [*self.symbols, *self.parameters]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the derivative."""
        n = len(self.symbols)
        return (n, n) if self.kind == "hessian" else (len(self.expressions), n)

    def points(self, n: int, seed: int = 0) -> np.ndarray:
        """n random points, shape (n, inputs): variables within their bounds, parameters in [0.5, 1.5]."""
        rng = np.random.default_rng(seed)
        variables = rng.uniform(self.low, self.high, (n, len(self.symbols)))
        return np.hstack([variables, rng.uniform(0.5, 1.5, (n, len(self.parameters)))])


def load(name: str) -> Problem:
    """The problem of this name. Raises KeyError for an unknown one, Absent where its data are missing."""
    if name in _MAKERS:
        return _MAKERS[name]()
    family, _, size = name.rpartition("-")
    if family not in _FAMILIES or not size.isdigit():
        raise KeyError(f"{name}: the problems are {', '.join(NAMES)}")
    return _FAMILIES[family](int(size))


def _read(file: str) -> list[Any]:
    path = DATA / file
    if not path.is_file():
        raise Absent(f"{path} is absent")
    return srepr.read(path.read_text())


def _free(expressions: list[Any]) -> list[sp.Symbol]:
    return sorted(set().union(*(e.free_symbols for e in expressions)), key=str)


def _gait2d() -> Problem:
    """18 discretized equations of motion of a human gait model, by 42 variables (SymPy issue 8191)."""
    symbols = _read("gait2d_variables.txt")
    expressions = _read("gait2d_discretized.txt")
    parameters = [s for s in _free(expressions) if s not in set(symbols)]
    return Problem("gait2d", symbols, expressions, parameters=parameters)


def _eom6() -> Problem:
    """6 equations of motion of a pendulum on a cart; the variables are applied functions q(t), u(t)."""
    expressions = _read("eom.txt")
    functions: set[Any] = set().union(*(e.atoms(sp.core.function.AppliedUndef) for e in expressions))
    t = sp.Symbol("t", real=True)
    symbols = [sp.Function(f"{letter}{k}", real=True)(t) for letter in "qu" for k in range(6)]
    if not functions <= set(symbols):
        raise ValueError(f"unexpected functions of time: {functions - set(symbols)}")
    parameters = [s for s in _free(expressions) if s != t]
    return Problem("eom6", symbols, expressions, parameters=parameters)


def _pendulum(n: int) -> Problem:
    """n links on a cart: mass matrix times accelerations minus forces, by positions, speeds, accelerations.

    The equations are those of `sympy.physics.mechanics` (Kane's method).
    """

    def name(letter: str, count: int) -> list[sp.Symbol]:
        return [sp.Symbol(f"{letter}{k}", real=True) for k in range(count)]

    q, u, a = name("q", n + 1), name("u", n + 1), name("a", n + 1)

    def equations() -> list[sp.Expr]:
        from sympy.physics.mechanics.models import n_link_pendulum_on_cart

        kane = n_link_pendulum_on_cart(n, cart_force=True)
        residual = kane.mass_matrix * sp.Matrix(a) - kane.forcing
        plain = dict(zip([*kane.q, *kane.u], [*q, *u], strict=True))
        plain |= {f: sp.Symbol(f.func.__name__, real=True) for f in _functions(residual) if f not in plain}
        plain |= {s: sp.Symbol(s.name, real=True) for s in residual.free_symbols if s.name != "t"}
        return list(residual.xreplace(plain))

    expressions = kept(f"pendulum-{n}", equations)
    symbols = [*q, *u, *a]
    return Problem(
        f"pendulum-{n}",
        symbols,
        expressions,
        parameters=[s for s in _free(expressions) if s not in set(symbols)],
    )


def _functions(matrix: Any) -> set[Any]:
    return matrix.atoms(sp.core.function.AppliedUndef)


def _harmonics(degrees: int) -> Problem:
    """Real spherical harmonics of degree 0 to `degrees` - 1 on the unit sphere: degrees² outputs.

    Polynomials in x, y, z: with C + iS = (x + iy)^m and Q_l^m = N_lm P_l^m / (x² + y²)^(m/2), a polynomial
    in z, the harmonic Y_lm is Q_l^m C_m (m >= 0) or Q_l^|m| S_|m| (m < 0). Q runs through the three-term
    recursion in l of the normalised Legendre functions (Holmes and Featherstone, J. Geodesy 76, 2002, eq. 11).
    """
    x, y, z = symbols = list(sp.symbols("x y z", real=True))

    # Left unevaluated: SymPy would distribute numbers over sums and so undo the sharing.
    def add(*args: Any) -> sp.Expr:
        return sp.Add(*args, evaluate=False)

    def mul(*args: Any) -> sp.Expr:
        return sp.Mul(*args, evaluate=False)

    cosines: list[Any] = [None, x]
    sines: list[Any] = [None, y]
    for _ in range(2, degrees):
        c, s = cosines[-1], sines[-1]
        cosines.append(add(mul(x, c), mul(-1, y, s)))
        sines.append(add(mul(x, s), mul(y, c)))
    q: dict[tuple[int, int], Any] = {}
    diagonal = float(np.sqrt(1 / (4 * np.pi)))
    for m in range(degrees):
        if m:
            diagonal *= float(np.sqrt((2 * m + 1) / (2 * m))) * (np.sqrt(2) if m == 1 else 1)
        q[m, m] = sp.Float(diagonal)
        for n in range(m + 1, degrees):
            a = float(np.sqrt((4 * n * n - 1) / (n * n - m * m)))
            if n == m + 1:
                q[n, m] = mul(sp.Float(a * diagonal), z)
                continue
            b = a * float(np.sqrt(((n - 1) ** 2 - m * m) / (4 * (n - 1) ** 2 - 1)))
            q[n, m] = add(mul(sp.Float(a), z, q[n - 1, m]), mul(sp.Float(-b), q[n - 2, m]))
    outputs = []
    for n in range(degrees):
        outputs += [mul(q[n, m], sines[m]) for m in range(n, 0, -1)]
        outputs.append(q[n, 0])
        outputs += [mul(q[n, m], cosines[m]) for m in range(1, n + 1)]
    return Problem(f"harmonics-{degrees}", symbols, outputs)


def _rosenbrock(n: int) -> Problem:
    """The Hessian of Rosenbrock's function of n variables: tridiagonal."""
    x = [sp.Symbol(f"x{k}", real=True) for k in range(n)]
    terms = [100 * (x[k + 1] - x[k] ** 2) ** 2 + (1 - x[k]) ** 2 for k in range(n - 1)]
    return Problem(f"rosenbrock-{n}", x, [sp.Add(*terms)], kind="hessian", low=-2.0, high=2.0)


_RATES = (
    "0.35 26.6 12300 8.6e-4 8.2e-4 15000 1.3e-4 24000 16500 9000 0.022 12000 1.88 16300 4.8e6 "
    "3.5e-4 0.0175 1e8 4.44e11 1240 2.1 5.78 0.0474 1780 3.12"
)
_REACTANTS = (
    (1,), (2, 4), (5, 2), (7,), (7,), (7, 6), (9,), (9, 6), (11, 2), (11, 1), (13,), (10, 2), (14,),
    (1, 6), (3,), (4,), (4,), (16,), (16,), (17, 6), (19,), (19,), (1, 4), (19, 1), (20,),
)  # fmt: skip
_BALANCE = (
    "-1-10-14-23-24+2+3+9+11+12+22+25", "-2-3-9-12+1+21", "-15+1+17+19+22", "-2-16-17-23+15",
    "-3+4+4+6+7+13+20", "-6-8-14-20+3+18+18", "-4-5-6+13", "+4+5+6+7", "-7-8", "-12+7+9", "-9-10+8+11",
    "+9", "-11+10", "-13+12", "+14", "-18-19+16", "-20", "+20", "-21-22-24+23+25", "-25+24",
)  # fmt: skip


def _pollu() -> Problem:
    """Air pollution: 25 reactions of 20 species, rates by concentrations.

    Verwer, SIAM J. Sci. Comput. 15 (1994). `_BALANCE` lists, per species, the reactions that consume (-) and
    produce (+) it.
    """
    y = [sp.Symbol(f"y{k + 1}", real=True) for k in range(20)]
    rates = [sp.Mul(sp.Float(k), *(y[i - 1] for i in who)) for k, who in zip(_RATES.split(), _REACTANTS, strict=True)]
    expressions = []
    for line in _BALANCE:
        terms = [int(t) for t in line.replace("-", " -").replace("+", " +").split()]
        expressions.append(sp.Add(*(sp.sign(t) * rates[abs(t) - 1] for t in terms)))
    return Problem("pollu", y, expressions, low=0.0, high=0.3)


_MAKERS: dict[str, Callable[[], Problem]] = {"gait2d": _gait2d, "eom6": _eom6, "pollu": _pollu}
_FAMILIES: dict[str, Callable[[int], Problem]] = {
    "pendulum": _pendulum,
    "harmonics": _harmonics,
    "rosenbrock": _rosenbrock,
}
NAMES = (
    "gait2d", "eom6", "pendulum-5", "pendulum-10", "pendulum-20", "harmonics-10", "harmonics-20",
    "harmonics-40", "rosenbrock-100", "rosenbrock-1000", "pollu",
)  # fmt: skip
QUICK = ("gait2d", "eom6", "pendulum-5", "harmonics-10", "rosenbrock-100", "pollu")
