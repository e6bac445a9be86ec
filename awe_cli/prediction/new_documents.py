"""Which models can rank documents that they have never seen: those that know them by their features alone."""

from __future__ import annotations

from awe_cli.affinities.spec import BUILT, PLUGIN_BUILT
from awe_cli.baselines.factors import LSI
from awe_cli.builders.base import LISTED, KnownOnly
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.new_documents import OtherDocuments, read_documents
from awe_cli.dataset.word_overlap import BM25, TFIDF
from awe_cli.errors import SettingsError
from awe_cli.models.load import EMBEDDING, ENSEMBLE
from awe_cli.models.store import fits_of_model, load_result, load_state
from awe_cli.models.tables import NEIGHBORS, builder_of, built_of
from awe_cli.plugins.file import OWN
from awe_cli.workspace import Artifact, Workspace

_INSTEAD = "use tfidf, bm25, lsi, or what `awe train` makes"


def open_documents(ws: Workspace, model: Artifact, dataset: Dataset, path: str) -> OtherDocuments:
    """The documents of a file as the labels of the dataset. Raises SettingsError for a model of known labels."""
    documents = read_documents(dataset, path)
    _require_features(ws, model, model)
    return documents


def _require_features(ws: Workspace, model: Artifact, request: Artifact) -> None:
    kind = str(model.settings.get("model_type"))
    if kind in (TFIDF, BM25) or (kind == LSI and load_result(model)["choice"].get("documents")):
        return
    if kind == ENSEMBLE:
        for number in range(1, len(load_result(model)["weights"]) + 1):
            _require_features(ws, ws.get("model", model.parents[f"model {number}"]), request)
        return
    if kind != EMBEDDING:
        raise _refusal(request, f"which learned of each label by itself ({kind})", _INSTEAD)
    affinity, built = load_result(model)["affinity"], built_of(ws, model)
    if affinity["name"] == OWN and load_state(model, fits_of_model(model)[0]).learned.V_hat.size:
        raise _refusal(request, "which learned of each label by itself (a user's own affinity)", _INSTEAD)
    named = [
        part["name"]
        for part in affinity.get("members", (affinity,))
        if part["name"] in (*BUILT, PLUGIN_BUILT)
    ]
    for name, table in zip(named, built, strict=True):
        found = _known_only(table)
        if found is not None:
            raise _refusal(request, f"whose affinity {name} {found.why}", f"{found.instead}; or {_INSTEAD}")


def _known_only(built: Artifact) -> KnownOnly | None:
    """Why a built G knows no labels but those that were prepared; None where it compares labels by their features."""
    if built.kind == NEIGHBORS:
        return LISTED
    return builder_of(built).known_only(built.settings["parameters"], load_result(built)["choice"])


def _refusal(request: Artifact, why: str, instead: str) -> SettingsError:
    return SettingsError(
        "--documents, --label-file: expected a model that knows labels by their features alone, found "
        f"{request.describe()}, {why}",
        hint=instead,
    )
