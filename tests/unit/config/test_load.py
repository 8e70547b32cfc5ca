from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import ValidationError

from ldae.config.load import load_config, parse_config
from ldae.errors import UserError

ROOT = Path(__file__).resolve().parents[3]
PAPER = ROOT / "presets" / "paper.yaml"


@pytest.fixture
def content():
    return yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def test_the_defaults_are_valid_and_their_default_cohort_is_the_phantom():
    config = load_config(ROOT / "config.yaml")
    assert config.cohort.is_phantom and config.cohort.images_dir == "results/phantom/images"


def test_sections_are_frozen():
    with pytest.raises(ValidationError):
        load_config(ROOT / "config.yaml").split.file = "x"


@pytest.mark.parametrize(
    "section, key, value, found",
    [
        ("autoencoder", "learning_rat", 1e-4, "autoencoder.learning_rat: Extra inputs"),
        ("split", "test_fraction", 1.5, "split.test_fraction: Input should be less than 1 (got 1.5)"),
        ("cohort", "dicom_dir", 3, "cohort.dicom_dir: Input should be a valid string"),
        ("preprocessing", "transform", "rigid", "preprocessing.transform: Input should be 'affine' or 'syn'"),
        ("ldm", "attention_levels", [True], "channels and attention_levels"),
        ("preprocessing", "grid_shape", [33, 40, 32], "divisible by 8"),
        ("phantom", "visits_per_subject", [0.5, 0.4], "must add up to 1"),
        ("evaluation", "reconstruction", {"steps": ["ten"]}, "evaluation.reconstruction.steps.0"),
        ("ldm", "learning_rate", "1e-4", "ldm.learning_rate: Input should be a valid number"),
        ("autoencoder", "kl_weight", False, "autoencoder.kl_weight: Input should be a valid number"),
        ("seed", "", "0", "seed: Input should be a valid integer"),
    ],
)
def test_a_wrong_key_type_or_value_is_named(content, section, key, value, found):
    if key:
        content[section][key] = value
    else:
        content[section] = value
    with pytest.raises(UserError) as raised:
        parse_config(content)
    assert found in str(raised.value)
    assert "cure" in str(raised.value)


@pytest.mark.parametrize(
    "values, found",
    [
        ({"source": "adn"}, "cohort.source: Input should be 'phantom', 'adni', 'bids'"),
        ({"source": "bids"}, "cohort.bids_dir: source bids needs"),
        ({"bids_dir": "/data"}, "cohort.bids_dir: source phantom does not read it; set cohort.source: bids"),
        ({"dicom_dir": "/data"}, "cohort.dicom_dir: source phantom does not read it; set cohort.source: adni"),
        ({"source": "adni"}, "cohort.clinical_dir: source adni needs"),
        ({"source": "oasis"}, "cohort.dicom_dir: source oasis needs"),
        ({"columns": {"age": 3}}, "cohort.columns.sex: Field required"),
        ({"diagnoses": {"FTD": "FTD"}}, "cohort.diagnoses.FTD"),
        ({"converter_arguments": {"oasis": ["{dataset}", "{bids}"]}}, "must have default"),
        ({"converter_arguments": {"default": ["{dataset}", "{bids}"], "adni": []}}, "may have aibl, default, genfi"),
        ({"converter_arguments": {"default": ["{dataset}", "{output}"]}}, "converter_arguments: default must have"),
    ],
)
def test_a_cohort_that_cannot_be_is_named(content, values, found):
    content["cohort"] |= values
    with pytest.raises(UserError) as raised:
        parse_config(content)
    assert found in str(raised.value)


@pytest.mark.parametrize(
    "values, folders, phantom",
    [
        ({}, [], True),
        (
            {"source": "adni", "dicom_dir": "/d", "clinical_dir": "/t"},
            ["dicom_dir", "clinical_dir"],
            False,
        ),
        ({"source": "bids", "bids_dir": "/data/bids"}, ["bids_dir"], False),
        (
            {"source": "oasis3", "dicom_dir": "/d", "clinical_dir": "/t"},
            ["dicom_dir", "clinical_dir"],
            False,
        ),
        ({"source": "habs", "dicom_dir": "/data/habs"}, ["dicom_dir"], False),
    ],
)
def test_each_source_reads_its_folders(content, values, folders, phantom):
    content["cohort"] |= values
    cohort = parse_config(content).cohort
    assert cohort.folders == folders
    assert cohort.is_phantom == phantom


def test_every_converter_of_clinica_is_a_source(content):
    from clinica.converters.cli import cli

    offered = {name.removesuffix("-to-bids") for name in cli.commands}
    sources = set(get_args(type(parse_config(content).cohort).model_fields["source"].annotation))
    assert sources == offered | {"bids", "phantom"}


def test_the_arguments_of_a_converter_are_its_own_or_the_usual(content):
    arguments = {}
    for source in ("nifd", "ixi", "genfi"):
        content["cohort"] |= {"source": source, "dicom_dir": "/data", "clinical_dir": "/data"}
        arguments[source] = parse_config(content).cohort.arguments
    assert arguments == {
        "nifd": ["{dataset}", "{clinical}", "{bids}"],
        "ixi": ["{dataset}", "{bids}", "{clinical}"],
        "genfi": ["{dataset}", "{bids}", "-cdd", "{clinical}"],
    }


def test_a_missing_section_is_named(content):
    del content["latents"]
    with pytest.raises(UserError, match="latents: Field required"):
        parse_config(content)


def test_all_mistakes_come_in_one_message(content):
    content["split"]["file"] = 3
    content["ldm"]["lr"] = 1
    with pytest.raises(UserError) as raised:
        parse_config(content)
    assert "split.file" in str(raised.value)
    assert "ldm.lr" in str(raised.value)


def test_overlays_replace_single_keys(tmp_path):
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("cohort:\n  source: adni\n  dicom_dir: /data/adni\n  clinical_dir: /data/tables\n")
    config = load_config(ROOT / "config.yaml", overlay)
    base = load_config(ROOT / "config.yaml")
    assert config.cohort.dicom_dir == "/data/adni"
    assert config.cohort.shards == base.cohort.shards
    assert config.split == base.split


def test_an_empty_overlay_changes_nothing(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert load_config(ROOT / "config.yaml", tmp_path / "empty.yaml") == load_config(ROOT / "config.yaml")


def test_the_file_has_its_sections_in_the_order_of_the_typed_config():
    content = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    assert list(content) == list(type(load_config(ROOT / "config.yaml")).model_fields)


class TestPaperPreset:
    """The figures of arXiv 2504.08635."""

    config = load_config(ROOT / "config.yaml", PAPER)

    def test_grid(self):
        grid = self.config.preprocessing
        assert (grid.grid_shape, grid.grid_spacing_mm) == ((128, 160, 128), 1.5)
        origin = [c - (n - 1) / 2 * 1.5 for c, n in zip(grid.grid_center_mm, grid.grid_shape, strict=True)]
        assert origin == [-95.25, -136.25, -90.25]

    def test_latent_is_3_x_16_x_20_x_16(self):
        factor = 2 ** (len(self.config.autoencoder.channels) - 1)
        assert [n // factor for n in self.config.preprocessing.grid_shape] == [16, 20, 16]
        assert self.config.autoencoder.latent_channels == 3

    def test_autoencoder(self):
        autoencoder = self.config.autoencoder
        assert autoencoder.channels == [64, 128, 128, 128]
        assert (autoencoder.residual_blocks, autoencoder.norm_groups) == (2, 32)
        assert (autoencoder.kl_weight, autoencoder.perceptual_weight) == (1e-7, 1e-3)
        assert (autoencoder.adversarial_weight, autoencoder.discriminator_channels) == (0.025, 64)
        assert (autoencoder.learning_rate, autoencoder.discriminator_learning_rate) == (5e-5, 1e-4)

    def test_diffusion(self):
        assert self.config.diffusion.model_dump() == {"timesteps": 1000, "beta_start": 1e-4, "beta_end": 0.02}
        assert self.config.ldm.channels == [256 * m for m in (1, 2, 3)]
        assert self.config.ldm.attention_levels == [False, True, True]
        assert self.config.ldm.learning_rate == 2.5e-5
        assert self.config.ldm.training.batch_size == 64
        assert self.config.ldm.training.ema_decay == 0.999

    def test_representation(self):
        representation = self.config.encoder
        assert (representation.semantic_dim, representation.attention_heads) == (768, 8)
        assert representation.backbone == "convnext_small"
        assert not representation.center_input
        assert self.config.latents.center == "channel"

    @pytest.mark.parametrize(
        "stage, epochs, batch", [("autoencoder", 100, 4), ("ldm", 500, 64), ("representation", 400, 16)]
    )
    def test_schedules(self, stage, epochs, batch):
        training = getattr(self.config, stage).training
        assert training.batch_size * training.accumulate == batch
        assert training.validate_every_steps == 10_000 // batch
        assert training.steps == epochs * training.validate_every_steps
        assert training.patience >= epochs

    @pytest.mark.parametrize(
        "section",
        ["autoencoder", "latents", "diffusion", "ldm", "encoder", "representation", "dae", "supervised", "sampling"],
    )
    def test_nothing_of_the_demo_slips_in(self, section):
        """A key the preset left out would silently take the demo's value."""
        preset = yaml.safe_load(PAPER.read_text(encoding="utf-8"))[section]
        everything = getattr(self.config, section).model_dump()
        assert set(preset) == set(everything)
        assert set(preset.get("training", {})) == set(everything.get("training", {}))

    def test_the_phantom_is_untouched(self):
        assert "phantom" not in yaml.safe_load(PAPER.read_text(encoding="utf-8"))
