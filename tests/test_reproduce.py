"""The papers' tables: their commands are commands, and a page says what was measured."""

from __future__ import annotations

import itertools
import json
import shlex
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from numba.core import event

from awe_cli.app import build_app
from benchmarks.reproduce.__main__ import main
from benchmarks.reproduce.budget import of_plans
from benchmarks.reproduce.catalog import LISTINGS, TABLES
from benchmarks.reproduce.contrast import averaged, contrast
from benchmarks.reproduce.data import CAL500, COREL5K, WORDNET, lastfm_artists
from benchmarks.reproduce.found import Found, load
from benchmarks.reproduce.origin import digests
from benchmarks.reproduce.page import listing_page, page, summary
from benchmarks.reproduce.run import Folders, choosing, commands, evaluation, measure, missing, shown
from benchmarks.reproduce.shape import Claim, Data, Row, Table
from benchmarks.reproduce.table_3 import PEOPLE, gowalla_people
from benchmarks.reproduce.times import Taken, Times, measured

FOLDERS = Folders(Path("nowhere"), Path("workspaces"))


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_command_parses(table):
    root = typer.main.get_command(build_app())
    for data in table.data:
        run = next(data.runs(1))
        rows = table.rows_for(data)
        lines = [choosing(table, row, run) for row in rows if row.tries]
        lines.append(evaluation(table, run, {row.name: row.model for row in rows}))
        for line in [*commands(table, run), *lines]:
            words = shlex.split(shown(line, run).replace("SEED", "3"))[1:]
            parent = root.make_context("awe", ["-w", "nowhere", words[0]])
            with root.commands[words[0]].make_context(words[0], words[1:], parent=parent):
                pass


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_model_is_made_by_a_row_before_it_is_used(table):
    for data in table.data:
        made = {"scratch"}  # what --start calls random numbers
        for command in commands(table, next(data.runs(1))):
            words = shlex.split(command)
            told = dict(itertools.pairwise(words))
            for option in ("--start", "--model"):
                assert set(told[option].split(",")) <= made if option in told else True, command
            made |= {told["--name"]} if "--name" in told else {words[1]}
        rows = [row for asked in table.rows_for(data) for row in (asked.tries or [asked])]
        assert {row.model for row in rows} <= made


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_what_is_said_of_rows_is_said_of_rows_there_are(table):
    names = [row.name for row in table.rows]
    assert len(names) == len(set(names))
    assert {
        table.baseline,
        *table.only,
        *(name for c in table.claims for name in (c.better, c.worse)),
    } <= set(names)


def test_the_command_of_a_listing_is_one():
    root = typer.main.get_command(build_app())
    for listing in LISTINGS.values():
        words = shlex.split(listing.command.format(workspace="nowhere", data="data"))
        if words[0] == "python":
            assert Path(words[1]).is_file()
            continue
        parent = root.make_context("awe", ["-w", "nowhere", words[1]])
        with root.commands[words[1]].make_context(words[1], words[2:], parent=parent):
            pass


def test_a_listing_shows_what_was_printed():
    listing = replace(LISTINGS["wsabie-table-3"], remarks="A remark.")
    text = listing_page(listing, "near  cosine\n", ["awe train --seed SEED"], {"file": "abc"})
    assert "## Remarks\n\nA remark." in text
    assert "`file` sha256 abc." in text
    assert "```\nnear  cosine\n```" in text
    assert "```sh\nawe train --seed 0\n```" in text


def test_runs_are_seeds_or_folds():
    assert [(run.seed, run.workspace) for run in COREL5K.runs(2)] == [(0, "corel5k"), (1, "corel5k")]
    assert [run.workspace for run in CAL500.runs(9)] == [f"cal500-fold-{n}" for n in range(5)]


def test_data_that_is_not_there():
    assert missing(COREL5K, FOLDERS) == ["corel5k/examples.parquet"]


def made(rows, **more):
    """What was found: rows of precision of four examples, in two runs."""
    examples = {row: np.array(values)[:, None] for row, values in rows.items()}
    values = {
        row: {"p": [float(np.mean(found)) - 0.05, float(np.mean(found)) + 0.05]}
        for row, found in rows.items()
    }
    told = {"digests": {"file": "abc"}, "origin": "a machine", "commands": ["awe prepare"]}
    return Found(values=values, examples=examples, **{**told, **more})


ROWS = (
    Row("popularity", "popularity"),
    Row("WSABIE", "wsabie-{seed}"),
    Row("AWE", "awe-{seed}", ours=True),
)
CLAIMS = (Claim("WSABIE", "popularity"), Claim("AWE", "WSABIE", factor=1.08, least=True))
TABLE = Table("t", "Title", "Paper.", (COREL5K, CAL500), ROWS, {"": "p"}, claims=CLAIMS)
LOW, MIDDLE, HIGH = [0.1] * 4, [0.2] * 4, [0.3] * 4


def page_of(awe, **more):
    found = {"corel5k": made({"popularity": LOW, "WSABIE": MIDDLE, "AWE": awe}, **more)}
    return page(TABLE, found)


def test_a_page_has_means_deviations_stars_changes_and_minutes():
    text = page_of(HIGH, minutes={"AWE": (1.5, 2.25)}, budget={"AWE": "k 1, 2: 2 tried"})
    assert "| AWE | **0.3000** ± .0707 * | +50.0% | 1.50 (2.25) |" in text
    assert "| popularity | 0.1000 ± .0707 * | -50.0% | – |" in text
    assert "| WSABIE | 0.2000 ± .0707 | +0.0% | – |" in text
    assert "Not measured this time: cal500." in text
    assert "corel5k: a machine. SEED is 0 to 1. `file` sha256 abc." in text
    assert "| AWE | k 1, 2: 2 tried |" in text
    assert "| popularity | nothing |" in text


def test_a_page_is_made_again_by_as_many_seeds_as_its_data_has_at_most():
    rows = {"popularity": LOW, "WSABIE": MIDDLE, "AWE": HIGH}
    once = made(rows)
    once.values = {row: {"p": values["p"][:1]} for row, values in once.values.items()}
    text = page(TABLE, {"corel5k": once, "cal500": made(rows)})
    assert "make reproduce-t DATA=… SEEDS=2\n" in text
    assert "## Corel5k: tags of 5,000 images\n\n1 seed." in text


def test_a_page_says_what_it_was_chosen_by():
    found = made({"popularity": LOW, "WSABIE": MIDDLE, "AWE": HIGH})
    validated = " ".join(page(TABLE, {"corel5k": found}).split())
    assert "each method chooses on validation what is left open" in validated
    assert "one fixed seed" not in validated  # none of its rows is a baseline
    drawn = replace(TABLE, rows=(Row("popularity", "popularity", ("train-baseline popularity",)), *ROWS[1:]))
    assert "one fixed seed" in " ".join(page(drawn, {"corel5k": found}).split())
    settled = replace(COREL5K, prepare=COREL5K.prepare + " --valid-fraction 0")
    text = " ".join(page(replace(TABLE, data=(settled,)), {"corel5k": found}).split())
    assert "there is no validation split" in text
    assert "on validation" not in text


def test_samples_have_digests_though_what_was_kept_has_none(tmp_path):
    found = dict(digests(WORDNET, tmp_path))
    assert list(found) == ["sample_data/wordnet/examples.parquet", "sample_data/wordnet/isa.parquet"]
    assert all(len(digest) == 16 for digest in found.values())
    table = replace(TABLE, data=(WORDNET,))
    made({"popularity": LOW, "WSABIE": MIDDLE, "AWE": HIGH}, digests={}).save(tmp_path)
    assert load(tmp_path, table, WORDNET).digests == found


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (["awe-table-9"], "error: expected tables among awe-table-1, "),
        (["awe-table-2", "--seeds", "0"], "error: --seeds: expected a whole number of at least 1, found 0\n"),
        (
            ["awe-table-2", "--only", "nonsense"],
            "error: --only: expected data among corel5k, imclef07a, or none alone, found nonsense\n",
        ),
        (["awe-table-2", "--only", "none"], "awe-table-2: left out, nothing of it is kept in "),
        (
            ["awe-table-2", "awe-table-1", "--only", "cal500"],
            "awe-table-2: left out, --only names none of its",
        ),
        (
            ["awe-table-2", "--only", "corel5k"],
            "awe-table-2: corel5k is left out, data/corel5k/examples.parquet is not",
        ),
        (["memorise", "--only", "none"], "memorise: left out, its output is not kept\n"),
    ],
)
def test_what_cannot_be_done_is_said(told, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["reproduce", *told, "--root", str(tmp_path / "root")])
    with suppress(SystemExit):
        main()
    error = capsys.readouterr().err
    assert said in error
    assert "none of its data is there" not in error
    assert not (tmp_path / "docs").exists()


def test_a_page_says_what_holds():
    assert "| popularity < WSABIE | corel5k | p | +.1000 [+.1000, +.1000] | holds |" in page_of(HIGH)
    assert "| 1.08 × WSABIE ≤ AWE | corel5k | p | +.0840 [+.0840, +.0840] | holds: ahead |" in page_of(HIGH)
    assert "| 1.08 × WSABIE ≤ AWE | corel5k | p | -.0160 [-.0160, -.0160] | **no**: behind |" in page_of(
        MIDDLE
    )


def test_a_claim_is_of_the_data_that_it_names():
    table = replace(TABLE, claims=(Claim("AWE", "WSABIE"), Claim("WSABIE", "popularity", data=("cal500",))))
    found = made({"popularity": LOW, "WSABIE": MIDDLE, "AWE": HIGH})
    text = page(table, {"corel5k": found, "cal500": found})
    assert "| WSABIE < AWE | corel5k |" in text
    assert "| popularity < WSABIE | cal500 |" in text
    assert "| popularity < WSABIE | corel5k |" not in text


def test_a_page_says_where_awe_does_not_win():
    assert "On none of these measures." in page_of(HIGH)
    level = page_of([0.5, 0.0, 0.3, 0.0])
    assert "| corel5k | p | AWE 0.2000 | WSABIE 0.2000 | +.0000 [" in level
    assert "| level |" in level
    assert "- corel5k, p, level with WSABIE: AWE (" in level
    behind = page_of([0.12] * 4)
    assert "| AWE 0.1200 | WSABIE 0.2000 | -.0800 [-.0800, -.0800] | behind |" in behind
    assert "- corel5k, p, behind WSABIE: AWE (-.0800 [-.0800, -.0800])" in behind


def test_a_summary_has_a_cell_for_each_row_and_set_of_data():
    found = {"corel5k": made({"WSABIE": MIDDLE, "AWE": HIGH}), "cal500": made({"WSABIE": MIDDLE})}
    lines = list(summary(replace(TABLE, rows=ROWS[1:]), found, [COREL5K, CAL500]))
    assert lines[0] == "| | corel5k, p | cal500, p |"
    assert lines[2:] == ["| WSABIE | 0.2000 | 0.2000 |", "| AWE | 0.3000 * | – |"]


def test_examples_are_averaged_over_the_runs_that_have_them():
    first = {"a": (["x", "y"], np.array([[1.0], [0.0]])), "b": (["y", "x"], np.array([[1.0], [0.0]]))}
    second = {"a": (["x"], np.array([[0.0]])), "b": (["z"], np.array([[1.0]]))}
    found = averaged([first, second])
    np.testing.assert_array_equal(found["a"][:, 0], [0.5, 0.0, np.nan])
    np.testing.assert_array_equal(found["b"][:, 0], [0.0, 1.0, 1.0])
    assert contrast(found["a"][:, 0], found["b"][:, 0]).mean == pytest.approx(-0.25)


def test_what_was_found_is_kept_unless_the_table_changed(tmp_path):
    made({"popularity": LOW, "WSABIE": MIDDLE, "AWE": HIGH}).save(tmp_path)
    kept = load(tmp_path, TABLE, COREL5K)
    assert kept.mean("AWE", "p") == pytest.approx(0.3)
    np.testing.assert_array_equal(kept.examples["AWE"][:, 0], HIGH)
    assert load(tmp_path, replace(TABLE, rows=ROWS[:2]), COREL5K) is None
    assert load(tmp_path / "elsewhere", TABLE, COREL5K) is None


def model_of(plans, validation, folder):
    """A model as far as its plans and what validation said."""
    (folder / "result.json").write_text(json.dumps({"chosen": {"linear": {"validation": validation}}}))
    return SimpleNamespace(settings={"plans": plans}, file=lambda name: folder / name)


def test_what_was_tried_in_words(tmp_path):
    plans = [{"margin": 0.3, "epochs": 40}, {"margin": 1.0, "epochs": 40}]
    assert of_plans(model_of(plans, 0.5, tmp_path)) == "2 plans (margin 0.3, 1), epochs up to 40"
    assert of_plans(model_of(plans[:1], 0.5, tmp_path)) == "epochs up to 40"
    assert of_plans(model_of(plans[:1], None, tmp_path)) == "40 epochs"


def test_times_are_kept_and_added_up(tmp_path):
    times = Times(tmp_path)
    times.note("w", "train", Taken(2.0, 3.0))
    times.note("w", "retrain", Taken(1.0, 1.5))
    assert Times(tmp_path).total("w", ["train", "retrain", "train"]) == Taken(3.0, 4.5)
    assert times.total("w", ["train", "evaluate"]) is None


def test_time_is_measured_without_compiling():
    def work():
        return sum(range(3_000_000))

    with measured() as taken:
        work()
    with measured() as compiling, event.trigger_event("numba:compile"), event.trigger_event("numba:compile"):
        work()
    assert 0 < compiling[0].processor < taken[0].processor < 60
    assert 0 < compiling[0].wall < taken[0].wall


def test_artists_have_their_listeners_and_their_common_tags(tmp_path):
    (tmp_path / "lastfm").mkdir()
    pairs = [(user, artist) for artist in range(30) for user in (7, 8 + artist)]
    users, artists = (list(column) for column in zip(*pairs, strict=True))
    plays = {"user": users, "artist": artists, "plays": [1] * len(pairs)}
    tags = {"artist": [*range(5, 35), 6], "tag": ["rock"] * 30 + ["rare"]}
    pq.write_table(pa.table(plays), tmp_path / "lastfm" / "user_artists.parquet")
    pq.write_table(pa.table(tags), tmp_path / "lastfm" / "artist_tags.parquet")
    lastfm_artists(tmp_path, tmp_path, 0)
    rows = pq.read_table(tmp_path / "lastfm-artists.parquet").to_pylist()
    assert [row["artist"] for row in rows] == list(range(5, 30))
    assert all(sorted(row["users"]) == [7, 8 + row["artist"]] for row in rows)
    assert all(row["labels"] == ["rock"] for row in rows)
    assert sum(row["split"] == "test" for row in rows) == 5


def test_people_of_gowalla_are_others_than_those_the_margin_was_chosen_on(tmp_path):
    (tmp_path / "gowalla").mkdir()
    users = np.repeat(np.arange(2 * PEOPLE + 10), 2)
    pairs = pa.table(
        {"user": users, "item": np.arange(len(users)), "split": ["train", "test"] * (len(users) // 2)}
    )
    pq.write_table(pairs, tmp_path / "gowalla" / "interactions.parquet")
    gowalla_people(tmp_path, tmp_path, 0)
    people = pq.read_table(tmp_path / "gowalla-people.parquet")["user"].to_numpy()
    assert len(people) == 2 * PEOPLE
    assert len(np.unique(people)) == PEOPLE
    chosen_on = np.random.default_rng(0).permutation(2 * PEOPLE + 10)[:PEOPLE]
    assert not np.isin(people, chosen_on).any()


@pytest.fixture
def tiny(tmp_path):
    """A table of annotation from a file of forty examples, one row of which has two settings."""
    shapes = [[float(n % 3 == which) for which in range(3)] for n in range(40)]
    rows = [
        {
            "id": str(n),
            "features": x,
            "labels": ["a", "b", "c"][n % 3],
            "split": ["train", "valid", "test"][max(0, n % 5 - 2)],
        }
        for n, x in enumerate(shapes)
    ]
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps({**row, "labels": [row["labels"]]}) + "\n" for row in rows)
    )
    data = Data(
        "tiny",
        "Tiny",
        "prepare {data}/rows.jsonl --features features --labels labels --id id --split split",
        ("rows.jsonl",),
    )
    told = "train-baseline input-knn --lambda 1"
    settings = tuple(
        Row(f"--k {k}", f"k{k}-{{seed}}", (f"{told} --k {k} --name k{k}-{{seed}}",)) for k in (2, 3)
    )
    rows = (
        Row("popularity", "popularity", ("train-baseline popularity",)),
        Row("k-NN", "input-knn", ("train-baseline input-knn --k 3",)),
        Row("WSABIE", "best", tries=settings),
    )
    table = Table("tiny", "Title", "Paper.", (data,), rows, {"": "precision@1,map"}, choose_by={"": "map"})
    return table, data, Folders(tmp_path, tmp_path / "root")


def test_a_table_is_measured_and_measured_again_for_nothing(tiny):
    table, data, folders = tiny
    found = measure(table, data, folders, 2)
    assert found.runs == 2
    assert found.metrics == ["precision@1", "map"]
    assert all(len(values) == 8 for values in found.examples.values())
    for row in ("popularity", "WSABIE"):
        assert found.examples[row][:, 0].mean() == pytest.approx(found.mean(row, "precision@1"))
    assert set(found.chosen["WSABIE"]) <= {"--k 2", "--k 3"}
    assert found.budget == {
        "k-NN": found.budget["k-NN"],
        "WSABIE": "2 settings by map: --k 2; --k 3",
    }
    assert found.budget["k-NN"].startswith("lambda ")
    assert all(processor > 0 for processor, _ in found.minutes.values())
    assert (
        "awe evaluate --split valid --model k2-SEED,k3-SEED --metric map --name best-valid-SEED"
        in found.commands
    )
    again = measure(table, data, folders, 2)
    assert again.values == found.values
    assert again.minutes == found.minutes
    assert "## Tiny\n\n2 seeds." in page(table, {"tiny": again})
