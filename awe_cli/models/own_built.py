"""A user's own affinity that is built: a type in a file with a method `build`, as a builder like awe's own."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from awe_cli.building.builder import LISTED, Arrays, Choice, KnownOnly, Source, Told
from awe_cli.errors import SettingsError
from awe_cli.models.own_affinity import VARIANT, given_of, values_of
from awe_cli.models.own_file import GUIDE, file_of
from awe_cli.models.own_rows import OwnRows, call, read_only


def parameters_of_built(kind: Any, told: Sequence[str] | None) -> dict[str, Any]:
    """A value for each field of a type; None for one that nobody told, where the type says what to choose from.

    Raises SettingsError for what cannot be told.
    """
    values, given = values_of(kind, told or ()), given_of(told or ())
    return {name: value if name in given or not _chooses(kind) else None for name, value in values.items()}


class OwnBuilder:
    """The builder of a type; `values` as `parameters_of_built` has them."""

    def __init__(self, kind: Any, values: Mapping[str, Any]) -> None:
        self._kind = kind
        self._told = {name: value for name, value in values.items() if value is not None}

    def idle(self, told: Told, described: bool) -> dict[str, str]:
        """None: what the type does with its parameters is not known."""
        return {}

    def choices(self, told: Told, source: Source) -> list[Choice]:
        """The variants that the type names, each once, with what was told in place of what they say."""
        first = self._as_told({})
        if not _chooses(self._kind):
            return [first]
        own = self._kind(**first)
        variants = call(self._kind, "choices", own.choices, read_only(source))
        are_variants = isinstance(variants, list | tuple) and all(type(one) is self._kind for one in variants)
        if not are_variants or not variants:
            name = self._kind.__qualname__
            raise SettingsError(
                f"--affinity: {file_of(self._kind)}: expected of `choices` a list of one or more {name}, "
                f"found {reprlib.repr(variants)}",
                hint=f"self._replace(…) makes them; {GUIDE}",
            )
        found = [self._as_told(variant._asdict()) for variant in variants]
        return [choice for place, choice in enumerate(found) if choice not in found[:place]]

    def known_only(self, told: Told, choice: Choice) -> KnownOnly:
        """The type's code names labels as they were prepared."""
        return LISTED

    def fit(self, told: Told, source: Source, choice: Choice) -> Arrays:
        """The parameters, (1,) each, once G of some examples has been looked at."""
        OwnRows(self._kind(**choice), source, told["keep"]).try_out()
        return {name: np.array([value]) for name, value in choice.items()}

    def open(self, told: Told, source: Source, arrays: Arrays) -> OwnRows:
        """G of one fit."""
        return OwnRows(self._kind(**self.describe(arrays)), source, told["keep"])

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """The parameters."""
        return {name: array[0].item() for name, array in arrays.items()}

    def _as_told(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A value for each field: as told, else of `values`, else the default."""
        given = {**values, **self._told}
        return values_of(self._kind, [f"{name}={value}" for name, value in given.items()], VARIANT)


def _chooses(kind: Any) -> bool:
    return callable(getattr(kind, "choices", None))
