"""Sizes in words."""

from __future__ import annotations

import pytest

from awe_cli.cli.console import bytes_in_words


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (5_120_000, "5.1 MB"),
        (2 * 10**9, "2.0 GB"),
        (10**13, "10.0 TB"),
    ],
)
def test_sizes(size: int, words: str) -> None:
    assert bytes_in_words(size) == words
