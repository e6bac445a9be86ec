"""A user's own affinity: the worked example of the documentation, and every way in which a file can be wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from awe_cli.affinity.constant import Constant
from awe_cli.app import main
from awe_cli.data.dataset import Dataset
from awe_cli.kernels.dispatch import for_types_of
from awe_cli.kernels.score import _rate_block
from awe_cli.models.embeddings import load_result, load_state
from awe_cli.models.own_file import own_type
from awe_cli.models.rankers import load_fit
from awe_cli.ranking.embedding import EmbeddingRanker
from tests.small import recommendation

GUIDE = Path(__file__).parent.parent / "docs" / "own-affinity.md"
TRAIN = ("train", "--epochs", "1", "--dim", "4", "--start", "scratch", "--threads", "1")


@pytest.fixture
def example(tmp_path):
    """The file of the documentation."""
    (source,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    path = tmp_path / "softplus.py"
    path.write_text(source)
    return path


@pytest.fixture
def refused(tmp_path, capsys):
    """Train with a file of this content, expect a code; what was said."""
    ws = recommendation(tmp_path / "ws")

    def run(code, source, name="Mine"):
        path = tmp_path / "mine.py"
        path.write_text(source)
        assert main(["-w", str(ws.root), *TRAIN, "--affinity", f"{path}:{name}"]) == code
        err = " ".join(capsys.readouterr().err.split())
        assert "hint: " in err
        assert "Traceback" not in err
        assert not ws.names("model")
        return err

    return run


def test_the_worked_example(example, tmp_path):
    ws = recommendation(tmp_path / "ws")
    told = ("--affinity", f"{example}:Softplus", "--set", "gain=8", "--floor", "0.5")
    assert main(["-w", str(ws.root), *TRAIN, *told]) == 0
    model = ws.find("model", "softplus")
    assert load_result(model)["affinity"]["parameters"] == {"gain": 8.0}
    example.rename(tmp_path / "elsewhere.py")
    stored = ws.find("dataset")
    dataset = Dataset.open(stored.path, stored.settings)
    state, x = load_state(model, ("train",)), dataset.training(("train",)).x
    s = EmbeddingRanker(Constant(1.0), state.U, state.V).scores(x).score.astype(float)
    found = load_fit(ws, model, dataset, ("train",)).scores(x).score
    np.testing.assert_allclose(found, (np.log1p(np.exp(8 * s)) + 0.5) * s, 1e-4, 1e-6)
    moved = ("--affinity", f"{tmp_path / 'elsewhere.py'}:Softplus", "--set", "gain=8", "--floor", "0.5")
    assert main(["-w", str(ws.root), *TRAIN, *moved]) == 0
    assert ws.find("model", "softplus").digest == model.digest
    command = [
        sys.executable,
        "-m",
        "awe_cli",
        "-w",
        str(ws.root),
        "predict",
        "--model",
        "softplus",
        "--output",
        "-",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_its_slope_is_the_one_of_its_value(example):
    from awe_cli.kernels.interface import slope, value

    kind = own_type(example, "Softplus")
    f = value.dispatch(kind)
    for s in (-0.7, 0.0, 0.3):
        by_difference = (f(kind(5.0), s + 1e-5, None, 0) - f(kind(5.0), s - 1e-5, None, 0)) / 2e-5
        assert slope.dispatch(kind)(kind(5.0), s, None, 0) == pytest.approx(by_difference, 1e-5)


def test_kernels_for_it_are_not_kept_on_disk(example):
    """One type that another process cannot import would make the whole folder unreadable to it."""
    mine = own_type(example, "Softplus")(5.0)
    assert for_types_of(_rate_block, Constant(1.0)) is _rate_block
    twin = for_types_of(_rate_block, mine)
    assert twin is not _rate_block
    assert twin is for_types_of(_rate_block, mine), "compiled once in a process"
    assert type(twin._cache).__name__ == "NullCache"


HEAD = """
from typing import NamedTuple
from awe_cli.kernels.dispatch import implements
from awe_cli.kernels.families import of_whole_score, without_table
from awe_cli.kernels.interface import slope, value
class Mine(NamedTuple):
    gain: float
without_table(Mine)
of_whole_score(Mine)
"""


@pytest.mark.parametrize(
    ("source", "name", "message"),
    [
        ("class Mine(\n", "Mine", "line 1: SyntaxError"),
        (
            "x = 1\nimport no_such_module\n",
            "Mine",
            "line 2: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("import sys\nsys.exit(3)\n", "Mine", "line 2: SystemExit: 3"),
        (HEAD, "Mime", "expected a NamedTuple 'Mime' in"),
        (HEAD, "Mine", "missing: value, slope"),
        (HEAD.replace("of_whole_score(Mine)", ""), "Mine", "missing: score, gradient, rate"),
    ],
)
def test_a_file_that_cannot_be_used(refused, source, name, message):
    assert message in refused(78, source, name)


FORMULAS = (
    "@implements(value, Mine)\ndef v(affinity, s, case, label):\n    return s\n"
    "@implements(slope, Mine)\ndef d(affinity, s, case, label):\n    return affinity.gain\n"
)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise KeyError(shape.dim)", "line 9: KeyError: "),
        ("return 3", "expected a Learned from `numbers` of Mine, found 3"),
    ],
)
def test_numbers_of_its_own_that_cannot_be_used(refused, body, message):
    method = f"    gain: float = 1.0\n    def numbers(self, shape):\n        {body}\n"
    assert message in refused(78, HEAD.replace("    gain: float\n", method) + FORMULAS)


def test_parameters_that_are_missing_or_wrong(refused, tmp_path, capsys):
    assert "--set: expected a value of type float for gain of Mine, found none" in refused(
        78, HEAD + FORMULAS
    )
    for told, message in (
        ("gain=much", "found much"),
        ("gain=nan", "found nan"),
        ("width=1", "no parameter 'width'; it knows gain"),
    ):
        arguments = ("--affinity", f"{tmp_path / 'mine.py'}:Mine", "--set", told)
        assert main(["-w", str(tmp_path / "ws"), *TRAIN, *arguments]) == 78
        assert message in " ".join(capsys.readouterr().err.split())
    assert main(["-w", str(tmp_path / "ws"), *TRAIN, "--affinity", "max", "--set", "gain=1"]) == 78
    assert main(["-w", str(tmp_path / "ws"), *TRAIN, "--affinity", "none.py:Mine"]) == 66


def test_a_formula_that_cannot_be_compiled(refused):
    source = HEAD.replace("gain: float", "gain: float = 1.0") + (
        "@implements(value, Mine)\ndef v(affinity, s, case, label):\n    return s.nothing\n"
        "@implements(slope, Mine)\ndef d(affinity, s, case, label):\n    return affinity.gain\n"
    )
    assert "mine.py, line 12: cannot be compiled: Unknown attribute 'nothing'" in refused(78, source)
