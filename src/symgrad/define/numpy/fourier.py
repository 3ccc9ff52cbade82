"""Complex numbers as pairs of real arrays, and the discrete Fourier transform."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.define.numpy.broadcast import axes_of, floating, transposed
from symgrad.define.numpy.named import implements_named
from symgrad.define.numpy.tracer import Array, Standing, guarded, implements, is_traced, refuse
from symgrad.graph import REGISTER


class Complex(Standing):
    """A traced complex array: its real and its imaginary part. Only what is written down here can be done with it."""

    __array_priority__ = 1001.0
    __slots__ = ("imag", "real")

    def __init__(self, real: Any, imag: Any) -> None:
        self.real, self.imag = real, imag

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.real)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def dtype(self) -> Any:
        return np.dtype("complex64" if self.real.dtype == np.float32 else "complex128")

    def conj(self) -> Complex:
        return Complex(+self.real, -self.imag)

    conjugate = conj

    def __len__(self) -> int:
        return len(self.real)

    def __getitem__(self, key: Any) -> Complex:
        return Complex(self.real[key], self.imag[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        if not (is_traced(self.real) and is_traced(self.imag)):
            refuse("writing to a complex array of which a part is not traced: write to its real and imaginary parts")
        value = split(value)
        self.real[key], self.imag[key] = value.real, value.imag

    def updated(self, value: Complex) -> Complex:
        """`z += w`: all names of the array see it."""
        if not self.ndim:
            return value
        if value.shape != self.shape:
            refuse(f"an array of shape {self.shape} can't become one of shape {value.shape} in place")
        self[...] = value
        return self

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        meaning = _UFUNCS.get(ufunc)
        if meaning is None or method != "__call__" or keywords:
            refuse(f"np.{ufunc.__name__} of a traced complex array: take its real and imaginary parts")
        return guarded(f"np.{ufunc.__name__}", meaning, *map(split, inputs))

    def __array_function__(self, func: Any, types: Any, args: Any, keywords: Any) -> Any:
        if func in _SAME:  # moves data, or sums: of both parts alike
            first, *rest = args
            return Complex(func(first.real, *rest, **keywords), func(first.imag, *rest, **keywords))
        meaning = _FUNCTIONS.get(func)
        if meaning is None:
            refuse(f"np.{func.__name__} of a traced complex array: take its real and imaginary parts")
        return guarded(f"np.{func.__name__}", meaning, *args, **keywords)

    def __bool__(self) -> bool:
        return refuse("a decision on a traced value: write np.where(condition, a, b)")

    def __neg__(self) -> Complex:
        return Complex(-self.real, -self.imag)

    def __abs__(self) -> Any:
        return np.abs(self)

    def __pow__(self, n: Any) -> Any:
        if isinstance(n, int) and n > 0:
            result: Any = self
            for _ in range(n - 1):
                result = result * self
            return result
        return refuse("a power of a traced complex array: whole positive exponents can be traced")

    def __repr__(self) -> str:
        return f"<traced {self.dtype} {list(self.shape)}>"


def split(z: Any) -> Complex:
    """Any number or array as a pair."""
    if isinstance(z, Complex):
        return z
    if is_traced(z):
        return Complex(z, np.zeros_like(z))
    array: Any = np.asarray(z)
    return Complex(array.real, array.imag if array.dtype.kind == "c" else np.zeros(array.shape))


def _multiply(a: Complex, b: Complex) -> Complex:
    return Complex(a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real)


def _divide(a: Complex, b: Complex) -> Complex:
    size = b.real**2 + b.imag**2
    product = _multiply(a, Complex(b.real, -b.imag))
    return Complex(product.real / size, product.imag / size)


def _matmul(a: Complex, b: Complex) -> Complex:
    return Complex(a.real @ b.real - a.imag @ b.imag, a.real @ b.imag + a.imag @ b.real)


def _exp(z: Complex) -> Complex:
    size = np.exp(z.real)
    return Complex(size * np.cos(z.imag), size * np.sin(z.imag))


_UFUNCS: dict[Any, Callable[..., Any]] = {
    np.add: lambda a, b: Complex(a.real + b.real, a.imag + b.imag),
    np.subtract: lambda a, b: Complex(a.real - b.real, a.imag - b.imag),
    np.multiply: _multiply,
    np.true_divide: _divide,
    np.matmul: _matmul,
    np.negative: lambda a: Complex(-a.real, -a.imag),
    np.conjugate: Complex.conj,
    np.exp: _exp,
    np.absolute: lambda a: np.hypot(a.real, a.imag),
    np.square: lambda a: _multiply(a, a),
}
_SAME = frozenset(
    (
        *(np.transpose, np.reshape, np.ravel, np.swapaxes, np.moveaxis, np.expand_dims, np.squeeze, np.broadcast_to),
        *(np.sum, np.mean, np.roll, np.flip, np.take, np.cumsum, np.diff, np.trace, np.diagonal, np.copy, np.tile),
    )
)
_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.real: lambda z: z.real,
    np.imag: lambda z: z.imag,
    np.angle: lambda z, deg=False: np.arctan2(z.imag, z.real) * (180 / np.pi if deg else 1),
    np.shape: lambda z: z.shape,
    np.ndim: lambda z: z.ndim,
    np.size: lambda z, axis=None: z.size,
    np.iscomplexobj: lambda z: True,
    np.isrealobj: lambda z: False,
}


def _operators() -> None:
    for name, ufunc in (("add", np.add), ("sub", np.subtract), ("mul", np.multiply), ("truediv", np.true_divide)):
        setattr(Complex, f"__{name}__", lambda self, other, _u=ufunc: _UFUNCS[_u](self, split(other)))
        setattr(Complex, f"__r{name}__", lambda self, other, _u=ufunc: _UFUNCS[_u](split(other), self))
        setattr(Complex, f"__i{name}__", lambda self, other, _u=ufunc: self.updated(_UFUNCS[_u](self, split(other))))
    Complex.__matmul__ = lambda self, other: _matmul(self, split(other))  # type: ignore[attr-defined]
    Complex.__rmatmul__ = lambda self, other: _matmul(split(other), self)  # type: ignore[attr-defined]
    for name in ("sum", "mean", "reshape", "ravel", "transpose", "swapaxes"):
        setattr(
            Complex,
            name,
            lambda self, *args, _n=name, **kw: Complex(
                getattr(self.real, _n)(*args, **kw), getattr(self.imag, _n)(*args, **kw)
            ),
        )


_operators()


def _resized(z: Complex, n: int | None, axis: int) -> Complex:
    """Cut off or filled with zeros to `n` places."""
    own = z.shape[axis]
    if n is None or n == own:
        return z
    lead = (slice(None),) * axis
    if n < own:
        return z[(*lead, slice(0, n))]
    widths = [(0, n - own) if k == axis else (0, 0) for k in range(z.ndim)]
    return Complex(np.pad(z.real, widths), np.pad(z.imag, widths))


def _scale(norm: str | None, n: int, forward: bool) -> float:
    norm = norm or "backward"
    if norm == "ortho":
        return 1 / math.sqrt(n)
    return 1 / n if (norm == "forward") == forward else 1.0


def transform(x: Any, n: int | None, axis: int, norm: str | None, forward: bool) -> Complex:
    """The transform along one axis, scaled as NumPy does."""
    z = split(x)
    z = Complex(floating(z.real) if is_traced(z.real) else z.real, floating(z.imag) if is_traced(z.imag) else z.imag)
    (at,) = axes_of(axis, z.ndim)
    z = _resized(z, n, at)
    pairs: Any = np.stack([np.moveaxis(z.real, at, -1), np.moveaxis(z.imag, at, -1)], axis=-1)
    g = pairs.graph
    y = Array(g, g.build(REGISTER["dft"], (pairs.id,), (-1 if forward else 1,)))
    scale = _scale(norm, z.shape[at], forward)
    y = y if scale == 1 else y * scale
    order = list(range(z.ndim - 1))
    order.insert(at, z.ndim - 1)
    return Complex(*(Array(g, transposed(g, y[..., k].id, order)) for k in (0, 1)))


def _one(forward: bool) -> Callable[..., Any]:
    def meaning(a: Any, n: Any = None, axis: int = -1, norm: Any = None, *_: Any, **__: Any) -> Any:
        return transform(a, n, axis, norm, forward)

    return meaning


def _many(forward: bool, default: Any) -> Callable[..., Any]:
    def meaning(a: Any, s: Any = None, axes: Any = default, norm: Any = None, *_: Any, **__: Any) -> Any:
        if axes is None:
            axes = range(np.ndim(a)) if s is None else range(-len(s), 0)
        for k, axis in enumerate(axes):
            a = transform(a, None if s is None else s[k], axis, norm, forward)
        return a

    return meaning


def rfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, *_: Any, **__: Any) -> Any:
    z = transform(a, n, axis, norm, True)
    (at,) = axes_of(axis, z.ndim)
    return z[(slice(None),) * at + (slice(0, z.shape[at] // 2 + 1),)]


def irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, *_: Any, **__: Any) -> Any:
    z = split(a)
    (at,) = axes_of(axis, z.ndim)
    n = 2 * (z.shape[at] - 1) if n is None else n
    z = _resized(z, n // 2 + 1, at)
    lead = (slice(None),) * at
    # what is missing are conjugates; the imaginary parts of the first and middle places are not read
    rest = z[(*lead, slice(n - n // 2 - 1, 0, -1))].conj()
    first = np.arange(n // 2 + 1) % max(n / 2, 1) == 0
    keep = np.reshape(np.where(first, 0.0, 1.0), [-1 if k == at else 1 for k in range(z.ndim)])
    z = Complex(z.real, z.imag * keep.astype(z.imag.dtype))
    whole = Complex(*(np.concatenate([p, q], axis=at) for p, q in ((z.real, rest.real), (z.imag, rest.imag))))
    return transform(whole, None, at, norm, False).real


def _axes(a: Any, s: Any, axes: Any) -> list[int]:
    if axes is None:
        return list(range(np.ndim(a))) if s is None else list(range(-len(s), 0))
    return list(axes)


def _rfftn(default: Any) -> Callable[..., Any]:
    def meaning(a: Any, s: Any = None, axes: Any = default, norm: Any = None, *_: Any, **__: Any) -> Any:
        """Along the last axis first, as its values are real."""
        own = _axes(a, s, axes)
        a = rfft(a, None if s is None else s[-1], own[-1], norm)
        for k, axis in enumerate(own[:-1]):
            a = transform(a, None if s is None else s[k], axis, norm, True)
        return a

    return meaning


def _irfftn(default: Any) -> Callable[..., Any]:
    def meaning(a: Any, s: Any = None, axes: Any = default, norm: Any = None, *_: Any, **__: Any) -> Any:
        own = _axes(a, s, axes)
        for k, axis in enumerate(own[:-1]):
            a = transform(a, None if s is None else s[k], axis, norm, False)
        return irfft(a, None if s is None else s[-1], own[-1], norm)

    return meaning


_SWAPPED = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, *_: Any, **__: Any) -> Any:
    return irfft(split(a).conj(), n, axis, _SWAPPED[norm])


def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, *_: Any, **__: Any) -> Any:
    return rfft(a, n, axis, _SWAPPED[norm]).conj()


def _shift(sign: int) -> Callable[..., Any]:
    def meaning(x: Any, axes: Any = None) -> Any:
        for k in axes_of(axes, np.ndim(x)):
            n = np.shape(x)[k]
            move = n // 2 if sign > 0 else -(n // 2)
            x = (
                Complex(np.roll(x.real, move, k), np.roll(x.imag, move, k))
                if isinstance(x, Complex)
                else np.roll(x, move, k)
            )
        return x

    return meaning


_BY_NAME: dict[str, Callable[..., Any]] = {
    "fft": _one(True),
    "ifft": _one(False),
    "fft2": _many(True, (-2, -1)),
    "ifft2": _many(False, (-2, -1)),
    "fftn": _many(True, None),
    "ifftn": _many(False, None),
    "rfft": rfft,
    "irfft": irfft,
    "rfft2": _rfftn((-2, -1)),
    "rfftn": _rfftn(None),
    "irfft2": _irfftn((-2, -1)),
    "irfftn": _irfftn(None),
    "hfft": hfft,
    "ihfft": ihfft,
    "fftshift": _shift(1),
    "ifftshift": _shift(-1),
}

for _name, _meaning in _BY_NAME.items():
    implements(getattr(np.fft, _name))(_meaning)
    implements_named(f"scipy.fft.{_name}")(_meaning)
    _FUNCTIONS[getattr(np.fft, _name)] = _meaning
