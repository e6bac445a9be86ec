"""The papers' tables: their commands are commands, and a page says what was measured."""

from __future__ import annotations

import itertools
import shlex
from pathlib import Path

import pytest
import typer

from awe_cli.app import build_app
from benchmarks.reproduce.data import CAL500, COREL5K
from benchmarks.reproduce.page import listing_page, page
from benchmarks.reproduce.run import Folders, Found, commands, evaluation, missing, shown
from benchmarks.reproduce.shape import Row, Table
from benchmarks.reproduce.tables import LISTINGS, TABLES

FOLDERS = Folders(Path("nowhere"), Path("workspaces"))


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_command_parses(table):
    root = typer.main.get_command(build_app())
    for data in table.data:
        run = next(data.runs(1))
        for line in [*commands(table, run), evaluation(table, run)]:
            words = shlex.split(shown(line, run).replace("SEED", "3"))[1:]
            parent = root.make_context("awe", ["-w", "nowhere", words[0]])
            with root.commands[words[0]].make_context(words[0], words[1:], parent=parent):
                pass


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_model_is_made_by_a_row_before_it_is_used(table):
    for data in table.data:
        made = set()
        for command in commands(table, next(data.runs(1))):
            words = shlex.split(command)
            told = dict(itertools.pairwise(words))
            for option in ("--start", "--model"):
                assert set(told[option].split(",")) <= made if option in told else True, command
            made |= {told["--name"]} if "--name" in told else {words[1]}
        assert {row.model for row in table.rows_for(data)} <= made


def test_the_command_of_a_listing_is_one():
    root = typer.main.get_command(build_app())
    for listing in LISTINGS.values():
        words = shlex.split(listing.command.format(workspace="nowhere"))
        if words[0] == "python":
            assert Path(words[1]).is_file()
            continue
        parent = root.make_context("awe", ["-w", "nowhere", words[1]])
        with root.commands[words[1]].make_context(words[1], words[2:], parent=parent):
            pass


def test_a_listing_shows_what_was_printed():
    text = listing_page(LISTINGS["wsabie-table-3"], "near  cosine\n", ["awe train --seed SEED"])
    assert "```\nnear  cosine\n```" in text
    assert "```sh\nawe train --seed 0\n```" in text


def test_runs_are_seeds_or_folds():
    assert [(run.seed, run.workspace) for run in COREL5K.runs(2)] == [(0, "corel5k"), (1, "corel5k")]
    assert [run.workspace for run in CAL500.runs(9)] == [f"cal500-fold-{n}" for n in range(5)]


def test_data_that_is_not_there():
    assert missing(COREL5K, FOLDERS) == ["corel5k/examples.parquet"]


def document(seed, awe, low):
    metrics = {"popularity": 0.1, f"wsabie-{seed}": 0.2, f"awe-{seed}": awe}
    return {
        "models": {name: {"metrics": {"p": value}} for name, value in metrics.items()},
        "differences": {
            "popularity": {"p": {"low": -0.2, "high": -0.1}},
            f"awe-{seed}": {"p": {"low": low, "high": 0.5}},
        },
    }


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """A page of two seeds, with awe at these figures."""
    monkeypatch.setattr("benchmarks.reproduce.page.digests", lambda *_: [("file", "abc")])
    rows = (
        Row("popularity", "popularity"),
        Row("WSABIE", "wsabie-{seed}"),
        Row("AWE", "awe-{seed}", ours=True),
    )
    table = Table("t", "Title", "Paper.", (COREL5K,), rows, {"": "p"})

    def make(first, second, low):
        found = Found(COREL5K, [document(0, first, low), document(1, second, low)], {"awe prepare": None})
        return page(table, [found], ["cal500"], FOLDERS, 2)

    return make


def test_a_page_has_means_deviations_stars_and_changes(measured):
    text = measured(0.3, 0.4, 0.01)
    assert "| AWE | **0.3500** ± .0707 * | +75.0% |" in text
    assert "| popularity | 0.1000 * | -50.0% |" in text
    assert "| WSABIE | 0.2000 | +0.0% |" in text
    assert "Not measured this time: cal500." in text
    assert "corel5k: `file` sha256 abc." in text
    assert "SEED is 0 to 1." in text


def test_a_page_says_where_awe_does_not_win(measured):
    text = measured(0.2, 0.18, -0.1)
    assert "- corel5k, p: WSABIE (0.2000); the best of awe is AWE with 0.1900" in text
    assert "- corel5k: no clear difference in p between WSABIE and AWE" in text
    assert "the best of awe" not in measured(0.3, 0.4, 0.01)
