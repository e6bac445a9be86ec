"""`awe affinities`: everything that can be learned is listed with what it takes."""

from __future__ import annotations

import json
import re

from awe_cli.affinity.built import BUILT
from awe_cli.affinity.catalog import CATALOG
from awe_cli.app import main
from awe_cli.building.catalog import BUILDERS
from awe_cli.commands.affinities import in_words
from awe_cli.config.retrain import RetrainSettings


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
    assert found["knn"]["learned"] == "iteratively"
    assert found["max"]["command"] == "awe train --affinity max"


def test_the_tables_name_everything(capsys):
    assert main(["affinities"]) == 0
    out, err = capsys.readouterr()
    for entry in (*CATALOG.values(), *BUILT.values()):
        assert out.count(f"\n{entry.name} ") >= 2
    assert re.search(r"^linear-sigmoid +--beta +0.25$", out, re.MULTILINE)
    assert max(map(len, out.splitlines())) <= 100
    assert "next: awe train" in err


def test_a_default_in_words():
    assert in_words({"recommendation": 5, "annotation": 5}) == "5"
    assert (
        in_words({"recommendation": True, "annotation": False})
        == "true in recommendation, false in annotation"
    )
