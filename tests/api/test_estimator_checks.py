"""scikit-learn's own checks of an estimator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.utils.estimator_checks import parametrize_with_checks

from awe_cli import AffinityWeightedEmbedding

# Checks that cannot apply, each with its reason.
_STEPS = "an example of weight 2 makes one step of twice the loss, two examples two steps, each with draws of its own"
EXPECTED_FAILED: dict[str, str] = {
    "check_sample_weight_equivalence_on_dense_data": _STEPS,
    "check_sample_weight_equivalence_on_sparse_data": _STEPS,
}


def expected_failed(estimator: Any) -> dict[str, str]:
    """The checks that are expected to fail for an estimator."""
    return EXPECTED_FAILED


ESTIMATORS = [AffinityWeightedEmbedding(threads=1), AffinityWeightedEmbedding(affinity="knn", threads=1)]


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failed)
def test_scikit_learns_checks(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
