"""The model card of exported vectors, in Markdown: what they are, and how labels are ranked with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from awe_cli.dataset.dataset import RECOMMENDATION
from awe_cli.report.tables import chosen_lines

_LOADED = {  # format → how the labels and the queries are read
    "npy": """import json
import numpy as np

labels, names = np.load("labels.npy"), json.load(open("labels.json"))
queries, ids = np.load("{queries}.npy"), json.load(open("{queries}.json"))
""",
    "parquet": """import numpy as np
import pyarrow.parquet as pq

def read(kind):
    table = pq.read_table(kind + ".parquet")
    return np.stack(table["vector"].to_numpy()), table["name"].to_pylist()

labels, names = read("labels")
queries, ids = read("{queries}")
""",
    "safetensors": """import json
import numpy as np
from safetensors.numpy import load_file

tensors = load_file("embeddings.safetensors")
labels, names = tensors["labels"], json.load(open("labels.json"))
queries, ids = tensors["{queries}"], json.load(open("{queries}.json"))
""",
    "word2vec": """from urllib.parse import unquote
from gensim.models import KeyedVectors

labels, queries = KeyedVectors.load_word2vec_format("labels.txt"), KeyedVectors.load_word2vec_format("{queries}.txt")
ids = [unquote(word) for word in queries.index_to_key]
""",
    "faiss": """import json
import faiss
import numpy as np

index, names = faiss.read_index("labels.faiss"), json.load(open("labels.json"))
queries, ids = np.load("{queries}.npy"), json.load(open("{queries}.json"))
""",
    "hnswlib": """import json
import hnswlib
import numpy as np

queries, ids = np.load("{queries}.npy"), json.load(open("{queries}.json"))
names = json.load(open("labels.json"))
index = hnswlib.Index(space="{space}", dim=queries.shape[1])
index.load_index("labels.hnswlib")
index.set_ef(200)  # the search is approximate: a greater number finds more
""",
}
_SCORED = {"inner-product": "labels @ q", "cosine": "labels @ q / (np.linalg.norm(labels, axis=1) * np.linalg.norm(q))",
           "euclidean": "-((labels - q) ** 2).sum(axis=1)"}  # fmt: skip
_ALL_SCORED = """q = queries[0]
scores = {scores}
best = [names[place] for place in (-scores).argsort(kind="stable")[:10]]"""
_SEARCHED = {
    "word2vec": "best = [unquote(word) for word, _ in labels.similar_by_vector(queries[0], topn=10)]",
    "faiss": "best = [names[place] for place in index.search(queries[:1], 10)[1][0] if place >= 0]",
    "hnswlib": "best = [names[place] for place in index.knn_query(queries[:1], min(10, len(names)))[0][0]]",
}
_FEATURES = {  # format → how U and the names of its rows are read, after the code above
    "npy": 'U, features = np.load("features.npy"), json.load(open("features.json"))',
    "parquet": 'U, features = read("features")',
    "safetensors": 'U, features = tensors["features"], json.load(open("features.json"))',
    "word2vec": """words = KeyedVectors.load_word2vec_format("features.txt")
U, features = words.vectors, [unquote(word) for word in words.index_to_key]""",
}
_NORMS = {"l2": ["x = x / (np.sqrt((x**2).sum()) or 1)"], "l1": ["x = x / (np.abs(x).sum() or 1)"]}
HNSW_SPACES = {"inner-product": "ip", "cosine": "cosine", "euclidean": "l2"}


def model_card(document: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """The card as Markdown.

    document  what `awe export --json` prints
    result    what the step that made the model chose
    """
    parts = [
        f"# Vectors of {document['model']}",
        f"{_made_by(document, result)}, which ranks labels for inputs, exported by awe {document['awe']}.",
        _facts(document, result),
        "## Files\n\n" + _files(document["files"], document["kinds"]),
        "## Ranking\n\n" + _ranking(document),
    ]
    code = _code(document)
    if code:
        parts.append(f"Run in this folder:\n\n```python\n{code}```")
    parts.append("## Input\n\n" + _input(document))
    return "\n\n".join(parts) + "\n"


def _made_by(document: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    what = "U and V of an affinity weighted embedding"
    return what if "affinity" in result else f"Factors of {document['model_type']}"


def _facts(document: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    dataset = f"{document['task']}, `{document['dataset']}`"
    if document["earlier_version"]:
        dataset += ", an earlier version: labels that came since have no vectors"
    rows = {
        "model": f"{document['model']}, `{document['digest']}`",
        "dataset": dataset,
        **_how(result),
        "fitted on": " and ".join(document["fit_on"]),
        "dimensions": f"{document['dim']}" + (" and one more, see below" if document["one_more"] else ""),
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items() if value]
    return "\n".join(["| | |", "|---|---|", *lines])


def _how(result: Mapping[str, Any]) -> dict[str, str]:
    """How the model was learned, by name."""
    if "affinity" not in result:
        return {"chosen": _listed(result["choice"])}
    affinity = result["affinity"]
    parameters = _listed({name: value for name, value in affinity.items() if name not in ("name", "members")})
    return {
        "affinity": affinity["name"] + (f" ({parameters})" if parameters else ""),
        "learned": "; ".join(chosen_lines(result)),
    }


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _files(files: Mapping[str, Sequence[str]], kinds: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [f"- {kind}: {about['what']}; {about['rows']:,} rows: {', '.join(f'`{name}`' for name in files[kind])}"
             for kind, about in kinds.items()]  # fmt: skip
    return "\n".join([*lines, "- `export.json`: this card for machines"])


def _ranking(document: Mapping[str, Any]) -> str:
    measure = document["measure"]
    how = {
        "inner-product": "the inner product q·v, the greatest first",
        "cosine": "cos(q, v), the greatest first",
        "euclidean": "the Euclidean distance ‖q − v‖, the least first",
    }[measure]
    text = f"The labels v of an input with the vector q are ranked by {how}."
    if not document["other_order"]:
        seen = "; without it, leave out what a user has" if document["task"] == RECOMMENDATION else ""
        text += f" That is the order of `awe predict --include-seen`{seen}."
    if document["one_more"]:
        text += (
            "\n\nVectors of labels have one number more, √(M² − ‖V_y‖²) with the greatest length M, so that all are as "
            "long; all other vectors have a 0 there. So the order is that of Ux·V_y. Among labels it is not that of "
            "their cosine: for labels that are alike leave the last number out, or export with "
            "`--measure inner-product`."
        )
    if document["other_order"]:
        text += (
            f"\n\n**The model ranks in another order**: {document['other_order']}. These vectors find candidates "
            "only; `awe predict` ranks by the whole model."
        )
    return text


def _code(document: Mapping[str, Any]) -> str:
    queries = next((kind for kind in ("users", "examples", "features") if kind in document["kinds"]), None)
    if queries is None or "labels" not in document["kinds"]:
        return ""
    format, measure = document["format"], document["measure"]
    loaded = _LOADED[format].format(queries=queries, space=HNSW_SPACES[measure])
    if "dtype" in document:
        loaded += "labels, queries = labels.astype(np.float32), queries.astype(np.float32)\n"
    search = _SEARCHED.get(format, _ALL_SCORED.format(scores=_SCORED[measure]))
    if format == "word2vec" and measure == "inner-product":  # gensim itself compares by cosine
        search = "scores = labels.vectors @ queries[0]\n"
        search += "best = [unquote(labels.index_to_key[place]) for place in (-scores).argsort()[:10]]"
    return f"{loaded}{search}\nprint(ids[0], best)\n"


def _input(document: Mapping[str, Any]) -> str:
    if document["fold_in"]:
        what = "the one that fits best with the vectors of labels and features as they are"
    else:
        what = "Ux = Σ_i x_i U_i over its features, with U in `features`"
    text = (
        f"The vector of an input is {what}. "
        "`awe_cli.Model.load(workspace, model).project(table)` makes it of tables as they were prepared"
    )
    code = _input_code(document)
    return f"{text}; without awe, go on with:\n\n```python\n{code}```" if code else f"{text}."


def _input_code(document: Mapping[str, Any]) -> str | None:
    """The function that makes the vector of new input, after the code that loads; None where it takes more."""
    if "features" not in document["kinds"] or document.get("user_features") or not _code(document):
        return None
    options = document["feature_options"]
    if options.get("hash_bits") is not None:
        return None
    body = _dense_lines(options) if document["dense"] else _sparse_lines(options)
    numpy = "import numpy as np\n\n" if "np." not in _code(document) else ""
    loaded = _FEATURES.get(document["format"], _FEATURES["npy"])
    if "dtype" in document:
        loaded += "\nU = U.astype(np.float32)"
    if _is_scaled(options):
        loaded += '\nmean, weight = np.load("features-scaling.npy")'
    given = {
        True: "the numbers, in the order of the features",
        False: "a value for each feature by its name: {'name': 1.0}",
    }[document["dense"]]
    lines = [
        f"{numpy}{loaded}",
        "place = {name: row for row, name in enumerate(features)}\n\n" if not document["dense"] else "\n",
        "def vector(given):",
        f'    """Ux of {given}."""',
        *(f"    {line}" for line in body),
        "    return q.astype(np.float32)",
    ]
    return "\n".join(lines) + "\n"


def _is_scaled(options: Mapping[str, Any]) -> bool:
    return bool(options["idf"] or options["scaling"] == "standard")


def _dense_lines(options: Mapping[str, Any]) -> list[str]:
    lines = ["x = np.asarray(given, float)"]
    if options["scaling"] == "standard":
        lines.append("x = (x - mean[: len(x)]) * weight[: len(x)]")
    lines += _NORMS.get(options["scaling"], [])
    lines.append("q = x @ U[: len(x)]")
    if options["bias"]:
        constant = "U[-1] / np.sqrt(len(x))" if options["scaling"] == "standard" else "U[-1]"
        lines.append(f"q = q + {constant}  # the constant feature")
    return lines


def _sparse_lines(options: Mapping[str, Any]) -> list[str]:
    lines = [
        "known = {place[name]: value for name, value in given.items() if name in place}",
        "rows, x = list(known), np.array(list(known.values()), float)",
    ]
    if options["sublinear"]:
        lines.append("x = np.sign(x) * (1 + np.log(np.maximum(np.abs(x), 1)))")
    lines += {"log": ["x = np.log1p(x)"], "binary": ["x = np.ones(len(x))"]}.get(
        options.get("weights", ""), []
    )
    if options["idf"]:
        lines.append("x = x * weight[rows]")
    lines += _NORMS.get(options["scaling"], [])
    lines.append("q = x @ U[rows]")
    if options["bias"]:
        lines.append("q = q + U[-1]  # the constant feature")
    return lines
