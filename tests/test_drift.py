"""Drift: a dataset is compared with the one that it replaces, warned of with numbers, and refused on request."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from awe_cli.app import main

Output = pytest.CaptureFixture[str]
PREPARE = ("prepare", "plays.csv", "--user", "person", "--item", "item", "--holdout", "1")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which commands are run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWE_WORKSPACE", raising=False)
    return tmp_path


def rows(people: Iterable[int], n: int = 4, prefix: str = "p", weight: float = 1.0) -> list[str]:
    """Each person chooses `n` items of seventeen."""
    return [f"{prefix}{p},i{(p * 7 + k) % 17},{weight}" for p in people for k in range(n)]


def write(lines: list[str]) -> None:
    """The file of plays."""
    Path("plays.csv").write_text("\n".join(["person,item,weight", *lines]) + "\n")


@pytest.fixture
def prepared(capsys: Output) -> Any:
    """Prepare the plays: the document of --json, and what was said."""

    def run(*more: str, code: int = 0) -> tuple[dict[str, Any], str]:
        capsys.readouterr()
        assert main([*PREPARE, "--json", "-q", *more]) == code
        out, err = capsys.readouterr()
        return (json.loads(out) if out else {}), err

    return run


def test_the_first_dataset_and_one_that_is_up_to_date_have_no_drift(prepared: Any) -> None:
    write(rows(range(100)))
    assert prepared()[0]["drift"] is None
    assert "drift" not in prepared()[0]


def test_a_day_like_the_one_before_is_not_warned_of(prepared: Any) -> None:
    write(rows(range(100)))
    first, _ = prepared()
    write(rows(range(5, 110)))
    found, err = prepared()
    drift = found["drift"]
    assert err == ""
    assert drift["previous"] == first["dataset"]
    assert drift["beyond"] == []
    assert drift["figures"]["rows"] == {"before": 400, "now": 420, "change": 0.05}
    assert drift["figures"]["items per person"] == {"before": 4, "now": 4, "change": 0}
    assert drift["new"]["people"] == pytest.approx(10 / 105)
    assert drift["new"]["items"] == 0


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (rows(range(50)), "rows: 200, 400 before (-50.0%, more than 30.0%)"),
        (rows(range(50)), "people: 50, 100 before (-50.0%, more than 30.0%)"),
        (rows(range(100)) * 2, "rows repeated: 50.0%, 0.0% before; more than 5.0% in addition"),
        (rows(range(100), prefix="q"), "people that are new: 100.0%, more than 30.0%"),
        (rows(range(100), n=6), "items per person: 6, 4 before (+50.0%, more than 30.0%)"),
        (
            [line.replace(",i", ",j") for line in rows(range(100))],
            "items that are new: 100.0%, more than 30.0%",
        ),
    ],
)
def test_what_is_beyond_the_limits_is_warned_of_with_numbers(
    lines: list[str], said: str, prepared: Any, folder: Path
) -> None:
    write(rows(range(100)))
    first, _ = prepared()
    write(lines)
    found, err = prepared()
    assert said in found["drift"]["beyond"]
    assert f"drift: {said}" in found["warnings"]
    assert f"warning: drift: {said}\n" in err
    write(rows(range(100)))
    prepared()
    write(lines)
    _, err = prepared("--fail-on-drift", code=65)
    assert said in err
    assert "the dataset before is untouched" in err
    assert json.loads((folder / "workspace/dataset.json").read_text())["digest"] == first["dataset"]
    assert not list((folder / "workspace/staging").iterdir())


def test_weights_and_rows_left_out(prepared: Any) -> None:
    write(rows(range(100)))
    prepared("--weight", "weight")
    write(rows(range(100), weight=2.0))
    found, _ = prepared("--weight", "weight")
    assert "mean weight: 2, 1 before (+100.0%, more than 30.0%)" in found["drift"]["beyond"]
    asked = ("--weight", "weight", "--skip-bad-rows", "50")
    write([*rows(range(100), weight=2.0), *["p1,i1,x"] * 45])
    found, _ = prepared(*asked)
    assert found["drift"]["figures"]["left out share"]["now"] == pytest.approx(45 / 445)
    assert any(line.startswith("rows left out: 10.1%, 0.0% before") for line in found["drift"]["beyond"])


def test_the_limits_are_settings(prepared: Any, folder: Path) -> None:
    write(rows(range(100)))
    prepared()
    write(rows(range(110)))
    assert prepared()[0]["drift"]["beyond"] == []
    write(rows(range(120)))
    found, _ = prepared("--drift-counts", "0.05")
    assert [line.split(":")[0] for line in found["drift"]["beyond"]] == ["rows", "people"]
    (folder / "workspace/awe.toml").write_text("[prepare]\ndrift-new = 0.01\nfail-on-drift = true\n")
    write(rows(range(125)))
    _, err = prepared(code=65)
    assert "people that are new: 4.0%, more than 1.0%" in err
    write(rows(range(121)))
    assert prepared()[0]["made"]
    assert main([*PREPARE, "--drift-new", "2"]) == 78


def test_drift_is_no_part_of_the_dataset(prepared: Any, folder: Path) -> None:
    write(rows(range(50)))
    prepared()
    write(rows(range(100)))
    after, _ = prepared()
    assert after["drift"]["beyond"]
    alone, _ = prepared("-w", "elsewhere")
    assert alone["drift"] is None
    assert alone["dataset"] == after["dataset"]


def test_update_is_compared_too_and_other_columns_are_not(prepared: Any) -> None:
    write(rows(range(100)))
    prepared("--update")
    write(rows(range(100)) + rows(range(100), prefix="q"))
    _, err = prepared("--update", "--fail-on-drift", code=65)
    assert "people that are new: 50.0%" in err
    found, _ = prepared("--update")
    assert found["update"]["version"] == 2
    assert found["drift"]["figures"]["people"]["now"] == 200
    Path("plays.csv").write_text("who,what\n" + "\n".join(f"a{n},b{n % 3}" for n in range(30)) + "\n")
    assert main(["prepare", "plays.csv", "--user", "who", "--item", "what", "--fail-on-drift", "-q"]) == 0


def test_annotations(capsys: Output) -> None:
    asked = [
        "prepare",
        "texts.csv",
        "--text",
        "text",
        "--labels",
        "tags",
        "--json",
        "-q",
        "--test-fraction",
        "0.2",
    ]
    words = ["red", "blue", "green", "black", "white", "grey"]

    def lines(n: int, tag: str) -> str:
        return "".join(f"{words[k % 6]} {words[(k * 5 + 1) % 6]},{tag}{k % 3}\n" for k in range(n))

    Path("texts.csv").write_text("text,tags\n" + lines(60, "t"))
    assert main(asked) == 0
    Path("texts.csv").write_text("text,tags\n" + lines(30, "s"))
    capsys.readouterr()
    assert main(asked) == 0
    found = json.loads(capsys.readouterr().out)["drift"]
    assert found["new"] == {"labels": 1.0}
    assert "rows: 30, 60 before (-50.0%, more than 30.0%)" in found["beyond"]
    assert "labels that are new: 100.0%, more than 30.0%" in found["beyond"]


def test_a_dataset_before_that_is_damaged_is_no_reason_to_fail(prepared: Any, folder: Path) -> None:
    write(rows(range(100)))
    prepared()
    [labels] = (folder / "workspace/store").glob("*/labels.parquet")
    labels.write_bytes(b"")
    write(rows(range(50)))
    assert prepared("--fail-on-drift")[0]["drift"] is None
