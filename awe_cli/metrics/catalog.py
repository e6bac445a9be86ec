"""The list of all metrics, and the names users call them by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from awe_cli.errors import SettingsError, did_you_mean
from awe_cli.metrics.average_precision import MAP
from awe_cli.metrics.coverage import COVERAGE
from awe_cli.metrics.mean_rank import MEAN_RANK
from awe_cli.metrics.metric import Measure, Metric
from awe_cli.metrics.ndcg import NDCG
from awe_cli.metrics.novelty import NOVELTY
from awe_cli.metrics.popularity import POPULARITY
from awe_cli.metrics.precision import PRECISION
from awe_cli.metrics.recall import RECALL
from awe_cli.metrics.reciprocal_rank import MRR
from awe_cli.metrics.sibling_precision import PSIB

METRICS: tuple[Metric, ...] = (
    PRECISION,
    RECALL,
    NDCG,
    MAP,
    MRR,
    MEAN_RANK,
    COVERAGE,
    PSIB,
    POPULARITY,
    NOVELTY,
)


def measure(name: str) -> Measure:
    """The measure called `name`, such as "ndcg@20" or "map". Raises SettingsError."""
    found = measures([name], ())
    if not found:
        raise SettingsError(f"metric {name!r}: expected a k after it", hint=f"write {name}@10")
    return found[0]


def criterion(name: str) -> Measure:
    """The measure called `name`, if models can be chosen by it on validation. Raises SettingsError."""
    found = measure(name)
    if found.metric.chooses:
        return found
    possible = ", ".join(metric.name for metric in METRICS if metric.chooses)
    raise SettingsError(
        f"metric {name!r}: expected one to choose by ({possible}), found one that is not better the higher "
        "or looks at more than the ranks of the positives",
        hint="choose by ndcg@10 for instance; `awe evaluate --metric` takes all of them",
    )


def measures(names: Iterable[str], at: Sequence[int]) -> list[Measure]:
    """The measures called `names`, each once; one that needs a k and names none is taken at each of `at`.

    Raises SettingsError for a name or a k that cannot be.
    """
    found: dict[str, Measure] = {}
    for name in names:
        stem, mark, cut = name.strip().lower().partition("@")
        metric = _metric(stem, name)
        if mark and not metric.cut:
            raise SettingsError(
                f"metric {name!r}: {stem} looks at the whole ranking, not at the first k labels",
                hint=f"write {stem}",
            )
        ks: Iterable[int | None] = [_cut(cut, name)] if mark else at if metric.cut else [None]
        for k in ks:
            entry = Measure(metric, k)
            found.setdefault(entry.name, entry)
    return list(found.values())


def _metric(stem: str, name: str) -> Metric:
    known = {metric.name: metric for metric in METRICS}
    if stem in known:
        return known[stem]
    raise SettingsError(
        f"metric {name!r}: expected one of {', '.join(known)}, found {stem!r}",
        hint=did_you_mean(stem, known, "write for instance precision, ndcg@20 or map"),
    )


def _cut(text: str, name: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise SettingsError(
        f"metric {name!r}: expected a whole number of at least 1 after '@', found {text!r}",
        hint="write for instance ndcg@20",
    )
