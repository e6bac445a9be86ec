"""A user's own affinity that is built: the worked example of the documentation, and every way in which one is wrong."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from awe_cli.config.build import BuildAffinitySettings
from awe_cli.engine.local import ALL_THREADS, Local
from awe_cli.models.store import load_result
from awe_cli.models.tables import choose_builder
from awe_cli.neighbors.table import parts_of
from awe_cli.steps.build_affinity import build_affinity
from awe_cli.workspace import Workspace
from tests.builders.world import KINDS, TOLD, labels_of, laid_out, part_of, source
from tests.neighbors.test_table import ITEMS, dense_x
from tests.test_built import awe, copy, refused, trained  # noqa: F401
from tests.test_chain import TRAIN, digests
from tests.test_own_affinity import FORMULAS, HEAD, worked

ALONE = ("--model", "wsabie", "--affinity")


@pytest.fixture
def rare(tmp_path: Path) -> Path:
    """The file of the documentation."""
    return worked("rare.py", tmp_path)


def naive_rare(query, inputs, labels, power, damp, skip=None):
    """G(x, ·) of the worked example, example by example."""
    R = np.log(1 + len(inputs) / np.maximum((inputs != 0).sum(axis=0), 1))
    others = [(R * x_i, own) for i, (x_i, own) in enumerate(zip(inputs, labels, strict=True)) if i != skip]
    lengths = [np.linalg.norm(R * query) * np.linalg.norm(x_i) for x_i, _ in others]
    weights = [
        max(0.0, (R * query) @ x_i / length) ** power if length else 0.0
        for (x_i, _), length in zip(others, lengths, strict=True)
    ]
    votes = [[w for w, (_, own) in zip(weights, others, strict=True) if y in own] for y in range(ITEMS)]
    total = sum(weights) or 1.0
    return [sum(of_y) / total / max(1, len(of_y)) ** damp for of_y in votes]


@pytest.mark.parametrize("kind", KINDS)
def test_the_worked_example_is_its_formula(rare, kind):
    """For new input, and for training queries, which have no part in their own G; in blocks of any size."""
    made = source(kind, n=12)
    builder = choose_builder(f"{rare}:Rare", ["power=3", "damp=0.5"]).builder
    (choice,) = builder.choices(TOLD, made)
    built = builder.open(TOLD, made, builder.fit(TOLD, made, choice))
    labels, inputs = labels_of(made.examples), dense_x(made.examples)
    new = KINDS[kind][0](6, seed=1)
    for x, row in zip(dense_x(new), built.table(new.x), strict=True):
        np.testing.assert_allclose(row, naive_rare(x, inputs, labels, 3, 0.5), 2e-3, 1e-5)
    found = built.training(ALL_THREADS, block=1000)
    G, parts = laid_out(found, ITEMS), parts_of(made.examples)
    for e, part in itertools.product(range(12), range(parts)):
        query = part_of(inputs[e], e, part, parts, made.examples.positives)
        np.testing.assert_allclose(
            G[e * parts + part], naive_rare(query, inputs, labels, 3, 0.5, e), 2e-3, 1e-5
        )
    again = built.training(Local(3), block=5)
    assert all(np.array_equal(one, other) for one, other in zip(found, again, strict=True))


def test_from_model_to_prediction(rare, copy, tmp_path, capsys):  # noqa: F811
    """With a power that validation chooses; afterwards from the copy alone, and up to date wherever the file lies."""
    told = (*ALONE, f"{rare}:Rare")
    awe(copy, "build-affinity", *told, "--name", "mine")
    assert "--built mine" in capsys.readouterr().err
    result = load_result(Workspace(copy).find("affinity", "mine"))
    assert [(entry["power"], entry["damp"]) for entry in result["tried"]][:2] == [(2.0, 0.3), (1.0, 0.3)]
    best = max(result["tried"], key=lambda entry: entry["validation"])
    assert result["fits"] == {
        fit: {name: best[name] for name in ("power", "damp")} for fit in ("train", "train-valid")
    }
    awe(copy, "retrain", *told, "--built", "mine", "--epochs", "1", "--name", "awe")
    moved = rare.rename(tmp_path / "elsewhere.py")
    before = digests(copy)
    awe(copy, "build-affinity", *told[:-1], f"{moved}:Rare", "--name", "mine")
    awe(copy, "retrain", *told[:-1], f"{moved}:Rare", "--built", "mine", "--epochs", "1", "--name", "awe")
    assert digests(copy) == before
    moved.unlink()
    capsys.readouterr()
    awe(copy, "evaluate", "--model", "awe", "--metric", "precision@1", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["models"]["awe"]["metrics"]["precision@1"] > 0.95
    awe(copy, "predict", "--model", "awe", "--output", str(tmp_path / "top.csv"))
    assert (tmp_path / "top.csv").stat().st_size


def test_the_same_bytes_for_any_threads_and_blocks(rare, trained, tmp_path):  # noqa: F811
    found = set()
    settings = BuildAffinitySettings(affinity=f"{rare}:Rare")
    for number, (threads, block) in enumerate(((1, 1024), (3, 50))):
        workspace = Workspace(Path(shutil.copytree(trained, tmp_path / str(number))))
        found.add(build_affinity(workspace, "wsabie", settings, threads=threads, block=block)[0].digest)
    assert len(found) == 1


def test_iterations_are_the_separate_commands(rare, copy, tmp_path):  # noqa: F811
    awe(copy, *TRAIN[:-1], "1", "--learning-rate", "0.0001", "--margin", "0.5")  # learning again must help
    apart = Path(shutil.copytree(copy, tmp_path / "apart"))
    told = ("--affinity", f"{rare}:Rare", "--set", "power=2")
    again = (*told[:2], "--epochs", "2", "--learning-rate", "0.005", "--margin", "0.5")
    for workspace in (copy, apart):
        awe(workspace, "build-affinity", "--model", "wsabie", *told)
    awe(copy, "retrain", "--model", "wsabie", *again, "--iterations", "2", "--name", "awe")
    awe(apart, "retrain", "--model", "wsabie", *again, "--name", "awe-1")
    awe(apart, "build-affinity", "--model", "awe-1", *told)
    awe(apart, "retrain", "--model", "awe-1", *again, "--name", "awe-2")
    one, other = digests(copy), digests(apart)
    del one["models/awe.json"]
    assert one == other
    assert one["affinities/awe-1-rare.json"] != one["affinities/wsabie-rare.json"]


def test_a_stale_g_and_one_of_another_content_are_refused(rare, copy, refused):  # noqa: F811
    told = (*ALONE, f"{rare}:Rare")
    assert f"build-affinity --model wsabie --affinity {rare}:Rare --name wsabie-rare" in refused(
        66, copy, "retrain", *told
    )
    awe(copy, "build-affinity", *told, "--set", "power=2")
    text = rare.read_text()
    rare.write_text(text + "\n# changed\n")
    assert "found Rare of another version of the file" in refused(66, copy, "retrain", *told)
    rare.write_text(text)
    awe(copy, *TRAIN, "--seed", "1")
    assert "is stale" in refused(66, copy, "retrain", *told)


BODY = """import numpy as np
from typing import NamedTuple
class Mine(NamedTuple):
    width: int = 2
    def build(self, source):
        n, Y = source.n_labels, np.zeros((len(source.examples), source.n_labels), np.float32)
        for e in range(len(Y)):
            Y[e, source.examples.positives.indices[slice(*source.examples.positives.indptr[e:e + 2])]] = 1
        total = Y.sum(axis=0)
        def G(x, skip):
            m = len(skip)
            g = np.where(skip[:, None] < 0, total, total - Y[skip])
            return g
        return G
"""


def test_a_g_of_x_alone_looks_at_no_training_example(tmp_path):
    path = tmp_path / "mine.py"
    text = BODY.replace("G(x, skip)", "G(x)").replace("len(skip)", "len(x.values)")
    path.write_text(
        text.replace("np.where(skip[:, None] < 0, total, total - Y[skip])", "np.tile(total, (m, 1))")
    )
    made = source("dense")
    builder = choose_builder(f"{path}:Mine", None).builder
    built = builder.open(TOLD, made, builder.fit(TOLD, made, {"width": 2}))
    expected = [sum(y in own for own in labels_of(made.examples)) for y in range(ITEMS)]
    np.testing.assert_array_equal(
        laid_out(built.training(ALL_THREADS, 64), ITEMS), [expected] * len(made.examples)
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    width: int = 2\n", "import nothing\n", "IndentationError"),
        ("class Mine", "class Other", "expected a NamedTuple 'Mine' in"),
        ("def build", "def built", "expected of Mine a method `build`, found none"),
        ("width: int = 2", "width: str = 2", "expected int, float, bool as the type of width"),
        ("return g", "return 1 / 0", "mine.py, line 13: ZeroDivisionError: division by zero"),
        ("n, Y =", "n, Z =", "mine.py, line 7: NameError"),
        ("(self, source)", "(self)", "mine.py, in `build`: TypeError"),
        ("return G", "return None", "expected `build` to return G, a function of x and skip, found None"),
        ("total = Y", "source.state.V[0] = 1; total = Y", "line 9: ValueError: assignment destination is read-only"),
        ("return g", "return g.astype(float)", "expected of G a float32 array (240, 80), a number for each row of x "
         "and each label, found float64 (240, 80)"),
        ("return g", "return g[:, 1:]", "found float32 (240, 79)"),
        ("return g", "return list(g)", "found [array("),
        ("return g", "g[7, 3] = -0.5; return g", "Mine(width=2): expected finite numbers of at least 0, found -0.5 "
         "for training example 'p104' and label 3 (counted from 0)"),
        ("return g", "g[-1, -1] = np.nan; return g", "found nan for training example 'p99' and label 79"),
        ("return g", "return g + np.float32(m == 3)", "expected the same G of a row in any block of rows, found 25.0 "
         "in one and 26.0 in another, for training example 'p0' and label 0"),
        ("return g", "return np.tile(total, (m, 1))", "expected G to leave out training example skip[q] of row q"),
        ("def build", "def choices(self, source):\n        return []\n    def build", "`choices` a list of one or "
         "more Mine, found []"),
        ("def build", "def choices(self, source):\n        return [self._replace(width=0.5)]\n    def build",
         "--affinity: expected a value of type int in `choices` for width of Mine, found 0.5"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used(trained, refused, tmp_path, old, new, message):  # noqa: F811
    path = tmp_path / "mine.py"
    assert old in BODY
    path.write_text(BODY.replace(old, new, 1))
    before = digests(trained)
    said = " ".join(refused(78, trained, "build-affinity", *ALONE, f"{path}:Mine").split())
    assert message in said
    assert digests(trained) == before


@pytest.mark.parametrize(
    ("code", "arguments", "says"),
    [
        (78, ("build-affinity", *ALONE, "learned.py:Mine"), "train --affinity learned.py:Mine`"),
        (78, ("retrain", *ALONE, "learned.py:Mine"), "it is learned with U and V, and not built"),
        (78, ("build-affinity", *ALONE, "mine.py:Mine", "--scheduler", "tcp://h:1"), "whose code workers do not have"),
        (78, ("train", "--affinity", "mine.py:Mine"), "build-affinity --affinity mine.py:Mine`, then"),
        (78, ("build-affinity", *ALONE, "mine.py:Mine", "--set", "wdith=3"), "did you mean 'width'?"),
        (78, ("build-affinity", *ALONE, "mine.py:Mine", "--set", f"width={2**63}"), "expected a value of type int"),
        (78, ("build-affinity", *ALONE, "mine.py:Mine", "--lambda", "3"), "it knows --measure, --keep"),
        (78, ("build-affinity", *ALONE, "rbf", "--set", "width=3"), "a Python file as the affinity, found rbf"),
        (78, ("build-affinity", *ALONE, "knn", "--set", "width=3"), "a Python file as the affinity, found knn"),
        (78, ("build-affinity", *ALONE, "mine.py"), "expected a type in the file, as mine.py:Name"),
        (66, ("build-affinity", *ALONE, "none.py:Mine"), "none.py: cannot be read"),
        (66, ("retrain", *ALONE, "none.py:Mine"), "none.py: cannot be read"),
        (78, ("retrain", "--affinity", "mix", "--mix", "mine.py:Mine,constant"), "cannot be a member of a mixture"),
    ],
)  # fmt: skip
def test_what_is_refused(trained, refused, tmp_path, monkeypatch, code, arguments, says):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(BODY)
    (tmp_path / "learned.py").write_text(HEAD + FORMULAS)
    assert says in " ".join(refused(code, trained, *arguments).split())
