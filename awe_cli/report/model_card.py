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
HNSW_SPACES = {"inner-product": "ip", "cosine": "cosine", "euclidean": "l2"}


def model_card(document: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """The card as Markdown.

    document  what `awe export --json` prints
    result    what the step that made the model chose
    """
    parts = [
        f"# Vectors of {document['model']}",
        "U and V of an affinity weighted embedding, which ranks labels for inputs, exported by awe "
        f"{document['awe']}.",
        _facts(document, result),
        "## Files\n\n" + _files(document["files"], document["kinds"]),
        "## Ranking\n\n" + _ranking(document),
    ]
    code = _code(document)
    if code:
        parts.append(f"Run in this folder:\n\n```python\n{code}```")
    parts.append("## Input\n\n" + _input(document))
    return "\n\n".join(parts) + "\n"


def _facts(document: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    affinity = result["affinity"]
    parameters = ", ".join(
        f"{name} {value}" for name, value in affinity.items() if name not in ("name", "members")
    )
    rows = {
        "model": f"{document['model']}, `{document['digest']}`",
        "dataset": f"{document['task']}, `{document['dataset']}`",
        "affinity": affinity["name"] + (f" ({parameters})" if parameters else ""),
        "fitted on": " and ".join(document["fit_on"]),
        "dimensions": f"{document['dim']}" + (" and one more, see below" if document["one_more"] else ""),
        "learned": "; ".join(chosen_lines(result)),
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items() if value]
    return "\n".join(["| | |", "|---|---|", *lines])


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
    return (
        f"{loaded}{_SEARCHED.get(format, _ALL_SCORED.format(scores=_SCORED[measure]))}\nprint(ids[0], best)\n"
    )


def _input(document: Mapping[str, Any]) -> str:
    scaling = document["scaling"]
    text = "The vector of an input is Ux = Σ_i x_i U_i over its features, with U in `features`. "
    if document["task"] == RECOMMENDATION:
        transform = document.get("weight_transform")
        text += "The features of a user are the items chosen, "
        text += f"with their weights ({transform})" if transform else "1 each"
        text += ", and what else was prepared of users; " if document.get("user_features") else "; "
    text += f"x is scaled: {scaling}. " if scaling != "none" else "x is not scaled. "
    return (
        text
        + "`awe_cli.Model.load(workspace, model).project(table)` does that for tables as they were prepared."
    )
