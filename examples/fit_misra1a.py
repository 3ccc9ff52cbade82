"""Fit a real data set: NIST's Misra1a, monomolecular adsorption. Prints formula, gradient, result; saves a picture.

Run: python examples/fit_misra1a.py [picture.png]
"""

import csv
import sys
from pathlib import Path

import sympy as sp

import symgrad as sg

with open(Path(__file__).parent / "data" / "misra1a.csv", newline="") as file:
    table = list(csv.DictReader(file))
data = {name: [float(row[name]) for row in table] for name in ("x", "y")}

x, y, b1, b2 = sp.symbols("x y b1 b2")
result = sg.fit(sp.Eq(y, b1 * (1 - sp.exp(-b2 * x))), data=data, start={"b1": 500, "b2": 0.0001})

print("formula    y =", result.function.sympy())
print("gradient     =", result.gradient.sympy())
print("in LaTeX     =", result.gradient.latex())
print()
print(result)

print("\nagainst NIST's certified values (value, standard deviation):")
CERTIFIED = {"b1": ("2.3894212918E+02", "2.7070075241E+00"), "b2": ("5.5015643181E-04", "7.2668688436E-06")}
for name, (value, deviation) in CERTIFIED.items():
    print(f"{name}  certified {value}  {deviation}\n    fitted    {result[name]:.10E}  {result.stderr[name]:.10E}")
    assert abs(result[name] / float(value) - 1) < 1e-9
    assert abs(result.stderr[name] / float(deviation) - 1) < 1e-9

picture = Path(sys.argv[1] if len(sys.argv) > 1 else "misra1a.png")
result.plot().savefig(picture, dpi=120)
print(f"\npicture of the fit: {picture.resolve()}")
