"""The command line: what it prints, what it writes, and what it says about what it can't take."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from symgrad.cli import main
from symgrad.dialects.text import names
from symgrad.function import Function
from symgrad.train.csv_file import columns

MISRA1A = Path(__file__).parent.parent / "examples" / "data" / "misra1a.csv"
NAMES = [*names(), "sec", "factorial", "harmonic", "frac", "betainc", "dirichlet_eta", "**"]
MODEL = ["--model", "b1*(1 - exp(-b2*x))", "--start", "b1=500", "b2=1e-4"]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYMGRAD_CACHE_DIR", str(tmp_path / "cache"))


def run(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> str:
    """What a command that succeeds prints."""
    assert main([str(a) for a in argv]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def fail(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> str:
    """What a command that fails says on stderr."""
    assert main([str(a) for a in argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("symgrad: error: ")
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["derive", "x**2 + y**2", "--wrt", "x", "y"], "(2*x, 2*y)\n"),
        (["derive", "x**2 + y**2", "--wrt", "y"], "2*y\n"),
        (["derive", "x**2 + y**2"], "(2*x, 2*y)\n"),
        (["derive", "x**2 + y**2", "--to", "latex"], "\\left( 2 x, \\ 2 y\\right)\n"),
        (["derive", "-x**3", "--order", "2"], "-6*x\n"),
        (["derive", "-(x)"], "-1\n"),
        (["derive", "a*x**2", "--wrt", "x", "--at", "x=pi/2", "a=-3"], "2*a*x\nat x = 1.5707963267948966, a = -3: "),
        (["derive", "x*y", "--wrt", "y", "x", "--at", "y=4", "x=3"], "(x, y)\nat y = 4, x = 3: (3.0, 4.0)\n"),
        (["hessian", "x**2*y"], "Matrix([[2*y, 2*x], [2*x, 0]])\n"),
        (["hessian", "x**2*y", "--at", "x=1", "y=2"], "\nat x = 1, y = 2: [[4.0, 2.0], [2.0, 0.0]]\n"),
        (["derive", "1/x", "--at", "x=0"], "at x = 0: -inf\n"),
    ],
)
def test_derivatives(capsys: pytest.CaptureFixture[str], argv: list[str], expected: str) -> None:
    assert expected in run(capsys, *argv)


def test_python_source_runs(capsys: pytest.CaptureFixture[str]) -> None:
    source = run(capsys, "derive", "x*sin(y)", "--to", "python")
    names: dict = {}
    exec(source, names)  # our own source
    assert names["gradient"](2.0, 0.0) == (0.0, 2.0)


def test_c_source(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = run(capsys, "derive", "x**2 + y**2", "--to", "c")
    assert "void gradient(const double *in, double *out)" in text
    assert "in[1] = y" in text
    out = run(capsys, "derive", "x**2 + y**2", "--to", "c", "--out", tmp_path / "g.c", "--at", "x=3", "y=4")
    assert out == f"{tmp_path / 'g.c'}\n{tmp_path / 'g.h'}\nat x = 3, y = 4: (6.0, 8.0)\n"
    assert "void g(" in (tmp_path / "g.c").read_text()


def test_pictures(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(capsys, "hessian", "exp(x*y)", "--to", "picture") == "hessian.svg\n"
    assert "hessian[0,1] = hessian[1,0]" in Path("hessian.svg").read_text(encoding="utf-8")
    assert "already a file hessian.svg" in fail(capsys, "hessian", "exp(x*y)", "--to", "picture")
    run(capsys, "derive", "x*y", "--to", "picture", "--out", tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert "a picture is an .svg or a .png" in fail(capsys, "derive", "x*y", "--to", "picture", "--out", "p.txt")


def test_out_writes_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(capsys, "derive", "x**2", "--to", "latex", "--out", tmp_path / "d.tex") == f"{tmp_path / 'd.tex'}\n"
    assert (tmp_path / "d.tex").read_text() == "2 x\n"


def test_fit_of_a_real_data_set(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = run(capsys, "fit", MISRA1A, *MODEL, "--out", tmp_path / "fit.png")
    assert "model  y = b1*(1 - exp(-b2*x))" in out
    assert "14 rows" in out
    assert "238.942129" in out  # NIST: 2.3894212918E+02
    assert "2.7070075" in out  # NIST: 2.7070075241E+00
    assert (tmp_path / "fit.png").stat().st_size > 10_000


def test_fit_finds_the_column_to_fit(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("\ufefft; signal ;note\n0;1;a\n\n1; 3;b\n2;5.5;\n3;7;c\n", encoding="utf-8")
    line = ["--model", "a + b*t", "--start", "a=0", "b=pi/4"]
    assert "model  signal =" in run(capsys, "fit", table, *line, "--y", "signal")
    assert "say which column to fit: --y COLUMN" in fail(capsys, "fit", table, *line)
    assert "model  log(signal) =" in run(capsys, "fit", table, "--model", "log(signal) = a*t", "--start", "a=1")
    assert "leave --y out" in fail(capsys, "fit", table, "--model", "t = a", "--start", "a=1", "--y", "t")
    table.write_text("t\tsignal\n0\t1\n1\t3\n2\t5.5\n")
    assert "model  signal =" in run(capsys, "fit", table, *line)


def test_a_fit_without_end_is_status_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("x,y\n0,1\n1,2\n2,3\n3,5\n")
    assert main(["fit", str(table), "--model", "(a + b)*x", "--start", "a=1", "b=1"]) == 1
    assert "NO:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("1,2\n3,4\n", "must name the columns, but it holds numbers"),
        ("x,y\n", "no rows under the header"),
        ("x,x\n1,2\n", "two columns are named 'x'"),
        ("x,y\n1,2\n3\n", "line 3: 1 cells, but the header names 2"),
        ("x,y\n1,2\n\n3,abc\n", "line 4, column 'y': 'abc' is not a number"),
        ("x,y\n1,\n", "line 2, column 'y': the cell is empty"),
        ("x,y\n1,nan\n", "line 2, column 'y': nan is not a finite number"),
        ("x,y\n1,-1e999\n", "line 2, column 'y': -1e999 is not a finite number"),
        ("x;y\n1,5;2\n", "write decimals with a point"),
        ("x,z\n1,2\n", "no column 'y'; there are 'x', 'z'"),
        ("x,y\n\0,2\n", "line 2"),
        ("x,y\n" + "9" * 200_000 + ",2\n", "line 2"),
        (b"\xff\xfex\x00,\x00", "not text in UTF-8"),
        (b"x,y\n1,2\n\xe9,3\n", "not text in UTF-8"),
    ],
)
def test_bad_tables_are_refused_with_their_place(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str | bytes, message: str
) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes(content if isinstance(content, bytes) else content.encode())
    said = fail(capsys, "fit", table, "--model", "y = a*x", "--start", "a=1")
    if "'z'" not in message:
        assert message in said
    with pytest.raises(ValueError, match=r"t\.csv"):
        columns(table, ["x", "y"])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "required: COMMAND"),
        (["integrate", "x"], "invalid choice: 'integrate'"),
        (["derive"], "required: formula"),
        (["derive", "x", "--to", "fortran"], "invalid choice: 'fortran'"),
        (["derive", "x", "--order", "two"], "invalid int value: 'two'"),
        (["derive", "x", "--order", "0"], "--order 0"),
        (["derive", "x", "--order", "1000000000"], "too much work"),
        (["derive", "x*y", "--order", "2"], "needs one variable, as --wrt x (symgrad hessian"),
        (["derive", "x", "--unknown"], "unrecognized arguments: --unknown"),
        (["derive", "x", "--wrt", "z"], "--wrt z: the formula has x"),
        (["derive", "x", "--wrt", "x", "x"], "listed twice"),
        (["derive", "x", "--wrt", "x.y"], "can't name a variable"),
        (["derive", "3"], "no variable to differentiate by"),
        (["derive", "3", "--wrt", "x"], "the formula has no variable"),
        (["derive", "x", "--at", "x"], "NAME=VALUE"),
        (["derive", "x", "--at", "x=1", "x=2"], "names x twice"),
        (["derive", "x", "--at", "z=1", "x=2"], "--at z: the formula has x"),
        (["derive", "x*y", "--at", "x=1"], "needs a value for y"),
        (["derive", "x", "--at", "x=y"], "'y' is no number"),
        (["derive", "x", "--at", "x=__import__('os')"], "not part of formulas"),
        (["derive", "x", "--out", "no/such/folder/x"], "no/such/folder/x: No such file"),
        (["derive", "zeta(s, q)"], "no closed form"),
        (["derive", "digamma(10**8)*x"], "SymPy would work out"),
        (["derive", "(" * 190 + "x" + "+1)*y" * 190], "too large for one SymPy"),
        (["derive", "x**(1+" * 60 + "x" + ")" * 60], "too large for one SymPy"),
        (["derive", "sin(sin(sin(sin(x))))", "--order", "40"], "--to python"),
        (["hessian", "+".join(f"x{k}**2" for k in range(301))], "301 variables"),
        (["hessian", "*".join(f"x{k}" for k in range(300))], "too many to write"),
        (["fit", "none.csv", *MODEL], "none.csv: No such file"),
        (["fit", ".", *MODEL], "Is a directory"),
        (["fit", str(MISRA1A), "--model", "b1*x"], "required: --start"),
        (["fit", str(MISRA1A), "--model", "b1*x", "--start", "b1"], "NAME=VALUE"),
        (["fit", str(MISRA1A), "--model", "b1*x", "--start", "b1=1e999"], "too large"),
        (["fit", str(MISRA1A), "--model", "b1*x", "--start", "b1=one"], "'one' is no number"),
        (["fit", str(MISRA1A), "--model", "b1*z", "--start", "b1=1"], "'z' is neither: a column (x, y)"),
        (["fit", str(MISRA1A), "--model", "b1*x", "--start", "b1=1", "x=1"], "'x' is both: a column (x, y)"),
        (["fit", str(MISRA1A), "--model", "y = b1*z", "--start", "b1=1"], "'z'"),
        (["fit", str(MISRA1A), "--model", "y = b1*x", "--start", "b1=1", "c=2"], "'c'"),
        (["fit", str(MISRA1A), "--model", "y = b1*x = 3", "--start", "b1=1"], "second '='"),
        (["fit", str(MISRA1A), "--model", "b1*x", "--start", "b1=1", "--y", "w"], "the columns are x, y"),
        (["fit", str(MISRA1A), "--model", "b1*x", "--start", "b1=1", "--out", "fit.doc"], "fit.doc"),
        (["cache", "shrink"], "invalid choice: 'shrink'"),
    ],
)
def test_errors_are_one_line(capsys: pytest.CaptureFixture[str], argv: list[str], message: str) -> None:
    said = fail(capsys, *argv)
    assert message in said
    assert "\n" not in said[:-1] or said.rstrip().endswith("^")


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os').system('echo broken')",
        "(" * 1_000_000,
        "(" * 40_000,
        "9**9**9**9",
        "x**9**9**9**9",
        "9**" * 190 + "x*0*9**9**9",
        "gamma(10**9)*x",
        "floor(exp(exp(exp(9))))*x",
        "x\0",
        "х + 1",
        "\udcff",
        "x" * 60_000,
    ],
)
def test_hostile_formulas_are_refused_soon(capsys: pytest.CaptureFixture[str], formula: str) -> None:
    start = time.perf_counter()
    said = fail(capsys, "derive", formula, "--wrt", "x")
    assert time.perf_counter() - start < 10
    assert len(said) < 400


def test_a_result_too_deep_for_sympy(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def deep(self: Function) -> None:
        raise RecursionError

    monkeypatch.setattr(Function, "sympy", deep)
    assert "nested too deep; try --to python" in fail(capsys, "derive", "x")


LEAVES = ["x", "y", "2", "0", "1", "0.5", "1e300", "10**9", "pi", "E", "7/3", "(x > 1)"]


def formula(rng: random.Random, depth: int) -> str:
    """A random formula of every function there is, at places good and bad."""
    if depth == 0 or rng.random() < 0.2:
        return rng.choice(LEAVES)
    if rng.random() < 0.6:
        inside = ",".join(formula(rng, depth - 1) for _ in range(rng.choice([1, 1, 2, 2, 3])))
        return f"{rng.choice(NAMES)}({inside})"
    return f"({formula(rng, depth - 1)}{rng.choice('+-*/%<')}{formula(rng, depth - 1)})"


def test_any_formula_is_derived_or_refused_by_design(capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(1)
    statuses = []
    for _ in range(400):
        form = rng.choice(["sympy", "latex", "python", "c"])
        statuses.append(main([rng.choice(["derive", "hessian"]), formula(rng, rng.choice([1, 2, 3])), "--to", form]))
        out, err = capsys.readouterr()
        assert bool(out) == (statuses[-1] == 0)
        assert bool(err) == (statuses[-1] == 2)
    assert statuses.count(0) > 20
    assert statuses.count(2) > 20


def test_a_formula_is_shown_with_a_caret(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(capsys, "derive", "sin(x + 2y)").splitlines()[1:] == ["  sin(x + 2y)", "           ^"]


def test_large_formulas_within_the_limits(capsys: pytest.CaptureFixture[str]) -> None:
    start = time.perf_counter()
    long_sum = "+".join(f"sin({k}*x)" for k in range(3000))
    assert len(run(capsys, "derive", long_sum, "--to", "latex")) > 50_000
    assert run(capsys, "derive", long_sum, "--to", "picture", "--out", "p.svg") == "p.svg\n"
    assert "nodes are left out" in Path("p.svg").read_text(encoding="utf-8")
    assert time.perf_counter() - start < 40


def test_cache(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    (folder / "a.sgo").write_bytes(b"12345")
    assert run(capsys, "cache", "info").startswith(f"{folder}\n1 files, 0.0 MB of at most ")
    assert run(capsys, "cache", "clear") == "1 file deleted\n"
    assert run(capsys, "cache", "clear") == "0 files deleted\n"
    monkeypatch.setenv("SYMGRAD_CACHE_DIR", "")
    assert "no cache" in run(capsys, "cache", "info")


@pytest.mark.parametrize(
    ("argv", "word"), [(["--help"], "derive"), (["fit", "--help"], "--model"), (["--version"], "0.")]
)
def test_help_and_version(capsys: pytest.CaptureFixture[str], argv: list[str], word: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(argv)
    assert end.value.code == 0
    assert word in capsys.readouterr().out


def test_as_a_program(tmp_path: Path) -> None:
    """In a process of its own: an ASCII terminal, a cache folder that is a file, a reader that goes away."""
    (tmp_path / "file").write_text("")
    environment = os.environ | {"SYMGRAD_CACHE_DIR": str(tmp_path / "file"), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "symgrad"]
    done = subprocess.run(
        [*command, "derive", "x*y", "--at", "x=2", "y=3"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout == "(y, x)\nat x = 2, y = 3: (3.0, 2.0)\n"
    assert done.stderr == "" or done.stderr.startswith("symgrad: warning: the cache folder")
    assert "Traceback" not in done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    gone = subprocess.run([*command, "derive", "х*y"], env=environment, stderr=subprocess.PIPE, text=True, check=False)
    assert gone.returncode == 2
    assert "CYRILLIC" in gone.stderr
    cut = subprocess.run([*command, "--version"], env=environment, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert b"Traceback" not in cut.stderr
