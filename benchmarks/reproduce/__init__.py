"""The papers' tables, made of awe commands: `python -m benchmarks.reproduce TABLE… --data FOLDER --seeds 5`."""
