"""A user's own affinity is tried before anything is learned: indices, compilation, and numbers that are finite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.examples import Examples
from awe_cli.data.matrix import Rows
from awe_cli.errors import AweError, SettingsError
from awe_cli.kernels.complete import formulas_of
from awe_cli.kernels.epoch import State
from awe_cli.kernels.interface import gradient, lays_out, rate, score
from awe_cli.kernels.interpreted import interpreted
from awe_cli.kernels.pairs import link_pairs, weighs_pairs
from awe_cli.models.own_file import GUIDE, refused, where
from awe_cli.ranking.embedding import EmbeddingRanker
from awe_cli.training.corners import corner
from awe_cli.training.epochs import epochs
from awe_cli.training.plan import Plan
from awe_cli.training.state import arrays_of

_EVERYWHERE = f"f and its slope must be numbers for any s, 0 and below too; {GUIDE}"


def try_out(path: Path, own: Any, affinity: Any, examples: Examples, state: State, plan: Plan) -> None:
    """Score and learn these few examples from `state`, which is changed. Raises SettingsError where that fails.

    own       the affinity of the file
    affinity  what the kernels take: the same, or with a floor
    """
    if lays_out(own):
        raise SettingsError(
            f"--affinity: {path}: {type(own).__qualname__} lays out tables of G, which a file's affinity cannot",
            hint=f"declare it with without_table; {GUIDE}",
        )
    _check_indices(path, affinity, state, examples.y)
    turned = [state._replace(U=U) for U in (state.U, -state.U, np.zeros_like(state.U))]
    try:
        reach = max(_check_scores(path, own, affinity, examples, each) for each in turned)
        for each in turned[:2]:
            report = next(epochs(affinity, examples, each, replace(plan, epochs=1), threads=1))
            if not np.isfinite(report.loss) or not all(map(_is_finite, arrays_of(each).values())):
                raise _no_number(path, own, 1, "no finite number", f"some s from -{reach:.4g} to {reach:.4g}")
    except AweError:
        raise
    except Exception as error:  # numba has no one type for what it cannot compile
        raise refused(path, error) from error


def _check_indices(path: Path, affinity: Any, state: State, y: Rows | None) -> None:
    """Every formula once by Python, which sees an index beyond the end of an array."""
    for x in (1.0, -1.0):
        case, slopes = corner(state, y, x)
        if weighs_pairs(affinity):
            interpreted(link_pairs)(case)
        for label in (0, len(case.V) - 1):
            s = np.float32(case.z @ case.V[label])
            for formula, *point in (
                (rate, s, case, label),
                (score, case, label, -1),
                (score, case, label, 0),
                (gradient, case, label, -1, np.float32(1), slopes),
            ):
                _check_index(path, formula, affinity, *point)


def _check_index(path: Path, formula: Any, affinity: Any, *point: Any) -> None:
    try:
        with np.errstate(all="ignore"):
            interpreted(formula)(affinity, *point)
    except IndexError as error:
        raise SettingsError(
            f"--affinity: {path}, {where(error, path)}: {error}",
            hint=f"compiled, it would read or write memory that is not the array's; {GUIDE}",
        ) from error
    except Exception:
        return  # compiled, a division by 0 raises nothing, and what cannot be compiled is said with its line


def _check_scores(path: Path, own: Any, affinity: Any, examples: Examples, state: State) -> float:
    """The greatest |s| of these examples, for all of which f is a number."""
    ranker = EmbeddingRanker(affinity, state.U, state.V, learned=state.learned, y=examples.y)
    f, s = ranker.scores(examples.x)
    assert s is not None
    for e, label in np.argwhere(~np.isfinite(f))[:1]:
        raise _no_number(path, own, 0, str(f[e, label]), f"s = {s[e, label]:.4g}")
    return float(np.abs(s).max(initial=0))


def _is_finite(array: NDArray[Any]) -> bool:
    return bool(np.isfinite(array).all())


def _no_number(path: Path, own: Any, formula: int, found: str, point: str) -> SettingsError:
    name = formulas_of(type(own))[formula]
    told = ", ".join(f"{field}={value}" for field, value in own._asdict().items())
    return SettingsError(
        f"--affinity: {path}: {name} of {type(own).__qualname__}({told}) gives {found} for {point}",
        hint=_EVERYWHERE,
    )
