"""`awe run`: from a file to recommendations in one go, by the same commands as one after the other."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from awe_cli.app import main
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.schema import as_arguments
from awe_cli.workspace import Workspace
from tests.test_recipe import documents, plays, texts

pytestmark = pytest.mark.slow


def test_a_run_ends_in_plain_words_and_five_rows_and_a_second_one_is_up_to_date(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    workspace = str(tmp_path / "my ws")
    asked = ["-w", workspace, "run", *plays(tmp_path), "--threads", "1"]
    assert main(asked) == 0
    out, err = capfd.readouterr()
    assert out.startswith("\n40 people chose among 16 items: 240 choices.\n")
    assert "For 40 people some choices were hidden" in out
    assert "The model `best` is the sum that validation chose: " in out
    table = out.split("\n\n")[-1].splitlines()
    assert table[0].split() == ["person", "labels,", "best", "first"]
    assert [line.split()[0] for line in table[1:]] == ["p0", "p1", "p10", "p11", "p12"]
    assert "up to date" not in err
    assert "[1/10] awe train --affinity constant --name wsabie" in err
    assert [line for line in err.splitlines() if line.startswith("next: ")] == [
        f"next: awe -w '{workspace}' predict --model best --top-k 10 --output recommendations.parquet"
    ]
    assert main(asked) == 0
    again, err = capfd.readouterr()
    assert again == out
    assert "up to date: neither the data nor a setting has changed since the last run" in err
    assert main([*asked, "-q"]) == 0
    assert capfd.readouterr() == ("", "")


def test_a_run_makes_what_the_commands_make(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    assert main(["-w", one, "run", *texts(tmp_path), "--threads", "1", "-q"]) == 0
    assert main(["-w", other, "prepare", *texts(tmp_path), "-q"]) == 0
    capfd.readouterr()
    assert main(["-w", other, "recipe", "--json"]) == 0
    for step in json.loads(capfd.readouterr().out)["steps"]:
        assert main(["-w", other, *step["command"][1:], "--threads", "1", "-q"]) == 0
    digests = [Workspace(Path(root)).find("model", "best").digest for root in (one, other)]
    assert digests[0] == digests[1]


def test_json_and_an_output_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "tags.parquet"
    asked = ["-w", str(tmp_path / "ws"), "run", *texts(tmp_path), "--threads", "1", "--top-k", "2"]
    assert main([*asked, "--json", "--output", str(out), "-q"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["made"]
    assert found["output"] == str(out)
    assert found["commands"][0][:2] == ["awe", "train"]
    assert found["evaluation"]["models"]["best"]["metrics"]["precision@1"] > 0.4
    assert (
        found["summary"][1] == "16 examples were held out, and ranked for by a model that had not seen them."
    )
    rows = pq.read_table(out)
    assert rows.num_rows == 32
    assert found["sample"][0]["labels"] == rows.column("label").to_pylist()[:2]
    assert main([*asked, "--json", "-q"]) == 0
    assert json.loads(capfd.readouterr().out)["evaluation"] is not None


def test_retrieval_and_without_anything_held_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["-w", str(tmp_path / "ws"), "run", *documents(tmp_path), "--threads", "1"]) == 0
    assert "The first document is right for" in capfd.readouterr().out.replace("\n", " ")
    rows = [f"p{person},i{item},train" for person in range(9) for item in range(person % 3 + 1)]
    (tmp_path / "plays.csv").write_text("\n".join(["person,thing,split", *rows]) + "\n")
    arguments = [str(tmp_path / "plays.csv"), "--user", "person", "--item", "thing", "--split", "split"]
    assert (
        main(["-w", str(tmp_path / "b"), "run", *arguments, "--valid-fraction", "0", "--threads", "1"]) == 0
    )
    out = capfd.readouterr().out
    assert "Nothing was held out, so that nobody can say how good the model is." in out
    assert "The model `best` is the embedding multiplied with its neighbours." in out


def test_what_cannot_be_is_refused_before_anything_is_made(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    workspace = tmp_path / "ws"
    file, *options = plays(tmp_path)
    asked = ["-w", str(workspace), "run"]
    assert main([*asked, file, *options, "--budget", "soon"]) == 78
    assert main([*asked, file, "--user", "persn", "--item", "thing"]) == 66
    assert "did you mean 'person'?" in capfd.readouterr().err
    assert main([*asked, *options]) == 2
    assert main([*asked, file, *options, "--top-k", "0"]) == 2
    assert main([*asked, str(tmp_path / "plys.csv"), *options]) == 66
    for output, code in ((tmp_path / "no folder" / "r.csv", 73), (tmp_path / "r.xlsx", 2)):
        assert main([*asked, file, *options, "--output", str(output)]) == code
    assert not (workspace / "dataset.json").exists()


def test_options_are_typed_again_as_they_were_given() -> None:
    given = {
        "bias": False,
        "label_identity": True,
        "separator": "-",
        "features": "a,b*",
        "user": None,
        "seed": 3,
    }
    assert as_arguments(PrepareSettings, given) == [
        "--features", "a,b*", "--seed", "3", "--separator=-", "--no-bias", "--label-identity",
    ]  # fmt: skip


def test_parts_write_to_the_log_of_the_run(tmp_path: Path) -> None:
    """One record of one run, and every message of its parts in its log as JSON."""
    rows = [(f"u{u}", f"i{(u * 7 + k * 3) % 12}") for u in range(30) for k in range(6)]
    (tmp_path / "plays.csv").write_text("user,item\n" + "".join(f"{u},{i}\n" for u, i in rows))
    log = tmp_path / "log.jsonl"
    command = ["run", str(tmp_path / "plays.csv"), "--user", "user", "--item", "item", "--log-file", str(log),
               "--log-format", "json"]  # fmt: skip
    assert main(["-w", str(tmp_path / "w"), *command]) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len({line["run"] for line in lines}) == 1
    assert any("awe train-baseline" in line["message"] for line in lines)
    assert any("reading" in line["message"] for line in lines)
    runs = [json.loads(line) for line in (tmp_path / "w" / "runs.jsonl").read_text().splitlines()]
    assert {run["step"] for run in runs} == {"run"}
