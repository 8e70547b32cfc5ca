"""How processes share the tests: the long ones first, those of a file together, and all of the tiny run in one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

TINY = "tiny"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A group of tests runs in one process, in which its fixtures are made once."""
    of_tiny = {item.location[0] for item in items if TINY in fixtures_of(item)}
    for item in items:
        file = item.location[0]
        item.add_marker(pytest.mark.xdist_group(TINY if file in of_tiny else file))
    items.sort(key=lambda item: (item.location[0] not in of_tiny, "workflow" not in item.location[0]))


def fixtures_of(item: pytest.Item) -> Sequence[str]:
    """Names of the fixtures that a test takes; a doctest takes none."""
    return getattr(item, "fixturenames", ())
