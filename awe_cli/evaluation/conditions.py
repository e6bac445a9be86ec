"""Conditions of a promotion: `ndcg@20 >= champion - 0.002`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from awe_cli.errors import SettingsError
from awe_cli.metrics.metrics import measures

_CONDITION = re.compile(r"\s*([\w@-]+)\s*(>=|<=|>|<)\s*(\S.*?)\s*")
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_OFFSET = re.compile(rf"(.+?)\s*([-+])\s*({_NUMBER})")
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_EXAMPLE = 'for example --if "ndcg@20 >= champion - 0.002" or --if "recall@10 > 0.15"'


@dataclass(frozen=True)
class Condition:
    """METRIC sign NUMBER, or METRIC sign MODEL + NUMBER.

    measure  with its k, as "ndcg@20"
    model    the model or alias to compare with; None where the bound is a number
    bound    the number, or what is added to the value of `model`
    """

    text: str
    measure: str
    sign: str
    model: str | None
    bound: float


@dataclass(frozen=True)
class Verdict:
    """Whether a condition holds, and the line that says why."""

    holds: bool
    line: str


def parse_condition(text: str, known: Collection[str]) -> Condition:
    """The condition in `text`. `known` are names of models: "a-0.5" is one if it is known, else a minus 0.5.

    Raises SettingsError for what is no condition, for an unknown measure and for one without its k.
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise SettingsError(
            f"--if: expected METRIC >= NUMBER or METRIC >= MODEL - NUMBER (also >, <=, <), found {text!r}",
            hint=_EXAMPLE,
        )
    taken = measures([match[1]], ())
    if len(taken) != 1:
        raise SettingsError(
            f"--if: expected one measure with its k, such as {match[1]}@20, found {match[1]!r}", hint=_EXAMPLE
        )
    model, bound = _right_side(match[3], known)
    if not math.isfinite(bound):
        raise SettingsError(f"--if: expected a finite number, found {match[3]!r}", hint=_EXAMPLE)
    return Condition(text.strip(), taken[0].name, match[2], model, bound)


def judge_condition(
    condition: Condition, document: Mapping[str, Any], candidate: str, confident: bool
) -> Verdict:
    """Apply a condition to the comparison of `candidate` with the model that the condition names.

    The difference is taken over the examples that both models were judged on. With `confident` it is the worse
    end of its interval that counts. Measures of the whole set (coverage) have no interval.
    """
    compare = _COMPARE[condition.sign]
    value = float(document["models"][candidate]["metrics"][condition.measure])
    found = f"{condition.measure} of {candidate} is {value:.4f}"
    if condition.model is None:
        return _verdict(condition, compare(value, condition.bound), found)
    base = float(document["models"][condition.model]["metrics"][condition.measure])
    found = f"{found}, of {condition.model} {base:.4f}"
    interval = document["differences"].get(candidate, {}).get(condition.measure)
    difference = value - base if interval is None else interval["difference"]
    if interval is not None:
        found += f"; difference {difference:+.4f} [{interval['low']:+.4f}, {interval['high']:+.4f}]"
        if confident:
            difference = interval["low" if condition.sign.startswith(">") else "high"]
    return _verdict(condition, compare(difference, condition.bound), found)


def _verdict(condition: Condition, holds: bool, found: str) -> Verdict:
    return Verdict(holds, f"{condition.text}: {'met' if holds else 'not met'} ({found})")


def _right_side(text: str, known: Collection[str]) -> tuple[str | None, float]:
    try:
        return None, float(text)
    except ValueError:
        pass
    match = None if text in known else _OFFSET.fullmatch(text)
    model, offset = (match[1], float(match[2] + match[3])) if match else (text, 0.0)
    if not re.fullmatch(r"[\w.-]+", model):
        raise SettingsError(
            f"--if: expected a number, or a model and what to add, found {text!r}", hint=_EXAMPLE
        )
    return model, offset
