"""Where in the user's code something went wrong."""

from __future__ import annotations

import linecache
import sys
from pathlib import Path

import numpy as np

_OURS = str(Path(__file__).resolve().parents[2])
_NUMPY = str(Path(np.__file__).resolve().parent)
_SCIPY = str(Path(_NUMPY).parent / "scipy")


def line() -> tuple[str, str]:
    """("file.py:12, in loss", the text of that line) of the innermost frame that is the user's own."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((_OURS, _NUMPY, _SCIPY)):
            text = linecache.getline(name, frame.f_lineno, frame.f_globals).strip()
            return f"{name}:{frame.f_lineno}, in {frame.f_code.co_name}", text
        if frame.f_back is None:
            break
        frame = frame.f_back
    return "", ""


def located(message: str) -> str:
    """`message` with the user's own line under it."""
    where, text = line()
    if not where:
        return message
    return f"{message}\n  at {where}" + (f"\n    {text}" if text else "")
