"""LDAE: latent diffusion autoencoders for brain MRI, from a raw download to results tables."""

__version__ = "0.1.0"
