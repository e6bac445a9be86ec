"""Mixtures that `awe train` chooses weights of on validation, from the command line to predictions (see test_mix)."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from awe_cli.affinities.registry import parameters_of, start_affinity
from awe_cli.affinities.spec import Shape
from awe_cli.core.epoch import State
from awe_cli.dataset.examples import Examples
from awe_cli.matrices.matrix import Bags, Lists
from awe_cli.models.affinity import weigh_with
from awe_cli.models.store import load_result, load_state, open_dataset
from awe_cli.ranking.validation import Validator
from awe_cli.training.state import with_learned
from awe_cli.workspace import Workspace
from tests.test_built import awe, copy, refused, trained  # noqa: F401
from tests.test_chain import PEOPLE, digests

MEMBERS = ("--affinity", "mix", "--mix", "constant,gaussian")
MIX = ("train", *MEMBERS, "--mix-weights", "validation", "--sigma", "0.3", "--metric", "mrr", "--epochs", "1")
PLANTED = 0.35  # the share of the constant by which positives are the first


def naive_scores(x: np.ndarray, U: np.ndarray, V: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """f of a constant and of a gaussian, (examples, labels) each, in float64."""
    Z, V = x @ U.astype(float), V.astype(float)
    S = Z @ V.T
    return S, np.exp(-np.square(Z[:, None] - V[None]).sum(axis=2) / (2 * sigma**2)) * S


def naive_mrr(F: np.ndarray, x: np.ndarray, wanted: Lists, *, own: bool) -> float:
    """The mean of 1 / the rank of the first positive; `own`: features of x are labels that are no candidates."""
    F = np.where(x > 0, -np.inf, F) if own else F
    rows = zip(F, wanted.indptr, wanted.indptr[1:], strict=False)
    return float(
        np.mean([1 / (1 + (row > row[wanted.indices[begin:end]].max()).sum()) for row, begin, end in rows])
    )


def laid_out(x: Bags, n_features: int) -> np.ndarray:
    """Bags as a matrix."""
    X = np.zeros((len(x.indptr) - 1, n_features))
    X[np.repeat(np.arange(len(X)), np.diff(x.indptr)), x.indices] = x.values
    return X


def planted() -> tuple[Examples, State]:
    """Examples of one positive each, that is the first by a known sum of what constant and gaussian say."""
    draws = np.random.default_rng(0)
    n, features, labels, dim = 500, 12, 40, 3
    U, V = (draws.normal(0, 1, (rows, dim)).astype(np.float32) for rows in (features, labels))
    indices = np.stack([draws.choice(features, 2, replace=False) for _ in range(n)]).astype(np.int32)
    x = Bags(np.arange(0, 2 * n + 1, 2), indices.ravel(), np.full(2 * n, 0.7, np.float32))
    plain, near = naive_scores(laid_out(x, features), U, V, 0.8)
    first = np.argmax(PLANTED * plain + (1 - PLANTED) * near, axis=1).astype(np.int32)
    state = State(U, V, np.zeros(features, np.float32), np.zeros(labels, np.float32))
    return Examples(pa.array(range(n)), x, Lists(np.arange(n + 1), first), None, False), state


def test_the_weights_that_are_found_are_those_that_rank_best() -> None:
    examples, state = planted()
    told = {"mix": ("constant", "gaussian"), "sigma": 0.8, "mix_weights": "validation"}
    given = parameters_of("mix", told, own=False)
    state = with_learned(state, start_affinity(given, Shape(12, 40, 3, 1.0, 0)))
    found = weigh_with(given)(Validator(examples, "mrr", 1), state)
    assert found == pytest.approx([PLANTED, 1 - PLANTED])
    assert state.learned.shared[0].tolist() == [0.5, 0.5], "the state is left as it was"


@pytest.fixture(scope="module")
def mixed(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """A linear model and a mixture that starts from it, never to be changed."""
    workspace = Path(shutil.copytree(trained, tmp_path_factory.mktemp("mixed") / "workspace"))
    awe(workspace, *MIX, "--start", "wsabie", "--name", "mixed")
    return workspace


@pytest.fixture
def mine(mixed: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(mixed, tmp_path / "mine"))


def weights_of(workspace: Path, name: str) -> tuple[dict[str, list[float]], list[float]]:
    """The weights of each fit of a model, and those that its members began with."""
    found = load_result(Workspace(workspace).find("model", name))
    return found["weights"], [member["weight"] for member in found["affinity"]["members"]]


def test_what_is_chosen_is_the_best_by_the_u_and_v_that_it_starts_from(mixed: Path) -> None:
    by_fit, chosen = weights_of(mixed, "mixed")
    assert sum(chosen) == pytest.approx(1)
    assert chosen != pytest.approx([0.5, 0.5])
    for weights in (by_fit["train"], by_fit["train-valid"]):
        assert weights == pytest.approx(chosen), "both fits have what was chosen by the first"
    model = Workspace(mixed).find("model", "mixed")
    told = model.settings["affinity"]
    assert (told["weights"], [member["weight"] for member in told["members"]]) == ("validation", [0.5, 0.5])
    dataset = open_dataset(Workspace(mixed).find("dataset"))
    start = load_state(Workspace(mixed).find("model", "wsabie"), ("train",))
    [held_out] = dataset.held_out_batches("valid", ("train",))
    x = laid_out(held_out.x, dataset.n_features)
    plain, near = naive_scores(x, start.U, start.V, 0.3)

    def mrr(share: float) -> float:
        return naive_mrr(share * plain + (1 - share) * near, x, held_out.positives, own=True)

    assert mrr(chosen[0]) == pytest.approx(max(mrr(share / 20) for share in range(21)), abs=1e-6)


def test_the_linear_stage_is_there_to_score_with(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With no model to start from; the same bytes for any number of threads, and up to date afterwards."""
    again = Path(shutil.copytree(mine, tmp_path / "again"))
    awe(mine, *MIX, "--threads", "1")
    assert "weights: constant" in capsys.readouterr().err
    awe(again, *MIX, "--threads", "3")
    assert digests(mine) == digests(again)
    capsys.readouterr()
    awe(mine, *MIX)
    said = capsys.readouterr().err
    assert "up to date" in said
    assert "weights: constant" in said
    assert load_result(Workspace(mine).find("model", "mix"))["stages"] == ["linear", "mix"]
    awe(mine, "evaluate", "--model", "mix", "--metric", "recall@10", "--json")
    models = json.loads(capsys.readouterr().out)["models"]
    assert models["mix"]["metrics"]["recall@10"] > 0.95
    awe(mine, "predict", "--model", "mix", "--top-k", "3", "--output", str(tmp_path / "top.csv"))
    assert len(list(csv.DictReader((tmp_path / "top.csv").open()))) == 3 * PEOPLE


def test_learned_weights_start_from_those_that_were_chosen(mine: Path) -> None:
    """And what starts from the same mixture goes on with what it remembers, its weights chosen anew."""
    _, chosen = weights_of(mine, "mixed")
    learn = (*MIX, "--learn-mix", "--learning-rate", "0.0001", "--start")
    awe(mine, *learn, "wsabie", "--name", "learned")
    by_fit, began = weights_of(mine, "learned")
    assert began == chosen
    assert by_fit["train"] != chosen
    assert by_fit["train"] == pytest.approx(chosen, abs=0.01)
    awe(mine, *learn, "learned", "--name", "further")
    ws = Workspace(mine)
    before, after = (load_state(ws.find("model", name), ("train",)) for name in ("learned", "further"))
    assert (after.memory.shared > before.memory.shared).all()
    _, began = weights_of(mine, "further")
    assert sum(began) == pytest.approx(1), "learned ones do not add up"
    awe(mine, "train", "--start", "mixed", "--affinity", "constant", "--name", "plain", "--epochs", "1")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((*MIX, "--start", "scratch"), "--start: expected linear or the name of a model"),
        ((*MIX, "--mix", "constant:1,gaussian:2"), "expected members without weights"),
        (("train", *MEMBERS, "--mix-weights", "best"), "--mix-weights: expected one of given, validation"),
        (
            ("train", "--affinity", "gaussian", "--mix-weights", "validation"),
            "--mix-weights: the affinity gaussian",
        ),
    ],
)
def test_what_is_refused(
    mixed: Path,
    refused: Callable[..., str],  # noqa: F811
    arguments: tuple[str, ...],
    says: str,
) -> None:
    before = digests(mixed)
    assert says in refused(78, mixed, *arguments)
    assert digests(mixed) == before
