"""Settings of `awe predict`, `awe explain` and `awe neighbors`."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting

# Settings of `awe predict`.

FORMATS = ("parquet", "jsonl", "csv", "tsv", "trec")


@dataclass(frozen=True)
class PredictSettings:
    """How labels are predicted. The model, the input and the output are named on the command line."""

    top_k: int = setting(10, help="Number of labels for each example.", min=1)
    split: str | None = setting(
        None,
        help="Rank the examples of a split as `awe evaluate` does, with the history that it leaves.",
        choices=("train", "valid", "test"),
        auto="everyone, with all that is known of them",
    )
    include_seen: bool = setting(False, help="Also recommend items of a person's own history.")
    probabilities: bool = setting(
        False,
        help="Also write the probability of each label; needs a model that is calibrated (awe calibrate).",
    )
    threshold: float | None = setting(
        None,
        help="Leave out labels that are less probable than this; writes probabilities, too.",
        min=0,
        max=1,
        auto="none is left out",
    )
    format: str | None = setting(
        None, help="Format of the output.", choices=FORMATS, auto="by its name; parquet, or jsonl for -"
    )
    name: str | None = setting(
        None,
        help="Name of the stored predictions, where there is no --output.",
        auto="the model and the split",
    )
    approximate: str | None = setting(
        None,
        help="Find the best labels by an index of the model's labels, a graph (hnsw) or an inverted file (ivf), in "
        "place of scoring them all; for models whose score is an inner product.",
        choices=("hnsw", "ivf"),
        auto="every label is scored",
        panel="Approximate search",
    )
    search_effort: int | None = setting(
        None,
        help="How widely the index is searched: candidates on the way (ef of hnsw), or lists that are looked into "
        "(nprobe of ivf).",
        auto="so that recall@10 is .99 or more on the sample data, rising with the labels",
        min=1,
        panel="Approximate search",
    )
    diversity: float | None = setting(
        None,
        help="How much a label loses for being like those before it in the list (maximal marginal relevance).",
        auto="0, by score alone",
        min=0,
        below=1,
        panel="Re-ranking",
    )
    similar_by: str | None = setting(
        None,
        help="Embedding model that says how alike labels are, for --diversity.",
        auto="the model itself, or the only embedding",
        panel="Re-ranking",
    )
    cap: str | None = setting(
        None,
        help="ATTRIBUTE=N: at most N labels of a list share a value of this column of the label file.",
        auto="none",
        panel="Re-ranking",
    )
    pool: int | None = setting(
        None,
        help="Number of best labels that re-ranking chooses from.",
        auto="5 times --top-k, at least 50",
        min=1,
        panel="Re-ranking",
    )


# Settings of `awe explain`.


@dataclass(frozen=True)
class ExplainSettings:
    """What is explained. The model, the examples and the labels are named on the command line."""

    top_k: int = setting(3, help="Number of labels of each example, where none is named.", min=1)
    parts: int | None = setting(
        None,
        help="Number of parts of each score to list; the rest is added up.",
        auto="8 in the table, all of them in JSON",
        min=1,
    )


# Settings of `awe neighbors`.

OF = ("labels", "items", "users", "features")


@dataclass(frozen=True)
class NeighborsSettings:
    """The model and what to start from are named on the command line."""

    of: str | None = setting(
        None,
        help="Points to search among: people or examples (Ux), labels or items (rows of V), or features "
        "(rows of U).",
        choices=OF,
        auto="by the option that names one: --label, --id or --feature",
    )
    top_k: int = setting(10, help="Number of neighbours of each.", min=1)
