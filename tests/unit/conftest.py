"""Every test may import MONAI, lpips and Lightning in any order."""

import ldae.torchvision_ops  # noqa: F401
