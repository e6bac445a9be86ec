"""The settings of `awe prepare`."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting


@dataclass(frozen=True)
class PrepareSettings:
    """Which columns hold what, how to split, and how input becomes features. The files are arguments."""

    user: str | None = setting(None, help="Column of the person, in interactions.", auto="none")
    item: str | None = setting(
        None, help="Column of the item that the person chose, in interactions.", auto="none"
    )
    weight: str | None = setting(
        None,
        help="Column of a weight above 0: of an interaction, such as plays; of an annotated example in learning.",
        auto="none",
    )
    text: str | None = setting(None, help="Column of text, or several joined, as title,body.", auto="none")
    features: tuple[str, ...] | None = setting(
        None, help='Numeric columns by name or glob ("f*"), or one column of lists.', auto="none"
    )
    sparse: str | None = setting(
        None,
        help="INDICES:VALUES, columns with lists of feature names and of values; INDICES alone: each counts 1.",
        auto="none",
    )
    labels: str | None = setting(
        None, help="Column of labels: a list, a delimited text, or one label a row.", auto="none"
    )
    label_separator: str | None = setting(
        None,
        help="What separates labels in a text: characters, tab, space; list: as Python or JSON writes lists.",
        auto="none, each text is one label",
    )
    holdout: int | None = setting(
        None,
        help="Number of items of each person that go to test at random, where the person has twice as many.",
        auto="none",
        min=1,
    )
    test_fraction: float | None = setting(
        None,
        help="Share of the examples, or of each person's items, that goes to test at random.",
        auto="0.2 where no split is named",
        above=0,
        below=1,
    )
    update: bool = setting(
        False,
        help="Make the next version of the dataset that is there: old rows keep their splits, labels keep their order.",
        flag="--update/--no-update",
    )

    # Columns
    time: str | None = setting(
        None,
        help="Column of the time of an interaction, for --holdout-last and --half-life.",
        auto="none",
        panel="Columns",
    )
    half_life: float | None = setting(
        None,
        help="Days in which an interaction loses half of its weight, counted back from the latest one; needs --time.",
        auto="none",
        above=0,
        panel="Columns",
    )
    categories: tuple[str, ...] | None = setting(
        None,
        help="Columns of categories: each value is a feature, alone or beside --sparse or --text.",
        auto="none",
        panel="Columns",
    )
    id: str | None = setting(
        None,
        help="Column of the example's id; rows with the same id are one example.",
        auto="the row number, from 1",
        panel="Columns",
    )

    # Splits
    split: str | None = setting(
        None, help="Column of the split of each row: train, valid or test.", auto="none", panel="Splits"
    )
    holdout_last: int | None = setting(
        None,
        help="Number of each person's latest items, by --time, that go to test.",
        auto="none",
        min=1,
        panel="Splits",
    )
    valid_fraction: float | None = setting(
        None,
        help="Share of the rest that goes to valid at random; 0 for none.",
        auto="one item of each person with 3 or more (the latest with --holdout-last), 0.1 of the examples",
        min=0,
        below=1,
        panel="Splits",
    )
    seed: int = setting(0, help="Seed of the random splits.", min=0, panel="Splits")

    # Choosing rows
    min_weight: float | None = setting(
        None,
        help="Leave out interactions of a smaller weight, such as low ratings; needs --weight.",
        auto="none: each weight must be above 0",
        above=0,
        panel="Choosing rows",
    )
    min_per_user: int | None = setting(
        None,
        help="Leave out people with fewer items; repeated with --min-per-item until no more leave.",
        auto="1",
        min=1,
        panel="Choosing rows",
    )
    min_per_item: int | None = setting(
        None, help="Leave out items that fewer people chose.", auto="1", min=1, panel="Choosing rows"
    )
    skip_bad_rows: int | None = setting(
        None,
        help="Number of rows that cannot be read and may be left out.",
        auto="0: the first is an error",
        min=0,
        panel="Choosing rows",
    )

    # Reading files
    format: str | None = setting(
        None,
        help="Format of the files.",
        auto="detected in the files",
        choices=("parquet", "csv", "tsv", "jsonl", "libsvm", "trec", "fasttext", "annif"),
        panel="Reading files",
    )
    separator: str | None = setting(
        None,
        help="What separates the cells of delimited text: one or more characters, or tab, space, pipe.",
        auto="what cuts the first lines evenly: tab , ; | :: or spaces",
        panel="Reading files",
    )
    columns: tuple[str, ...] | None = setting(
        None,
        help="Names of the columns, in their order, for files without a header.",
        auto="the first row",
        panel="Reading files",
    )
    encoding: str | None = setting(
        None,
        help="Encoding of text files, such as latin-1 or cp1252.",
        auto="UTF-8, or what a byte order mark says",
        panel="Reading files",
    )
    quoting: str = setting(
        "auto",
        help="Meaning of quotes around cells: auto, they must close in CSV and are letters elsewhere unless "
        "they close; none, they are letters; standard, they must close.",
        choices=("auto", "none", "standard"),
        panel="Reading files",
    )
    sparse_separator: str | None = setting(
        None,
        help="What separates entries of a sparse column in a text; list, for lists as Python or JSON writes them.",
        auto="spaces",
        panel="Reading files",
    )

    # Scaling and text
    scaling: str | None = setting(
        None,
        help="Scaling of x: rows to length 1 (l2) or sum 1 (l1); dense features to mean 0, deviation 1 (standard).",
        auto="standard for dense features, else l2",
        choices=("none", "l1", "l2", "standard"),
        panel="Scaling and text",
    )
    weight_transform: str = setting(
        "log",
        help="Transform of weights before scaling: log(1 + w), w, or 1.",
        choices=("log", "none", "binary"),
        panel="Scaling and text",
    )
    bias: bool = setting(
        True,
        help="Whether a constant feature is added; histories of items never have one.",
        flag="--bias/--no-bias",
        panel="Scaling and text",
    )
    idf: bool | None = setting(
        None,
        help="Whether sparse features are multiplied by their inverse document frequency.",
        auto="for text",
        flag="--idf/--no-idf",
        panel="Scaling and text",
    )
    min_count: int | None = setting(
        None,
        help="Least number of training examples that a sparse feature must be in.",
        auto="2 for text, else 1",
        min=1,
        panel="Scaling and text",
    )
    hash_bits: int | None = setting(
        None,
        help="Hash words, sparse features and categories into 2^B buckets, in place of a vocabulary.",
        auto="none: each has a name",
        min=1,
        max=30,
        panel="Scaling and text",
    )
    sublinear: bool = setting(
        True,
        help="Whether a word that occurs c times in a text counts 1 + log c rather than c.",
        flag="--sublinear/--no-sublinear",
        panel="Scaling and text",
    )
    stop_words: str = setting(
        "english",
        help="Words of a text to leave out: none, english, or a file with a word a line.",
        panel="Scaling and text",
    )
    stem: str = setting(
        "none",
        help="Language by whose rules words are cut to their stems, such as english: flows, flowing become flow.",
        panel="Scaling and text",
    )
    token_characters: str = setting(
        "\\p{L}\\p{N}",
        help="Characters that words consist of: the inside of a character class.",
        panel="Scaling and text",
    )

    # Label file
    label_file: str | None = setting(
        None,
        help="File with a row for each label or item, with features that describe it.",
        auto="none",
        panel="Label file",
    )
    label_id: str | None = setting(
        None,
        help="Column of the label's or item's id in the label file.",
        auto="the column named by --item or --labels, label, item or id",
        panel="Label file",
    )
    label_text: str | None = setting(
        None,
        help="Column of the label's text, or several joined, as title,body.",
        auto="text, where there is one",
        panel="Label file",
    )
    label_sparse: str | None = setting(
        None,
        help="Columns of the label's sparse features, as --sparse names them, such as genres.",
        auto="none",
        panel="Label file",
    )
    label_features: tuple[str, ...] | None = setting(
        None, help="Numeric columns of the label, as --features names them.", auto="none", panel="Label file"
    )
    label_categories: tuple[str, ...] | None = setting(
        None,
        help="Columns of the label's categories, as --categories names them, such as brand.",
        auto="none",
        panel="Label file",
    )
    label_scaling: str | None = setting(
        None,
        help="Scaling of the label's features, as --scaling; none: more features make a longer row.",
        auto="standard for dense features, else l2",
        choices=("none", "l1", "l2", "standard"),
        panel="Label file",
    )
    label_identity: bool | None = setting(
        None,
        help="Whether each label is also a feature of itself, to learn what its features do not say.",
        auto="yes",
        flag="--label-identity/--no-label-identity",
        panel="Label file",
    )
    label_columns: tuple[str, ...] | None = setting(
        None,
        help="Names of the columns of the label file, where it has no header.",
        auto="the first row",
        panel="Label file",
    )

    # User file
    user_file: str | None = setting(
        None,
        help="File with a row for each person, with features that help to rank for them, and for new people.",
        auto="none",
        panel="User file",
    )
    user_id: str | None = setting(
        None,
        help="Column of the person's id in the user file.",
        auto="the column named by --user, user or id",
        panel="User file",
    )
    user_text: str | None = setting(
        None, help="Column of a text about the person.", auto="text, where there is one", panel="User file"
    )
    user_sparse: str | None = setting(
        None,
        help="Columns of the person's sparse features, as --sparse names them.",
        auto="none",
        panel="User file",
    )
    user_features: tuple[str, ...] | None = setting(
        None, help="Numeric columns of the person, as --features names them.", auto="none", panel="User file"
    )
    user_categories: tuple[str, ...] | None = setting(
        None,
        help="Columns of the person's categories, as --categories names them, such as country.",
        auto="none",
        panel="User file",
    )
    user_scaling: str | None = setting(
        None,
        help="Scaling of the person's features, as --scaling; their items are scaled by themselves.",
        auto="standard for dense features, else l2",
        choices=("none", "l1", "l2", "standard"),
        panel="User file",
    )
    user_columns: tuple[str, ...] | None = setting(
        None,
        help="Names of the columns of the user file, where it has no header.",
        auto="the first row",
        panel="User file",
    )

    # Retrieval
    queries: str | None = setting(
        None,
        help="File of queries; with --documents and --relevance the dataset is for retrieval.",
        auto="none",
        panel="Retrieval",
    )
    documents: str | None = setting(
        None, help="File of the documents that are ranked for a query.", auto="none", panel="Retrieval"
    )
    relevance: str | None = setting(
        None,
        help="File of pairs: the query's id, the document's id, and optionally a grade.",
        auto="none",
        panel="Retrieval",
    )
    grade: str | None = setting(
        None,
        help="Column of the grade g of a pair: relevant where it is above 0; ndcg gives it the gain 2^g - 1.",
        auto="relevance, grade or score, where there is one; else all pairs are relevant",
        panel="Retrieval",
    )
    query_id: str | None = setting(
        None,
        help="Column of the query's id; A,B where it is called A in one file and B in the other.",
        auto="query, query_id, query-id, qid, _id or id",
        panel="Retrieval",
    )
    document_id: str | None = setting(
        None,
        help="Column of the document's id; A,B where it is called A in one file and B in the other.",
        auto="document, document_id, corpus-id, doc_id, docid, _id or id",
        panel="Retrieval",
    )
    query_text: str | None = setting(
        None,
        help="Column of the query's text, or several joined, as title,body.",
        auto="text, where there is one",
        panel="Retrieval",
    )
    document_text: str | None = setting(
        None,
        help="Column of the document's text, or several joined, as title,body.",
        auto="text, where there is one",
        panel="Retrieval",
    )
    query_sparse: str | None = setting(
        None,
        help="Columns of the query's sparse features, as --sparse names them.",
        auto="none",
        panel="Retrieval",
    )
    document_sparse: str | None = setting(
        None,
        help="Columns of the document's sparse features, as --sparse names them.",
        auto="none",
        panel="Retrieval",
    )
    query_features: tuple[str, ...] | None = setting(
        None, help="Numeric columns of the query, as --features names them.", auto="none", panel="Retrieval"
    )
    document_features: tuple[str, ...] | None = setting(
        None,
        help="Numeric columns of the document, as --features names them.",
        auto="none",
        panel="Retrieval",
    )
    query_columns: tuple[str, ...] | None = setting(
        None,
        help="Names of the columns of the file of queries, where it has no header.",
        auto="the first row",
        panel="Retrieval",
    )
    document_columns: tuple[str, ...] | None = setting(
        None,
        help="Names of the columns of the file of documents, where it has no header.",
        auto="the first row",
        panel="Retrieval",
    )
    relevance_columns: tuple[str, ...] | None = setting(
        None,
        help="Names of the columns of the file of pairs, where it has no header.",
        auto="the first row; TREC files need none",
        panel="Retrieval",
    )

    # Relations between labels
    isa: str | None = setting(
        None,
        help="File with the columns child and parent, a hierarchy of labels, for the metric psib@k.",
        auto="none",
        panel="Relations between labels",
    )
    similarity: str | None = setting(
        None,
        help="File with the columns label, other and similarity (0 to 1), for psib@k in place of --isa.",
        auto="none",
        panel="Relations between labels",
    )


# Settings of the comparison with the dataset before. They decide no byte of the dataset.


@dataclass(frozen=True)
class DriftSettings:
    """How far a dataset may be from the one before it, of the same columns, without a warning."""

    drift_counts: float = setting(
        0.3,
        help="Greatest change of a count or a mean, as a share of what it was.",
        min=0,
        panel="Drift",
    )
    drift_new: float = setting(
        0.3, help="Greatest share of people, items or labels that are new.", min=0, max=1, panel="Drift"
    )
    drift_dropped: float = setting(
        0.05,
        help="Greatest rise of the share of rows that are left out, or that repeat others.",
        min=0,
        max=1,
        panel="Drift",
    )
    fail_on_drift: bool = setting(
        False,
        help="End with code 65 beyond these limits; the dataset before stays.",
        panel="Drift",
    )
