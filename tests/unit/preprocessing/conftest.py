"""A small synthetic head with a lesion on its right, a bias field and noise, and the default sections of the config."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ldae.config.load import load_config
from ldae.config.preprocessing import PreprocessingConfig, QCConfig
from ldae.phantom.anatomy import Anatomy, render_head
from ldae.preprocessing.mask_limits import MaskLimits

ROOT = Path(__file__).resolve().parents[3]
HEAD_SCALE = 0.95  # the MNI152 brain is larger than most people's
NO_LIMITS = MaskLimits((0, 0), (1e6, 1e6), (1, 1))
LESION_MM, LESION_RADIUS_MM = (28.0, -10.0, 32.0), 11.0  # in MNI152 space, in the right white matter


@pytest.fixture(scope="session")
def config() -> PreprocessingConfig:
    return load_config(ROOT / "config.yaml").preprocessing


@pytest.fixture(scope="session")
def qc() -> QCConfig:
    return load_config(ROOT / "config.yaml").qc


@pytest.fixture(scope="session")
def limits(qc) -> MaskLimits:
    return MaskLimits.of(qc)


def make_head(spacing_mm: float, ventricle_mm: float = 1.0, grey_loss: float = 0.1, seed: int = 0) -> nib.Nifti1Image:
    """A tilted head with a dark lesion, noise and a linear bias field, stored from left to right as uint16."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(extent / spacing_mm) for extent in (190, 230, 200))
    tilt = np.deg2rad(4)
    rotation = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    affine = np.eye(4)
    affine[:3, :3] = rotation * spacing_mm
    affine[:3, 3] = np.array([3, -20, 0]) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    to_template = np.diag([1 / HEAD_SCALE] * 3 + [1]) @ affine
    clean = render_head(Anatomy((0.5, -0.5, 0.3, 0.0), ventricle_mm, grey_loss), shape, to_template).volume
    points = nib.affines.apply_affine(to_template, np.moveaxis(np.indices(shape), 0, -1))
    clean[np.linalg.norm(points - np.array(LESION_MM), axis=-1) < LESION_RADIUS_MM] *= 0.4
    bias = np.exp(0.15 * np.linspace(-1, 1, shape[0])[:, None, None] - 0.1 * np.linspace(-1, 1, shape[2]))
    noisy = np.hypot(clean * bias + rng.normal(0, 0.015, shape), rng.normal(0, 0.015, shape))
    image = nib.Nifti1Image((noisy * 1500).astype(np.uint16), affine)
    return image.as_reoriented(np.array([[0, -1], [1, 1], [2, 1]]))


@pytest.fixture(scope="session")
def head(tmp_path_factory) -> Path:
    """A 3.9 mm head on disk."""
    path = tmp_path_factory.mktemp("head") / "head_T1w.nii.gz"
    make_head(3.9).to_filename(path)
    return path
