"""All tables and listings by name: those of the papers, and those beside them."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.reproduce.affinities import AFFINITIES
from benchmarks.reproduce.annotation import ANNOTATION
from benchmarks.reproduce.recommendation import RECOMMENDATION
from benchmarks.reproduce.remarks import REMARKS
from benchmarks.reproduce.retrieval import RETRIEVAL
from benchmarks.reproduce.scripts import SCRIPTS
from benchmarks.reproduce.table_3 import TABLES_3
from benchmarks.reproduce.tables import LISTINGS as PAPERS_LISTINGS
from benchmarks.reproduce.tables import TABLES as PAPERS_TABLES

_TABLES = (*PAPERS_TABLES.values(), *TABLES_3, RECOMMENDATION, ANNOTATION, RETRIEVAL, AFFINITIES)
TABLES = {t.name: replace(t, remarks=REMARKS.get(t.name, "")) for t in _TABLES}
LISTINGS = {
    listing.name: replace(listing, remarks=REMARKS.get(listing.name, ""))
    for listing in (*PAPERS_LISTINGS.values(), *SCRIPTS)
}
