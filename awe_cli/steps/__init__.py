"""What the commands do, as functions: read artifacts, compute, publish. The Python interface of awe."""
