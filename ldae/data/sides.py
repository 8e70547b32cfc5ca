"""The sides of the split; apart from what assigns them, which may change without a training being another."""

from __future__ import annotations

SPLITS = ("train", "validation", "test")
