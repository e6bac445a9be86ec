"""Parts of a stream of examples: each knows how many come before it, and all of them are the stream."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from awe_cli.models.store import open_dataset
from awe_cli.prediction import stream
from awe_cli.prediction.stream import Counts, PredictRequest, examples_in, examples_of, parts_of
from tests.small import annotation, recommendation


@pytest.mark.parametrize("split", [None, "train", "test"])
@pytest.mark.parametrize("make", [recommendation, annotation])
def test_parts_are_the_stream_and_know_where_they_begin(
    make, split: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "READ_ROWS", 2)
    dataset = open_dataset(make(tmp_path / "ws").find("dataset"))
    request = PredictRequest("any", 3, False, ("train",), split, None)
    expected = [list(batch.ids.to_pylist()) for batch in examples_of(dataset, request, Counts())]
    parts = list(parts_of(dataset, request, Counts()))
    found = [[batch.ids.to_pylist() for batch in examples_in(dataset, request, part)] for part in parts]
    assert [ids for batches in found for ids in batches] == expected != []
    assert all(len(batches) <= 1 for batches in found)
    sizes = [sum(map(len, batches)) for batches in found]
    assert [part.first for part in parts] == [0, *np.cumsum(sizes)[:-1]]
