"""np.fft and scipy.fft: values as NumPy's, derivatives as differences of them; complex arrays as pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.fft

import symgrad as sg
from symgrad.define.numpy.fourier import Complex

RNG = np.random.default_rng(0)
EVEN = RNG.standard_normal((3, 4, 6))
ODD = RNG.standard_normal((3, 5, 7))
COMPLEX = ("fft", "ifft", "fft2", "ifft2", "fftn", "ifftn", "rfft", "rfft2", "rfftn", "ihfft")
HALF = ("irfft", "irfft2", "irfftn", "hfft")
SHIFTS = ("fftshift", "ifftshift")
MODULES = {"numpy": np.fft, "scipy": scipy.fft}


def parts(z: Any) -> Any:
    """Real and imaginary part of a complex result, traced or not."""
    return (z.real, z.imag) if isinstance(z, Complex) or z.dtype.kind == "c" else z


def check(f: Callable[..., Any], *arrays: Any) -> None:
    """Values, the derivative along a direction and along the transpose."""
    wanted = f(*arrays)
    found = sg.function(f)(*arrays)
    many = isinstance(wanted, tuple)
    for a, b in zip(wanted if many else (wanted,), found if many else (found,), strict=True):
        assert np.shape(b) == np.shape(a)
        assert np.allclose(a, b, rtol=1e-12, atol=1e-12)
    weights = [RNG.standard_normal(np.shape(w)) for w in (wanted if many else (wanted,))]

    def total(xs: Any) -> Any:
        y = f(*xs)
        return sum(np.sum(w * v) for w, v in zip(weights, y if many else (y,), strict=True))

    gradients = sg.grad(total)(arrays)
    directions = [RNG.standard_normal(a.shape) for a in arrays]
    up, down = (total([a + s * 1e-6 * d for a, d in zip(arrays, directions, strict=True)]) for s in (1, -1))
    slope = sum(np.sum(g * d) for g, d in zip(gradients, directions, strict=True))
    assert slope == pytest.approx((up - down) / 2e-6, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("name", COMPLEX)
@pytest.mark.parametrize("x", [EVEN, ODD], ids=["even", "odd"])
def test_of_real_arrays(module: str, name: str, x: Any) -> None:
    f = getattr(MODULES[module], name)
    check(lambda x: parts(f(x)), x) if module == "numpy" else check(lambda x: parts(getattr(scipy.fft, name)(x)), x)


@pytest.mark.parametrize("name", ["fft", "ifft", "fftn", "ifftn", "irfft", "irfft2", "irfftn", "hfft"])
@pytest.mark.parametrize("x", [EVEN, ODD], ids=["even", "odd"])
def test_of_complex_arrays(name: str, x: Any) -> None:
    check(lambda x: parts(getattr(np.fft, name)(np.fft.fft(x))), x)


@pytest.mark.parametrize("name", [*COMPLEX, *HALF])
@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
def test_norms(name: str, norm: Any) -> None:
    f = getattr(np.fft, name)
    check(lambda x: parts(f(np.fft.rfft(x) if name in HALF else x, norm=norm)), EVEN)


@pytest.mark.parametrize("n", [1, 2, 7, 9])
@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_lengths_and_axes(name: str, n: int, axis: int) -> None:
    f = getattr(np.fft, name)
    check(lambda x: parts(f(x, n, axis)), EVEN)
    if name in HALF:
        check(lambda x: parts(f(np.fft.rfft(x, axis=axis), n, axis)), EVEN)


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn", "fft2", "rfft2", "irfft2"])
@pytest.mark.parametrize(("s", "axes"), [((3, 5), (0, 1)), ((4, 4), (-1, 0)), (None, (1, 2)), ((2, 8), (1, 2))])
def test_several_axes(name: str, s: Any, axes: Any) -> None:
    f = getattr(np.fft, name)
    check(lambda x: parts(f(x, s, axes)), EVEN)


@pytest.mark.parametrize("name", SHIFTS)
@pytest.mark.parametrize("axes", [None, 0, (1, 2)])
def test_shifts(name: str, axes: Any) -> None:
    f = getattr(np.fft, name)
    check(lambda x: f(x, axes), ODD)
    check(lambda x: parts(f(np.fft.fft(x), axes)), ODD)


ARITHMETIC: list[Callable[[Any], Any]] = [
    lambda z: z * z,
    lambda z: z + 2.0,
    lambda z: 1.0 - z,
    lambda z: z / (2.0 + 1j),
    lambda z: 1.0 / z,
    lambda z: -z,
    lambda z: z**3,
    lambda z: z * 1j,
    lambda z: z.conj() * z,
    lambda z: np.conj(z),
    lambda z: np.abs(z),
    lambda z: np.angle(z[:, 1]),
    lambda z: np.exp(z),
    lambda z: np.real(z) + np.imag(z),
    lambda z: z[1:, 0],
    lambda z: z.sum(axis=0),
    lambda z: np.sum(z, axis=1),
    lambda z: z.mean(),
    lambda z: np.reshape(z, (-1,)),
    lambda z: z.reshape(-1, 3),
    lambda z: np.transpose(z),
    lambda z: z @ np.ones((6, 2)),
    lambda z: np.ones((2, 4)) @ z,
    lambda z: z * np.arange(6.0),
    lambda z: np.multiply(np.arange(6.0), z),
    lambda z: z - np.exp(1j * np.arange(6)),
]


@pytest.mark.parametrize("f", ARITHMETIC)
def test_arithmetic(f: Callable[[Any], Any]) -> None:
    check(lambda x: parts(f(np.fft.fft(x))), EVEN[0])


def test_power_spectrum_and_convolution() -> None:
    y = RNG.standard_normal(6)
    check(lambda x: np.abs(np.fft.rfft(x)) ** 2, EVEN[0, 0])
    check(lambda x, y: np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(y), 6), EVEN[0, 0], y)
    H = sg.hessian(lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2))(y)
    assert np.allclose(H, 12 * np.eye(6))  # Parseval


def test_float32_stays() -> None:
    x = EVEN[0].astype(np.float32)
    assert sg.function(lambda x: np.fft.irfft(np.fft.rfft(x)))(x).dtype == np.float32


def test_refused() -> None:
    with pytest.raises(sg.TraceError, match=r"np.sqrt of a traced complex array: take its real and imaginary parts"):
        sg.function(lambda x: np.abs(np.sqrt(np.fft.fft(x))))(EVEN)
    with pytest.raises(sg.TraceError, match=r"a decision on a traced value: write np.where"):
        sg.function(lambda x: np.where(bool(np.fft.fft(x)), x, 0))(EVEN)
