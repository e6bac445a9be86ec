"""`awe predict --approximate` beside the ranking of all labels: recall@10, examples a second, time to build, size.

    python benchmarks/approximate.py [--labels 100000 300000 1000000] [--dim 64] [--efforts 0.25 1] [--indexes hnsw ivf]

Rows of labels are drawn from overlapping groups of unequal size and given lengths that differ, at
most 1, as a trained V has; points of examples are between two labels. Both rank with the code of `awe predict`: all
labels in blocks by a matrix product, or candidates of the index by exact scores. Efforts are multiples of the default.
The second table is of knn products: 20,000 training examples with 10 labels each, 50 neighbours, which are searched for
exactly in both.
Everything runs on one thread; times are those of the processor, so that other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import datetime
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pyarrow as pa
from machine import machine
from numpy.typing import NDArray
from synthetic import points

from awe_cli.affinities.pointwise import Constant
from awe_cli.builders.knn import BuiltKnn
from awe_cli.core.epoch import State
from awe_cli.dataset.examples import Examples
from awe_cli.engine.local import one_blas_thread
from awe_cli.matrices.matrix import Dense, Lists, slice_rows
from awe_cli.neighbors.index import NeighborIndex
from awe_cli.neighbors.label_index import INDEXES, LabelIndex, usual_effort
from awe_cli.neighbors.space import EUCLIDEAN, Space
from awe_cli.prediction.label_search import BLOCK, LabelSearch, recalls
from awe_cli.ranking.block import Ranked, rank_block
from awe_cli.ranking.embedding import EmbeddingRanker
from awe_cli.ranking.ranker import block_rows

EXAMPLES, EXACT_EXAMPLES, TOP = 2048, 512, 10
TRAINED = 20_000  # training examples of the knn products
HEADING = """| labels | search | effort | recall@10 | examples/s | times exact | build, s | index, MB |
|---|---|---|---|---|---|---|---|"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--efforts", type=float, nargs="+", default=[0.25, 1])
    parser.add_argument("--indexes", nargs="+", default=INDEXES, choices=INDEXES)
    asked = parser.parse_args()
    print(f"{machine()}, {datetime.date.today()}; d = {asked.dim}, one thread, top {TOP}\n")
    print(HEADING, flush=True)
    with one_blas_thread():
        for n in asked.labels:
            measure(*labels_and_examples(n, asked.dim), asked.efforts, asked.indexes)
        print(f"\nf = G · max(0, Ux·V_y):\n\n{HEADING}", flush=True)
        for n in asked.labels:
            ranker, x = labels_and_examples(n, asked.dim)
            measure(with_neighbors(ranker, x), x, [1], asked.indexes)


def measure(ranker: EmbeddingRanker, x: Dense, efforts: list[float], indexes: list[str]) -> None:
    """The rows of a model."""
    n = ranker.n_labels
    rows, some = block_rows(n), slice_rows(x, 0, EXACT_EXAMPLES)
    product = ranker.inner_product()
    assert product is not None
    ranker_of_all(ranker, slice_rows(x, 0, rows), rows)  # compiled, and in the cache
    exact, seconds = timed(lambda: ranker_of_all(ranker, some, rows))
    speed = EXACT_EXAMPLES / seconds
    print(f"| {n:,} | exact | | 1 | {speed:,.0f} | 1 | | |", flush=True)
    for method in indexes:
        index, built = timed(lambda method=method: LabelIndex.build(product.rows, method))
        size = len(index.encode()) / 1e6
        for times in efforts:
            effort = max(1, round(times * usual_effort(method, n, TOP)))
            search = LabelSearch(product, index, effort, n)
            found, seconds = timed(lambda search=search: ranked_by(search, x))
            recall = float(np.mean(recalls(found[:EXACT_EXAMPLES], exact, TOP)))
            print(
                f"| {n:,} | {method} | {effort:,}{' (default)' if times == 1 else ''} | {recall:.4f} | "
                f"{EXAMPLES / seconds:,.0f} | {EXAMPLES / seconds / speed:,.1f} | {built:,.0f} | {size:,.0f} |",
                flush=True,
            )


def labels_and_examples(n: int, dim: int) -> tuple[EmbeddingRanker, Dense]:
    """A model of n labels, and examples whose x is the point itself."""
    draws = np.random.default_rng(2)
    V = points(n, dim) * np.minimum(1, draws.lognormal(-0.3, 0.3, (n, 1)))
    ends = draws.integers(n, size=(EXAMPLES, 2))
    x = V[ends[:, 0]] + 0.7 * V[ends[:, 1]] + draws.normal(0, 0.05, (EXAMPLES, dim))
    ranker = EmbeddingRanker(Constant(1.0), np.eye(dim, dtype=np.float32), V.astype(np.float32))
    return ranker, Dense(np.arange(dim, dtype=np.int32), x.astype(np.float32))


def with_neighbors(ranker: EmbeddingRanker, x: Dense) -> EmbeddingRanker:
    """The product with G of training examples that are near the examples, and have the labels nearest to themselves."""
    draws = np.random.default_rng(3)
    near = x.values[draws.integers(len(x.values), size=TRAINED)] + draws.normal(
        0, 0.1, (TRAINED, x.values.shape[1])
    )
    known = Dense(x.columns, near.astype(np.float32))
    product = ranker.inner_product()
    assert product is not None
    index = LabelIndex.build(product.rows, "ivf")
    labels = np.sort(index.find(known.values, 10, 20), axis=1)
    lists = Lists(np.arange(0, labels.size + 1, labels.shape[1]), labels.ravel().astype(np.int32))
    U = np.eye(x.values.shape[1], dtype=np.float32)
    examples = Examples(pa.array(np.arange(TRAINED)), known, lists, None, own=False)
    neighbors = NeighborIndex(Space(U, EUCLIDEAN), examples, ranker.n_labels)
    built = BuiltKnn({"embedding": neighbors}, 50, {"embedding": 1.0})
    none = np.zeros(0, np.float32)
    return built.ranker(State(U, product.rows, none, none), 1.0, 0.0)


def ranker_of_all(ranker: EmbeddingRanker, x: Dense, rows: int) -> Ranked:
    """The best labels of all, block by block."""
    parts = [
        rank_block(ranker.scores(slice_rows(x, start, start + rows)), None, None, TOP, "synthetic")
        for start in range(0, len(x.values), rows)
    ]
    labels, n_top = (np.concatenate([getattr(part, name) for part in parts]) for name in ("labels", "n_top"))
    return parts[0]._replace(labels=labels, n_top=n_top)


def ranked_by(search: LabelSearch, x: Dense) -> NDArray[np.int32]:
    """The best labels that a search finds, block by block."""
    blocks = [slice_rows(x, start, start + BLOCK) for start in range(0, len(x.values), BLOCK)]
    return np.concatenate([search.best(block, None, TOP, "synthetic").ranked.labels for block in blocks])


Result = TypeVar("Result")


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """What the work gave, and the seconds of the processor that it took."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


if __name__ == "__main__":
    main()
