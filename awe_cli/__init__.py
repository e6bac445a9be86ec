"""Affinity weighted embedding: learn to rank labels for inputs, as a chain of reproducible steps over files."""

__version__ = "0.1.0"
