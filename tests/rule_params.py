"""What each rule is given: param by param the setting that it is, or the settings that it holds by their places."""

from __future__ import annotations

LDAE = ("preprocessing", "autoencoder", "latents", "diffusion", "ldm", "encoder", "representation")
LDAE += ("sampling.precision",)
SYSTEMS = ("preprocessing", "diffusion", "encoder", "dae", "supervised", "sampling.precision")
BOOTSTRAP = ("seed", "evaluation.bootstrap")
BATCH = "evaluation.batch_size"
COHORT = {"cohort": "cohort.source"}
PLANNED = ("preprocessing", "autoencoder", "ldm", "encoder", "representation", "dae", "supervised", "sampling", "plan")
PLANNED += (BATCH, "evaluation.figure_scans", "evaluation.reconstruction", "evaluation.comparison")
PLANNED += ("evaluation.efficiency", "evaluation.generation", "evaluation.counterfactual")

LOST = {"max_lost_fraction": "cohort.max_lost_fraction"}

COMPUTED = tuple(
    f"{stage}.training.{name}"
    for stage in ("autoencoder", "ldm", "representation", "dae", "supervised")
    for name in ("devices", "activation_checkpointing")
)


def computes(stage: str) -> dict[str, str]:
    """Of a training that is no part of what it is."""
    settings = {"compiled": "compile"} | {name: name for name in ("devices", "save_every_minutes")}
    settings["activation_checkpointing"] = "activation_checkpointing"
    return {param: f"{stage}.training.{name}" for param, name in settings.items()}


PILOT = {key: f"cohort.{key}" for key in ("subjects", "sessions", "exclude")} | {"seed": "seed"}

PHANTOM = {
    "phantom": {"config": ("phantom", "seed")},
    "inventory": PILOT,
    "check": PILOT,
    "strata": {},
    "convert": {"timeout_s": "cohort.conversion_timeout_s"},
    "bids": LOST,
    "preprocess": {
        "config": ("preprocessing", "qc.min_brain_volume_ml", "qc.max_brain_volume_ml", "qc.max_outside"),
    },
    "pictures": {},
    "qc": {"config": ("qc",)} | LOST,
    "figure_qc_montage": {"config": ("qc",), "scans": "report.montage_scans"},
    "qc_page": {"config": ("qc",)},
    "split": {"config": ("split",), "seed": "seed"},
    "scans": {},
    "dataset": {"overrides": "qc_overrides"},
    "table_cohort": COHORT,
    "autoencoder": {"config": ("autoencoder", "seed"), **computes("autoencoder")},
    "latents": {"config": ("autoencoder", "latents")},
    "ldm": {"config": ("ldm", "diffusion", "seed"), **computes("ldm")},
    "representation": {
        "config": ("representation", "encoder", "ldm", "diffusion", "seed"),
        **computes("representation"),
    },
    "dae": {"config": ("dae", "encoder", "diffusion", "seed"), **computes("dae")},
    "supervised": {"config": ("supervised", "encoder", "seed"), **computes("supervised")},
    "embeddings": {"config": (*LDAE, BATCH)},
    "system_embeddings": {"config": (*SYSTEMS, BATCH)},
    "baselines": {"config": ("preprocessing", BATCH)},
    "untrained": {"config": (*LDAE, "seed", BATCH)},
    "external_embeddings": {
        "config": (BATCH,),
        "input_shape": "evaluation.external_encoders.0.input_shape",
        "output_form": "evaluation.external_encoders.0.output",
    },
    "demographics": {},
    "reference": {"config": (*LDAE, "sampling", "seed", BATCH)},
    "predictions": {"config": ("evaluation.probes",)},
    "model": {"config": (*LDAE, "qc", "sampling", BATCH)},
    "measure_reconstruction": {
        "config": (
            *(*LDAE, "sampling", "seed", BATCH),
            *("evaluation.figure_scans", "evaluation.reconstruction", "evaluation.lpips_nets"),
        )
    },
    "measure_comparison": {
        "config": (*LDAE, "dae", "sampling.solver", "seed", BATCH, "evaluation.comparison", "evaluation.lpips_nets")
    },
    "measure_interpolation": {"config": (*LDAE, "sampling", BATCH)},
    "measure_counterfactual": {"config": (*LDAE, "sampling", BATCH, "evaluation.counterfactual")},
    "measure_examples": {"config": ("seed", "evaluation.counterfactual.log_odds", "evaluation.reconstruction")},
    "measure_generation": {
        "config": (*LDAE, "sampling", "seed", BATCH, "evaluation.figure_scans", "evaluation.generation")
    },
    "measure_efficiency": {"config": (*LDAE, "dae", "sampling", "evaluation.efficiency")},
    "table_plan": {"config": PLANNED, **COHORT, "computed": COMPUTED},
    "table_reconstruction": {"config": BOOTSTRAP, **COHORT},
    "table_comparison": {"config": BOOTSTRAP, **COHORT},
    "table_interpolation": {"config": BOOTSTRAP, **COHORT},
    "table_generation": {"config": BOOTSTRAP, **COHORT},
    "table_efficiency": COHORT,
    "table_calibration": {"config": BOOTSTRAP, **COHORT},
    "table_counterfactual": {"config": BOOTSTRAP, **COHORT},
    "table_downstream": {
        "config": (*BOOTSTRAP, "evaluation.probes", "evaluation.progression_months"),
        **COHORT,
    },
    "table_downstream_paper": {
        "config": (*BOOTSTRAP, "evaluation.probes", "evaluation.progression_months"),
        **COHORT,
    },
    "table_leakage": COHORT,
    "table_leakage_paper": COHORT,
    "table_phantom_truth": {"config": (*BOOTSTRAP, "sampling.steps", BATCH, "evaluation.probes.alpha_grid")},
    "figure_reconstructions": {},
    "figure_training_curves": {},
    "figure_training_curves_paper": {},
    "figure_probes": {},
    "figure_probes_paper": {},
    "figure_generated": {},
    **{
        f"figure_{name}": {}
        for name in (
            *("reconstruction_steps", "manipulation", "variation", "interpolation", "interpolation_gap"),
            *("slice_attention", "embedding_map", "diagnosis", "age"),
        )
    },
}
LABELS = {"columns": "cohort.columns", "diagnoses": "cohort.diagnoses"}
BIDS = {name: params for name, params in PHANTOM.items() if name not in ("phantom", "inventory", "check", "convert")}
PREFER = {"prefer": "cohort.prefer"}
BIDS |= {"index": {"source": "cohort.source"} | PREFER | PILOT, "bids": LABELS | PREFER, "strata": LABELS}
OASIS = BIDS | {
    "convert": {
        "source": "cohort.source",
        "clinical_dir": "cohort.clinical_dir",
        "timeout_s": "cohort.conversion_timeout_s",
        "arguments": "cohort.converter_arguments.oasis",
    }
}
ADNI = {name: params for name, params in PHANTOM.items() if name != "phantom"}
ADNI |= {"convert": PHANTOM["convert"] | {name: f"cohort.{name}" for name in ("dicom_dir", "clinical_dir")}}
TRAINED = ("autoencoder", "ldm", "representation", "dae", "supervised", "reference", "model")
TAKEN = {name: params for name, params in PHANTOM.items() if name not in TRAINED}
TAKEN |= {"take_models": {"folder": "models_from"}, "latents": {"config": ("autoencoder",)}}
SOURCES = {"phantom": PHANTOM, "adni": ADNI, "bids": BIDS, "oasis": OASIS, "taken": TAKEN}
FOLDERS = {"phantom": (), "taken": (), "adni": ("dicom_dir", "clinical_dir"), "bids": ("bids_dir",)}
# Params that hold no setting: code, places below results/, what is on the disk, names.
FIXED = {
    *("code", "image_code", "checked_by", "indexed_by", "findings", "state", "state_dir", "bids_dir", "output_dir"),
    *(
        "script",
        "shards",
        "latents_dir",
        "template",
        "checkpoints",
        "parts",
        "published",
        "tensorboard",
        "download",
        "tables",
        "images",
        "dataset",
        "encoders",
        "phantom",
        "starts",
        "pretrained",
        "files",
        "content",
        "contents",
    ),
}
