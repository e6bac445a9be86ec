"""Writers of named vectors: arrays, tables, and the indexes of other libraries, with the names beside them.

Every writer is given a folder that exists and is empty, and returns the files that it wrote. The same vectors give the
same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from awe_cli.errors import DataError, MissingInputError
from awe_cli.matrices.lengths import to_one_length, with_zeros

CONSTANT = "(constant)"  # the name of the feature that has none, where null cannot be written
SAFETENSORS_INSTALL = "pip install 'awe-cli[export]'"
HNSWLIB_INSTALL = "pip install 'awe-cli[hnswlib]'"
_ROWS = 1 << 14  # written as text at a time
_HNSW = {"M": 16, "ef_construction": 200, "random_seed": 0}


@dataclass(frozen=True)
class Vectors:
    """Vectors with a name each.

    kind   what they are of, in the plural: the name of their file
    names  (n,) text or integers; null for the constant feature
    rows   (n, d)
    """

    kind: str
    names: pa.Array
    rows: NDArray[np.float32]


def with_one_more(vectors: Sequence[Vectors], searched: str) -> list[Vectors]:
    """The same vectors with one number more, such that cosine and Euclidean distance order as the inner product does.

    Those that are `searched` get what `to_one_length` adds; every other vector gets 0. Then q·v is unchanged,
    cos(q, v) = q·v / (‖q‖ M), and ‖q − v‖² = ‖q‖² + M² − 2 q·v.
    """
    found = []
    for one in vectors:
        longer = to_one_length if one.kind == searched else with_zeros
        found.append(Vectors(one.kind, one.names, longer(one.rows)))
    return found


def write_npy(folder: Path, vectors: Sequence[Vectors]) -> dict[str, list[str]]:
    """KIND.npy (n, d) float32, and KIND.json, a list of the names. Returns kind → files, as all writers here do."""
    for one in vectors:
        np.save(folder / f"{one.kind}.npy", np.ascontiguousarray(one.rows), allow_pickle=False)
        _write_names(folder, one)
    return {one.kind: [f"{one.kind}.npy", f"{one.kind}.json"] for one in vectors}


def write_parquet(folder: Path, vectors: Sequence[Vectors]) -> dict[str, list[str]]:
    """KIND.parquet: `name` in the type it was given, and `vector`, a list of d floats."""
    for one in vectors:
        flat = pa.array(np.ascontiguousarray(one.rows).ravel())
        lists = pa.FixedSizeListArray.from_arrays(flat, one.rows.shape[1])
        pq.write_table(pa.table({"name": one.names, "vector": lists}), folder / f"{one.kind}.parquet")
    return {one.kind: [f"{one.kind}.parquet"] for one in vectors}


def write_safetensors(folder: Path, vectors: Sequence[Vectors]) -> dict[str, list[str]]:
    """embeddings.safetensors, a tensor for each kind, and KIND.json. Raises MissingInputError without the library."""
    library = safetensors_library()
    tensors = {one.kind: np.ascontiguousarray(one.rows) for one in vectors}
    library.save_file(tensors, folder / "embeddings.safetensors")
    for one in vectors:
        _write_names(folder, one)
    return {one.kind: ["embeddings.safetensors", f"{one.kind}.json"] for one in vectors}


def write_word2vec(folder: Path, vectors: Sequence[Vectors]) -> dict[str, list[str]]:
    """KIND.txt, the text format of word2vec: a line with n and d, then a line a vector, the name first.

    White space and percent signs in names are percent-encoded. Numbers are written so that they are read back exactly.
    Raises DataError for an empty name, which the format cannot hold.
    """
    for one in vectors:
        words = _words(one)
        n, d = one.rows.shape
        with open(folder / f"{one.kind}.txt", "wb") as stream:
            stream.write(f"{n} {d}\n".encode())
            for start in range(0, n, _ROWS):
                block = np.ascontiguousarray(one.rows[start : start + _ROWS])
                numbers = pa.array(block.ravel()).cast(pa.string())
                offsets = pa.array(np.arange(0, block.size + 1, d, dtype=np.int32))
                joined = pc.binary_join(pa.ListArray.from_arrays(offsets, numbers), " ").to_pylist()
                lines = zip(words[start : start + _ROWS], joined, strict=True)
                stream.write("".join(f"{word} {row}\n" for word, row in lines).encode())
    return {one.kind: [f"{one.kind}.txt"] for one in vectors}


def write_faiss(
    folder: Path, vectors: Sequence[Vectors], searched: str, *, euclidean: bool
) -> dict[str, list[str]]:
    """SEARCHED.faiss, an exact index (IndexFlatIP or IndexFlatL2), and the other vectors as `write_npy` has them."""
    import faiss

    one, others = _apart(vectors, searched)
    d = one.rows.shape[1]
    index = faiss.IndexFlatL2(d) if euclidean else faiss.IndexFlatIP(d)
    index.add(np.ascontiguousarray(one.rows))
    faiss.write_index(index, str(folder / f"{searched}.faiss"))
    _write_names(folder, one)
    return {searched: [f"{searched}.faiss", f"{searched}.json"], **write_npy(folder, others)}


def write_hnswlib(
    folder: Path, vectors: Sequence[Vectors], searched: str, *, space: str
) -> dict[str, list[str]]:
    """SEARCHED.hnswlib, an approximate index, and the other vectors as `write_npy` writes them.

    space  ip, cosine or l2: what the index compares by

    Raises MissingInputError without the library.
    """
    library = hnswlib_library()
    one, others = _apart(vectors, searched)
    index = library.Index(space=space, dim=one.rows.shape[1])
    index.init_index(max_elements=len(one.rows), **_HNSW)
    index.add_items(
        one.rows, np.arange(len(one.rows)), num_threads=1
    )  # several would build another graph each time
    index.save_index(str(folder / f"{searched}.hnswlib"))
    _write_names(folder, one)
    return {searched: [f"{searched}.hnswlib", f"{searched}.json"], **write_npy(folder, others)}


def safetensors_library() -> Any:
    """The module safetensors.numpy. Raises MissingInputError with the line that installs it."""
    return _library("safetensors.numpy", "safetensors", SAFETENSORS_INSTALL)


def hnswlib_library() -> Any:
    """The module hnswlib. Raises MissingInputError with the line that installs it."""
    return _library("hnswlib", "hnswlib", HNSWLIB_INSTALL)


NEEDED: Mapping[str, Callable[[], Any]] = {"safetensors": safetensors_library, "hnswlib": hnswlib_library}


def _library(module: str, name: str, install: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingInputError(
            f"--format {name}: expected the package {name}, found none ({error})",
            hint=f"install it: {install}",
        ) from error


def _apart(vectors: Sequence[Vectors], searched: str) -> tuple[Vectors, list[Vectors]]:
    [one] = [one for one in vectors if one.kind == searched]
    return one, [other for other in vectors if other is not one]


def _write_names(folder: Path, vectors: Vectors) -> None:
    text = json.dumps(vectors.names.to_pylist(), ensure_ascii=False, default=str)
    (folder / f"{vectors.kind}.json").write_text(text + "\n", encoding="utf-8")


def _words(vectors: Vectors) -> list[str]:
    """The names as words. Raises DataError for an empty one."""
    names = [None if name is None else str(name) for name in vectors.names.to_pylist()]
    if "" in names:
        raise DataError(
            f"--format word2vec: expected a name for each of the {vectors.kind}, found an empty one in row "
            f"{names.index('') + 1:,}",
            hint="take another format, such as parquet",
        )
    words = [CONSTANT if name is None else _word(name) for name in names]
    while words.count(CONSTANT) > 1 and None in names:  # a feature that is called so
        words[names.index(None)] = words[names.index(None)] + "_"
    return words


def _word(name: str) -> str:
    return re.sub(r"[\s%]", lambda found: quote(found[0], safe=""), name)
