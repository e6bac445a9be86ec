"""The folder of compiled code: keyed by the sources, where the user wants it, never somebody else's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from awe_cli import core
from awe_cli.core import cache_folder

PACKAGE = Path(core.__file__).parent.parent

SCORE = """
import json, numpy as np
from awe_cli.affinities.pointwise import Constant
from awe_cli.matrices.matrix import Dense
from awe_cli.core import score
from awe_cli.core.interface import NO_PARAMS
from awe_cli.core.labels import OneHot
one = np.ones((1, 1), np.float32)
F = np.zeros((1, 1), np.float32)
rows = Dense(np.zeros(1, np.int32), one)
embedding = score.Embedding(one, one, OneHot(1), one, NO_PARAMS)
score.rate_block(Constant(1.0), embedding, rows, one, one, one, F)
print(json.dumps([float(F[0, 0]), sum(score._rate_block.stats.cache_hits.values())]))
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the sources that may be edited."""
    copy = tmp_path / "sources" / "awe_cli"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(core, "_PACKAGE", copy)
    return copy


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user of whom only a home is known; temporary files lie elsewhere."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "home"


def test_a_folder_in_the_users_cache(home):
    folder = cache_folder()
    assert folder.is_dir()
    assert folder.parent == home / ".cache" / "awe"


def test_where_the_user_keeps_caches(home, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert cache_folder().parent == tmp_path / "caches" / "awe"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    assert cache_folder().parent == tmp_path / "numba"


@pytest.mark.parametrize(
    "name",
    ["core/score.py", "affinities/table.py", "losses/warp.py", "ranking/order.py", "matrices/matrix.py"],
)
def test_a_changed_source_gets_another_folder(home, package, name):
    before = cache_folder()
    assert cache_folder() == before
    source = package / name
    source.write_text(source.read_text() + "\n# changed\n")
    after = cache_folder()
    assert after.parent == before.parent
    assert after != before


def test_folders_of_old_sources_are_removed_but_the_last_few(home, package):
    first = cache_folder()
    old = [first.parent / f"{n:016x}" for n in range(7)]
    for age, folder in enumerate(old):
        folder.mkdir()
        when = time.time() - (age + 0.5) * 24 * 3600
        os.utime(folder, (when, when))
    (first.parent / "somebody-elses").mkdir()
    os.utime(first.parent / "somebody-elses", (0, 0))
    assert cache_folder() == first
    assert all(folder.exists() for folder in old), "only where there is a new folder"
    source = package / "core" / "score.py"
    source.write_text(source.read_text() + "\n# changed\n")
    new = cache_folder()
    kept = {folder.name for folder in first.parent.iterdir()}
    assert kept == {new.name, first.name, *(folder.name for folder in old[:3]), "somebody-elses"}


def test_a_home_that_cannot_be_written_to(home, tmp_path):
    home.write_text("a file")
    folder = cache_folder()
    assert folder.parent == tmp_path / "temporary" / f"awe-{os.getuid()}"
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert cache_folder() == folder, "the next process finds it"


def test_a_chosen_folder_that_cannot_be_written_to(home, tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "taken"))
    assert cache_folder().parent == home / ".cache" / "awe"


@pytest.mark.parametrize("others", ["writable", "a link"])
def test_no_code_from_a_folder_that_others_can_write_to(home, tmp_path, others):
    """Compiled code is loaded by unpickling: whoever can write there could run what he likes as this user."""
    home.write_text("a file")
    shared = tmp_path / "temporary" / f"awe-{os.getuid()}"
    if others == "writable":
        shared.mkdir()
        shared.chmod(0o777)
    else:
        (tmp_path / "elsewhere").mkdir()
        shared.symlink_to(tmp_path / "elsewhere")
    folder = cache_folder()
    assert folder.is_dir()
    assert shared not in folder.parents
    assert folder.stat().st_mode & 0o077 == 0


def score_in_a_process(package, cache):
    """[f, how often compiled code was found on disk] of a process that imports this package."""
    environment = {**os.environ, "PYTHONPATH": str(package.parent), "NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", SCORE],
        env=environment, cwd=package.parent, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_the_next_process_finds_it_and_never_stale_mathematics(package, tmp_path):
    """numba watches the file a kernel stands in only; the formula stands in another."""
    cache = tmp_path / "cache"
    assert score_in_a_process(package, cache) == [1.0, 0]
    assert score_in_a_process(package, cache) == [1.0, 1]
    elsewhere = shutil.copytree(package, tmp_path / "elsewhere" / "awe_cli")
    assert score_in_a_process(elsewhere, cache) == [1.0, 1], "an installation of equal sources shares it"
    formula = package / "affinities" / "pointwise.py"
    formula.write_text(formula.read_text().replace("return affinity.c * s", "return 2 * affinity.c * s"))
    assert score_in_a_process(package, cache) == [2.0, 0]
