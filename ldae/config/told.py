"""What every caption says of the cohort, and what a user should hear before anything runs."""

from __future__ import annotations

from ldae.config.load import Config

COARSE_MM = 3.0  # coarser voxels are for trying the workflow, not for results
PRESETS = "presets/paper.yaml presets/gpu_24gb.yaml (or gpu_40gb, gpu_80gb)"


def describe_cohort(config: Config) -> str:
    """One or two sentences in reStructuredText."""
    if config.cohort.is_phantom:
        return "**Phantom**: fabricated data, which say nothing of any patient."
    pilot = "a pilot of the " if config.cohort.subjects or config.cohort.sessions else ""
    told, warning = f"Cohort: {pilot}source ``{config.cohort.source}``.", warn_of_size(config)
    return f"{told} **Not for publication**: {warning}" if warning else told


def warn_of_size(config: Config) -> str:
    """Real scans on a grid that is only good for trying the workflow; empty where the grid is fine."""
    spacing = config.preprocessing.grid_spacing_mm
    if config.cohort.is_phantom or config.models_from or spacing <= COARSE_MM:
        return ""
    return (
        f"real scans on voxels of {spacing:g} mm, with networks of the demo's size. For results take the published "
        f"size, --configfile {PRESETS} and your own file after them."
    )
