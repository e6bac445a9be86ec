"""The tables and listings: of each method the commands that make it.

What is not said there is chosen on validation, by awe itself.
"""

from __future__ import annotations

from benchmarks.reproduce.data import CAL500, COREL5K, IMCLEF07A, LASTFM_TAGS, WORDNET
from benchmarks.reproduce.shape import Claim, Listing, Row, Table, ordered

POPULARITY = Row("popularity", "popularity", ("train-baseline popularity",))
KNN = Row("k-NN", "input-knn", ("train-baseline input-knn",))
WSABIE = Row("WSABIE", "wsabie-{seed}", ("train --affinity constant --seed {seed} --name wsabie-{seed}",))
EMBEDDING_KNN = Row(
    "k-NN in WSABIE's space",
    "embedding-knn-{seed}",
    (
        "build-knn --model wsabie-{seed}",
        "train-baseline knn --neighbors wsabie-{seed} --name embedding-knn-{seed}",
    ),
)
AWE = Row(
    "AWE, k-NN affinity",
    "awe-{seed}",
    ("build-knn --model wsabie-{seed}", "retrain --model wsabie-{seed} --name awe-{seed}"),
    ours=True,
)
ONE_VS_REST = Row("one-vs-rest", "one-vs-rest", ("train-baseline one-vs-rest",))
TREE_KNN = Row("approximate k-NN", "tree-knn", ("train-baseline tree-knn",))
PAMIR = Row("PAMIR-IA", "pamir", ("train-baseline pamir",))
ANNOTATION = (POPULARITY, KNN, WSABIE, EMBEDDING_KNN, AWE)


def _of_wsabie(name: str, model: str, told: str, *, ours: bool) -> Row:
    """A model of features that starts from WSABIE and goes on learning."""
    made = f"train {told} --start wsabie-{{seed}} --seed {{seed}} --name {model}-{{seed}}"
    return Row(name, f"{model}-{{seed}}", (made,), ours)


def _size(dim: int) -> Row:
    made = f"train --affinity constant --dim {dim} --seed {{seed}} --name wsabie-{dim}-{{seed}}"
    return Row(f"WSABIE, d = {dim}", f"wsabie-{dim}-{{seed}}", (made,))


def _sum(name: str, dims: tuple[int, ...]) -> Row:
    models = ",".join(f"wsabie-{dim}-{{seed}}" for dim in dims)
    return Row(
        " + ".join(f"d = {dim}" for dim in dims),
        f"{name}-{{seed}}",
        (f"ensemble --model {models} --name {name}-{{seed}}",),
    )


def _rate(loss: str, rate: str) -> Row:
    model = f"{loss}-rate-{rate}-{{seed}}"
    told = f"train --loss {loss} --learning-rate {rate} --seed {{seed}} --name {model}"
    return Row(f"learning rate {rate}", model, (told,))


def _at_its_best_rate(name: str, loss: str) -> Row:
    """WARP and AUC are tried with the same rates."""
    rates = tuple(_rate(loss, rate) for rate in ("0.003", "0.01", "0.03", "0.1"))
    return Row(name, f"{loss}-best", tries=rates)


CONTROL = _of_wsabie("WSABIE, as many epochs more", "longer", "--affinity constant", ours=False)


def _sum_gains(worse: str) -> Claim:
    return Claim("d = 100 + d = 200 + d = 300", worse, metrics=("precision@1", "map"))


HIERARCHY = "precision@1,precision@10,psib@10,map"

TABLES = {
    table.name: table
    for table in (
        Table(
            "awe-table-1",
            "AWE Table 1: music annotation",
            "On MagnaTagATune, precision@1: k-NN 39.4, k-NN in WSABIE's space 45.2, WSABIE 48.7, AWE 52.7. "
            "Other data here: CAL500 and Last.fm, whose figures are not comparable, but the order of the rows is.",
            (CAL500, LASTFM_TAGS),
            ANNOTATION,
            {"": "precision@1,precision@3,precision@5,map"},
            claims=ordered(
                (KNN, EMBEDDING_KNN),
                (EMBEDDING_KNN, WSABIE),
                (WSABIE, AWE),
                (EMBEDDING_KNN, AWE),
                metrics=("precision@1", "precision@3", "map"),
            ),
        ),
        Table(
            "awe-table-2",
            "AWE Table 2: image annotation",
            "On ImageNet, precision@1: WSABIE 9.2, k-NN in WSABIE's space 13.7, AWE 16.4.",
            (COREL5K, IMCLEF07A),
            ANNOTATION,
            {"": "precision@1,precision@3,precision@5,map"},
            claims=ordered(
                (WSABIE, EMBEDDING_KNN),
                (EMBEDDING_KNN, AWE),
                (WSABIE, AWE),
                (KNN, EMBEDDING_KNN),
                (KNN, AWE),
                metrics=("precision@1", "map"),
            ),
        ),
        Table(
            "wsabie-table-2",
            "WSABIE Table 2: annotation methods",
            "On ImageNet and Web-data WSABIE is best on every measure, before PAMIR-IA, one-vs-rest and "
            "approximate k-NN.",
            (WORDNET, IMCLEF07A),
            (
                POPULARITY,
                TREE_KNN,
                KNN,
                ONE_VS_REST,
                PAMIR,
                WSABIE,
                EMBEDDING_KNN,
                AWE,
            ),
            {"": HIERARCHY},
            claims=ordered(
                (TREE_KNN, WSABIE), (KNN, WSABIE), (ONE_VS_REST, WSABIE), (PAMIR, WSABIE), (WSABIE, AWE)
            ),
        ),
        Table(
            "wsabie-table-4",
            "WSABIE Table 4: embedding sizes",
            "On ImageNet, D = 100, 200, 300, 500: WSABIE is rather insensitive to D.",
            (WORDNET, IMCLEF07A),
            tuple(_size(dim) for dim in (32, 64, 100, 200, 300)),
            {"": HIERARCHY},
            baseline="WSABIE, d = 100",
            claims=tuple(
                Claim("WSABIE, d = 100", f"WSABIE, d = {dim}", least=True, metrics=("precision@1", "map"))
                for dim in (32, 64, 200, 300)
            ),
        ),
        Table(
            "wsabie-table-5",
            "WSABIE Table 5: WARP and AUC",
            "With either model WARP is better than AUC on every measure.",
            (WORDNET, IMCLEF07A),
            (
                _at_its_best_rate("Φ_W(y)·Φ_I(x), AUC", "auc"),
                _at_its_best_rate("Φ_W(y)·Φ_I(x), WARP", "warp"),
                Row("w_y·x, AUC", PAMIR.model, PAMIR.commands),
                Row(
                    "w_y·x, WARP",
                    "warp-one-vs-rest-20",
                    ("train-baseline warp-one-vs-rest --epochs 20 --name warp-one-vs-rest-20",),
                ),
            ),
            {"": HIERARCHY},
            baseline="Φ_W(y)·Φ_I(x), AUC",
            claims=tuple(
                Claim(f"{model}, WARP", f"{model}, AUC", metrics=tuple(HIERARCHY.split(",")))
                for model in ("Φ_W(y)·Φ_I(x)", "w_y·x")
            ),
        ),
        Table(
            "wsabie-table-7",
            "WSABIE Table 7: ensembles",
            "On ImageNet sums of models of different sizes are much better than each of them.",
            (WORDNET, IMCLEF07A),
            (
                *(_size(dim) for dim in (100, 200, 300)),
                _sum("ensemble-2", (100, 200)),
                _sum("ensemble-2b", (100, 300)),
                _sum("ensemble-3", (100, 200, 300)),
            ),
            {"": HIERARCHY},
            baseline="WSABIE, d = 300",
            claims=(
                *(_sum_gains(f"WSABIE, d = {dim}") for dim in (100, 200, 300)),
                _sum_gains("d = 100 + d = 200"),
            ),
        ),
    )
}

TIMED = (
    "popularity",
    "tree-knn",
    "input-knn",
    "one-vs-rest",
    "pamir",
    "wsabie-0",
    "embedding-knn-0",
    "awe-0",
)
METHODS = TABLES["wsabie-table-2"].rows
LISTINGS = {
    listing.name: listing
    for listing in (
        Listing(
            "wsabie-table-3",
            "WSABIE Table 3: nearest annotations",
            "On Web-data translations, spellings and related things are near: for dolphin delphin, dauphin, whale.",
            WORDNET,
            (WSABIE,),
            "awe neighbors --model wsabie-0 --top-k 5 --label dog --label city --label disease --label musician "
            "--label vehicle",
        ),
        Listing(
            "wsabie-table-6",
            "WSABIE Table 6: time and memory of a prediction",
            "On ImageNet PAMIR-IA takes 0.07 s an image and 1.2 GB, WSABIE 0.02 s and 12 MB, exact k-NN 26 s.",
            WORDNET,
            METHODS,
            "python benchmarks/cost.py -w {workspace} " + " ".join(f"--model {name}" for name in TIMED),
        ),
        Listing(
            "wsabie-figure-2",
            "WSABIE Figure 2: training time",
            "On ImageNet WARP and AUC are well trained after 36 hours, AUC to a lower precision; exact-rank SGD has "
            "hardly got anywhere.",
            WORDNET,
            (),
            "python benchmarks/figure2.py -w {workspace} --seconds 10 --rates 0.003,0.01,0.03,0.1 "
            "--picture docs/results/wsabie-figure-2.svg",
        ),
    )
}
