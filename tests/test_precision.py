"""Models whose U and V are stored in 16 bits a number: what is rounded, and that every command works on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from awe_cli import Workspace
from awe_cli.app import main
from awe_cli.config.train import TrainSettings
from awe_cli.errors import CorruptArtifactError, SettingsError
from awe_cli.models.precision import narrow, widen
from awe_cli.models.store import load_state
from awe_cli.steps.train import train
from awe_cli.workspace import Workspace as Store
from awe_cli.workspace.arrays import load_arrays, save_arrays
from tests.api.test_workspace import plays
from tests.test_resume import Log, Stop, stop_at

each_type = pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
FIT, SETTINGS = ("train", "valid"), TrainSettings(dim=8, epochs=3, margin=0.3)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with the model `full`, and the same with 16 bits."""
    ws = Workspace(tmp_path_factory.mktemp("precision") / "workspace")
    ws.prepare(plays(), user="who", item="what", holdout=1)
    for name, dtype in (("full", "float32"), ("float16", "float16"), ("bfloat16", "bfloat16")):
        ws.train(name, dim=8, epochs=3, margin=0.3, dtype=dtype, threads=1)
    return ws


def stored(chain: Workspace) -> Store:
    """The artifacts of a workspace."""
    return Store(chain.root)


def test_bfloat16_is_the_nearest_of_its_numbers_and_the_even_one_of_two():
    every = np.arange(1 << 16, dtype=np.uint16)
    numbers = widen(every)
    finite = np.isfinite(numbers)
    np.testing.assert_array_equal(narrow(numbers[finite], "bfloat16"), every[finite])
    some = np.random.default_rng(0).normal(0, 1, 1000).astype(np.float32)
    grid = np.sort(numbers[finite & (np.abs(numbers) < 10)])
    nearest = np.abs(grid[None, :] - some[:, None]).min(axis=1)
    np.testing.assert_array_equal(np.abs(widen(narrow(some, "bfloat16")) - some), nearest)
    halves = np.array([1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8], np.float32)  # between two, in the middle
    assert widen(narrow(halves, "bfloat16")).tolist() == [1.0, 1 + 2**-6, -1.0]


@each_type
def test_u_and_v_are_rounded_when_they_are_stored_and_nothing_else_is(chain: Workspace, dtype: str):
    full, short = (stored(chain).find("model", name) for name in ("full", dtype))
    assert short.settings == {**full.settings, "dtype": dtype}
    for fit in (("train",), FIT):
        name = f"fit-{'-'.join(fit)}.npz"
        after, before = load_arrays(short.file(name)), load_arrays(full.file(name))
        for key, array in before.items():
            expected = narrow(array, dtype) if key in ("U", "V", "learned.U_hat", "learned.V_hat") else array
            np.testing.assert_array_equal(after[key], expected)
            assert after[key].dtype == expected.dtype
        assert after["U"].nbytes * 2 == before["U"].nbytes
        state = load_state(short, fit)
        assert state.U.dtype == state.V.dtype == np.float32
        np.testing.assert_allclose(state.V, before["V"], rtol=2**-8, atol=1e-7)


@each_type
def test_every_command_works_on_such_a_model(chain: Workspace, dtype: str, tmp_path: Path, capsys: Any):
    def run(*words: str) -> str:
        capsys.readouterr()
        assert main(["-w", str(chain.root), *words]) == 0
        return capsys.readouterr().out

    judged = json.loads(
        run("evaluate", "--model", f"full,{dtype}", "--metric", "ndcg", "--at", "5", "--json")
    )
    figures = [entry["metrics"]["ndcg@5"] for entry in judged["models"].values()]
    assert figures[0] == pytest.approx(figures[1], abs=0.05)
    run("build-knn", "--model", dtype, "--k", "5", "--lambda", "1")
    run("retrain", "--model", dtype, "--epochs", "0", "--name", f"{dtype}-awe")
    base, again = (stored(chain).find("model", name) for name in (dtype, f"{dtype}-awe"))
    assert again.settings["dtype"] == dtype, "a retrained model is stored as the one that it is made from"
    before, after = (load_arrays(model.file("fit-train.npz"))["U"] for model in (base, again))
    np.testing.assert_array_equal(after, before)
    run("predict", "--model", f"{dtype}-awe", "--output", str(tmp_path / "out.csv"))
    run("predict", "--model", dtype, "--approximate", "hnsw", "--output", str(tmp_path / "out.csv"))
    assert f"stored as  {dtype}" in " ".join(run("describe", dtype).split("\n")).replace("│", "")
    run("train", "--affinity", "constant", "--start", dtype, "--epochs", "1", "--dim", "8", "--name", "on")
    assert "dtype" not in stored(chain).find("model", "on").settings
    assert chain.model(dtype).embeddings().V.dtype == np.float32
    assert chain.model(dtype).recommend(top_k=3).num_rows == 180


def test_stopped_and_resumed_the_rounded_model_has_the_same_bytes(chain: Workspace):
    """The checkpoint is in float32: a rounded one would lead elsewhere."""
    settings = TrainSettings(dim=8, epochs=3, margin=0.3, dtype="bfloat16")
    with pytest.raises(Stop):
        train(stored(chain), settings, name="stopped", on_progress=stop_at(2), checkpoints=Log().settings)
    train(stored(chain), settings, name="stopped", checkpoints=Log().settings)
    assert stored(chain).find("model", "stopped").digest == stored(chain).find("model", "bfloat16").digest


def test_numbers_that_are_none_and_numbers_too_large_are_told(chain: Workspace, tmp_path: Path):
    with pytest.raises(
        SettingsError, match=r"--dtype float16: expected a --norm-cap of at most 65,504.*found 70000"
    ):
        chain.train("m", dtype="float16", norm_cap=7e4)
    with pytest.raises(
        SettingsError, match="dtype: expected one of float32, float16, bfloat16, found 'half'"
    ):
        chain.train("m", dtype="half")
    model = stored(chain).find("model", "bfloat16")
    path = model.file("fit-train.npz")
    content, arrays = path.read_bytes(), load_arrays(path)
    arrays["V"][0, 0] = 0x7FC0  # not a number
    save_arrays(path, arrays)
    with pytest.raises(CorruptArtifactError, match="V has entries that are not finite numbers"):
        load_state(model, ("train",))
    path.write_bytes(content)
