"""How many of a model's best labels an exported index finds.

    python benchmarks/recall.py                    # the sample data of Debian, a model of 64 dimensions
    python benchmarks/recall.py -w WORKSPACE -m MODEL

The vectors are written by `awe export` and read by faiss, and by hnswlib where it is installed. Right are the labels
that `awe predict --include-seen` ranks first.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from awe_cli import Model, Workspace

DEBIAN = Path(__file__).parent.parent / "sample_data" / "debian" / "interactions.parquet"
TOP_K = 10
Search = Callable[[NDArray[np.float32]], NDArray[np.int64]]  # queries (n, d) → places of labels (n, TOP_K)


def debian(folder: Path) -> tuple[Workspace, str]:
    """A model of the sample data."""
    ws = Workspace(folder / "workspace")
    ws.prepare(DEBIAN, user="package", item="dependency", split="split")
    return ws, ws.train("wsabie", dim=64).name


def faiss_indexes(labels: NDArray[np.float32]) -> dict[str, Search]:
    """The exact index that is exported, and approximate ones that faiss makes of the exported vectors."""
    import faiss

    faiss.omp_set_num_threads(1)  # which makes graphs the same each time
    d, inner = labels.shape[1], faiss.METRIC_INNER_PRODUCT
    lists = max(1, round(len(labels) ** 0.5))
    inverted = faiss.IndexIVFFlat(faiss.IndexFlatIP(d), d, lists, inner)
    inverted.train(labels)
    inverted.add(labels)
    graph = faiss.IndexHNSWFlat(d, 16, inner)
    graph.hnsw.efConstruction = 200
    graph.add(labels)
    found: dict[str, Search] = {}
    for probes in (1, 4, 16):

        def of_lists(queries: NDArray[np.float32], probes: int = probes) -> NDArray[np.int64]:
            inverted.nprobe = probes
            return inverted.search(queries, TOP_K)[1]

        found[f"faiss, {lists} lists, {probes} searched"] = of_lists
    for ef in (32, 128):

        def of_graph(queries: NDArray[np.float32], ef: int = ef) -> NDArray[np.int64]:
            graph.hnsw.efSearch = ef
            return graph.search(queries, TOP_K)[1]

        found[f"faiss, HNSW, efSearch {ef}"] = of_graph
    return found


def exported(model: Model, folder: Path) -> tuple[NDArray[np.float32], dict[str, tuple[Search, str]]]:
    """The queries, and each way to search for them with the kind of vectors that it takes."""
    import faiss

    plain = model.export(folder / "npy", format="npy")
    exact = faiss.read_index(str(model.export(folder / "faiss", format="faiss") / "labels.faiss"))
    labels = np.load(plain / "labels.npy")
    found: dict[str, tuple[Search, str]] = {
        "`--format faiss`, exact": (lambda queries: exact.search(queries, TOP_K)[1], "npy"),
        **{name: (search, "npy") for name, search in faiss_indexes(labels).items()},
    }
    if importlib.util.find_spec("hnswlib"):
        import hnswlib

        out = model.export(folder / "hnswlib", format="hnswlib")
        index = hnswlib.Index(space="l2", dim=labels.shape[1] + 1)
        index.load_index(str(out / "labels.hnswlib"))
        for ef in (32, 200):

            def of_hnswlib(queries: NDArray[np.float32], ef: int = ef) -> NDArray[np.int64]:
                index.set_ef(ef)
                return index.knn_query(queries, TOP_K)[0].astype(np.int64)

            found[f"`--format hnswlib`, ef {ef}"] = (of_hnswlib, "hnswlib")
    else:
        print("hnswlib is not installed, and left out", file=sys.stderr)
    return labels, found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-w", "--workspace", help="a workspace; without one, the sample data is prepared")
    parser.add_argument("-m", "--model", default="wsabie")
    parser.add_argument("--queries", type=int, default=1000, help="users that are searched for")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ws, model_name = (Workspace(asked.workspace), asked.model) if asked.workspace else debian(folder)
        model = Model.load(ws, model_name)
        labels, searches = exported(model, folder)
        ids = json.loads((folder / "npy" / "users.json").read_text(encoding="utf-8"))
        chosen = np.sort(np.random.default_rng(0).permutation(len(ids))[: asked.queries])
        ranked = model.recommend([ids[row] for row in chosen], TOP_K, include_seen=True)
        right = np.array(ranked.column("label").to_pylist(), object).reshape(len(chosen), TOP_K)
        names = np.array(json.loads((folder / "npy" / "labels.json").read_text(encoding="utf-8")), object)
        print(f"{len(labels):,} labels, d = {labels.shape[1]}, {len(chosen):,} queries, the best {TOP_K}\n")
        print("| index | found |\n|---|---|")
        for way, (search, kind) in searches.items():
            queries = np.load(folder / kind / "users.npy")[chosen]
            places = search(queries)
            hits = [
                len(set(names[found[found >= 0]]) & set(best))
                for found, best in zip(places, right, strict=True)
            ]
            print(f"| {way} | {np.mean(hits) / TOP_K:.1%} |")


if __name__ == "__main__":
    main()
