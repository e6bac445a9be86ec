"""Refusing what would not fit into memory, before it is begun."""

from __future__ import annotations

from awe_cli.errors import SettingsError

_GB = 1e9


def require_room(need: float, allowed: float, what: str) -> None:
    """Raise SettingsError where `need` bytes are more than `allowed` GB."""
    if need > allowed * _GB:
        raise SettingsError(
            f"{what} needs {need / _GB:,.3g} GB of memory, {allowed:g} are allowed",
            hint=f"allow more with --memory {need / _GB:.3g}, or take item-knn or svd, which need little",
        )
