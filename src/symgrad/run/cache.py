"""Compiled objects on disk, shared by all processes of one user.

    $SYMGRAD_CACHE_DIR      where (default: the system's cache folder for `symgrad`); empty: no cache
    $SYMGRAD_CACHE_LIMIT    megabytes (default 256); what was not used for longest goes first

Machine code is loaded only from a folder that belongs to the user and that nobody else can write to, and only
where the file says what was asked for and its checksum holds. Files are replaced whole, so processes may read
and write at will. A cache that can't be used is a warning (CacheWarning, once), never an error.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from symgrad.errors import CacheWarning

_MAGIC = b"symgrad cache 1\n"
_SUFFIX = ".sgo"
_SHARE = 4
"""A process looks at all files again when it has written this part of what was free: others write, too."""
_said: set[str] = set()
_free: dict[tuple[Path, int], int] = {}
"""Per folder and limit, the bytes that this process may write before it looks at all files again."""


class Info(NamedTuple):
    """What `symgrad cache info` says: the folder (None: no cache), files in it, their bytes, the limit in bytes."""

    directory: Path | None
    entries: int
    bytes: int
    limit: int


def key(*parts: str) -> str:
    """A name for what `parts` determine."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def read(name: str) -> bytes | None:
    """What was written under this name, or None."""
    folder = _folder()
    if folder is None:
        return None
    path = folder / (name + _SUFFIX)
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            if not _ours(os.fstat(descriptor)):
                return None
            content = file.read()
    except OSError:
        return None
    head = _head(name)
    body = content[len(head) + 32 :]
    if not content.startswith(head) or content[len(head) : len(head) + 32] != hashlib.sha256(body).digest():
        with suppress(OSError):
            path.unlink()  # damaged, or of another kind: it is made anew
        return None
    with suppress(OSError):
        os.utime(path)  # used now
    return body


def write(name: str, body: bytes) -> None:
    """Keep `body` under this name."""
    folder = _folder()
    if folder is None:
        return
    try:
        descriptor, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
        try:
            content = _head(name) + hashlib.sha256(body).digest() + body
            with open(descriptor, "wb") as file:
                file.write(content)
            os.replace(temporary, folder / (name + _SUFFIX))
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as e:
        _warn(f"the cache {folder} can't be written ({e.strerror}); code is compiled anew in every process")
        return
    place = folder, _limit()
    _free[place] = _free.get(place, 0) - len(content)
    if _free[place] < 0:
        _free[place] = _shrink(folder) // _SHARE


def info() -> Info:
    """The state of the cache."""
    folder = _folder()
    files = _files(folder)
    return Info(folder, len(files), sum(size for _, size, _ in files), _limit())


def clear() -> int:
    """Delete all of it; the number of files deleted."""
    count = 0
    for _, _, path in _files(_folder()):
        with suppress(OSError):
            path.unlink()
            count += 1
    return count


def _head(name: str) -> bytes:
    return _MAGIC + name.encode() + b"\n"


def _limit() -> int:
    text = os.environ.get("SYMGRAD_CACHE_LIMIT", "256")
    try:
        return int(float(text) * 1e6)
    except (ValueError, OverflowError):
        _warn(f"SYMGRAD_CACHE_LIMIT is a number of megabytes, not {text!r}; taking 256")
        return 256_000_000


def _folder() -> Path | None:
    """The folder, made where it is missing; None where there is none to be trusted."""
    text = os.environ.get("SYMGRAD_CACHE_DIR")
    if text == "":
        return None
    if text is None:
        from platformdirs import user_cache_path

        folder = user_cache_path("symgrad", appauthor=False)
    else:
        folder = Path(text)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = os.stat(folder)
    except OSError as e:
        _warn(f"the cache folder {folder} can't be made ({e.strerror}); code is compiled anew in every process")
        return None
    if not stat.S_ISDIR(state.st_mode) or not _ours(state):
        _warn(
            f"the cache folder {folder} is not used: machine code is loaded only from a folder that is yours and "
            f"that nobody else can write to (chmod 700 {folder}, or set SYMGRAD_CACHE_DIR)"
        )
        return None
    return folder


def _ours(state: os.stat_result) -> bool:
    """Whether it belongs to the user and nobody else can write to it (Windows: the profile's rights say so)."""
    if os.name == "nt":
        return True
    return state.st_uid == os.getuid() and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _files(folder: Path | None) -> list[tuple[float, int, Path]]:
    """(last use, bytes, path) of every file of the cache, longest unused first."""
    found = []
    if folder is not None:
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith((_SUFFIX, ".tmp")):
                    with suppress(OSError):
                        state = entry.stat(follow_symlinks=False)
                        found.append((state.st_mtime, state.st_size, Path(entry.path)))
    return sorted(found)


def _shrink(folder: Path) -> int:
    """Bytes that are free in the folder, after the files that were not used for longest have made room."""
    files = _files(folder)
    total, limit = sum(size for _, size, _ in files), _limit()
    if total <= limit:
        return limit - total
    for _, size, path in files:
        with suppress(OSError):
            path.unlink()
        total -= size
        if total <= 0.8 * limit:
            break
    return max(limit - total, 0)


def _warn(text: str) -> None:
    if text not in _said:
        _said.add(text)
        warnings.warn(text, CacheWarning, stacklevel=2)
