"""Artists that nobody has heard yet, ranked from their tags alone: Last.fm, two tenths of the tagged artists held out.

    python benchmarks/cold_items.py FOLDER [WORK]

FOLDER holds user_artists.parquet and artist_tags.parquet. A tagged artist is in test, in valid or in train as a whole,
by a digest of its number: all its listeners go with it. Only the held-out artists are ranked, for every person who
listens to one of them; what is open is chosen by NDCG@10 on the artists of valid, and tested once. Beside models:
popularity, which is 0 for all, so that artists stay in the order of their numbers; a random order; the number of tags,
which tells who is known; and k-NN on tags, Σ_i cos(tags_i, tags_y) over those of the k artists nearest to y that the
person listens to.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse
from commands import awe
from machine import machine
from numpy.typing import NDArray

from awe_cli.metrics.bootstrap import paired_intervals
from awe_cli.metrics.metrics import ndcg, recall
from awe_cli.metrics.ranks import Ranks

SPLITS = ("train", "valid", "test")
TAGS = ["--label-sparse", "tags", "--min-count", "2"]
ALONE = [*TAGS, "--no-label-identity"]
SHORT = ["--dim", "64", "--epochs", "16"]
# Row → (how it is prepared, how it is trained): all are tried on valid.
CANDIDATES: dict[str, list[tuple[list[str], list[str]]]] = {
    "tags and identity": [
        (TAGS, []),
        (TAGS, SHORT),
        (TAGS, ["--dim", "64", "--epochs", "8"]),
        (TAGS, ["--dim", "32", "--epochs", "16"]),
        (TAGS, [*SHORT, "--margin", "0.8"]),
        (TAGS, [*SHORT, "--norm-cap", "3"]),
        ([*TAGS, "--idf"], SHORT),
        ([*TAGS, "--label-scaling", "none"], SHORT),
    ],
    "tags alone": [(ALONE, SHORT), (ALONE, ["--dim", "64", "--epochs", "8"])],
}
NEAREST, IDF = (10, 30, 100, 300), (False, True)
KNN = "k-NN on tags"
Scores = NDArray[np.float64]  # (people, artists of a split)
Way = Callable[[str], Scores]  # of a split, from what is known before it


class Lastfm:
    """People, artists and tags, with the split of each artist."""

    def __init__(self, source: Path) -> None:
        plays, tags = (pq.read_table(source / f"{name}.parquet") for name in ("user_artists", "artist_tags"))
        self.people, person = np.unique(plays["user"], return_inverse=True)
        self.artists = np.union1d(plays["artist"], tags["artist"])
        artist, tagged = (np.searchsorted(self.artists, table["artist"]) for table in (plays, tags))
        self.names, tag = np.unique(tags["tag"].to_pylist(), return_inverse=True)
        shape = (len(self.people), len(self.artists))
        self.plays = scipy.sparse.csr_matrix((np.ones(len(person)), (person, artist)), shape)
        self.tags = scipy.sparse.csr_matrix((np.ones(len(tag)), (tagged, tag)), (shape[1], len(self.names)))
        digest = np.array([hashlib.sha256(str(artist).encode()).digest()[0] for artist in self.artists])
        place = np.select([digest < 26, digest < 52], [2, 1], 0)
        self.split = np.where(np.diff(self.tags.indptr) > 0, place, 0)

    def held_out(self, split: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The artists of a split, and the people who listen to one of them."""
        artists = np.flatnonzero(self.split == SPLITS.index(split))
        return artists, np.flatnonzero(np.diff(self.plays[:, artists].indptr))

    def write(self, work: Path) -> None:
        """The files that awe reads: plays, all artists with tags, and those of each held-out split."""
        rows, columns = self.plays.nonzero()
        split = np.array(SPLITS)[self.split[columns]]
        plays = {"user": self.people[rows], "artist": self.artists[columns], "split": split}
        pq.write_table(pa.table(plays), work / "plays.parquet")
        of_split = {name: self.held_out(name)[0] for name in SPLITS[1:]}
        for name, kept in {"artists": np.flatnonzero(np.diff(self.tags.indptr)), **of_split}.items():
            tags = [self.names[self.tags[artist].indices].tolist() for artist in kept]
            pq.write_table(pa.table({"artist": self.artists[kept], "tags": tags}), work / f"{name}.parquet")


def nearest(data: Lastfm, split: str, k: int, idf: bool) -> Scores:
    """k-NN on tags."""
    artists, _ = data.held_out(split)
    known = np.flatnonzero(data.split < SPLITS.index(split))
    T = data.tags
    if idf:
        counts = np.asarray((T > 0).sum(axis=0)).ravel()
        T = T @ scipy.sparse.diags(np.log((1 + T.shape[0]) / (1 + counts)) + 1)
    length = np.sqrt(np.asarray(T.multiply(T).sum(axis=1)).ravel())
    T = scipy.sparse.diags(1 / np.maximum(length, 1e-12)) @ T
    S = (T[artists] @ T[known].T).toarray()
    least = -np.sort(-S, axis=1)[:, k - 1 : k]
    return data.plays[:, known] @ np.where(least <= S, S, 0).T


def trained(data: Lastfm, work: Path, prepared: list[str], settings: list[str], split: str) -> Scores:
    """Prepare, train on what is known before the split, and rank its artists by their tags."""
    artists, _ = data.held_out(split)
    out, plays = work / "predictions.parquet", str(work / "plays.parquet")
    awe(work, "prepare", plays, "--user", "user", "--item", "artist", "--split", "split",
        "--label-file", str(work / "artists.parquet"), *prepared)  # fmt: skip
    fit = ["--fit-on", "train"] if split == "valid" else []
    awe(work, "train", *settings, *fit, "--name", "model", "--threads", "1")
    awe(work, "predict", "--model", "model", "--split", split, "--label-file", str(work / f"{split}.parquet"),
        "--top-k", str(len(artists)), "--output", str(out), "--threads", "1")  # fmt: skip
    rows = pq.read_table(out)
    scores = np.full((len(data.people), len(artists)), -np.inf)
    place = np.searchsorted(data.people, rows["user"]), np.searchsorted(data.artists[artists], rows["label"])
    scores[place] = rows["score"]
    return scores


def ways(data: Lastfm, work: Path) -> dict[str, dict[str, Way]]:
    """Row → in words → how it ranks."""

    def the_same(of_artists: Callable[[NDArray[np.int64]], NDArray[np.number]]) -> Way:
        return lambda split: np.tile(of_artists(data.held_out(split)[0]).astype(float), (len(data.people), 1))

    def random(split: str) -> Scores:
        return np.random.default_rng(0).random((len(data.people), len(data.held_out(split)[0])))

    def neighbors(k: int, idf: bool) -> Way:
        return lambda split: nearest(data, split, k, idf)

    def model(prepared: list[str], settings: list[str]) -> Way:
        return lambda split: trained(data, work, prepared, settings, split)

    fixed: dict[str, dict[str, Way]] = {
        "popularity": {"": the_same(np.zeros_like)},
        "random": {"": random},
        "number of tags": {"": the_same(lambda artists: np.diff(data.tags.indptr)[artists])},
        KNN: {f"k = {k}{', idf' * idf}": neighbors(k, idf) for k in NEAREST for idf in IDF},
    }
    return fixed | {
        row: {" ".join([*prepared[4:], *settings]) or "defaults": model(prepared, settings)
              for prepared, settings in candidates}
        for row, candidates in CANDIDATES.items()
    }  # fmt: skip


def judged(data: Lastfm, split: str, scores: Scores) -> dict[str, NDArray[np.float64]]:
    """NDCG@10 and recall@20 of each person; ties by the artist's number."""
    artists, people = data.held_out(split)
    place = np.argsort(np.argsort(-scores[people], axis=1, kind="stable"), axis=1)
    wanted = data.plays[people][:, artists].sorted_indices()
    rows = np.repeat(np.arange(len(people)), np.diff(wanted.indptr))
    found = place[rows, wanted.indices].astype(np.int32) + 1
    ranks = Ranks(wanted.indptr.astype(np.int64), found)
    return {"ndcg@10": ndcg(ranks, 10), "recall@20": recall(ranks, 20)}


def told(metrics: dict[str, NDArray[np.float64]]) -> str:
    """Each metric's mean over people."""
    return "  ".join(f"{name} {values.mean():.4f}" for name, values in metrics.items())


def main() -> None:
    """Everything on valid, then the best of each row on test."""
    work = Path(sys.argv[2] if len(sys.argv) > 2 else "cold-items")
    work.mkdir(parents=True, exist_ok=True)
    data = Lastfm(Path(sys.argv[1]))
    data.write(work)
    for split in SPLITS[1:]:
        artists, people = data.held_out(split)
        pairs = data.plays[people][:, artists].nnz
        print(f"{split}: {len(artists):,} artists, {len(people):,} people who listen to one, {pairs:,} pairs")
    chosen: dict[str, tuple[str, Way]] = {}
    for row, tried in ways(data, work).items():
        best = -np.inf
        for words, way in tried.items():
            found = judged(data, "valid", way("valid"))
            print(f"valid  {row:18} {told(found)}  {words}", flush=True)
            if found["ndcg@10"].mean() > best:
                best, chosen[row] = found["ndcg@10"].mean(), (words, way)
    tested = {row: judged(data, "test", way("test")) for row, (_, way) in chosen.items()}
    print(machine())
    for row, metrics in tested.items():
        gain = metrics["ndcg@10"] - tested[KNN]["ndcg@10"]
        mean, low, high = paired_intervals(gain[:, None], 0)[0]
        against = f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]"
        print(f"test   {row:18} {told(metrics)}  {against}  {chosen[row][0]}")


if __name__ == "__main__":
    main()
