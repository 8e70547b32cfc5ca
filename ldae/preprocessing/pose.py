"""How a head lies in the scanner: the similarity transforms from which its alignment to MNI152 starts.

Heads lie pitched by 10 to 45 degrees against MNI152, and headers turn them further, beyond what a gradient descent from
one pose finds. A grid of turns about the centres of mass is therefore compared by mutual information at 8 mm, and the
best are refined. No start is near to upside down or back to front, as from there a mirrored head would look like a
good one.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

import nibabel as nib
import numpy as np
from scipy import ndimage, optimize

from ldae.preprocessing.grid import covering_grid, mni_template
from ldae.preprocessing.volume import Volume, coarsen

SPACING_MM = 8.0
MARGIN_VOXELS = 3  # around the template's brain, where heads are compared
BINS = 24
BRIGHTEST = 99.5  # percentile of the brain
TURNS_DEG = (tuple(range(-90, 91, 15)), (-30, 0, 30), (-30, 0, 30))  # pitch, roll, yaw
MORE_TURNS_DEG = (tuple(range(-105, 106, 15)), (-45, -30, -15, 0, 15, 30, 45), (-45, -30, -15, 0, 15, 30, 45))
REFINED, MORE_REFINED = 3, 8
APART_DEG = 30.0  # between the turns that are refined
STEPS = np.array([10, 10, 10, 5, 5, 5, 0.05])  # of the simplex: degrees, mm, logarithm of the size
FURTHEST = np.array([120, 60, 60, 60, 60, 60, 0.35])  # in the units of the steps: upright, whatever is refined
EVALUATIONS = 120  # of the mutual information, for each start refined
AGAIN = 0.2  # of the steps, when the best start is refined once more: the affine's result depends on where it begins


@dataclass(frozen=True)
class Start:
    """A similarity transform from MNI152 to native millimetres, and how alike the two brains are there.

    Attributes
    ----------
    pitch_deg, roll_deg, yaw_deg : float
        How the head is turned against MNI152: about the axis to the right (positive: chin up), then about the one to
        the front (top to the right), then about the one upwards (nose to the left).
    affine : ndarray
        (4, 4), RAS millimetres of MNI152 to those of the scan.
    likeness : float
        Mutual information in nats, at 8 mm.
    """

    pitch_deg: float
    roll_deg: float
    yaw_deg: float
    affine: np.ndarray
    likeness: float

    @property
    def rigid(self) -> np.ndarray:
        """The same without the change of size."""
        turn, shift = nib.affines.to_matvec(self.affine)
        return nib.affines.from_matvec(turn / np.cbrt(np.linalg.det(turn)), shift)


def find_starts(brain: Volume, *, more: bool = False) -> list[Start]:
    """Search for the poses in which a brain is most like the template, the best first.

    Parameters
    ----------
    brain : Volume
        Native image, 0 outside the brain.
    more : bool
        Look at more turns, further out, and refine more of them.

    Returns
    -------
    list of Start
        The same for the same input.
    """
    comparison = _Comparison(brain)
    turns = np.array(list(itertools.product(*(MORE_TURNS_DEG if more else TURNS_DEG))), float)
    poses = np.pad(turns, ((0, 0), (0, 4)))
    costs = np.array([comparison.cost(pose) for pose in poses])
    picked: list[np.ndarray] = []
    for pose in poses[np.argsort(costs, kind="stable")]:
        if all(np.abs(pose - other).max() > APART_DEG for other in picked):
            picked.append(pose)
        if len(picked) == (MORE_REFINED if more else REFINED):
            break
    refined = sorted((comparison.refine(pose) for pose in picked), key=lambda found: found[0])
    refined[0] = comparison.refine(refined[0][1], AGAIN)
    return [comparison.start(pose, cost) for cost, pose in refined]


def angle_between(a: np.ndarray, b: np.ndarray) -> float:
    """Degrees of the turn between two (4, 4) affines, whatever their sizes."""
    return float(np.degrees(np.arccos(np.clip((np.trace(_turn(a, b)) - 1) / 2, -1, 1))))


def turn_between(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """Pitch, roll and yaw in degrees, as those of `Start`, of the turn from a (4, 4) affine to another."""
    yaw, roll, pitch = np.degrees(nib.eulerangles.mat2euler(_turn(a, b)))
    return float(pitch), float(roll), float(yaw)


def _turn(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    units = [affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0) for affine in (a, b)]
    left, _, right = np.linalg.svd(np.linalg.solve(*units))
    return left @ right


class _Comparison:
    """Mutual information of the template and a brain in any pose.

    A pose is pitch, roll and yaw in degrees, a shift in mm, and the logarithm of a size; all 0 lays the centres of mass
    on each other and makes the volumes equal.
    """

    def __init__(self, brain: Volume) -> None:
        """Make the brain coarse."""
        self.points, self.levels, self.center, volume = _template()
        self.brain, _ = coarsen(brain, SPACING_MM)
        share, _ = coarsen(brain.with_data((brain.data > 0).astype(np.float32)), SPACING_MM)
        self.native_center = nib.affines.apply_affine(share.affine, ndimage.center_of_mass(share.data))
        self.size = np.cbrt(share.data.sum(dtype=np.float64) * np.prod(share.spacing_mm) / volume)
        self.top = np.percentile(self.brain.data[self.brain.data > 0], BRIGHTEST)
        self.to_voxels = np.linalg.inv(self.brain.affine)

    def affine(self, pose: np.ndarray) -> np.ndarray:
        """(4, 4) from MNI152 to native millimetres."""
        pitch, roll, yaw = np.radians(pose[:3])
        turn = nib.eulerangles.euler2mat(yaw, roll, pitch) * self.size * np.exp(pose[6])
        return nib.affines.from_matvec(turn, self.native_center + pose[3:6] - turn @ self.center)

    def cost(self, pose: np.ndarray) -> float:
        """Mutual information in nats, negative."""
        turn, shift = nib.affines.to_matvec(self.to_voxels @ self.affine(pose))
        values = ndimage.map_coordinates(self.brain.data, turn @ self.points + shift[:, None], order=1, prefilter=False)
        return -_mutual_information(self.levels, _levels(values, self.top))

    def refine(self, pose: np.ndarray, shrink: float = 1.0) -> tuple[float, np.ndarray]:
        """Cost and place of the minimum nearby (Nelder and Mead, The Computer Journal 7:308, 1965)."""
        options = {"initial_simplex": np.vstack([pose, pose + shrink * np.diag(STEPS)]), "maxfev": EVALUATIONS}
        bounds = optimize.Bounds(-FURTHEST, FURTHEST)
        found = optimize.minimize(self.cost, pose, method="Nelder-Mead", bounds=bounds, options=options)
        return float(found.fun), found.x

    def start(self, pose: np.ndarray, cost: float) -> Start:
        """The pose as others see it."""
        pitch, roll, yaw = pose[:3].tolist()
        return Start(pitch, roll, yaw, self.affine(pose), -cost)


@lru_cache(maxsize=1)
def _template() -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """(3, N) mm in and around the template's brain, the grey levels there, its centre of mass in mm, its mm^3."""
    grid, fine = covering_grid(SPACING_MM), covering_grid(SPACING_MM / 4)
    template, brain = mni_template(grid), mni_template(fine).brain
    near = ndimage.binary_dilation(template.brain, iterations=MARGIN_VOXELS)
    points = nib.affines.apply_affine(grid.affine, np.argwhere(near))
    center = nib.affines.apply_affine(fine.affine, ndimage.center_of_mass(brain))
    levels = np.rint(_levels(template.t1[near], float(template.t1.max()))).astype(int)
    return points.T, levels, center, float(brain.sum() * fine.spacing_mm**3)


def _levels(values: np.ndarray, top: float) -> np.ndarray:
    """Grey levels of 0 to BINS - 1, not rounded."""
    return np.clip(values * ((BINS - 1) / top), 0, BINS - 1)


def _mutual_information(whole: np.ndarray, between: np.ndarray) -> float:
    """Mutual information in nats; a level between two counts for both by its distance, so that it varies smoothly."""
    low = np.minimum(between.astype(int), BINS - 2)
    share, cell = between - low, whole * BINS + low
    counts = np.bincount(cell, 1 - share, BINS**2) + np.bincount(cell + 1, share, BINS**2)
    joint = counts.reshape(BINS, BINS) / whole.size
    independent = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    filled = joint > 0
    return float((joint[filled] * np.log(joint[filled] / independent[filled])).sum())
