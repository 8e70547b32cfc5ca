"""From a raw T1w image to the brain on the model grid: extraction, bias field, registration, intensity, quality.

ANTs runs on one thread: with more, its results vary from run to run. ITK reads the variable once, at its first filter.
"""

import os

os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
