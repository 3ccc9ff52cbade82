"""Linear regression in PyTorch: a symbolic loss, its symbolic gradient as the module's, torch.optim to fit.

Run: python examples/linear_regression_torch.py
"""

import numpy as np
import sympy as sp
import torch

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
data = {"x": torch.tensor(xs), "y": torch.tensor(ys), "n": 1000}

model = loss.torch(trainable={w: 0.0, b: 0.0})  # w and b are nn.Parameters
slopes = gradient.torch()
print("as torch =", slopes.program.code.strip())
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
for k in range(200):
    if k % 40 == 0:
        print(f"step {k:3}: loss {model(**data).item():.6f}, w {model.w.item():.4f}, b {model.b.item():.4f}")
    with torch.no_grad():  # the gradient is a formula: no tape
        model.w.grad, model.b.grad = slopes(model.w, model.b, **data)
    optimizer.step()
print(f"step 200: loss {model(**data).item():.6f}, w {model.w.item():.4f}, b {model.b.item():.4f}")

model.zero_grad()
model(**data).backward()  # autograd of the loss says the same
torch.testing.assert_close((model.w.grad, model.b.grad), slopes(model.w, model.b, **data))
slope, offset = np.polyfit(xs, ys, 1)
print(f"closed form:              w {slope:.4f}, b {offset:.4f}")
assert abs(model.w.item() - slope) < 1e-3
assert abs(model.b.item() - offset) < 1e-3
