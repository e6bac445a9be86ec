"""Work on the workers of a Dask cluster: the same bytes as here, results in order, and what is refused."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pyarrow import csv

from awe_cli.app import main
from awe_cli.config.build import BuildAffinitySettings, BuildKnnSettings
from awe_cli.dataset import parts as dataset_parts
from awe_cli.engine import dask, local, parts
from awe_cli.errors import BusyError, MissingInputError, SettingsError
from awe_cli.evaluation import held_out
from awe_cli.evaluation import parts as evaluation_parts
from awe_cli.io import parquet
from awe_cli.neighbors import table
from awe_cli.neighbors.search import SEARCHES
from awe_cli.neighbors.space import COSINE, InputSpace
from awe_cli.neighbors.table import among_others, leave_one_out
from awe_cli.prediction import stream
from awe_cli.steps.build_affinity import build_affinity
from awe_cli.steps.build_knn import build_knn
from awe_cli.workspace import Workspace
from awe_cli.workspace.checkpoints import CheckpointFolder, CheckpointSettings
from tests.neighbors.test_table import ITEMS, histories, space
from tests.test_chain import TRAIN, digests, plays

BUILD = {
    "cluster": BuildAffinitySettings(affinity="cluster", leaves=8, top=10),
    "latent-rbf": BuildAffinitySettings(affinity="latent-rbf", lambda_=5.0, lambda_y="2"),
}
KNN = ("build-knn", "--model", "wsabie", "--k", "10", "--lambda", "2")
NOWHERE = "tcp://127.0.0.1:9"  # a port that nobody listens at


def a_cluster(n_workers: int, **more: Any) -> Any:
    """A scheduler in this process, and workers."""
    distributed = pytest.importorskip("distributed")
    return distributed.LocalCluster(
        n_workers=n_workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0", **more
    )


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a scheduler that has two workers, each a process."""
    with a_cluster(2, processes=True) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def engine(scheduler: str) -> Iterator[dask.Dask]:
    """The engine of these workers."""
    with dask.connect(scheduler) as found:
        yield found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset and a linear model, never to be changed."""
    folder = tmp_path_factory.mktemp("dask")
    (folder / "plays.csv").write_text(plays())
    told = ("--user", "person", "--item", "item", "--holdout", "2")
    for command in (("prepare", str(folder / "plays.csv"), *told), TRAIN):
        assert main(["--workspace", str(folder / "workspace"), *command]) == 0
    return folder / "workspace"


@pytest.fixture
def copies(trained: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The same twice, to be changed."""
    return tuple(Path(shutil.copytree(trained, tmp_path / name)) for name in ("one", "other"))


@pytest.fixture
def nothing_here(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and no block is worked on by the threads of this process any more."""
    return lambda: monkeypatch.setattr(local, "map_blocks", None)


@pytest.mark.parametrize("affinity", BUILD)
def test_a_built_affinity_has_the_same_bytes(
    scheduler: str, copies: tuple[Path, Path], nothing_here: Callable[[], None], affinity: str
) -> None:
    here, there = map(Workspace, copies)
    expected, _ = build_affinity(here, "wsabie", BUILD[affinity], threads=1)
    nothing_here()
    found, fresh = build_affinity(there, "wsabie", BUILD[affinity], scheduler=scheduler, block=50)
    assert fresh
    assert found.digest == expected.digest


def test_a_table_of_neighbours_has_the_same_bytes(
    scheduler: str,
    copies: tuple[Path, Path],
    nothing_here: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, there = copies
    settings = BuildKnnSettings(k=10, lambda_=2.0, folds=2)
    folded, _ = build_knn(Workspace(here), "wsabie", settings, name="folds", threads=1)
    assert main(["--workspace", str(here), *KNN, "--threads", "1"]) == 0
    nothing_here()
    monkeypatch.setattr(table, "BLOCK", 50)
    again, _ = build_knn(Workspace(there), "wsabie", settings, name="folds", threads=1, scheduler=scheduler)
    assert again.digest == folded.digest
    monkeypatch.setenv("AWE_SCHEDULER", scheduler)
    assert main(["--workspace", str(there), *KNN]) == 0
    assert digests(there) == digests(here)
    monkeypatch.setenv("AWE_SCHEDULER", NOWHERE)
    assert main(["--workspace", str(there), *KNN]) == 0, "what is up to date needs no cluster"


def test_what_is_chosen_on_validation_is_the_same(
    scheduler: str, copies: tuple[Path, Path], nothing_here: Callable[[], None]
) -> None:
    here, there = copies
    commands = (
        ("build-knn", "--model", "wsabie"),
        ("train-baseline", "knn"),
        ("train-baseline", "input-knn"),
        ("train-baseline", "tree-knn", "--levels", "2"),
    )
    for command in commands:
        assert main(["--workspace", str(here), *command]) == 0
    nothing_here()
    for command in commands:
        assert main(["--workspace", str(there), *command, "--scheduler", scheduler]) == 0
    assert digests(there) == digests(here)


SHARDS = ["train", "--dim", "12", "--epochs", "3", "--margin", "0.3", "--shards", "3", "--name", "shards"]


def test_shards_learn_the_same_on_any_number_of_workers(scheduler: str, copies: tuple[Path, Path]) -> None:
    here, there = copies
    for threads in ("1", "2"):
        assert main(["--workspace", str(here), *SHARDS, "--threads", threads, "--fresh"]) == 0
    assert main(["--workspace", str(there), *SHARDS, "--scheduler", scheduler]) == 0
    assert digests(there) == digests(here)


def test_shards_are_read_from_disk_in_windows(
    scheduler: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for module in ("interactions", "storage"):
        monkeypatch.setattr(f"awe_cli.dataset.{module}.PEOPLE_IN_GROUP", 40)
    (tmp_path / "plays.csv").write_text(plays())
    told = ("prepare", str(tmp_path / "plays.csv"), "--user", "person", "--item", "item", "--holdout", "2")
    here, there = tmp_path / "here", tmp_path / "there"
    for workspace, who in ((here, ()), (there, ("--scheduler", scheduler))):
        assert main(["--workspace", str(workspace), *told]) == 0
        assert main(["--workspace", str(workspace), *SHARDS, "--window", "300", *who]) == 0
    assert digests(there) == digests(here)
    capsys.readouterr()
    more = [*SHARDS, "--window", "300", "--shards", "12"]
    assert main(["--workspace", str(here), *more]) == 78
    assert "--shards: expected at most" in capsys.readouterr().err


@pytest.mark.parametrize("approximate", SEARCHES)
def test_an_index_is_the_same_when_it_was_sent(engine: dask.Dask, approximate: str) -> None:
    base, rows, some = histories(4200), np.arange(4200), histories(50, seed=1)
    here, there = (
        among_others(space(COSINE), base, rows, some, 10, approximate=approximate, engine=each)
        for each in (local.Local(1), engine)
    )
    assert [a.tobytes() for a in there] == [a.tobytes() for a in here]


def test_neighbours_by_the_input_are_the_same(engine: dask.Dask) -> None:
    there, examples = InputSpace(ITEMS, ITEMS - 1), histories(1100)
    found = leave_one_out(there, examples, 5, engine=engine)
    assert [a.tobytes() for a in found] == [a.tobytes() for a in leave_one_out(there, examples, 5)]


PREDICT = ("predict", "--model", "wsabie", "--top-k", "3")
EVALUATE = ("evaluate", "--model", "wsabie,popularity", "--by", "label-frequency", "--per-example")
OF_THE_WHOLE = ("evaluate", "--model", "wsabie", "--metric", "coverage,gini,ece,brier", "--name", "whole")
NEW_PEOPLE = "person,item\n" + "".join(f"new{n},g{n % 8}-{n % 10}\n" for n in range(60)) + "lost,none\n"


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored rows are read and ranked 20 at a time, so that there are many parts."""
    monkeypatch.setattr(stream, "READ_ROWS", 20)
    for module in (held_out, evaluation_parts):
        monkeypatch.setattr(module, "READ_ROWS", 20)


def rank_and_judge(workspace: Path, *more: str) -> dict[str, bytes]:
    """What predict and evaluate make of all kinds of examples."""
    new, chosen = workspace / "new.csv", workspace / "chosen.txt"
    new.write_text(NEW_PEOPLE)
    chosen.write_text("p3\np77\np200\n")
    asked = {
        "everyone.parquet": (),
        "test.csv": ("--split", "test"),
        "train.jsonl": ("--split", "train", "--include-seen"),
        "chosen.tsv": ("--ids", str(chosen)),
        "new.jsonl": (str(new),),
        "shelf.csv": ("--split", "test", "--diversity", "0.3"),
        "likely.csv": (str(new), "--threshold", "0.02"),
    }
    for command in (("train-baseline", "popularity"), ("calibrate", "--model", "wsabie")):
        assert main(["--workspace", str(workspace), *command]) == 0
    for name, options in asked.items():
        command = [*PREDICT, *options, "--output", str(workspace / name), *more]
        assert main(["--workspace", str(workspace), *command]) == 0
    # What is stored has the counts, and so the recall of the search, which is measured on some of the examples.
    near = (*PREDICT, "--approximate", "hnsw", "--probabilities", "--split", "test", "--name", "near")
    for command in ((*PREDICT, "--name", "stored"), near, EVALUATE, OF_THE_WHOLE):
        assert main(["--workspace", str(workspace), *command, *more]) == 0
    assert not (workspace / "checkpoints").exists()
    return {name: (workspace / name).read_bytes() for name in asked}


def test_ranking_has_the_same_bytes(
    scheduler: str, copies: tuple[Path, Path], nothing_here: Callable[[], None], small_parts: None
) -> None:
    here, there = copies
    expected = rank_and_judge(here)
    monkeypatched = held_out.map_blocks, stream.map_blocks
    nothing_here()
    held_out.map_blocks = stream.map_blocks = None  # type: ignore[assignment]
    try:
        found = rank_and_judge(there, "--scheduler", scheduler)
    finally:
        held_out.map_blocks, stream.map_blocks = monkeypatched
    assert found == expected
    assert digests(there) == digests(here)


def many_files(folder: Path) -> list[tuple[str, ...]]:
    """Inputs of all kinds, and what `prepare` is told of them."""
    rows = plays().splitlines()
    plays_of = folder / "plays"
    (plays_of / "split=train").mkdir(parents=True)
    (plays_of / "split=test").mkdir()
    third = len(rows) // 3
    (plays_of / "split=train" / "1.csv").write_text("\n".join([*rows[:third], "torn,row,of,four"]) + "\n")
    packed = "\n".join([rows[0], *rows[third : 2 * third], '"open']).encode()
    (plays_of / "split=train" / "2.csv.gz").write_bytes(gzip.compress(packed))
    (plays_of / "split=test" / "3.csv").write_text("\n".join([rows[0], *rows[2 * third :]]) + "\n")
    table = csv.read_csv(io.BytesIO(plays().encode()))
    pq.write_table(table, folder / "plays.parquet", row_group_size=90)
    numbers = np.arange(1000.0)
    numbers[[333, 777]] = np.nan
    large = np.where(numbers > 900, 1.6e9 + numbers % 7, numbers)
    songs = pa.table({"f": large, "g": numbers % 5, "tags": [[f"t{n % 5}"] for n in range(1000)]})
    pq.write_table(songs, folder / "songs.parquet", row_group_size=70)
    pages = [json.dumps({"text": f"a page of {n % 7}", "tags": [f"t{n % 5}"]}) for n in range(60)]
    (folder / "pages.jsonl").write_text("\n".join(pages) + "\n")
    (folder / "items.csv").write_text(
        "item,kind\n" + "".join(f"g{n % 8}-{n // 8},k{n % 3}\n" for n in range(80))
    )
    told = ("--user", "person", "--item", "item")
    return [
        (str(plays_of), *told, "--split", "split", "--skip-bad-rows", "2"),
        (str(folder / "plays.parquet"), *told, "--holdout", "2"),
        (str(folder / "pages.jsonl"), "--text", "text", "--labels", "tags"),
        (str(folder / "songs.parquet"), "--features", "f,g", "--labels", "tags", "--skip-bad-rows", "2"),
        (str(plays_of / "split=test" / "3.csv"), str(folder / "plays.parquet"), *told, "--holdout", "2"),
        (str(folder / "plays.parquet"), *told, "--label-file", str(folder / "items.csv"), "--label-categories", "kind",
         "--label-id", "item", "--holdout", "2"),
    ]  # fmt: skip


def test_files_are_read_to_the_same_dataset(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parquet, "_PART_ROWS", 200)
    monkeypatch.setattr("awe_cli.steps.prepare._ROWS", {True: 64, False: 64})
    for number, told in enumerate(many_files(tmp_path)):
        here, there = (tmp_path / f"{who}-{number}" for who in ("here", "there"))
        assert main(["--workspace", str(here), "prepare", *told]) == 0
        said = capsys.readouterr().err
        with monkeypatch.context() as nothing_here:
            nothing_here.setattr(dataset_parts, "read_batches", None)
            assert main(["--workspace", str(there), "prepare", *told, "--scheduler", scheduler]) == 0
        assert capsys.readouterr().err.replace(there.name, here.name) == said
        assert digests(there) == digests(here)
        assert not (there / "checkpoints").exists()


def test_what_cannot_be_read_is_refused_as_it_would_be_here(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told, *_ = many_files(tmp_path)
    for number, more in enumerate(
        ((*told[:-1], "1"), told[:-2])
    ):  # one row too many, and no row may be left out
        said, workspace = [], tmp_path / f"workspace-{number}"
        for who in ((), ("--scheduler", scheduler)):
            assert main(["--workspace", str(workspace), "prepare", *more, *who]) == 65
            said.append(capsys.readouterr().err)
        assert not (workspace / "checkpoints").exists()
        assert said[0] == said[1]
        assert f"error: {told[0]}" in said[0]


def test_what_workers_cannot_see_is_read_here(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = ("prepare", "-", "--user", "person", "--item", "item", "--holdout", "2")
    found = []
    for who in ((), ("--scheduler", scheduler)):
        workspace = tmp_path / f"workspace-{len(who)}"
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(plays().encode())))
        assert main(["--workspace", str(workspace), *told, *who]) == 0
        found.append(digests(workspace))
    assert found[0] == found[1]


def test_a_dataset_goes_on_from_the_parts_that_are_there(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_PART_ROWS", 200)
    told = ["--workspace", str(tmp_path / "there"), "prepare", *many_files(tmp_path)[1]]
    with monkeypatch.context() as broken:
        broken.setattr("awe_cli.steps.prepare.build_interactions", None)
        assert main([*told, "--scheduler", scheduler]) == 1
    assert len(list((tmp_path / "there" / "checkpoints").glob("*/part-*"))) > 1
    copy = shutil.copytree(tmp_path / "there", tmp_path / "other")
    monkeypatch.setattr(dask.Dask, "_begin", None)
    assert main([*told, "--scheduler", scheduler]) == 0
    assert main(["--workspace", str(copy), *told[2:]]) == 0
    assert digests(copy) == digests(tmp_path / "there")
    assert not (copy / "checkpoints").exists()


def numbered(part: int) -> tuple[int, dict[str, np.ndarray]]:
    """A part that takes its time."""
    time.sleep(0.05)
    return part, {"square": np.array([part * part])}


def fails_at_7(part: int) -> tuple[int, dict[str, np.ndarray]]:
    """Some parts, and then an error."""
    if part == 7:
        raise MissingInputError("part 7")
    return numbered(part)


def a_folder(path: Path, warnings: list[str]) -> CheckpointFolder:
    """The parts in a folder, as a command opens them."""
    settings = CheckpointSettings(warn=warnings.append)
    folder = CheckpointFolder(path / "checkpoints" / "recipe", {"code": "same"}, settings)
    folder.open_to_others()
    return folder


def test_a_part_that_is_there_and_whole_is_not_made_again(engine: dask.Dask, tmp_path: Path) -> None:
    warnings: list[str] = []
    with pytest.raises(MissingInputError, match="part 7"):
        list(parts.parts_of(engine, fails_at_7, range(20), a_folder(tmp_path, warnings), "all"))
    files = sorted((tmp_path / "checkpoints" / "recipe").glob("part-*"))
    assert len(files) >= 7
    made = {file.name: file.stat().st_mtime_ns for file in files}
    damaged = files[2]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    folder = a_folder(tmp_path, warnings)
    found = list(parts.parts_of(engine, numbered, range(20), folder, "all"))
    assert [(value, *arrays["square"]) for value, arrays in found] == [(n, n * n) for n in range(20)]
    assert "made again" in "".join(warnings)
    again = {name for name, when in made.items() if (folder.path / name).stat().st_mtime_ns != when}
    assert again == {damaged.name}


def test_a_worker_that_is_lost_is_survived(copies: tuple[Path, Path], small_parts: None) -> None:
    here, there = copies
    assert main(["--workspace", str(here), *PREDICT]) == 0
    with a_cluster(3, processes=True) as cluster:
        lost = next(iter(cluster.workers.values())).pid

        def kill() -> None:
            while not list(there.glob("checkpoints/*/part-*")):
                time.sleep(0.005)
            os.kill(lost, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        assert main(["--workspace", str(there), *PREDICT, "--scheduler", cluster.scheduler_address]) == 0
        killer.join()
    assert digests(there) == digests(here)


COMPOSE = Path(__file__).parent.parent.parent / "deploy" / "compose.yml"


def composed(folder: Path) -> dict[str, Any]:
    """The services of the compose file as its own tool reads it: Docker's, or Podman's, which looks for podman."""
    tool = ["docker", "compose"]
    try:
        subprocess.run([*tool, "version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        tool = [sys.executable, "-m", "podman_compose"]
    podman = folder / "bin" / "podman"
    podman.parent.mkdir()
    podman.write_text("#!/bin/sh\necho podman version 5.0.0\n")
    podman.chmod(0o755)
    path = os.pathsep.join([os.environ["PATH"], str(podman.parent)])  # the real one first, where there is one
    done = subprocess.run(
        [*tool, "-f", str(COMPOSE), "--profile", "tools", "config"],
        capture_output=True, text=True, check=False, env={**os.environ, "PATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return found


def test_the_compose_file_is_one_and_its_commands_are_a_cluster(
    copies: tuple[Path, Path], tmp_path: Path
) -> None:
    services = composed(tmp_path)
    assert set(services) == {"scheduler", "worker", "awe"}
    assert {service["image"] for service in services.values()} == {"awe-cluster"}
    assert (COMPOSE.parent.parent / services["worker"]["build"]["dockerfile"]).is_file()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    here, there = copies
    assert main(["--workspace", str(here), *PREDICT]) == 0

    def on_this_machine(word: str) -> str:
        return word.replace("scheduler:8786", f"127.0.0.1:{port}")

    local = {"0.0.0.0": "127.0.0.1", "8786": str(port)}
    processes = []
    try:
        for name in ("scheduler", "worker"):
            words = [local.get(word, on_this_machine(word)) for word in services[name]["entrypoint"]]
            program = Path(sys.executable).with_name(words[0])
            processes.append(subprocess.Popen([program, *words[1:]], stderr=subprocess.DEVNULL))
        address = on_this_machine(services["awe"]["environment"]["AWE_SCHEDULER"])
        with pytest.importorskip("distributed").Client(address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=60)
        assert main(["--workspace", str(there), *PREDICT, "--scheduler", address]) == 0
    finally:
        for process in processes:
            process.terminate()
            process.wait(30)
    assert digests(there) == digests(here)


def test_a_cluster_of_this_machine_is_started_where_none_is_named(
    copies: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = copies
    monkeypatch.setenv("AWE_SCHEDULER", NOWHERE)
    assert main(["--workspace", str(here), *PREDICT, "--engine", "local"]) == 0
    monkeypatch.delenv("AWE_SCHEDULER")
    with monkeypatch.context() as nothing_here:
        nothing_here.setattr(stream, "map_blocks", None)
        assert main(["--workspace", str(there), *PREDICT, "--engine", "dask", "--threads", "2"]) == 0
    assert digests(there) == digests(here)
    monkeypatch.setenv("AWE_ENGINE", "local")
    assert "no Dask scheduler answers" in refused(75, there, capsys, NOWHERE)
    capsys.readouterr()
    for code, wrong in ((2, ("--engine", "local", "--scheduler", NOWHERE)), (78, ("--engine", "spark"))):
        assert main(["--workspace", str(there), *PREDICT, *wrong]) == code
        said = capsys.readouterr().err
        assert "--engine" in said
        assert "hint: " in said


def test_a_path_that_workers_do_not_share_is_refused(
    scheduler: str, trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dask, "_question", lambda folder, token: folder / f".{token}.elsewhere")
    said = refused(66, trained, capsys, scheduler, PREDICT)
    assert f"does not share {trained / 'checkpoints'}" in said


def test_a_file_that_a_worker_cannot_read_is_named(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone.csv"
    send = dataset_parts._to_send
    monkeypatch.setattr(dataset_parts, "_to_send", lambda part: replace(send(part), path=gone))
    (tmp_path / "plays.csv").write_text(plays())
    told = ("prepare", str(tmp_path / "plays.csv"), "--user", "person", "--item", "item")
    assert main(["--workspace", str(tmp_path / "ws"), *told, "--scheduler", scheduler]) == 66
    err = capsys.readouterr().err
    assert f"cannot read {gone}, as this command does: No such file" in err
    assert "--engine local" in err


def test_what_is_streamed_is_ranked_here(trained: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    command = ["--workspace", str(trained), *PREDICT, "--output", "-"]
    assert main(command) == 0
    expected = capsysbinary.readouterr().out
    assert main([*command, "--scheduler", NOWHERE]) == 0
    out, err = capsysbinary.readouterr()
    assert out == expected
    assert b"ranked in this process" in err


def late_when_even(i: int) -> int:
    """Slow for every other block."""
    time.sleep(0.05 * (i % 2 == 0))
    return i * i


def test_results_come_in_order_and_blocks_are_taken_as_they_are_needed(engine: dask.Dask) -> None:
    taken = []

    def blocks() -> Iterator[int]:
        for i in range(20):
            taken.append(i)
            yield i

    results = engine.map(late_when_even, blocks())
    assert next(results) == 0
    assert len(taken) <= 5
    assert list(results) == [i * i for i in range(1, 20)]


def fails_from_5(i: int) -> int:
    """The first blocks that fail are slow, so that later ones fail before them."""
    if i >= 5:
        time.sleep(0.3 if i == 5 else 0)
        raise MissingInputError(f"block {i}", hint="do not")
    return i


def test_the_first_error_is_raised_as_it_would_be_here(engine: dask.Dask) -> None:
    found = []
    with pytest.raises(MissingInputError, match="block 5") as caught:
        found += engine.map(fails_from_5, range(1000))
    assert caught.value.hint == "do not"


def test_workers_of_another_kind_are_refused(
    scheduler: str, trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, expect = dict(dask.fingerprint()), dask.expect_fingerprint
    monkeypatch.setattr(dask, "expect_fingerprint", lambda found, _, where: expect(found, other, where))
    for name, value in {"awe": "9.9", "Python": "3.99", "sources of awe": "0"}.items():
        other = {**mine, name: value}
        assert f"expected {name} {value}, as here, found {mine[name]}" in refused(
            78, trained, capsys, scheduler
        )
        with pytest.raises(SettingsError, match=f"expected {name}"):  # a worker that joined later
            dask._run(dask._Sent(b""), 1, other)


def test_a_cluster_that_is_not_there_is_refused(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_cluster(0) as cluster:
        monkeypatch.setattr(dask, "_PATIENCE", 1.0)
        assert "has no workers" in refused(75, trained, capsys, cluster.scheduler_address)
    assert f"no Dask scheduler answers at {NOWHERE!r}" in refused(75, trained, capsys, NOWHERE)
    with socket.create_server(
        ("127.0.0.1", 0)
    ) as silent:  # such as a server of pages, which waits to be asked
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        assert f"no Dask scheduler answers at {address!r}" in refused(75, trained, capsys, address)
    for address in ("nonsense", "", "ssh://here:1", "tls://127.0.0.1:9"):
        said = refused(66, trained, capsys, address)
        assert f"expected the address of a Dask scheduler, found {address!r}" in said


def test_a_cluster_that_is_lost_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "_PATIENCE", 1.0)
    with (
        a_cluster(1, processes=False, protocol="tcp") as cluster,
        dask.connect(cluster.scheduler_address) as engine,
    ):
        results = engine.map(late_when_even, range(0, 40, 2))
        assert next(results) == 0
        cluster.close()
        with pytest.raises(BusyError, match="was lost"):
            list(results)


def test_a_cluster_that_is_lost_while_it_is_asked(
    scheduler: str, trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = pytest.importorskip("distributed").Client

    def lost(*arguments: object, **more: object) -> None:
        raise OSError("Comm closed")

    def one_is_lost(*arguments: object, **more: object) -> dict[str, Exception]:
        return {"tcp://127.0.0.1:1": OSError("Comm closed")}

    for asked, answer in (("run", lost), ("run_on_scheduler", lost), ("run", one_is_lost)):
        with monkeypatch.context() as gone:
            gone.setattr(client, asked, answer)
            assert "was lost: Comm closed" in refused(75, trained, capsys, scheduler)


def test_dask_that_is_not_installed(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install 'awe-cli[dask]'" in refused(78, trained, capsys, NOWHERE)


def refused(
    code: int,
    workspace: Path,
    capsys: pytest.CaptureFixture[str],
    scheduler: str,
    command: tuple[str, ...] = KNN,
) -> str:
    """What is said where the cluster cannot be used, and nothing is stored."""
    before = digests(workspace)
    capsys.readouterr()
    assert main(["--workspace", str(workspace), *command, "--scheduler", scheduler]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: --scheduler")
    assert "hint: " in err
    assert digests(workspace) == before
    assert not list((workspace / "staging").iterdir())
    return err
