"""`python -m benchmarks.bench.child MODULE:WORK SETTINGS`: do one work over and over, a round for each line read.

WORK is a function of the module that takes the settings (JSON) as keywords, prepares, and returns what does one round.
A round is answered by a line of JSON: what that gave, with its seconds by the clock and of the processor. Imported in
environments that have NumPy and SciPy, but not awe.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time


def main() -> None:
    """Prepare, and answer each line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    module, name = sys.argv[1].split(":")
    work = getattr(importlib.import_module(f"benchmarks.bench.{module}"), name)(**json.loads(sys.argv[2]))
    for _ in sys.stdin:
        clock, processor = time.perf_counter(), time.process_time()
        told = work() or {}
        took = {"seconds": time.perf_counter() - clock, "processor": time.process_time() - processor}
        print(json.dumps({**told, **took}), file=answers, flush=True)


if __name__ == "__main__":
    main()
