"""Which rows of the files of prepare count, and what of them is noted, warned of or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from awe_cli.app import main
from awe_cli.workspace import Workspace
from awe_cli.workspace.artifact import read_document

PLAYS = "user,item,stars,when\n"


def prepared(folder: Path, text: str, *options: str, name: str = "a.csv") -> dict[str, Any]:
    """The summary of the dataset made from a file with this text."""
    (folder / name).write_text(text, encoding="utf-8")
    told = ["-w", str(folder / "ws"), "prepare", str(folder / name), *options]
    assert main([*told, "--quiet"]) == 0
    return read_document(Workspace(folder / "ws").find("dataset").file("summary.json"))


def plays(n: int = 8, stars: str = "4") -> str:
    """Each of n people has the items i0 … i4."""
    return PLAYS + "".join(f"u{u},i{i},{stars},{1600000000 + i}\n" for u in range(n) for i in range(5))


OF_PLAYS = ("--user", "user", "--item", "item")


def test_low_weights_are_left_out_and_zeros_counted(tmp_path):
    text = plays() + "u0,i9,2,1\nu1,i9,0,1\nu2,i9,-1,1\n"
    found = prepared(tmp_path, text, *OF_PLAYS, "--weight", "stars", "--min-weight", "3")
    assert (found["interactions"], found["items"]) == (40, 5)
    assert found["rows_left_out"] == {"by_weight": 3, "zero_weight": 1}
    assert any("below 3 were left out: 3, 1 of them with weight 0" in note for note in found["notes"])


def test_no_row_has_the_least_weight(tmp_path, capsys):
    (tmp_path / "a.csv").write_text(plays())
    told = ["prepare", str(tmp_path / "a.csv"), *OF_PLAYS, "--weight", "stars", "--min-weight", "6"]
    assert main(["-w", str(tmp_path / "ws"), *told]) == 65
    assert "--min-weight" in capsys.readouterr().err
    assert not (tmp_path / "ws" / "dataset.json").exists()


def test_rare_people_and_items_leave_until_none_is_rare(tmp_path):
    # "rare" has two people until u8, who has nothing else than it and i0, leaves
    text = plays() + "u8,rare,4,1\nu0,rare,4,1\nu8,i0,4,1\n"
    found = prepared(tmp_path, text, *OF_PLAYS, "--min-per-user", "3", "--min-per-item", "2")
    assert (found["people"], found["items"], found["interactions"]) == (8, 5, 40)
    assert found["rows_left_out"] == {"rare": 3}


def test_a_pair_counts_once_towards_the_least_number(tmp_path):
    text = plays() + "u8,i0,4,1\n" * 5
    assert prepared(tmp_path, text, *OF_PLAYS, "--min-per-user", "2")["people"] == 8


def test_nobody_is_frequent_enough(tmp_path, capsys):
    (tmp_path / "a.csv").write_text(plays())
    told = ["prepare", str(tmp_path / "a.csv"), *OF_PLAYS, "--min-per-user", "6"]
    assert main(["-w", str(tmp_path / "ws"), *told]) == 65
    assert "--min-per-user" in capsys.readouterr().err


@pytest.mark.parametrize(("stars", "is_noted"), [("12345", True), ("11111112", False), ("44444", False)])
def test_ratings_are_noted(tmp_path, stars, is_noted):
    text = PLAYS + "".join(f"u{u},i{i},{stars[(u + i) % len(stars)]},1\n" for u in range(8) for i in range(5))
    notes = prepared(tmp_path, text, *OF_PLAYS, "--weight", "stars")["notes"]
    assert any("--min-weight 4" in note for note in notes) == is_noted


def test_the_latest_time_of_a_pair_counts_for_the_last_items(tmp_path):
    """i0 is the oldest item of each person, until it is chosen once more."""
    again = "".join(f"u{u},i0,4,{1700000000}\n" for u in range(8))
    prepared(tmp_path, plays() + again, *OF_PLAYS, "--time", "when", "--holdout-last", "1")
    artifact = Workspace(tmp_path / "ws").find("dataset")
    labels = pq.read_table(artifact.file("labels.parquet")).to_pylist()
    assert {row["label"]: row["test_count"] for row in labels} == {
        "i0": 8,
        "i1": 0,
        "i2": 0,
        "i3": 0,
        "i4": 0,
    }


@pytest.mark.parametrize(
    ("when", "words"), [("1600000000000", "milliseconds"), ("0", "that are 0"), ("1600000001", None)]
)
def test_times_in_mixed_units_are_warned_of(tmp_path, when, words):
    text = plays() + f"u0,i9,4,{when}\n"
    warnings = prepared(tmp_path, text, *OF_PLAYS, "--time", "when", "--holdout-last", "1")["warnings"]
    found = [warning for warning in warnings if "times of column 'when'" in warning]
    assert bool(found) == (words is not None)
    assert words is None or words in found[0]


@pytest.mark.parametrize("twin", ["cafe\u0301", "caf\u00e9 ", "caf\u00e9\u200b"])
def test_items_that_differ_only_in_form_are_warned_of(tmp_path, twin):
    text = plays() + f'u0,caf\u00e9,4,1\nu1,"{twin}",4,1\n'
    warnings = prepared(tmp_path, text, *OF_PLAYS, "--quoting", "standard")["warnings"]
    assert any("differ only in Unicode form" in warning and "item" in warning for warning in warnings)


def test_empty_labels_are_left_out_and_counted(tmp_path):
    text = "".join(json.dumps({"t": f"word{n % 2} thing", "l": ["a", "", "  "]}) + "\n" for n in range(10))
    found = prepared(tmp_path, text, "--text", "t", "--labels", "l", name="a.jsonl")
    assert found["labels"] == 1
    assert any("empty labels of column 'l' were left out: 20" in warning for warning in found["warnings"])


OF_TEXT = ("--text", "item", "--labels", "user")
OF_NUMBERS = ("--features", "stars", "--labels", "item")


@pytest.mark.parametrize(
    "options",
    [
        (*OF_PLAYS, "--stop-words", "english"),
        (*OF_PLAYS, "--no-idf"),
        (*OF_PLAYS, "--bias"),
        (*OF_PLAYS, "--time", "when"),
        (*OF_PLAYS, "--weight-transform", "log"),
        (*OF_PLAYS, "--sparse-separator", "|"),
        (*OF_PLAYS, "--query-text", "item"),
        (*OF_PLAYS, "--grade", "stars"),
        (*OF_TEXT, "--weight-transform", "none"),
        (*OF_NUMBERS, "--no-sublinear"),
        (*OF_NUMBERS, "--min-count", "1"),
    ],
)
def test_an_option_without_effect_is_refused(tmp_path, options, capsys):
    (tmp_path / "a.csv").write_text(plays())
    assert main(["-w", str(tmp_path / "ws"), "prepare", str(tmp_path / "a.csv"), *options]) == 78
    flag = next(option for option in reversed(options) if option.startswith("--"))
    assert f"{flag}: " in capsys.readouterr().err


def test_an_option_in_the_environment_is_refused_too(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text(plays())
    monkeypatch.setenv("AWE_PREPARE_MIN_COUNT", "3")
    assert main(["-w", str(tmp_path / "ws"), "prepare", str(tmp_path / "a.csv"), *OF_PLAYS]) == 78


@pytest.mark.parametrize("option", ["--quoting", "--encoding"])
def test_options_of_text_are_refused_for_parquet(tmp_path, option):
    (tmp_path / "a.csv").write_text(plays())
    pq.write_table(csv.read_csv(tmp_path / "a.csv"), tmp_path / "a.parquet")
    value = {"--quoting": "none", "--encoding": "latin-1"}[option]
    told = ["prepare", str(tmp_path / "a.parquet"), *OF_PLAYS, option, value]
    assert main(["-w", str(tmp_path / "ws"), *told]) == 78


@pytest.mark.parametrize(("counts", "words"), [("6 3 2", "features"), ("6 5 1", "labels"), ("7 5 2", "rows")])
def test_the_counts_of_the_first_line_are_checked(tmp_path, counts, words, capsys):
    (tmp_path / "a.txt").write_text(counts + "\n" + "0,1 0:1 4:1\n1 2:1 3:.5\n\n" * 3 + "# the end\n")
    told = ["prepare", str(tmp_path / "a.txt"), "--format", "libsvm"]
    assert main(["-w", str(tmp_path / "ws"), *told]) == 65
    assert words in capsys.readouterr().err


def test_people_of_a_new_file_lose_their_low_weights_too(tmp_path):
    low = "".join(f"u{u},i8,1,1\n" for u in range(6))
    text = plays() + low + "".join(f"u{u},i8,5,1\n" for u in (6, 7))
    prepared(tmp_path, text, *OF_PLAYS, "--weight", "stars", "--min-weight", "3")
    (tmp_path / "new.csv").write_text(PLAYS + "n,i8,1,1\nn,i0,5,1\n")
    root = ["-w", str(tmp_path / "ws")]
    assert main([*root, "train-baseline", "item-knn", "--quiet"]) == 0
    out = tmp_path / "out.csv"
    told = ["predict", "--model", "item-knn", str(tmp_path / "new.csv"), "--top-k", "9", "-o", str(out)]
    assert main([*root, *told, "--quiet"]) == 0
    assert "i8" in out.read_text()
    assert "i0" not in out.read_text()
