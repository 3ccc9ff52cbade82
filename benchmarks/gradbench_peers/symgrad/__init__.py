"""symgrad's answers, a file per module: functions of NumPy arrays and their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import symgrad as sg


def compiled(f: sg.PythonFunction) -> Callable[..., Callable[[], Any]]:
    """`prepare` of an answer: traced, derived and compiled for arguments of these shapes, then called with them."""

    def prepare(*args: Any) -> Callable[[], Any]:
        f.specialise(*args).compile()
        return lambda: f(*args)

    return prepare
