"""The numbers that one training run is made with, all decided."""

from __future__ import annotations

from dataclasses import dataclass

ADAGRAD, SGD = "adagrad", "sgd"


@dataclass(frozen=True)
class Plan:
    """Settings of one run. Rates and margins are in units of f; scales are standard deviations × √d."""

    dim: int  # d, the embedding's dimension
    epochs: int  # passes over the examples the schedule is laid out for
    learning_rate: float  # of AdaGrad or plain steps, at the start
    final_rate: float  # what is left of it at the end, as a share
    margin: float  # γ
    max_trials: int  # draws before a positive counts as well ranked
    norm_cap: float  # C in ‖U_i‖ ≤ C, ‖V_j‖ ≤ C
    block_size: int  # examples that read the same U, V
    initial_scale: float  # U, V start with standard deviation initial_scale/√d
    positive_power: float  # an example's loss is divided by |Y_x|^positive_power
    seed: int
    loss: str = "warp"
    rank_weights: str = "harmonic"  # L of losses that know ranks
    rank_estimate: str = "negatives"  # what warp estimates a rank from
    tie: bool = False  # U and V are one matrix
    negatives: int = 1  # zeros that the regression draws for a positive
    steps: str = ADAGRAD  # how a row's gradient becomes a step
