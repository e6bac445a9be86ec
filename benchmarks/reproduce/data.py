"""The sets of data, and how those are made that are no file `awe prepare` could take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.reproduce.shape import FOLDS, Data

_LEAST_ARTISTS = 20  # that a tag must have to be a label
_SEED = 0  # of what is drawn


def cal500_fold(data: Path, made: Path, fold: int) -> None:
    """The songs with a column `split`: every fifth, in an order drawn once, is test; the others are train."""
    songs = pq.read_table(data / "cal500" / "examples.parquet").drop_columns("split")
    place = np.random.default_rng(_SEED).permutation(songs.num_rows)
    split = np.where(place % FOLDS == fold, "test", "train")
    pq.write_table(songs.append_column("split", pa.array(split)), made / f"cal500-{fold}.parquet")


def lastfm_artists(data: Path, made: Path, fold: int) -> None:
    """One row an artist: the listeners with their log plays as features, the tags as labels, every fifth test."""
    plays = pq.read_table(data / "lastfm" / "user_artists.parquet")
    tags = pq.read_table(data / "lastfm" / "artist_tags.parquet").group_by(["artist", "tag"]).aggregate([])
    common = tags.group_by("tag").aggregate([("artist", "count")])
    common = common.filter(pc.greater_equal(common["artist_count"], _LEAST_ARTISTS))
    tags = tags.filter(pc.is_in(tags["tag"], value_set=common["tag"].combine_chunks()))
    labels = tags.group_by("artist").aggregate([("tag", "list")]).rename_columns(["artist", "labels"])
    plays = plays.append_column("value", pc.log1p(plays["plays"].cast(pa.float32())))
    listeners = plays.group_by("artist").aggregate([("user", "list"), ("value", "list")])
    listeners = listeners.rename_columns(["artist", "users", "values"])
    listeners = listeners.filter(pc.is_in(listeners["artist"], value_set=labels["artist"])).sort_by("artist")
    labels = labels.filter(pc.is_in(labels["artist"], value_set=listeners["artist"])).sort_by("artist")
    table = listeners.append_column("labels", labels["labels"])  # a join takes no lists
    place = np.random.default_rng(_SEED).permutation(table.num_rows)
    split = np.where(place % FOLDS == fold, "test", "train")
    pq.write_table(table.append_column("split", pa.array(split)), made / "lastfm-artists.parquet")


def cranfield_fold(data: Path, made: Path, fold: int) -> None:
    """The queries with a column `split`: numbers of `fold` modulo 5 are test, of the next one validation.

    Judgements are made yes or no: Cranfield's codes are no gains, for 1 is a complete answer and 4 one of minimum
    interest.
    """
    queries = pq.read_table(data / "cranfield" / "queries.parquet")
    place = [(int(query) - fold) % FOLDS for query in queries["query"].to_pylist()]
    split = ["test" if p == 0 else "valid" if p == 1 else "train" for p in place]
    pq.write_table(queries.append_column("split", pa.array(split)), made / f"cranfield-{fold}.parquet")
    pairs = pq.read_table(data / "cranfield" / "relevance.parquet")
    column, relevant = pairs.schema.get_field_index("relevance"), pc.sign(pairs["relevance"])
    pq.write_table(pairs.set_column(column, "relevance", relevant), made / "cranfield-relevance.parquet")


WORDNET = Data(
    "wordnet",
    "WordNet: kinds of 21,502 definitions (sample data)",
    "prepare sample_data/wordnet/examples.parquet --text text --labels labels --id id --split split "
    "--isa sample_data/wordnet/isa.parquet",
    sample=("sample_data/wordnet/examples.parquet", "sample_data/wordnet/isa.parquet"),
)
DEBIAN = Data(
    "debian",
    "Debian: 13,111 packages, what else each depends on (sample data)",
    "prepare sample_data/debian/interactions.parquet --user package --item dependency --split split",
    sample=("sample_data/debian/interactions.parquet",),
)
DELICIOUS = Data(
    "delicious",
    "Delicious: tags of 16,105 pages",
    "prepare {data}/delicious/examples.parquet --sparse indices:values --labels labels --split split",
    ("delicious/examples.parquet",),
)
COREL5K = Data(
    "corel5k",
    "Corel5k: tags of 5,000 images",
    "prepare {data}/corel5k/examples.parquet --sparse indices:values --labels labels --split split",
    ("corel5k/examples.parquet",),
)
IMCLEF07A = Data(
    "imclef07a",
    "ImCLEF07A: codes of 11,006 X-rays",
    "prepare {data}/imclef07a/examples.parquet --features features --labels labels --split split "
    "--isa {data}/imclef07a/isa.parquet",
    ("imclef07a/examples.parquet", "imclef07a/isa.parquet"),
)
CAL500 = Data(
    "cal500",
    "CAL500: tags of 502 songs, cross-validated",
    "prepare {made}/cal500-{fold}.parquet --features features --labels labels --split split",
    ("cal500/examples.parquet",),
    cal500_fold,
    folds=True,
)
LASTFM_TAGS = Data(
    "lastfm-tags",
    "Last.fm: tags of artists, by who listens to them",
    "prepare {made}/lastfm-artists.parquet --sparse users:values --labels labels --id artist --split split",
    ("lastfm/user_artists.parquet", "lastfm/artist_tags.parquet"),
    lastfm_artists,
)
LASTFM = Data(
    "lastfm",
    "Last.fm: 1,892 people, 17,632 artists, 5 held out a person",
    "prepare {data}/lastfm/user_artists.parquet --user user --item artist --holdout 5",
    ("lastfm/user_artists.parquet",),
)
GOWALLA = Data(
    "gowalla",
    "Gowalla: 29,858 people, 40,981 places",
    "prepare {data}/gowalla/interactions.parquet --user user --item item --split split",
    ("gowalla/interactions.parquet",),
)
CRANFIELD = Data(
    "cranfield",
    "Cranfield: 1,400 documents, 225 queries, cross-validated by query",
    "prepare --queries {made}/cranfield-{fold}.parquet --documents {data}/cranfield/documents.parquet "
    "--relevance {made}/cranfield-relevance.parquet --split split",
    tuple(f"cranfield/{name}.parquet" for name in ("queries", "documents", "relevance")),
    cranfield_fold,
    folds=True,
)
