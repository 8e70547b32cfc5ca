"""Paths that cannot work are refused before anything starts."""

import errno
import os
import tempfile

import pytest

from ldae.config.paths import check_temporary
from ldae.errors import UserError


@pytest.mark.parametrize("variable", ["TMPDIR", "TEMP", "TMP"])
@pytest.mark.parametrize("place", ["nowhere", "a file"])
def test_a_place_for_temporary_files_that_is_none_is_refused(tmp_path, monkeypatch, variable, place):
    (tmp_path / "a file").touch()
    monkeypatch.setenv(variable, str(tmp_path / place))
    with pytest.raises(UserError) as raised:
        check_temporary()
    assert f"{variable}: {tmp_path / place}" == raised.value.where and variable in raised.value.cure


def test_a_full_one_is_refused(tmp_path, monkeypatch):
    def full(**_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", full)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(UserError, match=os.strerror(errno.ENOSPC)):
        check_temporary()


def test_one_that_works_is_left_empty(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    check_temporary()
    assert not list(tmp_path.iterdir())
