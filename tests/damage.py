"""Damaged and harmlessly changed copies of a head; each entry takes a RAS image and gives another."""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

Change = Callable[[nib.Nifti1Image], nib.Nifti1Image]


def head_box(data: np.ndarray) -> list[tuple[int, int]]:
    """First voxel and end of the head along each axis."""
    smooth = ndimage.uniform_filter(data, 3)
    head = smooth > 0.15 * np.percentile(smooth, 98)
    box = []
    for axis in range(3):
        share = head.mean(tuple(a for a in range(3) if a != axis))
        inside = np.flatnonzero(share > 0.02)
        box.append((int(inside[0]), int(inside[-1]) + 1))
    return box


def on_data(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    """A change of the values under an unchanged header."""

    def changed(image: nib.Nifti1Image) -> nib.Nifti1Image:
        data = change(np.asarray(image.dataobj, np.float32))
        return nib.Nifti1Image(np.ascontiguousarray(data, np.float32), image.affine)

    return changed


def without(axis: int, low: float, high: float, *, cut: bool) -> Change:
    """The head without what lies between two positions along an axis, set to zero or cut off.

    Positions are in mm from the top, the front or the right of the head; infinity is the end of the image.
    """

    def changed(image: nib.Nifti1Image) -> nib.Nifti1Image:
        data = np.asarray(image.dataobj, np.float32).copy()
        spacing = float(image.header.get_zooms()[axis])
        last = head_box(data)[axis][1]
        first, end = (int(np.clip(last - at / spacing, 0, data.shape[axis])) for at in (high, low))
        gone = [slice(None)] * 3
        gone[axis] = slice(first, end)
        if not cut:
            data[tuple(gone)] = 0
            return nib.Nifti1Image(data, image.affine)
        gone[axis] = slice(end, None) if first == 0 else slice(None, first)
        return nib.Nifti1Image(data, image.affine).slicer[tuple(gone)]

    return changed


def inverted(data: np.ndarray) -> np.ndarray:
    top = np.percentile(data, 99.5)
    return np.where(data > 0.05 * top, np.maximum(1.05 * top - data, 0), data)


def noise(data: np.ndarray) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 1000, data.shape)


def scaled_header(factor: float) -> Change:
    def changed(image: nib.Nifti1Image) -> nib.Nifti1Image:
        affine = image.affine.copy()
        affine[:3, :3] *= factor
        return nib.Nifti1Image(np.asarray(image.dataobj, np.float32), affine)

    return changed


def blurred(fwhm_mm: float) -> Change:
    def changed(image: nib.Nifti1Image) -> nib.Nifti1Image:
        sigma = fwhm_mm / 2.355 / np.array(image.header.get_zooms()[:3])
        return nib.Nifti1Image(ndimage.gaussian_filter(np.asarray(image.dataobj, np.float32), sigma), image.affine)

    return changed


def ghosted(strength: float) -> Change:
    """Copies of the head shifted by quarters of the field of view from front to back, as after motion."""

    def change(data: np.ndarray) -> np.ndarray:
        n = data.shape[1]
        return (data + strength * sum(np.roll(data, n * k // 4, 1) for k in (1, 2, 3))) / (1 + strength)

    return on_data(change)


def permuted(*order: int) -> Change:
    """Axes in another order under a header that still names the old ones."""

    def changed(image: nib.Nifti1Image) -> nib.Nifti1Image:
        data = np.transpose(np.asarray(image.dataobj, np.float32), order)
        spacing = np.array(image.header.get_zooms()[:3])[list(order)]
        affine = image.affine.copy()
        affine[:3, :3] = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0) * spacing
        return nib.Nifti1Image(np.ascontiguousarray(data), affine)

    return changed


def flipped(axis: int) -> Change:
    return on_data(lambda data: np.flip(data, axis))


def with_nan(data: np.ndarray) -> np.ndarray:
    data = data.copy()
    low = [n // 2 for n in data.shape]
    data[tuple(slice(at, at + max(2, n // 25)) for at, n in zip(low, data.shape, strict=True))] = np.nan
    return data


def with_slab_of(value: float) -> Change:
    """One plane through the middle of the head."""

    def change(data: np.ndarray) -> np.ndarray:
        data = data.copy()
        data[data.shape[0] // 2] = value
        return data

    return on_data(change)


def background_of_nan(data: np.ndarray) -> np.ndarray:
    """No value in the air around the head."""
    smooth = ndimage.uniform_filter(data, 3)
    head = ndimage.binary_fill_holes(smooth > 0.1 * np.percentile(smooth, 98))
    return np.where(head, data, np.nan)


def uni(data: np.ndarray) -> np.ndarray:
    """MP2RAGE's UNI image of a head: the product of two echoes over the sum of their squares, with noise in both."""
    rng = np.random.default_rng(0)
    t1 = np.clip(data / np.percentile(data, 99), 0, 1.2)
    ratio = np.clip(-0.45 + 0.9 * t1, -0.48, 0.48)
    weight = ratio / (0.5 + np.sqrt(0.25 - ratio**2))  # of the first echo, as ratio = weight / (1 + weight^2)
    signal = np.where(t1 > 0.08, 0.25 + t1, 0)
    real, imaginary = rng.normal(0, 0.05, (2, 2, *data.shape))
    first, second = weight * signal + real[0] + 1j * imaginary[0], signal + real[1] + 1j * imaginary[1]
    return (first.conj() * second).real / (abs(first) ** 2 + abs(second) ** 2)


def rewrite_header(path: Path, **fields: object) -> Path:
    """Set fields of a file's NIfTI header as they are, without what nibabel would mend."""
    read, write = (gzip.decompress, gzip.compress) if path.suffix == ".gz" else (bytes, bytes)
    content = read(path.read_bytes())
    header = nib.Nifti1Header(content[:348], check=False)
    for name, value in fields.items():
        header[name] = value
    path.write_bytes(write(header.binaryblock + content[348:]))
    return path


def form_fields(sform: np.ndarray | None, qform: np.ndarray | None, codes: tuple[int, int] = (1, 1)) -> dict:
    """Fields of a header with these forms, of sform and qform the codes; voxel sizes are those of the qform."""
    header = nib.Nifti1Header()
    header.set_qform(np.eye(4) if qform is None else qform, code=codes[1] if qform is not None else 0)
    fields = {name: header[name] for name in ("pixdim", "qform_code", "qoffset_x", "qoffset_y", "qoffset_z")}
    fields |= {f"quatern_{letter}": header[f"quatern_{letter}"] for letter in "bcd"}
    rows = np.zeros((3, 4)) if sform is None else sform[:3]
    fields |= {f"srow_{axis}": row for axis, row in zip("xyz", rows, strict=True)}
    return fields | {"sform_code": codes[0] if sform is not None else 0}


def rewrite_forms(path: Path, sform: np.ndarray | None, qform: np.ndarray | None) -> Path:
    """Give a file's header these forms, both of code 1; voxel sizes are those of the qform."""
    return rewrite_header(path, **form_fields(sform, qform))


DAMAGED: dict[str, Change] = {
    "flipped front-back": flipped(1),
    "flipped up-down": flipped(2),
    "axes permuted, wrong header: front and right": permuted(1, 0, 2),
    "axes permuted, wrong header: front and up": permuted(0, 2, 1),
    "axes permuted, wrong header: all": permuted(1, 2, 0),
    "top zeroed": without(2, -math.inf, 45, cut=False),
    "top cut off": without(2, -math.inf, 45, cut=True),
    "bottom zeroed": without(2, 132, math.inf, cut=False),
    "bottom cut off": without(2, 132, math.inf, cut=True),
    "left half zeroed": without(0, 80, math.inf, cut=False),
    "right half zeroed": without(0, -math.inf, 80, cut=False),
    "front zeroed": without(1, -math.inf, 60, cut=False),
    "back zeroed": without(1, 150, math.inf, cut=False),
    "noise": on_data(noise),
    "inverted contrast": on_data(inverted),
    "half the voxel size": scaled_header(0.5),
    "twice the voxel size": scaled_header(2),
    "strong blur": blurred(14),
    "ghosts": ghosted(0.8),
    "a block of NaN in the brain": on_data(with_nan),
    "a plane of NaN": with_slab_of(np.nan),
    "a plane of infinity": with_slab_of(np.inf),
}


def moved_header(turn: np.ndarray, shift_mm: tuple[float, float, float]) -> Change:
    def changed(image: nib.Nifti1Image) -> nib.Nifti1Image:
        return nib.Nifti1Image(
            np.asarray(image.dataobj, np.float32), nib.affines.from_matvec(turn, shift_mm) @ image.affine
        )

    return changed


def reoriented(image: nib.Nifti1Image) -> nib.Nifti1Image:
    return image.as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))


def one_volume_4d(image: nib.Nifti1Image) -> nib.Nifti1Image:
    return nib.Nifti1Image(np.asarray(image.dataobj, np.float32)[..., None], image.affine)


def thick_slices(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """3.5 mm or a little less from left to right."""
    spacing = float(image.header.get_zooms()[0])
    factor = int(3.5 / spacing + 0.01)
    data = np.asarray(image.dataobj, np.float32)
    if factor == 1:
        data = ndimage.zoom(data, (spacing / 3.5, 1, 1), order=1)
        step, offset = 3.5 / spacing, 0.0
    else:
        data = data[: data.shape[0] // factor * factor].reshape(-1, factor, *data.shape[1:]).mean(1)
        step, offset = float(factor), (factor - 1) / 2
    to_fine = np.diag([step, 1.0, 1.0, 1.0])
    to_fine[0, 3] = offset
    return nib.Nifti1Image(data, image.affine @ to_fine)


HARMLESS: dict[str, Change] = {
    "untouched": on_data(lambda data: data),
    "axes permuted, right header": reoriented,
    "one volume in 4-D": one_volume_4d,
    "3.5 mm slices": thick_slices,
    "a background of NaN": on_data(background_of_nan),
    "MP2RAGE's UNI image": on_data(uni),
    "intensities times a million": on_data(lambda data: data * 1e6),
    "origin off by 200 mm": moved_header(np.eye(3), (200.0, -200.0, 200.0)),
    "oblique header": moved_header(nib.eulerangles.euler2mat(0.2, 0.15, -0.2), (0.0, 0.0, 0.0)),
}
