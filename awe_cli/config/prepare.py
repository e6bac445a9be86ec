"""The settings of `awe prepare`."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting


@dataclass(frozen=True)
class PrepareSettings:
    """Which columns hold what, how to split, and how input becomes features. The files are arguments."""

    user: str | None = setting(None, help="Column of the person.", auto="none")
    item: str | None = setting(None, help="Column of the item the person chose.", auto="none")
    weight: str | None = setting(None, help="Column of a weight above 0, such as plays.", auto="none")
    time: str | None = setting(
        None, help="Column of the time, for --holdout-last and --half-life.", auto="none"
    )
    half_life: float | None = setting(
        None,
        help="Days in which an interaction loses half of its weight, counted back from the latest; needs "
        "--time.",
        auto="none",
        above=0,
    )
    min_weight: float | None = setting(
        None,
        help="Leave out interactions of a smaller weight, such as low ratings; needs --weight.",
        auto="none: each weight must be above 0",
        above=0,
        panel="Choosing rows",
    )
    min_per_user: int | None = setting(
        None,
        help="Leave out people with fewer items; repeated with --min-per-item until no one is left out.",
        auto="1",
        min=1,
        panel="Choosing rows",
    )
    min_per_item: int | None = setting(
        None, help="Leave out items that fewer people chose.", auto="1", min=1, panel="Choosing rows"
    )
    update: bool = setting(
        False,
        help="The next version of the dataset that is there: old splits and the order of labels stay.",
        flag="--update/--no-update",
    )
    features: tuple[str, ...] | None = setting(
        None, help='Numeric columns by name or glob ("f*"), or one list column.', auto="none"
    )
    sparse: str | None = setting(
        None,
        help="INDICES:VALUES, the list columns of feature names and their values; INDICES alone: each "
        "counts 1.",
        auto="none",
    )
    text: str | None = setting(None, help="Column of text, or several, as title,body.", auto="none")
    labels: str | None = setting(
        None, help="Column of labels: a list, a delimited text, or one label a row.", auto="none"
    )
    label_separator: str | None = setting(
        None,
        help="What stands between labels in a text: characters, or tab, space; list, for lists as Python "
        "or JSON "
        "writes them.",
        auto="none, each text is one label",
    )
    id: str | None = setting(
        None,
        help="Column of the example's id; rows with the same id are one example.",
        auto="the row number, from 1",
    )
    queries: str | None = setting(None, help="File of queries: retrieval of documents.", auto="none")
    documents: str | None = setting(None, help="File of documents, for --queries.", auto="none")
    relevance: str | None = setting(
        None, help="File of pairs: the query's id, the document's id, and maybe a grade.", auto="none"
    )
    query_id: str | None = setting(
        None,
        help="Column of the query's id; A,B where it is A in one file and B in the other.",
        auto="query, query_id, query-id, qid, _id or id",
    )
    document_id: str | None = setting(
        None,
        help="Column of the document's id; A,B where it is A in one file and B in the other.",
        auto="document, document_id, corpus-id, doc_id, docid, _id or id",
    )
    query_text: str | None = setting(
        None, help="Column of the query's text, or several, as title,body.", auto="text, where there is one"
    )
    document_text: str | None = setting(
        None,
        help="Column of the document's text, or several, as title,body.",
        auto="text, where there is one",
    )
    query_sparse: str | None = setting(None, help="The same as INDICES:VALUES.", auto="none")
    document_sparse: str | None = setting(None, help="The same as INDICES:VALUES.", auto="none")
    query_features: tuple[str, ...] | None = setting(
        None, help="The same as numeric columns, or one list column.", auto="none"
    )
    document_features: tuple[str, ...] | None = setting(
        None, help="The same as numeric columns, or one list column.", auto="none"
    )
    grade: str | None = setting(
        None,
        help="Column of the grade of a pair: relevant is what is above 0.",
        auto="relevance, grade or score, where there is one; else all pairs are relevant",
    )
    label_file: str | None = setting(
        None, help="File with a row for each label (or item): what describes it.", auto="none"
    )
    label_id: str | None = setting(
        None,
        help="Column of the label in it.",
        auto="the column named by --item or --labels, label, item or id",
    )
    label_text: str | None = setting(
        None, help="Column of the label's text, or several, as title,body.", auto="text, where there is one"
    )
    label_sparse: str | None = setting(
        None, help="The same as INDICES:VALUES, or INDICES alone.", auto="none"
    )
    label_features: tuple[str, ...] | None = setting(
        None, help="The same as numeric columns, or one list column.", auto="none"
    )
    label_scaling: str | None = setting(
        None,
        help="Scale what describes labels, as --scaling does; none: more attributes make a longer row.",
        auto="standard for dense features, else l2",
        choices=("none", "l1", "l2", "standard"),
    )
    label_identity: bool | None = setting(
        None,
        help="Whether each label is a feature of itself besides, so that what is its own can be learned.",
        auto="yes",
        flag="--label-identity/--no-label-identity",
    )
    isa: str | None = setting(
        None,
        help="File with the columns child and parent: what labels are kinds of, for psib@k.",
        auto="none",
    )
    similarity: str | None = setting(
        None,
        help="File with the columns label, other and similarity (0 to 1): S of psib@k, in place of --isa.",
        auto="none",
    )
    split: str | None = setting(None, help="Column of the split: train, valid or test.", auto="none")
    holdout: int | None = setting(
        None,
        help="Items of each person with at least twice as many that go to test, at random.",
        auto="none",
        min=1,
    )
    holdout_last: int | None = setting(
        None, help="The same with the latest items by --time.", auto="none", min=1
    )
    test_fraction: float | None = setting(
        None, help="Share that goes to test, at random.", auto="0.2 where no split is named", above=0, below=1
    )
    valid_fraction: float | None = setting(
        None,
        help="Share of the rest that goes to valid, at random; 0 for none.",
        auto="one item of each person with 3 or more (the latest with --holdout-last), 0.1 of the examples",
        min=0,
        below=1,
    )
    seed: int = setting(0, help="Of the random splits.", min=0)
    format: str | None = setting(
        None,
        help="Format of the files.",
        auto="detected in the files",
        choices=("parquet", "csv", "tsv", "jsonl", "libsvm", "trec", "fasttext", "annif"),
    )
    separator: str | None = setting(
        None,
        help="What stands between cells of delimited text: one or more characters, or tab, space.",
        auto="what cuts the first lines evenly: tab , ; | :: or spaces",
    )
    columns: tuple[str, ...] | None = setting(
        None, help="Names of the columns of files without a header, in their order.", auto="the first row"
    )
    query_columns: tuple[str, ...] | None = setting(
        None, help="The same for --queries.", auto="the first row"
    )
    document_columns: tuple[str, ...] | None = setting(
        None, help="The same for --documents.", auto="the first row"
    )
    relevance_columns: tuple[str, ...] | None = setting(
        None, help="The same for --relevance.", auto="the first row; TREC files need none"
    )
    label_columns: tuple[str, ...] | None = setting(
        None, help="The same for --label-file.", auto="the first row"
    )
    encoding: str | None = setting(
        None,
        help="Encoding of text files, such as latin-1 or cp1252.",
        auto="UTF-8, or what a byte order mark says",
    )
    quoting: str = setting(
        "auto",
        help="What quotes around cells mean: auto, they must close in CSV, and are letters elsewhere if "
        "they do not; "
        "none, they are letters; standard, they must close.",
        choices=("auto", "none", "standard"),
    )
    sparse_separator: str | None = setting(
        None,
        help="What stands between the entries of --sparse, --label-sparse and the like in a text; "
        "list, for lists as Python or JSON writes them.",
        auto="spaces",
    )
    skip_bad_rows: int | None = setting(
        None,
        help="How many rows that cannot be read may be left out.",
        auto="0: the first is an error",
        min=0,
        panel="Choosing rows",
    )
    scaling: str | None = setting(
        None,
        help="Scale rows to length 1 (l2) or sum 1 (l1), or dense features to mean 0 and deviation 1.",
        auto="standard for dense features, else l2",
        choices=("none", "l1", "l2", "standard"),
    )
    bias: bool = setting(
        True, help="Add a constant feature (never in recommendation).", flag="--bias/--no-bias"
    )
    weight_transform: str = setting(
        "log",
        help="What weights become before scaling: log(1 + w), w, or 1.",
        choices=("log", "none", "binary"),
    )
    idf: bool | None = setting(
        None,
        help="Multiply sparse features by their inverse document frequency.",
        auto="for text",
        flag="--idf/--no-idf",
    )
    sublinear: bool = setting(
        True, help="A word that occurs c times counts 1 + log c (text).", flag="--sublinear/--no-sublinear"
    )
    stop_words: str = setting(
        "english", help="Words of a text to leave out: none, english, or a file of them."
    )
    min_count: int | None = setting(
        None, help="Training examples a sparse feature must be in.", auto="2 for text, else 1", min=1
    )
    token_characters: str = setting(
        r"\p{L}\p{N}", help="What words are made of: the inside of a character class."
    )
