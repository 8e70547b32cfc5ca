"""Shards: groups of subjects that one job of a stage works through."""

from __future__ import annotations

import hashlib


def shard_of(subject: str, shards: int) -> int:
    """Shard of a subject: a stable hash of its label, so that new subjects leave the others where they are."""
    return int(hashlib.sha256(subject.encode()).hexdigest()[:12], 16) % shards
