"""Which roads are walked, and which end is the answer.

No single solver gets everywhere: Levenberg and Marquardt's may walk out onto a plateau, a trust region may stop
in a long valley. So several roads are walked, each to its end, and the lowest end wins; two roads that come to the
same minimum settle it early (one of them projected and one not, where there are such: those of a kind go astray
together). That a solver stops says little, so every end is judged by `newton.finish`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError
from symgrad.train.newton import End, finish, newton
from symgrad.train.objective import Objective, Squares
from symgrad.train.roads import least_squares, projected, scaled_minimize
from symgrad.train.symmetry import nearest, terms

SAME = 1e-8
"""Ends whose values differ by less than this fraction are one place."""
LIMITS = (300, 3000)
"""Evaluations that a road may take before the next one gets its turn, and in the second round."""
FAR = 10.0
"""A road that is this many times above a minimum found elsewhere is not walked on."""
FLOOR = 1e-29
"""A sum of squares below this fraction of the one at the start is as good as zero."""

SQUARES = ("projected lm", "lm", "trf", "newton", "projected trf", "dogbox")
SPARSE = ("trf", "newton", "dogbox")
LIKELIHOOD = ("newton", "bfgs", "newton-cg", "nelder-mead")


class Solver:
    """Walks roads of one problem.

    Attributes:
        start: where the user would begin.
        linear: positions of parameters that enter linearly, for variable projection.
        terms: parameters that can change places, see `symmetry`.
        roads: those that can be walked, in order.
    """

    def __init__(self, objective: Objective, start: Any, bounds: Any = None) -> None:
        self.objective = objective
        self.bounds = bounds
        self.start = start
        self._floor = 0.0
        self.squares = isinstance(objective, Squares)
        sparse = objective.rows.sparse
        self.linear = objective.rows.linear() if self.squares and bounds is None and not sparse else ()
        if bounds is not None:
            self.roads: tuple[str, ...] = ("trf", "dogbox") if self.squares else ("l-bfgs-b",)
        elif self.squares:
            self.roads = tuple(r for r in SQUARES if self.linear or not r.startswith("projected"))
            if sparse:
                self.roads = SPARSE
        else:
            self.roads = LIKELIHOOD

    def walk(self, road: str, start: Any, limit: int = LIMITS[-1]) -> End:
        """One road from `start` to its end, finished (unless there are bounds)."""
        rows = self.objective.rows
        before = rows.evaluations
        lowest = [float("inf"), np.array(start)]

        def watch(at: Any, values: Any) -> None:
            value = float(0.5 * np.sum(values * values) if self.squares else np.sum(values))
            if value < lowest[0]:
                lowest[:] = [value, np.array(at)]

        rows.watch = watch
        with np.errstate(all="ignore"):
            try:
                if road == "newton":
                    at = newton(self.objective, start, limit // 3)
                elif not self.squares:
                    at = scaled_minimize(self.objective, start, road, limit, self.bounds)
                elif road.startswith("projected "):
                    at = projected(rows, self.linear, start, road.removeprefix("projected "), limit)
                else:
                    at = least_squares(rows.values, rows.jacobian, start, road, limit, self.bounds)
                end = End(road, at, self.objective.value(at))
            except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
                end = End(road, lowest[1], lowest[0], why=str(error))
            if not np.isfinite(end.value):
                end.at, end.value = lowest[1], lowest[0]
            rows.watch = None
            if self.bounds is None:
                finish(self.objective, end, start)
                if end.minimum:
                    end.at = nearest(rows, self.terms, end.at, self.start)
        end.evaluations = rows.evaluations - before
        return end

    @cached_property
    def terms(self) -> list[list[int]]:
        return terms(self.objective.rows)

    def solve(self, solver: str = "auto") -> list[End]:
        """The ends of all roads walked, the best first."""
        with np.errstate(all="ignore"):
            return self._solve(solver)

    def _solve(self, solver: str) -> list[End]:
        start = self.start
        if solver != "auto":
            if solver not in self.roads:
                raise ArgumentError(f"solver={solver!r}; for this fit it is 'auto', {', '.join(map(repr, self.roads))}")
            return [self.walk(solver, start)]
        if self.squares:
            self._floor = FLOOR * self.objective.value(start)
        ends: dict[str, End] = {}
        for limit in LIMITS:
            for road in self.roads:
                old = ends.get(road)
                if old is None:
                    ends[road] = self.walk(road, start, limit)
                elif old.minimum or not np.isfinite(old.value) or hopeless(old, list(ends.values())):
                    continue
                else:
                    ends[road] = self.walk(road, old.at, limit)
                    ends[road].evaluations += old.evaluations
                best = self.ranked(list(ends.values()))
                arrived = [e.solver for e in best if e.minimum and e.lowest]
                kinds = {name.startswith("projected") for name in arrived}
                if len(arrived) >= 2 and (len(kinds) == 2 or not self.linear):
                    return best
        best = self.ranked(list(ends.values()))
        if self.bounds is None and not best[0].minimum and np.isfinite(best[0].value):
            for road in self.roads:
                end = self.walk(road, best[0].at)
                end.solver = f"{best[0].solver}, then {road}"
                best.append(end)
                if end.minimum:
                    break
        return self.ranked(best)

    def same(self, value: float, other: float) -> bool:
        """Whether two values differ by no more than rounding."""
        return abs(value - other) <= SAME * max(abs(value), abs(other)) + self._floor

    def ranked(self, ends: Sequence[End]) -> list[End]:
        """The lowest first; among equally low ones minima first, then the one nearest to the start."""
        start = self.start
        low = min(e.value for e in ends)
        for e in ends:
            e.lowest = e.value == low or self.same(e.value, low)

        def key(e: End) -> tuple[bool, bool, float]:
            away = float(f"{np.linalg.norm((e.at - start) / np.where(start != 0, np.abs(start), 1.0)):.6g}")
            return (not e.lowest, not e.minimum, away if e.lowest else e.value)

        return sorted(ends, key=key)


def hopeless(end: End, others: Sequence[End]) -> bool:
    """Whether an unfinished road has stuck so far above a minimum found elsewhere that it will not get there."""
    return any(e.minimum and e.value >= 0 and end.value > FAR * e.value for e in others)
