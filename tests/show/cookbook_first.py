"""Determinants, inverses, linear and quadratic forms, traces of first and second order.

Per row: the function, our formula of its derivative by the first argument, the book's form (or another textbook's).
The numbers in front are those of the equations in K. B. Petersen and M. S. Pedersen, "The Matrix Cookbook" (2012).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.linalg import det, eigvalsh, inv, matrix_power, slogdet, solve

trace = np.trace

FIRST: dict[str, tuple[Any, str, Any]] = {
    "49 det X": (
        lambda X: det(X),
        r"\det\left(X\right) X^{-T}",
        lambda X: det(X) * inv(X).T,
    ),
    "51 det AXB": (
        lambda X, A, B: det(A @ X @ B),
        r"\det\left(A X B\right) A^{T} \left(A X B\right)^{-T} B^{T}",
        lambda X, A, B: det(A @ X @ B) * inv(X).T,
    ),
    "52 det X'X": (
        lambda R: det(R.T @ R),
        r"2 \det\left(R^{T} R\right) R \left(R^{T} R\right)^{-1}",
        lambda R: 2 * det(R.T @ R) * R @ inv(R.T @ R),
    ),
    "53 det X'GX": (
        lambda R, G: det(R.T @ G @ R),
        r"\begin{aligned}x_{0} &= \left(R^{T} G R\right)^{-1} \\ & \det\left(R^{T} G R\right) "
        r"\left(G^{T} R x_{0}^{T} + G R x_{0}\right)\end{aligned}",
        lambda R, G: det(R.T @ G @ R) * (G @ R @ inv(R.T @ G @ R) + G.T @ R @ inv(R.T @ G.T @ R)),
    ),
    "55 log det X'X": (
        lambda R: slogdet(R.T @ R)[1],
        r"2 R \left(R^{T} R\right)^{-1}",
        lambda R: 2 * R @ inv(R.T @ R),
    ),
    "57 log |det X|": (
        lambda X: slogdet(X)[1],
        r"X^{-T}",
        lambda X: inv(X).T,
    ),
    "57 log det X": (
        lambda X: np.log(det(X)),
        r"X^{-T}",
        lambda X: inv(X).T,
    ),
    "58 det X^k": (
        lambda X: det(matrix_power(X, 3)),
        r"\begin{aligned}x_{0} &= \left(X^{3}\right)^{-1} \\ & \det\left(X^{3}\right) \left(X x_{0} X "
        r"+ X^{2} x_{0} + x_{0} X^{2}\right)^{T}\end{aligned}",
        lambda X: 3 * det(matrix_power(X, 3)) * inv(X).T,
    ),
    "58 (det X)^k": (
        lambda X: det(X) ** 3,
        r"3 \det\left(X\right)^{3} X^{-T}",
        lambda X: 3 * det(X) ** 3 * inv(X).T,
    ),
    "61 a'X^-1 b": (
        lambda X, a, b: a @ inv(X) @ b,
        r"-X^{-T} a b^{T} X^{-T}",
        lambda X, a, b: -np.outer(inv(X).T @ a, inv(X) @ b),
    ),
    "61 solve": (
        lambda X, a, b: a @ solve(X, b),
        r"-X^{-T} a b^{T} X^{-T}",
        lambda X, a, b: -np.outer(solve(X.T, a), solve(X, b)),
    ),
    "62 det X^-1": (
        lambda X: det(inv(X)),
        r"-\frac{X^{-T}}{\det\left(X\right)}",
        lambda X: -det(inv(X)) * inv(X).T,
    ),
    "63 tr AX^-1 B": (
        lambda X, A, B: trace(A @ inv(X) @ B),
        r"-X^{-T} A^{T} B^{T} X^{-T}",
        lambda X, A, B: -(inv(X) @ B @ A @ inv(X)).T,
    ),
    "64 tr (X + A)^-1": (
        lambda X, A: trace(inv(X + A)),
        r"-\left(\left(X + A\right)^{-2}\right)^{T}",
        lambda X, A: -(inv(X + A) @ inv(X + A)).T,
    ),
    "67 eigenvalue": (
        lambda S: eigvalsh(S)[0],
        r"\operatorname{eig}_{V}\left(S\right) \operatorname{diag}\left(e_{0}\right) "
        r"\operatorname{eig}_{V}\left(S\right)^{T}",
        lambda S: np.outer(np.linalg.eigh(S)[1][:, 0], np.linalg.eigh(S)[1][:, 0]),
    ),
    "69 x'a": (
        lambda x, a: x @ a,
        r"a",
        lambda x, a: a,
    ),
    "70 a'Xb": (
        lambda X, a, b: a @ X @ b,
        r"a b^{T}",
        lambda X, a, b: np.outer(a, b),
    ),
    "71 a'X'b": (
        lambda X, a, b: a @ X.T @ b,
        r"b a^{T}",
        lambda X, a, b: np.outer(b, a),
    ),
    "72 a'Xa": (
        lambda X, a: a @ X @ a,
        r"a a^{T}",
        lambda X, a: np.outer(a, a),
    ),
    "76 b'X'Xc": (
        lambda X, b, c: b @ X.T @ X @ c,
        r"X \left(c b^{T} + b c^{T}\right)",
        lambda X, b, c: np.outer(X @ b, c) + np.outer(X @ c, b),
    ),
    "78 (Bx + b)'C(Dx + d)": (
        lambda x, B, b, C, D, d: (B @ x + b) @ C @ (D @ x + d),
        r"D^{T} C^{T} \left(B x + b\right) + B^{T} C \left(D x + d\right)",
        lambda x, B, b, C, D, d: B.T @ (C @ (D @ x + d)) + D.T @ (C.T @ (B @ x + b)),
    ),
    "81 x'Bx": (
        lambda x, B: x @ B @ x,
        r"\left(B + B^{T}\right) x",
        lambda x, B: B @ x + B.T @ x,
    ),
    "82 b'X'DXc": (
        lambda X, b, D, c: b @ X.T @ D @ X @ c,
        r"D X c b^{T} + D^{T} X b c^{T}",
        lambda X, b, D, c: np.outer(D.T @ (X @ b), c) + np.outer(D @ (X @ c), b),
    ),
    "83 (Xb + c)'D(Xb + c)": (
        lambda X, b, c, D: (X @ b + c) @ D @ (X @ b + c),
        r"\left(D + D^{T}\right) \left(X b + c\right) b^{T}",
        lambda X, b, c, D: np.outer(D @ (X @ b + c) + D.T @ (X @ b + c), b),
    ),
    "84 (x - As)'W(x - As) by s": (
        lambda s, x, A, W: (x - A @ s) @ W @ (x - A @ s),
        r"-A^{T} \left(W + W^{T}\right) \left(x - A s\right)",
        lambda s, x, A, W: -A.T @ (W @ (x - A @ s) + W.T @ (x - A @ s)),
    ),
    "85 (x - s)'W(x - s) by x": (
        lambda x, s, W: (x - s) @ W @ (x - s),
        r"\left(W + W^{T}\right) \left(x - s\right)",
        lambda x, s, W: W @ (x - s) + W.T @ (x - s),
    ),
    "86 (x - s)'W(x - s) by s": (
        lambda s, x, W: (x - s) @ W @ (x - s),
        r"-\left(W + W^{T}\right) \left(x - s\right)",
        lambda s, x, W: -(W @ (x - s) + W.T @ (x - s)),
    ),
    "88 (x - As)'W(x - As) by A": (
        lambda A, x, s, W: (x - A @ s) @ W @ (x - A @ s),
        r"-\left(W + W^{T}\right) \left(x - A s\right) s^{T}",
        lambda A, x, s, W: -np.outer(W @ (x - A @ s) + W.T @ (x - A @ s), s),
    ),
    "91 a'X^3 b": (
        lambda X, a, b: a @ matrix_power(X, 3) @ b,
        r"\left(X^{2}\right)^{T} a b^{T} + X^{T} a b^{T} X^{T} + a b^{T} \left(X^{2}\right)^{T}",
        lambda X, a, b: np.outer(a, X @ (X @ b)) + np.outer(X.T @ a, X @ b) + np.outer(X.T @ (X.T @ a), b),
    ),
    "97 x'Ax + b'x": (
        lambda x, A, b: x @ A @ x + b @ x,
        r"\left(A + A^{T}\right) x + b",
        lambda x, A, b: A @ x + A.T @ x + b,
    ),
    "99 tr X": (
        lambda X: trace(X),
        r"I",
        lambda X: np.eye(3),
    ),
    "100 tr XA": (
        lambda X, A: trace(X @ A),
        r"A^{T}",
        lambda X, A: A.T,
    ),
    "101 tr AXB": (
        lambda X, A, B: trace(A @ X @ B),
        r"A^{T} B^{T}",
        lambda X, A, B: A.T @ B.T,
    ),
    "102 tr AX'B": (
        lambda X, A, B: trace(A @ X.T @ B),
        r"B A",
        lambda X, A, B: B @ A,
    ),
    "103 tr X'A": (
        lambda X, A: trace(X.T @ A),
        r"A",
        lambda X, A: A,
    ),
    "105 tr (A kron X)": (
        lambda X, A: trace(np.kron(A, X)),
        r"\operatorname{tr}\left(A\right) I",
        lambda X, A: trace(A) * np.eye(3),
    ),
    "106 tr X^2": (
        lambda X: trace(X @ X),
        r"2 X^{T}",
        lambda X: 2 * X.T,
    ),
    "107 tr X^2 B": (
        lambda X, B: trace(X @ X @ B),
        r"\left(B X + X B\right)^{T}",
        lambda X, B: (X @ B + B @ X).T,
    ),
    "108 tr X'BX": (
        lambda X, B: trace(X.T @ B @ X),
        r"\left(B + B^{T}\right) X",
        lambda X, B: (B + B.T) @ X,
    ),
    "111 tr XBX'": (
        lambda X, B: trace(X @ B @ X.T),
        r"X \left(B + B^{T}\right)",
        lambda X, B: X @ (B + B.T),
    ),
}
