"""Seeds that depend on what they are for, so that one draw more or less moves no other."""

from __future__ import annotations

from ldae.files import hash_content


def seed_of(*parts: object) -> int:
    """A seed of 60 bits from JSON-serialisable parts, such as (seed, subject, session)."""
    return int(hash_content(list(parts))[:15], 16)
