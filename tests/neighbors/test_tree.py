"""The random-projection tree against its definition."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from awe_cli.neighbors.tree import ProjectionTree

POINTS = np.random.default_rng(1).standard_normal((37, 5)).astype(np.float32)


@pytest.mark.parametrize("depth", range(6))
def test_leaves_share_out_the_points_evenly(depth):
    leaves = ProjectionTree(POINTS, depth, 0).leaves
    assert len(leaves) == 2**depth
    assert sorted(np.concatenate(leaves)) == list(range(37))
    assert {len(leaf) for leaf in leaves} <= {37 // 2**depth, 37 // 2**depth + 1}


@pytest.mark.parametrize("depth", range(6))
def test_a_training_point_finds_its_leaf(depth):
    tree = ProjectionTree(POINTS, depth, 3)
    for found, leaf in zip(tree.find(POINTS), tree.leaves, strict=True):
        assert found.tolist() == leaf.tolist()


def test_one_level_written_out():
    direction = np.random.default_rng([7, 1]).standard_normal(5)
    along = POINTS @ direction
    left, right = ProjectionTree(POINTS, 1, 7).leaves
    assert along[left].max() < along[right].min()
    threshold = (along[left].max() + along[right].min()) / 2
    new = np.random.default_rng(2).standard_normal((50, 5)).astype(np.float32)
    assert (
        ProjectionTree(POINTS, 1, 7).find(new)[1].tolist()
        == np.flatnonzero(new @ direction > threshold).tolist()
    )


def test_sparse_points_fall_as_dense_ones_do():
    dense, sparse = ProjectionTree(POINTS, 3, 0), ProjectionTree(scipy.sparse.csr_matrix(POINTS), 3, 0)
    assert [leaf.tolist() for leaf in dense.leaves] == [leaf.tolist() for leaf in sparse.leaves]


def test_points_that_are_all_the_same_are_shared_out_too():
    tree = ProjectionTree(np.ones((8, 2), np.float32), 2, 0)
    assert [len(leaf) for leaf in tree.leaves] == [2, 2, 2, 2]
    assert sum(map(len, tree.find(np.ones((3, 2), np.float32)))) == 3
