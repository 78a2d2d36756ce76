# make demo: install, train and use a model.  make test: run all checks of CI.
# A supported Python version is searched for; PYTHON=/path/to/python selects an interpreter.

SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c
.SILENT:

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?=
EXAMPLES ?= 5000
MINUTES ?= 15
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

# An environment variable instead of -c, because it also applies to isolated builds of source packages.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt

.PHONY: demo test lint suite mutants fuzz reliability bench matrix runtime sample clean check-machine check-compiler

# The demo has its own names, because runs/sample is the default name of a user's first run.
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
	$(BIN)/mypy

suite:
	$(BIN)/python -m pytest -n 2 --dist worksteal

# Mutation testing: change the code in many small ways and count the changes that no test detects; see tests/mutants.md.
mutants: $(VENV)/.test
	$(PIP) -e '.[mutants]'
	PYTHON=$(BIN)/python tools/mutants

# Damaged files, bundles and requests, others each time: EXAMPLES for each of some forty readers, MINUTES at most.
fuzz: $(VENV)/.test
	EXAMPLES=$(EXAMPLES) timeout --signal=INT $(MINUTES)m $(BIN)/python -m pytest -n 2 tests/reliability \
	  --hypothesis-profile=fuzz || { status=$$?; test $$status = 124; echo "stopped after $(MINUTES) minutes"; }

# What reports/reliability.md shows: attacks, kills of every command, and a service under load for ten minutes.
reliability: $(VENV)/.test
	$(BIN)/python tests/reliability/bundles.py --mutations 2000
	$(BIN)/python tests/reliability/kills.py --times 20
	folder=$$(mktemp -d)
	trap 'rm -rf "$$folder"' EXIT
	PYTHONPATH=.:tests $(BIN)/python tools/small-bundle "$$folder/bundle"
	awk 'NF { printf "%s ", $$1; next } { print "" }' data/sample/train.txt > "$$folder/texts.txt"
	$(BIN)/python tests/reliability/malformed_requests.py "$$folder/bundle"
	$(BIN)/python tests/reliability/soak.py "$$folder/bundle" "$$folder/texts.txt"

bench: $(VENV)/.test
	$(PIP) -e '.[bench]'
	$(BIN)/python -m pytest tests/benchmarks -m bench -s

# Install, import and train for one epoch with every supported Python version that is installed.
matrix: check-machine
	folder=$$(mktemp -d)
	trap 'rm -rf "$$folder"' EXIT
	tested=0
	for version in 3.9 3.10 3.11 3.12; do
	  python=$$(tools/find-python $$version) || { echo "python$$version: not installed"; continue; }
	  "$$python" -m venv "$$folder/$$version"
	  "$$folder/$$version/bin/python" -m pip install --quiet --disable-pip-version-check '.[cpu]'
	  # Run in another folder, so that the installed package is imported.
	  (cd "$$folder" && "$$folder/$$version/bin/python" "$(CURDIR)/tools/train-once" "$(CURDIR)/data/sample")
	  tested=$$((tested + 1))
	done
	test $$tested -gt 0

# Test the runtime extra: a bundle is written here and used in environments without MXNet.
runtime: $(VENV)/.test
	folder=$$(mktemp -d)
	trap 'rm -rf "$$folder"' EXIT
	PYTHONPATH=.:tests $(BIN)/python tools/small-bundle "$$folder/bundle"
	tested=0
	for version in 3.9 3.11 3.13; do
	  python=$$(tools/find-python $$version) || { echo "python$$version: not installed"; continue; }
	  "$$python" -m venv "$$folder/$$version"
	  # Without the constraints, which are for the Python versions that MXNet supports.
	  PIP_CONSTRAINT= "$$folder/$$version/bin/python" -m pip install --quiet --disable-pip-version-check '.[runtime]'
	  (cd "$$folder" && "$$folder/$$version/bin/python" "$(CURDIR)/tools/tag-once" bundle)
	  tested=$$((tested + 1))
	done
	test $$tested -gt 0

sample:
	$(BIN)/python data/generate.py

clean:
	rm -rf $(VENV) build *.egg-info

check-machine:
	if [ "$$(uname -sm)" != "Linux x86_64" ]; then
	  echo "MXNet 1.9.1 supports only Linux x86-64, and this machine is $$(uname -sm)." >&2; exit 2
	fi

check-compiler:
	if ! command -v cc > /dev/null && ! command -v gcc > /dev/null; then
	  echo "The tests install GluonNLP, which needs a C compiler: apt-get install gcc libc6-dev, or the equivalent." >&2; exit 2
	fi

$(VENV)/bin/python: | check-machine
	python="$(PYTHON)"
	if [ -z "$$python" ]; then python=$$(tools/find-python); fi
	"$$python" -m venv $(VENV)

$(VENV)/.demo: setup.py constraints.txt $(VENV)/bin/python
	$(PIP) -e '.[cpu,report,export]'
	touch $@

$(VENV)/.test: setup.py constraints.txt $(VENV)/bin/python
	$(MAKE) --no-print-directory check-compiler
	$(PIP) -e '.[cpu,report,export,encoders,sign,serve,corpora,spacy,crf,vectors,search,fetch,tracking,ray,test]'
	touch $@ $(VENV)/.demo
