"""Calibrate a model: a map from its scores to probabilities, fitted to validation."""

from __future__ import annotations

from collections.abc import Callable

from awe_cli.config.evaluate import CalibrateSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.errors import DataError, MissingInputError
from awe_cli.models.calibration import CALIBRATION, MAP, VERSION, arrays_of_calibration
from awe_cli.models.load import choose_fit, find_model, load_fit
from awe_cli.models.store import fit_name, open_dataset, store_result
from awe_cli.models.versions import require_dataset
from awe_cli.ranking.calibration import METHODS, SCALES, calibrate_scores
from awe_cli.ranking.validation import sample
from awe_cli.workspace import Artifact, Recipe, Workspace
from awe_cli.workspace.arrays import save_arrays

_SPLIT = "valid"
_FEWEST = 30  # positives, with which even the two numbers of a sigmoid are little more than guessed
_SEED = 0  # of the validation examples looked at, where there are very many


def calibrate(
    ws: Workspace,
    model: str,
    settings: CalibrateSettings | None = None,
    *,
    threads: int | None = None,
    wait: float = False,
    announce: Callable[[str], None] = lambda line: None,
) -> tuple[Artifact, bool]:
    """Fit the map from the scores of `model` to probabilities, and publish it under the model's name.

    It is fitted to validation, by the largest fit that has not seen it. Returns the calibration, and whether it was
    made now; its bytes do not depend on `threads`.

    Raises MissingInputError for a name that is not there and without a validation split, DataError for a model of
    another dataset and where validation has too few positives, SettingsError where every fit has seen validation.
    """
    settings = settings or CalibrateSettings()
    with ws.lock(wait=wait):
        stored = ws.find("dataset")
        dataset = open_dataset(stored)
        found = find_model(ws, model)
        require_dataset(ws, found, stored)
        _require_validation(dataset)
        fit = choose_fit(found, _SPLIT)
        recipe = Recipe(
            CALIBRATION,
            VERSION,
            {"method": settings.method, "scores": settings.scores, "fit": list(fit)},
            {"dataset": stored.digest, "model": found.digest},
        )
        current = ws.current(CALIBRATION, model, recipe)
        if current is not None:
            return current, False
        with ws.stage(CALIBRATION, recipe) as staging:
            announce(f"calibrating {model} on validation")
            examples = sample(lambda: dataset.held_out_batches(_SPLIT, fit), _SEED)
            n_positives = len(examples.positives.indices)
            if n_positives < _FEWEST:
                raise DataError(
                    f"validation has {n_positives:,} positives, expected at least {_FEWEST} to calibrate by",
                    hint="hold out more: prepare the dataset with a larger --valid-fraction",
                )
            made = calibrate_scores(
                load_fit(ws, found, dataset, fit),
                examples,
                [settings.method] if settings.method else METHODS,
                [settings.scores] if settings.scores else SCALES,
                threads,
            )
            save_arrays(staging.file(MAP), arrays_of_calibration(made.calibration))
            store_result(
                staging,
                {
                    "model": model,
                    "method": made.method,
                    "scores": made.calibration.scale,
                    "log_loss": made.losses,
                    "knots": len(made.calibration.scores),
                    "fit_on": fit_name(fit),
                    "examples": len(examples),
                    "pairs": int(made.cells.pairs.sum()),
                    "positives": int(made.cells.positives.sum()),
                },
            )
            return staging.publish(model), True


def _require_validation(dataset: Dataset) -> None:
    if not dataset.splits.get(_SPLIT):
        raise MissingInputError(
            "the dataset has no validation split to calibrate by",
            hint="prepare it with a split to validate on, as --valid-fraction 0.1",
        )
