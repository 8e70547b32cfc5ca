import numpy as np
import pytest
import torch
from monai.metrics.regression import compute_ssim_and_cs
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from ldae.errors import UserError
from ldae.evaluation.measure import metrics
from ldae.evaluation.measure.metrics import (
    PUBLISHED_WINDOW,
    ms_ssim,
    ms_ssim_scales,
    mse,
    psnr,
    ssim,
    ssim_box_and_inside,
)


@pytest.fixture
def scans():
    """Three smooth volumes at the demo's shape."""
    coarse = torch.rand(3, 1, 8, 10, 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, (32, 40, 32), mode="trilinear")


def test_identical_scans_are_perfect(scans):
    np.testing.assert_allclose(ssim(scans, scans), 1, atol=1e-5)
    np.testing.assert_allclose(ms_ssim(scans, scans), 1, atol=1e-5)
    np.testing.assert_array_equal(mse(scans, scans), 0)


def test_one_value_per_scan_whatever_the_batch(scans):
    noisy = scans + 0.1 * torch.randn(scans.shape, generator=torch.Generator().manual_seed(1))
    for metric in (ssim, ms_ssim, mse, psnr):
        together = metric(noisy, scans)
        assert together.shape == (3,)
        alone = torch.cat([metric(noisy[i : i + 1], scans[i : i + 1]) for i in range(3)])
        torch.testing.assert_close(together, alone)


def test_mse_of_a_known_offset(scans):
    torch.testing.assert_close(mse(scans + 0.1, scans), torch.full((3,), 0.01))


def test_psnr_agrees_with_scikit_image(scans):
    noisy = scans + 0.1 * torch.randn(scans.shape, generator=torch.Generator().manual_seed(1))
    expected = [
        peak_signal_noise_ratio(a.numpy(), b.numpy(), data_range=1.0) for a, b in zip(scans, noisy, strict=True)
    ]
    np.testing.assert_allclose(psnr(noisy, scans), expected, rtol=1e-5)


def test_inside_a_mask_only_its_voxels_count(scans):
    mask = torch.zeros(scans.shape, dtype=torch.bool)
    mask[..., 8:24, 10:30, 8:24] = True
    damaged = torch.where(mask, scans, torch.rand(scans.shape, generator=torch.Generator().manual_seed(1)))
    np.testing.assert_array_equal(mse(damaged, scans, mask), 0)
    assert (mse(damaged, scans) > 0.01).all()
    shifted = torch.where(mask, scans + 0.1, scans)
    torch.testing.assert_close(mse(shifted, scans, mask), torch.full((3,), 0.01))
    inner = torch.zeros_like(mask)
    inner[..., 15:17, 18:22, 15:17] = True  # windows around these see nothing of the damage
    np.testing.assert_allclose(ssim_box_and_inside(damaged, scans, inner)[1], 1, atol=1e-5)
    assert (ssim_box_and_inside(damaged, scans, mask)[1] < 0.99).all()
    everywhere = torch.ones_like(mask)
    torch.testing.assert_close(ssim_box_and_inside(shifted, scans, everywhere)[1], ssim(shifted, scans))


def test_ms_ssim_falls_with_noise():
    small = torch.rand(2, 1, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    assert ms_ssim_scales((16, 20, 16)) == 2
    assert ms_ssim_scales(small.shape[2:]) == 1
    scans = torch.nn.functional.interpolate(small, (32, 32, 32), mode="trilinear")
    noise = torch.randn(scans.shape, generator=torch.Generator().manual_seed(1))
    values = [ms_ssim(scans + level * noise, scans) for level in (0.02, 0.1, 0.3)]
    assert (values[0] > values[1]).all()
    assert (values[1] > values[2]).all()


def reference_ms_ssim(first, second, weights):
    """Wang et al. 2003 on (D, H, W), written out: contrast and structure at every scale, luminance at the last."""
    axis = torch.arange(7.0) - 3
    line = torch.exp(-0.5 * (axis / 1.5) ** 2)
    window = torch.einsum("i,j,k->ijk", line, line, line)
    window = (window / window.sum())[None, None]
    value, pair = 1.0, [first[None, None].double(), second[None, None].double()]
    for scale, weight in enumerate(weights):

        def mean(x):
            return torch.nn.functional.conv3d(x, window.double())

        x, y = pair
        variance_x, variance_y = mean(x * x) - mean(x) ** 2, mean(y * y) - mean(y) ** 2
        structure = (2 * (mean(x * y) - mean(x) * mean(y)) + 0.03**2) / (variance_x + variance_y + 0.03**2)
        luminance = (2 * mean(x) * mean(y) + 0.01**2) / (mean(x) ** 2 + mean(y) ** 2 + 0.01**2)
        last = scale == len(weights) - 1
        value = value * (structure * luminance if last else structure).mean() ** weight
        pair = [torch.nn.functional.avg_pool3d(x, 2) for x in pair]
    return float(value)


@pytest.mark.parametrize("size, scales", [(12, 1), (20, 2), (32, 3)])
def test_ms_ssim_is_the_published_one_on_as_many_scales_as_fit(size, scales):
    assert ms_ssim_scales((size, size + 2, size)) == scales
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(2, 1, 6, 6, 6, generator=generator)
    scans = torch.nn.functional.interpolate(coarse, (size, size + 2, size), mode="trilinear")
    noisy = (scans + 0.08 * torch.randn(scans.shape, generator=generator)).clamp(0, 1)
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:scales]
    expected = [reference_ms_ssim(a[0], b[0], weights / weights.sum()) for a, b in zip(noisy, scans, strict=True)]
    np.testing.assert_allclose(ms_ssim(noisy, scans), expected, rtol=1e-3)


def test_the_published_size_holds_all_five_scales():
    assert ms_ssim_scales((128, 160, 128)) == 5
    assert [ms_ssim_scales((side, 160, 160)) for side in (13, 14, 27, 28, 111, 112)] == [1, 2, 2, 3, 4, 5]


def test_ssim_agrees_with_scikit_image(scans):
    noisy = (scans + 0.05 * torch.randn(scans.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    options = {
        "data_range": 1.0,
        "gaussian_weights": True,
        "sigma": 1.5,
        "truncate": 3.4,
        "use_sample_covariance": False,
    }
    _, image = structural_similarity(noisy[0, 0].numpy(), scans[0, 0].numpy(), full=True, **options)
    assert float(ssim(noisy, scans)[0]) == pytest.approx(image[5:-5, 5:-5, 5:-5].mean(), abs=1e-4)


def test_four_scales_take_sides_of_sixty_three_voxels():
    """MONAI asks for 7 voxels and more after division by nine, where halving three times divides by eight."""
    assert [ms_ssim_scales((side, 80, 70)) for side in (56, 62, 63)] == [3, 3, 4]


def test_ssim_in_a_mask_is_the_mean_of_the_positions_whose_centre_lies_in_it(scans):
    """Against scikit-image's map; a mask shifted by one voxel would give another figure."""
    generator = torch.Generator().manual_seed(4)
    noisy = (scans + 0.2 * torch.rand(scans.shape, generator=generator) * (torch.arange(40)[:, None] / 40)).clamp(0, 1)
    mask = torch.rand(scans.shape, generator=generator) > 0.97
    options = {
        "data_range": 1.0,
        "gaussian_weights": True,
        "sigma": 1.5,
        "truncate": 3.4,
        "use_sample_covariance": False,
    }
    for i in range(3):
        _, image = structural_similarity(noisy[i, 0].numpy(), scans[i, 0].numpy(), full=True, **options)
        inner = (slice(5, -5),) * 3
        expected = image[inner][mask[i, 0][inner].numpy()].mean()
        assert float(ssim_box_and_inside(noisy, scans, mask)[1][i]) == pytest.approx(expected, abs=1e-4)


def test_ssim_falls_with_noise(scans):
    noise = torch.randn(scans.shape, generator=torch.Generator().manual_seed(1))
    values = [float(ssim(scans + level * noise, scans).mean()) for level in (0.02, 0.05, 0.2)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.6


def test_a_grid_smaller_than_the_window_is_refused():
    with pytest.raises(UserError, match="8x12x12"):
        ssim(torch.zeros(1, 1, 8, 12, 12), torch.zeros(1, 1, 8, 12, 12))


def test_one_map_gives_what_two_computations_give(scans, monkeypatch):
    """Box and mask of a batch, against MONAI's map of the whole batch, and computed once for each scan."""
    generator = torch.Generator().manual_seed(5)
    noisy = (scans + 0.1 * torch.randn(scans.shape, generator=generator)).clamp(0, 1)
    mask = scans > 0.5
    options = {"spatial_dims": 3, "kernel_size": [11] * 3, "kernel_sigma": [1.5] * 3, "data_range": 1.0}
    image, _ = compute_ssim_and_cs(noisy, scans, **options)
    inner = mask[..., 5:-5, 5:-5, 5:-5]
    expected = torch.stack([values[chosen].mean() for values, chosen in zip(image, inner, strict=True)])
    computed = []

    def record(*pair, **more):
        computed.append(pair)
        return compute_ssim_and_cs(*pair, **more)

    monkeypatch.setattr(metrics, "compute_ssim_and_cs", record)
    box, inside = ssim_box_and_inside(noisy, scans, mask)
    assert len(computed) == len(scans)
    torch.testing.assert_close(box, ssim(noisy, scans))
    torch.testing.assert_close(box, image.flatten(1).mean(1))
    torch.testing.assert_close(inside, expected)
    assert not torch.allclose(box, inside)


@pytest.mark.parametrize("window", PUBLISHED_WINDOW.values())
def test_the_published_windows_are_monais_gaussian_of_that_size(window, scans):
    """Its formula written out, for a window that scikit-image refuses where it is even."""
    noisy = (scans + 0.05 * torch.randn(scans.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    line = torch.exp(-0.5 * ((torch.arange(window, dtype=torch.float64) - (window - 1) / 2) / 1.5) ** 2)
    kernel = torch.einsum("i,j,k->ijk", line, line, line)[None, None] / line.sum() ** 3

    def mean(x):
        return torch.nn.functional.conv3d(x, kernel)

    x, y = noisy.double(), scans.double()
    both = (2 * mean(x) * mean(y) + 1e-4) / (mean(x) ** 2 + mean(y) ** 2 + 1e-4)
    structure = 2 * (mean(x * y) - mean(x) * mean(y)) + 9e-4
    image = both * structure / (mean(x * x) - mean(x) ** 2 + mean(y * y) - mean(y) ** 2 + 9e-4)
    assert image.shape[2] == scans.shape[2] - window + 1
    torch.testing.assert_close(ssim(noisy, scans, window).double(), image.flatten(1).mean(1), atol=1e-4, rtol=0)
    assert (ssim(noisy, scans, window) - ssim(noisy, scans)).abs().min() > 0.001


@pytest.mark.parametrize("metric, function", [(ssim, "compute_ssim_and_cs"), (ms_ssim, "compute_ms_ssim")])
def test_a_gpu_convolves_in_full_precision_and_one_scan_at_a_time(metric, function, scans, monkeypatch):
    original, seen = getattr(metrics, function), []

    def record(*pair, **more):
        seen.append((torch.backends.cudnn.allow_tf32, len(pair[0])))
        return original(*pair, **more)

    monkeypatch.setattr(metrics, function, record)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    metric(scans, scans)
    assert seen == [(False, 1)] * len(scans)
    assert torch.backends.cudnn.allow_tf32
