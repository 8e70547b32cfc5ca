"""Training: data, one fit function, one thin LightningModule a stage."""

from ldae import torchvision_ops as torchvision_ops  # before Lightning imports torchvision
