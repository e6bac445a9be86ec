"""Why a model gives labels to examples: the parts of each score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.baselines.popularity import PopularityRanker
from awe_cli.config.predict import ExplainSettings
from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.dataset.encode import Encoder, read_encoded
from awe_cli.dataset.examples import Examples
from awe_cli.dataset.features import Raw, RawBags, hashed
from awe_cli.dataset.vocabulary import find_named
from awe_cli.errors import UsageError
from awe_cli.models.explain import FEATURE, Explainer, of_ranker, open_explainer, shown
from awe_cli.models.load import choose_fit, find_model, load_fit
from awe_cli.models.store import open_dataset
from awe_cli.models.versions import require_dataset
from awe_cli.prediction.narrow import Only, narrow
from awe_cli.prediction.stream import Counts, PredictRequest, examples_of, is_blank
from awe_cli.ranking.ranker import Ranker
from awe_cli.ranking.validation import rank
from awe_cli.workspace import Workspace

Words = dict[str, dict[str, None]]  # bucket → the names that are in it, in the order in which they were read


def explain(
    ws: Workspace,
    model: str,
    ids: Sequence[str] = (),
    input: str | None = None,
    labels: Sequence[str] = (),
    settings: ExplainSettings | None = None,
) -> list[dict[str, Any]]:
    """The parts of scores: for each example {"id", "labels": [{"label", "score", "parts": […]}]}.

    ids     of prepared examples, with all that is known of them, as `predict` ranks them
    input   a file of new examples, in place of ids
    labels  whose scores are explained; none: the best of each example

    A part has "name", "kind" and "share"; the shares of a label add up to its score, the largest come first. Where
    features are hashed, a part of a new example is a bucket, and its "words" are the names of the example that are in
    it.
    Raises UsageError where no example is named, MissingInputError for an unknown id or label, SettingsError for a
    model whose score is no sum of parts that have names.
    """
    settings = settings or ExplainSettings()
    if not ids and input is None:
        raise UsageError(
            "no example is named",
            hint="name one with --id, or a file of new examples: awe explain -m MODEL FILE",
        )
    stored = ws.find("dataset")
    found = find_model(ws, model)
    require_dataset(ws, found, stored)
    dataset = open_dataset(stored)
    fit_on = choose_fit(found, None)
    request = PredictRequest(model, settings.top_k, False, fit_on, None, input)
    request, _ = narrow(dataset, request, Only(ids))
    noun = "item" if dataset.task == RECOMMENDATION else "label"
    wanted = find_named(dataset.labels, labels, noun, "--label")
    ranker = load_fit(ws, found, dataset, fit_on)
    explainer = open_explainer(ws, found, dataset, fit_on, ranker)
    popular = PopularityRanker(dataset.label_counts(fit_on)) if request.marks_fallback(dataset) else None
    explained = []
    words: list[Words] = []
    for examples in _watched(dataset, input, words) or examples_of(dataset, request, Counts()):
        for row in range(len(examples)):
            one, judge, explains = examples.slice(row, row + 1), ranker, explainer
            if popular is not None and is_blank(one)[0]:
                judge, explains = popular, of_ranker(popular, dataset, fit_on, "popularity")
            chosen = wanted if len(wanted) else _best(judge, one, settings.top_k, model)
            explained.append(_explained(dataset, judge, explains, one, chosen, settings.parts))
            _name_words(explained[-1], words[len(explained) - 1] if words else {})
    return explained


def _watched(dataset: Dataset, input: str | None, words: list[Words]) -> Iterator[Examples] | None:
    """The examples of an input whose features are hashed; `words` gets those of each. None where none are."""
    space = dataset.space
    if input is None or space is None or space.options.hash_bits is None:
        return None

    def watch(raw: Raw) -> None:
        assert isinstance(raw, RawBags)
        buckets = hashed(raw, space.options)
        for e in range(len(raw.indptr) - 1):
            of_bucket: Words = {}
            for at in range(raw.indptr[e], raw.indptr[e + 1]):
                bucket, word = buckets.vocabulary[int(buckets.codes[at])], raw.vocabulary[int(raw.codes[at])]
                of_bucket.setdefault(str(bucket), {})[str(word)] = None
            words.append(of_bucket)

    return (encoded.examples for encoded in read_encoded(Encoder(dataset, watch=watch), input))


def _name_words(example: dict[str, Any], words: Words) -> None:
    """Add to each part that is a bucket the words of the example that are in it."""
    for label in example["labels"]:
        for part in label["parts"]:
            if part["kind"] == FEATURE and part["name"] in words:
                part["words"] = list(words[part["name"]])


def _best(ranker: Ranker, example: Examples, k: int, model: str) -> NDArray[np.int32]:
    ranked = rank(ranker, example.x, None, example.seen, k, model)
    return ranked.labels[0][ranked.labels[0] >= 0]


def _explained(
    dataset: Dataset,
    ranker: Ranker,
    explainer: Explainer,
    example: Examples,
    labels: NDArray[np.int32],
    most: int | None,
) -> dict[str, Any]:
    scores = ranker.scores(example.x).score[0]
    parts = explainer.parts(example.x, labels) if len(labels) else []
    return {
        "id": example.ids[0].as_py(),
        "labels": [
            {
                "label": dataset.labels[int(label)].as_py(),
                "score": float(scores[label]),
                "parts": shown(part, most),
            }
            for label, part in zip(labels, parts, strict=True)
        ],
    }
