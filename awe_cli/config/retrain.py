"""What `awe retrain` can be told."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting
from awe_cli.config.affinity import AffinitySettings


@dataclass(frozen=True)
class _AgainSettings:
    """What G is, and how U and V are learned again with it fixed."""

    affinity: str = setting(
        "knn", help="The affinity whose G was built; one of your own, path/to/file.py:Name; or mix."
    )
    warm: bool = setting(
        True, help="Start from the model's U and V, or from random numbers.", flag="--warm/--cold"
    )
    iterations: int = setting(1, help="Times to build G and learn again.", min=1)
    epochs: int | None = setting(None, help="Passes at most; 0: the product G · S as it is.", min=0)
    learning_rate: float | None = setting(
        None, help="AdaGrad's rate at the start; it falls to 5 %.", above=0, auto="a third of the model's"
    )
    margin: float | None = setting(None, help="Margin γ.", above=0, auto="the model's")
    power: float | None = setting(None, help="f = G^power · S.", min=0, max=4, auto="1 or 0.5, by validation")
    floor: float = setting(0.0, help="A constant added to G.", min=0)
    patience: int = setting(3, help="Epochs without a gain on validation before it stops; 0: never.", min=0)
    metric: str | None = setting(None, help="What to choose by on validation.", auto="that of the model")


@dataclass(frozen=True)
class RetrainSettings(AffinitySettings, _AgainSettings):
    """How U and V are learned again with G fixed. None: chosen from the data or on validation."""
