"""Stand-ins for trained systems whose losses are known."""

from __future__ import annotations

from torch.nn import functional as F

from ldae.config.evaluation import BootstrapConfig
from ldae.evaluation.measure.lpips import Lpips

NO_LPIPS = Lpips({"vgg": None}, {"vgg": "no weights"})
OPTIONS = {"steps": [4, 8], "solver": "2m", "spacing_mm": 5.0, "batch_size": 4, "lpips": NO_LPIPS}
BOOTSTRAP = BootstrapConfig(draws=200, confidence=0.9)
SEED = 3


class HalfGrid:
    """A codec on a grid of half the size; it also needs y_sem to come back exactly."""

    def encode_image(self, x):
        return F.interpolate(x, scale_factor=0.5, mode="trilinear") * 2 - 1

    def decode_image(self, z_0):
        return (z_0 + 1) / 2

    def encode_semantic(self, x):
        return x.mean((1, 2, 3, 4))[:, None]

    def encode_stochastic(self, z_0, y_sem, steps, solver):
        return z_0 - y_sem.view(-1, 1, 1, 1, 1)

    def decode_stochastic(self, z_T, y_sem, steps, solver):
        return z_T + y_sem.view(-1, 1, 1, 1, 1) + 0.2 / steps


class Unconditional:
    """LDAE's stand-in that loses something of the scan without y_sem, less the more steps it takes."""

    def __init__(self, ldae):
        self.ldae = ldae

    def __getattr__(self, name):
        return getattr(self.ldae, name)

    def encode_stochastic(self, z_0, y_sem, steps, solver):
        return z_0 if y_sem is None else self.ldae.encode_stochastic(z_0, y_sem, steps, solver)

    def decode_stochastic(self, z_T, y_sem, steps, solver):
        return z_T + 0.8 / steps if y_sem is None else self.ldae.decode_stochastic(z_T, y_sem, steps, solver)
