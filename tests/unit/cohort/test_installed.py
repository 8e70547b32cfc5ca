import pytest

from ldae.cohort.installed import clinica_environment, find_program
from ldae.errors import UserError


def test_programs_are_found_beside_python_or_not_at_all():
    assert find_program("clinica").is_file()
    with pytest.raises(UserError, match="no_such_program"):
        find_program("no_such_program")


def test_clinica_finds_dcm2niix_logs_where_told_and_takes_one_thread(tmp_path):
    environment = clinica_environment(tmp_path)
    assert str(find_program("dcm2niix").parent) in environment["PATH"].split(":")
    assert environment["CLINICA_LOGGING_DIR"] == str(tmp_path)
    assert environment["OMP_NUM_THREADS"] == "1"
