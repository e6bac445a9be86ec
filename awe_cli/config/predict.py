"""Settings of `awe predict` and `awe neighbors`."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting

# What `awe predict` can be told.

FORMATS = ("parquet", "jsonl", "csv")


@dataclass(frozen=True)
class PredictSettings:
    """How labels are predicted. The model, the input and the output are named on the command line."""

    top_k: int = setting(10, help="How many labels for each example.", min=1)
    split: str | None = setting(
        None,
        help="Which prepared examples, where no input is named; train: what it was fitted on.",
        choices=("train", "valid", "test"),
        auto="test, or train where there is no test split",
    )
    include_seen: bool = setting(False, help="Predict items of a person's own history, too.")
    format: str | None = setting(
        None, help="Of the output.", choices=FORMATS, auto="by its name; parquet, or jsonl for -"
    )
    name: str | None = setting(
        None,
        help="Name of the stored predictions, where there is no --output.",
        auto="the model and the split",
    )


# What `awe neighbors` can be told.


@dataclass(frozen=True)
class NeighborsSettings:
    """The labels and the model are named on the command line."""

    top_k: int = setting(10, help="How many labels near each.", min=1)
