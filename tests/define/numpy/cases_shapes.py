"""Calls of functions that move, join, repeat and split arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.define.numpy.agreement import Case, S, case

_RNG = np.random.default_rng(0)
A = _RNG.standard_normal((2, 3, 4))
V = _RNG.standard_normal(5)
W = _RNG.standard_normal(3)
M = _RNG.standard_normal((3, 4))
SQUARE = _RNG.standard_normal((3, 3))
EMPTY = np.zeros((2, 0, 3))
ONE = np.array([[0.7]])
F = M.astype(np.float32)
INT = _RNG.integers(-4, 5, (3, 4))
BOOL = M > 0
SCALAR = np.float64(1.3)
ALL = (A, V, M, ONE, F, INT, BOOL, SCALAR, EMPTY)

CASES: list[Case] = []


def _add(f: Any, *args: Any, **keywords: Any) -> None:
    CASES.append(case(f, *args, **keywords))


def _shapes() -> None:
    for x in ALL:
        for f in (np.transpose, np.ravel, np.squeeze, np.copy, np.zeros_like, np.ones_like, np.empty_like, np.shape,
                  np.ndim, np.size, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.flip, np.real, np.imag,
                  np.matrix_transpose, np.fliplr, np.flipud, np.isrealobj, np.iscomplexobj):  # fmt: skip
            if f is not np.empty_like:
                _add(f, x)
    _add(np.empty_like, np.zeros((0, 2)))
    _add(np.atleast_1d, A, SCALAR)
    _add(np.atleast_2d, V, SCALAR)
    _add(np.atleast_3d, M, V)
    for axes in ((1, 0, 2), (2, 0, 1), (-1, 0, 1), (0, 0, 1), (0, 1)):
        _add(np.transpose, A, axes)
        _add(np.permute_dims, A, axes)
    for shape in ((4, 6), (-1,), 24, (2, -1, 2), (1, 24), (5, 5), (-1, -1), (3, 2, 4)):
        for order in ("C", "F"):
            _add(np.reshape, A, shape, order=order)
    _add(np.reshape, EMPTY, (0, 5))
    _add(np.reshape, EMPTY, (3, -1))
    _add(np.reshape, EMPTY, (0, -1))
    _add(np.reshape, SCALAR, (1, 1))
    _add(np.ravel, A, "F")
    for a, b in ((0, 2), (-1, 0), (1, 1), (0, 3)):
        _add(np.swapaxes, A, a, b)
        _add(np.moveaxis, A, a, b)
        _add(np.rollaxis, A, a, b)
    _add(np.rollaxis, A, 2)
    _add(np.moveaxis, A, (0, 1), (-1, -2))
    _add(np.moveaxis, A, [0, 2], [2, 0])
    _add(np.moveaxis, A, (0, 0), (1, 2))
    for axis in (0, -1, (0, 2), (0, -1), 5):
        _add(np.expand_dims, M, axis)
    _add(np.squeeze, np.ones((1, 3, 1)) * 2.0)
    _add(np.squeeze, np.ones((1, 3, 1)) * 2.0, 0)
    _add(np.squeeze, np.ones((1, 3, 1)) * 2.0, axis=(0, 2))
    _add(np.squeeze, A, 0)
    for shape in ((2, 3, 4), (3, 4), (5, 1, 3, 4), (4, 3), 4):
        _add(np.broadcast_to, M, shape)
    _add(np.broadcast_to, W[:, None], (3, 4))
    _add(np.broadcast_to, SCALAR, (2, 0))
    _add(np.broadcast_to, BOOL[:, :1], (3, 5))
    _add(np.broadcast_arrays, M, V[:4], SCALAR)
    _add(np.broadcast_arrays, W[:, None], V)
    _add(np.broadcast_arrays, W, V)
    for axis in (0, -1, (0, 2), None):
        _add(np.flip, A, axis)
    for k in range(-1, 5):
        _add(np.rot90, M, k)
    _add(np.rot90, A, 1, (0, 2))
    _add(np.rot90, A, 3, axes=(2, 1))
    for f in (np.zeros_like, np.ones_like):
        _add(f, M, dtype=np.int64)
        _add(f, M, shape=(2, 2))
        _add(f, M, dtype=bool)
    _add(np.full_like, M, 2.5)
    _add(np.full_like, INT, 2.5)
    _add(np.full_like, M, V[:4])
    _add(np.full_like, F, 1.5)
    for c in (np.expand_dims,):
        _add(c, EMPTY, 0)
    _add(np.astype, M, np.float32)
    _add(np.astype, M, np.int64)
    _add(np.size, A, 1)


def _joining() -> None:
    for axis in (0, 1, -1, None, 2):
        _add(np.concatenate, [M, M[:2]], axis=axis)
        _add(np.concatenate, [M, M[:, :2]], axis=axis)
        _add(np.concatenate, (M, M * 2, M), axis=axis)
    _add(np.concatenate, [M, F], axis=0)
    _add(np.concatenate, [F, INT], axis=0)
    _add(np.concatenate, [BOOL, INT], axis=0)
    _add(np.concatenate, [M, S(np.zeros((1, 4))).value], axis=0)
    _add(np.concatenate, [V, np.zeros(0)])
    _add(np.concatenate, [M, V])
    _add(np.concatenate, [M, INT], dtype=np.float32)
    _add(np.concat, [V, W])
    for axis in (0, 1, 2, -1, 3):
        _add(np.stack, [M, M * 2], axis=axis)
    _add(np.stack, [SCALAR, np.float64(2.0)])
    _add(np.stack, [M, INT])
    _add(np.stack, [V, W])
    _add(np.stack, [EMPTY, EMPTY])
    _add(np.stack, [M, INT], dtype=np.float32)
    for f in (np.hstack, np.vstack, np.dstack, np.column_stack):
        _add(f, [V, V])
        _add(f, [M, M])
        _add(f, [A, A])
        _add(f, [V, W])
        _add(f, [M, F])
        _add(f, [SCALAR, SCALAR])
    _add(np.column_stack, [W, M])
    _add(np.append, V, W)
    _add(np.append, M, 3.0)
    _add(np.append, M, M[:1], axis=0)
    _add(np.append, INT, V)
    _add(np.append, M, V, axis=0)
    _add(np.block, [[M, M], [M, M]])
    _add(np.block, [V, W])
    _add(np.block, [[M[:, :1], M], [S(np.ones((1, 1))).value, M[:1]]])
    _add(np.block, [[SCALAR, SCALAR], [SCALAR, SCALAR]])
    _add(np.block, [A, A])
    for reps in (2, (2,), (2, 3), (2, 1, 3), (0, 2)):
        _add(np.tile, M, reps)
        _add(np.tile, V, reps)
    _add(np.tile, SCALAR, 3)
    _add(np.tile, BOOL, (1, 2))
    for axis in (None, 0, 1, -1):
        _add(np.repeat, M, 2, axis=axis)
        _add(np.repeat, INT, 0, axis=axis)
    _add(np.repeat, M, S(np.array([1, 0, 2])), axis=0)
    _add(np.repeat, M, [1, 0, 2, 1], axis=1)
    _add(np.repeat, M, [1, 2], axis=1)
    for shift, axis in ((1, None), (-1, 0), (5, 1), ((1, 2), (0, 1)), (2, (0, 1)), (0, 0), (1, -1)):
        _add(np.roll, M, shift, axis)
        _add(np.roll, A, shift, axis)
    _add(np.roll, EMPTY, 1, 1)
    _add(np.roll, V, 7)


def _splitting() -> None:
    for n in (2, 3, 4, [1, 3], [2], [0, 1, 5, 9], [-1]):
        _add(np.split, M, n, axis=1)
        _add(np.array_split, M, n, axis=1)
        _add(np.array_split, V, n)
        _add(np.hsplit, M, n)
        _add(np.vsplit, M, n)
        _add(np.dsplit, A, n)
    _add(np.array_split, V, 7)
    _add(np.hsplit, V, [2])
    _add(np.unstack, M)
    _add(np.unstack, A, axis=1)
    for indexing in ("xy", "ij"):
        _add(np.meshgrid, V, W, indexing=indexing)
        _add(np.meshgrid, V, W, W, indexing=indexing)
        _add(np.meshgrid, V, W, indexing=indexing, sparse=True)
    _add(np.meshgrid, V)
    _add(np.meshgrid, V, S(np.arange(3.0)))
    _add(np.ix_, np.array([0, 2]), np.array([1, 3, 0]))


def _padding() -> None:
    for width in (1, (1, 2), ((1, 2), (0, 3)), ((2, 1),), 0):
        for mode in ("constant", "edge", "reflect", "symmetric", "wrap"):
            _add(np.pad, M, width, mode=mode)
            _add(np.pad, V, width, mode=mode)
    _add(np.pad, M, 7, mode="reflect")
    _add(np.pad, M, 7, mode="wrap")
    _add(np.pad, M, {0: (1, 2)})
    _add(np.pad, M, 2, constant_values=3.0)
    _add(np.pad, INT, 2, constant_values=3)
    _add(np.pad, M, 2, constant_values=(1.0, 2.0))
    _add(np.pad, M, ((1, 2), (0, 3)), constant_values=((1.0, 2.0), (3.0, 4.0)))
    _add(np.pad, M, -1)
    _add(np.pad, INT, 1)
    _add(np.pad, BOOL, 1)
    _add(np.pad, F, 1)
    _add(np.pad, EMPTY, 1)
    _add(np.pad, EMPTY, 1, mode="edge")


def _changing() -> None:
    for where in (0, 2, -1, [1, 3], [0, 0], 5, slice(0, 4, 2)):
        _add(np.insert, V, where, 9.0)
        _add(np.insert, M, where, 9.0, axis=1)
        _add(np.insert, M, where, W[:, None], axis=1)
        _add(np.delete, V, where)
        _add(np.delete, M, where, axis=1)
        _add(np.delete, M, where)
    _add(np.insert, V, [1, 3], np.array([8.0, 9.0]))
    _add(np.insert, V, 1, np.array([8.0, 9.0]))
    _add(np.insert, M, 1, W, axis=1)
    _add(np.insert, M, 1, V[:4], axis=0)
    _add(np.insert, M, [1, 2], np.ones((2, 4)) * SCALAR, axis=0)
    _add(np.insert, M, 3, 5.0)
    _add(np.insert, INT, 1, 2.7, axis=0)
    _add(np.delete, V, S(np.array([True, False, False, True, False])))
    _add(np.resize, M, (2, 3))
    _add(np.resize, V, (3, 4))
    _add(np.resize, V, 7)
    _add(np.resize, V, (0, 2))


_shapes()
_joining()
_splitting()
_padding()
_changing()
