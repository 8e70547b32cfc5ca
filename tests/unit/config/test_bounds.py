"""What is refused, setting by setting, and what just passes."""

from typing import get_args

import numpy as np
import pytest
import torch
from monai.networks.nets import DiffusionModelUNet, PatchDiscriminator
from pydantic import BaseModel
from torchvision.models import convnext_tiny

from ldae.config.cohort import Source
from ldae.config.load import Config, load_config
from ldae.config.misfits import SMALLEST_PATCH, SMALLEST_SLICE
from ldae.config.preprocessing import MNI_BRAIN_MM
from tests.unit.config.conftest import ROOT

COMMAND, VERSION = "preprocessing.brain_extraction_command", "preprocessing.brain_extraction_version"
STAGES = ("autoencoder", "ldm", "representation", "dae", "supervised")
REFUSED = [
    ("seed: -1", "seed", "greater than or equal to 0"),
    ("seed: 4294967296", "seed", "less than or equal to 4294967295"),
    ("seed: 1.5", "seed", "valid integer"),
    ("cohort: {shards: 0}", "cohort.shards", "greater than or equal to 1"),
    ("cohort: {conversion_timeout_s: 0}", "cohort.conversion_timeout_s", "greater than 0"),
    ("cohort: {columns: {age: []}}", "cohort.columns.age", "a list of names"),
    ("cohort: {columns: {age: [age, 3]}}", "cohort.columns.age", "a list of names"),
    ("cohort: {diagnoses: {FTD: FTD}}", "cohort.diagnoses.FTD", "'CN', 'MCI' or 'AD'"),
    ("phantom: {subjects: 5}", "phantom.subjects", "greater than or equal to 6"),
    ("phantom: {visit_codes: [m06, m12]}", "phantom.visit_codes", "start with bl"),
    ("phantom: {visit_codes: [bl, m12, m06, m24]}", "phantom.visit_codes", "rise"),
    ("phantom: {visit_codes: [bl, m6, m12, m24]}", "phantom.visit_codes.1", "pattern"),
    ("phantom: {visits_per_subject: [0.5, 0.4]}", "phantom.visits_per_subject", "add up to 1"),
    ("phantom: {visits_per_subject: [0.2, 0.2, 0.2, 0.2, 0.2]}", "phantom.visits_per_subject", "more entries"),
    ("phantom: {missing_scan_fraction: 1}", "phantom.missing_scan_fraction", "less than 1"),
    ("phantom: {voxel_size_mm: [3.2, 2.6]}", "phantom.voxel_size_mm", "smaller size must come first"),
    ("phantom: {voxel_size_mm: [0.5, 2.6]}", "phantom.voxel_size_mm.0", "greater than or equal to 1"),
    ("phantom: {atrophy_effect: .inf}", "phantom.atrophy_effect", "finite"),
    ("split: {validation_fraction: 0}", "split.validation_fraction", "greater than 0"),
    ("split: {test_fraction: 0.0}", "split.test_fraction", "greater than 0"),
    ("split: {test_fraction: 1.5}", "split.test_fraction", "less than 1"),
    ("split: {validation_fraction: 0.5, test_fraction: 0.5}", "split.test_fraction", "less than 1"),
    ("split: {file: 3}", "split.file", "valid string"),
    ("preprocessing: {transform: rigid}", "preprocessing.transform", "'affine' or 'syn'"),
    ("preprocessing: {brain_extraction: command, brain_extraction_version: v}", COMMAND, "needs it"),
    ("preprocessing: {brain_extraction: command, brain_extraction_command: 's {input} {output}'}", VERSION, "needs it"),
    (
        "preprocessing: {brain_extraction_command: 'strip {input}'}",
        "preprocessing.brain_extraction_command",
        "{output}",
    ),
    ("preprocessing: {bias_field_iterations: []}", "preprocessing.bias_field_iterations", "at least 1 item"),
    ("preprocessing: {bias_field_iterations: [50, 0]}", "preprocessing.bias_field_iterations.1", "or equal to 1"),
    ("preprocessing: {registration_spacing_mm: 11}", "preprocessing.registration_spacing_mm", "or equal to 10"),
    ("preprocessing: {grid_shape: [32, 40]}", "preprocessing.grid_shape.2", "Field required"),
    ("preprocessing: {grid_shape: [33, 40, 32]}", "preprocessing.grid_shape", "divisible by 8"),
    ("preprocessing: {grid_spacing_mm: -5}", "preprocessing.grid_spacing_mm", "greater than 0"),
    ("preprocessing: {grid_center_mm: [0, .nan, 0]}", "preprocessing.grid_center_mm.1", "finite"),
    ("preprocessing: {grid_center_mm: [8, -17, 5]}", "preprocessing.grid_center_mm", "from -72 to 88 mm"),
    ("preprocessing: {grid_center_mm: [0, -27, 5]}", "preprocessing.grid_center_mm", "posterior-anterior"),
    ("preprocessing: {clip_percentiles: [99.9, 0.1]}", "preprocessing.clip_percentiles", "lower percentile"),
    ("preprocessing: {clip_percentiles: [50, 50]}", "preprocessing.clip_percentiles", "lower percentile"),
    ("preprocessing: {clip_percentiles: [0.1, 100.1]}", "preprocessing.clip_percentiles.1", "or equal to 100"),
    ("qc: {min_dice: [0.9, .nan]}", "qc.min_dice.1", "finite"),
    ("qc: {min_dice: [0.9, high]}", "qc.min_dice.1", "valid number"),
    ("qc: {min_dice: [0.9, 0.95]}", "qc.min_dice", "fail must not be above warn"),
    ("qc: {max_border: [8, 2]}", "qc.max_border", "fail must not be below warn"),
    ("qc: {max_outside: [0.5, 1.5]}", "qc.max_outside.1", "or equal to 1"),
    ("qc: {min_upright: [0.2, -1.5]}", "qc.min_upright.1", "or equal to -1"),
    ("qc: {max_brain_volume_ml: [1040, 2100]}", "qc.max_brain_volume_ml", "above min_brain_volume_ml"),
    ("qc: {max_brain_volume_ml: [1950, .inf]}", "qc.max_brain_volume_ml.1", "finite"),
    ("autoencoder: {channels: []}", "autoencoder.channels", "at least 1 item"),
    ("autoencoder: {channels: [16, 20, 32]}", "autoencoder.norm_groups", "[20] are not divisible by 8"),
    ("autoencoder: {initial_log_variance: 21}", "autoencoder.initial_log_variance", "or equal to 20"),
    ("autoencoder: {kl_weight: -1.0}", "autoencoder.kl_weight", "or equal to 0"),
    ("autoencoder: {perceptual_slice_fraction: 0}", "autoencoder.perceptual_slice_fraction", "greater than 0"),
    ("autoencoder: {discriminator_layers: 4}", "autoencoder.discriminator_layers", "fewer than 3 voxels"),
    ("autoencoder: {learning_rate: 0}", "autoencoder.learning_rate", "greater than 0"),
    ("autoencoder: {training: {precision: 16-mixed}}", "autoencoder.training", "two networks in turn"),
    ("diffusion: {beta_end: 1}", "diffusion.beta_end", "less than 1"),
    ("diffusion: {beta_start: 0.02}", "diffusion.beta_end", "above beta_start"),
    ("diffusion: {timesteps: 50}", "evaluation.reconstruction.steps", "fewer than diffusion.timesteps, 50"),
    ("ldm: {attention_levels: [true]}", "ldm.attention_levels", "same length, 2"),
    ("ldm: {channels: [36, 64]}", "ldm.norm_groups", "[36]"),
    ("ldm: {head_channels: 24}", "ldm.head_channels", "[64]"),
    ("ldm: {head_channels: 64, attention_levels: [true, true]}", "ldm.head_channels", "[32]"),
    ("ldm: {head_channels: 24, attention_levels: [false, false]}", "ldm.head_channels", "[64]"),
    ("encoder: {semantic_dim: 65}", "encoder.attention_heads", "divide semantic_dim, 65"),
    ("encoder: {backbone_weights: published}", "encoder.backbone_weights", "nobody published weights of convnext_pico"),
    ("evaluation: {lpips_nets: [alex, alex]}", "evaluation.lpips_nets", "each value once"),
    ("encoder: {backbone: resnet18}", "encoder.backbone", "convnext_tiny"),
    ("encoder: {backbone: convnext_tiny}", "dae.grid_shape", "at least 32"),
    ("representation: {snr_exponent: .nan}", "representation.snr_exponent", "finite"),
    ("dae: {grid_shape: [28, 30, 28]}", "dae.grid_shape", "divisible by 4"),
    ("dae: {grid_shape: [28, 12, 28]}", "dae.grid_shape", "at least 16"),
    ("dae: {grid_shape: [28, 32, 8]}", "dae.grid_shape", "at least 11 along every axis"),
    (
        "dae: {channels: [16, 16, 16, 16, 16], attention_levels: [false, false, false, false, true], "
        "grid_shape: [16, 16, 16]}",
        "dae.grid_shape",
        "larger than 16",
    ),
    (
        "{preprocessing: {grid_shape: [32, 32, 32], grid_spacing_mm: 6.0}, "
        "autoencoder: {channels: [16, 16, 16, 16, 16]}}",
        "preprocessing.grid_shape",
        "larger than 32, the downsampling",
    ),
    ("cohort: {subjects: 0}", "cohort.subjects", "how many to draw"),
    ("cohort: {subjects: []}", "cohort.subjects", "a list of labels"),
    ("cohort: {subjects: [21, 22]}", "cohort.subjects", "quote those of digits"),
    ("cohort: {subjects: true}", "cohort.subjects", "a list of labels"),
    ("cohort: {sessions: 2}", "cohort.sessions", "a list of labels"),
    ("sampling: {steps: 0}", "sampling.steps", "or equal to 1"),
    ("sampling: {steps: 1000}", "sampling.steps", "fewer than diffusion.timesteps, 1000"),
    ("sampling: {solver: euler}", "sampling.solver", "'2m' or 'ddim'"),
    ("evaluation: {bootstrap: {draws: 99}}", "evaluation.bootstrap.draws", "or equal to 100"),
    ("evaluation: {bootstrap: {confidence: 95}}", "evaluation.bootstrap.confidence", "less than 1"),
    ("evaluation: {probes: {c_grid: []}}", "evaluation.probes.c_grid", "at least 1 item"),
    ("evaluation: {probes: {c_grid: [1.0, 0.1]}}", "evaluation.probes.c_grid", "must rise"),
    ("evaluation: {probes: {alpha_grid: [1.0, 1.0]}}", "evaluation.probes.alpha_grid", "must rise"),
    ("evaluation: {probes: {alpha_grid: [0.0, 1.0]}}", "evaluation.probes.alpha_grid.0", "greater than 0"),
    ("evaluation: {reconstruction: {steps: [10, 1000]}}", "evaluation.reconstruction.steps", "diffusion.timesteps"),
    ("evaluation: {comparison: {steps: []}}", "evaluation.comparison.steps", "at least 1 item"),
    ("evaluation: {comparison: {steps: [20, 10]}}", "evaluation.comparison.steps", "must rise"),
    ("evaluation: {generation: {samples: 1}}", "evaluation.generation.samples", "or equal to 2"),
    ("evaluation: {supervised_tasks: [age, age]}", "evaluation.supervised_tasks", "each value once"),
    ("evaluation: {supervised_tasks: [sex]}", "evaluation.supervised_tasks.0", "'ad_cn' or 'age'"),
    ("evaluation: {batch_size: 0}", "evaluation.batch_size", "or equal to 1"),
    ("report: {montage_scans: 0}", "report.montage_scans", "or equal to 1"),
    *[
        (f"{stage}: {{training: {{{key}: {value}}}}}", f"{stage}.training.{key}", said)
        for stage in STAGES
        for key, value, said in (
            ("validate_every_steps", 11, "multiple of validate_every_steps 11"),
            ("warmup_steps", 5000, "fewer than steps"),
            ("gradient_clip", ".nan", "finite"),
            ("ema_decay", 1.0, "less than 1"),
            ("cooldown_fraction", 1.1, "or equal to 1"),
            ("accumulate", 0, "or equal to 1"),
            ("precision", "fp16", "'32-true', 'bf16-mixed' or '16-mixed'"),
        )
    ],
]
ACCEPTED = [
    "seed: 4294967295",
    "split: {validation_fraction: 0.01, test_fraction: 0.98}",
    "preprocessing: {grid_center_mm: [7.5, -17, 5]}",
    "preprocessing: {brain_extraction: command, brain_extraction_command: 's {input} {output}', "
    "brain_extraction_version: s -v}",
    "qc: {min_white_grey_ratio: [1.2, 1.2], max_border: [3, 3]}",
    "autoencoder: {discriminator_layers: 3}",
    "ldm: {channels: [24, 64], attention_levels: [false, true], head_channels: 16}",
    "ldm: {training: {steps: 900, warmup_steps: 899}}",
    "encoder: {semantic_dim: 66, attention_heads: 6}",
    "sampling: {steps: 999}",
    "evaluation: {supervised_tasks: []}",
    "evaluation: {reconstruction: {steps: [999]}}",
    "representation: {training: {precision: 16-mixed}}",
]


@pytest.mark.parametrize("overlay, place, said", REFUSED)
def test_a_bad_value_is_refused_where_it_stands(faults, overlay, place, said):
    (line,) = faults(overlay)
    assert line.startswith(f"{place}: ")
    assert said in line


@pytest.mark.parametrize("overlay", ACCEPTED)
def test_a_value_at_its_bound_is_accepted(faults, overlay):
    assert not faults(overlay)


def test_every_setting_is_described():
    def undescribed(model, place=""):
        for name, field in model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                assert field.annotation.__doc__
                yield from undescribed(field.annotation, f"{place}{name}.")
            elif not field.description:
                yield place + name

    assert not list(undescribed(Config))


def test_the_brains_box_is_nilearns():
    from nilearn.datasets import load_mni152_brain_mask

    mask = load_mni152_brain_mask(resolution=1)
    voxels = np.argwhere(mask.get_fdata() > 0)
    first, last = voxels.min(0) - 0.5, voxels.max(0) + 0.5
    box = [mask.affine[:3, :3] @ corner + mask.affine[:3, 3] for corner in (first, last)]
    np.testing.assert_allclose(np.transpose(box), MNI_BRAIN_MM)


@pytest.mark.parametrize("size, works", [(2 * SMALLEST_PATCH, True), (2 * SMALLEST_PATCH - 1, False)])
def test_the_smallest_patch_is_what_the_discriminator_needs(size, works):
    net = PatchDiscriminator(spatial_dims=3, in_channels=1, channels=2, num_layers_d=1)
    try:
        net(torch.zeros(1, 1, size, size, size))
    except ValueError:
        assert not works
    else:
        assert works


@pytest.mark.parametrize("missing", [0, 1])
def test_the_smallest_slice_is_what_the_backbone_needs(missing):
    size = SMALLEST_SLICE["convnext_tiny"] - missing
    features = convnext_tiny(weights=None).features
    if missing:
        with pytest.raises(RuntimeError, match="size"):
            features(torch.zeros(1, 3, size, size))
    else:
        assert features(torch.zeros(1, 3, size, size)).shape[2:] == (1, 1)


def test_the_middle_block_attends_although_no_level_does():
    sizes = {"channels": (8, 12), "num_res_blocks": 1, "norm_num_groups": 4, "attention_levels": (False, False)}
    with pytest.raises(ValueError, match="divisible by num_head_channels"):
        DiffusionModelUNet(spatial_dims=3, in_channels=1, out_channels=1, num_head_channels=8, **sizes)


class TestCohort:
    """Which folders belong to which source."""

    @pytest.mark.parametrize(
        "values, place, said",
        [
            ("source: adn", "source", "'phantom', 'adni', 'bids'"),
            ("source: bids", "bids_dir", "source bids needs the path"),
            ("bids_dir: /data", "bids_dir", "source phantom does not read it; set cohort.source: bids"),
            ("dicom_dir: /data", "dicom_dir", "source phantom does not read it; set cohort.source: adni"),
            ("clinical_dir: /data", "clinical_dir", "source phantom does not read it; set cohort.source: adni"),
            ("source: bids, bids_dir: /b, dicom_dir: /data", "dicom_dir", "source bids does not read it"),
            ("source: adni, dicom_dir: /data", "clinical_dir", "source adni needs the path"),
            ("source: adni, clinical_dir: /data", "dicom_dir", "source adni needs the path"),
            ("source: oasis, clinical_dir: /data", "dicom_dir", "source oasis needs the path"),
            ("source: oasis, dicom_dir: /data", "converter_arguments", "cohort.clinical_dir must be given"),
            ("source: adni, dicom_dir: '', clinical_dir: /data", "dicom_dir", "at least 1 character"),
            ("prefer: [acq-mprage]", "prefer", "source phantom does not read it: Clinica chooses"),
            ("source: bids, bids_dir: /b, prefer: [mprage]", "prefer.0", "match pattern"),
            ("source: bids, bids_dir: /b, prefer: [acq-a_]", "prefer.0", "match pattern"),
            ("source: bids, bids_dir: /b, prefer: [sub-01]", "prefer.0", "match pattern"),
            ("source: bids, bids_dir: /b, prefer: [acq-a, acq-a]", "prefer", "each value once"),
            ("converter_arguments: {adni: ['{dataset}', '{bids}']}", "converter_arguments", "may have aibl, default"),
            ("converter_arguments: {default: ['{dataset}', '{out}']}", "converter_arguments", "default must have"),
        ],
    )
    def test_a_cohort_that_cannot_be_is_named(self, faults, values, place, said):
        (line,) = faults(f"cohort: {{{values}}}")
        assert line.startswith(f"cohort.{place}: ")
        assert said in line

    @pytest.mark.parametrize(
        "values, folders, read",
        [
            ({}, [], ("results/phantom/images", "results/phantom/clinical", "results/bids")),
            (
                {"source": "adni", "dicom_dir": "/d", "clinical_dir": "/t"},
                ["dicom_dir", "clinical_dir"],
                ("/d", "/t", "results/bids"),
            ),
            ({"source": "bids", "bids_dir": "/b"}, ["bids_dir"], (None, None, "/b")),
            (
                {"source": "oasis3", "dicom_dir": "/d", "clinical_dir": "/t"},
                ["dicom_dir", "clinical_dir"],
                ("/d", "/t", "results/bids"),
            ),
            ({"source": "habs", "dicom_dir": "/d"}, ["dicom_dir"], ("/d", None, "results/bids")),
        ],
    )
    def test_each_source_reads_its_folders(self, values, folders, read):
        cohort = load_config(ROOT / "config.yaml").cohort
        cohort = type(cohort)(**cohort.model_dump() | values)
        assert cohort.folders == folders
        assert (cohort.images_dir, cohort.tables_dir, cohort.dataset_dir) == read
        assert cohort.is_phantom == (not values)
        assert cohort.is_adni == (cohort.source in ("phantom", "adni"))
        assert cohort.is_converted == (cohort.source in ("oasis3", "habs"))

    def test_every_converter_of_clinica_is_a_source(self):
        from clinica.converters.cli import cli

        offered = {name.removesuffix("-to-bids") for name in cli.commands}
        assert set(get_args(Source)) == offered | {"bids", "phantom"}

    @pytest.mark.parametrize(
        "source, arguments",
        [
            ("nifd", ["{dataset}", "{clinical}", "{bids}"]),
            ("ixi", ["{dataset}", "{bids}", "{clinical}"]),
            ("genfi", ["{dataset}", "{bids}", "-cdd", "{clinical}"]),
        ],
    )
    def test_the_arguments_of_a_converter_are_its_own_or_the_usual(self, source, arguments):
        cohort = load_config(ROOT / "config.yaml").cohort
        assert cohort.model_copy(update={"source": source}).arguments == arguments
