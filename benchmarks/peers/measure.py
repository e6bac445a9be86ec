"""`python -m benchmarks.peers.measure FILE SECONDS COMMAND…`: run a command and write what it used, as JSON.

A process of its own, and a small one: the system counts to a command's peak of memory also what its parent had in
memory when it began it.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time


def main() -> None:
    """Run COMMAND with at most SECONDS of the processor; write to FILE its exit code, those it used, its peak in KB,
    and the seconds by the clock.
    """
    file, seconds, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    resource.setrlimit(
        resource.RLIMIT_CPU, (seconds, seconds + 5)
    )  # this process itself needs next to nothing
    began = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    clock = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)  # told, since it was waited for here
    with open(file, "w") as stream:
        json.dump([process.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss, clock], stream)


if __name__ == "__main__":
    main()
