"""Where in the user's code something went wrong."""

from __future__ import annotations

import linecache
import os
import sys
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import numpy as np

from symgrad.errors import TraceError

_NUMPY = Path(np.__file__).resolve().parent
LIBRARIES = tuple(f"{p}{os.sep}" for p in (_NUMPY, _NUMPY.parent / "scipy", Path(__file__).resolve().parents[2]))
"""How the names of NumPy's, SciPy's and our own files begin."""
_OTHERS = tuple(f"{_NUMPY.parent / name}{os.sep}" for name in ("pandas", "torch", "jax"))
"""Those of libraries whose code is not the user's either."""


def users_frame() -> tuple[FrameType | None, str]:
    """The innermost frame that is the user's own, and the module of what it has called."""
    frame, called = sys._getframe(1), ""
    while frame is not None:
        if _is_users(frame):
            return frame, called
        called = str(frame.f_globals.get("__name__", ""))
        frame = frame.f_back
    return None, ""


def line() -> tuple[str, str]:
    """("file.py:12, in loss", the text of that line) of the innermost frame that is the user's own."""
    frame, _ = users_frame()
    return ("", "") if frame is None else _shown(frame, frame.f_lineno)


def expression() -> tuple[str, str]:
    """What the user's line is working out right now, and the text after it; "" where that is not known."""
    frame, _ = users_frame()
    if frame is None:
        return "", ""
    where = next(islice(frame.f_code.co_positions(), max(0, frame.f_lasti) // 2, None), (None,) * 4)
    first, last, start, end = where
    if first is None or last is None or start is None or end is None:
        return "", ""
    name = frame.f_code.co_filename
    lines = [linecache.getline(name, k, frame.f_globals).encode() for k in range(first, last + 1)]
    after = lines[-1][end:].decode(errors="replace")
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    return " ".join(part.decode(errors="replace").strip() for part in lines), after


def _is_users(frame: FrameType) -> bool:
    return not frame.f_code.co_filename.startswith((*LIBRARIES, *_OTHERS))


def _shown(frame: FrameType, number: int) -> tuple[str, str]:
    name = frame.f_code.co_filename
    text = linecache.getline(name, number, frame.f_globals).strip()
    return f"{name}:{number}, in {frame.f_code.co_name}", text


def last_frame(error: BaseException) -> FrameType | None:
    """The innermost frame of the user's own that an error has come through."""
    found, step = None, error.__traceback__
    while step is not None:
        if _is_users(step.tb_frame):
            found = step.tb_frame
        step = step.tb_next
    return found


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
