"""Environment variables for the jobs' processes; libraries read them when a process starts."""

from __future__ import annotations

# glibc gives large blocks back to the kernel as soon as they are free, and PyTorch on a CPU asks for them again at
# every step. Other C libraries ignore it. Bytes.
GLIBC_KEEPS_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_TOP_PAD_": str(2**28),
}
# A thread of PyTorch's libgomp that waits for the others turns 300,000 rounds before it gives its core to them, which
# is what they wait for where another program has taken theirs. Rounds.
LIBGOMP_WAITS_BRIEFLY = {"GOMP_SPINCOUNT": "10000"}

JOB_ENVIRONMENT = GLIBC_KEEPS_MEMORY | LIBGOMP_WAITS_BRIEFLY  # measured by benchmarks/job_environment.py
