"""What `awe init` writes is run: by sh, make, cron's rules, systemd's checker, and as DVC would."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from awe_cli.app import main
from tests.small import QUICK

Output = pytest.CaptureFixture[str]
FILES = ["workspace/awe.toml", "night.sh", "Makefile", "awe.crontab", "awe.service", "awe.timer", "dvc.yaml"]
INIT = ("--user", "person", "--item", "item", "--holdout", "1", "-q")


def write_plays(path: Path, people: int = 60) -> None:
    """Each person chooses four items of seventeen."""
    rows = [f"p{p},i{(p * 7 + n) % 17}" for p in range(people) for n in range(4)]
    path.write_text("\n".join(["person,item", *rows]) + "\n")


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests, in a folder of the test."""
    for name in [name for name in os.environ if name.startswith("AWE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


ODD = "it's a $HOME # 100% folder"
# What takes long is run in the folder whose name is hard alone.
in_odd_folder = pytest.mark.parametrize("folder", [ODD], indirect=True)


@pytest.fixture(params=["plain", ODD])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with plays and what init wrote for them; once with a name that shells, make and cron read otherwise."""
    folder = tmp_path / request.param
    folder.mkdir()
    data = "plays.csv" if request.param == "plain" else "plays $1 of 'May'.csv"
    write_plays(folder / data)
    assert main(["init", str(folder / data), "--folder", str(folder), *INIT]) == 0
    with open(folder / "workspace/awe.toml", "a") as file:
        file.write(QUICK)
    return folder


def as_cron(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with the environment that cron gives, elsewhere than in its folder."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "SHELL": "/bin/sh"}
    environment |= {name: os.environ[name] for name in ("NUMBA_CACHE_DIR",) if name in os.environ}
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def cron_lines(folder: Path) -> list[tuple[list[str], str]]:
    """The lines of a crontab as cron reads them: five fields, and a command in which \\% is % and % ends it."""
    lines = [line for line in (folder / "awe.crontab").read_text().splitlines() if not line.startswith("#")]
    found = []
    for line in lines:
        *fields, command = line.split(None, 5)
        found.append((fields, re.split(r"(?<!\\)%", command)[0].replace("\\%", "%")))
    return found


def test_the_files_are_there_and_the_settings_are_those_given(folder: Path) -> None:
    assert all((folder / name).is_file() for name in FILES)
    settings = tomllib.loads((folder / "workspace/awe.toml").read_text())
    assert settings["prepare"] == {
        "update": True, "fail-on-drift": True, "user": "person", "item": "item", "holdout": 1
    }  # fmt: skip
    assert os.access(folder / "night.sh", os.X_OK)


@in_odd_folder
@pytest.mark.slow
def test_cron_runs_a_night_and_the_next_one_and_the_monitor_is_content(folder: Path) -> None:
    (night_at, night), (monitor_at, monitor) = cron_lines(folder)
    for fields in (night_at, monitor_at):
        for field, most in zip(fields, (59, 23, 31, 12, 7), strict=True):
            assert field == "*" or 0 <= int(field) <= most
    done = as_cron(monitor, folder)
    assert done.returncode == 69, done.stderr  # nothing has run yet
    done = as_cron(night, folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    first = (folder / "recommendations.parquet").stat().st_mtime_ns
    assert as_cron(monitor, folder).returncode == 0
    # Data that are beyond all limits: the night says so, and recommendations go out all the same.
    [data] = folder.glob("plays*.csv")
    write_plays(data, 10)
    done = as_cron(night, folder)
    assert done.returncode == 65
    assert "drifted" in done.stderr
    assert (folder / "recommendations.parquet").stat().st_mtime_ns > first


@in_odd_folder
@pytest.mark.slow
def test_make_runs_each_step_once(folder: Path) -> None:
    def make(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["make", "-C", str(folder), *arguments]
        environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=300, env=environment
        )

    planned = make("-n")
    assert planned.returncode == 0, planned.stderr
    steps = [
        line.split(" ", 2)[1] for line in planned.stdout.splitlines() if "/awe " in line or "awe_cli " in line
    ]
    assert [step for step in steps if not step.startswith("-")] == [
        "prepare",
        "train",
        "build-knn",
        "retrain",
    ]
    assert not (folder / "workspace/dataset.json").exists()
    done = make()
    assert done.returncode == 0, done.stderr
    assert (folder / "workspace/models/tonight.json").is_file()
    assert "Nothing to be done" in make().stdout
    done = make("promote", "predict")
    assert done.returncode == 0, done.stderr
    assert (folder / "recommendations.parquet").is_file()
    assert (
        make("-n", "night").stdout.splitlines()[-2 if "Leaving" in make("-n", "night").stdout else -1]
        == "./night.sh"
    )


@in_odd_folder
@pytest.mark.slow
def test_the_stages_of_dvc_run_in_order_and_make_what_they_say(folder: Path) -> None:
    stages: dict[str, Any] = yaml.safe_load((folder / "dvc.yaml").read_text())["stages"]
    assert list(stages) == ["prepare", "train", "build-knn", "retrain", "evaluate", "predict"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def real(text: str) -> str:
        return text.replace("\\${", "${")

    for name, stage in stages.items():
        outs = [real(path) for out in [*stage.get("outs", []), *stage.get("metrics", [])] for path in out]
        assert all((folder / real(path)).exists() for path in stage["deps"]), name
        assert not any((folder / path).exists() for path in outs), name
        done = subprocess.run(
            ["/bin/sh", "-c", real(stage["cmd"])],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert all((folder / path).exists() for path in outs), name
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["tonight.examples"] == 60


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("dvc") is None, reason="dvc is not installed")
def test_dvc_itself_runs_the_stages(folder: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for command in (["dvc", "init", "--no-scm", "-q"], ["dvc", "repro"], ["dvc", "repro"]):
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert "up to date" in done.stdout
    shown = subprocess.run(
        ["dvc", "metrics", "show", "--json"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "tonight.ndcg@10" in shown.stdout


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_units(folder: Path) -> None:
    units = [str(folder / "awe.service"), str(folder / "awe.timer")]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "awe." not in done.stderr


def test_units_say_where_and_when(folder: Path) -> None:
    unit = (folder / "awe.service").read_text()
    assert f"WorkingDirectory={str(folder).replace('%', '%%')}\n" in unit
    [script] = re.findall(r'^ExecStart=/bin/sh "(.*)"$', unit, re.MULTILINE)
    assert script.replace("$$", "$").replace("%%", "%") == f"{folder}/night.sh"
    assert "OnCalendar=*-*-* 03:00:00\nPersistent=true\n" in (folder / "awe.timer").read_text()


def test_nothing_is_overwritten_without_force(folder: Path, capsys: Output) -> None:
    [data] = folder.glob("plays*.csv")
    before = {name: (folder / name).read_bytes() for name in FILES}
    asked = ["init", str(data), "--folder", str(folder), "--user", "person", "--item", "item", "-q"]
    assert main(asked) == 73
    err = capsys.readouterr().err
    assert all(name in err for name in FILES)
    (folder / "Makefile").unlink()
    assert main(asked) == 73
    assert not (folder / "Makefile").exists()
    assert {name: (folder / name).read_bytes() for name in FILES if name != "Makefile"} == {
        name: content for name, content in before.items() if name != "Makefile"
    }
    assert main([*asked, "--force"]) == 0
    assert "holdout" not in (folder / "workspace/awe.toml").read_text()
    assert (folder / "Makefile").read_bytes() == before["Makefile"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["plays.csv", "--user", "person", "--item", "itme"], 66, "did you mean 'item'?"),
        (["nowhere.csv", "--user", "person", "--item", "item"], 66, "nowhere.csv"),
        (["plays.csv"], 2, "--user"),
        ([], 2, "no input is named"),
        (["-", "--user", "person", "--item", "item"], 2, "standard input is not there tomorrow"),
        (["plays.csv", "--user", "person", "--item", "item", "--holdout", "x"], 78, "--holdout"),
        (["plays.csv", "--user", "person", "--item", "item", "--folder", "a\nb"], 2, "line break"),
    ],
)
def test_what_cannot_be_prepared_is_refused_and_nothing_is_written(
    arguments: list[str], code: int, said: str, tmp_path: Path, capsys: Output
) -> None:
    write_plays(tmp_path / "plays.csv")
    assert main(["init", *arguments]) == code
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["plays.csv"]


def test_annotations_and_values_of_every_type(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "texts.csv").write_text('text,tags\n"a ""b""",x;y\nb c,y\nc a,x\n')
    asked = [
        "texts.csv",
        "--text",
        "text",
        "--labels",
        "tags",
        "--label-separator",
        ";",
        "--test-fraction",
        "0.5",
    ]
    assert main(["init", *asked, "--min-count", "1", "--no-idf", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"written": FILES}
    found = tomllib.loads((tmp_path / "workspace/awe.toml").read_text())["prepare"]
    assert found["label-separator"] == ";"
    assert (found["test-fraction"], found["min-count"], found["idf"]) == (0.5, 1, False)
    assert main(["prepare", "texts.csv", "-q"]) == 0


def test_another_workspace_and_folder(tmp_path: Path) -> None:
    write_plays(tmp_path / "plays.csv")
    assert main(["init", "plays.csv", "-w", "elsewhere/ws", "--folder", "job", *INIT]) == 0
    assert (tmp_path / "elsewhere/ws/awe.toml").is_file()
    script = (tmp_path / "job/night.sh").read_text()
    assert f"export AWE_WORKSPACE={tmp_path}/elsewhere/ws\n" in script
    assert f"step prepare {tmp_path}/plays.csv --wait" in script
