"""Memory of large results: another one's while it is seen, the same again when it is not."""

import threading

import numpy as np
import pytest

import symgrad as sg
from symgrad.run.recycled import LARGE, MOST, SPARE, Results

COUNT = LARGE // 8


@pytest.fixture
def shifted():
    f = sg.function(lambda x: x + 1.0)
    f(np.zeros(COUNT))
    return f


def test_results_that_are_held_do_not_share_memory(shifted):
    held = [shifted(np.full(COUNT, float(k))) for k in range(5)]
    assert [h[0] for h in held] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert all(np.all(h == h[0]) for h in held)
    assert not any(np.shares_memory(a, b) for a in held for b in held if a is not b)


def test_memory_is_used_again(shifted):
    x = np.zeros(COUNT)
    first = shifted(x)
    at = first.ctypes.data
    del first
    assert shifted(x).ctypes.data == at


def test_a_part_keeps_what_it_is_a_part_of(shifted):
    x = np.zeros(COUNT)
    part = shifted(x)[3:5]
    for k in range(4):
        shifted(x + k)
    assert list(part) == [1.0, 1.0]
    view = memoryview(shifted(x))
    for k in range(4):
        shifted(x + k + 7)
    assert view[0] == 1.0


def test_a_result_that_is_the_next_argument(shifted):
    x = np.zeros(COUNT)
    for _ in range(5):
        x = shifted(x)
    assert np.all(x == 5)


def test_calls_of_several_threads(shifted):
    wrong = []

    def work(k):
        for n in range(20):
            y = shifted(np.full(COUNT, float(k + n)))
            if not np.all(y == k + n + 1):
                wrong.append((k, n))

    threads = [threading.Thread(target=work, args=(100 * k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_what_is_kept_has_its_bounds():
    memory = Results()
    for size in (LARGE // 8 - 1, MOST // 8 + 1):
        memory.empty(0, size, "float64")
    assert not memory._kept
    held = [memory.empty(1, COUNT, "float64") for _ in range(SPARE + 3)]
    assert len(memory._kept[1]) == SPARE
    assert len({h.ctypes.data for h in held}) == SPARE + 3
