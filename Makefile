# The two commands of the README: `make demo` and `make test`. Both create .venv from the lock first, where needed.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
INSTALLED := $(VENV)/requirements.lock
export PATH := $(abspath $(VENV))/bin:$(PATH)

.PHONY: demo paper-tables test test-all lint envs lock

demo: $(INSTALLED)  ## From the phantom download to every table and the report
	snakemake --cores $(CORES)
	snakemake --report results/report.html

paper-tables: $(INSTALLED)  ## After demo: the voxel DAE, the supervised encoders and every table of the paper
	snakemake --cores $(CORES) paper_tables
	snakemake --report results/report.html

test: lint  ## What CI runs: lint, unit tests, the tiny DAG
	python -m pytest -m "not slow and not gpu"

test-all: lint  ## With the slow tests and, where there is one, the GPU
	python -m pytest

lint: $(INSTALLED)
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile rules

$(INSTALLED): requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; none was found on PATH" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	python -m pip install --disable-pip-version-check -r requirements.lock
	python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e .
	cp requirements.lock $@

envs: $(INSTALLED)  ## The conda environments' pins from the lock
	python envs/generate.py

lock:  ## Resolve pyproject.toml anew and pin what it gives
	$(PYTHON) -m venv --clear $(VENV)-lock
	$(VENV)-lock/bin/pip install ".[workflow,test]"
	$(VENV)-lock/bin/pip freeze --all --exclude pip --exclude wheel --exclude ldae > $(VENV)-lock/freeze.txt
	$(VENV)-lock/bin/python envs/generate.py $(VENV)-lock/freeze.txt
	rm -rf $(VENV)-lock
