"""Learning U and V again with G fixed (AWE §3.3, step 3), and whether that is better than leaving them alone.

Candidates on validation: the product G^power · S with U, V as they are, for each power; and the one whose power
did best with U, V learned again. Most of the gain is often in the product alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from awe_cli.core.epoch import State
from awe_cli.dataset.examples import Examples
from awe_cli.training.config import TrainConfig
from awe_cli.training.trainer import OnProgress, Run, run

# (power, state) → how well G^power · S ranks the validation examples.
ValidateProduct = Callable[[float, State], float]
# power → the affinity as the kernels take it, with G of the training examples.
OfPower = Callable[[float], Any]
# power → U, V, and what the affinity has of its own: weights of a mixture depend on the power.
StateOf = Callable[[float], State]


@dataclass(frozen=True)
class Outcome:
    """What validation chose: the power, the retrained run or None for the product as it is, and all scores.

    alone  how well S ranks without G: to compare with, and no candidate
    """

    power: float
    retrained: Run | None
    validation: dict[str, float]
    alone: float | None = None


def compare_retrained(
    affinity: OfPower,
    examples: Examples,
    base: StateOf,
    start: StateOf,
    plan: TrainConfig,
    powers: list[float],
    validator: ValidateProduct,
    *,
    patience: int,
    threads: int,
    fit: str,
    on_progress: OnProgress,
) -> Outcome:
    """Judge the products of `base`, learn again from `start`, and keep the best."""
    products = {power: validator(power, base(power)) for power in powers}
    power = max(products, key=lambda p: products[p])
    validation = {f"product, power {p:g}": score for p, score in products.items()}
    if plan.epochs == 0:
        return Outcome(power, None, validation)
    again = run(
        affinity(power), examples, start(power), plan,
        threads=threads, stage="retrained", fit=fit, on_progress=on_progress,
        validator=lambda state: validator(power, state), patience=patience,
    )  # fmt: skip
    score = again.validation if again.validation is not None else float("-inf")
    validation[f"retrained, power {power:g}"] = score
    return Outcome(power, again if score > products[power] else None, validation)
