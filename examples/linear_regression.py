"""Linear regression by gradient descent: the loss, its gradient and the update in one compiled step.

Run: python examples/linear_regression.py
"""

import numpy as np
import sympy as sp

import symgrad as sg

w, b, n = sp.symbols("w b n")
i = sp.Symbol("i", integer=True)
x, y = sp.IndexedBase("x"), sp.IndexedBase("y")
loss = sg.function([w, b], sp.Sum((y[i] - w * x[i] - b) ** 2, (i, 0, n - 1)) / n, name="loss")

step = sg.train_step(loss, sg.sgd(learning_rate=0.5))
print("loss     =", loss.sympy())
print("gradient =", step.gradient.sympy())
print("in LaTeX =", step.gradient.latex())
print("step     =", step.function)

rng = np.random.default_rng(0)
xs = rng.random(1000)
ys = 2 * xs + 1 + 0.1 * rng.normal(size=1000)
state = step.init(w=0.0, b=0.0)
for k in range(200):
    last = step(state, n=1000, x=xs, y=ys)
    if k % 40 == 0:
        print(f"step {k:3}: loss {last:.6f}, w {state['w']:.4f}, b {state['b']:.4f}")
print(f"step 200: loss {last:.6f}, w {state['w']:.4f}, b {state['b']:.4f}")

slope, offset = np.polyfit(xs, ys, 1)
print(f"closed form:              w {slope:.4f}, b {offset:.4f}")
assert abs(state["w"] - slope) < 1e-3
assert abs(state["b"] - offset) < 1e-3
