"""The benchmark's tables."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLUMNS = (
    ("import", "import s", 1.0),
    ("derive", "derive s", 1.0),
    ("compile", "compile s", 1.0),
    ("first", "first result s", 1.0),
    ("one", "one point µs", 1e6),
    ("batch", "batch ns/point", 1e9),
    ("ops", "operations", 1.0),
    ("memory", "memory MB", 1.0),
)
"""(stage, heading, factor to the unit shown)"""
ORDER = ("load", "import", "derive", "compile", "first", "memory", "one", "batch", "entries", "ops")
"""The order in which a measurement's stages end."""
UNRANKED = ("import",)
TINY = {"derive": 1e-3, "compile": 1e-3, "memory": 1.0}
"""Below these, ratios say nothing: the value counts as this much."""


def heading(versions: Mapping[str, str], cpu: int | None, limit: float) -> str:
    """Machine, versions, and how to read the tables."""
    packages = ", ".join(f"{n} {v}" for n, v in versions.items())
    core = "" if cpu is None else f", core {cpu}"
    return (
        f"{processor()}{core}; Python {platform.python_version()}; {packages}\n"
        "In brackets: times the best of the column. first result: from ready expressions to the first numbers,\n"
        "import included for symgrad and not for its peers. operations: of one evaluation of the derivative;\n"
        "error: the largest, by the largest entry of its row, against extended precision.\n"
        f"A stage that takes more than {limit:g} s is stopped."
    )


def processor() -> str:
    """The processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def render(title: str, outcomes: Mapping[str, Any], limit: float, markdown: bool) -> str:
    """The table of one problem: a row per peer."""
    best = {key: _best(key, outcomes) for key, _, _ in COLUMNS}
    rows = [["", *(h for _, h, _ in COLUMNS), "error"]]
    for peer, outcome in outcomes.items():
        if outcome.stopped == "absent":
            rows.append([peer, outcome.reason])
            continue
        cells = [_cell(key, factor, outcome, best[key], limit) for key, _, factor in COLUMNS]
        rows.append([peer, *cells, _error(outcome)])
    reasons = [f"{peer}: {o.reason}" for peer, o in outcomes.items() if o.stopped == "error"]
    return "\n".join([lay_out(title, rows, markdown), *reasons])


def summary(results: Mapping[str, Mapping[str, Any]], markdown: bool) -> str:
    """Geometric means of the ratios to the best, over the problems a peer finished."""
    keys = [(key, heading) for key, heading, _ in COLUMNS if key not in UNRANKED]
    peers = list(next(iter(results.values())))
    rows = [["", "finished", *(h.removesuffix(" s") for _, h in keys)]]
    for peer in peers:
        seen = [o[peer] for o in results.values()]
        if all(o.stopped == "absent" for o in seen):
            continue
        cells = []
        for key, _ in keys:
            ratios = [
                _ranked(key, o[peer]) / _best(key, o) for o in results.values() if _ranked(key, o[peer]) is not None
            ]
            cells.append(f"{math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}" if ratios else "-")
        done = sum(1 for o in seen if o.stopped is None)
        rows.append([peer, f"{done}/{len(seen)}", *cells])
    return lay_out("Times the best, geometric mean over the problems finished", rows, markdown)


def _ranked(key: str, outcome: Any) -> float | None:
    value = outcome.values.get(key)
    return None if value is None or outcome.stopped == "wrong" else max(value, TINY.get(key, 1e-12))


def _best(key: str, outcomes: Mapping[str, Any]) -> float:
    return min((v for o in outcomes.values() if (v := _ranked(key, o)) is not None), default=1.0)


def _cell(key: str, factor: float, outcome: Any, best: float, limit: float) -> str:
    value = outcome.values.get(key)
    if value is None:
        return f">{limit:g} s" if outcome.stopped == "limit" and key == _late(outcome) else "-"
    text = f"{value:.0f}" if key in ("ops", "memory") else short(value * factor)
    ranked = _ranked(key, outcome)
    return text if key in UNRANKED or ranked is None else f"{text} ({ratio(ranked / best)})"


def _late(outcome: Any) -> str:
    """The stage that was running when the time was over."""
    return next((s for s in ORDER if s not in outcome.values), "")


def _error(outcome: Any) -> str:
    error = outcome.values.get("error")
    if outcome.stopped == "wrong":
        return f"FAIL {error:.1e}"
    if outcome.stopped == "error":
        return "FAIL"
    return "-" if error is None else f"{error:.0e}"


def short(value: float) -> str:
    """Three digits, without powers of ten."""
    return (
        f"{value:.0f}"
        if value >= 100
        else f"{value:.1f}"
        if value >= 10
        else f"{value:.2f}"
        if value >= 1
        else f"{value:.3f}"
    )


def ratio(value: float) -> str:
    """Times the best."""
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def lay_out(title: str, rows: Sequence[Sequence[str]], markdown: bool) -> str:
    """The rows under each other, numbers to the right; the first row is the heading."""
    if markdown:
        width = len(rows[0])
        body = ["| " + " | ".join([*r, *[""] * (width - len(r))]) + " |" for r in rows]
        return "\n".join([f"### {title}", "", body[0], "|" + " --- |" * width, *body[1:]])
    widths = [max((len(r[k]) for r in rows if k < len(r) and len(r) > 2), default=0) for k in range(len(rows[0]))]
    lines = [title]
    for row in rows:
        cells = [c.ljust(w) if k == 0 else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths, strict=False))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
