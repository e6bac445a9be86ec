"""Stored models and built affinities, and how they are opened for ranking and for further training."""
