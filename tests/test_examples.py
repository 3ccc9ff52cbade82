"""Every example runs from start to end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=[p.stem for p in EXAMPLES])
def test_runs(path, tmp_path):
    env = os.environ | {"MPLBACKEND": "Agg", "SYMGRAD_CACHE_DIR": str(tmp_path / "cache")}
    run = subprocess.run([sys.executable, str(path)], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=99)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert len(run.stdout.splitlines()) > 3
    for picture in tmp_path.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_first_example_draws_its_picture(tmp_path):
    path = next(p for p in EXAMPLES if p.stem == "fit_misra1a")
    picture = tmp_path / "picture.png"
    subprocess.run([sys.executable, str(path), str(picture)], cwd=tmp_path, check=True, capture_output=True, timeout=99)
    assert picture.stat().st_size > 10_000
