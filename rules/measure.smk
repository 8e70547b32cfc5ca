DAE_MODEL = "results/models/dae.safetensors"
SCANS = {"scans": "results/scans.csv"}
TO_MEASURE = {
    "reconstruction": {
        # A diagnosis only has a say in which scans the figure shows.
        "reads": SCANS | {"dataset": ancient("results/dataset.csv"), "embeddings": "results/embeddings/ldae.npz"},
        "writes": {"measured": "reconstruction_scans.csv", "examples": "examples.npz"},
        "config": section(*LDAE_SECTIONS, "sampling", "seed")
        | evaluation("batch_size", "figure_scans", "reconstruction", "lpips_nets"),
        "weights": LPIPS_FILES,
    },
    "comparison": {
        "reads": SCANS,
        "models": [*LDAE_MODELS, DAE_MODEL],
        "writes": {"measured": "comparison_scans.csv"},
        "config": section(*LDAE_SECTIONS, "dae", "sampling.solver")
        | evaluation("batch_size", "comparison", "lpips_nets"),
        "weights": LPIPS_FILES,
    },
    "interpolation": {
        "reads": {"dataset": "results/dataset.csv"},  # months and ages are labels
        "writes": {"measured": "interpolation_scans.csv"},
        "config": section(*LDAE_SECTIONS, "sampling") | evaluation("batch_size"),
    },
    "counterfactual": {  # the probes' directions come from labels
        "reads": SCANS | {"probes": PROBES},
        "writes": {"measured": "counterfactual_scans.csv"},
        "config": section(*LDAE_SECTIONS, "sampling") | evaluation("batch_size", "counterfactual"),
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
            config=task["config"],
        message:
            f"measure: {measured}"
        script:
            SCRIPT
