"""All tables and listings by name: those of the papers, and those beside them."""

from __future__ import annotations

from benchmarks.reproduce.affinities import AFFINITIES
from benchmarks.reproduce.recommendation import RECOMMENDATION
from benchmarks.reproduce.scripts import SCRIPTS
from benchmarks.reproduce.table_3 import TABLES_3
from benchmarks.reproduce.tables import LISTINGS as PAPERS_LISTINGS
from benchmarks.reproduce.tables import TABLES as PAPERS_TABLES

TABLES = {**PAPERS_TABLES, **{table.name: table for table in (*TABLES_3, RECOMMENDATION, AFFINITIES)}}
LISTINGS = {**PAPERS_LISTINGS, **{listing.name: listing for listing in SCRIPTS}}
