"""Affinities that are built from training examples and then held fixed; `registry` lists them all."""
