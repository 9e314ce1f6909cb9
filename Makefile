# Each target sets up what it needs, in a virtual environment of its own making.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := runs/demo
# A worker of pytest for each core; a file's tests stay together, for they share what they train.
# Files keep their order, in which those with slow tests come first (tests/conftest.py).
CORES := --numprocesses auto --dist loadfile --no-loadscope-reorder

.PHONY: help demo test fuzz docs lint check format clean

help:  ## Say what each target does
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

# The stamps rebuild the environment when the list of dependencies changes.
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-test: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@ $(VENV)/.installed

demo: $(VENV)/.installed  ## Train and score the chapter's network on simulated storms, offline
	rm -rf $(RUN)
	$(BIN)/stormlens train chapter-relu --data simulated --out $(RUN)
	@echo "Next: . $(BIN)/activate, so that the shell finds stormlens; then: stormlens data sample sample"
	@echo "$(CURDIR)/$(RUN)/report.html"

test: $(VENV)/.installed-test lint  ## Lint, type-check and run the whole suite
	$(BIN)/python -m pytest $(CORES)

fuzz: $(VENV)/.installed-test  ## Feed 10,000 mutated files of each kind to what reads it
	STORMLENS_FUZZ=10000 $(BIN)/python -m pytest tests/readers/test_fuzz.py

docs: $(VENV)/.installed-docs  ## Run the lessons and build the site, offline once installed
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs docs/_build
	@echo "$(BIN)/python -m http.server --directory docs/_build  # components need a host, if only this one"

lint: $(VENV)/.installed-test  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: $(VENV)/.installed-test lint  ## The suite without its slow tests
	$(BIN)/python -m pytest $(CORES) -m "not slow"

format: $(VENV)/.installed-test  ## Rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## Remove the environment, caches and demo run
	rm -rf $(VENV) $(RUN) build docs/_build docs/jupyter_execute docs/lessons dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
