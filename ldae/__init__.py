"""LDAE: latent diffusion autoencoders for brain MRI, from a raw download to results tables.

`ldae.load` gives a trained model as one object.
"""

from ldae.lazy import lazy_attributes

__version__ = "0.1.0"
__getattr__ = lazy_attributes(__name__, {"load": "ldae.systems.trained"})
