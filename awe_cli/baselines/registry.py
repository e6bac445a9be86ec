"""All baselines by name; help, documentation and tests are made from this list."""

from __future__ import annotations

from collections.abc import Mapping

from awe_cli.baselines.base import Baseline
from awe_cli.baselines.factors import Ials, Lsi, Nmf, Svd
from awe_cli.baselines.kernel import KernelRidge
from awe_cli.baselines.linear import Ease, LinearSvm, OneVsRest, Pamir, WarpOneVsRest
from awe_cli.baselines.neighbors import EmbeddingKnn, GraphFilter, InputKnn, ItemKnn, TreeKnn
from awe_cli.baselines.popularity import Popularity
from awe_cli.baselines.words import Bm25, TfIdf
from awe_cli.errors import UsageError, did_you_mean

BASELINES: Mapping[str, Baseline] = {
    baseline.name: baseline
    for baseline in (
        Popularity(),
        EmbeddingKnn(),
        Svd(),
        Ease(),
        ItemKnn(),
        GraphFilter(),
        InputKnn(),
        TreeKnn(),
        KernelRidge(),
        Lsi(),
        OneVsRest(),
        LinearSvm(),
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
