"""The quality gate: whether the models that were judged are good enough to be taken.

For jobs that train every night and must not replace a good model by a bad one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from awe_cli.config.evaluate import EvaluateSettings
from awe_cli.errors import GateError, SettingsError
from awe_cli.metrics.metrics import HIGHER, LOWER, Measure, measures

_BOUND = re.compile(r"\s*([\w@-]+)\s*(>=|<=)\s*([-+.\deE]+)\s*")


@dataclass(frozen=True)
class Gate:
    """What is asked of every model but the baseline, or of the only one there is.

    bounds    (measure, ">=" or "<=", value)
    no_worse  measures by which a model may not be worse than the baseline beyond doubt: with the whole interval
              of the difference, or plainly where there is no interval
    """

    bounds: tuple[tuple[Measure, str, float], ...]
    no_worse: tuple[Measure, ...]

    @property
    def names(self) -> list[str]:
        """The measures that must be taken."""
        return [measure.name for measure in (*(bound[0] for bound in self.bounds), *self.no_worse)]


def make_gate(settings: EvaluateSettings) -> Gate:
    """The gate that the settings ask for. Raises SettingsError for what is no bound and for unknown measures."""
    no_worse = tuple(measures(settings.no_worse, settings.at))
    for measure in no_worse:
        if measure.metric.better is None:
            raise SettingsError(
                f"--no-worse: {measure.name} is neither better nor worse, high or low",
                hint="name a measure such as ndcg@10",
            )
    bounds = (bound for text in settings.require for bound in _bounds(text, settings.at))
    return Gate(tuple(bounds), no_worse)


def pass_gate(gate: Gate, document: Mapping[str, Any]) -> None:
    """Return if all models of the comparison pass. Raises GateError with everything that fails."""
    baseline = document["baseline_model"]
    candidates = [name for name in document["models"] if name != baseline] or [baseline]
    failed = [line for name in candidates for line in _failures(gate, document, name)]
    if failed:
        raise GateError(
            "; ".join(failed),
            hint="the models and the result are stored; keep what is in use, or lower the gate",
        )


def _bounds(text: str, at: Sequence[int]) -> list[tuple[Measure, str, float]]:
    match = _BOUND.fullmatch(text)
    try:
        if match:
            value = float(match[3])
            return [(measure, match[2], value) for measure in measures([match[1]], at)]
    except ValueError:
        pass
    raise SettingsError(
        f"--require: expected MEASURE>=NUMBER or MEASURE<=NUMBER, found {text!r}",
        hint='for example --require "ndcg@10>=0.25"',
    )


def _failures(gate: Gate, document: Mapping[str, Any], name: str) -> list[str]:
    """What a model fails by, in words."""
    found = document["models"][name]["metrics"]
    lines = [
        f"{name}: expected {measure.name} {sign} {bound:g}, found {found[measure.name]:.4g}"
        for measure, sign, bound in gate.bounds
        if not (found[measure.name] >= bound if sign == ">=" else found[measure.name] <= bound)
    ]
    baseline = document["baseline_model"]
    if name != baseline:
        base = document["models"][baseline]["metrics"]
        for measure in gate.no_worse:
            plain = found[measure.name] - base[measure.name]
            interval = document["differences"][name].get(measure.name, {"low": plain, "high": plain})
            if _is_worse(measure, interval):
                lines.append(
                    f"{name} is worse than {baseline} by {measure.name}: {found[measure.name]:.4g} against "
                    f"{base[measure.name]:.4g}"
                )
    return lines


def _is_worse(measure: Measure, interval: Mapping[str, float]) -> bool:
    if measure.metric.better == HIGHER:
        return interval["high"] < 0
    return measure.metric.better == LOWER and interval["low"] > 0
