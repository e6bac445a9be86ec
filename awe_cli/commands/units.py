"""Numbers as a person reads them."""

from __future__ import annotations


def bytes_in_words(size: int) -> str:
    """A size in decimal units: "5.1 MB"."""
    if size < 1000:
        return f"{size} B"
    amount = float(size)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 1000:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} TB"
