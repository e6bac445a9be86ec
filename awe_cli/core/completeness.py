"""Which formulas an affinity type still lacks to be trained and scored by the kernels."""

from __future__ import annotations

from awe_cli.core import families, interface, pairs

_ALWAYS = (
    interface.score,
    interface.gradient,
    interface.score_from_dot,
    interface.is_monotone,
    interface.upper_bound,
    interface.factors_through_projection,
    interface.is_featurewise,
    interface.directions,
    interface.n_tables,
    interface.queries_per_example,
    interface.load,
    interface.clear,
    pairs.weighs_pairs,
    pairs.pair_share,
)
# The formulas that the score of each family is computed from.
_FAMILIES = (
    (families.whole_score, (interface.value, interface.slope)),
    (families.summed_score, (interface.feature_value, interface.feature_slope)),
    (families.score_of_form, (interface.form, interface.form_slopes)),
)


def formulas_of(params_type: type) -> tuple[str, str]:
    """The names of the formulas for f and for its slope that the author of this type has to write."""
    for score, needed in _FAMILIES:
        if interface.score.registry.get(params_type) is score:
            f, slope = needed
            return f.__name__, slope.__name__
    return interface.score.__name__, interface.gradient.__name__


def missing_formulas(params_type: type) -> list[str]:
    """The names of the formulas that this type does not implement, those of its family included."""
    wanted = list(_ALWAYS)
    for score, needed in _FAMILIES:
        if interface.score.registry.get(params_type) is score:
            wanted += needed
    return [formula.__name__ for formula in wanted if params_type not in formula.registry]
