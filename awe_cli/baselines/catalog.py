"""The list of all baselines, which help, documentation and tests follow."""

from __future__ import annotations

from collections.abc import Mapping

from awe_cli.baselines.baseline import Baseline
from awe_cli.baselines.ease import Ease
from awe_cli.baselines.embedding_knn import EmbeddingKnn
from awe_cli.baselines.ials import Ials
from awe_cli.baselines.input_knn import InputKnn
from awe_cli.baselines.item_knn import ItemKnn
from awe_cli.baselines.lsi import Lsi
from awe_cli.baselines.nmf import Nmf
from awe_cli.baselines.one_vs_rest import OneVsRest
from awe_cli.baselines.overlap import Bm25, TfIdf
from awe_cli.baselines.pamir import Pamir, WarpOneVsRest
from awe_cli.baselines.popularity import Popularity
from awe_cli.baselines.svd import Svd
from awe_cli.baselines.tree_knn import TreeKnn
from awe_cli.errors import UsageError, did_you_mean

BASELINES: Mapping[str, Baseline] = {
    baseline.name: baseline
    for baseline in (
        Popularity(),
        EmbeddingKnn(),
        Svd(),
        Ease(),
        ItemKnn(),
        InputKnn(),
        TreeKnn(),
        Lsi(),
        OneVsRest(),
        Pamir(),
        WarpOneVsRest(),
        Nmf(),
        Ials(),
        TfIdf(),
        Bm25(),
    )
}


def find_baseline(name: str) -> Baseline:
    """The baseline called `name`. Raises UsageError."""
    if name in BASELINES:
        return BASELINES[name]
    raise UsageError(
        f"expected a baseline among {', '.join(BASELINES)}, found {name!r}",
        hint=did_you_mean(name, BASELINES),
    )
