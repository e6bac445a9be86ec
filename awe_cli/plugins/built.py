"""A built affinity from a user's file: its code is called, the result checked, and it builds like any other."""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.builders.base import LISTED, Arrays, Choice, KnownOnly, Resolved, Source
from awe_cli.builders.rows import AT_ONCE, WholeRows
from awe_cli.core.arrays import frozen
from awe_cli.engine.local import one_blas_thread
from awe_cli.errors import SettingsError
from awe_cli.matrices.matrix import Rows, n_rows, take_rows
from awe_cli.neighbors.table import parts_of, without_part
from awe_cli.plugins.file import GUIDE, VARIANT, file_of, given_of, stopped, values_of

# G of a built type in a file, with the checks of all that its code returns.
#
# The code is the user's, in numpy and not compiled. It gets read-only views, so that it cannot change the examples or
# the model.

_FEW = 3  # rows that are computed both in a block and by themselves
_CUT_OFF = "two negative factors of G · S would rank a label high; np.maximum(…, 0) cuts them off"
_DIVIDED = (
    "the weights of an x unlike all examples sum to 0; `divided` of awe_cli.builders.pair_sum gives 0 there"
)


class PluginRows(WholeRows):
    """G of one fit. Raises SettingsError where the code fails or returns an invalid G."""

    def __init__(self, own: Any, source: Source, keep: int) -> None:
        super().__init__(source, keep)
        self._own, self._kind = own, type(own)
        with one_blas_thread():
            self._G = call(self._kind, "build", own.build, read_only(source))
        if not callable(self._G):
            raise self._refused(
                f"expected `build` to return G, a function of x and skip, found {_described(self._G)}"
            )
        self._skips = _takes_two(self._G)

    def weigh(self, x: Rows, skip: NDArray[np.int64]) -> NDArray[np.float32]:
        """The checked G of these rows."""
        arguments = (frozen(x), frozen(skip)) if self._skips else (frozen(x),)
        G = call(self._kind, "G", self._G, *arguments)
        shape = (n_rows(x), self._source.n_labels)
        if not isinstance(G, np.ndarray) or (G.dtype, G.shape) != (np.float32, shape):
            raise self._refused(
                f"expected of G a float32 array {shape}, a number for each row of x and each label, found "
                + _described(G),
                hint="`.astype(np.float32)` makes one of doubles",
            )
        if not (G.min(initial=0) >= 0 and G.max(initial=0) < np.inf):
            row, label = np.argwhere((G < 0) | ~np.isfinite(G))[0]
            raise self._refused(
                f"expected finite numbers of at least 0, found {G[row, label]} for {self._row(row, skip)} "
                f"and label {label} (counted from 0)",
                hint=_CUT_OFF if G[row, label] < 0 else _DIVIDED,
            )
        return G

    def try_out(self) -> None:
        """Check some training examples by themselves and in a block, and with and without leaving them out."""
        examples = self._source.examples
        rows = np.flatnonzero(np.diff(examples.positives.indptr))[:AT_ONCE]
        x, none = take_rows(examples.x, rows), np.full(len(rows), -1)
        with one_blas_thread():
            G = self.weigh(x, rows)
            for some in (np.arange(len(rows))[:_FEW], np.arange(len(rows))[-1:]):
                self._compare(G[some], self.weigh(take_rows(x, some), rows[some]), rows[some])
            if not self._skips or not len(rows):
                return
            parts, n_items = parts_of(examples), np.diff(examples.positives.indptr)[rows]
            for query in (without_part(x, parts, part, n_items) for part in range(parts)):
                if not np.array_equal(self.weigh(query, rows), self.weigh(query, none)):
                    return
        raise self._refused(
            f"expected G to leave out training example skip[q] of row q, found the same numbers as without skip, "
            f"for the first {len(rows)} examples",
            hint="an example that is part of its own G ranks better than new input will; a G that uses no training "
            "example is a function of x alone",
        )

    def _compare(self, block: NDArray[np.float32], alone: NDArray[np.float32], skip: NDArray) -> None:
        for row, label in np.argwhere(block != alone)[:1]:
            raise self._refused(
                f"expected the same G of a row in any block of rows, found {block[row, label]!s} in one and "
                f"{alone[row, label]!s} in another, for {self._row(row, skip)} and label {label} (counted from 0)",
                hint="products of dense arrays are summed in an order that depends on their shape, and random numbers "
                "need a seed; `Compared` of awe_cli.builders.pair_sum, np.einsum and scipy's sparse products have a "
                "fixed order",
            )

    def _row(self, row: int, skip: NDArray[np.int64]) -> str:
        if skip[row] < 0:
            return f"row {row} of x"
        return f"training example {self._source.examples.ids[int(skip[row])].as_py()!r}"

    def _refused(self, what: str, hint: str | None = None) -> SettingsError:
        resolved = ", ".join(f"{field}={value}" for field, value in self._own._asdict().items())
        return SettingsError(
            f"--affinity: {file_of(self._kind)}: {self._kind.__qualname__}({resolved}): {what}",
            hint=f"{hint}; {GUIDE}" if hint else GUIDE,
        )


def read_only(source: Source) -> Source:
    """A copy of the source with read-only arrays."""
    examples = source.examples
    views = {name: frozen(getattr(examples, name)) for name in ("x", "positives", "seen", "y", "drawn")}
    return replace(source, state=frozen(source.state), examples=replace(examples, **views))


def call(kind: Any, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a function of the file of a type. Raises SettingsError with the line at which it failed."""
    try:
        with np.errstate(all="ignore"):  # the returned numbers are checked
            return function(*arguments)
    except (Exception, SystemExit) as error:
        expected = f"`{name}` of {kind.__qualname__} must return without an error"
        raise stopped(file_of(kind), error, f"in `{name}`", expected) from error


def _takes_two(function: Callable[..., Any]) -> bool:
    """Whether a function can be called with two arguments, or has no signature."""
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _described(found: Any) -> str:
    return f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else reprlib.repr(found)


# The builder of a type in a file with a method `build`.


def parameters_of_built(kind: Any, resolved: Sequence[str] | None) -> dict[str, Any]:
    """A value for each field of a type; None for one that is not given where the type has `choices`.

    Raises SettingsError for an invalid name or value.
    """
    values, given = values_of(kind, resolved or ()), given_of(resolved or ())
    return {name: value if name in given or not _chooses(kind) else None for name, value in values.items()}


class PluginBuilder:
    """The builder of a type; `values` as `parameters_of_built` has them."""

    def __init__(self, kind: Any, values: Mapping[str, Any]) -> None:
        self._kind = kind
        self._given = {name: value for name, value in values.items() if value is not None}

    def idle(self, resolved: Resolved, described: bool) -> dict[str, str]:
        """None: how the type uses its parameters is not known."""
        return {}

    def choices(self, resolved: Resolved, source: Source) -> list[Choice]:
        """The distinct variants of the type's `choices`, with given values in place of theirs."""
        first = self._as_given({})
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
        found = [self._as_given(variant._asdict()) for variant in variants]
        return [choice for place, choice in enumerate(found) if choice not in found[:place]]

    def known_only(self, resolved: Resolved, choice: Choice) -> KnownOnly:
        """G has values only for labels that were prepared."""
        return LISTED

    def fit(self, resolved: Resolved, source: Source, choice: Choice) -> Arrays:
        """The parameters, (1,) each; G of some examples is checked first."""
        PluginRows(self._kind(**choice), source, resolved["keep"]).try_out()
        return {name: np.array([value]) for name, value in choice.items()}

    def open(self, resolved: Resolved, source: Source, arrays: Arrays) -> PluginRows:
        """G of one fit."""
        return PluginRows(self._kind(**self.describe(arrays)), source, resolved["keep"])

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """The parameters."""
        return {name: array[0].item() for name, array in arrays.items()}

    def _as_given(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A value for each field: the given one, else that of `values`, else the default."""
        given = {**values, **self._given}
        return values_of(self._kind, [f"{name}={value}" for name, value in given.items()], VARIANT)


def _chooses(kind: Any) -> bool:
    return callable(getattr(kind, "choices", None))
