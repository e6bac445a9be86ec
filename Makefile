# awe: `make demo` runs the main job on the sample data, `make test` runs the tests.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench bench-check torture reproduce compare-peers clean docs

# For `make reproduce`: the folder of research data (docs/results.md says what is in it), and how many seeds.
DATA ?= data
SEEDS ?= 5

# For `make bench`: small or full; BENCH='--only training,curves' prints these sections.
SCALE ?= full

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1 — /p' $(MAKEFILE_LIST)

demo: $(STAMP) ## prepare, train, build-knn, retrain, evaluate and predict on the sample data
	PATH="$(abspath $(BIN)):$$PATH" sample_data/demo.sh

test: $(STAMP) ## run the tests
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: $(STAMP) ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(STAMP) ## build the documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

bench: $(STAMP) ## speed beside other libraries, into docs/performance.md (a quarter of an hour); SCALE=small
	$(BIN)/python -m benchmarks.bench --scale $(SCALE) $(BENCH)

bench-check: $(STAMP) ## kernels beside a reference kernel: fails where one is 10 % slower than it was recorded
	$(BIN)/python -m benchmarks.bench.check

torture: $(STAMP) ## kill, fill disks, flip bits, race and attack: counts into docs/reliability.md (an hour or two)
	$(BIN)/python -m benchmarks.torture --report docs/reliability.md

reproduce: $(STAMP) ## the papers' tables, into docs/results: DATA=folder SEEDS=5; one alone: make reproduce-TABLE
	$(BIN)/python -m benchmarks.reproduce --data "$(DATA)" --seeds $(SEEDS)

reproduce-%: $(STAMP)
	$(BIN)/python -m benchmarks.reproduce $* --data "$(DATA)" --seeds $(SEEDS)

compare-peers: $(STAMP) ## other libraries beside awe, into docs/results/peers.md: SEEDS=5, DATA=folder for research data
	$(BIN)/python -m benchmarks.peers --seeds $(SEEDS) $(if $(filter-out file,$(origin DATA)),--data "$(DATA)") $(PEERS)

clean: ## remove the virtual environment, caches and demo output
	rm -rf $(VENV) demo-workspace reproduce-workspace peers-workspace recipes-workspace build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "awe needs Python 3.11 or later: name one with 'make PYTHON=python3.12 …'" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@
