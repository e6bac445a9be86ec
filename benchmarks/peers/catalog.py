"""Which libraries are compared, on which data, by which measures."""

from __future__ import annotations

from benchmarks.peers import fasttext, implicit, lenskit, lightfm, napkinxc, omikuji, sklearn
from benchmarks.peers.protocol import ANNOTATION, RECOMMENDATION, Peer
from benchmarks.reproduce.data import COREL5K, DEBIAN, DELICIOUS, IMCLEF07A, LASTFM, WORDNET
from benchmarks.reproduce.shape import Data

PEERS: dict[str, Peer] = {
    one.PEER.name: one.PEER for one in (implicit, lightfm, lenskit, napkinxc, omikuji, sklearn, fasttext)
}
DATA: dict[str, Data] = {data.name: data for data in (DEBIAN, WORDNET, LASTFM, COREL5K, DELICIOUS, IMCLEF07A)}
TASKS = {
    **dict.fromkeys((DEBIAN.name, LASTFM.name), RECOMMENDATION),
    **dict.fromkeys((WORDNET.name, COREL5K.name, DELICIOUS.name, IMCLEF07A.name), ANNOTATION),
}
# The first is what the settings of a peer are chosen by on validation, as awe chooses its own.
MEASURES = {
    RECOMMENDATION: ("ndcg@20", "recall@20", "precision@1"),
    ANNOTATION: ("ndcg@5", "precision@1", "precision@3", "precision@5"),
}
LISTED = 20  # labels of each list
