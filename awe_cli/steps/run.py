"""What a whole run ends with: the best model judged beside popularity, its recommendations, and both in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from awe_cli.config.evaluate import EvaluateSettings
from awe_cli.config.predict import PredictSettings
from awe_cli.dataset.dataset import RECOMMENDATION, RETRIEVAL, Dataset
from awe_cli.io.remote import RemoteFile
from awe_cli.models.load import ENSEMBLE, find_model
from awe_cli.models.store import load_result, open_dataset
from awe_cli.steps.evaluate import evaluate
from awe_cli.steps.predict import Predicted, predict
from awe_cli.steps.recipe import BEST
from awe_cli.workspace import Workspace
from awe_cli.workspace.checkpoints import DEFAULT_CHECKPOINTS, CheckpointSettings

POPULARITY = "popularity"
_LIST = {True: 10, False: 5}  # labels of a list that the summary speaks of: in recommendation, else
_SHOWN_SHARE = 0.005  # of an ensemble, below which a member is not named


@dataclass(frozen=True)
class Finished:
    """The end of a run.

    document   the comparison with popularity, as `awe evaluate --json` prints it; None where nothing is held out
    predicted  the recommendations, with the first five
    summary    both in plain words, a line a sentence
    """

    document: dict[str, Any] | None
    predicted: Predicted
    summary: list[str]


def finish(
    ws: Workspace,
    settings: PredictSettings | None = None,
    output: Path | RemoteFile | IO[bytes] | None = None,
    *,
    threads: int | None = None,
    wait: float = False,
    announce: Callable[[str], None] = lambda line: None,
    checkpoints: CheckpointSettings = DEFAULT_CHECKPOINTS,
) -> Finished:
    """Judge the models `best` and `popularity`, and predict with `best`: what all the steps before were for.

    settings  of the predictions; in recommendation everyone is ranked for, elsewhere what was held out by default
    output    as `predict` takes it

    Raises as `evaluate` and `predict`.
    """
    settings = settings or PredictSettings()
    dataset = open_dataset(ws.find("dataset"))
    held_out = next((split for split in ("test", "valid") if dataset.splits.get(split)), None)
    document = None
    if held_out is not None:
        k = min(_LIST[dataset.task == RECOMMENDATION], dataset.n_labels)
        asked = EvaluateSettings(
            split=held_out, at=tuple(dict.fromkeys((1, k))), metric=("precision", "recall", "ndcg")
        )
        document = evaluate(ws, [POPULARITY, BEST], asked, threads=threads, wait=wait, announce=announce)[0]
    if dataset.task != RECOMMENDATION and settings.split is None and held_out is not None:
        settings = PredictSettings(**{**vars(settings), "split": held_out})
    announce("recommendations")
    made = predict(ws, BEST, None, output, settings, threads=threads, wait=wait, checkpoints=checkpoints)
    return Finished(document, made, _in_words(ws, dataset, document))


def _in_words(ws: Workspace, dataset: Dataset, document: Mapping[str, Any] | None) -> list[str]:
    """What there was, how well it is ranked, whether that is chance, and what the model is made of."""
    lines = [_what_there_was(dataset)]
    if document is None:
        lines.append("Nothing was held out, so that nobody can say how good the model is.")
    else:
        lines += _how_good(dataset, document)
    return [*lines, _made_of(ws)]


def _what_there_was(dataset: Dataset) -> str:
    found, labels = dataset.summary, f"{dataset.n_labels:,}"
    if dataset.task == RECOMMENDATION:
        return f"{found['people']:,} people chose among {labels} items: {found['interactions']:,} choices."
    if dataset.summary["task"] == RETRIEVAL:
        return f"{found['examples']:,} queries ask for {labels} documents."
    return f"{found['examples']:,} examples have labels from among {labels}."


def _how_good(dataset: Dataset, document: Mapping[str, Any]) -> list[str]:
    ours, theirs = (document["models"][name]["metrics"] for name in (BEST, POPULARITY))
    recommends, n = dataset.task == RECOMMENDATION, f"{document['n_examples']:,}"
    k = min(_LIST[recommends], dataset.n_labels)
    recall = f"recall@{k}"
    popular = f"by popularity alone {theirs[recall]:.0%}"
    if recommends:
        hits = f"precision@{k}"
        lines = [
            f"For {n} people some choices were hidden, and recommendations were made from the others.",
            f"Of {k} recommendations {k * ours[hits]:.1f} are hidden choices on average, by popularity alone "
            f"{k * theirs[hits]:.1f}; {ours[recall]:.0%} of the hidden choices are among the {k}, {popular}.",
        ]
    else:
        noun, label = (
            ("queries", "document") if dataset.summary["task"] == RETRIEVAL else ("examples", "label")
        )
        lines = [
            f"{n} {noun} were held out, and ranked for by a model that had not seen them.",
            f"The first {label} is right for {ours['precision@1']:.0%} of them, by popularity alone for "
            f"{theirs['precision@1']:.0%}; {ours[recall]:.0%} of their {label}s are among the first {k}, {popular}.",
        ]
    difference = document["differences"][BEST].get(f"ndcg@{k}")
    if difference is None:
        return lines
    low, high = difference["low"], difference["high"]
    if low > 0:
        verdict = "That is better than popularity by more than chance"
    elif high < 0:
        verdict = "That is worse than popularity by more than chance"
    else:
        verdict = "Whether that is better than popularity, these examples cannot tell"
    return [
        *lines,
        f"{verdict} (NDCG@{k} {difference['difference']:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}).",
    ]


def _made_of(ws: Workspace) -> str:
    model = find_model(ws, BEST)
    if model.settings["model_type"] != ENSEMBLE:
        return f"The model `{BEST}` is the embedding multiplied with its neighbours."
    result = load_result(model)
    parts = sorted(zip(result["weights"], result["models"], strict=True), reverse=True)
    named = ", ".join(f"{weight:.0%} {name}" for weight, name in parts if weight >= _SHOWN_SHARE)
    return f"The model `{BEST}` is the sum that validation chose: {named}."
