"""Traces of higher order, functions of matrices, norms, and formulas of statistics and learning.

Per row: the function, our formula of its derivative by the first argument, the book's form (or another textbook's).
The numbers in front are those of the equations in K. B. Petersen and M. S. Pedersen, "The Matrix Cookbook" (2012).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.linalg import inv, matrix_power, norm, slogdet, solve
from scipy.linalg import expm

trace = np.trace

FURTHER: dict[str, tuple[Any, str, Any]] = {
    "114 tr AXBX": (
        lambda X, A, B: trace(A @ X @ B @ X),
        r"\left(B X A + A X B\right)^{T}",
        lambda X, A, B: A.T @ X.T @ B.T + B.T @ X.T @ A.T,
    ),
    "115 tr X'X": (
        lambda X: trace(X.T @ X),
        r"2 X",
        lambda X: 2 * X,
    ),
    "116 tr B'X'CXB": (
        lambda X, B, C: trace(B.T @ X.T @ C @ X @ B),
        r"\left(C + C^{T}\right) X B B^{T}",
        lambda X, B, C: C.T @ X @ B @ B.T + C @ X @ B @ B.T,
    ),
    "117 tr X'BXC": (
        lambda X, B, C: trace(X.T @ B @ X @ C),
        r"B X C + B^{T} X C^{T}",
        lambda X, B, C: B @ X @ C + B.T @ X @ C.T,
    ),
    "118 tr AXBX'C": (
        lambda X, A, B, C: trace(A @ X @ B @ X.T @ C),
        r"A^{T} C^{T} X B^{T} + C A X B",
        lambda X, A, B, C: A.T @ C.T @ X @ B.T + C @ A @ X @ B,
    ),
    "119 tr (AXB + C)(AXB + C)'": (
        lambda X, A, B, C: trace((A @ X @ B + C) @ (A @ X @ B + C).T),
        r"2 A^{T} \left(A X B + C\right) B^{T}",
        lambda X, A, B, C: 2 * A.T @ (A @ X @ B + C) @ B.T,
    ),
    "120 tr (X kron X)": (
        lambda X: trace(np.kron(X, X)),
        r"2 \operatorname{tr}\left(X\right) I",
        lambda X: 2 * trace(X) * np.eye(3),
    ),
    "121 tr X^4": (
        lambda X: trace(matrix_power(X, 4)),
        r"4 \left(X^{3}\right)^{T}",
        lambda X: 4 * matrix_power(X, 3).T,
    ),
    "122 tr AX^3": (
        lambda X, A: trace(A @ matrix_power(X, 3)),
        r"\left(A X^{2} + X \left(A X + X A\right)\right)^{T}",
        lambda X, A: (A @ X @ X + X @ A @ X + X @ X @ A).T,
    ),
    "123 tr B'X'CXX'CXB": (
        lambda X, B, C: trace(B.T @ X.T @ C @ X @ X.T @ C @ X @ B),
        r"\begin{aligned}x_{0} &= B^{T} X^{T} C^{T} X \\ x_{1} &= B^{T} X^{T} C X \\ & \left(C X "
        r"x_{0}^{T} + C^{T} X x_{1}^{T}\right) B^{T} + C^{T} X B x_{0} + C X B x_{1}\end{aligned}",
        lambda X, B, C: (
            C @ X @ X.T @ C @ X @ B @ B.T
            + C.T @ X @ B @ B.T @ X.T @ C.T @ X
            + C @ X @ B @ B.T @ X.T @ C @ X
            + C.T @ X @ X.T @ C.T @ X @ B @ B.T
        ),
    ),
    "124 tr AX^-1 B": (
        lambda X, A, B: trace(A @ solve(X, B)),
        r"-X^{-T} A^{T} B^{T} X^{-T}",
        lambda X, A, B: -(inv(X) @ B @ A @ inv(X)).T,
    ),
    "125 tr (X'GX)^-1 Q": (
        lambda R, G, Q: trace(inv(R.T @ G @ R) @ Q),
        r"\begin{aligned}x_{0} &= \left(R^{T} G R\right)^{-1} \\ & -\left(G R x_{0} Q x_{0} + G^{T} R "
        r"x_{0}^{T} Q^{T} x_{0}^{T}\right)\end{aligned}",
        lambda R, G, Q: (
            -(G @ R @ inv(R.T @ G @ R) @ Q @ inv(R.T @ G @ R) + G.T @ R @ (inv(R.T @ G @ R) @ Q @ inv(R.T @ G @ R)).T)
        ),
    ),
    "126 tr (X'GX)^-1 X'G'GX": (
        lambda R, G: trace(inv(R.T @ G @ R) @ (R.T @ G.T @ G @ R)),
        r"\begin{aligned}x_{0} &= \left(R^{T} G R\right)^{-1} \\ x_{1} &= x_{0} R^{T} G^{T} G R x_{0} "
        r"\\ & G^{T} \left(G R \left(x_{0} + x_{0}^{T}\right) - R x_{1}^{T}\right) - G R "
        r"x_{1}\end{aligned}",
        None,
    ),
    "128 tr sin X": (
        lambda X: trace(np.sin(X)),
        r"\cos_{\circ}\left(X\right) \circ I",
        lambda X: np.cos(X) * np.eye(3),
    ),
    "128 sum sin X": (
        lambda X: np.sum(np.sin(X)),
        r"\cos_{\circ}\left(X\right)",
        lambda X: np.cos(X),
    ),
    "128 tr e^X": (
        lambda X: trace(expm(X)),
        r"e^{X^{T}}",
        lambda X: expm(X).T,
    ),
    "128 tr A exp X": (
        lambda X, A: trace(A @ np.exp(X)),
        r"A^{T} \circ e^{\circ X}",
        lambda X, A: A.T * np.exp(X),
    ),
    "129 |x - a|": (
        lambda x, a: norm(x - a),
        r"\frac{x - a}{\left\|x - a\right\|}",
        lambda x, a: (x - a) / norm(x - a),
    ),
    "130 (x - a)/|x - a|": (
        lambda x, a: (x - a) / norm(x - a),
        r"\frac{I}{\left\|x - a\right\|} - \frac{\left(x - a\right) \left(x - a\right)^{T}}{\left\|x - "
        r"a\right\|^{3}}",
        lambda x, a: np.eye(3) / norm(x - a) - np.outer(x - a, x - a) / norm(x - a) ** 3,
    ),
    "131 |x|^2": (
        lambda x: norm(x) ** 2,
        r"2 x",
        lambda x: 2 * x,
    ),
    "132 |X|_F^2": (
        lambda X: norm(X) ** 2,
        r"2 X",
        lambda X: 2 * X,
    ),
    "|X|_F": (
        lambda X: norm(X),
        r"\frac{X}{\left\|X\right\|_{F}}",
        lambda X: X / norm(X),
    ),
    "|AX - B|_F^2": (
        lambda X, A, B: norm(A @ X - B) ** 2,
        r"2 A^{T} \left(A X - B\right)",
        lambda X, A, B: 2 * A.T @ (A @ X - B),
    ),
    "|Ax - b|": (
        lambda x, A, b: norm(A @ x - b),
        r"\frac{A^{T} \left(A x - b\right)}{\left\|A x - b\right\|}",
        lambda x, A, b: A.T @ (A @ x - b) / norm(A @ x - b),
    ),
    "|X|_*": (
        lambda X: norm(X, "nuc"),
        r"\operatorname{svd}_{U}\left(X\right) \operatorname{svd}_{V^{T}}\left(X\right)",
        lambda X: np.linalg.svd(X)[0] @ np.linalg.svd(X)[2],
    ),
    "tr F'F - 3": (
        lambda X: trace(X.T @ X) - 3,
        r"2 X",
        lambda X: 2 * X,
    ),
    "X'X": (
        lambda X: X.T @ X,
        r"I \otimes X^{T} + \left(X^{T} \otimes I\right) \mathbf{K}",
        None,
    ),
    "(XB)'(XB)": (
        lambda X, B: (X @ B).T @ (X @ B),
        r"B^{T} \otimes B^{T} X^{T} + \left(B^{T} X^{T} \otimes B^{T}\right) \mathbf{K}",
        None,
    ),
    "AXB": (
        lambda X, A, B: A @ X @ B,
        r"B^{T} \otimes A",
        None,
    ),
    "X^-1": (
        lambda X: inv(X),
        r"-X^{-T} \otimes X^{-1}",
        None,
    ),
    "Ax": (
        lambda x, A: A @ x,
        r"A",
        lambda x, A: A,
    ),
    "sin Ax": (
        lambda x, A: np.sin(A @ x),
        r"\operatorname{diag}\left(\cos_{\circ}\left(A x\right)\right) A",
        lambda x, A: np.cos(A @ x)[:, None] * A,
    ),
    "x'x A": (
        lambda t, A: t**2 * A,
        r"2 t A",
        lambda t, A: 2 * t * A,
    ),
    "Rayleigh": (
        lambda x, A: (x @ A @ x) / (x @ x),
        r"\frac{\left(A + A^{T}\right) x}{x^{T} x} - \frac{2 x^{T} A x}{\left(x^{T} x\right)^{2}} x",
        lambda x, A: (A @ x + A.T @ x) / (x @ x) - 2 * (x @ A @ x) / (x @ x) ** 2 * x,
    ),
    "cosine": (
        lambda x, a: x @ a / (norm(x) * norm(a)),
        r"\frac{a}{\left\|a\right\| \left\|x\right\|} - \frac{x^{T} a}{\left\|a\right\| "
        r"\left\|x\right\|^{3}} x",
        lambda x, a: a / (norm(x) * norm(a)) - (x @ a) / (norm(x) ** 3 * norm(a)) * x,
    ),
    "exp(-x'Ax/2)": (
        lambda x, A: np.exp(-(x @ A @ x) / 2),
        r"-\frac{e^{-\frac{x^{T} A x}{2}}}{2} \left(A + A^{T}\right) x",
        lambda x, A: -np.exp(-(x @ A @ x) / 2) / 2 * (A @ x + A.T @ x),
    ),
    "log N(x; m, S) by m": (
        lambda m, x, S: -0.5 * (x - m) @ inv(S) @ (x - m) - 0.5 * slogdet(S)[1],
        r"\frac{1}{2} \left(S^{-1} + S^{-T}\right) \left(x - m\right)",
        None,
    ),
    "log N(x; m, S) by S": (
        lambda S, x, m: -(x - m) @ inv(S) @ (x - m) / 2 - slogdet(S)[1] / 2,
        r"\frac{1}{2} \left(S^{-T} \left(x - m\right) \left(x - m\right)^{T} S^{-T} - S^{-T}\right)",
        lambda S, x, m: np.outer(solve(S.T, x - m), solve(S, x - m)) / 2 - inv(S).T / 2,
    ),
    "log sum exp": (
        lambda x: np.log(np.sum(np.exp(x))),
        r"\operatorname{softmax}\left(x\right)",
        lambda x: np.exp(x) / np.sum(np.exp(x)),
    ),
    "softmax": (
        lambda x: np.exp(x) / np.sum(np.exp(x)),
        r"\begin{aligned}x_{0} &= \operatorname{softmax}\left(x\right) \\ & "
        r"\operatorname{diag}\left(x_{0}\right) - x_{0} x_{0}^{T}\end{aligned}",
        None,
    ),
    "ridge": (
        lambda x, A, b, t: np.sum((A @ x - b) ** 2) + t * np.sum(x**2),
        r"2 A^{T} \left(A x - b\right) + 2 t x",
        lambda x, A, b, t: 2 * A.T @ (A @ x - b) + 2 * t * x,
    ),
    "factorisation by U": (
        lambda U, T, V: np.sum((T - U @ V.T) ** 2),
        r"-2 \left(T - U V^{T}\right) V",
        lambda U, T, V: -2 * (T - U @ V.T) @ V,
    ),
    "logistic regression": (
        lambda w, A, y: np.sum(np.log(1 + np.exp(A @ w)) - y * (A @ w)),
        r"A^{T} \left(\sigma_{\circ}\left(A w\right) - y\right)",
        lambda w, A, y: A.T @ (1 / (1 + np.exp(-(A @ w))) - y),
    ),
    "sum X o A": (
        lambda X, A: np.sum(X * A),
        r"A",
        lambda X, A: A,
    ),
    "sum (X o A)^2": (
        lambda X, A: np.sum((X * A) ** 2),
        r"2 \left(A^{\circ 2} \circ X\right)",
        lambda X, A: 2 * A**2 * X,
    ),
    "tr diag(x) A": (
        lambda x, A: trace(np.diag(x) @ A),
        r"\operatorname{diag}\left(A\right)",
        lambda x, A: np.diag(A),
    ),
    "diag(Ax) x": (
        lambda x, A: np.diag(A @ x) @ x,
        r"\operatorname{diag}\left(x\right) A + \operatorname{diag}\left(A x\right)",
        lambda x, A: np.diag(A @ x) + x[:, None] * A,
    ),
    "sum A o xx'": (
        lambda x, A: np.sum(A * np.outer(x, x)),
        r"\left(A + A^{T}\right) x",
        lambda x, A: A @ x + A.T @ x,
    ),
    "mean of squares": (
        lambda X: np.mean(X**2),
        r"\frac{2}{9} X",
        lambda X: 2 / 9 * X,
    ),
    "log det (XX' + A)": (
        lambda X, A: slogdet(X @ X.T + A)[1],
        r"\begin{aligned}x_{0} &= \left(X X^{T} + A\right)^{-1} \\ & \left(x_{0} + x_{0}^{T}\right) "
        r"X\end{aligned}",
        lambda X, A: (inv(X @ X.T + A) + inv(X @ X.T + A).T) @ X,
    ),
}
