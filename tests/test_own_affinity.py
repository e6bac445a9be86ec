"""A user's own affinity that is learned: the documentation's worked example, and every way in which a file is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from awe_cli.affinities import low_rank
from awe_cli.affinities.pointwise import Constant
from awe_cli.app import main
from awe_cli.config.prepare import PrepareSettings
from awe_cli.core.dispatch import for_types_of
from awe_cli.core.score import _rate_block
from awe_cli.dataset.dataset import Dataset
from awe_cli.models.load import load_fit
from awe_cli.models.store import load_result, load_state
from awe_cli.plugins.file import plugin_type
from awe_cli.ranking.embedding import EmbeddingRanker
from awe_cli.steps.prepare import prepare
from awe_cli.workspace import Workspace
from tests.affinities.labels import matrix
from tests.pages import DOCS, blocks
from tests.small import recommendation
from tests.test_retrieval import written

pytestmark = pytest.mark.slow

TRAIN = ("train", "--epochs", "1", "--dim", "4", "--start", "scratch", "--threads", "1")


def worked(name, folder):
    """A file of the documentation, written into a folder."""
    [text] = [block.text for block in blocks(DOCS / "own-affinity.md") if block.file == name]
    path = folder / name
    path.write_text(text)
    return path


@pytest.fixture
def example(tmp_path):
    """The worked example."""
    return worked("softplus.py", tmp_path)


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
    from awe_cli.core.interface import slope, value

    kind = plugin_type(example, "Softplus")
    f = value.dispatch(kind)
    for s in (-0.7, 0.0, 0.3):
        by_difference = (f(kind(5.0), s + 1e-5, None, 0) - f(kind(5.0), s - 1e-5, None, 0)) / 2e-5
        assert slope.dispatch(kind)(kind(5.0), s, None, 0) == pytest.approx(by_difference, 1e-5)


def test_kernels_for_it_are_not_kept_on_disk(example):
    """One type that another process cannot import would make the whole folder unreadable to it."""
    mine = plugin_type(example, "Softplus")(5.0)
    assert for_types_of(_rate_block, Constant(1.0)) is _rate_block
    twin = for_types_of(_rate_block, mine)
    assert twin is not _rate_block
    assert twin is for_types_of(_rate_block, mine), "compiled once in a process"
    assert type(twin._cache).__name__ == "NullCache"


HEAD = """import math
import numpy as np
from typing import NamedTuple
from awe_cli.core.dispatch import implements
from awe_cli.core.families import of_whole_score, without_table
from awe_cli.core.interface import slope, value
from awe_cli.core.interface import NO_PARAMS
from awe_cli.core.arrays import dot_row
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
        ("\0", "Mine", "mine.py, while it was imported: "),
        ("import sys\nsys.exit(3)\n", "Mine", "line 2: SystemExit: 3"),
        (HEAD, "Mime", "expected a NamedTuple 'Mime' in"),
        (HEAD, "Mine", "missing: value, slope"),
        (HEAD.replace("of_whole_score(Mine)", ""), "Mine", "missing: score, gradient, score_from_dot"),
    ],
)
def test_a_file_that_cannot_be_used(refused, source, name, message):
    assert message in refused(78, source, name)


FORMULAS = (
    "@implements(value, Mine)\ndef v(affinity, s, context, label):\n    return s\n"
    "@implements(slope, Mine)\ndef d(affinity, s, context, label):\n    return affinity.gain\n"
)


def with_numbers(body):
    """The head of a file whose type has a method `numbers`."""
    method = f"    gain: float = 1.0\n    def numbers(self, shape):\n        {body}\n"
    return HEAD.replace("    gain: float\n", method)


def _numbers(arrays):
    return f"return NO_PARAMS._replace({arrays})"


def _pairs(indptr, last):
    arrays = f"indptr=np.array({indptr}), labels=np.array([0, {last}], np.int32), pairs=np.ones(2, 'f')"
    return _numbers(arrays)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise KeyError(shape.dim)", "line 12: KeyError: "),
        ("return 3", "`numbers` of Mine: expected an AffinityParams, found 3"),
        (
            _numbers("shared=np.ones((1, 3))"),
            "shared to be an array of float32 with 2 axes, found float64 (1, 3)",
        ),
        (_numbers("shared=None"), "shared to be an array of float32 with 2 axes, found None"),
        (_numbers("pairs=np.ones((1, 3), 'f')"), "pairs to be an array of float32 with 1 axes"),
        (_numbers("shared=np.full((1, 3), np.nan, 'f')"), "finite numbers in shared, found nan"),
        (_numbers("V_hat=np.ones((4, 3), 'f')"), "V_hat to have shape.labels = 5 rows, found float32 (4, 3)"),
        (
            _numbers("U_hat=np.ones((0, 3), 'f')"),
            "U_hat to have shape.features = 5 rows, found float32 (0, 3)",
        ),
        (_numbers("pairs=np.ones(2, 'f')"), "as many pairs as labels, found 2 and 0"),
        (_pairs("[0, 1, 0, 2, 2, 2]", 2), "indptr to be 6 numbers that rise from 0 to the 2 pairs"),
        (_pairs("[0, 1, 2, 2]", 2), "indptr to be 6 numbers that rise from 0 to the 2 pairs"),
        (_pairs("[0, 1, 2, 2, 2, 2]", 7), "labels to be rows of V, 0 to 4, found 0 to 7"),
    ],
)
def test_numbers_of_its_own_that_cannot_be_used(refused, body, message):
    assert message in refused(78, with_numbers(body) + FORMULAS)


@pytest.mark.parametrize(
    ("numbers", "f", "slope", "message"),
    [
        (
            "shared=np.ones((1, 3), 'f')",
            "s * context.learned.shared[5, 1]",
            "1.0",
            "line 17: index 5 is out of bounds for axis 0 with size 1",
        ),
        (
            "shared=np.ones((1, 4), 'f')",
            "s + math.sqrt(-1.0)",
            "dot_row(context.z, context.learned.shared, label)",
            "line 20: index 4 is out of bounds for axis 0 with size 1",
        ),
        ("", "s ** np.float32(0.5)", "1.0", "value of Mine(gain=1.0) gives nan for s = -0."),
        ("", "s / (affinity.gain - 1.0)", "1.0", "inf for s = "),
        ("", "s * s / s", "1.0", "value of Mine(gain=1.0) gives nan for s = 0"),
        (
            "",
            "s",
            "np.log(s)",
            "slope of Mine(gain=1.0) gives no finite number for some s from -0.",
        ),
    ],
)
def test_formulas_that_would_read_elsewhere_or_give_no_number(refused, numbers, f, slope, message, request):
    """The last label is 4: there a row of shared numbers is looked for that is not there."""
    if f != "s * s / s":  # compiled, 0 / 0 is not a number either
        request.getfixturevalue("interpreted_kernels")
    source = FORMULAS.replace("return s\n", f"return {f}\n").replace(
        "return affinity.gain", f"return {slope}"
    )
    assert message in refused(78, with_numbers(_numbers(numbers)) + source)


@pytest.mark.usefixtures("interpreted_kernels")
def test_a_low_rank_affinity_of_a_file_where_features_describe_labels(tmp_path):
    """V̂ has a row for every word then, and there are more of them than documents."""
    source = Path(low_rank.__file__).read_text().replace("(affinity.activation,", "(Identity(affinity.gain),")
    source = source.replace("import activate,", "import Identity, activate,").replace(
        "    activation: Any  # s\n",
        "    gain: float = 1.0\n    def numbers(self, shape):\n"
        "        from awe_cli.core.interface import NO_PARAMS\n"
        "        U_hat, V_hat = shape.draw(0, shape.features, 3), shape.draw(1, shape.labels, 3)\n"
        "        return NO_PARAMS._replace(U_hat=U_hat, V_hat=V_hat)\n",
    )
    (tmp_path / "mine.py").write_text(source)
    ws = Workspace(tmp_path)
    prepare(ws, [], PrepareSettings(**written(tmp_path), split="split"))
    told = ("--fit-on", "train", "--name", "mine", "--affinity", f"{tmp_path / 'mine.py'}:LowRank")
    assert main(["-w", str(ws.root), *TRAIN, *told]) == 0
    stored, model = ws.find("dataset"), ws.find("model", "mine")
    dataset, state = Dataset.open(stored.path, stored.settings), load_state(model, ("train",))
    assert len(state.learned.V_hat) == len(state.V) > dataset.n_labels
    examples, width = dataset.training(("train",)), len(state.V)
    x, y = matrix(examples.x, len(state.U)), matrix(examples.y, width)
    f = x @ ((state.learned.U_hat @ state.learned.V_hat.T) * (state.U @ state.V.T)) @ y.T
    found = load_fit(ws, model, dataset, ("train",)).scores(examples.x).score
    np.testing.assert_allclose(found, f, 1e-3, 1e-5)


def test_parameters_that_are_missing_or_wrong(refused, tmp_path, capsys):
    assert "--set: expected a value of type float for gain of Mine, found none" in refused(
        78, HEAD + FORMULAS
    )
    for told, message in (
        ("gain=much", "found much"),
        ("gain=nan", "found nan"),
        ("width=1", "no parameter 'width'; it knows gain"),
        ("gian=1", "hint: did you mean 'gain'?"),
    ):
        arguments = ("--affinity", f"{tmp_path / 'mine.py'}:Mine", "--set", told)
        assert main(["-w", str(tmp_path / "ws"), *TRAIN, *arguments]) == 78
        assert message in " ".join(capsys.readouterr().err.split())
    assert main(["-w", str(tmp_path / "ws"), *TRAIN, "--affinity", "max", "--set", "gain=1"]) == 78
    assert main(["-w", str(tmp_path / "ws"), *TRAIN, "--affinity", "none.py:Mine"]) == 66


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ('gain: str = "x"', "expected int, float, bool as the type of gain of Mine, found str"),
        (
            "gain: 'Gain' = 1.0",
            "expected int, float, bool as the type of gain of Mine, found name 'Gain' is not",
        ),
        ('gain: float = "x"', "expected a value of type float as the default of gain of Mine, found x"),
        (
            "gain: float = math.nan",
            "expected a value of type float as the default of gain of Mine, found nan",
        ),
        ("gain: int = 1.5", "expected a value of type int as the default of gain of Mine, found 1.5"),
    ],
)
def test_a_parameter_that_is_no_number(refused, field, message):
    assert message in refused(78, HEAD.replace("gain: float", field) + FORMULAS)


def test_a_file_alone_and_a_file_where_none_can_be(tmp_path, capsys):
    ws = recommendation(tmp_path / "ws")
    for *command, message in (
        (*TRAIN, "--affinity", "mine.py", "expected a type in the file, as mine.py:Name, found mine.py"),
        (*TRAIN, "--affinity", "mine.py:", "expected a type in the file, as mine.py:Name, found mine.py:"),
        (
            *TRAIN,
            "--affinity",
            "mix",
            "--mix",
            "mine.py:Mine,max",
            "hint: a type in a file cannot be a member of a mixture yet",
        ),
    ):
        assert main(["-w", str(ws.root), *command]) == 78
        assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return s.nothing", "mine.py, line 15: cannot be compiled: Unknown attribute 'nothing'"),
        (
            "if s > 1e9:\n        return sgima(s)\n    return s",
            "mine.py, line 16: cannot be compiled: NameError: name 'sgima' is not defined",
        ),
        (
            "import json; return s",
            "mine.py, in a formula: cannot be compiled: Use of unsupported opcode (IMPORT_NAME)",
        ),
    ],
)
def test_a_formula_that_cannot_be_compiled(refused, body, says):
    source = HEAD.replace("gain: float", "gain: float = 1.0") + (
        f"@implements(value, Mine)\ndef v(affinity, s, context, label):\n    {body}\n"
        "@implements(slope, Mine)\ndef d(affinity, s, context, label):\n    return affinity.gain\n"
    )
    assert says in refused(78, source)
