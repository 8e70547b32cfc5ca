"""What one scan costs in CPU seconds of one thread, and what the faster settings lose.

Usage: python benchmarks/preprocessing.py SCAN.nii.gz
       python benchmarks/preprocessing.py --phantom

Four settings run on the same brain mask in one process: *demo* (config.yaml, for a grid of 5 mm), *fast*
(presets/paper.yaml), *quality* (presets/quality.yaml laid over it) and *antspyx* (its defaults: N4 at full size, affine
registration at 1 mm). All end on the 1.5 mm grid of presets/paper.yaml. Seconds of different machines do not compare,
ratios do. Two questions have a true answer:

- a known smooth field is laid over the scan: how much of it is left after correction? (both scans corrected alike)
- --phantom, a 1 mm head made of the MNI152 brain: how far are corrected intensities and affine from the truth?

`the same, other seed` tells how much antspyx's registration differs from itself.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import ants  # noqa: E402
import nibabel as nib  # noqa: E402
import numpy as np  # noqa: E402

from ldae.config.load import load_config  # noqa: E402
from ldae.config.preprocessing import PreprocessingConfig  # noqa: E402
from ldae.phantom.anatomy import Anatomy, render_head  # noqa: E402
from ldae.preprocessing import registration  # noqa: E402
from ldae.preprocessing.bias_field import DARKEST, correct_bias_field  # noqa: E402
from ldae.preprocessing.brain_mask import extract_brain  # noqa: E402
from ldae.preprocessing.grid import Grid, covering_grid, mni_template  # noqa: E402
from ldae.preprocessing.intensity import scale_intensities  # noqa: E402
from ldae.preprocessing.layout import ScanFiles  # noqa: E402
from ldae.preprocessing.mask_limits import MaskLimits  # noqa: E402
from ldae.preprocessing.pose import find_starts  # noqa: E402
from ldae.preprocessing.precheck import load_scan  # noqa: E402
from ldae.preprocessing.resampling import resample_brain  # noqa: E402
from ldae.preprocessing.scan import CROP_MARGIN_MM, preprocess_scan  # noqa: E402
from ldae.preprocessing.volume import Volume, crop  # noqa: E402

LPS = np.array([-1.0, -1.0, 1.0])
HEAD_SCALE = np.diag([1 / 0.93, 1 / 0.96, 1 / 0.94, 1.0])  # the phantom's native to MNI152 millimetres


@dataclass(frozen=True)
class Setting:
    """How one setting corrects and aligns; `correct` takes a head and the mask, `align` a brain."""

    name: str
    correct: Callable[[Volume, np.ndarray], Volume]
    align: Callable


@dataclass(frozen=True)
class Result:
    """What one setting made of one scan: native brain, points of MNI152 in native millimetres, image on the grid."""

    brain: Volume
    points: np.ndarray
    image: np.ndarray
    mask: np.ndarray


def of_config(name: str, config: PreprocessingConfig) -> Setting:
    """The bias field and the registration of a configuration."""
    return Setting(
        name,
        lambda scan, mask: correct_bias_field(scan, mask, config.bias_field_spacing_mm, config.bias_field_iterations),
        lambda brain: registration.register(
            brain, config.transform, config.registration_spacing_mm, find_starts(brain)[0].affine
        ),
    )


def default_n4(scan: Volume, mask: np.ndarray) -> Volume:
    """N4 with antspyx's defaults at full size."""
    scaled = np.maximum(scan.data / np.median(scan.data[mask]), DARKEST)
    inside = scan.with_data(mask.astype(np.float32)).to_ants()
    field = ants.n4_bias_field_correction(scan.with_data(scaled).to_ants(), mask=inside, return_bias_field=True)
    return scan.with_data(np.where(mask, scan.data / field.numpy(), 0))


@contextmanager
def default_affine(brain: Volume) -> Iterator[list[str]]:
    """antspyx's affine registration of the full-size brain to the template at 1 mm."""
    grid = covering_grid(1.0)
    with tempfile.TemporaryDirectory() as folder:
        template = grid.volume(mni_template(grid).t1).to_ants()
        yield ants.registration(template, brain.to_ants(), "Affine", outprefix=f"{folder}/")["fwdtransforms"]


def template_points() -> np.ndarray:
    """(N, 3) MNI152 millimetres of the brain, every 4 mm."""
    grid = covering_grid(4.0)
    return nib.affines.apply_affine(grid.affine, np.argwhere(mni_template(grid).brain))


def to_native(transforms: list[str]) -> np.ndarray:
    """The template's points in native millimetres, by the affine part."""
    found = ants.read_transform(next(path for path in transforms if path.endswith(".mat")))
    matrix, shift = np.reshape(found.parameters[:9], (3, 3)), found.parameters[9:]
    return ((template_points() * LPS - found.fixed_parameters) @ matrix.T + shift + found.fixed_parameters) * LPS


def timed(seconds: dict[str, float], name: str, step: Callable) -> object:
    """What `step` returns; the CPU seconds of this process that it took are added to `seconds`."""
    start = time.process_time()
    result = step()
    seconds[name] = time.process_time() - start
    return result


def run_setting(setting: Setting, scan: Volume, mask: np.ndarray, grid: Grid) -> tuple[Result, dict[str, float]]:
    """Result and CPU seconds of each step that depends on the setting."""
    seconds: dict[str, float] = {}
    brain = timed(seconds, "bias field", lambda: setting.correct(scan, mask))
    start = time.process_time()
    with setting.align(brain) as transforms:
        seconds["registration"] = time.process_time() - start
        points = to_native(transforms)
        image, inside = timed(seconds, "to 1.5 mm", lambda: resample_brain(brain, mask, grid.volume(), transforms))
    return Result(brain, points, scale_intensities(image, inside, (0.1, 99.9)), inside), seconds


def known_field(shape: tuple[int, ...]) -> np.ndarray:
    """A bright centre and a drift from bottom to top, as of a head coil."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij", sparse=True)
    return np.exp(0.2 * (1 - 1.2 * (x**2 + y**2 + z**2)) + 0.08 * z - 0.05 * x).astype(np.float32)


def spread(a: np.ndarray, b: np.ndarray | float = 1.0) -> float:
    """Standard deviation of the logarithm of a / b where both are positive, in per cent."""
    ratio = np.divide(a, b, out=np.zeros_like(a), where=np.broadcast_to(b, a.shape) > 0)
    return 100 * float(np.log(ratio[ratio > 0]).std())


def compare(a: Result, b: Result, mask: np.ndarray) -> str:
    """One line: how far two settings are apart."""
    away = np.linalg.norm(a.points - b.points, axis=1)
    either = a.mask | b.mask
    dice = 2 * (a.mask & b.mask).sum() / (a.mask.sum() + b.mask.sum())
    change = np.abs(a.image - b.image)[either]
    correlation = np.corrcoef(a.image[either], b.image[either])[0, 1]
    native = [scale_intensities(r.brain.data, mask, (0.1, 99.9))[mask] for r in (a, b)]
    return (
        f"bias fields {spread(a.brain.data[mask], b.brain.data[mask]):5.2f} %   "
        f"native image {100 * np.abs(native[0] - native[1]).mean():5.2f} %   "
        f"affine {away.mean():5.2f} mm (max {away.max():5.2f})   "
        f"1.5 mm image {100 * change.mean():5.2f} %, correlation {correlation:.4f}, Dice of masks {dice:.4f}"
    )


def make_phantom(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Write a tilted 1 mm head with a field and noise; return it clean, and the true place of the template's points."""
    turn = nib.eulerangles.euler2mat(0.1, -0.07, 0.05)
    shape = (190, 230, 200)
    affine = nib.affines.from_matvec(turn, np.array([2, -15, 4]) - turn @ (np.array(shape) / 2))
    clean = render_head(Anatomy((0.5, -0.5, 0.3, 0.2), 3.0, 0.2), shape, HEAD_SCALE @ affine).volume
    rng = np.random.default_rng(0)
    noisy = np.hypot(clean * known_field(shape) + rng.normal(0, 0.015, shape), rng.normal(0, 0.015, shape))
    nib.Nifti1Image((1500 * noisy).astype(np.uint16), affine).to_filename(path)
    return clean, nib.affines.apply_affine(np.linalg.inv(HEAD_SCALE), template_points())


def whole_scan(path: Path, configs: dict[str, PreprocessingConfig]) -> None:
    """CPU seconds of everything a scan needs, files and pictures included."""
    none = MaskLimits((0, 0), (1e6, 1e6), (1, 1))
    with tempfile.TemporaryDirectory() as folder:
        for name, config in configs.items():
            seconds: dict[str, float] = {}
            files = ScanFiles.of(folder, name, "M000")
            preprocess_scan(path, files, config, none)  # loads networks and templates, once a worker
            timed(seconds, name, lambda f=files, c=config: preprocess_scan(path, f, c, none))
            print(f"a whole scan, {name:8s} {seconds[name]:7.1f} CPU-s")
    print(f"largest memory         {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:7.0f} MiB")


def measure(
    path: Path, configs: dict[str, PreprocessingConfig], grid: Grid, truth: tuple[np.ndarray, np.ndarray] | None
) -> None:
    """Print the table of one scan."""
    seconds: dict[str, float] = {}
    scan = timed(seconds, "read and check", lambda: load_scan(path).volume)
    extract_brain(scan, configs["fast"])  # loads the networks
    mask = timed(seconds, "brain mask", lambda: extract_brain(scan, configs["fast"]))
    print("   ".join(f"{name} {s:.1f} CPU-s" for name, s in seconds.items()))
    clean = None if truth is None else crop(scan.with_data(truth[0]), mask, CROP_MARGIN_MM)[0].data
    scan, mask = crop(scan, mask, CROP_MARGIN_MM)
    field = known_field(scan.data.shape)
    settings = [of_config(name, config) for name, config in configs.items()]
    settings.append(Setting("antspyx", default_n4, default_affine))
    with settings[0].align(scan.with_data(np.where(mask, scan.data, 0))):
        pass  # the first registration in a process is slower
    results = {}
    print(f"an added field of {spread(field[mask]):.2f} %")
    for setting in settings:
        results[setting.name], seconds = run_setting(setting, scan, mask, grid)
        brain = results[setting.name].brain
        again = setting.correct(scan.with_data(scan.data * field), mask)
        line = "   ".join(f"{name} {s:5.1f} CPU-s" for name, s in seconds.items())
        line += f"   left of the added field {spread(again.data[mask], brain.data[mask]):5.2f} %"
        if truth is not None:
            away = np.linalg.norm(results[setting.name].points - truth[1], axis=1)
            line += f"   against the truth: intensities {spread(brain.data[mask], clean[mask]):5.2f} %, "
            line += f"affine {away.mean():.2f} mm"
        print(f"{setting.name:8s} {line}", flush=True)
    ants.config.set_ants_deterministic(True, seed_value=registration.SEED + 1)
    with default_affine(results["antspyx"].brain) as transforms:
        away = np.linalg.norm(to_native(transforms) - results["antspyx"].points, axis=1)
    print(f"antspyx's affine against the same, other seed: {away.mean():.2f} mm (max {away.max():.2f})")
    for a, b in (("demo", "fast"), ("fast", "quality"), ("fast", "antspyx"), ("quality", "antspyx")):
        print(f"{a} - {b}: {compare(results[a], results[b], mask)}")


def engines(path: Path, config: PreprocessingConfig) -> None:
    """Dice and CPU seconds of the template engine against deepbet."""
    scan, seconds = load_scan(path).volume, {}
    other = config.model_copy(update={"brain_extraction": "template"})
    a, b = extract_brain(scan, config), timed(seconds, "template", lambda: extract_brain(scan, other))
    dice = 2 * (a & b).sum() / (a.sum() + b.sum())
    print(f"brain extraction by the template: {seconds['template']:.1f} CPU-s, Dice {dice:.3f} against deepbet")


def main() -> None:
    """Measure a scan, or a phantom whose truth is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan", nargs="?", type=Path)
    parser.add_argument("--phantom", action="store_true", help="make a head with a known field and affine instead")
    arguments = parser.parse_args()
    if (arguments.scan is None) != arguments.phantom:
        parser.error("give a scan, or --phantom")
    base, presets = ROOT / "config.yaml", ROOT / "presets"
    configs = {
        "demo": load_config(base).preprocessing,
        "fast": load_config(base, presets / "paper.yaml").preprocessing,
        "quality": load_config(base, presets / "paper.yaml", presets / "quality.yaml").preprocessing,
    }
    paper = configs["fast"]
    grid = Grid(paper.grid_shape, paper.grid_spacing_mm, paper.grid_center_mm)
    registration.use_one_thread()
    with tempfile.TemporaryDirectory() as folder:
        path, truth = arguments.scan, None
        if arguments.phantom:
            path = Path(folder, "phantom.nii.gz")
            truth = make_phantom(path)
        measure(path, configs, grid, truth)
        registration.use_one_thread()
        engines(path, configs["fast"])
        whole_scan(path, configs)


if __name__ == "__main__":
    main()
