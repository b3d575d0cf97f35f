# Two commands to begin with: `make demo`, `make test`. `make help` lists all.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --constraint constraints.txt
STORE ?= runs

# Compiled modules make collecting tests and starting runs faster.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo install test check docs soak lock clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(VENV)/.all: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[all]'
	@touch $(VENV)/.core $@

demo: $(VENV)/.core ## install, then run the study "quickstart" (four minutes at most)
	$(BIN)/rl-transfer run quickstart --store $(STORE)

install: $(VENV)/.all ## make .venv with every extra that installs here

test: $(VENV)/.all ## the fast tests (two minutes at most)
	$(BIN)/python -m pytest --quiet -n auto --dist loadgroup -m "not slow and not soak"

check: $(VENV)/.all ## lint, format, types, import contracts, all tests but the soaking ones
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --quiet -n auto --dist loadgroup -m "not soak"

docs: $(VENV)/.all ## build the documentation into docs/_build/html; a broken link is an error
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --nitpicky --quiet docs docs/_build/html
	@echo "Documentation: docs/_build/html/index.html"

soak: $(VENV)/.all ## the tests that take long
	$(BIN)/python -m pytest -m soak --verbose --capture=no

lock: ## write constraints.txt anew: every version that the newest allowed releases resolve to
	scripts/lock.sh $(PYTHON)

clean: ## remove what building and testing left behind; the store is kept
	rm -rf $(VENV) build dist docs/_build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
