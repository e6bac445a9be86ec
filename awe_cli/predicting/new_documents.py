"""Which models can rank documents that they have never seen: those that know them by their features alone."""

from __future__ import annotations

from awe_cli.data.dataset import Dataset
from awe_cli.data.other_documents import OtherDocuments, read_documents
from awe_cli.data.overlap import BM25, TFIDF
from awe_cli.errors import SettingsError
from awe_cli.models.embeddings import load_result, load_state
from awe_cli.models.own_affinity import OWN
from awe_cli.models.rankers import EMBEDDING, ENSEMBLE
from awe_cli.models.tables import built_of
from awe_cli.workspace import Artifact, Workspace


def open_documents(ws: Workspace, model: Artifact, dataset: Dataset, path: str) -> OtherDocuments:
    """The documents of a file as the labels of the dataset. Raises SettingsError for a model of known labels."""
    documents = read_documents(dataset, path)
    _require_features(ws, model, model)
    return documents


def _require_features(ws: Workspace, model: Artifact, asked: Artifact) -> None:
    kind = str(model.settings.get("model_type"))
    if kind in (TFIDF, BM25):
        return
    if kind == ENSEMBLE:
        for number in range(1, len(load_result(model)["weights"]) + 1):
            _require_features(ws, ws.get("model", model.parents[f"model {number}"]), asked)
        return
    if kind == EMBEDDING and not built_of(ws, model):
        learned = load_state(model, tuple(model.settings["fits"][0])).learned
        if load_result(model)["affinity"]["name"] != OWN or not learned.V_hat.size:
            return
        kind = "a user's own affinity"
    raise SettingsError(
        "--documents, --label-file: expected a model that knows labels by their features alone, found "
        f"{asked.describe()}, which learned of each label by itself ({kind})",
        hint="use tfidf, bm25, or what `awe train` makes",
    )
