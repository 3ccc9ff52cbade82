"""The first example draws the picture it promises (that all examples run is tested in test_docs)."""

import os
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "fit_misra1a.py"


def test_the_first_example_draws_its_picture(tmp_path):
    picture = tmp_path / "picture.png"
    command = [sys.executable, "-W", "error", str(EXAMPLE), str(picture)]
    env = os.environ | {"MPLBACKEND": "Agg"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=99, check=True)
    assert done.stderr == ""
    for shown in ("formula    y = b1*(1 - exp(-b2*x))", "gradient", "2.3894212918E+02", "7.2668688436E-06"):
        assert shown in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000
