"""Plant faults in a copy of the package, one at a time, and see whether the tests find each.

    python tests/planted_faults.py                  all of them
    python tests/planted_faults.py "norm cap"       those whose name has these words
    python tests/planted_faults.py --tests ../old   with the tests, and the package, of another checkout

A fault is a line of the package that is replaced. The line is looked for in the whole package, so that files may be
moved and merged; where it is not there just once, the fault must be written anew, and the script ends with 2. Each
fault names the test files that ought to find it, by their names alone, and which of their tests, as `pytest -k` does.
It ends with 1 if a fault survives.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
COPIED = ("awe_cli", "tests", "docs", "sample_data", "benchmarks")
CAUGHT, SURVIVED, BROKEN = "caught", "SURVIVED", "cannot be planted"
_TESTS_FAILED = 1  # exit code of pytest
_LONGEST = 300  # seconds; a test that does not end notices, too


@dataclass(frozen=True)
class Fault:
    """A line, what it becomes, and the tests that ought to notice."""

    name: str
    line: str  # once in the package
    becomes: str
    files: str  # of tests, with spaces between them
    select: str = ""  # for pytest -k


FAULTS = [
    # Kernels and losses
    Fault(
        "the positive is pushed down, too",
        "descend(affinity, context, positive.label, positive.left_out, -weight, gradients)",
        "descend(affinity, context, positive.label, positive.left_out, weight, gradients)",
        "test_algorithm1.py",
        "own-Constant",
    ),
    Fault(
        "the target stays in its own input",
        "z[j] = ux[j] - x * U[row, j]",
        "z[j] = ux[j]",
        "test_algorithm1.py",
        "own-Constant",
    ),
    Fault(
        "the target's own row is stepped",
        "by_feature[left_out, j] -= by_z[j]",
        "by_feature[left_out, j] -= 0 * by_z[j]",
        "test_algorithm1.py",
        "own-Constant",
    ),
    Fault(
        "the rank weight ignores the number of draws",
        "loss.weights[max(1, others // n)]",
        "loss.weights[max(1, others)]",
        "test_algorithm1.py",
        "own-Constant",
    ),
    Fault(
        "the rank is estimated from one negative too few",
        "others = positive.n_negatives if loss.of_negatives else",
        "others = positive.n_negatives - 1 if loss.of_negatives else",
        "test_algorithm1.py",
        "own-Constant",
    ),
    Fault(
        "positives are drawn as negatives",
        "        if mark[label] != tag:\n            return state, label",
        "        if mark[label] != tag or True:\n            return state, label",
        "test_algorithm1.py",
        "annotation-Constant",
    ),
    Fault(
        "the norm cap is off",
        "if norm > cap * cap:",
        "if norm > cap * cap * 100:",
        "test_algorithm1.py",
        "own-Constant",
    ),
    Fault(
        "AdaGrad forgets",
        "history[row] += squared / d",
        "history[row] = squared / d",
        "test_algorithm1.py",
        "own-Constant",
    ),
    Fault(
        "every epoch draws the same",
        "mix(mix(mix(np.uint64(seed)) ^ np.uint64(epoch)) ^ np.uint64(example))",
        "mix(mix(np.uint64(seed)) ^ np.uint64(example))",
        "test_algorithm1.py",
        "own-Constant",
    ),
    Fault(
        "the learning rate does not fall within an epoch",
        "rates[0] + (rates[1] - rates[0]) * start / n",
        "rates[0]",
        "test_algorithm1.py",
        "own-Constant",
    ),
    Fault(
        "rows of described labels are never brought up to date",
        "stale |= changed[indices[t]] == tag",
        "stale |= False",
        "test_described.py",
        "annotation-Constant and epoch and not compiled and not tied",
    ),
    Fault(
        "every thread steps every row of U",
        "n += owner(indices[t], workers) == worker",
        "n += 1",
        "test_threads.py",
        "own-Constant",
    ),
    Fault(
        "the gaussian's slope forgets the distance",
        "return g + fall, -fall / 2, -fall / 2",
        "return g, -fall / 2, -fall / 2",
        "test_points.py",
        "gradient and one-hot-Gaussian",
    ),
    Fault(
        "OWPC weighs by the rank alone",
        "np.float32(positive.scale * loss.weights[rank] / rank)",
        "np.float32(positive.scale * loss.weights[rank])",
        "test_losses.py",
        "epoch and own-Constant and owpc",
    ),
    Fault(
        "regression learns 0 for positives",
        "positive.label, np.float32(1), 0, gradients",
        "positive.label, np.float32(0), 0, gradients",
        "test_losses.py",
        "epoch and own-Constant and regression",
    ),
    Fault(
        "the error bound forgets the target that is left out",
        "out += (1 + _ROUNDING) * abs(values[left_out]) * np.sqrt(target) * cap",
        "out += 0 * abs(values[left_out]) * np.sqrt(target) * cap",
        "test_screen.py",
        "no_exact_score or with_and_without and own-Constant",
    ),
    # Ranking and metrics
    Fault("ties go to the last label", "    return a < b\n", "    return a > b\n", "test_block.py"),
    Fault("items already seen are recommended", "if contains(seen, label):", "if False:", "test_block.py"),
    Fault(
        "predict never hides what was seen",
        "None if request.include_seen or block.seen is None else",
        "None if True else",
        "test_predict.py",
        "seen",
    ),
    Fault(
        "NDCG counts beyond k",
        "np.where(ranks.ranks <= k, gains / np.log2(ranks.ranks + 1.0), 0.0)",
        "np.where(ranks.ranks <= k + 1, gains / np.log2(ranks.ranks + 1.0), 0.0)",
        "test_metrics.py",
    ),
    Fault(
        "recall is divided by k",
        "ranks.sums((ranks.ranks <= k).astype(np.float64)) / ranks.n_positives",
        "ranks.sums((ranks.ranks <= k).astype(np.float64)) / k",
        "test_metrics.py",
    ),
    Fault(
        "a training example is its own neighbour",
        "if row < 0 or row == skip[q]:",
        "if row < 0:",
        "test_search.py test_table.py",
    ),
    # Readers
    Fault(
        "the last row of a CSV block is lost",
        "batch.slice(start, min(start + rows, batch.table.num_rows))",
        "batch.slice(start, min(start + rows, batch.table.num_rows - 1))",
        "test_reading.py test_delimited.py",
    ),
    Fault(
        "the last line without a line break is lost",
        '    block = b"".join(rest)\n    if block:',
        '    block = b"".join(rest)\n    if False:',
        "test_reading.py test_delimited.py",
    ),
    Fault(
        "CSV rows are counted from the header",
        "self.row = 1  # of the first row",
        "self.row = 2  # of the first row",
        "test_reading.py test_delimited.py",
    ),
    Fault(
        "rows that a libsvm header promises may be missing",
        "if header and header[0] not in (read, first - 1):",
        "if header and header[0] < first - 1:",
        "test_reading.py",
    ),
    Fault(
        "what is set aside for validation becomes test data",
        '_order(pairs, rule, "valid"), wanted, VALID)',
        '_order(pairs, rule, "valid"), wanted, TEST)',
        "test_splits.py",
    ),
    Fault(
        "the earliest items are held out, not the latest",
        "return (len(pairs.age) - pairs.age).astype(np.uint64)",
        "return pairs.age.astype(np.uint64)",
        "test_splits.py",
    ),
    Fault(
        "unknown items count twice",
        "own=False), int(np.count_nonzero(~known))",
        "own=False), 2 * int(np.count_nonzero(~known))",
        "test_dataset.py test_predict.py",
        "unknown",
    ),
    Fault(
        "all windows draw the same negatives",
        "seed ^ (number << 32)",
        "seed",
        "test_windows.py",
    ),
    Fault(
        "a reader keeps all that it has read",
        "pq.ParquetFile(source.path, pre_buffer=False)",
        "pq.ParquetFile(source.path)",
        "test_spill.py",
    ),
    Fault(
        "weights of a later split leak",
        "weight = np.where(given == split[group], weight, 0)",
        "pass",
        "test_prepare.py test_dataset.py",
    ),
    Fault(
        "the history ends with the first split",
        "    for split in fit_on:\n        lists = storage.read_lists(table, split, n_labels)",
        "    for split in fit_on[:1]:\n        lists = storage.read_lists(table, split, n_labels)",
        "test_dataset.py test_evaluate.py",
    ),
    # Steps and the workspace
    Fault(
        "a name is up to date whatever it was made from",
        "if pointer is not None and pointer.recipe == recipe.digest:",
        "if pointer is not None:",
        "test_workspace.py",
    ),
    Fault(
        "the measures are no part of a comparison's recipe",
        '"measures": [measure.name for measure in wanted],',
        '"measures": [],',
        "test_evaluate.py",
    ),
    Fault(
        "how many labels are predicted is no part of the recipe",
        '"top_k": request.top_k,',
        '"top_k": 0,',
        "test_predict.py",
        "stored",
    ),
    Fault(
        "validation is judged by a fit that has seen it",
        "fair = [fit for fit in fits if split not in fit]",
        "fair = fits",
        "test_evaluate.py test_predict.py",
        "valid",
    ),
    Fault(
        "the gate is the other way round",
        'found[measure.name] >= bound if sign == ">="',
        'found[measure.name] <= bound if sign == ">="',
        "test_gate.py",
    ),
    Fault(
        "exported labels are not brought to one length",
        "more = np.sqrt(squared.max(initial=0.0) - squared)",
        "more = np.sqrt(squared.max(initial=0.0) + squared)",
        "test_export.py",
        "one_more or card_ranks",
    ),
    Fault(
        "a model of another order is exported without a word",
        "if reason is not None and not settings.as_candidates:",
        "if reason is not None and settings.as_candidates:",
        "test_export.py",
        "another_order",
    ),
    Fault(
        "a smaller mean rank counts as a loss",
        "better = differences[:, column] if measure.metric.better == HIGHER else -differences[:, column]",
        "better = differences[:, column]",
        "test_compare.py",
        "mean_rank",
    ),
    Fault(
        "NaN counts as a value of a column",
        "kept = pc.and_(kept, pc.invert(pc.is_nan(values)))",
        "pass",
        "test_describe.py",
        "parquet",
    ),
    Fault(
        "any doubt counts as worse",
        'return interval["high"] < 0',
        'return interval["low"] < 0',
        "test_gate.py",
    ),
    Fault(
        "bad data has another exit code",
        "    exit_code = 65\n",
        "    exit_code = 66\n",
        "test_docs.py test_app.py",
    ),
    Fault(
        "a pointer is written in place",
        'replace_file(path, canonical({**content, "checksum"',
        'path.write_bytes(canonical({**content, "checksum"',
        "test_workspace.py test_interruption.py",
    ),
    Fault(
        "the lock keeps nobody out",
        "fcntl.LOCK_EX if wait is True else fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH",
        "test_interruption.py",
    ),
    Fault(
        "gc removes what a model was made from",
        "waiting += _parents(workspace.store / digest)",
        "waiting += []",
        "test_collect.py",
    ),
    Fault(
        "a changed byte is not looked for",
        "found = file_digest(path)\n    except",
        "found = record.sha256\n    except",
        "test_damage.py",
    ),
    Fault(
        "a file that grew is taken",
        "if status.st_size != record.size:",
        "if status.st_size < record.size:",
        "test_damage.py",
    ),
    Fault(
        "a run keeps its last epoch, not its best",
        "run.validation = copy_state(run.latest), report.epoch, score",
        "run.validation = run.latest, report.epoch, score",
        "test_behaviour.py test_chain.py",
        "best_epoch or find_the_groups",
    ),
    Fault(
        "training that diverges goes on",
        "    if bounded and report.loss <= most:",
        "    if bounded or report.loss <= most:",
        "test_chain.py",
        "diverges",
    ),
    Fault(
        "a failed run counts as fresh",
        "if run.code == 0 and (run.step == step",
        "if run.code is not None and (run.step == step",
        "test_runs.py",
        "stale",
    ),
    Fault(
        "the record of runs grows without end",
        "old, last = runs[:-MOST_RUNS], runs[-MOST_RUNS:]",
        "old, last = runs[:0], runs",
        "test_runs.py",
        "bounded",
    ),
    Fault(
        "a log that is full is written again and again",
        "            self._give_up(error)\n\n    def close",
        "            self._lost(str(error))\n\n    def close",
        "test_log.py",
        "one_warning",
    ),
    Fault(
        "a warning that cron heard is told again",
        "return _this.before is None or digest not in _this.before",
        "return True",
        "test_log.py",
        "repeated",
    ),
    Fault(
        "what a failed run did not say is forgotten",
        "known = [*_this.warned, *(() if code == 0 else sorted(_this.before - _this.warned.keys()))]",
        "known = [*_this.warned]",
        "test_log.py",
        "forgets",
    ),
    Fault(
        "a dry run takes the lock",
        "        if self.dry_run:\n            yield",
        "        if False:\n            yield",
        "test_dry_run.py",
        "nothing_can_be_written or chain",
    ),
    Fault(
        "a dry run overlooks what is damaged",
        "            artifact = self.find(kind, name)\n        except (CorruptArtifactError",
        "            artifact = None\n        except (CorruptArtifactError",
        "test_dry_run.py",
        "damaged",
    ),
    Fault(
        "work begins though the disk is full",
        "if disk is not None and needs.disk > disk:",
        "if disk is None and needs.disk > disk:",
        "test_room.py",
        "full_disk",
    ),
    Fault(
        "drift that shall fail is published",
        'if found and found["beyond"] and limits.fail_on_drift:',
        'if found and found["beyond"] and not limits:',
        "test_drift.py",
        "beyond",
    ),
    Fault(
        "shrinking data are no drift",
        "if change is None or abs(change) <= limits.drift_counts:",
        "if change is None or change <= limits.drift_counts:",
        "test_drift.py",
        "beyond",
    ),
    Fault(
        "init overwrites",
        "if there and not force:",
        "if there and force:",
        "test_init.py",
        "overwritten",
    ),
    Fault(
        "a gate that fails keeps the metrics from the monitor",
        "    write_metrics(document, files)\n    pass_gate(make_gate(settings), document)",
        "    pass_gate(make_gate(settings), document)\n    write_metrics(document, files)",
        "test_metrics_file.py",
        "gate",
    ),
    # Shards, parts of a cluster, and stores
    Fault(
        "a row is averaged over shards that did not step it",
        "            weight += stepped\n",
        "            weight += float(size)\n",
        "test_mixing.py",
        "own-Constant",
    ),
    Fault(
        "momentum is forgotten in a checkpoint",
        "arrays |= {_MOMENTUM + name: array for name, array in run.momentum.items()}",
        "arrays |= {_MOMENTUM + name: 0 * array for name, array in run.momentum.items()}",
        "test_resume.py",
        "momentum",
    ),
    Fault(
        "a part that is there is made again",
        "            if not folder.has(part_key(name, number)):\n",
        "            if not folder.has(part_key(name, -1 - number)):\n",
        "test_dask.py",
        "not_made_again",
    ),
    Fault(
        "a copy of a file in a bucket is never renewed",
        "if known is None or known[0] != version:",
        "if known is None:",
        "test_remote.py",
        "changed or hidden",
    ),
]


class PlantingError(Exception):
    """The line of a fault is not there, or there more than once; or no test file has the name it gives."""


def holder(fault: Fault, package: Path) -> Path:
    """The file of the package that has the line of a fault. Raises PlantingError where it is not there once."""
    times = {path: path.read_text(encoding="utf-8").count(fault.line) for path in package.rglob("*.py")}
    if sum(times.values()) != 1:
        raise PlantingError(
            f"expected once in the package, found {sum(times.values())} times: {fault.line!r}"
        )
    return max(times, key=times.__getitem__)


def plant(fault: Fault, package: Path) -> tuple[Path, str]:
    """Replace the line of a fault; the file it is in, and what that was."""
    path = holder(fault, package)
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace(fault.line, fault.becomes), encoding="utf-8")
    return path, before


def files_of(fault: Fault, tests: Path) -> list[str]:
    """The files of tests that ought to find it, wherever they lie."""
    found = [str(path) for name in fault.files.split() for path in sorted(tests.rglob(name))]
    if not found:
        raise PlantingError(f"no file of tests is called {fault.files}")
    return found


def run_tests(fault: Fault, copy: Path, kernels: Path) -> tuple[int, str]:
    """The exit code of pytest on the tests of a fault, and the last line it printed."""
    select = ["-k", fault.select] if fault.select else []
    options = ["-q", "-x", "--no-header", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *files_of(fault, copy / "tests"), *select],
            cwd=copy, capture_output=True, text=True, check=False, timeout=_LONGEST,
            env={**os.environ, "PYTHONPATH": str(copy), "NUMBA_CACHE_DIR": str(kernels)},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return _TESTS_FAILED, f"no end within {_LONGEST} s"
    return done.returncode, (done.stdout.strip().splitlines() or [done.stderr.strip()])[-1]


def verdict(fault: Fault, copy: Path, kernels: Path) -> tuple[str, str]:
    """What became of a fault, and what pytest said."""
    try:
        path, before = plant(fault, copy / "awe_cli")
    except PlantingError as error:
        return BROKEN, str(error)
    try:
        code, line = run_tests(fault, copy, kernels)
    except PlantingError as error:
        return BROKEN, str(error)
    finally:
        path.write_text(before, encoding="utf-8")
    if code not in (0, _TESTS_FAILED):
        return BROKEN, f"pytest ended with {code}: {line}"
    return (SURVIVED if code == 0 else CAUGHT), line


def main() -> int:
    """Plant those that are asked for; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", help="only faults whose name has all of these words")
    parser.add_argument(
        "--tests", type=Path, default=ROOT, help="the checkout whose package and tests are tried"
    )
    parser.add_argument("--list", action="store_true", help="list the faults, and plant none")
    asked = parser.parse_args()
    faults = [fault for fault in FAULTS if all(word in fault.name for word in asked.words)]
    if asked.list:
        print(*(fault.name for fault in faults), sep="\n")
        return 0
    tally = dict.fromkeys((CAUGHT, SURVIVED, BROKEN), 0)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        for name in COPIED:
            shutil.copytree(asked.tests / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in asked.tests.iterdir():
            if path.is_file():
                shutil.copy2(path, copy / path.name)
        for fault in faults:
            start = time.monotonic()
            found, line = verdict(fault, copy, Path(folder) / "kernels")
            tally[found] += 1
            print(f"{found:17} {time.monotonic() - start:4.0f} s  {fault.name}  ({line})", flush=True)
    print(", ".join(f"{n} {name}" for name, n in tally.items()))
    return 2 if tally[BROKEN] else 1 if tally[SURVIVED] else 0


if __name__ == "__main__":
    sys.exit(main())
