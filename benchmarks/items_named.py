"""Whom recommendations reach, and how many of them are owned already: the figures of the README's nightly chain.

python -m benchmarks.items_named recommendations.parquet interactions.parquet --user package --item dependency
"""

from __future__ import annotations

import argparse
import json

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def coverage(recommended: pa.Table, interactions: pa.Table, user: str, item: str) -> dict[str, float]:
    """People known and reached, rows, labels named, and the share of rows whose item the person has."""
    owned = interactions.select([user, item]).group_by([user, item]).aggregate([])
    told = recommended.select([0, 1]).rename_columns([user, item])
    both = told.join(owned, keys=[user, item], join_type="inner")
    return {
        "people known": pc.count_distinct(interactions.column(user)).as_py(),
        "people reached": pc.count_distinct(told.column(user)).as_py(),
        "rows": told.num_rows,
        "labels named": pc.count_distinct(told.column(item)).as_py(),
        "share owned": both.num_rows / max(told.num_rows, 1),
    }


def main() -> None:
    """Print the figures of two files as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recommended", help="Parquet that `awe predict` wrote")
    parser.add_argument("interactions", help="Parquet that `awe prepare` read")
    parser.add_argument("--user", required=True)
    parser.add_argument("--item", required=True)
    told = parser.parse_args()
    found = coverage(pq.read_table(told.recommended), pq.read_table(told.interactions), told.user, told.item)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
