"""Every test may import MONAI, lpips and Lightning in any order, and uses one thread: tiny nets need no more."""

import ldae.torchvision_ops  # noqa: F401  (first)

import torch

torch.set_num_threads(1)
