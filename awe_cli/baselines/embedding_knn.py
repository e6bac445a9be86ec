"""k-NN in the embedding space of a model: the affinity alone, without the embedding's own score (AWE §5.1).

f is that of input-knn with distances ‖Ux − Ux'‖, measured and searched for as in the table of neighbours that names the
model. k and λ are chosen for this ranking: those of the table are the best for a product.
"""

from __future__ import annotations

from awe_cli.baselines.baseline import Choice, Facts
from awe_cli.baselines.input_knn import InputKnn
from awe_cli.neighbors.space import Finder


class EmbeddingKnn(InputKnn):
    """k-NN on Ux."""

    name = "knn"

    def search(self, facts: Facts, settled: Choice) -> Finder:
        """The training examples in the embedding space."""
        assert facts.embedded is not None
        return facts.embedded
