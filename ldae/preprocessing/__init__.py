"""From a raw T1w image to the brain on the model grid: extraction, bias field, registration, intensity, quality."""
