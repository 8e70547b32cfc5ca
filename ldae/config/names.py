"""What the systems and encoders are called, in files and in tables; every other module takes the names from here."""

from __future__ import annotations

LDAE, LDDIM, DAE, AUTOENCODER = "LDAE", "LDDIM", "DAE", "AutoencoderKL"
AS_TRAINED = f"{LDAE}, probes as trained"  # where a model trained on another cohort is evaluated

# Weights files of a trained LDAE, in the order in which they are made.
LDAE_MODELS = ("autoencoder", "latent_statistics", "ldm", "representation")

# Name of an encoder's file in results/embeddings, and what the tables call it.
ENCODERS = {
    "ldae": LDAE,
    "mean": "training mean",
    "age_sex": "age + sex",
    "age_sex_volume": "age + sex + brain volume",
    "acquisition": "field strength + site + phase",
    "volumes": "tissue, ventricle and medial-temporal volumes",
    "pca": "PCA of the voxels",
    "untrained": "untrained encoder",
}
# The supervised encoders by the label they are trained for.
SUPERVISED = {"ad_cn": "supervised encoder (AD vs CN)", "age": "supervised encoder (age)"}


def slow_encoders(tasks: list[str]) -> dict[str, str]:
    """As `ENCODERS`: those that take a training of their own, with a supervised encoder for each of `tasks`."""
    return {"dae": DAE} | {f"supervised_{task}": SUPERVISED[task] for task in tasks}
