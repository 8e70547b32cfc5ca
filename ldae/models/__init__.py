"""Pure nn.Modules: tensors in, tensors out."""

from ldae import torchvision_ops as torchvision_ops  # before MONAI imports lpips, which imports torchvision
