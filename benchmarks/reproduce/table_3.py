"""AWE Table 3, a page for each set of data, with d = 64 as there. What is trained is settled; nothing asks validation.

Margins are those that benchmarks/linear_sigmoid.py found (docs/results/linear-sigmoid.md), without what is tested on
here (of Last.fm other items, of Gowalla other people), for the linear model and for what starts from it. A last block
has the paper's protocol, the same parameters for both, with a margin that is too small for the linear model.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.reproduce.data import LASTFM
from benchmarks.reproduce.shape import Claim, Data, Row, Table
from benchmarks.reproduce.tables import POPULARITY

PAPER = (
    "On YouTube videos, precision@1 and precision@10 relative to WSABIE: SVD −54 % and −57 %; linear sigmoid with "
    "β = −1 +2 and +12, −0.5 +9 and +16, 0 +31 and +29, 0.25 +51 and +40, 0.5 +28 and +20; top-k with k = 1 +6 and +5, "
    "5 +18 and +17, 7 +19 and +19, 11 +21 and +21."
)
BETAS = ("-1", "-0.5", "0", "0.25", "0.5")
TOPS = (1, 5, 7, 11)
PEOPLE = 3000  # of Gowalla
COMMON = "--dim 64 --max-trials 100 --learning-rate 0.1 --seed {seed}"
LINEAR = Row("WSABIE", "linear-{seed}")
MORE = "WSABIE, 4 epochs more"
SMALL = "WSABIE, a quarter of the margin"


def gowalla_people(data: Path, made: Path, fold: int) -> None:
    """All check-ins of people drawn once, others than those of benchmarks/linear_sigmoid.py."""
    table = pq.read_table(data / "gowalla" / "interactions.parquet", columns=["user", "item"])
    users = table["user"].to_numpy()
    drawn = np.random.default_rng(0).permutation(np.unique(users))[PEOPLE : 2 * PEOPLE]
    pq.write_table(table.filter(pa.array(np.isin(users, drawn))), made / "gowalla-people.parquet")


LASTFM_PEOPLE = Data(
    "lastfm-5",
    LASTFM.title,
    f"{LASTFM.prepare} --valid-fraction 0",
    LASTFM.files,
)
GOWALLA_PEOPLE = Data(
    "gowalla-people",
    f"Gowalla: {PEOPLE:,} of 29,858 people, 5 places held out of each who has 10",
    "prepare {made}/gowalla-people.parquet --user user --item item --holdout 5 --valid-fraction 0",
    ("gowalla/interactions.parquet",),
    gowalla_people,
)


def _linear(name: str, model: str, margin: float) -> Row:
    told = f"train --affinity constant {COMMON} --epochs 16 --margin {margin:g} --name {model}"
    return Row(name, model, (told,))


def _onwards(name: str, model: str, start: str, affinity: str, margin: float) -> Row:
    """A model that goes on from another for four epochs."""
    told = (
        f"train --affinity {affinity} --start {start} {COMMON} --epochs 4 --margin {margin:g} --name {model}"
    )
    return Row(name, model, (told,), ours=not affinity.startswith("constant"))


def table_3(name: str, data: Data, margin: float) -> Table:
    """The table of one set of data; margin is the best one of the linear model, and what G weighs has a third."""
    linear = _linear(LINEAR.name, LINEAR.model, margin)
    start, third, quarter = linear.model, round(margin / 3, 2), margin / 4
    betas = [
        _onwards(
            f"linear sigmoid, β = {beta}",
            f"beta{beta}-{{seed}}",
            start,
            f"linear-sigmoid --beta {beta}",
            third,
        )
        for beta in BETAS
    ]
    tops = [_onwards(f"top-k, k = {k}", f"top{k}-{{seed}}", start, f"top-k --top {k}", third) for k in TOPS]
    small = _linear(SMALL, "small-{seed}", quarter)
    rows = (
        POPULARITY,
        Row("SVD", "svd", ("train-baseline svd --dim 64",)),
        linear,
        _onwards(MORE, "more-{seed}", start, "constant", margin),
        *betas,
        *tops,
        small,
        _onwards(f"{SMALL}, 4 epochs more", "small-more-{seed}", small.model, "constant", quarter),
        _onwards(f"{SMALL}, 4 epochs more at the whole", "whole-{seed}", small.model, "constant", margin),
        _onwards(
            f"linear sigmoid, β = 0.25, from {SMALL}",
            "small-beta-{seed}",
            small.model,
            "linear-sigmoid --beta 0.25",
            quarter,
        ),
    )
    return Table(
        name,
        f"AWE Table 3: recommendation, {data.title.split(':')[0]}",
        PAPER,
        (data,),
        rows,
        {"": "precision@1,precision@10,recall@20"},
        claims=_claims([row.name for row in betas], [row.name for row in tops], rows[-1].name),
        changes=2,
    )


def _claims(betas: list[str], tops: list[str], last: str) -> tuple[Claim, ...]:
    """The order of the paper, and what the study says of where it comes from."""
    both = ("precision@1", "precision@10")
    best = betas[3]
    return (
        Claim(LINEAR.name, "SVD", metrics=both),
        *(Claim(row, LINEAR.name, metrics=both) for row in (*betas, *tops)),
        Claim(best, MORE, metrics=both),
        *(Claim(best, other, metrics=both) for other in (betas[0], betas[2], betas[4], tops[-1])),
        Claim(last, f"{SMALL}, 4 epochs more", metrics=both),
        Claim(last, f"{SMALL}, 4 epochs more at the whole", metrics=both),
    )


TABLES_3 = (
    table_3("awe-table-3", LASTFM_PEOPLE, 1.0),
    table_3("awe-table-3-gowalla", GOWALLA_PEOPLE, 1.0),
)
