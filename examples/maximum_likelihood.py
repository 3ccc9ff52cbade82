"""Maximum likelihood: how the rate of rare events grows, from counts. Standard errors by the exact Hessian.

The data are von Bortkiewicz's: deaths by horse kicks in 14 corps of the Prussian army, 20 years, in 1898. How many
corps-years had 0, 1, 2, 3, 4 deaths is a Poisson distribution, the textbook's first.

Run: python examples/maximum_likelihood.py
"""

import math

import sympy as sp

import symgrad as sg

rate, deaths = sp.symbols("rate deaths", positive=True)
negative_log_likelihood = rate - deaths * sp.log(rate) + sp.loggamma(deaths + 1)

corps_years = [144, 91, 32, 11, 2]
result = sg.fit(negative_log_likelihood, data={"deaths": range(5)}, start={"rate": 1.0}, weights=corps_years)

print("negative log-likelihood of one row:", result.function.sympy())
print("its derivative:                    ", result.gradient.sympy()[0])
print()
print(result)

total, mean = sum(corps_years), sum(k * c for k, c in enumerate(corps_years)) / sum(corps_years)
print(f"\nin closed form: {mean:.11g} with standard error {math.sqrt(mean / total):.11g}")
assert abs(result["rate"] - mean) < 1e-12
assert abs(result.stderr["rate"] - math.sqrt(mean / total)) < 1e-12

print("\n deaths  observed  expected")
for k, count in enumerate(corps_years):
    expected = total * math.exp(-result["rate"]) * result["rate"] ** k / math.factorial(k)
    print(f"{k:7d}  {count:8d}  {expected:8.1f}")
