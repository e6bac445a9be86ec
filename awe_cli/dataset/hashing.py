"""Numbers that depend on values alone: for random choices that do not change with the order of rows, and for
finding identical examples. 64 bits, not cryptographic.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_ODD = np.uint64(0x9E3779B97F4A7C15)
_BASE = np.uint64(0x100000001B3)
_STRINGS = 1 << 18  # strings hashed at a time
_NUMBERS = 1 << 20  # numbers hashed at a time


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea & Flood 2014): every bit of the input moves every bit."""
    x = values + _ODD
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def seeded(hashes: NDArray[np.uint64], seed: int, purpose: str) -> NDArray[np.uint64]:
    """Independent hashes for each seed and purpose."""
    word = int.from_bytes(purpose.encode()[:8].ljust(8, b"\0"), "little")
    key = mix(mix(np.array([seed % 2**64], np.uint64)) ^ np.uint64(word))
    return mix(hashes ^ key)


def uniform(hashes: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Numbers in [0, 1)."""
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53


def hash_values(values: pa.Array) -> NDArray[np.uint64]:
    """A hash of each string or integer (n,); an integer has that of its decimal digits."""
    texts = values.cast(pa.large_string())
    parts = [_hash_strings(texts.slice(start, _STRINGS)) for start in range(0, len(texts), _STRINGS)]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def hash_entries(
    indptr: NDArray[np.int64], names: NDArray[np.uint64], values: NDArray[np.float32]
) -> NDArray[np.uint64]:
    """A hash of each sparse row (n,), the same for the same entries in any order; `names`: the hash of each entry's."""
    return row_totals(indptr, mix(names ^ mix(_bits(values).astype(np.uint64))))


def in_buckets(hashes: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    """The bucket of each hash, of 2^bits: its first bits, which every letter of a name has moved."""
    return hashes >> np.uint64(64 - bits)


def row_totals(indptr: NDArray[np.int64], values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The sum of each row's values modulo 2^64 (n,)."""
    running = np.zeros(len(values) + 1, np.uint64)
    np.cumsum(values, out=running[1:])
    return running[indptr[1:]] - running[indptr[:-1]]


def _bits(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    return (values.astype(np.float32) + np.float32(0)).view(np.uint32)  # + 0 turns -0 into 0


def hash_dense(values: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.uint64]:
    """A hash of each dense row (n,); a number that fits 32 bits has the same in 64."""
    n, p = values.shape
    column = mix(np.arange(p, dtype=np.uint64))
    hashes = np.empty(n, np.uint64)
    step = max(1, _NUMBERS // max(p, 1))
    for start in range(0, n, step):
        given = values[start : start + step]
        short = np.ascontiguousarray(given, np.float32)
        block = _bits(short).astype(np.uint64)
        if given.dtype == np.float64:  # what 32 bits left out, in the upper half
            block ^= _bits((given - short).astype(np.float32)).astype(np.uint64) << np.uint64(32)
        hashes[start : start + step] = mix(block ^ column).sum(axis=1, dtype=np.uint64)
    return hashes


def _hash_strings(texts: pa.Array) -> NDArray[np.uint64]:
    """A polynomial over the bytes of each string, then mixed with its length."""
    _, offset_buffer, data = texts.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    lengths = np.diff(offsets)
    if data is None or offsets[-1] == offsets[0]:
        return mix(lengths.astype(np.uint64))
    letters = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]].astype(np.uint64) + np.uint64(1)
    powers = np.multiply.accumulate(np.full(int(lengths.max()), _BASE, np.uint64))
    starts = offsets - offsets[0]
    position = np.arange(len(letters)) - np.repeat(starts[:-1], lengths)
    total = row_totals(starts, letters * powers[position])
    return mix(total ^ mix(lengths.astype(np.uint64)))
