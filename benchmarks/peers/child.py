"""`python -m benchmarks.peers.child PEER METHOD DATA FOLDER`: one method ranks, in the environment of its library."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np

from benchmarks.peers.protocol import LISTS, Peer, load_job


def main() -> None:
    """Learn from DATA with the settings in FOLDER, and write the lists there."""
    name, method, data, folder = sys.argv[1:]
    peer: Peer = importlib.import_module(f"benchmarks.peers.{name}").PEER
    [rank] = [one.rank for one in peer.methods if one.name == method]
    lists = rank(load_job(Path(data), Path(folder)))
    np.save(Path(folder) / LISTS, np.asarray(lists, np.int64))


if __name__ == "__main__":
    main()
