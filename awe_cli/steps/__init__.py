"""What the commands do, as functions: read artifacts, compute, publish."""
