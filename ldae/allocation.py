"""How the jobs' processes manage their memory."""

from __future__ import annotations

# glibc gives large blocks back to the kernel as soon as they are free, and PyTorch on a CPU asks for them again at
# every step: benchmarks/allocation.py. Read when a process starts; other C libraries ignore it. Bytes.
GLIBC_KEEPS_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_TOP_PAD_": str(2**28),
}
