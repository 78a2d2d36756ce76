# make demo: from nothing to a trained network.  make test: everything CI checks.
# One interpreter of the range is looked for; PYTHON=/path/to/python chooses another.

SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c
.SILENT:

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?=
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

# An environment variable, and no -c: it binds the isolated builds of source packages, too.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt

.PHONY: demo test lint suite bench matrix runtime sample clean check-machine

# Under names of its own: runs/sample is what a user's own first run is called.
demo: $(VENV)/.demo
	$(BIN)/python preprocess.py --set corpus.name=demo
	$(BIN)/python train.py --set corpus.name=demo --set run.name=demo --overwrite
	$(BIN)/ner-mx export runs/demo runs/demo-bundle --overwrite
	$(BIN)/ner-mx predict runs/demo-bundle "Jordan May, the Florence United captain, left Washington in May."

test: $(VENV)/.test
	$(MAKE) --no-print-directory lint suite

lint:
	$(BIN)/ruff check .
	PYTHONPATH=. $(BIN)/lint-imports

suite:
	$(BIN)/python -m pytest -n 2 --dist worksteal

bench: $(VENV)/.test
	$(PIP) -e '.[bench]'
	$(BIN)/python -m pytest tests/benchmarks -m bench -s

# Install, import and one training step under every interpreter of the range that is here.
matrix: check-machine
	folder=$$(mktemp -d)
	trap 'rm -rf "$$folder"' EXIT
	proven=0
	for version in 3.9 3.10 3.11 3.12; do
	  python=$$(tools/find-python $$version) || { echo "python$$version: not here"; continue; }
	  "$$python" -m venv "$$folder/$$version"
	  "$$folder/$$version/bin/python" -m pip install --quiet --disable-pip-version-check '.[cpu]'
	  # From another folder, so that what runs is what was installed.
	  (cd "$$folder" && "$$folder/$$version/bin/python" "$(CURDIR)/tools/train-once" "$(CURDIR)/data/sample")
	  proven=$$((proven + 1))
	done
	test $$proven -gt 0

# The runtime alone, where MXNet cannot be: a bundle made here, used in an environment without it.
runtime: $(VENV)/.test
	folder=$$(mktemp -d)
	trap 'rm -rf "$$folder"' EXIT
	PYTHONPATH=.:tests $(BIN)/python tools/small-bundle "$$folder/bundle"
	proven=0
	for version in 3.9 3.11 3.13; do
	  python=$$(tools/find-python $$version) || { echo "python$$version: not here"; continue; }
	  "$$python" -m venv "$$folder/$$version"
	  # Without the constraints: they are of the interpreters that MXNet knows.
	  PIP_CONSTRAINT= "$$folder/$$version/bin/python" -m pip install --quiet --disable-pip-version-check '.[runtime]'
	  (cd "$$folder" && "$$folder/$$version/bin/python" "$(CURDIR)/tools/tag-once" bundle)
	  proven=$$((proven + 1))
	done
	test $$proven -gt 0

sample:
	$(BIN)/python data/generate.py

clean:
	rm -rf $(VENV) build *.egg-info

check-machine:
	if [ "$$(uname -sm)" != "Linux x86_64" ]; then
	  echo "MXNet 1.9.1 runs on Linux x86-64 alone, and this is $$(uname -sm): train on such a machine." >&2; exit 2
	fi
	if ! command -v cc > /dev/null && ! command -v gcc > /dev/null; then
	  echo "GluonNLP needs a C compiler to install: apt-get install gcc libc6-dev (or your system's like)." >&2; exit 2
	fi

$(VENV)/bin/python: | check-machine
	python="$(PYTHON)"
	if [ -z "$$python" ]; then python=$$(tools/find-python); fi
	"$$python" -m venv $(VENV)

$(VENV)/.demo: setup.py constraints.txt $(VENV)/bin/python
	$(PIP) -e '.[cpu,report,export]'
	touch $@

$(VENV)/.test: setup.py constraints.txt $(VENV)/bin/python
	$(PIP) -e '.[cpu,report,export,serve,corpora,spacy,vectors,search,ray,test]'
	touch $@ $(VENV)/.demo
