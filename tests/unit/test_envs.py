"""The lock is the only source of versions."""

import re
import tomllib

import yaml

from envs import generate


def names(lines):
    """Normalised package names of requirement lines."""
    return {re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", line)[0]).lower() for line in lines}


def pins():
    """Lines of the lock."""
    return [line for line in generate.LOCK.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


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


def test_the_lock_pins_exactly_and_for_every_platform():
    for line in pins():
        assert re.fullmatch(r"[\w.-]+==[\w.!]+", line), line
    assert not [name for name in names(pins()) if name.startswith(("nvidia", "cuda", "triton"))]


def test_every_declared_dependency_is_locked():
    project = tomllib.loads((generate.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = project["dependencies"] + sum(project["optional-dependencies"].values(), [])
    assert names(declared) <= names(pins())


def test_a_freeze_becomes_a_lock():
    lock = generate.lock_from_freeze("torch==2.13.0+cpu\nnvidia-nccl-cu12==2.32.3\n\nabagen==0.1.3\n")
    assert lock == generate.LOCK_HEADER + "abagen==0.1.3\ntorch==2.13.0\n"
