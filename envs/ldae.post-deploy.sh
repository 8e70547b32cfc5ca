#!/usr/bin/env bash
# Installs requirements.lock into the active environment: `make demo` runs this in .venv, Snakemake in each conda
# environment. The lock's hash stands here so that a new lock makes a new conda environment; `make lock` writes it.
set -euo pipefail
sha256=00a86d2411a85399a22bd204d4ad7c84cbf9b75cefb68da83363449cbf3ea954
lock="${LDAE_LOCK:-requirements.lock}"
found=$(python -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$lock")
if [ "$found" != "$sha256" ]; then
    echo "$lock: expected sha256 $sha256, found $found; check out both at one commit, or run 'make lock'" >&2
    exit 1
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
# Torch brings the CUDA libraries of its build, which no lock can name for every build; nothing else is resolved.
python -m pip install --constraint "$lock" $(grep -E '^torch(vision)?==' "$lock")
python -m pip install --no-deps --requirement "$lock"
