"""Settings of how something is computed: they are checked as all others, and are no part of what is made."""

import pytest

from ldae.config.load import load_config
from ldae.config.training import TrainingConfig
from tests.unit.config.conftest import ROOT

STAGES = ("autoencoder", "ldm", "representation", "dae", "supervised")
CONFIG = load_config(ROOT / "config.yaml")


@pytest.mark.parametrize("stage", STAGES)
def test_devices_divide_the_passes_of_a_step(faults, stage):
    (line,) = faults(f"{stage}: {{training: {{accumulate: 4, devices: 3}}}}")
    assert line.startswith(f"{stage}.training.devices: must divide accumulate, 4")
    assert "a smaller batch_size and as many times more accumulate" in line
    assert not faults(f"{stage}: {{training: {{accumulate: 6, devices: 3}}}}")


def test_apples_gpu_is_no_device(faults):
    (line,) = faults("device: mps")
    assert "'auto', 'cpu' or 'cuda'" in line


def test_the_demo_takes_what_there_is_and_the_papers_size_a_gpu():
    assert CONFIG.device == "auto"
    assert load_config(ROOT / "config.yaml", ROOT / "presets" / "paper.yaml").device == "cuda"


@pytest.mark.parametrize("stage", STAGES)
def test_a_description_tells_what_a_training_is_and_not_how_it_is_computed(stage):
    training = getattr(CONFIG, stage).training.model_copy(update={"accumulate": 6, "devices": 3, "compile": True})
    told = training.model_dump()
    computing = {"devices", "compile", "save_every_minutes", "activation_checkpointing"}
    assert set(told) == set(TrainingConfig.model_fields) - computing
    assert TrainingConfig(**told) == training.model_copy(update={"devices": 1, "compile": False})


def test_each_device_makes_its_share_of_the_passes():
    assert CONFIG.ldm.training.model_copy(update={"accumulate": 6, "devices": 3}).passes == 2
