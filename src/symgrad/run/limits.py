"""How much memory a call may take: what this machine has, or less by $SYMGRAD_MEMORY."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from symgrad.compile.plan.steps import shown
from symgrad.errors import ArgumentError

_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "B": 1}
_CGROUP = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def limit() -> int:
    """Bytes. ArgumentError where $SYMGRAD_MEMORY is no size."""
    text = os.environ.get("SYMGRAD_MEMORY", "")
    return parsed(text) if text else _machine()


def parsed(text: str) -> int:
    """The bytes that "2GB", "500 MB" or "1e9" says."""
    upper = text.strip().upper()
    factor = 1
    for unit, bytes in _UNITS.items():
        if upper.endswith(unit):
            upper, factor = upper[: -len(unit)], bytes
            break
    try:
        return int(float(upper) * factor)
    except (ValueError, OverflowError):
        raise ArgumentError(f"{text!r} is no amount of memory; write it as '2GB' or '500MB'") from None


def refuse_beyond(name: str, bytes: int, what: str) -> None:
    """ArgumentError, with the size, where a call of `name` would take more memory than there is."""
    most = limit()
    if bytes > most:
        raise ArgumentError(
            f"{name} needs {shown(bytes)} for {what}, and may take {shown(most)}; ask for products with vectors (hvp, "
            "jvp, vjp), a factored or sparse result (structure='auto', sparse=True), fewer variables (wrt=), or float32"
        )


@cache
def _machine() -> int:
    """Memory of the machine, or of the container that this process may use."""
    try:
        most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        most = 2**62
    for path in _CGROUP:
        try:
            most = min(most, int(Path(path).read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return most
