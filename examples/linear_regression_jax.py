"""Linear regression in JAX: a symbolic loss, its symbolic gradient as a JAX function, optax to fit.

Run: python examples/linear_regression_jax.py
"""

import jax
import numpy as np
import optax
import sympy as sp

import symgrad as sg

w, b, n = sp.symbols("w b n")
i = sp.Symbol("i", integer=True)
x, y = sp.IndexedBase("x"), sp.IndexedBase("y")
loss = sg.function([w, b], sp.Sum((y[i] - w * x[i] - b) ** 2, (i, 0, n - 1)) / n, name="loss")
gradient = sg.grad(loss)
print("loss     =", loss.sympy())
print("gradient =", gradient.sympy())
print("in LaTeX =", gradient.latex())

rng = np.random.default_rng(0)
xs = rng.random(1000)
ys = 2 * xs + 1 + 0.1 * rng.normal(size=1000)
data = {"x": xs, "y": ys, "n": 1000}

apply, params = loss.jax(trainable={w: 0.0, b: 0.0})  # params = {"w": ..., "b": ...}
slopes = gradient.jax()
optimizer = optax.sgd(0.5)


@jax.jit
def step(params, state):
    found = dict(zip(("w", "b"), slopes(**params, **data), strict=True))
    updates, state = optimizer.update(found, state)
    return optax.apply_updates(params, updates), state


state = optimizer.init(params)
for k in range(200):
    if k % 40 == 0:
        print(f"step {k:3}: loss {apply(params, **data):.6f}, w {params['w']:.4f}, b {params['b']:.4f}")
    params, state = step(params, state)
print(f"step 200: loss {apply(params, **data):.6f}, w {params['w']:.4f}, b {params['b']:.4f}")

of_jax = jax.grad(apply)(params, **data)  # JAX's own derivative of the loss says the same
for name, slope in zip(("w", "b"), slopes(**params, **data), strict=True):
    np.testing.assert_allclose(slope, of_jax[name], atol=1e-5)
slope, offset = np.polyfit(xs, ys, 1)
print(f"closed form:              w {slope:.4f}, b {offset:.4f}")
assert abs(params["w"] - slope) < 1e-3
assert abs(params["b"] - offset) < 1e-3
