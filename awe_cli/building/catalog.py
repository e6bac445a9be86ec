"""The builders by the name of their affinity; knn has a command and a table of its own."""

from __future__ import annotations

from collections.abc import Mapping

from awe_cli.building.builder import Builder
from awe_cli.building.cluster import Cluster
from awe_cli.building.examples_kernel import EMBEDDED, GAUSSIAN, RAW
from awe_cli.building.pair_sum import Kernels, PairSum

BUILDERS: Mapping[str, Builder] = {
    "rbf": PairSum(Kernels(GAUSSIAN, RAW, GAUSSIAN, RAW)),
    "latent-rbf": PairSum(Kernels(GAUSSIAN, EMBEDDED, GAUSSIAN, EMBEDDED)),
    "hybrid-latent-rbf": PairSum(Kernels(GAUSSIAN, EMBEDDED, GAUSSIAN, RAW)),
    "kernel": PairSum(),
    "cluster": Cluster(),
}
