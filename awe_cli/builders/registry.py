"""The builders by the name of their affinity; knn has a command and a table of its own."""

from __future__ import annotations

from collections.abc import Mapping

from awe_cli.builders.base import Builder
from awe_cli.builders.cluster import Cluster
from awe_cli.builders.pair_sum import EMBEDDED, GAUSSIAN, RAW, Kernels, PairSum

BUILDERS: Mapping[str, Builder] = {
    "rbf": PairSum(Kernels(GAUSSIAN, RAW, GAUSSIAN, RAW)),
    "latent-rbf": PairSum(Kernels(GAUSSIAN, EMBEDDED, GAUSSIAN, EMBEDDED)),
    "hybrid-latent-rbf": PairSum(Kernels(GAUSSIAN, EMBEDDED, GAUSSIAN, RAW)),
    "kernel": PairSum(),
    "cluster": Cluster(),
}
