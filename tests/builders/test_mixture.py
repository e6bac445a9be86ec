"""G that is kept while U and V change."""

from __future__ import annotations

import numpy as np
import pytest

from awe_cli.builders.mixture import _Kept


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_a_block_is_kept_as_it_was_in_no_more_bytes(share: float) -> None:
    draws = np.random.default_rng(0)
    G = np.where(draws.random((40, 300)) < share, draws.random((40, 300)), 0).astype(np.float32)
    kept = _Kept.of(G)
    assert kept.table().dtype == np.float32
    np.testing.assert_array_equal(kept.table(), G)
    assert kept.nbytes <= G.nbytes
    assert share > 0.5 or kept.nbytes < G.nbytes / 2
