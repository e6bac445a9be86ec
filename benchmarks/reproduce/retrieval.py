"""Retrieval: supervised semantic indexing, and what is learned beside the identity, against tf-idf and BM25."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.reproduce.data import CRANFIELD
from benchmarks.reproduce.shape import Row, Table, ordered

_TOLD = "--metric map --margin 0.1"
_OVERLAP = f"--affinity overlap --k1 2 --dim 64 --learning-rate 0.01 {_TOLD}"
_SIZES_AND_RATES = [f"--dim {dim} --learning-rate {rate}" for dim in (64, 256) for rate in (0.01, 0.03)]
_OF_WORDS = (
    "--weights tfidf --scale 3",
    "--weights tfidf --scale 10",
    "--weights bm25 --scale 1",
    "--weights bm25 --scale 3",
)


def _tuned(name: str, model: str, settings: Iterable[str], command: str, *, ours: bool = False) -> Row:
    """The best of a few settings of one command."""
    tries = tuple(
        Row(told or "as it comes", f"{model}-{n}", (f"{command} {told} --name {model}-{n}",))
        for n, told in enumerate(settings)
    )
    return Row(name, model, (), ours, tries)


def _sum(name: str, model: str, others: str) -> Row:
    """An ensemble with each of the identity + low rank models: the best of them."""
    tries = tuple(
        Row(
            row.name,
            f"{model}-{n}",
            (f"ensemble --model {row.model},{others} --metric map --name {model}-{n}",),
        )
        for n, row in enumerate((*FREE.tries, *TIED.tries))
    )
    return Row(name, model, (), True, tries)


TFIDF = Row("tf-idf cosine", "tfidf", ("train-baseline tfidf",))
BM25 = _tuned("BM25", "bm25", ("", "--k1 2", "--b 0.5", "--k1 2 --b 0.5"), "train-baseline bm25")
KNN = Row("k-NN of queries", "input-knn", ("train-baseline input-knn --metric map",))
SSI = _tuned(
    "SSI, U and V",
    "ssi",
    _SIZES_AND_RATES,
    f"train --affinity constant {_TOLD}",
)
SSI_TIED = _tuned(
    "SSI, U = V",
    "ssi-tied",
    _SIZES_AND_RATES,
    f"train --affinity constant --tie --initial-scale 1 {_TOLD}",
)
FREE, TIED = (
    _tuned(
        f"identity + low rank, {matrices}",
        model,
        [f"{words}{tie}" for words in _OF_WORDS],
        f"train {_OVERLAP}",
        ours=True,
    )
    for matrices, model, tie in (("U and V", "overlap", ""), ("U = V", "overlap-tied", " --tie"))
)
PAIRS = _tuned(
    "pair-weights from an identity, U = V",
    "pairs",
    [
        f"{learned} --learning-rate {rate}"
        for learned in ("--fixed-pairs", "--learn-pairs")
        for rate in (0.01, 0.03)
    ],
    f"train --affinity pair-weights --pairs identity --pair-form add --tie --start scratch --dim 64 {_TOLD}",
    ours=True,
)
LEXICAL = _sum("identity + low rank + BM25", "lexical", "bm25-0")
WITH_KNN = _sum("identity + low rank + k-NN", "with-knn", "input-knn")
ALL = _sum("identity + low rank + SSI + BM25 + k-NN", "all", "ssi-tied-2,bm25-0,input-knn")
MEASURES = ("map", "ndcg@10")

RETRIEVAL = Table(
    "cranfield",
    "Retrieval: Cranfield",
    "AWE §4: supervised semantic indexing learns no exact match of words, which an identity beside the low rank gives. "
    "Expected here: the best AWE model is ahead of tf-idf and of BM25. No stemming, the English stop words.",
    (CRANFIELD,),
    (TFIDF, BM25, KNN, SSI, SSI_TIED, FREE, TIED, PAIRS, LEXICAL, WITH_KNN, ALL),
    {"": ",".join(MEASURES)},
    baseline=BM25.name,
    claims=ordered(
        (TFIDF, FREE),
        (BM25, FREE),
        (BM25, TIED),
        (BM25, PAIRS),
        (SSI_TIED, PAIRS),
        (SSI, SSI_TIED),
        (SSI_TIED, FREE),
        (BM25, LEXICAL),
        (TFIDF, WITH_KNN),
        (BM25, WITH_KNN),
        (KNN, WITH_KNN),
        (BM25, ALL),
        metrics=MEASURES,
    ),
    choose_by={"": "map"},
)
