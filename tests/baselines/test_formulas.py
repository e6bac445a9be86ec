"""Each baseline against its equation, written out naively over dense matrices."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import scipy.optimize

from awe_cli.baselines import linear
from awe_cli.baselines.base import require_memory
from awe_cli.baselines.factors import Ials, Lsi, Nmf, Svd, log_odds, relative, right_vectors
from awe_cli.baselines.kernel import KernelRidge, _Equations
from awe_cli.baselines.linear import Ease, LinearSvm, OneVsRest, Pamir, WarpOneVsRest
from awe_cli.baselines.neighbors import GraphFilter, InputKnn, ItemKnn, TreeKnn, TreeSearch
from awe_cli.dataset.examples import Examples
from awe_cli.errors import DataError, MissingInputError, SettingsError
from awe_cli.matrices.bags import inputs, largest
from awe_cli.matrices.matrix import Bags, Dense, Lists
from awe_cli.neighbors.space import InputSearch, Space
from tests.core.naive import draws

N, P, L = 30, 9, 5


def lists_of(hits):
    indptr = np.concatenate([[0], np.cumsum(hits.sum(axis=1))]).astype(np.int64)
    return Lists(indptr, np.nonzero(hits)[1].astype(np.int32))


def bags_of(values):
    lists = lists_of(values != 0)
    return Bags(lists.indptr, lists.indices, values[values != 0].astype(np.float32))


@pytest.fixture(params=["recommendation", "annotation", "dense"])
def case(request):
    """Facts, X and the matrix to predict, dense."""
    rng = np.random.default_rng(5)
    X = (rng.random((N, P)) < 0.4) * rng.random((N, P))
    X = X.astype(np.float32).astype(np.float64)
    own = request.param == "recommendation"
    Y = (rng.random((N, L)) < 0.4).astype(float)
    x = bags_of(X)
    if request.param == "dense":
        X = X - 0.25
        x = Dense(np.arange(P, dtype=np.int32), X.astype(np.float32))
    positives = Lists(x.indptr, x.indices) if own else lists_of(Y > 0)
    examples = Examples(pa.array(range(N)), x, positives, None, own)
    dataset = SimpleNamespace(
        dense=request.param == "dense",
        task="recommendation" if own else "annotation",
        space=None if own else SimpleNamespace(options=SimpleNamespace(bias=True)),
        n_features=P,
        n_labels=P if own else L,
        splits={"train": N},
    )
    facts = SimpleNamespace(
        examples=examples,
        dataset=dataset,
        space=None,
        n_features=P,
        n_labels=P if own else L,
        counts=(X > 0).sum(axis=0) if own else Y.sum(axis=0).astype(int),
        threads=1,
    )
    return facts, X, (X if own else Y), own


def scores(baseline, facts, choice):
    return baseline.ranker(facts, choice, baseline.fit(facts, choice)).scores(facts.examples.x).score


def test_ease_is_the_constrained_minimum(case):
    """Its gradient is 0 wherever B is free, and B is 0 where it is held."""
    facts, X, T, own = case
    B = Ease().fit(facts, {"l2": 0.5})["B"].astype(float)
    λ = 0.5 * np.trace(X.T @ X) / P
    gradient = X.T @ (X @ B - T) + λ * B
    if own:
        assert not np.diag(B).any()
        np.fill_diagonal(gradient, 0)
    assert np.abs(gradient).max() < 1e-5
    assert scores(Ease(), facts, {"l2": 0.5}) == pytest.approx(X @ B, abs=1e-5)


@pytest.mark.parametrize("n", [1, P - 1])
def test_ease_with_fewer_examples_than_features_is_the_same_minimum(n):
    X = np.random.default_rng(7).random((n, P)).astype(np.float32).astype(np.float64)
    x = bags_of(X)
    examples = Examples(pa.array(range(n)), x, Lists(x.indptr, x.indices), None, True)
    B = Ease().fit(SimpleNamespace(examples=examples, n_features=P), {"l2": 0.5})["B"].astype(float)
    gradient = X.T @ (X @ B - X) + 0.5 * np.trace(X.T @ X) / P * B
    np.fill_diagonal(gradient, 0)
    assert not np.diag(B).any()
    assert np.abs(gradient).max() < 1e-5


@pytest.mark.parametrize("k", [1, 3, 100])
def test_item_knn_written_out(case, k):
    facts, X, T, own = case
    expected = np.zeros((N, T.shape[1]))
    for y in range(T.shape[1]):
        similar = [
            X[:, i] @ T[:, y] / (np.linalg.norm(X[:, i]) * np.linalg.norm(T[:, y]))
            if i != y or not own
            else 0
            for i in range(P)
        ]
        for i in sorted(range(P), key=lambda i: (-similar[i], i))[:k]:
            expected[:, y] += X[:, i] * similar[i]
    assert scores(ItemKnn(), facts, {"k": k}) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("k", "a", "c"), [(2, 0.3, 0.2), (100, 0.5, 0.5), (100, 0, 1)])
def test_graph_filter_written_out(case, k, a, c):
    facts, X, T, own = case
    sizes = (X != 0).sum(axis=1) if own else (X != 0).sum(axis=1) + (T != 0).sum(axis=1)
    sizes = np.maximum(sizes, 1)[:, None]
    rows, columns = (sizes ** (0.5 - a) * M / np.maximum(norms(M), 1e-12) for M in (X, T))
    features, labels = (np.maximum((M != 0).sum(axis=0), 1) for M in (X, T))
    S = (rows / features ** (1 - c)).T @ (columns / labels**c)
    if own:
        np.fill_diagonal(S, 0)
    for y in range(T.shape[1]):
        S[sorted(range(P), key=lambda i: (-S[i, y], i))[k:], y] = 0
    choice = {"k": k, "example_power": a, "label_power": c}
    assert scores(GraphFilter(), facts, choice) == pytest.approx(X @ S, abs=1e-5)


def norms(M):
    return np.linalg.norm(M, axis=1, keepdims=True)


@pytest.mark.parametrize("k", [1, 4, 29, 200])
def test_input_knn_written_out(case, k):
    facts, X, T, own = case
    dense = facts.dataset.dense
    kept = X.copy()
    kept[:, -1] *= own or dense  # in annotation the last feature of bags is the constant one
    unit = X if dense else kept / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-12)
    expected = np.zeros((N, T.shape[1]))
    for e in range(N):
        near = [(((unit[e] - unit[j]) ** 2).sum(), j) for j in range(N) if dense or unit[e] @ unit[j] > 0]
        near = sorted(near)[:k]
        weights = np.exp([-2.0 * d for d, _ in near]) if near else np.zeros(0)
        for weight, (_, j) in zip(weights / max(weights.sum(), 1e-12), near, strict=True):
            expected[e] += weight * (T[j] > 0)
    assert scores(InputKnn(), facts, {"k": k, "lambda": 2.0}) == pytest.approx(expected, abs=1e-4)


def test_tree_knn_of_no_levels_is_input_knn(case):
    facts = case[0]
    exact = scores(InputKnn(), facts, {"k": 4, "lambda": 2.0})
    assert (scores(TreeKnn(), facts, {"levels": 0, "k": 4, "lambda": 2.0}) == exact).all()


def test_tree_search_finds_the_nearest_of_the_leaf(case):
    """Each training example is in a leaf of half of them, and nearest to itself."""
    facts = case[0]
    x, exact = facts.examples.x, InputSearch(facts.examples.x, P)
    found = TreeSearch(x, P, 1).nearest(x, N)
    everything = exact.nearest(x, N)
    for e in range(N):
        rows = found.rows[e][found.rows[e] >= 0]
        assert len(rows) <= N // 2
        assert (everything.rows[e][np.isin(everything.rows[e], rows)] == rows).all()


def test_more_levels_than_leaves_can_be_filled():
    dataset = SimpleNamespace(splits={"train": 1000})
    TreeKnn().check({"levels": 9}, dataset)
    with pytest.raises(SettingsError, match="at most 9, found 10"):
        TreeKnn().check({"levels": 10}, dataset)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dim", [2, 4, 50])
def test_svd_is_the_closest_completion_of_its_rank(case, dim, weighted):
    """On a row of the matrix itself, fold-in gives the row of Â; with labels unknown, what is left of it."""
    facts, X, T, own = case
    A = X if own else np.hstack([X, T])
    w = np.ones(A.shape[1])
    if weighted:
        having = (A != 0).sum(axis=0)
        w = np.maximum(0.1, np.log((N - having + 0.5) / (having + 0.5)))
        w[:P] = 1 if facts.dataset.dense else w[:P]
    Q = np.linalg.svd(A * w)[2][:dim].T
    seen = X if own else np.hstack([X, np.zeros_like(T)])
    completed = (seen * w) @ Q @ Q.T / w
    found = scores(Svd(), facts, {"dim": dim, "weighted": weighted})
    assert found == pytest.approx(completed[:, -T.shape[1] :], abs=2e-4)


def test_log_odds_by_hand():
    A = inputs(bags_of(np.array([[1, 1.0], [1, 0], [1, 0], [1, 0]])), 2)
    assert log_odds(A).tolist() == pytest.approx([0.1, np.log(3.5 / 1.5)])


@pytest.mark.parametrize("dim", [2, 50])
def test_lsi_places_labels_at_the_mean_of_their_examples(case, dim):
    facts, X, T, _ = case
    Q = np.linalg.svd(X)[2][:dim].T
    V = np.stack([(X @ Q)[column > 0].mean(axis=0) for column in T.T])
    expected = X @ Q @ V.T
    assert scores(Lsi(), facts, {"dim": dim}) == pytest.approx(expected, abs=2e-4)


def test_one_vs_rest_written_out(case):
    facts, X, T, own = case
    random = np.random.default_rng(0)
    orders = [random.permutation(N) for _ in range(2)]
    W = np.zeros((T.shape[1], P))
    for y in range(T.shape[1]):
        for e in np.concatenate(orders):
            x = X[e].copy()
            if own:
                x[y] = 0
            sign = 1 if T[e, y] > 0 else -1
            loss = max(0.0, 1 - sign * W[y] @ x)
            if x.any():
                W[y] += min(0.3, loss / (x @ x)) * sign * x
    assert scores(OneVsRest(), facts, {"C": 0.3, "epochs": 2}) == pytest.approx(X @ W.T, abs=1e-3)


def test_linear_svm_minimises_its_objective(case, monkeypatch):
    monkeypatch.setattr(linear, "_TOLERANCE", 1e-6)
    facts, X, T, own = case
    C = 0.7
    W = np.zeros((T.shape[1], P))
    for y in range(T.shape[1]):
        seen = X.copy()
        if own:
            seen[:, y] = 0
        sign = np.where(T[:, y] > 0, 1, -1)

        def objective(w, seen=seen, sign=sign):
            loss = np.maximum(0, 1 - sign * (seen @ w))
            return w @ w / 2 + C * loss @ loss, w - 2 * C * (sign * loss) @ seen

        W[y] = scipy.optimize.minimize(objective, W[y], jac=True, options={"gtol": 1e-9}).x
    found = scores(LinearSvm(), facts, {"C": C, "epochs": 5000})
    assert found == pytest.approx(X @ W.T, abs=1e-3)


def test_linear_svm_ends_when_its_gradient_is_small(case):
    facts = case[0]
    assert scores(LinearSvm(), facts, {"C": 0.7, "epochs": 200}) == pytest.approx(
        scores(LinearSvm(), facts, {"C": 0.7, "epochs": 5000}), abs=0
    )
    assert not np.array_equal(
        scores(LinearSvm(), facts, {"C": 0.7, "epochs": 1}),
        scores(LinearSvm(), facts, {"C": 0.7, "epochs": 200}),
    )


def test_linear_svm_has_nothing_to_warn_of_where_its_passes_do(case):
    arrays = LinearSvm().fit(case[0], {"C": 0.7, "epochs": 200})
    assert (arrays["gaps"] <= 0.1).all()
    assert not LinearSvm().warnings({"epochs": 200}, arrays)


@pytest.mark.parametrize("case", ["dense"], indirect=True)
def test_linear_svm_warns_where_its_passes_do_not_do(case):
    case[0].examples.x.values[:, 0] += 1000
    [words] = LinearSvm().warnings({"epochs": 20}, LinearSvm().fit(case[0], {"C": 0.7, "epochs": 20}))
    assert "after 20 passes: 5 of 5" in words


@pytest.mark.parametrize("case", ["recommendation"], indirect=True)
def test_linear_svm_leaves_out_an_item_of_any_size(case):
    facts = case[0]
    x = facts.examples.x
    choice = {"C": 1.0, "epochs": 200}
    found = LinearSvm().fit(facts, choice)["B"][:, 0]
    x.values[x.indices == 0] = 12_001.0
    assert LinearSvm().fit(facts, choice)["B"][:, 0] == pytest.approx(found, abs=1e-6)


def test_linear_svm_ends_at_the_minimum_whatever_the_order():
    # All gradients are alike in the first pass, so that only 0 beside them says that it is not the last.
    n, labels = 100, 300
    X = np.vstack([np.eye(n), np.full((1, n), 0.1)]).astype(np.float32)
    examples = SimpleNamespace(x=bags_of(X), positives=lists_of(np.ones((n + 1, labels), bool)))
    dataset = SimpleNamespace(task="annotation", dense=False)
    facts = SimpleNamespace(
        examples=examples, dataset=dataset, n_features=n, n_labels=labels, counts=None, threads=1
    )
    W = LinearSvm().fit(facts, {"C": 0.3, "epochs": 200})["B"].astype(np.float64)
    losses = np.maximum(0, 1 - X @ W)
    objective = (W**2).sum(axis=0) / 2 + 0.3 * (losses**2).sum(axis=0)
    assert objective.max() <= 1.0001 * objective.min()
    assert np.abs(W - 0.6 * X.T @ losses).max() < 0.001, "the gradient"


@pytest.mark.parametrize("baseline", [Pamir(), WarpOneVsRest()])
def test_ranking_steps_written_out(case, baseline):
    facts, X, T, own = case
    random = np.random.default_rng(0)
    n_labels = T.shape[1]
    W = np.zeros((n_labels, P))
    for epoch in range(2):
        for e in random.permutation(N):
            positives = np.flatnonzero(T[e] > 0)
            negatives = n_labels - len(positives)
            drawn = (y for y in draws(0, epoch, int(e), n_labels) if y not in positives)
            for y in positives:
                x = X[e].copy()
                x[y] = 0 if own else x[y]
                for n in range(1, (1 if baseline.name == "pamir" else 1000) + 1):
                    if not x.any() or not negatives:
                        break
                    rival = next(drawn)
                    loss = 1 - W[y] @ x + W[rival] @ x
                    if loss > 0:
                        rank = max(1, negatives // n)
                        L = 1 if baseline.name == "pamir" else sum(1 / j for j in range(1, rank + 1))
                        step = min(0.3 * L, loss / (2 * x @ x))
                        W[y] += step * x
                        W[rival] -= step * x
                        break
    found = scores(baseline, facts, {"C": 0.3, "epochs": 2})
    assert found == pytest.approx(X @ W.T, abs=1e-3)
    assert found.any()


def test_nmf_folds_in_by_least_squares(case):
    facts, X, _, _ = case
    if facts.dataset.dense:
        with pytest.raises(DataError, match="nowhere negative"):
            Nmf().fit(facts, {"dim": 3})
        return
    optimize = pytest.importorskip("scipy.optimize")
    arrays = Nmf().fit(facts, {"dim": 3})
    assert min(arrays["features"].min(), arrays["labels"].min()) >= 0
    w = np.stack([optimize.nnls(arrays["features"].T.astype(float), x)[0] for x in X])
    found = Nmf().ranker(facts, {"dim": 3}, arrays).scores(facts.examples.x).score
    assert found == pytest.approx(w @ arrays["labels"], abs=0.03)


def test_ials_folds_in_the_minimum(case):
    """No w is better for what is known of x than that of the ranker."""
    pytest.importorskip("implicit", reason="implicit is not installed")
    facts, X, _, _ = case
    if facts.dataset.dense:
        with pytest.raises(DataError, match="nowhere negative"):
            Ials().fit(facts, {"dim": 3, "alpha": 2.0, "l2": 0.5})
        return
    choice = {"dim": 3, "alpha": 2.0, "l2": 0.5}
    arrays = Ials().fit(facts, choice)
    H, V = (arrays[name].astype(float) for name in ("features", "labels"))
    found = Ials().ranker(facts, choice, arrays).scores(facts.examples.x).score
    for e, x in enumerate(X):
        there = x > 0
        r = np.where(there, x / x[there].mean(), 0) if there.any() else x
        root = np.sqrt(np.concatenate([1 + 2.0 * r, np.full(3, 0.5)]))
        A, b = np.vstack([H, np.eye(3)]), np.concatenate([there, np.zeros(3)])
        w = np.linalg.lstsq(A * root[:, None], b * root, rcond=None)[0]
        assert found[e] == pytest.approx(V @ w, abs=1e-4)


@pytest.mark.parametrize("case", ["recommendation"], indirect=True)
def test_ials_learns_what_it_folds_in(case):
    """The factors of the package are at a minimum: one more fold-in of the columns changes little."""
    pytest.importorskip("implicit", reason="implicit is not installed")
    facts, X, _, _ = case
    found = scores(Ials(), facts, {"dim": P, "alpha": 40.0, "l2": 0.01})
    assert found[X > 0].mean() > 0.9
    assert abs(found[X == 0].mean()) < 0.3


def test_relative_to_the_mean_of_the_row():
    R = relative(inputs(bags_of(np.array([[1, 3, 0.0], [0, 0, 0], [0, 0, 7]])), 3))
    assert R.toarray().tolist() == [[0.5, 1.5, 0], [0, 0, 0], [0, 0, 1]]


def test_ials_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "implicit.cpu.als", None)
    with pytest.raises(MissingInputError) as caught:
        Ials().check({}, SimpleNamespace())
    assert "pip install 'awe-cli[ials]'" in caught.value.hint


def test_nmf_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.decomposition", None)
    with pytest.raises(MissingInputError) as caught:
        Nmf().check({}, SimpleNamespace())
    assert "pip install 'awe-cli[baselines]'" in caught.value.hint


@pytest.mark.parametrize("case", ["annotation", "dense"], indirect=True)
@pytest.mark.parametrize("landmarks", [None, 12])
def test_kernel_ridge_is_least_squares_on_the_kernel(case, landmarks):
    facts, X, Y, _ = case
    if not facts.dataset.dense:  # points are normalised bags without the constant feature
        X = X.copy()
        X[:, -1] = 0
        X /= np.maximum(1e-12, np.linalg.norm(X, axis=1, keepdims=True))
    K = np.exp(-0.7 * ((X[:, None] - X) ** 2).sum(axis=2))
    choice = {"gamma": 0.7, "l2": 0.2} | ({} if landmarks is None else {"landmarks": landmarks})
    arrays = KernelRidge().fit(facts, choice)
    rows = arrays["landmarks"]
    assert len(set(rows.tolist())) == (landmarks or N)
    p = Y.mean(axis=0)
    # the minimum of ‖K_nm A − (Y − p)‖² + λ tr(Aᵀ K_mm A), as one least-squares problem
    root = np.linalg.cholesky(K[np.ix_(rows, rows)] + 1e-10 * np.eye(len(rows))).T
    A = np.linalg.lstsq(
        np.vstack([K[:, rows], np.sqrt(0.2) * root]), np.vstack([Y - p, np.zeros((len(rows), L))]), rcond=None
    )[0]
    found = KernelRidge().ranker(facts, choice, arrays).scores(facts.examples.x).score
    assert found == pytest.approx(p + K[:, rows] @ A, abs=1e-4)


@pytest.mark.parametrize("case", ["annotation"], indirect=True)
def test_kernel_ridge_in_the_space_of_a_model(case):
    facts, X, Y, _ = case
    U = np.random.default_rng(1).normal(size=(P, 3)).astype(np.float32)
    facts.space = Space(U, "cosine")
    Z = X @ U / np.linalg.norm(X @ U, axis=1, keepdims=True)
    K, p = np.exp(-1.5 * ((Z[:, None] - Z) ** 2).sum(axis=2)), Y.mean(axis=0)
    found = scores(KernelRidge(), facts, {"gamma": 1.5, "l2": 0.5})
    assert found == pytest.approx(p + K @ np.linalg.solve(K + 0.5 * np.eye(N), Y - p), abs=1e-4)


def test_kernel_ridge_of_points_far_from_the_origin():
    draws = np.random.default_rng(0)
    values = (1000 + 0.05 * draws.normal(size=(200, 20))).astype(np.float32)
    positives = draws.random((200, 3)) < 0.4
    examples = Examples(
        pa.array(range(200)), Dense(np.arange(20, dtype=np.int32), values), lists_of(positives), None, False
    )
    dataset = SimpleNamespace(dense=True, task="annotation", space=None, n_features=20, splits={"train": 200})
    facts = SimpleNamespace(
        examples=examples,
        dataset=dataset,
        space=None,
        n_features=20,
        n_labels=3,
        counts=positives.sum(axis=0),
    )
    X, p = values.astype(np.float64), positives.mean(axis=0)
    K = np.exp(-2.0 * ((X[:, None] - X) ** 2).sum(axis=2))
    expected = p + K @ np.linalg.solve(K + 0.01 * np.eye(200), positives - p)
    assert scores(KernelRidge(), facts, {"gamma": 2.0, "l2": 0.01}) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("lowest", "is_solved"), [(-1e-6, True), (-1.0, False)])
def test_a_kernel_that_is_not_quite_positive(lowest, is_solved):
    values = np.linspace(0.1, 2, 9)
    values[0] = lowest
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(9, 9)))[0]
    equations = _Equations((rotation * values) @ rotation.T, None, np.eye(9))
    if is_solved:
        assert np.isfinite(equations.solve(1e-9)).all()
        return
    with pytest.raises(DataError, match="cannot be solved"):
        equations.solve(1e-9)


def test_kernel_ridge_of_examples_that_are_all_the_same():
    x = Dense(np.arange(2, dtype=np.int32), np.ones((8, 2), np.float32))
    examples = Examples(pa.array(range(8)), x, lists_of(np.eye(8, 3) > 0), None, False)
    dataset = SimpleNamespace(dense=True, task="annotation", space=None, n_features=2, splits={"train": 8})
    facts = SimpleNamespace(
        examples=examples, dataset=dataset, space=None, n_features=2, n_labels=3, counts=np.ones(3, int)
    )
    resolved = {"gamma": None, "l2": None, "landmarks": 3, "memory": 4.0}
    choice = KernelRidge().choices(resolved, facts)[0]
    assert scores(KernelRidge(), facts, choice) == pytest.approx(np.full((8, 3), 1 / 8), abs=0.01)


@pytest.mark.parametrize(
    ("told", "memory", "examples", "landmarks"),
    [
        (None, 4.0, 12_000, None),  # all
        (None, 1.0, 12_000, 4096),  # too many for the memory
        (None, 4.0, 16_000, 4096),
        (20, 4.0, 12_000, 20),
        (20, 4.0, 10, None),
    ],
)
def test_landmarks_of_kernel_ridge(told, memory, examples, landmarks):
    dataset = SimpleNamespace(task="annotation", n_labels=200, splits={"train": examples - 2, "valid": 2})
    resolved = {"gamma": 1.0, "l2": 1.0, "landmarks": told, "memory": memory}
    KernelRidge().check(resolved, dataset)
    facts = SimpleNamespace(dataset=dataset, examples=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("awe_cli.baselines.kernel._scale", lambda facts: 1.0)
        (choice,) = KernelRidge().choices(resolved, facts)
    assert choice.get("landmarks") == landmarks


@pytest.mark.parametrize("case", ["annotation"], indirect=True)
def test_a_fit_with_test_has_no_more_landmarks_than_were_checked(case):
    facts = case[0]
    facts.dataset.splits = {"train": N - 12, "valid": 2, "test": 10}
    assert len(KernelRidge().fit(facts, {"gamma": 0.7, "l2": 0.2})["landmarks"]) == N - 10


def test_kernel_ridge_refuses_histories():
    with pytest.raises(SettingsError, match="found histories") as caught:
        KernelRidge().check({"landmarks": None, "memory": 4.0}, SimpleNamespace(task="recommendation"))
    assert "ease" in caught.value.hint


@pytest.mark.parametrize(
    ("baseline", "settings"),
    [
        *(
            (baseline, {"memory": 4.0})
            for baseline in (Ease(), OneVsRest(), LinearSvm(), Pamir(), WarpOneVsRest())
        ),
        (KernelRidge(), {"memory": 4.0, "landmarks": 40_000}),
    ],
)
def test_too_large_is_refused_before_it_is_begun(baseline, settings):
    dataset = SimpleNamespace(
        task="annotation", n_features=200_000, n_labels=100_000, splits={"train": 50_000}
    )
    with pytest.raises(SettingsError, match="GB of memory") as caught:
        baseline.check(settings, dataset)
    assert "--memory" in caught.value.hint


def test_room_at_the_bound():
    require_memory(4e9, 4.0, "this")


@pytest.mark.parametrize("need", [4_260_001, 99_999_999, 1.0, 123_456_789_012])
def test_as_much_memory_as_the_hint_says_is_enough(need):
    with pytest.raises(SettingsError) as caught:
        require_memory(need, 1e-10, "this")
    require_memory(need, float(caught.value.hint.split("--memory ")[1].split(",")[0]), "this")


def test_largest_breaks_ties_by_column():
    S = inputs(bags_of(np.array([[1, 3, 3, 2.0], [0, 0, 0, 0], [0, 5, 0, 0]])), 4)
    indptr, columns, values = largest(S, 2)
    assert indptr.tolist() == [0, 2, 2, 3]
    assert columns.tolist() == [1, 2, 1]
    assert values.tolist() == [3, 3, 5]


def test_a_signed_vector_always_has_the_same_sign():
    S = inputs(bags_of(np.random.default_rng(0).random((20, 8))), 8)
    first, second = right_vectors(S, 3), right_vectors(S * 1.0, 3)
    assert (first == second).all()
    assert (first[np.abs(first).argmax(axis=0), range(3)] > 0).all()


def test_a_bag_without_features_has_no_neighbour():
    search = InputSearch(bags_of(np.array([[1.0, 0], [0, 1]])), 2)
    near = search.nearest(bags_of(np.array([[0.0, 0], [2, 0]])), 3)
    assert near.rows.tolist() == [[-1, -1, -1], [0, -1, -1]]
    assert near.squared[1].tolist() == [0, np.inf, np.inf]
