"""The cache of compiled code: found again, damaged, foreign, unwritable, shared by processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sympy as sp

import symgrad as sg
from symgrad.run import cache

x, y = sp.symbols("x y")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SYMGRAD_CACHE_DIR", str(tmp_path / "own"))
    monkeypatch.setattr(cache, "_said", set())
    return tmp_path / "own"


def compiled() -> sg.Function:
    return sg.grad(sg.function([x, y], x**2 * sp.sin(y))).compile()


def check(f: sg.Function) -> None:
    assert f(2.0, 0.0) == (0.0, 4.0)


def test_found_again(folder: Path) -> None:
    first, second = compiled(), compiled()
    assert not first.executor.native.from_cache
    assert second.executor.native.from_cache
    assert "from the cache" in second.explain()
    check(first)
    check(second)
    info = cache.info()
    assert (info.directory, info.entries) == (folder, 1)
    assert info.bytes > 1000
    assert folder.stat().st_mode & 0o777 == 0o700
    assert cache.clear() == 1
    assert cache.info().entries == 0


@pytest.mark.parametrize("damage", ["truncated", "flipped", "foreign", "empty", "renamed"])
def test_damaged_files_are_made_anew(folder: Path, damage: str) -> None:
    compiled()
    (path,) = folder.glob("*.sgo")
    content = path.read_bytes()
    middle = len(content) // 2
    other = {
        "truncated": content[:middle],
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "foreign": b"\x7fELF" + content,
        "empty": b"",
        "renamed": content.replace(path.stem.encode(), b"0" * 64),
    }[damage]
    path.write_bytes(other)
    f = compiled()
    assert not f.executor.native.from_cache
    check(f)
    assert path.read_bytes() == content or compiled().executor.native.from_cache


@pytest.mark.skipif(os.name == "nt", reason="rights of POSIX")
def test_nothing_is_loaded_from_a_folder_others_can_write(folder: Path) -> None:
    compiled()
    folder.chmod(0o777)
    with pytest.warns(sg.CacheWarning, match="nobody else can write"):
        f = compiled()
    assert not f.executor.native.from_cache
    check(f)


@pytest.mark.skipif(os.name == "nt", reason="rights of POSIX")
def test_nothing_is_loaded_from_a_file_others_can_write_or_a_link(folder: Path, tmp_path: Path) -> None:
    compiled()
    (path,) = folder.glob("*.sgo")
    path.chmod(0o666)
    assert not compiled().executor.native.from_cache
    (path,) = folder.glob("*.sgo")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert not compiled().executor.native.from_cache


def test_no_folder_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(cache, "_said", set())
    monkeypatch.setenv("SYMGRAD_CACHE_DIR", str(tmp_path / "file" / "below"))
    with pytest.warns(sg.CacheWarning, match="can't be made"):
        check(compiled())
    check(compiled())  # said once


def test_unwritable_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(cache.tempfile, "mkstemp", refuse)
    with pytest.warns(sg.CacheWarning, match="can't be written"):
        check(compiled())


def test_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_CACHE_DIR", "")
    check(compiled())
    assert cache.info().directory is None
    assert cache.clear() == 0


def test_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMGRAD_CACHE_LIMIT", "0.002")
    for k in range(6):
        cache.write(cache.key(str(k)), bytes(500))
        os.utime(folder / (cache.key(str(k)) + ".sgo"), (k, k))
    kept = [k for k in range(6) if cache.read(cache.key(str(k))) is not None]
    assert kept
    assert kept[-1] == 5
    assert 0 not in kept
    assert cache.info().bytes <= 2000
    monkeypatch.setenv("SYMGRAD_CACHE_LIMIT", "lots")
    with pytest.warns(sg.CacheWarning, match="megabytes"):
        assert cache.info().limit == 256_000_000


def test_the_folder_is_not_listed_for_every_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a folder of many files, that takes longer than to compile."""
    listed = 0
    files = cache._files

    def counted(place: Path | None) -> list[tuple[float, int, Path]]:
        nonlocal listed
        listed += 1
        return files(place)

    monkeypatch.setattr(cache, "_files", counted)
    for k in range(50):
        cache.write(cache.key(str(k)), bytes(500))
    assert listed == 1
    monkeypatch.setenv("SYMGRAD_CACHE_LIMIT", "0.04")
    for k in range(50):
        cache.write(cache.key("more", str(k)), bytes(500))
    assert 1 < listed < 40
    assert sum(size for _, size, _ in files(folder)) <= 40_000


def test_many_processes(folder: Path) -> None:
    program = (
        "import sympy as sp, symgrad as sg\n"
        "x, y = sp.symbols('x y')\n"
        "for k in range(3):\n"
        "    assert sg.grad(sg.function([x, y], x**2 * sp.sin(y) + k * x)).compile()(2.0, 0.0) == (k, 4.0)\n"
    )
    env = {**os.environ, "SYMGRAD_CACHE_DIR": str(folder)}
    running = [subprocess.Popen([sys.executable, "-W", "error", "-c", program], env=env) for _ in range(4)]
    assert [p.wait(120) for p in running] == [0] * 4
    assert cache.info().entries == 3
    assert not list(folder.glob("*.tmp"))
