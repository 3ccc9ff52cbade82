"""Machine code ends well: what it stands on is freed in the right order, and at the right time."""

from __future__ import annotations

import subprocess
import sys

from symgrad.run import llvmlite

IN_CYCLES = """
import gc
import numpy as np, symgrad as sg

gc.disable()
for k in range(20):
    f = sg.function(lambda x: np.sum(np.sin(x) ** 2) + k)
    gradient = sg.grad(f)
    cycle = [f, gradient]       # nobody but the garbage collector takes these apart
    cycle.append(cycle)
    x = np.ones(3 + k)
    for own in (f, gradient):
        own.specialise(x).compile()
        own(x)
    del f, gradient, own, cycle
gc.collect()
sg.function(lambda x: np.cos(x)).specialise(np.ones(2)).compile()
print("done")
"""


def test_code_in_reference_cycles_is_freed() -> None:
    done = subprocess.run([sys.executable, "-c", IN_CYCLES], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "done\n", done.stderr
    assert done.returncode == 0


def test_copies_of_code_are_the_code() -> None:
    """One engine, freed once."""
    import copy

    import numpy as np

    import symgrad as sg
    from symgrad.run.llvmlite import Code

    own = sg.function(lambda x: np.sum(np.sin(x))).specialise(np.ones(7)).compile()
    code = own.executor.program._whole.code
    assert isinstance(code, Code)
    assert copy.deepcopy(code) is code
    assert copy.copy(code) is code


def test_code_that_outlives_its_module_is_dropped_in_silence(monkeypatch) -> None:
    """At the interpreter's end, the names of modules are None before the last objects go."""

    class Engine:
        def close(self) -> None:
            pass

    code = llvmlite.Code(Engine(), {}, 0, None)
    monkeypatch.setattr(llvmlite, "_unwanted", None)
    code.__del__()
