"""A ridge weight tuned by the gradient of the validation loss.

The weights of the regression are a minimum, `sg.minimize`, found by SciPy's solver. Its derivative comes from the
implicit function theorem, so the validation loss at the minimum has a gradient and a second derivative by the ridge
weight like any other function, and the ridge weight is found by Newton's method in a few steps.

Run: python examples/ridge_hypergradient.py [picture.png]        (the picture needs matplotlib)
"""

import sys

import numpy as np

import symgrad as sg

rng = np.random.default_rng(4)
truth = rng.normal(size=30) * (rng.random(30) < 0.4)
X, X_held = rng.normal(size=(60, 30)), rng.normal(size=(200, 30))
y, y_held = X @ truth + 2.0 * rng.normal(size=60), X_held @ truth + 2.0 * rng.normal(size=200)


def fitted(log_weight):
    """The weights of the regression, where the ridge's is e^log_weight."""

    def loss(w):
        return np.mean((X @ w - y) ** 2) + np.exp(log_weight) * np.mean(w**2)

    return sg.minimize(loss, np.zeros(30))


@sg.function
def validation_loss(log_weight):
    return np.mean((X_held @ fitted(log_weight) - y_held) ** 2)


slope, curvature = sg.grad(validation_loss), sg.grad(sg.grad(validation_loss))

at, path = -3.0, []
for step in range(20):
    value, d, dd = validation_loss(at), slope(at), curvature(at)
    path.append((at, value))
    print(f"step {step:2}: ridge weight {np.exp(at):8.5f}, validation loss {value:.8f}, slope {d:+.2e}")
    if abs(d) < 1e-10:
        break
    at -= np.clip(d / abs(dd), -1.5, 1.5)  # downhill, also where the curve is bent the other way

h = 1e-4
difference = (validation_loss(at + 0.5 + h) - validation_loss(at + 0.5 - h)) / (2 * h)
print(f"slope beside it: {slope(at + 0.5):.9f}, by finite differences {difference:.9f}")
grid = np.linspace(at - 5, at + 3, 81)
curve = np.array([validation_loss(g) for g in grid])
print(f"least of a grid of {len(grid)} ridge weights: {np.exp(grid[np.argmin(curve)]):.5f}, loss {curve.min():.8f}")
closed = np.linalg.solve(X.T @ X / 60 + np.exp(at) / 30 * np.eye(30), X.T @ y / 60)
assert abs(slope(at)) < 1e-10
assert validation_loss(at) <= curve.min() * (1 + 1e-12)  # the grid holds the same point to rounding
assert np.allclose(sg.function(fitted)(at), closed, rtol=1e-9)
assert abs(slope(at + 0.5) - difference) < 1e-6

try:
    from matplotlib.figure import Figure
except ImportError:
    sys.exit("the picture needs matplotlib: pip install 'symgrad[plot]'")
figure = Figure(figsize=(7, 4), layout="constrained")
axes = figure.subplots()
axes.plot(np.exp(grid), curve, color="C0", label="validation loss at the minimum")
axes.plot([np.exp(a) for a, _ in path], [value for _, value in path], "o-", color="C1", label="steps")
axes.set_xscale("log")
axes.set_xlabel("ridge weight")
axes.set_ylabel("validation loss")
axes.legend()
picture = sys.argv[1] if len(sys.argv) > 1 else "ridge_hypergradient.png"
figure.savefig(picture, dpi=120)
print("the picture is in", picture)
