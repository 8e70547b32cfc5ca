"""The presets laid over config.yaml."""

import pytest
import yaml

from ldae.config.load import load_config
from tests.unit.config.conftest import ROOT

PRESETS = sorted((ROOT / "presets").glob("*.yaml"))
PAPER = ROOT / "presets" / "paper.yaml"


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_a_preset_is_valid_and_changes_what_it_names(preset):
    base, changed = load_config(ROOT / "config.yaml"), load_config(ROOT / "config.yaml", preset)
    assert changed != base
    assert changed.model_copy(update={name: getattr(base, name) for name in yaml.safe_load(preset.read_text())}) == base


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

    def test_it_starts_from_the_published_weights_and_measures_with_the_published_net(self):
        assert self.config.encoder.backbone_weights == self.config.autoencoder.perceptual_weights == "published"
        assert self.config.evaluation.lpips_nets[0] == "squeeze"

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
        "stage, epochs, batch, between, patience",
        [
            ("autoencoder", 100, 4, 1, 30),
            ("ldm", 500, 64, 5, 100),
            ("representation", 400, 16, 5, 75),
            ("dae", 40, 16, 4, 40),
            ("supervised", 50, 16, 1, 20),
        ],
    )
    def test_schedules(self, stage, epochs, batch, between, patience):
        """Epochs in all, from one validation to the next, and without improvement before the training ends."""
        training = getattr(self.config, stage).training
        assert training.batch_size * training.accumulate == batch
        assert training.validate_every_steps == between * (10_000 // batch)
        assert training.steps == epochs // between * training.validate_every_steps
        assert training.patience * between == patience

    def test_split_and_what_else_is_published_of_the_trainings(self):
        assert self.config.split.test_fraction == 0.1
        stages = ("autoencoder", "ldm", "representation")
        assert {getattr(self.config, stage).training.gradient_clip for stage in stages} == {1.0}
        supervised = self.config.supervised
        assert (supervised.learning_rate_ad_cn, supervised.learning_rate_age) == (1e-6, 5e-5)

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


class TestGPUPresets:
    """What is laid over the paper's preset for a GPU's memory."""

    @pytest.mark.parametrize("memory", [24, 40, 80])
    def test_the_scans_of_a_step_and_all_else_that_results_depend_on_stay(self, memory):
        paper = load_config(ROOT / "config.yaml", PAPER)
        config = load_config(ROOT / "config.yaml", PAPER, ROOT / "presets" / f"gpu_{memory}gb.yaml")
        for stage in ("autoencoder", "ldm", "representation", "dae", "supervised"):
            before, after = (getattr(each, stage).training for each in (paper, config))
            assert after.batch_size * after.accumulate == before.batch_size * before.accumulate
            cost = ("batch_size", "accumulate", "activation_checkpointing")
            same = after.model_copy(update={name: getattr(before, name) for name in cost})
            assert same == before
        assert config.preprocessing == paper.preprocessing
        assert config.evaluation.batch_size < paper.evaluation.batch_size
