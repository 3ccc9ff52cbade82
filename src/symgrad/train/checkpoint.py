"""Where training was: written after an epoch, read to go on with the same bits.

A file of NumPy's arrays without pickles. It is written beside the old one and put in its place, so that a run that
is stopped at any moment leaves a whole file.
"""

from __future__ import annotations

import json
import os
import secrets
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError

_ABOUT = "about"


def write(path: Path, arrays: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """`about`: plain data, which JSON holds exactly (its floats come back with the same bits)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with beside.open("xb") as file:  # with the permissions of any new file, which mkstemp's have not
            np.savez(file, **{_ABOUT: np.array(json.dumps(dict(about)))}, **{f"a_{n}": a for n, a in arrays.items()})
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(arrays, about). ArgumentError for a file that is none of ours."""
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file[_ABOUT]))
            return {n[2:]: file[n] for n in file.files if n != _ABOUT}, about
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as e:
        raise ArgumentError(f"{path} is no checkpoint of sg.train ({e}); remove it, or give another path") from None
