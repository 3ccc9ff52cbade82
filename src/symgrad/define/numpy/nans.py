"""NumPy's functions that leave NaN out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.define.numpy.functions import given
from symgrad.define.numpy.messages import REFUSED
from symgrad.define.numpy.quantiles import quantile_of_known
from symgrad.define.numpy.reductions import counted
from symgrad.define.numpy.tracer import implements


def _without_nan(fn: Any, neutral: float) -> Callable[..., Any]:
    def meaning(a: Any, *args: Any, **keywords: Any) -> Any:
        return fn(np.where(np.isnan(a), neutral, a) if a.dtype.kind == "f" else a, *args, **keywords)

    return meaning


implements(np.nansum)(_without_nan(np.sum, 0))
implements(np.nanprod)(_without_nan(np.prod, 1))
implements(np.nancumsum)(_without_nan(np.cumsum, 0))
implements(np.nancumprod)(_without_nan(np.cumprod, 1))


def _nan_extreme(fn: Any, neutral: float) -> Callable[..., Any]:
    def meaning(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **more: Any) -> Any:
        if a.dtype.kind != "f":
            return fn(a, axis=axis, keepdims=given(keepdims, False))
        value = fn(np.where(np.isnan(a), neutral, a), axis=axis, keepdims=given(keepdims, False))
        return np.where(np.all(np.isnan(a), axis=axis, keepdims=given(keepdims, False)), np.nan, value)

    return meaning


implements(np.nanmax)(_nan_extreme(np.max, -np.inf))
implements(np.nanmin)(_nan_extreme(np.min, np.inf))


@implements(np.nanmean)
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Any:
    return np.mean(a, axis, dtype, keepdims=given(keepdims, False), where=_known(a, where))


@implements(np.nanvar)
def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
) -> Any:
    value = np.var(a, axis, dtype, None, given(ddof, 0), given(keepdims, False), where=_known(a, where))
    return _enough(value, a, axis, ddof, keepdims, where)


@implements(np.nanstd)
def nanstd(a: Any, axis: Any = None, *args: Any, **keywords: Any) -> Any:
    if counted(a, axis, True) == 1 and not args and not set(keywords) - {"keepdims"}:
        return np.std(a, axis, keepdims=given(keywords.get("keepdims"), False) or False)  # NaN of NaN
    return np.sqrt(nanvar(a, axis, *args, **keywords))


def _known(a: Any, where: Any) -> Any:
    """Where `a` is a number."""
    known = ~np.isnan(a) if a.dtype.kind == "f" else np.ones(np.shape(a), bool)
    return known if given(where, True) is True else known & where


def _enough(value: Any, a: Any, axis: Any, ddof: Any, keepdims: Any, where: Any) -> Any:
    """NaN where there are no more numbers than `ddof`."""
    count = np.sum(_known(a, where), axis=axis, keepdims=given(keepdims, False))
    return np.where(np.greater(count, given(ddof, 0)), value, np.asarray(np.nan, value.dtype))


@implements(np.nanquantile)
def nanquantile(a: Any, q: Any, axis: Any = None, *args: Any, **keywords: Any) -> Any:
    return quantile_of_known(a, q, axis, *args, **keywords)


@implements(np.nanpercentile)
def nanpercentile(a: Any, q: Any, axis: Any = None, *args: Any, **keywords: Any) -> Any:
    return quantile_of_known(a, np.true_divide(q, 100), axis, *args, **keywords)


@implements(np.nanmedian)
def nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False) -> Any:
    return quantile_of_known(a, 0.5, axis, keepdims=given(keepdims, False))


REFUSED[np.nanargmax] = "write np.argmax(np.where(np.isnan(x), -np.inf, x), axis)"
REFUSED[np.nanargmin] = "write np.argmin(np.where(np.isnan(x), np.inf, x), axis)"
