"""`awe affinities`: everything that can be learned is listed with what it takes."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext

import pytest

from awe_cli.affinities.registry import CATALOG, defaults_of
from awe_cli.affinities.spec import BUILT
from awe_cli.app import main
from awe_cli.builders.registry import BUILDERS
from awe_cli.cli.affinities import in_words
from awe_cli.config.train import RetrainSettings
from awe_cli.errors import SettingsError
from awe_cli.steps.retrain import check


def test_every_affinity_is_listed(capsys):
    assert main(["affinities", "--json"]) == 0
    found = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert set(found) == {*CATALOG, *BUILT}
    assert {RetrainSettings().affinity, *BUILDERS} < set(BUILT)
    for entry in found.values():
        assert entry["when"].endswith(".")
        assert entry["equation"].startswith("G")
        assert entry["source"]
    assert found["linear-sigmoid"]["parameters"]["gain"] == {"recommendation": 1.0, "annotation": 10.0}
    learned = {name: entry["learned"] for name, entry in found.items()}
    assert (learned["knn"], learned["rbf"], learned["max"]) == ("iteratively", "fixed", "jointly")
    assert (learned["kernel"], learned["pair-weights"]) == ("fixed or iteratively", "fixed or jointly")
    assert learned["mix"] == "jointly; weights given, chosen or learned"
    assert found["rbf"]["command"] == "awe build-affinity --affinity rbf, then awe retrain --affinity rbf"
    assert found["knn"]["command"] == "awe build-knn, then awe retrain --affinity knn"
    assert found["max"]["command"] == "awe train --affinity max"


def test_the_tables_name_everything(capsys):
    assert main(["affinities"]) == 0
    out, err = capsys.readouterr()
    for entry in (*CATALOG.values(), *BUILT.values()):
        assert out.count(f"\n{entry.name} ") >= 2
    assert re.search(r"^linear-sigmoid +--beta +0.25$", out, re.MULTILINE)
    assert max(map(len, out.splitlines())) <= 100
    assert "next: awe train" in err


def test_a_floor_is_listed_where_the_commands_take_it(capsys):
    main(["affinities", "--json"])
    found = {entry["name"]: entry["floor"] for entry in json.loads(capsys.readouterr().out)}
    assert {name for name, command in found.items() if command is None} == {"constant", "overlap", "cluster"}
    for name, command in found.items():
        if command == "awe retrain" or name in BUILT:
            told = RetrainSettings(affinity=name, floor=0.1)
            refusing = pytest.raises(SettingsError, match="--floor") if command is None else nullcontext()
            with refusing:
                check(told)
        else:
            assert ("floor" in defaults_of(CATALOG[name])) == (command == "awe train")
    main(["affinities"])
    assert re.search(
        r"^Any but constant, overlap, cluster takes .*--floor c", capsys.readouterr().out, re.MULTILINE
    )


def test_a_default_in_words():
    assert in_words({"recommendation": 5, "annotation": 5}) == "5"
    assert (
        in_words({"recommendation": True, "annotation": False})
        == "true in recommendation, false in annotation"
    )
