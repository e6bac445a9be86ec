"""Simple models to compare with."""
