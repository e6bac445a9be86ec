"""A model and examples to build from, small enough to go through pair by pair."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from awe_cli.builders.base import Source
from awe_cli.core.epoch import State
from awe_cli.neighbors.space import COSINE, EUCLIDEAN
from tests.affinities.labels import dense_labels, matrix, sparse
from tests.neighbors.test_table import DIM, ITEMS, annotated, dense_x, histories, points

TOLD = {
    "lambda": 0.7, "lambda_y": "inf", "pairs": 10**6, "keep": 10**6, "seed": 0, "label_neighbors": 10**6,
    "kernel_x": "gaussian", "space_x": "embedded", "kernel_y": "equality", "space_y": "raw",
    "leaves": 6, "levels": 2, "top": 5,
}  # fmt: skip
KINDS = {"bags": (histories, COSINE), "dense": (annotated, EUCLIDEAN)}


WORDS = 12  # that describe labels
DESCRIBED = {"one-hot": lambda y: None, "words": sparse, "dense y": lambda y: y}


def source(kind, n=50, described="one-hot"):
    """What G is built from; `described` says what labels are."""
    make, measure = KINDS[kind]
    rng = np.random.default_rng(5)
    U, V = (rng.normal(size=(ITEMS, DIM)).astype(np.float32) for _ in range(2))
    histories_of = np.zeros(ITEMS, np.float32)
    y = DESCRIBED[described](dense_labels(ITEMS, WORDS))
    if y is not None:
        V = V[:WORDS]
    return Source(State(U, V, histories_of, histories_of), replace(make(n), y=y), measure)


def labels_of(examples):
    """The labels of each example."""
    ends = examples.positives.indptr
    return [set(examples.positives.indices[a:b].tolist()) for a, b in itertools.pairwise(ends)]


def places(source, examples, space):
    """Where inputs are compared: x as given, or its projection."""
    x = dense_x(examples)
    return x if space == "raw" else points(x, source.state.U, source.measure)


def label_places(source, space, kernel):
    """Where labels are compared: y as given, one-hot where nothing describes it, or its row of V."""
    if space == "embedded":
        return source.rows_of_labels.astype(float)
    y = source.examples.y
    return np.eye(ITEMS) if y is None or kernel == "equality" else matrix(y, WORDS)


def part_of(x, example, part, parts, positives):
    """x (features,) of a training query: without the targets of its part."""
    x = x.copy()
    if parts > 1:
        x[positives.indices[slice(*positives.indptr[example : example + 2])][part::parts]] = 0
    return x


def laid_out(queries, n_labels):
    """G (queries, labels) from the lists that a builder stores."""
    G = np.zeros((len(queries.lists), n_labels))
    for q, (lists, weights) in enumerate(zip(queries.lists, queries.weights, strict=True)):
        for number, weight in zip(lists, weights, strict=True):
            if number >= 0:
                for label in queries.labels[queries.indptr[number] : queries.indptr[number + 1]]:
                    G[q, label] += weight
    return G
