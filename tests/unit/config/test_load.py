"""Reading, laying over, and the one message about all that is wrong."""

import re
import subprocess
import sys

import pytest
from pydantic import ValidationError

from ldae.config.load import Config, load_config, parse_config
from ldae.errors import UserError
from tests.unit.config.conftest import ROOT


def test_the_defaults_are_valid_and_their_cohort_is_the_phantom():
    assert load_config(ROOT / "config.yaml").cohort.is_phantom


def test_sections_are_frozen():
    with pytest.raises(ValidationError):
        load_config(ROOT / "config.yaml").split.file = "x"


def test_a_missing_section_is_named(content):
    del content["latents"]
    with pytest.raises(UserError, match="latents: Field required"):
        parse_config(content)


def test_overlays_replace_single_keys_and_the_last_wins(tmp_path):
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("split: {validation_fraction: 0.2, test_fraction: 0.25}\nsampling: {steps: 7}\n")
    second.write_text("split: {test_fraction: 0.3}\n")
    base, config = load_config(ROOT / "config.yaml"), load_config(ROOT / "config.yaml", first, second)
    assert (config.split.validation_fraction, config.split.test_fraction) == (0.2, 0.3)
    assert (config.sampling.steps, config.sampling.solver) == (7, base.sampling.solver)
    assert config.cohort == base.cohort


def test_an_empty_overlay_changes_nothing(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert load_config(ROOT / "config.yaml", tmp_path / "empty.yaml") == load_config(ROOT / "config.yaml")


def test_the_file_has_its_sections_in_the_order_of_the_typed_config(content):
    assert list(content) == list(Config.model_fields)


def test_all_faults_come_in_one_message(faults):
    """The cases of people's first hour, with one more in each of their sections."""
    found = faults("""
        seed: -1
        cohort: {dicom_dir: /data/adni}
        preprocessing: {grid_shape: [96, 120, 96], grid_spacing_mm: 1.0, clip_percentiles: [99.9, 0.1]}
        qc: {min_dice: [.nan, 0.9]}
        autoencoder: {channels: [12, 24, 48], kl_weight: -1}
        ldm: {lr: 1.0}
        encoder: {semantic_dim: 65}
        sampling: {steps: 1000}
        evaluation: {comparison: {steps: [10, 1000]}, lpips_nets: [none]}
    """)
    assert [line.split(":")[0] for line in found] == [
        "seed",
        "cohort.dicom_dir",
        "preprocessing.grid_center_mm",
        "preprocessing.clip_percentiles",
        "qc.min_dice.0",
        "autoencoder.norm_groups",
        "autoencoder.kl_weight",
        "ldm.lr",
        "encoder.attention_heads",
        "evaluation.lpips_nets.0",
        "sampling.steps",
        "evaluation.comparison.steps",
    ]


@pytest.mark.parametrize(
    "overlay, said",
    [
        ("autoencoder: {learning_rat: 1.0}", "autoencoder.learning_rat: Extra inputs .*did you mean learning_rate"),
        ("ldm: {training: {step: 10}}", "ldm.training.step: Extra inputs .*did you mean steps"),
        ("sampler: {steps: 10}", "sampler: Extra inputs .*did you mean sampling"),
        ("ldm: {learning_rate: 1e-4}", r"ldm.learning_rate: .*valid number \(got '1e-4'\) .*write 1.0e-4"),
        ("seed: 1e3", r"seed: .*valid integer \(got '1e3'\) .*1000"),
        ("latents: {center: no}", r"latents.center: .*\(got False\) .*quote the word"),
        ("qc_overrides: off", "qc_overrides: .*valid string .*quote the word"),
        ("cohort: {columns: {sex: no}}", "cohort.columns.sex: must be the name of a column.*quote the word"),
        ("cohort: {diagnoses: {no: CN}}", "cohort.diagnoses.False: .*quote the key"),
        ("cohort: {diagnoses: {null: CN}}", "cohort.diagnoses.None: .*quote the key"),
        ("phantom:", "phantom: .*object .*commented out"),
        ("autoencoder: {kl_weight: no}", "autoencoder.kl_weight: .*valid number .*quote the word"),
        ("encoder: {center_input: 'yes'}", "encoder.center_input: .*valid boolean"),
        ("cohort: {shards: '4'}", "cohort.shards: .*valid integer"),
        ("cohort: {dicom_dir: 2024-01-01}", "cohort.dicom_dir: source phantom does not read it"),
    ],
)
def test_what_yaml_and_typing_do_to_a_value_is_said(faults, overlay, said):
    (line,) = faults(overlay)
    assert re.match(said, line)


def test_numbers_as_keys_are_names(faults):
    assert not faults("cohort: {diagnoses: {0: CN, 0.5: MCI, 1: AD}}")


def test_it_takes_nothing_but_pydantic_and_yaml():
    """The Snakefile is parsed with Snakemake's own Python, which has neither pandas nor torch."""
    absent = dict.fromkeys(("pandas", "numpy", "torch", "nilearn"))
    code = f"import sys; sys.modules.update({absent}); import ldae.config.load, ldae.config.schema"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_message_names_the_files(tmp_path):
    (tmp_path / "mine.yaml").write_text("seed: -1\n")
    with pytest.raises(UserError, match=r"config\.yaml \+ .*mine\.yaml"):
        load_config(ROOT / "config.yaml", tmp_path / "mine.yaml")
