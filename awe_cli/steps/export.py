"""The vectors of a model as files for other libraries."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli import __version__
from awe_cli.config.export import (
    COSINE,
    EUCLIDEAN,
    EXAMPLES,
    FAISS,
    FEATURES,
    FILES,
    HNSWLIB,
    INNER_PRODUCT,
    LABEL_FEATURES,
    LABELS,
    NPY,
    OTHER_FILES,
    PARQUET,
    SAFETENSORS,
    USERS,
    WORD2VEC,
    ExportSettings,
)
from awe_cli.config.train import FLOAT32
from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.dataset.features import FeatureOptions
from awe_cli.errors import SettingsError, UsageError
from awe_cli.io import vectors as writers
from awe_cli.io.remote import RemoteFile
from awe_cli.io.vectors import Vectors
from awe_cli.models.inner_product import linear_model, other_order
from awe_cli.models.load import EMBEDDING
from awe_cli.models.precision import LARGEST, narrow, recorded
from awe_cli.models.products import Product, find_product, open_product
from awe_cli.models.store import load_result
from awe_cli.models.versions import is_earlier
from awe_cli.prediction.output import check_file, check_folder, whole_file, whole_folder
from awe_cli.report.model_card import HNSW_SPACES, model_card
from awe_cli.workspace import Artifact, Workspace
from awe_cli.workspace.artifact import read_document

ABOUT, CARD, SCALING = "export.json", "README.md", "features-scaling.npy"
_FORMAT = "awe export"  # what `export.json` says of itself
_MEASURES = {WORD2VEC: COSINE, HNSWLIB: EUCLIDEAN}  # that the readers of these formats compare by
_WRITERS = {NPY: writers.write_npy, PARQUET: writers.write_parquet, SAFETENSORS: writers.write_safetensors,
            WORD2VEC: writers.write_word2vec}  # fmt: skip


@dataclass(frozen=True)
class Exported:
    """What was written.

    folder    that holds the files, or the one file
    document  what --json prints: the model, and each kind of vectors with its files
    sizes     file → bytes
    """

    folder: Path | RemoteFile
    document: dict[str, Any]
    sizes: dict[str, int]


def export(
    ws: Workspace,
    output: Path | RemoteFile,
    model: str | None = None,
    settings: ExportSettings | None = None,
    *,
    announce: Callable[[str], None] = lambda line: None,
) -> Exported:
    """Write vectors of a model, with their names, a model card and a description for machines, into a new folder.

    output  the folder, which appears complete or not at all; one that an earlier export wrote is replaced. Or a file
            that ends in .parquet, .txt or .vec (word2vec), which gets vectors of one kind alone, and no model card
    model   of `train` or `retrain`, or a baseline that is a product of factors; by default the only one of `train` or
            `retrain`. One of an earlier version of the dataset is exported with the labels of that version
    announce  is told what takes some time

    The same model, dataset and settings give the same bytes.
    Raises SettingsError for a model that ranks in another order than Ux·V_y, unless settings.as_candidates;
    MissingInputError, DataError for models that are not there or of another dataset, and for a library that is not
    installed; WriteError.
    """
    settings = settings or ExportSettings()
    as_file = _is_file(output, settings)
    settings = replace(settings, format=settings.format or (FILES[output.suffix.lower()] if as_file else NPY))
    assert settings.format is not None
    if settings.dtype != FLOAT32 and settings.format not in (NPY, SAFETENSORS):
        raise SettingsError(
            f"--dtype {settings.dtype}: it is for --format {NPY} and {SAFETENSORS}, found {settings.format}",
            hint="leave it out, or take one of these",
        )
    if settings.format in writers.NEEDED:
        writers.NEEDED[settings.format]()
    stored = ws.find("dataset")
    found = find_product(ws, model, stored, earlier=True)
    reason = other_order(found) if found.settings["model_type"] == EMBEDDING else None
    if reason is not None and not settings.as_candidates:
        raise SettingsError(
            f"{found.describe()} ranks in another order than its vectors do: {reason}",
            hint=f"export {linear_model(ws, found)}, or add --as-candidates to find candidates with these vectors, "
            "and rank them with awe predict",
        )
    product = open_product(ws, found)
    dataset = product.dataset
    kinds = _kinds(settings, product, found, as_file)
    measure = settings.measure or _MEASURES.get(settings.format, INNER_PRODUCT)
    one_more = measure != INNER_PRODUCT
    vectors = [_vectors(kind, product) for kind in kinds]
    if one_more:
        vectors = writers.with_one_more(vectors, LABELS)
    if settings.dtype != FLOAT32:
        vectors = [replace(one, rows=_in_range(one, settings.dtype)) for one in vectors]
    document: dict[str, Any] = {
        "made_by": _FORMAT,
        "awe": __version__,
        "model": found.name,
        "digest": found.digest,
        "model_type": found.settings["model_type"],
        "dataset": found.parents["dataset"],
        "earlier_version": is_earlier(found, stored),
        "task": dataset.task,
        "fit_on": list(product.fit_on),
        "dim": product.W.shape[1],
        "format": settings.format,
        "measure": measure,
        **recorded(settings.dtype),
        "one_more": one_more,
        "other_order": reason,
        "fold_in": product.U is None,
        **_scaling(dataset),
        "kinds": {one.kind: {"what": _what(one.kind, product), "rows": len(one.rows)} for one in vectors},
    }
    if isinstance(output, Path) and as_file:
        check_file(output)
    elif isinstance(output, Path):
        check_folder(output, _is_export)
    is_new = isinstance(output, Path) and not output.exists()
    ws.would(str(output), "it is not there" if is_new else "an export is written anew")
    if settings.format == HNSWLIB:
        n = dataset.n_labels
        announce(f"building a graph of {n:,} labels on one thread: several would build another each time")
    if as_file:
        document["files"] = {vectors[0].kind: [output.name]}
        return Exported(output, document, {output.name: _write_file(output, vectors, settings.format)})
    assert isinstance(output, Path), "one file alone is written to an address"
    with whole_folder(output, _is_export) as folder:
        files = document["files"] = _write(folder, vectors, settings.format, measure)
        if FEATURES in files:
            files[FEATURES] += _write_scaling(folder, dataset)
        (folder / ABOUT).write_text(
            json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        (folder / CARD).write_text(model_card(document, load_result(found)), encoding="utf-8")
        sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    return Exported(output, document, sizes)


def _is_file(output: Path | RemoteFile, settings: ExportSettings) -> bool:
    """Whether one file is asked for, rather than a folder. Raises UsageError where it could not hold names."""
    suffix = output.suffix.lower()
    if isinstance(output, RemoteFile) and suffix not in FILES:
        raise UsageError(
            f"--output {output}: expected a folder of this machine, or the name of a file at an address, found neither",
            hint=f"name a folder, and copy it there; one file with vectors ends in {', '.join(FILES)}",
        )
    is_folder = isinstance(output, Path) and output.is_dir()
    if is_folder or suffix not in (*FILES, *OTHER_FILES):
        return False
    if suffix in OTHER_FILES or settings.format not in (None, FILES[suffix]):
        raise UsageError(
            f"--output {output}: expected a folder, found the name of a file",
            hint=f"name a folder, such as {str(output).removesuffix(output.suffix)}; one file with vectors and their "
            "names ends in .parquet, or in .txt or .vec for word2vec",
        )
    return True


def _write_file(output: Path | RemoteFile, vectors: list[Vectors], format: str) -> int:
    """Write the one kind of vectors to a file, in one instant; return its size in bytes."""
    with whole_file(output) as stream, tempfile.TemporaryDirectory() as folder:
        [[name]] = _WRITERS[format](Path(folder), vectors).values()
        with open(Path(folder) / name, "rb") as written:
            shutil.copyfileobj(written, stream)
        return stream.tell()


def _kinds(settings: ExportSettings, product: Product, model: Artifact, as_file: bool) -> list[str]:
    """The kinds of vectors to write, each once. Raises UsageError for one that is not there."""
    people = product.dataset.task == RECOMMENDATION
    of_labels = [LABEL_FEATURES] if product.V is not None else []
    there = [LABELS, *([FEATURES] if product.U is not None else []), *of_labels]
    projected = USERS if people else EXAMPLES
    if as_file and len(settings.vectors) > 1:
        raise UsageError(
            f"--vectors {','.join(settings.vectors)}: expected one kind for a file, found {len(settings.vectors)}",
            hint="name a folder with --output, or one of them",
        )
    if not settings.vectors and as_file:
        return [LABELS]
    if not settings.vectors:
        return [*there, *([projected] if people or product.U is None else [])]
    wanted = [projected if kind in (USERS, EXAMPLES) else kind for kind in settings.vectors]
    if LABEL_FEATURES in wanted and product.V is None:
        raise UsageError(
            "--vectors label-features: expected a model of labels with features, found one without",
            hint="take labels: there is a vector for each",
        )
    if FEATURES in wanted and product.U is None:
        raise UsageError(
            f"--vectors features: {model.describe()} has no vectors of features, but finds the place of an input by "
            "what it has",
            hint=f"take labels, and {projected} for the places",
        )
    if LABELS not in wanted and settings.format in (FAISS, HNSWLIB):
        raise UsageError(
            f"--vectors {','.join(settings.vectors)}: expected labels among them, which the index of --format "
            f"{settings.format} is of",
            hint="add labels, or take --format npy",
        )
    return [kind for kind in (*there, projected) if kind in wanted]


def _in_range(vectors: Vectors, dtype: str) -> NDArray[Any]:
    """The rows in this type. Raises SettingsError where it has no such numbers."""
    largest = float(np.abs(vectors.rows).max(initial=0))
    if largest > LARGEST:
        raise SettingsError(
            f"--dtype {dtype}: the largest number it holds is {LARGEST:,.0f}, found {largest:,.6g} in the vectors of "
            f"{vectors.kind}",
            hint="leave --dtype out",
        )
    return narrow(vectors.rows, dtype)


def _vectors(kind: str, product: Product) -> Vectors:
    dataset = product.dataset
    if kind == FEATURES and product.U is not None:
        return Vectors(kind, dataset.features, product.U)
    if kind == LABEL_FEATURES and product.V is not None:
        return Vectors(kind, _label_feature_names(dataset), product.V)
    if kind == LABELS:
        return Vectors(kind, dataset.labels, np.ascontiguousarray(product.W))
    return Vectors(kind, *product.everyone())


def _label_feature_names(dataset: Dataset) -> pa.Array:
    """The names of the rows of V: the features of labels, then the identities of labels, as "label:NAME"."""
    described = dataset.described
    assert described is not None
    names = described.space.names.cast(pa.large_string())
    if not described.identities:
        return names
    own = np.empty(described.identities, object)
    for label, number in enumerate(described.own):
        if number >= 0:
            own[number] = f"label:{dataset.labels[label].as_py()}"
    return pa.concat_arrays([names, pa.array(own, pa.large_string())])


def _what(kind: str, product: Product) -> str:
    place = "the place" if product.U is None else "Ux"
    return {
        LABELS: "V_y of each label" if product.V is None else "V_y, or Σ_j y_j V_j of labels with features",
        FEATURES: "U_i of each feature of the input",
        LABEL_FEATURES: "V_j of each feature of labels",
        EXAMPLES: f"{place} of each example that was prepared",
        USERS: f"{place} of each user that was prepared, with all that is known of them",
    }[kind]


def _scaling(dataset: Dataset) -> dict[str, Any]:
    """How x is made of what was prepared."""
    settings = dataset.settings
    if dataset.task != RECOMMENDATION:
        return {"dense": dataset.dense, "feature_options": dict(settings["feature_options"])}
    weights = settings["weight_transform"] if settings["weighted"] else "none"
    options = asdict(FeatureOptions(settings["scaling"], bias=False)) | {"weights": weights}
    return {"dense": False, "feature_options": options, "user_features": dataset.user_space is not None}


def _write_scaling(folder: Path, dataset: Dataset) -> list[str]:
    """What is subtracted from each feature, and what multiplies it, (2, features), where it is not 0 and 1."""
    space = dataset.space
    if space is None or not ((space.mean != 0).any() or (space.weight != 1).any()):
        return []
    np.save(folder / SCALING, np.stack([space.mean, space.weight]), allow_pickle=False)
    return [SCALING]


def _write(folder: Path, vectors: list[Vectors], format: str, measure: str) -> dict[str, list[str]]:
    if format == FAISS:
        return writers.write_faiss(folder, vectors, LABELS, euclidean=measure == EUCLIDEAN)
    if format == HNSWLIB:
        return writers.write_hnswlib(folder, vectors, LABELS, space=HNSW_SPACES[measure])
    return _WRITERS[format](folder, vectors)


def _is_export(folder: Path) -> bool:
    """Whether a folder holds an earlier export and nothing else."""
    try:
        about = read_document(folder / ABOUT)
        files = {name for names in about["files"].values() for name in names}
        return about["made_by"] == _FORMAT and {path.name for path in folder.iterdir()} <= {
            *files,
            ABOUT,
            CARD,
        }
    except Exception:  # whatever it is, it is not ours
        return False
