"""Speed, side by side in one run, into docs/performance.md: `python -m benchmarks.bench`.

`__main__` says how to run it. `contest` runs those that are compared in turn, each in a process of its own (`child`);
what they do is in `of_awe`, `of_faiss`, `of_implicit`, `of_lightfm` and `of_sklearn`, and what the machine can do in
`limits`. The other files are the sections of the page; `check` compares kernels with the figures of earlier commits.
"""
