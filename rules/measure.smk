import yaml

DAE_MODEL = "results/models/dae.safetensors"
SCANS = {"scans": "results/scans.csv"}


def published_sizes():
    """What presets/paper.yaml, and no configuration of the user's, says of the sizes of the paper's systems."""
    preset = yaml.safe_load(Path(workflow.basedir, "presets", "paper.yaml").read_text(encoding="utf-8"))
    sections = ("preprocessing", "autoencoder", "diffusion", "ldm", "encoder", "dae", "sampling")
    return {name: preset[name] for name in sections}


def keeps_parts(measured):
    """Where a measurement's parts wait for a rerun: no output, for Snakemake deletes those of a job that fails."""
    return {"parts": f"results/evaluation/parts/{measured}"}


TO_MEASURE = {
    "reconstruction": {
        # A diagnosis only has a say in which scans the figure shows.
        "reads": SCANS | {"dataset": ancient("results/dataset.csv"), "embeddings": "results/embeddings/ldae.npz"},
        "writes": {"measured": "reconstruction_scans.csv", "examples": "examples.npz"},
        "config": section(*LDAE_SECTIONS, "sampling", "seed")
        | evaluation("batch_size", "figure_scans", "reconstruction", "lpips_nets"),
        "weights": LPIPS_FILES,
        "params": keeps_parts("reconstruction"),
    },
    "comparison": {
        "reads": SCANS,
        "models": [*LDAE_MODELS, DAE_MODEL],
        "writes": {"measured": "comparison_scans.csv"},
        "config": section(*LDAE_SECTIONS, "dae", "sampling.solver", "seed")
        | evaluation("batch_size", "comparison", "lpips_nets"),
        "weights": LPIPS_FILES,
        "params": keeps_parts("comparison"),
    },
    "interpolation": {
        "reads": {"dataset": "results/dataset.csv"},  # months and ages are labels
        "writes": {"measured": "interpolation_scans.csv"},
        "config": section(*LDAE_SECTIONS, "sampling") | evaluation("batch_size"),
        "params": keeps_parts("interpolation"),
    },
    "counterfactual": {  # the probes' directions come from labels
        "reads": SCANS | {"probes": PROBES},
        "writes": {"measured": "counterfactual_scans.csv"},
        "config": section(*LDAE_SECTIONS, "sampling") | evaluation("batch_size", "counterfactual"),
        "params": keeps_parts("counterfactual"),
    },
    "examples": {  # a few scans for the figures; diagnoses and months choose them
        "reads": SCANS
        | {
            "dataset": "results/dataset.csv",
            "reconstructions": "results/evaluation/reconstruction_scans.csv",
            "model": MODEL,
        },
        "models": [*LDAE_MODELS, PROBES, REFERENCE],
        "writes": {"volumes": "figure_volumes.npz"},
        "config": section("seed") | evaluation("counterfactual.log_odds", "reconstruction"),
    },
    "generation": {
        "reads": SCANS,
        "writes": {"measured": "generation.npz", "examples": "generated.npz"},
        "config": section(*LDAE_SECTIONS, "sampling", "seed") | evaluation("batch_size", "figure_scans", "generation"),
        "weights": {"medicalnet": MEDICALNET},
    },
    "efficiency": {  # with up to eight cores nothing runs beside it
        "reads": {"comparison": "results/evaluation/comparison_scans.csv"},
        "models": [*LDAE_MODELS, DAE_MODEL],
        "writes": {"measured": "efficiency_runs.csv"},
        "config": section(*LDAE_SECTIONS, "dae", "sampling") | evaluation("efficiency"),
        "params": {"published": published_sizes()},
    },
}

for measured, task in TO_MEASURE.items():

    rule:
        """Let the trained systems work on scans, and measure what comes out."""
        name:
            f"measure_{measured}"
        input:
            **task["reads"],
            models=task.get("models", LDAE_MODELS),
        output:
            **{key: f"results/evaluation/{file}" for key, file in task["writes"].items()},
        log:
            f"results/logs/measure_{measured}.log",
        benchmark:
            f"results/benchmarks/measure_{measured}.tsv"
        conda:
            ENV
        threads: 8
        resources:
            **planned(f"measure_{measured}", gpu=1),
        params:
            **runs(f"measure_{measured}.py"),
            **(reads_weights(**task["weights"]) if "weights" in task else {}),
            **task.get("params", {}),
            config=task["config"],
        message:
            f"measure: {measured}"
        script:
            SCRIPT
