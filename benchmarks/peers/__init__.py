"""awe beside other libraries, each in an environment of its own: `python -m benchmarks.peers`.

`__main__` says how to run it, `catalog` which libraries and data there are, `protocol` what a library is given.
"""
