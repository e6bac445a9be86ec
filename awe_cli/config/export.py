"""Settings of `awe export`."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting
from awe_cli.config.train import FLOAT16, FLOAT32

NPY, PARQUET, SAFETENSORS, WORD2VEC, FAISS, HNSWLIB = FORMATS = (
    "npy",
    "parquet",
    "safetensors",
    "word2vec",
    "faiss",
    "hnswlib",
)
# Suffix of a single file that holds vectors with their names → its format.
FILES = {".parquet": PARQUET, ".txt": WORD2VEC, ".vec": WORD2VEC}
OTHER_FILES = (".npy", ".npz", ".safetensors", ".faiss", ".index", ".hnswlib", ".bin", ".csv", ".json")
INNER_PRODUCT, COSINE, EUCLIDEAN = MEASURES = ("inner-product", "cosine", "euclidean")
LABELS, FEATURES, LABEL_FEATURES, EXAMPLES, USERS = VECTORS = (
    "labels",
    "features",
    "label-features",
    "examples",
    "users",
)


@dataclass(frozen=True)
class ExportSettings:
    """What is written, and for whom. The model and the folder are named on the command line."""

    format: str | None = setting(
        None, help="Format of the vectors.", choices=FORMATS, auto="npy, or that of the file that is named"
    )
    vectors: tuple[str, ...] = setting(
        (),
        help="Vectors to write: of labels (V), of features (U), of the features of labels, and of the examples "
        "or users that were prepared (Ux).",
        choices=VECTORS,
        auto="all, but examples only in recommendation; labels where a file is named",
    )
    measure: str | None = setting(
        None,
        help="Measure that the reader of the vectors compares by. Where it is not the inner product, all vectors "
        "get one number more, so that the order of labels stays that of the model.",
        choices=MEASURES,
        auto="cosine for word2vec, euclidean for hnswlib, else inner-product",
    )
    dtype: str = setting(
        FLOAT32,
        help="Type of the numbers: float16 for npy and safetensors alone.",
        choices=(FLOAT32, FLOAT16),
    )
    as_candidates: bool = setting(
        False,
        help="Also export a model whose affinity ranks in another order than Ux·V_y: the vectors then find candidates "
        "for it.",
    )
