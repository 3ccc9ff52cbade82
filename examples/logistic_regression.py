"""Logistic regression by Newton's method: gradient and Hessian stay matrix formulas, nothing is written out.

Run: python examples/logistic_regression.py
"""

import numpy as np
import sympy as sp

import symgrad as sg

samples, features = 500, 4
X = sp.MatrixSymbol("X", samples, features)
y = sp.MatrixSymbol("y", samples, 1)
w = sp.MatrixSymbol("w", features, 1)
u = sp.Symbol("u")
margins = sp.HadamardProduct(y, X * w)
losses = margins.applyfunc(sp.Lambda(u, sp.log(1 + sp.exp(-u))))
loss = sg.function([w, X, y], sp.OneMatrix(1, samples) * losses + w.T * w / 20, name="loss")

gradient = sg.grad(loss, wrt=w)
hessian = sg.hessian(loss, wrt=w)
print("loss     =", loss.latex())
print("gradient =", gradient.latex())
print("Hessian  =", hessian.latex())
print(hessian)
print(gradient.python())

rng = np.random.default_rng(0)
data = rng.normal(size=(samples, features))
labels = np.sign(data @ [[1.0], [-2.0], [0.5], [0.0]] + rng.normal(size=(samples, 1)))
weights = np.zeros((features, 1))
for k in range(8):
    slope = gradient(weights, data, labels)
    print(f"step {k}: loss {loss(weights, data, labels).item():.9f}, gradient {np.abs(slope).max():.1e}")
    weights -= np.linalg.solve(hessian(weights, data, labels), slope)
print("weights  =", weights.ravel().round(4))
assert np.abs(gradient(weights, data, labels)).max() < 1e-11
