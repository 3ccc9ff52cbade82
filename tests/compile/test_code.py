"""What passes of a loop may hold in registers."""

from __future__ import annotations

from typing import Any

import numpy as np

import symgrad as sg
from symgrad.compile.nest import OWN, Passes
from symgrad.compile.plan.code import _kept, code, is_code
from symgrad.compile.plan.steps import INPUT, Buffer, Flow, Plan, Slot


def body(*bytes: int) -> Plan:
    return Plan([Buffer(INPUT, "float64", n // 8) for n in bytes], [], list(range(len(bytes))), [], [])


def kept(slots: list[Slot], bytes: list[int], written: set[int]) -> list[tuple[int, int, int, bool]]:
    return list(_kept(Flow("scan", (body(*bytes),), (tuple(slots),), frozenset(written), 3)))


def test_numbers_are_kept_and_arrays_are_not() -> None:
    assert kept([Slot(0), Slot(1)], [8, 800], {0}) == [(0, 0, 8, True)]


def test_what_moves_from_pass_to_pass_is_not_kept() -> None:
    assert kept([Slot(0, 0, 8), Slot(1)], [8, 8], set()) == [(1, 0, 8, False)]


def test_memory_that_is_changed_and_reached_in_two_ways_is_not_kept() -> None:
    assert kept([Slot(0), Slot(0, 8)], [16, 8], {0}) == []
    assert kept([Slot(0), Slot(0, 0, 8)], [8, 8], {0}) == []
    assert kept([Slot(0), Slot(0, 8)], [8, 8], {0}) == [(0, 0, 8, True), (0, 8, 8, True)]
    assert kept([Slot(0), Slot(0, 8)], [16, 8], set()) == [(0, 0, 16, False), (0, 8, 8, False)]


def test_a_loop_s_small_memory_is_its_own() -> None:
    def f(w: Any) -> Any:
        return sg.fori_loop(0, 10, lambda k, v: np.sin(v) * np.sum(v) + w, np.ones(3))

    own = sg.function(f).specialise(0.5)
    (step,) = [s for s in own.executor.plan.steps if isinstance(s, Flow)]
    assert is_code(step)
    passes = code(step)
    assert isinstance(passes, Passes)
    assert any(changed for *_, changed in passes.kept)
    assert any(buffer == OWN for buffer, _, _ in passes.tables[0])
    wanted = np.ones(3)
    for _ in range(10):
        wanted = np.sin(wanted) * wanted.sum() + 0.5
    np.testing.assert_allclose(own.compile()(0.5), wanted, rtol=1e-13)
