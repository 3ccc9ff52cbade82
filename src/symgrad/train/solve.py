"""Which roads are walked, and which end is the answer.

No single solver gets everywhere: Levenberg and Marquardt's may walk out onto a plateau, a trust region may stop
in a long valley. So several roads are walked, each to its end, and the lowest end wins; two roads that come to the
same minimum settle it early. That a solver stops says little, so every end is judged by `newton.finish`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError
from symgrad.train.newton import End, finish, newton
from symgrad.train.objective import Objective, Squares
from symgrad.train.roads import least_squares, projected, scaled_minimize

SAME = 1e-8
"""Ends whose values differ by less than this fraction are one place."""
FLOOR = 1e-29
"""A sum of squares below this fraction of the one at the start is as good as zero."""

SQUARES = ("projected lm", "lm", "trf", "newton", "projected trf", "dogbox")
LIKELIHOOD = ("newton", "bfgs", "newton-cg", "nelder-mead")


class Solver:
    """Walks roads of one problem.

    Attributes:
        linear: positions of parameters that enter linearly, for variable projection.
        roads: those that can be walked, in order.
    """

    def __init__(self, objective: Objective, bounds: Any = None) -> None:
        self.objective = objective
        self.bounds = bounds
        self._floor = 0.0
        self.squares = isinstance(objective, Squares)
        self.linear = objective.rows.linear() if self.squares and bounds is None else ()
        if bounds is not None:
            self.roads: tuple[str, ...] = ("trf", "dogbox") if self.squares else ("l-bfgs-b",)
        elif self.squares:
            self.roads = tuple(r for r in SQUARES if self.linear or not r.startswith("projected"))
        else:
            self.roads = LIKELIHOOD

    def walk(self, road: str, start: Any) -> End:
        """One road from `start` to its end, finished (unless there are bounds)."""
        rows = self.objective.rows
        before = rows.evaluations
        with np.errstate(all="ignore"):
            try:
                if road == "newton":
                    at = newton(self.objective, start)
                elif not self.squares:
                    at = scaled_minimize(self.objective, start, road, self.bounds)
                elif road.startswith("projected "):
                    at = projected(rows, self.linear, start, road.removeprefix("projected "))
                else:
                    at = least_squares(rows.values, rows.jacobian, start, road, self.bounds)
                end = End(road, at, self.objective.value(at))
            except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
                end = End(road, np.array(start), float("inf"), why=str(error))
            if self.bounds is None:
                finish(self.objective, end, start)
        end.evaluations = rows.evaluations - before
        return end

    def solve(self, start: Any, solver: str = "auto") -> list[End]:
        """The ends of all roads walked, the best first."""
        if solver != "auto":
            if solver not in self.roads:
                raise ArgumentError(f"solver={solver!r}; for this fit it is 'auto', {', '.join(map(repr, self.roads))}")
            return [self.walk(solver, start)]
        ends: list[End] = []
        if self.squares:
            self._floor = FLOOR * self.objective.value(start)
        for road in self.roads:
            ends.append(self.walk(road, start))
            if len(ends) == 2 and all(e.minimum for e in ends) and self.same(ends[0].value, ends[1].value):
                return self.ranked(ends, start)
        best = self.ranked(ends, start)[0]
        if self.bounds is None and not best.minimum and np.isfinite(best.value):
            for road in self.roads:
                ends.append(self.walk(road, best.at))
                ends[-1].solver = f"{best.solver}, then {road}"
                if ends[-1].minimum:
                    break
        return self.ranked(ends, start)

    def same(self, value: float, other: float) -> bool:
        """Whether two values differ by no more than rounding."""
        return abs(value - other) <= SAME * max(abs(value), abs(other)) + self._floor

    def ranked(self, ends: Sequence[End], start: Any) -> list[End]:
        """The lowest first; among equally low ones minima first, then the one nearest to the start."""
        low = min(e.value for e in ends)
        for e in ends:
            e.lowest = e.value == low or self.same(e.value, low)

        def key(e: End) -> tuple[bool, bool, float]:
            away = float(np.max(np.abs(e.at - start) / np.where(start != 0, np.abs(start), 1.0)))
            return (not e.lowest, not e.minimum, away if e.lowest else e.value)

        return sorted(ends, key=key)
