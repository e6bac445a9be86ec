"""Reliability under faults: killed processes, failing disks, damaged and hostile files, races, a month of nights.

    python -m benchmarks.torture [PART ...] [--sample N] [--jobs N] [--report FILE]

Each part runs commands of awe in forked processes on a tiny data set and compares what is left with a run that
nothing disturbed. The parts are `faults`, `flips`, `races`, `hostile` and `nights`; without names all are run. The
report has one table a part, with the number of trials and every kind of outcome, and ends with exit code 1 where
anything was lost, served damaged, or ended in a traceback.
"""
