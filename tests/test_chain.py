"""The whole chain through the command line, on data whose answer is known; in processes of its own where that matters.

Items come in groups and everyone chooses all items of one group, so that what was held out is the rest of it.
"""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest

from awe_cli.app import main

PEOPLE, GROUPS, ITEMS = 240, 8, 10
_LINEAR = ("train", "--affinity", "constant", "--name", "wsabie", "--dim", "12", "--margin", "0.3")
TRAIN = (*_LINEAR, "--epochs", "4")
BUILD = ("build-knn", "--model", "wsabie", "--k", "10", "--lambda", "2")
RETRAIN = ("retrain", "--model", "wsabie", "--epochs", "2", "--margin", "0.5", "--name", "awe")
EVALUATE = ("evaluate", "--model", "popularity,wsabie,knn,awe", "--baseline-model", "wsabie", "--json")


class Done(NamedTuple):
    """What a command printed."""

    stdout: str
    stderr: str


def awe(workspace: Path, *arguments: str, stdin: str = "", code: int = 0) -> Done:
    """Run awe in this process and expect this exit code."""
    streams = [io.TextIOWrapper(io.BytesIO(text.encode())) for text in (stdin, "", "")]
    with pytest.MonkeyPatch.context() as patch:
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            patch.setattr(sys, name, stream)
        found = main(["--workspace", str(workspace), *arguments])
        for stream in streams:
            stream.flush()
    done = Done(*(stream.buffer.getvalue().decode() for stream in streams[1:]))
    assert found == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def in_a_process(workspace: Path, *arguments: str) -> Done:
    """Run awe in a process of its own, as a script would."""
    command = [sys.executable, "-m", "awe_cli", "--workspace", str(workspace), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return Done(done.stdout, done.stderr)


def item(group: int, number: int) -> str:
    """The items of a group bear its number."""
    return f"g{group}-{number}"


def plays() -> str:
    """Each person chooses the items of one group: CSV."""
    rows = ["person,item"]
    rows += [f"p{person},{item(person % GROUPS, n)}" for person in range(PEOPLE) for n in range(ITEMS)]
    return "\n".join(rows) + "\n"


def digests(workspace: Path) -> dict[str, str]:
    """Every name in the workspace and what it stands for."""
    pointers = sorted(path for path in workspace.rglob("*.json") if "store" not in path.parts)
    return {
        path.relative_to(workspace).as_posix(): json.loads(path.read_text())["digest"] for path in pointers
    }


def prepare(workspace: Path, folder: Path, *more: str, run: Callable[..., Done] = awe) -> Done:
    """Prepare the plays in `folder`."""
    told = ("--user", "person", "--item", "item", "--holdout", "2", *more)
    return run(workspace, "prepare", str(folder / "plays.csv"), *told)


def build(workspace: Path, folder: Path, threads: str, run: Callable[..., Done] = awe) -> None:
    """The steps from files to a retrained model."""
    prepare(workspace, folder, run=run)
    for step in (TRAIN, BUILD, RETRAIN):
        run(workspace, *step, "--threads", threads)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The input."""
    path = tmp_path_factory.mktemp("chain")
    (path / "plays.csv").write_text(plays())
    return path


@pytest.fixture(scope="session")
def made(folder: Path) -> Path:
    """A workspace with the whole chain in it, never to be changed."""
    workspace = folder / "made"
    build(workspace, folder, "2")
    awe(workspace, "train-baseline", "popularity")
    awe(workspace, "train-baseline", "knn")
    awe(workspace, *EVALUATE)
    return workspace


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command in this process, expect an exit code, nothing on stdout and a hint; what was said."""

    def run(code: int, workspace: Path, *arguments: str) -> str:
        capsys.readouterr()
        assert main(["--workspace", str(workspace), *arguments]) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert "error: " in err
        assert "hint: " in err
        return err

    return run


def test_the_models_find_the_groups(made: Path) -> None:
    document = json.loads(awe(made, *EVALUATE).stdout)
    precision = {name: model["metrics"]["precision@1"] for name, model in document["models"].items()}
    assert precision["popularity"] < 0.3
    assert min(precision[name] for name in ("wsabie", "knn", "awe")) > 0.95
    assert document["n_examples"] == PEOPLE
    assert document["differences"]["popularity"]["precision@1"]["high"] < 0
    stored = json.loads((made / "metrics" / "popularity-wsabie-knn-awe-test.json").read_text())
    assert json.loads((made / "store" / stored["digest"] / "metrics.json").read_text()) == document


@pytest.mark.parametrize(("threads", "run"), [("1", awe), ("3", in_a_process)])
def test_a_fresh_workspace_and_any_number_of_threads_give_the_same_bytes(
    made: Path, folder: Path, tmp_path: Path, threads: str, run: Callable[..., Done]
) -> None:
    """Also in processes of their own, which order sets in other ways."""
    build(tmp_path / "again", folder, threads, run)
    again, before = digests(tmp_path / "again"), digests(made)
    assert set(again) == {"dataset.json", "models/wsabie.json", "neighbors/wsabie.json", "models/awe.json"}
    assert again == {name: before[name] for name in again}


def test_steps_that_are_run_again_say_up_to_date(made: Path, folder: Path) -> None:
    before = digests(made)
    told = [prepare(made, folder), *(awe(made, *step) for step in (TRAIN, BUILD, RETRAIN, EVALUATE))]
    told += [awe(made, "train-baseline", name) for name in ("popularity", "knn")]
    assert all("up to date" in done.stderr for done in told)
    assert digests(made) == before


def test_status_knows_what_each_was_made_from(made: Path) -> None:
    entries = {
        (entry["kind"], entry["name"]): entry for entry in json.loads(awe(made, "status", "--json").stdout)
    }
    assert {entry["state"] for entry in entries.values()} == {"current"}
    assert entries["model", "awe"]["parents"] == {
        "dataset": "dataset",
        "model": "wsabie",
        "neighbors": "wsabie",
    }


def test_predict_for_people_never_seen(made: Path) -> None:
    history = f"person,item\nnew,{item(3, 0)}\nnew,{item(3, 1)}\nnew,nothing-we-know\nother,{item(5, 2)}\n"
    arguments = ("predict", "--model", "awe", "-", "--top-k", "3", "--output", "-", "--format", "csv")
    done = awe(made, *arguments, stdin=history)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["person"], row["rank"]) for row in rows] == [
        (person, str(rank)) for person in ("new", "other") for rank in (1, 2, 3)
    ]
    assert all(row["label"].startswith("g3-" if row["person"] == "new" else "g5-") for row in rows)
    assert not {row["label"] for row in rows} & {item(3, 0), item(3, 1), item(5, 2)}
    assert "unknown to the dataset, and left out: 1 entries" in done.stderr


def test_predict_for_the_prepared_split_fills_every_rank(made: Path, tmp_path: Path) -> None:
    output = str(tmp_path / "top.csv")
    awe(made, "predict", "--model", "awe", "--split", "test", "--top-k", "2", "--output", output)
    rows = list(csv.DictReader((tmp_path / "top.csv").open()))
    assert len(rows) == 2 * PEOPLE
    right = sum(int(row["person"][1:]) % GROUPS == int(row["label"][1]) for row in rows)
    assert right / len(rows) > 0.95


def test_validation_is_judged_by_the_fit_that_has_not_seen_it(made: Path) -> None:
    arguments = ("evaluate", "--model", "wsabie", "--split", "valid", "--metric", "mrr", "--json")
    document = json.loads(awe(made, *arguments).stdout)
    assert document["models"]["wsabie"]["fit_on"] == ["train"]


def test_the_product_without_learning_again_is_a_model_of_its_own(copy: Path) -> None:
    awe(copy, "retrain", "--model", "wsabie", "--epochs", "0", "--name", "product")
    done = awe(copy, "evaluate", "--model", "product", "--metric", "precision@1", "--json")
    assert json.loads(done.stdout)["models"]["product"]["metrics"]["precision@1"] > 0.95


def test_annotation_with_dense_features(tmp_path: Path) -> None:
    draw = random.Random(3)
    header = "name,f0,f1,f2,tags"
    rows = []
    for i in range(150):
        kind = i % 3
        features = [f"{(j == kind) + draw.gauss(0, 0.1):.3f}" for j in range(3)]
        rows.append(",".join([f"n{i}", *features, "abc"[kind] + ";" + "xyz"[kind]]))
    (tmp_path / "songs.csv").write_text("\n".join([header, *rows]) + "\n")
    told = ("--features", "f*", "--labels", "tags", "--label-separator", ";", "--id", "name")
    ws = tmp_path / "ws"
    awe(ws, "prepare", str(tmp_path / "songs.csv"), *told)
    awe(ws, "train", "--affinity", "constant", "--name", "wsabie", "--dim", "8", "--epochs", "5")
    new = "name,f0,f1,f2\nfirst,1,0,0\nlast,0,0,1\n"
    done = awe(ws, "predict", "--model", "wsabie", "-", "--top-k", "2", "--output", "-", stdin=new)
    found: dict[str, set[str]] = {}
    for line in done.stdout.splitlines():
        row = json.loads(line)
        found.setdefault(row["name"], set()).add(row["label"])
    assert found == {"first": {"a", "x"}, "last": {"c", "z"}}


def test_neighbours_in_the_embedding_and_by_the_input(copy: Path) -> None:
    build = ("build-knn", "--model", "wsabie", "--space", "both", "--k", "10", "--name", "both")
    result = json.loads(awe(copy, *build, "--threads", "1", "--json").stdout)
    assert result["space"] == "both"
    assert set(result["lambda"]["train"]) == {"embedding", "input"}
    table = next((copy / "store" / result["digest"]).glob("neighbors-train.parquet"))
    weights = pq.read_table(table)["weights"].to_pylist()
    assert max(map(len, weights)) == 20
    assert all(sum(row) == pytest.approx(1, abs=1e-5) for row in weights if len(row) == 20)
    (copy / "neighbors" / "both.json").unlink()
    shutil.rmtree(copy / "store" / result["digest"])
    assert json.loads(awe(copy, *build, "--threads", "3", "--json").stdout)["digest"] == result["digest"]
    awe(copy, "retrain", "--model", "wsabie", "--neighbors", "both", "--epochs", "0", "--name", "product")
    done = awe(copy, "evaluate", "--model", "product", "--metric", "precision@1", "--json")
    assert json.loads(done.stdout)["models"]["product"]["metrics"]["precision@1"] > 0.95


def test_a_stale_table_is_refused(copy: Path, refused: Callable[..., str]) -> None:
    awe(copy, *TRAIN, "--seed", "1")
    told = refused(66, copy, *RETRAIN)
    assert "is stale" in told
    assert "build-knn --model wsabie" in told
    assert "stale: made from an earlier model" in awe(copy, "status").stdout


def test_models_of_another_dataset_are_refused(copy: Path, folder: Path, refused: Callable[..., str]) -> None:
    prepare(copy, folder, "--seed", "1")
    for command in (
        ("evaluate", "--model", "awe"),
        ("predict", "--model", "awe", "--output", "-"),
        BUILD,
        RETRAIN,
    ):
        assert "was trained on the dataset" in refused(65, copy, *command)


@pytest.mark.parametrize(
    ("code", "arguments", "says"),
    [
        (2, ("prepare", "plays.csv"), "expected --user and --item"),
        (2, ("trian",), "Did you mean 'train'"),
        (2, ("train-baseline", "popularty"), "did you mean 'popularity'?"),
        (66, ("prepare", "missing.csv", "--user", "a", "--item", "b"), "missing.csv"),
        (66, ("evaluate", "--model", "wsabei"), "'wsabie'"),
        (66, ("build-knn", "--model", "wsabei"), "'wsabie'"),
        (66, ("predict", "--model", "awee"), "'awe'"),
        (
            66,
            ("retrain", "--model", "wsabie", "--neighbors", "other"),
            "build-knn --model wsabie --name other",
        ),
        (78, ("train", "--dim", "0"), "--dim: expected a whole number of at least 1"),
        (78, ("train", "--affinity", "sigmiod"), "'sigmoid'"),
        (78, ("train", "--fit-on", "train,test"), "--fit-on"),
        (78, ("build-knn", "--model", "popularity"), "expected an embedding model"),
        (78, ("evaluate", "--model", "awe", "--metric", "ndgc"), "'ndcg'"),
        (73, ("predict", "--model", "awe", "--output", "/dev/full"), "cannot write"),
    ],
)
def test_exit_codes(
    made: Path, refused: Callable[..., str], code: int, arguments: tuple[str, ...], says: str,
    folder: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(folder)
    before = digests(made)
    assert says in refused(code, made, *arguments)
    assert digests(made) == before


def test_bad_data(folder: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "empty.csv").write_text("person,item\n")
    told = refused(
        65, tmp_path / "ws", "prepare", str(tmp_path / "empty.csv"), "--user", "person", "--item", "item"
    )
    assert "empty.csv" in told


@pytest.mark.parametrize("rate", ["100", "1e30"])
def test_training_that_diverges_leaves_the_model_before(
    copy: Path, refused: Callable[..., str], rate: str
) -> None:
    """Also where scores overflow, so that no label seems to violate the margin."""
    before = digests(copy)
    told = refused(70, copy, *TRAIN, "--learning-rate", rate, "--norm-cap", "1e30")
    assert "diverged in epoch 1" in told
    assert "lower --learning-rate" in told
    assert digests(copy) == before
    assert not list((copy / "staging").iterdir())


def test_a_workspace_that_cannot_be(folder: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "file").write_text("")
    arguments = ("prepare", str(folder / "plays.csv"), "--user", "person", "--item", "item")
    assert "file" in refused(73, tmp_path / "file" / "ws", *arguments)


def test_a_truncated_model(copy: Path, refused: Callable[..., str]) -> None:
    digest = digests(copy)["models/awe.json"]
    arrays = copy / "store" / digest / "fit-train-valid.npz"
    arrays.write_bytes(arrays.read_bytes()[:-100])
    told = refused(74, copy, "predict", "--model", "awe", "--output", "-")
    assert str(arrays) in told
    awe(copy, "gc", "--quiet")
    assert "stored: models/awe.json" in awe(copy, *RETRAIN).stderr
    awe(copy, "predict", "--model", "awe", "--top-k", "1", "--output", "-")


def test_a_busy_workspace_and_waiting_for_it(copy: Path, refused: Callable[..., str]) -> None:
    [lock] = [path for path in copy.iterdir() if "lock" in path.name]
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "--wait" in refused(75, copy, *TRAIN, "--seed", "2")
        waiting = subprocess.Popen(
            [sys.executable, "-m", "awe_cli", "-w", str(copy), "train-baseline", "popularity", "--wait"],
            stderr=subprocess.PIPE,
        )
        time.sleep(0.5)
        assert waiting.poll() is None
    assert waiting.wait(60) == 0
    waiting.stderr.close()  # type: ignore[union-attr]


@pytest.mark.usefixtures("signals_are_heard")
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_stopped_in_the_middle(copy: Path, sent: signal.Signals, code: int) -> None:
    """The model before stays, nothing half-written is named, and the lock is free."""
    before = digests(copy)
    long = (*TRAIN[:-1], "100000", "--patience", "0")
    command = [sys.executable, "-m", "awe_cli", "-w", str(copy), *long]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "/100,000" not in (line := process.stderr.readline()):
            assert line, "it ended by itself"
        process.send_signal(sent)
        rest = process.stderr.read()
        assert process.wait(60) == code
    assert "Traceback" not in rest
    assert digests(copy) == before
    assert bool(list((copy / "staging").iterdir())) == (sent == signal.SIGKILL)
    assert rest.count("what was there before is untouched") == (code > 0)
    awe(copy, "gc")
    assert not list((copy / "staging").iterdir())
    awe(copy, "predict", "--model", "wsabie", "--top-k", "1", "--output", os.devnull)
