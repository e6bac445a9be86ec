"""G that is built from training examples and then held fixed: one affinity a file, all listed in `catalog`."""
