"""Who does the work that can be shared out."""

from __future__ import annotations

ENGINES = ("local", "dask")  # the threads of this process, and the workers of a cluster
# In place of the address of a scheduler, and none that can be: a cluster of processes on this machine, for as long as
# it is needed.
ON_THIS_MACHINE = "<this machine>"
