"""Functions of scipy.special: ufuncs that are operations, and what is written with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import elementwise, floating
from symgrad.define.numpy.named import implements_named
from symgrad.define.numpy.reductions import reduced
from symgrad.define.numpy.tracer import UFUNCS, UNKNOWN, graph_of, is_traced, refuse
from symgrad.define.numpy.ufuncs import enter
from symgrad.graph import REGISTER

SAME = {"expit": "sigmoid", "psi": "digamma"}
"""ufuncs of scipy.special whose operation has another name."""
WITH_ORDER = {
    "expn": "expn",
    "eval_hermite": "eval_hermite",
    "eval_hermitenorm": "eval_hermitenorm",
}
"""ufuncs whose first argument, a whole number, is an attribute of the operation."""


def _with_order(name: str) -> Callable[..., Any]:
    op = REGISTER[name]

    def meaning(n: Any, x: Any, *_: Any, **__: Any) -> Any:
        if is_traced(n) or np.ndim(n) or int(n) != n:
            refuse(f"scipy.special.{name} of a traced order or one per element: give one whole number")
        return elementwise(op, (x,), (_float(x),), graph_of(x), **dict.fromkeys(op.attrs, int(n)))

    return meaning


def _float(x: Any) -> str:
    return "float32" if x.dtype == np.float32 else "float64"


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    if return_sign:
        refuse("scipy.special.logsumexp with return_sign=True")
    if b is not None:
        top = np.max(a, axis=axis, keepdims=True)
        total = np.sum(b * np.exp(a - top), axis=axis, keepdims=keepdims)
        return np.log(total) + (top if keepdims else np.reshape(top, np.shape(total)))
    return reduced("logsumexp", floating(a), axis, keepdims)


def log_softmax(x: Any, axis: Any = None) -> Any:
    return x - logsumexp(x, axis, keepdims=True)


def softmax(x: Any, axis: Any = None) -> Any:
    return np.exp(log_softmax(x, axis))


def _entr(x: Any) -> Any:
    return np.where(np.less(x, 0), -np.inf, -_xlogy(x, x))


def _xlogy(x: Any, y: Any) -> Any:
    return elementwise(REGISTER["xlogy"], (x, y), ("float64", "float64"), graph_of(x, y))


def _rel_entr(x: Any, y: Any) -> Any:
    return np.where(
        np.greater(x, 0),
        _xlogy(x, np.true_divide(x, np.where(np.greater(x, 0), y, 1.0))),
        np.where(np.equal(x, 0) & np.greater_equal(y, 0), 0.0, np.inf),
    )


def _huber(delta: Any, r: Any) -> Any:
    size = np.abs(r)
    return np.where(np.less_equal(size, delta), 0.5 * np.square(r), delta * (size - 0.5 * delta))


def _pseudo_huber(delta: Any, r: Any) -> Any:
    return np.square(delta) * (np.sqrt(1 + np.square(np.true_divide(r, delta))) - 1)


def _multigammaln(a: Any, d: int) -> Any:
    import scipy.special

    total: Any = d * (d - 1) * 0.25 * np.log(np.pi)
    for j in range(1, d + 1):
        total = total + scipy.special.gammaln(a - (j - 1) * 0.5)
    return total


def _bessel(name: str, order: int) -> Callable[..., Any]:
    op = REGISTER[name]
    return lambda x: elementwise(op, (float(order), x), (_float(x), _float(x)), graph_of(x))


def _composed() -> dict[str, Callable[..., Any]]:
    return {
        "logsumexp": logsumexp,
        "softmax": softmax,
        "log_softmax": log_softmax,
        "polygamma": _with_order("polygamma"),
        "multigammaln": _multigammaln,
        "entr": _entr,
        "rel_entr": _rel_entr,
        "kl_div": lambda x, y: _rel_entr(x, y) - np.where(np.greater(x, 0) | np.equal(x, 0), np.subtract(x, y), 0.0),
        "huber": _huber,
        "pseudo_huber": _pseudo_huber,
        "log_expit": lambda x: -np.logaddexp(0.0, -x),
        "exprel": lambda x: np.where(np.equal(x, 0), 1.0, np.expm1(x) / np.where(np.equal(x, 0), 1.0, x)),
        "cbrt": np.cbrt,
        "exp2": np.exp2,
        "exp10": lambda x: np.exp(x * np.log(10.0)),
        "expm1": np.expm1,
        "log1p": np.log1p,
        "boxcox": _boxcox,
        "factorial": lambda n, exact=False, **_: _gamma(n),
        "radian": lambda d, m, s: np.deg2rad(d + m / 60 + s / 3600),
        "j0": _bessel("jv", 0),
        "j1": _bessel("jv", 1),
        "y0": _bessel("yv", 0),
        "y1": _bessel("yv", 1),
        "i0": _bessel("iv", 0),
        "i1": _bessel("iv", 1),
        "k0": _bessel("kv", 0),
        "k1": _bessel("kv", 1),
        "jn": lambda n, x: elementwise(REGISTER["jv"], (n, x), ("float64", "float64"), graph_of(n, x)),
        "kn": lambda n, x: elementwise(REGISTER["kv"], (n, x), ("float64", "float64"), graph_of(n, x)),
        "airy": lambda z: tuple(
            elementwise(REGISTER[n], (z,), ("float64",), z.graph)
            for n in ("airyai", "airyaiprime", "airybi", "airybiprime")
        ),
        "fresnel": lambda z: tuple(
            elementwise(REGISTER[n], (z,), ("float64",), z.graph) for n in ("fresnels", "fresnelc")
        ),
    }


def _gamma(n: Any) -> Any:
    return elementwise(REGISTER["gamma"], (n + 1.0,), ("float64",), n.graph)


def _boxcox(x: Any, lmbda: Any) -> Any:
    zero = np.equal(lmbda, 0)
    safe = np.where(zero, 1.0, lmbda)
    return np.where(zero, np.log(x), np.expm1(safe * np.log(x)) / safe)


_COMPOSED: dict[str, Callable[..., Any]] = {}


def compose(meanings: dict[str, Callable[..., Any]]) -> None:
    """What functions of scipy.special mean, by their names."""
    _COMPOSED.update(meanings)
    for name, meaning in meanings.items():
        implements_named(f"scipy.special.{name}")(meaning)


compose(_composed())


def by_name(ufunc: Any) -> Callable[..., Any] | None:
    """What a ufunc of scipy.special means; SciPy need not have been loaded when this file was."""
    name = str(ufunc.__name__)
    if ufunc not in UFUNCS:
        if name in WITH_ORDER:
            UFUNCS[ufunc] = _with_order(name)
        elif name in _COMPOSED:
            UFUNCS[ufunc] = _COMPOSED[name]
        else:
            enter(ufunc, SAME.get(name))
    return UFUNCS.get(ufunc)


UNKNOWN.append(by_name)
