"""Operation -> Python source over NumPy (`np`) and SciPy (`special`): only what their own names do not say.

A form is a template over the arguments' texts, `{0}`, `{1}`, and attributes by name; `P` forms bind as given.
"""

from __future__ import annotations

INFIX: dict[str, tuple[str, int, int, int]] = {
    # operator, strength of the result, wanted of the left and of the right operand
    "add": ("+", 10, 10, 10),
    "subtract": ("-", 10, 10, 11),
    "multiply": ("*", 20, 20, 21),
    "divide": ("/", 20, 20, 21),
    "power": ("**", 30, 31, 30),
    "mod": ("%", 20, 20, 21),
    "less": ("<", 5, 6, 6),
    "less_equal": ("<=", 5, 6, 6),
    "greater": (">", 5, 6, 6),
    "greater_equal": (">=", 5, 6, 6),
    "equal": ("==", 5, 6, 6),
    "not_equal": ("!=", 5, 6, 6),
}

CALLS: dict[str, str] = {
    "delta": "np.eye({n})",
    "basis": "np.eye({n})[{k}]",
    "inv": "np.linalg.inv({0})",
    "solve": "np.linalg.solve({0}, {1})",
    "det": "np.linalg.det({0})",
    "logdet": "np.linalg.slogdet({0})[1]",
    "logabsdet": "np.linalg.slogdet({0})[1]",
    "reshape": "np.reshape({0}, {shape})",
    "sigmoid": "special.expit({0})",
    "softplus": "np.logaddexp(0.0, {0})",
    "sinc": "np.sinc({0}/np.pi)",
    "cast": "({0})",
    "mask": "np.where({0}, {1}, 0.0)",
    "riemann_zeta": "special.zeta({0})",
    "fresnels": "special.fresnel({0})[0]",
    "fresnelc": "special.fresnel({0})[1]",
    "si": "special.sici({0})[0]",
    "ci": "np.where({0} < 0, np.nan, special.sici({0})[1])",
    "shi": "special.shichi({0})[0]",
    "chi": "np.where({0} < 0, np.nan, special.shichi({0})[1])",
    "airyai": "special.airy({0})[0]",
    "airyaiprime": "special.airy({0})[1]",
    "airybi": "special.airy({0})[2]",
    "airybiprime": "special.airy({0})[3]",
    "polygamma": "special.polygamma({n}, {0})",
    "expn": "special.expn({n}, {0})",
    "spherical_jn": "special.spherical_jn({n}, {0})",
    "spherical_yn": "special.spherical_yn({n}, {0})",
    "spherical_in": "special.spherical_in({n}, {0})",
    "eval_hermite": "special.eval_hermite({n}, {0})",
    "eval_hermitenorm": "special.eval_hermitenorm({n}, {0})",
    "lambertw": "np.where(special.lambertw({0}, {k}).imag == 0, special.lambertw({0}, {k}).real, np.nan)",
}
"""Calls that are not the operation's own name in `np` or `special`."""

HELPERS: dict[str, str] = {
    "spaced": '''
def spaced(x, gap, axis):
    """x with `gap` zeros between its elements along an axis."""
    n = x.shape[axis]
    return np.insert(x, np.repeat(np.arange(1, n), gap), 0, axis=axis)
''',
    "scatter_add": '''
def scatter_add(x, i, axis, n):
    """The values x added up at places i, which are its axes before and at `axis`, of an axis of length n."""
    i = np.asarray(i)
    end = x.ndim + 1 + axis
    start = end - i.ndim
    total = np.zeros((*x.shape[:start], n, *x.shape[end:]), x.dtype)
    np.add.at(total, (*[slice(None)] * start, i), x)
    return total
''',
    "put_along": '''
def put_along(x, i, n):
    """The values x added up at places i of each row's own, along a last axis of length n."""
    rows = np.zeros((x[..., 0].size, n), x.dtype)
    np.add.at(rows, (np.arange(len(rows))[:, None], i.reshape(len(rows), -1)), x.reshape(len(rows), -1))
    return rows.reshape(*x.shape[:-1], n)
''',
    "linear_recurrence": '''
def linear_recurrence(a, b):
    """y[k] = a[k]*y[k - 1] + b[k] along the last axis, with 0 before it."""
    y = np.array(b, np.result_type(a, b))
    for k in range(1, y.shape[-1]):
        y[..., k] += a[..., k]*y[..., k - 1]
    return y
''',
    "dft": '''
def dft(x, sign):
    """The Fourier transform of pairs (real, imaginary), with exp(sign*2i*pi*j*k/n)."""
    z = x[..., 0] + 1j*x[..., 1]
    y = np.fft.fft(z) if sign < 0 else np.fft.ifft(z, norm="forward")
    return np.stack([y.real, y.imag], axis=-1)
''',
    "expm_frechet": '''
def expm_frechet(a, e):
    """The derivative of the exponential at a in the direction e: the upper right block of exp([[a, e], [0, a]])."""
    a, e = np.broadcast_arrays(a, e)
    n = a.shape[-1]
    whole = np.block([[a, e], [np.zeros_like(a), a]])
    return linalg.expm(whole)[..., :n, n:]
''',
    "argcummax": '''
def argcummax(x):
    """The place of the largest element so far along the last axis."""
    top = np.maximum.accumulate(x, axis=-1)
    new = np.ones(x.shape, bool)
    new[..., 1:] = x[..., 1:] > top[..., :-1]
    return np.maximum.accumulate(np.where(new, np.arange(x.shape[-1]), 0), axis=-1)
''',
    "argcummin": '''
def argcummin(x):
    """The place of the smallest element so far along the last axis."""
    top = np.minimum.accumulate(x, axis=-1)
    new = np.ones(x.shape, bool)
    new[..., 1:] = x[..., 1:] < top[..., :-1]
    return np.maximum.accumulate(np.where(new, np.arange(x.shape[-1]), 0), axis=-1)
''',
}
"""Functions that NumPy has not: a source that calls one defines it."""

JAX_HELPERS: dict[str, str] = {
    "scatter_add": '''
def scatter_add(x, i, axis, n):
    """The values x added up at places i, which are its axes before and at `axis`, of an axis of length n."""
    i = np.asarray(i)
    end = x.ndim + 1 + axis
    start = end - i.ndim
    total = np.zeros((*x.shape[:start], n, *x.shape[end:]), x.dtype)
    return total.at[(*[slice(None)] * start, i)].add(x)
''',
    "put_along": '''
def put_along(x, i, n):
    """The values x added up at places i of each row's own, along a last axis of length n."""
    i = np.broadcast_to(i, x.shape)
    rows = np.zeros((x[..., 0].size, n), x.dtype)
    rows = rows.at[np.arange(len(rows))[:, None], i.reshape(len(rows), -1)].add(x.reshape(len(rows), -1))
    return rows.reshape(*x.shape[:-1], n)
''',
    "spaced": '''
def spaced(x, gap, axis):
    """x with `gap` zeros between its elements along an axis."""
    wide = [(0, 0, gap if k == axis % x.ndim else 0) for k in range(x.ndim)]
    return jax.lax.pad(x, np.zeros((), x.dtype), wide)
''',
    "linear_recurrence": '''
def linear_recurrence(a, b):
    """y[k] = a[k]*y[k - 1] + b[k] along the last axis, with 0 before it."""
    def joined(left, right):
        return left[0]*right[0], right[0]*left[1] + right[1]

    return jax.lax.associative_scan(joined, np.broadcast_arrays(a, b), axis=-1)[1]
''',
    "dft": HELPERS["dft"],
    "expm_frechet": HELPERS["expm_frechet"],
}
"""Those helpers as JAX has them, which changes no array in place."""

CONSTANTS: dict[str, str] = {
    "pi": "np.pi",
    "E": "np.e",
    "EulerGamma": "np.euler_gamma",
    "Catalan": "0.915965594177219",
    "GoldenRatio": "1.618033988749895",
}
