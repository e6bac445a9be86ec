r"""Item k-NN: labels that occur with what the input has (Sarwar et al. 2001).

    s_iy = X_i·Y_y / (‖X_i‖ ‖Y_y‖),    f(x, y) = Σ_{i ∈ N_k(y)} x_i s_iy

X_i (n,) is the column of feature i and Y_y that of label y over the training examples; N_k(y) are the k features
most similar to y. In recommendation both are columns of X, and an item is no neighbour of its own. Labels of equal
score are in the order of popularity: most have no feature in common with x.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse

from awe_cli.baselines.baseline import Arrays, Baseline, Choice, Facts, Told, one_or_all
from awe_cli.baselines.matrices import LinearRanker, targets
from awe_cli.data.sparse import inputs, largest
from awe_cli.ranking.ranker import Ranker

KS = (100, 50, 200, 20)
_BLOCK = 512  # labels whose similarities are laid out at a time


class ItemKnn(Baseline):
    """Cosine between the columns of features and of labels."""

    name = "item-knn"

    def choices(self, told: Told, facts: Facts) -> list[Choice]:
        """How many features count for a label."""
        return [{"k": k} for k in one_or_all(told["k"], KS)]

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """S in rows of labels: `indptr` (labels + 1,), `indices` and `values` (entries,)."""
        X = inputs(facts.examples.x, facts.n_features)
        rows = _of_length_1(X)
        columns = _of_length_1(targets(facts.examples, X, facts.n_labels))
        parts = []
        for start in range(0, facts.n_labels, _BLOCK):
            similar = (columns[start : start + _BLOCK] @ rows.T).tocsr()
            if facts.examples.own:
                _drop_diagonal(similar, start)
            indptr, indices, values = largest(similar, choice["k"])
            parts.append(scipy.sparse.csr_matrix((values, indices, indptr), shape=similar.shape))
        S = scipy.sparse.vstack(parts, format="csr")
        S.sort_indices()
        return {
            "indptr": S.indptr.astype(np.int64),
            "indices": S.indices.astype(np.int32),
            "values": S.data.astype(np.float32),
        }

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By x S, ties by popularity."""
        S = scipy.sparse.csr_matrix(
            (arrays["values"], arrays["indices"], arrays["indptr"]), shape=(facts.n_labels, facts.n_features)
        )
        return LinearRanker(S.T.tocsr(), facts.counts)


def _of_length_1(A: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    """The columns of A (n, columns) as rows (columns, n) of length 1; a column of zeros stays one."""
    norms = np.sqrt(np.asarray(A.multiply(A).sum(axis=0)).ravel())
    inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    return (scipy.sparse.diags(inverse) @ A.T).tocsr()


def _drop_diagonal(similar: scipy.sparse.csr_matrix, start: int) -> None:
    """Take out the similarity of label start + r and the feature of the same number, in row r."""
    rows = np.repeat(np.arange(similar.shape[0]), np.diff(similar.indptr))
    similar.data[similar.indices == rows + start] = 0
    similar.eliminate_zeros()
