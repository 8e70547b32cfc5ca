# The two commands of the README: `make demo` and `make test`. Both create .venv from the locks first, where needed.

SHELL := bash
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
INSTALLED := $(VENV)/requirements.lock
TESTABLE := $(VENV)/requirements-test.lock
PIP := python -m pip --disable-pip-version-check
RESOLVE := $(VENV)-lock/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --no-annotate --custom-compile-command 'make lock' --quiet
QUICK := python -m pytest -m "not slow and not gpu"
RUN_unit := $(QUICK) tests/unit tests/faults ldae
RUN_workflow := $(QUICK) tests/workflow
COVERAGE_unit := --cov --cov-report=
export PATH := $(abspath $(VENV))/bin:$(PATH)

# Snakemake calls Python by its path without quotes.
ifneq ($(words $(CURDIR)),1)
$(error $(CURDIR): expected a path without spaces, found one with; move or clone the checkout to another folder)
endif

# Snakemake keeps a cache below HOME and stops without one.
ifneq ($(shell test -w "$(HOME)" && echo yes),yes)
export XDG_CACHE_HOME ?= $(CURDIR)/.cache
endif

.PHONY: demo paper-tables test unit workflow test-faults test-all lint schema lock

demo: $(INSTALLED)  ## From the phantom download to every table and the report
	snakemake --cores $(CORES)
	snakemake --report results/report.html

paper-tables: $(INSTALLED)  ## After demo: the voxel DAE, the supervised encoders and every table of the paper
	snakemake --cores $(CORES) paper_tables
	snakemake --report results/report.html

test: lint  ## What CI runs: lint, then side by side the unit tests and the tiny DAG
	@$(MAKE) --no-print-directory --jobs 2 --keep-going told-unit told-workflow
	@echo "share of the package's lines that the unit tests run: $$(python -m coverage report --format=total) %"

told-%: $(TESTABLE)
	@set -o pipefail; $(RUN_$*) $(COVERAGE_$*) | sed --unbuffered 's/^/$*: /'

unit: $(TESTABLE)  ## The unit tests and the quick faults
	$(RUN_unit)

workflow: $(TESTABLE)  ## The workflow's tests alone: the tiny DAG and what reruns when
	$(RUN_workflow)

test-faults: $(TESTABLE)  ## Every fault of docs/faults.md, which it writes; hours, for whole runs are killed (LDAE_FAULTS_SEEDS=3)
	python -m pytest tests/faults --write-faults docs/faults.md

test-all: lint  ## With the slow tests and, where there is one, the GPU
	python -m pytest

lint: $(TESTABLE)
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile rules
	snakemake --lint
	mypy

$(INSTALLED): requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; none was found on PATH" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	bash envs/ldae.post-deploy.sh
	$(PIP) install --no-deps --no-build-isolation -e .
	cp requirements.lock $@

$(TESTABLE): requirements-test.lock $(INSTALLED)
	$(PIP) install --no-deps -r requirements-test.lock
	cp requirements-test.lock $@

schema: $(INSTALLED)  ## The JSON schema and the documentation of the configuration, from its typed model
	python -m ldae.config.schema

lock:  ## Pin what pyproject.toml asks for; versions stay where they can (delete a line to have its newest)
	$(PYTHON) -m venv --clear $(VENV)-lock
	$(VENV)-lock/bin/pip install uv
	$(RESOLVE) --extra workflow --extra lpips --output-file requirements.lock
	sed -Ei '/^(nvidia|cuda|triton)/d' requirements.lock
	cat requirements.lock requirements-test.lock > $(VENV)-lock/all.lock
	$(RESOLVE) --extra workflow --extra lpips --extra test --output-file $(VENV)-lock/all.lock
	grep -Ev '^(nvidia|cuda|triton)' $(VENV)-lock/all.lock | grep -vxFf requirements.lock > requirements-test.lock
	sed -i "s/^sha256=.*/sha256=$$(sha256sum requirements.lock | cut -d' ' -f1)/" envs/ldae.post-deploy.sh
	rm -rf $(VENV)-lock
