"""The lock is the only source of versions."""

import re
import tomllib

import pytest
import yaml

from envs import generate


def names(lines):
    """Normalised package names of requirement lines."""
    return {re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", line)[0]).lower() for line in lines}


def pins(lock=generate.LOCK):
    """Lines of a lock."""
    return [line for line in lock.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def declared():
    """The requirements of pyproject.toml: the package's and the workflow's, and the tests'."""
    project = tomllib.loads((generate.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    return project["dependencies"] + extras["workflow"], extras["test"]


def test_the_environment_is_what_the_generator_writes():
    expected = generate.environment_from_lock(generate.LOCK.read_text(encoding="utf-8"))
    assert generate.ENVIRONMENT.read_text(encoding="utf-8") == expected, "run `make envs`"


def test_the_environment_can_stand_alone():
    environment = yaml.safe_load(generate.ENVIRONMENT.read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    python, pip, packages = environment["dependencies"]
    assert (python, pip) == ("python=3.11", "pip")
    assert packages["pip"] == pins()
    assert not any("/" in line or line.startswith("-") for line in packages["pip"]), "a path would not survive the copy"


@pytest.mark.parametrize("lock", [generate.LOCK, generate.TEST_LOCK], ids=lambda path: path.name)
def test_a_lock_pins_exactly_and_for_every_platform(lock):
    for line in pins(lock):
        assert re.fullmatch(r"[\w.-]+==[\w.!]+", line), line
    assert not [name for name in names(pins(lock)) if name.startswith(("nvidia", "cuda", "triton"))]


def test_every_declared_dependency_is_locked_and_users_install_no_tests():
    users, tests = declared()
    assert names(users) <= names(pins())
    assert names(tests) <= names(pins(generate.TEST_LOCK))
    assert not names(pins()) & names(pins(generate.TEST_LOCK))


def test_two_freezes_become_two_locks():
    before = "torch==2.13.0+cpu\nnvidia-nccl-cu12==2.32.3\n\nabagen==0.1.3\n"
    users, tests = generate.locks_from_freezes(before, before + "pytest==9.2.0\nBlack==26.1\n")
    assert users == generate.LOCK_HEADER + "abagen==0.1.3\ntorch==2.13.0\n"
    assert tests == generate.TEST_LOCK_HEADER + "Black==26.1\npytest==9.2.0\n"
