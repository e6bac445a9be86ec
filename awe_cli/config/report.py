"""Settings of `awe report` and `awe plot`."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting

LABEL_FREQUENCY, LEARNING_CURVES, SEARCH, METRICS, STRATA, COVERAGE, RELIABILITY, LABEL_MAP = FIGURES = (
    "label-frequency",
    "learning-curves",
    "search",
    "metrics",
    "strata",
    "coverage",
    "reliability",
    "label-map",
)
_SPLITS = ("valid", "test")


@dataclass(frozen=True)
class FigureSettings:
    """What figures show, in a report and one by one."""

    split: str | None = setting(
        None,
        help="Split that models are judged on.",
        choices=_SPLITS,
        auto="test, or valid where there is none",
    )
    at: tuple[int, ...] = setting(
        (1, 10), help="Cut-offs k of the metrics that look at the first k labels.", min=1
    )
    map_labels: int = setting(
        60, help="Number of labels on the map, the most frequent ones.", min=3, max=2000
    )
    seed: int = setting(0, help="Seed of the bootstrap behind the intervals.", min=0)


@dataclass(frozen=True)
class ReportSettings(FigureSettings):
    """What is reported. The models, the examples and the file are named on the command line."""

    examples: int = setting(3, help="Number of explained examples, where --id names none.", min=0, max=100)


@dataclass(frozen=True)
class PlotSettings(FigureSettings):
    """What is drawn. The figure, the models and the file are named on the command line."""

    dpi: int = setting(200, help="Pixels per inch of a PNG, which is 4.6 inches wide.", min=50, max=1200)
