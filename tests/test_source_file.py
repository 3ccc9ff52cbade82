"""Functions in a user's file: `symgrad derive model.py:loss --to latex`."""

from __future__ import annotations

from pathlib import Path

import pytest

from symgrad.cli import main

SOURCE = """
import numpy as np
import symgrad as sg

SCALE = 2.0


def loss(w: "d", X: "n d", y: "n"):
    return np.sum((X @ w - y) ** 2)


def logistic(w, X, y):
    return np.sum(np.logaddexp(0, -y * (X @ w)))


def layer(W: "k d", x: "d", shift: float = 0.5):
    return np.tanh(W @ x) + shift


def scaled(x, power=2):
    return SCALE * np.sum(x**power)


@sg.function
def decorated(x: "n"):
    return np.sum(x**3)


def decides(x: "n"):
    if x[0] > 0:
        return np.sum(x)
    return 0.0


def network(p, X, y):
    return np.mean((X @ p["W"] + p["b"] - y) ** 2)


def factors(uv, T):
    return np.sum((T - uv[0] @ uv[1].T) ** 2)


number = 3
example_inputs = {"scaled": {"x": np.ones(4)}}
"""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYMGRAD_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "model.py").write_text(SOURCE)
    return "model.py"


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(list(argv)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out.strip()


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["derive", "model.py:loss", "--to", "latex"], r"2 X^{T} \left(X w - y\right)"),
        (["hessian", "model.py:loss", "--to", "latex"], "2 X^{T} X"),
        (["derive", "model.py:loss", "--order", "2", "--to", "latex"], "2 X^{T} X"),
        (["derive", "model.py:loss", "--wrt", "y", "--to", "latex"], r"-2 \left(X w - y\right)"),
        (["derive", "model.py:decorated", "--to", "latex"], r"3 x^{\circ 2}"),
        (["derive", "model.py:scaled", "--to", "latex"], "4 x"),
        (["derive", "model.py:scaled", "--shapes", "x=3x2", "--to", "latex"], "4 x"),
        (["derive", "model.py:loss", "--to", "python"], "return 2*(X.T @ (X @ w - y))"),
    ],
)
def test_formulas(model: str, capsys: pytest.CaptureFixture[str], argv: list[str], expected: str) -> None:
    assert run(capsys, *argv).endswith(expected)


def test_logistic_regression_reads_as_in_a_textbook(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    shapes = ["--shapes", "w=5", "X=20x5", "y=20"]
    text = run(capsys, "hessian", "model.py:logistic", *shapes, "--to", "latex")
    assert r"\sigma_{\circ}\left(y \circ X w\right)" in text
    assert (
        r"X^{T} \operatorname{diag}\left(y^{\circ 2} \circ x_{0} \circ \left(\mathbf{1} - x_{0}\right)\right) X" in text
    )


def test_jacobians_of_what_is_no_number(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "derive", "model.py:layer", "--wrt", "x", "--to", "latex")
    assert text.startswith(r"\operatorname{diag}\left(")
    assert text.endswith("W")


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["derive", "model.py:logistic"], "Give them in one of three ways: --shapes"),
        (["derive", "model.py:nothing"], "has no function nothing; it has"),
        (["derive", "model.py:number"], "is no function but int"),
        (["derive", "other.py:loss"], "there is no file other.py"),
        (["derive", "model.py:loss", "--shapes", "w=3", "X=10xx3"], "--shapes takes NAME=AxB"),
        (["derive", "model.py:loss", "--shapes", "w=3", "z=3"], "--shapes z: loss has w, X, y"),
        (["derive", "model.py:loss", "--shapes", "w=3"], "there is no shape for X"),
        (["derive", "model.py:loss", "--shapes", "w=3", "X=10x4", "y=10"], "4 columns meet 3 rows"),
        (["derive", "model.py:loss", "--order", "3"], "--order 3"),
        (["derive", "model.py:loss", "--at", "w=1"], "--at is for formulas"),
        (["derive", "model.py:decides"], "model.py:30, in decides\n    if x[0] > 0:"),
    ],
)
def test_errors_say_what_to_do(model: str, capsys: pytest.CaptureFixture[str], argv: list[str], expected: str) -> None:
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert expected in err
    assert "Traceback" not in err


def test_a_file_that_fails_is_told(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.py").write_text("1 / 0\n")
    assert main(["derive", "broken.py:f"]) == 2
    assert "broken.py can't be run: ZeroDivisionError" in capsys.readouterr().err


def test_shapes_of_entries(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "derive", "model.py:network", "--shapes", "p.W=3", "p.b=", "X=10x3", "y=10", "--to", "python")
    assert "def gradient(W, b, X, y):" in text
    shapes = ["--shapes", "uv.0=6x2", "uv.1=5x2", "T=6x5"]
    assert r"U" not in run(capsys, "derive", "model.py:factors", *shapes, "--to", "latex")


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (["p.W=3", "q.b=2"], "--shapes q.b: network has p, X, y"),
        (["p.W=3", "p.W=3"], "--shapes gives p.W twice"),
        (["p=3", "p.W=3"], "--shapes p.W: p has a shape of its own"),
        (["p.W=[3]"], "NAME.KEY=AxB for an entry of a dict"),
    ],
)
def test_wrong_shapes_of_entries(
    shapes: list[str], message: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["derive", "model.py:network", "--shapes", *shapes]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("text", ["model.py", "model.py:", "model:loss", " model.py"])
@pytest.mark.parametrize("command", ["derive", "hessian"])
def test_a_file_alone_says_what_it_has(command: str, text: str, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, text]) == 2
    err = capsys.readouterr().err
    assert "name a function of the file, as model.py:loss; it has loss, logistic, layer" in err
    assert err.count("\n") == 1


def test_files_without_functions(model: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("x = 1\n")
    (tmp_path / "wrong.py").write_text("def f(:\n")
    for text, message in (
        ("empty.py", "empty.py defines no function"),
        ("wrong.py", "wrong.py is no Python"),
        ("none.py", "there is no file none.py"),
    ):
        assert main(["derive", text]) == 2
        assert message in capsys.readouterr().err


def test_a_formula_may_be_named_as_a_file(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "derive", "model").strip() == "1"


@pytest.mark.parametrize(("form", "text"), [("numpy", "np.tanh"), ("jax", "jnp.tanh"), ("torch", "torch.tanh")])
def test_source_of_each_framework(form: str, text: str, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip(form)
    shown = run(capsys, "derive", "model.py:layer", "--wrt", "shift", "--to", form)
    assert "shift" in shown
    assert text in run(capsys, "derive", "log(cosh(x))", "--to", form)
