"""How good a ranking is: one metric a file, all of them listed in `catalog`."""
