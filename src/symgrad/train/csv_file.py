"""Columns of numbers from a CSV file whose first line names them; errors say line and column."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from symgrad.errors import ArgumentError

DELIMITERS = ",;\t"


def header(path: str | Path) -> list[str]:
    """The names of the columns."""
    with _Lines(path) as lines:
        return lines.names


def columns(path: str | Path, wanted: Sequence[str]) -> dict[str, list[float]]:
    """The wanted columns, as finite numbers. The others may hold anything; blank lines are skipped.

    The delimiter is a comma, a semicolon or a tab, whichever the first line has most of.
    Raises ArgumentError that names file, line and column; OSError where the file can't be read.
    """
    with _Lines(path) as lines:
        missing = [n for n in wanted if n not in lines.names]
        if missing:
            raise ArgumentError(f"{path}: no column {missing[0]!r}; there are {', '.join(map(repr, lines.names))}")
        places = [(n, lines.names.index(n)) for n in wanted]
        found: dict[str, list[float]] = {n: [] for n in wanted}
        for line, cells in lines:
            for name, k in places:
                found[name].append(_number(cells[k], f"{path}, line {line}, column {name!r}"))
    if wanted and not found[wanted[0]]:
        raise ArgumentError(f"{path}: there are no rows under the header")
    return found


class _Lines:
    """A CSV file as (line number, cells), after its header."""

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self._file = open(path, newline="", encoding="utf-8-sig")  # noqa: SIM115 (closed by __exit__)

    def __enter__(self) -> _Lines:
        try:
            try:
                first = self._file.readline(1 << 20)
            except UnicodeDecodeError:
                raise self._no_text() from None
            self._file.seek(0)
            self._reader = csv.reader(self._file, delimiter=max(DELIMITERS, key=first.count), skipinitialspace=True)
            rows = self._rows()
            self.names = self._header(next(rows, (1, []))[1])
            self._rest = rows
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        for line, cells in self._rest:
            if len(cells) != len(self.names):
                raise ArgumentError(
                    f"{self.path}, line {line}: {len(cells)} cells, but the header names {len(self.names)} columns"
                )
            yield line, cells

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        while True:
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as e:
                raise ArgumentError(f"{self.path}, line {self._reader.line_num}: {e}") from None
            except UnicodeDecodeError:
                raise self._no_text() from None
            if any(c.strip() for c in cells):
                yield self._reader.line_num, [c.strip() for c in cells]

    def _no_text(self) -> ArgumentError:
        return ArgumentError(f"{self.path} is not text in UTF-8")

    def _header(self, names: list[str]) -> list[str]:
        if not names:
            raise ArgumentError(f"{self.path} is empty; its first line must name the columns")
        if all(_is_number(n) for n in names):
            raise ArgumentError(f"{self.path}: the first line must name the columns, but it holds numbers")
        for n in names:
            if names.count(n) > 1:
                raise ArgumentError(f"{self.path}: two columns are named {n!r}")
        return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(text: str, place: str) -> float:
    if not text:
        raise ArgumentError(f"{place}: the cell is empty; drop such rows before the fit")
    try:
        value = float(text)
    except ValueError:
        hint = "; write decimals with a point" if _is_number(text.replace(",", ".")) else ""
        raise ArgumentError(f"{place}: {text!r:.40} is not a number{hint}") from None
    if not math.isfinite(value):
        raise ArgumentError(f"{place}: {text} is not a finite number; drop such rows before the fit")
    return value
