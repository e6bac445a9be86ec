"""Whether awe can work here: versions, processor, folders, and a self-test of the whole chain on a tiny dataset."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from awe_cli import __version__
from awe_cli.cleanup import half_made
from awe_cli.config.build import BuildKnnSettings
from awe_cli.config.evaluate import EvaluateSettings
from awe_cli.config.predict import PredictSettings
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.train import RetrainSettings, TrainSettings
from awe_cli.engine.local import available_threads
from awe_cli.errors import AweError, MissingInputError, WriteError
from awe_cli.models.load import choose_fit
from awe_cli.models.store import load_state, open_dataset
from awe_cli.ranking.embedding import projections
from awe_cli.steps.build_knn import build_knn
from awe_cli.steps.evaluate import evaluate
from awe_cli.steps.predict import recommend
from awe_cli.steps.prepare import prepare
from awe_cli.steps.retrain import retrain
from awe_cli.steps.status import status
from awe_cli.steps.train import train
from awe_cli.steps.train_baseline import train_baseline
from awe_cli.workspace import Workspace

OK, WARNING, FAILED = "ok", "warning", "failed"
PACKAGE = "awe-cli"
_PYTHONS = ((3, 11), (3, 13))  # the first and the last version that is tested
_LITTLE = 1 << 30  # bytes of disk or memory that are soon used up
_REPAIR = "install it again: pip install --force-reinstall awe-cli"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    state  ok, warning or failed
    found  what was found
    hint   what to do where it is not ok
    error  the kind of error that a failure ends with
    cause  what was raised, if that is how it failed
    """

    name: str
    state: str
    found: str
    hint: str = ""
    error: type[AweError] = AweError
    cause: Exception | None = None


def doctor(
    ws: Workspace, *, self_test: bool = True, announce: Callable[[str], None] = lambda line: None
) -> Iterator[Check]:
    """The checks, one after the other, the self-test last. Nothing in the workspace is changed.

    announce  is told what takes some time
    """
    yield _python()
    yield Check("awe", OK, f"{__version__}, {Path(__file__).parent.parent}")
    yield from _packages()
    yield _threads()
    yield _processor()
    yield _compiler()
    yield _cache()
    yield _memory()
    yield _disk("workspace", ws.root)
    yield _disk("temporary folder", Path(tempfile.gettempdir()))
    yield _contents(ws)
    if self_test:
        announce("self-test: prepare, train, build-knn, retrain, evaluate and predict on 60 made-up people …")
        yield _self_test()


def failure(checks: list[Check]) -> AweError | None:
    """The error of the first check that failed; None where all passed."""
    failed = [check for check in checks if check.state == FAILED]
    if not failed:
        return None
    names = ", ".join(check.name for check in failed)
    first = failed[0]
    message = f"{len(failed)} of {len(checks)} checks failed ({names}): {first.found}"
    error = first.error(message, hint=first.hint or None)
    error.__cause__ = first.cause
    return error


# Versions.


def _python() -> Check:
    version = sys.version_info[:2]
    found = (
        f"{platform.python_version()} ({platform.python_implementation()}), {platform.platform(terse=True)}"
    )
    first, last = (".".join(map(str, one)) for one in _PYTHONS)
    if version < _PYTHONS[0]:
        return Check("Python", FAILED, found, f"awe needs Python {first} or later", MissingInputError)
    if version > _PYTHONS[1]:
        return Check("Python", WARNING, found, f"awe is tested with Python {first} to {last}")
    return Check("Python", OK, found)


def _packages() -> Iterator[Check]:
    """The packages that awe needs, and those that some commands can use."""
    try:
        required = importlib.metadata.requires(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        yield Check("packages", WARNING, "awe is not installed, but run from its folder", "pip install .")
        return
    needed, missing = [], []
    extras: dict[str, dict[str, bool]] = {}
    for line in required:
        name, least = _requirement(line)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        version = _version(name)
        is_there = version is not None and _numbers(version) >= _numbers(least)
        if extra is None:
            needed.append(f"{name} {version}")
            if not is_there:
                missing.append(f"{name} >= {least} (found {version or 'none'})")
        elif extra[1] != "dev":
            extras.setdefault(extra[1], {})[f"{name} {version}"] = is_there
    if missing:
        yield Check("packages", FAILED, f"missing: {', '.join(missing)}", _REPAIR, MissingInputError)
    else:
        yield Check("packages", OK, ", ".join(needed))
    there = [name for extra in extras.values() for name, is_there in extra.items() if is_there]
    absent = [extra for extra, found in extras.items() if not all(found.values())]
    found = ", ".join(dict.fromkeys(there)) or "none"
    hint = (
        f"not installed: {', '.join(absent)}; pip install '{PACKAGE}[NAME]' where they are wanted"
        if absent
        else ""
    )
    yield Check("extras", OK, found, hint)


def _requirement(line: str) -> tuple[str, str]:
    """Name and least version of a line such as "numpy>=1.26; extra == 'x'"."""
    found = re.match(r"\s*([\w.-]+)[^;>=<!~]*(?:>=\s*([\w.]+))?", line)
    return (found[1], found[2] or "0") if found else (line, "0")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


# The machine.


def _threads() -> Check:
    usable, cores = available_threads(), os.cpu_count() or 1
    found = f"{usable} of {cores} cores"
    asked = os.environ.get("AWE_THREADS")
    return Check("threads", OK, f"{found}, AWE_THREADS={asked}" if asked else found)


def _processor() -> Check:
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    wide = [name for name in ("sse4.2", "avx2", "fma", "avx512f", "neon", "sve") if features.get(name)]
    found = f"{llvm.get_host_cpu_name()}, {platform.machine()}: {', '.join(wide) or 'no vector instructions'}"
    if platform.machine() in ("x86_64", "AMD64") and "avx2" not in wide:
        return Check("SIMD", WARNING, found, "without AVX2 training and search take some times as long")
    return Check("SIMD", OK, found)


def _compiler() -> Check:
    import numba

    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        hint = "unset NUMBA_DISABLE_JIT: kernels are run by Python, some hundred times slower"
        return Check("numba", FAILED, "compiling is switched off (NUMBA_DISABLE_JIT)", hint)
    try:
        faiss = importlib.import_module("faiss")
        found = (
            f"numba {numba.__version__}, faiss {faiss.__version__} ({faiss.get_compile_options().strip()})"
        )
    except (ImportError, AttributeError) as error:
        return Check("numba", FAILED, f"faiss cannot be loaded: {error}", _REPAIR, MissingInputError)
    return Check("numba", OK, found)


def _cache() -> Check:
    import numba

    import awe_cli.core  # noqa: F401  chooses the folder

    folder = Path(numba.config.CACHE_DIR)  # type: ignore[attr-defined]
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    size = sum(path.stat().st_size for path in files) / 1e6
    compiled = sum(path.suffix == ".nbc" for path in files)
    found = f"{folder}: {compiled:,} compiled kernels, {size:.1f} MB"
    if not os.access(folder, os.W_OK | os.X_OK):
        hint = "set NUMBA_CACHE_DIR to a folder that can be written to"
        return Check("kernel cache", FAILED, f"{folder} cannot be written to", hint, WriteError)
    if folder.name.startswith("awe-") and folder.parent == Path(tempfile.gettempdir()):
        hint = "no later process finds it, and each compiles anew: set NUMBA_CACHE_DIR to a folder that stays"
        return Check("kernel cache", WARNING, found, hint)
    hint = "" if compiled else "the first run of a command compiles them: about a minute, once"
    return Check("kernel cache", OK, found, hint)


def _memory() -> Check:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        known = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if len(line.split()) > 1}
        total, free = known["MemTotal"], known["MemAvailable"]
    except (OSError, KeyError, ValueError):
        return Check("memory", OK, "not known on this system")
    found = f"{free / 1e9:.1f} of {total / 1e9:.1f} GB available"
    if free < _LITTLE:
        return Check(
            "memory", WARNING, found, "end other programs, or choose a smaller --dim and --block-size"
        )
    return Check("memory", OK, found)


def _disk(name: str, folder: Path) -> Check:
    """Whether a folder, or the one that it would be made in, can be written to, and how much room it has."""
    there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    shown = f"{folder}" if there == folder.absolute() else f"{folder} (not there yet)"
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        hint = "allow writing there, or name another folder with --workspace"
        return Check(name, FAILED, f"{shown}: {there} cannot be written to", hint, WriteError)
    free = shutil.disk_usage(there).free
    found = f"{shown}: {free / 1e9:.1f} GB free"
    if free < _LITTLE:
        return Check(name, WARNING, found, "make room there; `awe gc` removes what nothing uses any more")
    return Check(name, OK, found)


def _contents(ws: Workspace) -> Check:
    try:
        entries = status(ws)
    except AweError as error:
        return Check("artifacts", OK, "none yet" if isinstance(error, MissingInputError) else error.message)
    broken = [entry for entry in entries if entry.state in ("corrupt", "unreadable")]
    stale = sum(entry.state == "stale" for entry in entries)
    found = f"{len(entries):,}, {stale:,} of them stale" if stale else f"{len(entries):,}, all current"
    if broken:
        return Check(
            "artifacts", WARNING, f"{found}; {len(broken):,} damaged: {broken[0].reason}", broken[0].hint
        )
    return Check("artifacts", OK, found)


# The self-test.


def _self_test() -> Check:
    began = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory(prefix="awe-doctor-") as folder, half_made(Path(folder)):
            problem = _wrong_in_chain(Workspace(Path(folder) / "workspace"), Path(folder) / "chosen.parquet")
    except Exception as error:  # whatever it is, it is what we are here to find
        what = error.message if isinstance(error, AweError) else f"{type(error).__name__}: {error}"
        kind = type(error) if isinstance(error, AweError) else AweError
        return Check("self-test", FAILED, what, "AWE_DEBUG=1 shows where; " + _REPAIR, kind, error)
    seconds = time.perf_counter() - began
    if problem is not None:
        return Check("self-test", FAILED, problem, _REPAIR)
    return Check(
        "self-test", OK, f"passed in {seconds:.1f} s: the whole chain, the same bytes for 1 and 2 threads"
    )


def _wrong_in_chain(ws: Workspace, file: Path) -> str | None:
    """Run every step on people of four tastes; what is not as it must be, or None."""
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(60), 8)
    item = person % 4 * 10 + rng.integers(0, 10, len(person))
    pq.write_table(pa.table({"person": person, "item": item}), file)
    ws.root.mkdir()
    prepare(ws, [str(file)], PrepareSettings(user="person", item="item"))
    settings = TrainSettings(affinity="constant", dim=8, epochs=5)
    [one, two] = [train(ws, settings, name=f"threads-{n}", threads=n)[0] for n in (1, 2)]
    if one.digest != two.digest:
        return f"training on 1 and 2 threads gave two models, {one.digest[:12]} and {two.digest[:12]}"
    build_knn(ws, "threads-1", BuildKnnSettings(k=10))
    retrain(ws, "threads-1", RetrainSettings(epochs=0), name="awe")
    train_baseline(ws, "popularity")
    document, _, _ = evaluate(
        ws, ["popularity", "threads-1", "awe"], EvaluateSettings(metric=("ndcg",), at=(5,))
    )
    found = {name: model["metrics"]["ndcg@5"] for name, model in document["models"].items()}
    if not min(found["threads-1"], found["awe"]) > found["popularity"]:
        return f"a model ranks no better than popularity where it must: ndcg@5 {found}"
    return _wrong_in_scores(ws, one)


def _wrong_in_scores(ws: Workspace, model: Any) -> str | None:
    """Whether predicted scores are not Ux·V_y, computed by numpy."""
    dataset = open_dataset(ws.find("dataset"))
    state = load_state(model, choose_fit(model, None), dataset)
    rows = recommend(ws, "threads-1", None, PredictSettings(top_k=40, include_seen=True)).rows
    labels = {label: place for place, label in enumerate(dataset.labels.to_pylist())}
    examples = next(iter(dataset.everyone_batches()))
    S = projections(examples.x, state.U).astype(np.float64) @ state.V.T.astype(np.float64)
    people = {id: place for place, id in enumerate(examples.ids.to_pylist())}
    expected = [
        S[people[id], labels[label]]
        for id, label in zip(rows.column(0).to_pylist(), rows["label"].to_pylist(), strict=True)
    ]
    error = float(np.abs(np.array(expected) - rows["score"].to_numpy()).max())
    return f"a score is off by {error:.3g} from what numpy computes" if not error < 1e-4 else None
