"""A comparison as a file of figures: flat JSON, as DVC reads it, or the text format of Prometheus."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from awe_cli.errors import UsageError
from awe_cli.io.remote import RemoteFile

JSON, PROMETHEUS = ".json", ".prom"
_HELP = {
    "awe_metric": "A metric of a model on held-out examples.",
    "awe_metric_difference": "How much a metric differs from that of the baseline model, over the same examples.",
    "awe_metric_difference_low": "Lower end of the interval of the difference.",
    "awe_metric_difference_high": "Upper end of the interval of the difference.",
    "awe_evaluated_examples": "Examples that a model was judged on.",
}
_Sample = tuple[str, dict[str, str], float]


def check_metrics_file(path: Path | RemoteFile) -> Path | RemoteFile:
    """The target, if its name says which format it shall have. Raises UsageError otherwise, or without its folder."""
    if path.suffix not in (JSON, PROMETHEUS):
        raise UsageError(
            f"--metrics-file {path}: expected a name that ends in {JSON} or {PROMETHEUS}, found {path.suffix!r}",
            hint=f"{JSON} is for DVC and scripts, {PROMETHEUS} for the textfile collector of Prometheus",
        )
    if isinstance(path, Path) and not path.parent.is_dir():
        raise UsageError(
            f"--metrics-file {path}: there is no folder {path.parent}", hint="make the folder first"
        )
    return path


def metrics_text(document: Mapping[str, Any], path: Path | RemoteFile) -> str:
    """The figures of a comparison (what `awe evaluate --json` prints), in the format that the name of `path` says."""
    return _flat_json(document) if path.suffix == JSON else _prometheus(document)


def _flat_json(document: Mapping[str, Any]) -> str:
    """MODEL.METRIC, MODEL.examples and, against the baseline, MODEL.METRIC.difference, .low and .high."""
    flat: dict[str, Any] = {}
    for name, model in document["models"].items():
        flat |= {f"{name}.{metric}": value for metric, value in model["metrics"].items()}
        flat[f"{name}.examples"] = model["n_examples"]
        for metric, found in document["differences"].get(name, {}).items():
            flat |= {f"{name}.{metric}.{part}": found[part] for part in ("difference", "low", "high")}
    return json.dumps(flat, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _prometheus(document: Mapping[str, Any]) -> str:
    samples: dict[str, list[_Sample]] = {name: [] for name in _HELP}
    for sample in _samples(document):
        samples[sample[0]].append(sample)
    lines = []
    for name, found in samples.items():
        if found:
            lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} gauge"]
            lines += [f"{name}{{{_labels(labels)}}} {float(value)!r}" for _, labels, value in found]
    return "\n".join(lines) + "\n"


def _samples(document: Mapping[str, Any]) -> Iterator[_Sample]:
    split = {"split": document["split"]}
    for name, model in document["models"].items():
        for metric, value in model["metrics"].items():
            yield "awe_metric", {"model": name, "metric": metric, **split}, value
        for metric, found in document["differences"].get(name, {}).items():
            labels = {"model": name, "baseline": document["baseline_model"], "metric": metric, **split}
            for ending, part in (("", "difference"), ("_low", "low"), ("_high", "high")):
                yield f"awe_metric_difference{ending}", labels, found[part]
        yield "awe_evaluated_examples", {"model": name, **split}, model["n_examples"]


def _labels(labels: Mapping[str, str]) -> str:
    escaped = {ord("\\"): r"\\", ord('"'): r"\"", ord("\n"): r"\n"}
    return ",".join(f'{name}="{text.translate(escaped)}"' for name, text in labels.items())
