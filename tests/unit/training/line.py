"""The smallest training: a line through points."""

from __future__ import annotations

import torch
from torch import nn

from ldae.training.stage import Stage


class Line(Stage):
    """Least squares without any randomness."""

    def __init__(self, settings, learning_rate=0.1):
        super().__init__(settings)
        self.learning_rate = learning_rate
        torch.manual_seed(1)
        self.net = nn.Linear(4, 1)
        self.rates, self.steps, self.weights = [], [], []

    def configure_optimizers(self):
        return self.scheduled(torch.optim.SGD(self.parameters(), self.learning_rate))

    def loss(self, batch):
        return self.net(batch[:, :4]).sub(batch[:, 4:]).square().mean()

    def training_step(self, batch, batch_idx):
        self.rates.append(self.optimizers().param_groups[0]["lr"])
        self.steps.append(self.step)
        self.weights.append(self.net.weight.detach().clone())
        loss = self.loss(batch)
        self.track("train", {"loss": loss}, len(batch))
        return loss

    def validation_step(self, batch, batch_idx):
        self.track("val", {"loss": self.loss(batch)}, len(batch))


POINTS = torch.randn(12, 5, generator=torch.Generator().manual_seed(2))
