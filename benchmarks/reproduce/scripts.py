"""What scripts of benchmarks/ measure by awe commands of their own."""

from __future__ import annotations

from benchmarks.reproduce.shape import Data, Listing

PAIRS = Data("memorise", "Each pair of n labels is the answer of one query", "")
SCRIPTS = (
    Listing(
        "memorise",
        "What low dimensions cannot learn by heart",
        "AWE §3 and §4: an embedding of few dimensions cannot keep apart what pairs of features can. Each query is a "
        "feature of its own, asked as it was learned; recall@2 of the linear model, of pair weights that are added and "
        "learned, and of the neighbours in the linear model's own embedding.",
        PAIRS,
        (),
        "python benchmarks/memorise.py",
    ),
)
