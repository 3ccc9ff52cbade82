"""scipy.special: every function in the tables, values as SciPy's, derivatives as differences of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special

import symgrad as sg
from symgrad.define.numpy.named import NAMED
from symgrad.define.numpy.special import by_name
from tests.define.numpy.agreement import S, case, disagreement, slope_disagreement

X = np.array([0.13, 0.45, 0.62, 0.91])
Y = np.array([0.7, 0.35, 0.25, 0.55])
BIG = np.array([1.7, 2.4, 3.3, 5.2])
BOTH = np.array([-2.3, -0.6, 0.4, 1.9])
M = np.random.default_rng(0).standard_normal((3, 4))
PLACES: list[tuple[str, list[tuple[Any, ...]]]] = [
    ("eval_chebyt eval_chebyu eval_hermite eval_hermitenorm eval_laguerre", [(3, X), (0, X)]),
    ("eval_legendre expn", [(2, X), (3, BIG)]),
    ("eval_gegenbauer eval_genlaguerre", [(3, 0.7, X)]),
    ("eval_jacobi", [(3, 0.7, 0.2, X)]),
    ("iv jv kv yv", [(1.5, BIG), (2, BIG), (0.0, X)]),
    ("jn kn", [(1, BIG), (2, X)]),
    ("gammainc gammaincc", [(1.5, X), (S(BIG), BIG + 0.3)]),
    ("betainc", [(1.5, 2.5, X), (S(BIG), 2.0, X)]),
    ("logsumexp softmax log_softmax", [(M,), (M, 0), (BOTH,)]),
    ("huber pseudo_huber", [(1.0, BOTH), (BIG, BOTH)]),
    ("chdtr chdtrc pdtr pdtrc", [(3, BIG), (S(BIG), BIG + 1)]),
    ("gdtr gdtrc", [(0.7, S(BIG), BIG + 1), (BIG, 1.5, X)]),
    ("fdtr fdtrc", [(2.0, 3.5, BIG)]),
    ("bdtr nbdtr nbdtrc", [(2, 5, X), (2.7, 4, X), (S(np.array([0, 1, 4, 5])), 5, X)]),
    ("betaincc", [(1.5, 2.5, X)]),
    ("jvp yvp ivp kvp", [(1.5, BIG), (2, BIG, 2), (0, BIG, 3)]),
    ("eval_sh_legendre eval_sh_chebyt eval_sh_chebyu eval_chebyc eval_chebys", [(3, X), (2, BIG)]),
    ("sindg cosdg tandg cotdg softplus", [(BOTH,), (BIG * 30,)]),
    ("yn", [(2, BIG)]),
    ("sici", [(BIG,), (X,)]),
    ("shichi", [(BIG,), (X,)]),
    ("zeta", [(S(BIG), BIG)]),
    ("zetac", [(BIG,)]),
    ("spherical_jn spherical_yn spherical_in", [(2, BIG), (0, X)]),
    ("round", [(BIG,), (BOTH,)]),
    ("comb", [(BIG + 0.3, X), (np.array([5.0, 2.0]), S(np.array([2, 3]))), (BIG, X)]),
    ("powm1", [(BIG, BOTH), (X, Y)]),
    ("boxcox boxcox1p inv_boxcox inv_boxcox1p", [(X, 0.3), (BIG, 0.0), (BIG, Y)]),
    ("xlogy xlog1py rel_entr kl_div", [(X, Y), (BIG, Y)]),
    ("erf erfc erfi ndtr log_ndtr expit log_expit sinc cosm1 exprel", [(BOTH,)]),
    ("gammaln loggamma digamma psi gamma factorial i0 k0 j0 y0", [(BIG,)]),
    ("elliprj", [(X, Y, BIG, BIG + 1)]),
    ("elliprf elliprd", [(X, Y, BIG)]),
    ("hyp0f1", [(1.5, X)]),
    ("hyp1f1", [(1.5, 2.5, X)]),
    ("hyp2f1", [(0.5, 1.5, 2.5, X)]),
    ("lpmv", [(1, 2, X)]),
    ("multigammaln", [(BIG, 2)]),
    ("polygamma", [(1, BIG), (2, X)]),
    ("binom", [(BIG + 0.3, X)]),
    ("radian", [(BIG, X, Y)]),
]
"""Where to call what (X,), (X, Y), ... do not fit."""
NO_SLOPE = ("zetac",)
AT = {name: calls for names, calls in PLACES for name in names.split()}


def names() -> list[str]:
    found = {n.rpartition(".")[2] for n in NAMED if n.startswith("scipy.special.")}
    for name in scipy.special.__all__:
        f = getattr(scipy.special, name)
        if isinstance(f, np.ufunc) and by_name(f) is not None:
            found.add(name)
    return sorted(n for n in found if hasattr(scipy.special, n) and n != "lambertw")


def calls(name: str) -> list[tuple[Any, ...]]:
    if name in AT:
        return AT[name]
    f = getattr(scipy.special, name)
    count = f.nin if isinstance(f, np.ufunc) else 1
    return [(X, Y, BIG, BIG + 1)[:count], *([(BIG,)] if count == 1 else [])]


def looked_up(name: str) -> Any:
    """The function as it is found when it is called: those that are no ufuncs are known by their names."""

    def f(*args: Any, **keywords: Any) -> Any:
        return getattr(scipy.special, name)(*args, **keywords)

    f.__name__ = name
    return f


@pytest.mark.parametrize("name", names())
def test_values_and_slopes(name: str) -> None:
    rng = np.random.default_rng(1)
    for args in calls(name):
        c = case(looked_up(name), *args)
        assert disagreement(c) == ""
        slope = slope_disagreement(c, rng)
        assert "no closed form" in slope if name in NO_SLOPE else slope == ""


@pytest.mark.parametrize(("k", "x"), [(0, X), (0, BIG), (0, -X / 4), (-1, -X / 4)])
def test_lambertw_is_real(k: int, x: Any) -> None:
    f = lambda x: np.real(scipy.special.lambertw(x, k))  # noqa: E731
    found = sg.function(f)(x)
    assert found.dtype == np.float64
    assert np.allclose(found, f(x), rtol=1e-13)
    slope = sg.grad(lambda x: np.sum(f(x)))(x)
    assert np.allclose(slope, (f(x + 1e-6) - f(x - 1e-6)) / 2e-6, rtol=1e-6)
    with pytest.raises(sg.TraceError, match="k is 0 or -1"):
        sg.function(lambda x: scipy.special.lambertw(x, 2))(x)


def test_options() -> None:
    w = np.abs(M) + 0.1
    for options in ({"axis": 1}, {"axis": (0, 1)}, {"axis": 0, "keepdims": True}):
        for c in (case(looked_up("logsumexp"), M, **options), case(looked_up("logsumexp"), M, b=w, **options)):
            assert disagreement(c) == ""
            assert slope_disagreement(c, np.random.default_rng(0)) == ""
    with pytest.raises(sg.TraceError, match="return_sign"):
        sg.function(lambda x: scipy.special.logsumexp(x, return_sign=True))(M)
    with pytest.raises(sg.TraceError, match="give one whole number"):
        sg.function(lambda n, x: scipy.special.eval_hermite(n, x))(X, X)
