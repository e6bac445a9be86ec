"""Affinity weighted embedding: learn to rank labels for inputs, as a chain of reproducible steps over files."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from awe_cli.api.estimator import AffinityWeightedEmbedding as AffinityWeightedEmbedding
    from awe_cli.api.workspace import Model as Model
    from awe_cli.api.workspace import Workspace as Workspace

__version__ = "0.2.0"

# What a notebook imports, and the file of awe_cli.api that has it. Each is loaded when it is asked for: it needs all
# that is heavy, and the estimator needs scikit-learn.
_OF_API = {"AffinityWeightedEmbedding": "estimator", "Workspace": "workspace", "Model": "workspace"}
_SKLEARN = "AffinityWeightedEmbedding needs scikit-learn 1.6 or later: pip install 'awe-cli[sklearn]'"


def __getattr__(name: str) -> Any:
    """The names of the Python interface. Raises ImportError where the estimator has no scikit-learn."""
    if name not in _OF_API:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{__name__}.api.{_OF_API[name]}"), name)
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "sklearn":
            raise
        raise ImportError(_SKLEARN, name="sklearn") from error


def __dir__() -> list[str]:
    return sorted([*globals(), *_OF_API])
