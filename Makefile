# Needs git, make and Python 3.11 or newer with venv; every target sets up what it uses.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Somebody else's Alpaca server, and ccdproc, to test against; they want packages of their own.
FOREIGN := .venv-foreign
FOREIGN_READY := $(FOREIGN)/.ready
DOCS_READY := $(VENV)/.docs-ready

.PHONY: install foreign demo test check coverage docs clean

install: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "nightcal needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

$(FOREIGN_READY): constraints-foreign.txt
	$(PYTHON) -m venv $(FOREIGN)
	$(FOREIGN)/bin/python -m pip install --quiet --disable-pip-version-check -r constraints-foreign.txt
	@touch $(FOREIGN_READY)

foreign: $(FOREIGN_READY)

$(DOCS_READY): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $(DOCS_READY)

# A whole simulated night; ARGS="--short" for a smaller one, ARGS="--help" for the rest.
demo: $(READY)
	$(BIN)/nightcal demo $(ARGS)

# One worker more than there are cores: many tests wait, for processes and for deadlines of the machine's clock.
# ARGS="-k flats" and the like are handed to pytest.
test: $(READY) $(FOREIGN_READY)
	PYTEST_XDIST_AUTO_NUM_WORKERS=$$($(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)') \
		$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

coverage: $(READY) $(FOREIGN_READY)
	$(BIN)/python -m pytest -n auto --dist loadgroup --cov --cov-report=term-missing:skip-covered $(ARGS)

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# docs/_build/index.html; a link that leads nowhere, or a page that no index names, is an error.
docs: $(DOCS_READY)
	$(BIN)/sphinx-build -W --keep-going --quiet --fresh-env --write-all docs docs/_build

clean:
	rm -rf $(VENV) $(FOREIGN) demo docs/_build
