"""The hole in an input: a target that is a feature too is left out while it is learned.

Else a model learns that whoever has an item has that item.
"""

from __future__ import annotations

from awe_cli.kernels.dispatch import inlined


@inlined
def leave_out(ux, hole, indices, values, U, z):
    """z = Ux without the feature at position `hole` (all of it where that is -1)."""
    if hole < 0:
        for j in range(z.shape[0]):
            z[j] = ux[j]
    else:
        row, x = indices[hole], values[hole]
        for j in range(z.shape[0]):
            z[j] = ux[j] - x * U[row, j]


@inlined
def hand_on(by_z, hole, by_input, e, by_feature):
    """Give a positive's gradient by Ux to all features but the one left out, and clear it.

    x_i is not multiplied in yet: what is added here and taken away there must cancel to nothing, since
    AdaGrad's first step would make a step of full length even out of a rounding error.
    """
    for j in range(by_z.shape[0]):
        by_input[e, j] += by_z[j]
    if hole >= 0:
        for j in range(by_z.shape[0]):
            by_feature[hole, j] -= by_z[j]
    by_z[:] = 0
