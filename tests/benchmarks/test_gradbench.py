"""benchmarks/gradbench.py: the tools answer the suite's messages, and answers are held against references."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import gradbench
import gradbench_tool
import numpy as np
import pytest
from children import Outcome
from gradbench_cases import CASES, Case, ba, det, gmm, hand, kmeans, llsq, lse, lstm, ode, particle, saddle
from gradbench_peers import answers
from gradbench_reference import REFERENCES, TOLERANCE, complex_steps, difference
from gradbench_talk import evaluated, relay

SMALL = {
    "hello": lambda: 1.5,
    "llsq": lambda: llsq(20, 6),
    "lse": lambda: lse(30),
    "gmm": lambda: gmm(3, 4, 15),
    "kmeans": lambda: kmeans(4, 40, 3),
    "det": lambda: det(5),
    "ba": lambda: ba(4, 7, 31),
    "ht": lambda: hand(7, 20, False),
    "ht, in triangles": lambda: hand(5, 20, True),
    "ode": lambda: ode(12, 6),
    "ode, beyond its reach": lambda: ode(30, 3),
    "lstm": lambda: lstm(2, 7),
    "lstm, one layer": lambda: lstm(1, 9),
    "particle": lambda: particle(0.207),
    "saddle": lambda: saddle([0.5, -0.2]),
}
FUNCTIONS = {
    m: {f: d for c in CASES if c.module == m for f, d in ((c.value, False), (c.derivative, True)) if f}
    for m in dict.fromkeys(c.module for c in CASES)
}


@pytest.fixture
def own_settings():
    """The peers' files set what a process of their own may set."""
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
    wide, threads = jax.config.jax_enable_x64, torch.get_num_threads()
    for tool in ("JAX", "PyTorch"):
        assert answers(tool, "hello")
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", wide)
    torch.set_num_threads(threads)


def answered(tool, name):
    given = SMALL[name]()
    module = name.split(",")[0]
    for function, derivative in FUNCTIONS[module].items():
        if function not in answers(tool, module):
            assert tool != "symgrad"
            continue
        response = gradbench_tool.evaluate(tool, module, function, given)
        wanted = REFERENCES[module](given, derivative)
        yield json.loads(json.dumps(response["output"])), wanted, response["timings"]


@pytest.mark.parametrize("name", SMALL)
def test_symgrad_gives_what_the_references_give(name):
    for got, wanted, timings in answered("symgrad", name):
        assert difference(got, wanted) < TOLERANCE
        assert [t["name"] for t in timings] == ["prepare", "evaluate"]


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # of PyTorch's own forward mode
@pytest.mark.usefixtures("own_settings")
@pytest.mark.parametrize("tool", ["JAX", "PyTorch"])
def test_peers_give_what_the_references_give(tool):
    for name in SMALL:
        if answers(tool, name.split(",")[0]) is not None:
            for got, wanted, _ in answered(tool, name):
                assert difference(got, wanted) < TOLERANCE


def test_zeros_are_no_gradient_of_the_steps():
    given = SMALL["ode"]()
    wanted = REFERENCES["ode"](given, True)
    assert all(wanted)
    assert difference([0.0] * len(wanted), wanted) > 0.9
    assert not any(REFERENCES["ode"](SMALL["ode, beyond its reach"](), True))


def test_gradient_of_the_steps_in_fractions():
    given = SMALL["ode"]()

    def last(x):
        h, y = 2 / given["s"], np.zeros(len(x), x.dtype)

        def slope(v):
            return x * np.concatenate([[1], v[:-1]])

        for _ in range(given["s"]):
            k1 = slope(y)
            k2 = slope(y + h / 2 * k1)
            k3 = slope(y + h / 2 * k2)
            k4 = slope(y + h * k3)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return y[-1:]

    wanted = complex_steps(last, np.array(given["x"]), 1e-200)
    np.testing.assert_allclose(REFERENCES["ode"](given, True), wanted[0], rtol=1e-12)


def test_a_mixture_by_hand_is_the_derivative_of_its_value():
    given = gmm(2, 3, 9)
    wanted = REFERENCES["gmm"](given, True)
    for name in ("alpha", "mu", "q", "l"):
        at = np.array(given[name])
        for place in np.ndindex(at.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = at.copy()
                moved[place] += step
                ends.append(REFERENCES["gmm"](given | {name: moved}, False))
            assert np.array(wanted[name])[place] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6, abs=1e-7)


def test_differences():
    assert difference([1.0, 2.0], [1.0, 2.0]) == 0
    assert difference([1.0, 2.2], [1.0, 1.8]) == pytest.approx(0.1)
    assert difference([0.0, 0.0], [1e-20, 1e-25]) == 1
    assert difference([1e-9], [0.0]) == pytest.approx(1e-9)
    for wrong in ([1.0], [[1.0, 2.0]], [1.0, float("nan")], "text", {"a": 1.0}):
        assert difference(wrong, [1.0, 2.0]) == np.inf


def test_messages_of_the_suite():
    messages = [
        {"id": 0, "kind": "start", "eval": "hello"},
        {"id": 1, "kind": "define", "module": "hello"},
        {"id": 2, "kind": "evaluate", "module": "hello", "function": "double", "input": 3.0},
        {"id": 3, "kind": "analysis", "of": 2, "valid": True},
        {"id": 4, "kind": "define", "module": "nonesuch"},
        {"id": 5, "kind": "evaluate", "module": "hello", "function": "treble", "input": 3.0},
        {"id": 6, "kind": "evaluate", "module": "lse", "function": "primal", "input": {"y": []}},
    ]
    program = Path(gradbench_tool.__file__)
    talk = "".join(json.dumps(m) + "\n" for m in messages)
    ended = subprocess.run([sys.executable, program], input=talk, capture_output=True, text=True, check=True)
    start, define, double, analysis, unknown, treble, bad = map(json.loads, io.StringIO(ended.stdout))
    assert start["tool"] == "symgrad"
    assert define["success"]
    assert double["output"] == 6.0
    assert analysis == {"id": 3}
    assert not unknown["success"]
    assert "nonesuch" in unknown["error"]
    assert not treble["success"]
    assert "treble" in treble["error"]
    assert not bad["success"]
    assert "KeyError" in bad["error"]


def test_repeats_as_the_message_asks():
    given = lse(10) | {"min_runs": 7, "min_seconds": 0}
    response = gradbench_tool.evaluate("symgrad", "lse", "primal", given)
    assert [t["name"] for t in response["timings"]].count("evaluate") == 7
    seconds = evaluated([{"name": "prepare", "nanoseconds": 2e9}, {"name": "evaluate", "nanoseconds": 5e8}])
    assert seconds == {"prepare": 2.0, "time": 0.5}


EVAL = """
import json, sys
def ask(**m):
    print(json.dumps(m), flush=True)
    return json.loads(sys.stdin.readline())
ask(id=0, kind="start", eval="hello")
assert ask(id=1, kind="define", module="hello")["success"]
out = ask(id=2, kind="evaluate", module="hello", function="double", input=4.0, description="x=4")["output"]
ask(id=3, kind="analysis", of=2, valid=out == 8.0)
ask(id=4, kind="evaluate", module="hello", function="treble", input=4.0)
"""


def test_an_eval_program_and_a_tool_talk(tmp_path):
    (tmp_path / "run.py").write_text(EVAL)
    first, second = relay(tmp_path / "run.py", tmp_path, "symgrad", None, 60)
    assert first[:2] == ("double", "x=4")
    assert first[2] > 0
    assert first[3]
    assert second == ("treble", "", None, False)


def test_an_eval_that_fails_is_told(tmp_path):
    (tmp_path / "run.py").write_text("import a_package_that_is_not_there")
    with pytest.raises(RuntimeError, match="exit status 1"):
        list(relay(tmp_path / "run.py", tmp_path, "symgrad", None, 60))


def test_wrong_answers_are_found(monkeypatch, capsys):
    monkeypatch.setitem(gradbench.REFERENCES, "hello", lambda given, derivative: 3 * given)
    assert gradbench.main(["--quick", "--modules", "hello", "--tools", "symgrad"]) == 1
    out = capsys.readouterr().out
    assert "WRONG" in out
    assert "differs from the reference" in out
    assert re.search(r"^hello +no$", out, re.MULTILINE)


def test_each_module_is_told_valid(capsys):
    assert gradbench.main(["--quick", "--modules", "hello", "saddle", "--tools", "symgrad"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^hello +yes$", out, re.MULTILINE)
    assert re.search(r"^saddle +yes$", out, re.MULTILINE)


def test_a_module_without_an_answer_is_not_valid(monkeypatch, capsys):
    monkeypatch.setattr(gradbench, "CASES", [Case("nonesuch", "", lambda: 1.0, None, "f")])
    args = gradbench.parse(["--tools", "symgrad"])
    assert gradbench.run(gradbench.CASES[0], 1.0, "symgrad", None, args).stopped == "error"
    monkeypatch.setattr(gradbench, "parse", lambda argv: args)
    assert gradbench.main([]) == 1
    assert re.search(r"^nonesuch +no$", capsys.readouterr().out, re.MULTILINE)


def test_modules_of_the_suite_are_all_there():
    suite = "hello llsq lse gmm kmeans ode lstm det ba ht particle saddle"
    assert set(FUNCTIONS) == set(suite.split())
    assert set(REFERENCES) == set(FUNCTIONS)


def test_zeros_are_no_saddle():
    wanted = REFERENCES["saddle"](saddle([1.0, 1.0]), True)
    np.testing.assert_allclose(wanted, [8.246324826140356e-06] * 4, rtol=1e-12)  # what the suite has
    assert difference([0.0] * 4, wanted) == 1


def test_a_net_by_complex_steps_is_the_derivative_of_its_value():
    given = lstm(2, 5)
    wanted = np.array(REFERENCES["lstm"](given, True))
    first = np.size(given["main_params"])
    for key, slopes in (("main_params", wanted[:first]), ("extra_params", wanted[first:])):
        at = np.array(given[key])
        for place, slope in zip(np.ndindex(at.shape), slopes, strict=True):
            ends = []
            for step in (1e-5, -1e-5):
                moved = at.copy()
                moved[place] += step
                ends.append(REFERENCES["lstm"](given | {key: moved}, False))
            assert slope == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6, abs=1e-9)


def test_tables():
    case = next(c for c in CASES if c.bar is not None)
    own = Case("particle", "", lambda: None, None, "rr")
    values = {"derivative time": 2e-3, "derivative prepare": 0.5, "derivative error": 1e-12}
    row = {"symgrad": Outcome(values), "JAX": Outcome(values | {"derivative time": 6e-3})}
    row["PyTorch"] = Outcome(stopped="absent")
    args = gradbench.parse(["--quick"])
    shown = gradbench.times({"a": row}, [case], "derivative", "title", args)
    assert "2.00 (1.0)" in shown
    assert "6.00 (3.0)" in shown
    assert f"{1e3 * case.bar:.2f}" in shown
    assert "0.500" in gradbench.prepared({"a": row}, args)
    assert "a " in gradbench.times({"a": row}, [case], "derivative", "title", args)
    assert gradbench.times({"a": row}, [own], "value", "title", args).splitlines()[2:] == []
    assert gradbench.verdicts({"a": row}, [case], args).split()[-4:] == [case.module, "yes", "yes", "-"]
    row["JAX"].stopped = "limit"
    assert gradbench.verdicts({"a": row}, [case], args).split()[-2:] == ["late", "-"]
