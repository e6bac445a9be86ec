"""What scripts of benchmarks/ measure by awe commands of their own."""

from __future__ import annotations

from benchmarks.reproduce.shape import Data, Listing

PAIRS = Data("memorise", "Each pair of n labels is the answer of one query", "")
CRANFIELD = Data(
    "cranfield",
    "Cranfield: 1,400 documents, 225 queries, five folds by query",
    "",
    tuple(f"cranfield/{name}.parquet" for name in ("queries", "documents", "relevance")),
)
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
    Listing(
        "cranfield",
        "Retrieval: Cranfield",
        "AWE §4: supervised semantic indexing, and a low rank beside the identity, against tf-idf and BM25. What is "
        "open is chosen by MAP on the validation queries of each fold, and tested once.",
        CRANFIELD,
        (),
        "python benchmarks/cranfield.py {data}/cranfield {workspace}",
    ),
)
