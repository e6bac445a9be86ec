"""Write what an unattended night needs for the data named: settings, a Makefile, cron, systemd, DVC."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awe_cli.config.prepare import PrepareSettings
from awe_cli.dataset.applicable import given_settings, refuse_idle
from awe_cli.dataset.plan_reading import (
    read_options,
    retrieval_options,
    with_beir_folder,
    with_splits_of_files,
)
from awe_cli.dataset.spec import is_retrieval, make_spec, retrieval_files
from awe_cli.errors import UsageError, WriteError
from awe_cli.io.log import ReadingLog
from awe_cli.io.sources import STDIN, open_sources
from awe_cli.workspace.fs import make_folder, replace_file, writing

LINEAR, TONIGHT, CHAMPION = "linear", "tonight", "champion"  # names of models
OUTPUT = "recommendations.parquet"
_GATE = f"ndcg@20 >= {CHAMPION} - 0.002"
_FROM_INIT = "Written by `awe init`; yours to change."


@dataclass(frozen=True)
class Job:
    """What the files are about.

    folder     absolute: where the files are, and where commands run
    workspace  as commands name it: below `folder` relative to it, else absolute
    files      the data, likewise
    settings   those of `prepare` that were given: key of awe.toml → value
    awe        the words that run awe
    """

    folder: Path
    workspace: str
    files: tuple[str, ...]
    settings: dict[str, Any]
    awe: tuple[str, ...]

    def steps(self) -> dict[str, list[str]]:
        """The chain, step → arguments."""
        return {
            "prepare": ["prepare", *self.files],
            "train": ["train", "--name", LINEAR],
            "build-knn": ["build-knn", "--model", LINEAR],
            "retrain": ["retrain", "--model", LINEAR, "--name", TONIGHT],
            "promote": ["promote", TONIGHT, "--as", CHAMPION, "--if", _GATE],
            "predict": ["predict", "--model", CHAMPION, "--top-k", "10", "--output", OUTPUT],
        }


def init(
    files: Sequence[str],
    settings: PrepareSettings,
    given: dict[str, Any],
    *,
    folder: Path,
    workspace: Path,
    awe: Sequence[str],
    force: bool = False,
) -> list[Path]:
    """Write the files, and return their paths; night.sh is the one that cron and systemd run.

    given  the settings of `prepare` that were named, by their keys in awe.toml

    The data are opened first, so that a column that is not there is refused as `prepare` would. Raises what
    `prepare` raises for such, and WriteError where a file is there already and `force` is not given.
    """
    _try_out(files, settings)
    folder = Path(os.path.abspath(folder))
    for path in (folder, workspace, *files):
        if any(ord(character) < 32 for character in str(path)):
            raise UsageError(
                f"{str(path)!r}: a line break in a name has no place in a Makefile", hint="rename it"
            )
    job = Job(
        folder=folder,
        workspace=_seen_from(folder, workspace),
        files=tuple(_seen_from(folder, Path(file)) for file in files),
        settings={"update": True, "fail-on-drift": True} | given,
        awe=tuple(awe),
    )
    content = {
        folder / job.workspace / "awe.toml": awe_toml(job),
        folder / "night.sh": night_script(job),
        folder / "Makefile": makefile(job),
        folder / "awe.crontab": crontab(job),
        folder / "awe.service": service(job),
        folder / "awe.timer": timer(),
        folder / "dvc.yaml": dvc(job),
    }
    there = [path for path in content if os.path.lexists(path)]
    if there and not force:
        raise WriteError(
            f"there already: {', '.join(os.path.relpath(path, folder) for path in there)}",
            hint="--force overwrites them; --folder writes elsewhere; nothing was written",
        )
    for path, text in content.items():
        make_folder(path.parent)
        replace_file(path, text.encode())
    with writing(folder / "night.sh"):
        (folder / "night.sh").chmod(0o755)
    return list(content)


def _try_out(files: Sequence[str], settings: PrepareSettings) -> None:
    """Open the data and find the columns, as `prepare` does before it reads."""
    if STDIN in files:
        raise UsageError("standard input is not there tomorrow", hint="name a file")
    settings, names = with_beir_folder(settings, files)
    retrieval = is_retrieval(settings)
    names = retrieval_files(settings, names) if retrieval else names
    if not names:
        raise UsageError(
            "no input is named", hint="name a file, as `awe init plays.parquet --user user --item item`"
        )
    options = retrieval_options(settings) if retrieval else read_options(settings)
    with open_sources(list(names), options=options, log=ReadingLog()) as sources:
        if retrieval:
            sources[2] = with_splits_of_files(settings, sources[2])
        plan = make_spec(settings, sources)
        refuse_idle(settings, given_settings(settings), plan, sources)


def _seen_from(folder: Path, path: Path) -> str:
    """A path relative to the folder where it lies below it, else absolute."""
    full = Path(os.path.abspath(path))
    return full.relative_to(folder).as_posix() if full.is_relative_to(folder) else full.as_posix()


def awe_toml(job: Job) -> str:
    """The settings of the workspace."""
    lines = [f"# {_FROM_INIT} `awe COMMAND --help` lists what else can stand here.", "[prepare]"]
    lines += [f"{key} = {_toml(value)}" for key, value in job.settings.items()]
    lines += [
        "",
        "# [train]",
        "# dim = 64",
        "",
        "# [log]",
        '# format = "json"',
        '# file = "/var/log/awe.jsonl"',
    ]
    return "\n".join(lines) + "\n"


def night_script(job: Job) -> str:
    """What cron and systemd run: the chain, the gate, and recommendations whatever became of tonight's model."""
    chain = " &&\n  ".join(
        f"step {shlex.join([*arguments, '--wait'])}"
        for name, arguments in job.steps().items()
        if name != "predict"
    )
    return f"""#!/bin/sh
# {_FROM_INIT} One unattended night; docs/nightly.md explains it.
# Whatever goes wrong on the way to a new {CHAMPION}, the one there is recommends.
# The exit code is the first that is not 0.
cd {shlex.quote(str(job.folder))} || exit 66
export AWE_WORKSPACE={shlex.quote(job.workspace)}
code=0

step() {{
  {shlex.join(job.awe)} "$@" -q || {{ found=$?; [ "$code" -ne 0 ] || code=$found; return "$found"; }}
}}

{chain}
step {shlex.join(job.steps()["predict"])}
step gc --keep 3 --wait
exit "$code"
"""


def makefile(job: Job) -> str:
    """The same steps by hand, each only where what it is made from has changed."""
    w = _make_path(job.workspace)
    recipes = {name: _make_text(shlex.join(arguments)) for name, arguments in job.steps().items()}
    data = " ".join(_make_path(file) for file in job.files)
    return f"""# {_FROM_INIT}
# `make` brings {TONIGHT} up to date, `make promote` lets it be {CHAMPION} if it is good enough,
# `make predict` recommends with {CHAMPION}, `make night` does what cron does.
# A name's file changes only when what it means does, so that nothing is made twice.
AWE ?= {_make_value(shlex.join(job.awe))}
export AWE_WORKSPACE := {_make_value(job.workspace)}

.PHONY: all promote predict night status
all: {w}/models/{TONIGHT}.json

{w}/dataset.json: {data} {w}/awe.toml
	$(AWE) {recipes["prepare"]}
{w}/models/{LINEAR}.json: {w}/dataset.json
	$(AWE) {recipes["train"]}
{w}/neighbors/{LINEAR}.json: {w}/models/{LINEAR}.json
	$(AWE) {recipes["build-knn"]}
{w}/models/{TONIGHT}.json: {w}/neighbors/{LINEAR}.json
	$(AWE) {recipes["retrain"]}

promote: all
	$(AWE) {recipes["promote"]}
predict:
	$(AWE) {recipes["predict"]}
night:
	./night.sh
status:
	$(AWE) status
"""


def crontab(job: Job) -> str:
    """Two lines for cron: the night, and a monitor in the morning. In a crontab % stands for the end of a line."""
    folder, awe = shlex.quote(str(job.folder)), shlex.join(job.awe)
    w = shlex.quote(job.workspace)
    lines = [
        f"0 3 * * * cd {folder} && ./night.sh",
        f"0 9 * * * cd {folder} && {awe} -w {w} status --max-age 26h --step predict -q",
    ]
    text = "\n".join(line.replace("%", "\\%") for line in lines)
    return f"""# {_FROM_INIT} To add it: (crontab -l; cat awe.crontab) | crontab -
# Commands say nothing where all is well, so that cron sends mail only for warnings, errors and stale recommendations.
{text}
"""


def service(job: Job) -> str:
    """The systemd unit that runs the night once."""
    folder = str(job.folder).replace("%", "%%")
    script = f"{folder}/night.sh".replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f"""# {_FROM_INIT} To install both:
# cp awe.service awe.timer /etc/systemd/system/ && systemctl enable --now awe.timer
[Unit]
Description=Recommendations of the night, by awe

[Service]
Type=oneshot
WorkingDirectory={folder}
ExecStart=/bin/sh "{script}"
Nice=10
"""


def timer() -> str:
    """The systemd timer of that unit; a night that the machine slept through is made up for."""
    return f"""# {_FROM_INIT}
[Unit]
Description=Every night at three: awe.service

[Timer]
OnCalendar=*-*-* 03:00:00
Persistent=true

[Install]
WantedBy=timers.target
"""


def dvc(job: Job) -> str:
    """The steps as stages of DVC, with the metrics of tonight's model; names stay where DVC would remove them."""
    w, steps = job.workspace, job.steps()
    evaluate = ["evaluate", "--model", TONIGHT, "--metrics-file", "metrics.json"]
    predict = ["predict", "--model", TONIGHT, "--top-k", "10", "--output", OUTPUT]
    stages: dict[str, tuple[list[str], list[str], str]] = {
        "prepare": (steps["prepare"], [*job.files, f"{w}/awe.toml"], f"{w}/dataset.json"),
        "train": (steps["train"], [f"{w}/dataset.json"], f"{w}/models/{LINEAR}.json"),
        "build-knn": (steps["build-knn"], [f"{w}/models/{LINEAR}.json"], f"{w}/neighbors/{LINEAR}.json"),
        "retrain": (steps["retrain"], [f"{w}/neighbors/{LINEAR}.json"], f"{w}/models/{TONIGHT}.json"),
        "evaluate": (evaluate, [f"{w}/models/{TONIGHT}.json"], "metrics.json"),
        "predict": (predict, [f"{w}/models/{TONIGHT}.json"], OUTPUT),
    }
    lines = [f"# {_FROM_INIT} `dvc repro` runs what changed, `dvc metrics diff` compares.", "stages:"]
    for name, (arguments, needed, made) in stages.items():
        command = shlex.join(["awe", "-w", w, *arguments])
        lines += [f"  {name}:", f"    cmd: {_yaml(command)}", "    deps:"]
        lines += [f"      - {_yaml(path)}" for path in needed]
        lines += ["    metrics:" if name == "evaluate" else "    outs:", f"      - {_yaml(made)}:"]
        lines += ["          cache: false"]
        lines += [] if name in ("evaluate", "predict") else ["          persist: true"]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A value as TOML has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _yaml(text: str) -> str:
    """A text as YAML has it; JSON is YAML. DVC replaces ${…} by its parameters, and \\\\${…} is left."""
    return json.dumps(text.replace("${", "\\${"), ensure_ascii=False)


def _make_text(text: str) -> str:
    """Words of a shell as a recipe of make has them."""
    return text.replace("$", "$$")


def _make_value(text: str) -> str:
    """A text as the value of a variable of make."""
    return _make_text(text).replace("#", "\\#")


def _make_path(path: str) -> str:
    """A path as a target or a prerequisite of make."""
    for character in " #:%":
        path = path.replace(character, f"\\{character}")
    return path.replace("$", "$$")
