"""Where in the user's code something went wrong."""

from __future__ import annotations

import linecache
import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import numpy as np

from symgrad.errors import TraceError

_NUMPY = Path(np.__file__).resolve().parent
LIBRARIES = tuple(f"{p}{os.sep}" for p in (_NUMPY, _NUMPY.parent / "scipy", Path(__file__).resolve().parents[2]))
"""How the names of NumPy's, SciPy's and our own files begin."""


def line() -> tuple[str, str]:
    """("file.py:12, in loss", the text of that line) of the innermost frame that is the user's own."""
    frame = sys._getframe(1)
    while frame is not None:
        if _is_users(frame):
            return _shown(frame, frame.f_lineno)
        if frame.f_back is None:
            break
        frame = frame.f_back
    return "", ""


def _is_users(frame: FrameType) -> bool:
    return not frame.f_code.co_filename.startswith(LIBRARIES)


def _shown(frame: FrameType, number: int) -> tuple[str, str]:
    name = frame.f_code.co_filename
    text = linecache.getline(name, number, frame.f_globals).strip()
    return f"{name}:{number}, in {frame.f_code.co_name}", text


def line_of(error: BaseException) -> str:
    """Where in the user's code an error comes from, as lines of a message."""
    found = ("", "")
    step = error.__traceback__
    while step is not None:
        if _is_users(step.tb_frame):
            found = _shown(step.tb_frame, step.tb_lineno)
        step = step.tb_next
    return "\n  at {}\n    {}".format(*found)


def located(message: str) -> str:
    """`message` with the user's own line under it."""
    where, text = line()
    if not where:
        return message
    return f"{message}\n  at {where}" + (f"\n    {text}" if text else "")


def refuse(message: str) -> NoReturn:
    """Raises TraceError with the user's line."""
    raise TraceError(located(message))


def defined(fn: Any) -> str:
    """Where a function is defined, as a line of a message; "" if it does not say."""
    code = getattr(fn, "__code__", None)
    return f"\n  at {code.co_filename}:{code.co_firstlineno}, in {code.co_name}" if code is not None else ""
