# Each target sets up what it needs: a virtual environment with the pinned lock, and xdistill itself.
# torch is pinned to one version and installed first, so that nothing pulls another build of it.

PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup run compiled test slow check format docs site perf chaos clean

help: ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: $(STAMP) ## virtual environment, pinned packages, xdistill

$(STAMP): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $$(grep '^torch==' requirements.lock)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $(STAMP)

run: setup ## the flagship recipe: train, test, report
	$(BIN)/xdistill run recipes/mvi_hcc.yaml

compiled: setup ## bytecode, which hundreds of processes of the tests would else compile each
	$(BIN)/python -m compileall -q -j 2 xdistill plugins

test: compiled ## the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

slow: setup ## the tests that `make test` skips since they take long
	XDISTILL_SLOW=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow

check: compiled ## formatting, lint, types, import contracts, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

format: setup ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup ## generated pages of the documentation
	$(BIN)/python docs/generate.py

site: docs ## the documentation as a site, in site/
	$(BIN)/python -m mkdocs build --strict

perf: setup ## speed, as one table of ratios; frameworks to compare with: pip install --group perf
	$(BIN)/python benchmarks/perf

MINUTES ?= 20
chaos: setup ## kills, full disks, flipped bits and mutated files for MINUTES; prints a table
	$(BIN)/python benchmarks/chaos --minutes $(MINUTES)

clean: ## forget everything that was set up
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
