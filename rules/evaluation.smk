LDAE_SECTIONS = ["preprocessing", "autoencoder", "latents", "diffusion", "ldm", "representation"]
LDAE_MODULES = ["inference", "models", "diffusion/samplers", "diffusion/schedule"]
LDAE_MODELS = [
    f"results/models/{name}.safetensors" for name in ("autoencoder", "latent_statistics", "ldm", "representation")
]


rule embeddings:
    """y_sem of every scan."""
    input:
        dataset="results/dataset.csv",
        models=LDAE_MODELS,
    output:
        "results/embeddings/ldae.npz",
    log:
        "results/logs/embeddings.log",
    benchmark:
        "results/benchmarks/embeddings.tsv"
    conda:
        ENV
    threads: 8
    resources:
        mem_mb=6000,
        runtime=240,
        gpu=1,
    params:
        ldae=section(*LDAE_SECTIONS),
        batch_size=CONFIG.evaluation.batch_size,
        code=hash_modules("evaluation/embeddings", "evaluation/scans", "cohort/split", "files", *LDAE_MODULES),
    message:
        "encode y_sem of every scan"
    script:
        "../workflow_scripts/embeddings.py"


# Key of an encoder's file in results/embeddings, and its name in the tables.
ENCODERS = {
    "ldae": "LDAE",
    "mean": "training mean",
    "age_sex": "age + sex",
    "age_sex_volume": "age + sex + brain volume",
    "volumes": "tissue and ventricle volumes",
    "pca": "PCA of the voxels",
    "untrained": "untrained encoder",
}


rule baselines:
    """The features that a learnt representation has to beat."""
    input:
        dataset="results/dataset.csv",
        qc="results/qc.csv",
        models=LDAE_MODELS,
    output:
        **{name: f"results/embeddings/{name}.npz" for name in ENCODERS if name != "ldae"},
    log:
        "results/logs/baselines.log",
    benchmark:
        "results/benchmarks/baselines.tsv"
    conda:
        ENV
    threads: 2
    resources:
        mem_mb=8000,
        runtime=480,
    params:
        ldae=section(*LDAE_SECTIONS),
        batch_size=CONFIG.evaluation.batch_size,
        seed=CONFIG.seed,
        code=hash_modules(
            "evaluation/baselines",
            "evaluation/morphometry",
            "evaluation/embeddings",
            "evaluation/scans",
            "cohort/split",
            "preprocessing/grid",
            "preprocessing/resampling",
            "preprocessing/volume",
            "files",
            *LDAE_MODULES,
        ),
    message:
        "features of the baselines"
    script:
        "../workflow_scripts/baselines.py"


rule downstream:
    """Linear probes of every encoder: diagnoses and age."""
    input:
        **{name: f"results/embeddings/{name}.npz" for name in ENCODERS},
    output:
        table=report("results/tables/downstream.csv", caption="captions/downstream.rst", category="Tables"),
        probe="results/models/probe_ad_cn.json",
        subjects="results/models/probe_subjects.json",
    log:
        "results/logs/downstream.log",
    benchmark:
        "results/benchmarks/downstream.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
        runtime=480,
    params:
        encoders=ENCODERS,
        config=evaluation("probe_c_grid", "probe_alpha_grid", "probe_redraws", "bootstrap_draws", "confidence"),
        seed=CONFIG.seed,
        code=hash_modules(
            "evaluation/downstream",
            "evaluation/probes",
            "evaluation/embeddings",
            "evaluation/scans",
            "evaluation/bootstrap",
            "evaluation/scores",
            "cohort/split",
            "files",
        ),
    message:
        "fit the linear probes"
    script:
        "../workflow_scripts/downstream.py"


rule reconstruct:
    """Rebuild every test scan in every way."""
    input:
        dataset="results/dataset.csv",
        embeddings="results/embeddings/ldae.npz",
        models=LDAE_MODELS,
    output:
        scans="results/evaluation/reconstruction_scans.csv",
        examples="results/evaluation/examples.npz",
    log:
        "results/logs/reconstruct.log",
    benchmark:
        "results/benchmarks/reconstruct.tsv"
    conda:
        ENV
    threads: 8
    resources:
        mem_mb=8000,
        runtime=1440,
        gpu=1,
    params:
        ldae=section(*LDAE_SECTIONS),
        config=evaluation("reconstruction_steps", "batch_size", "figure_scans", "lpips_net", "lpips_weights"),
        sampling=section("sampling")["sampling"],
        seed=CONFIG.seed,
        code=hash_modules(
            "evaluation/reconstruction",
            "evaluation/embeddings",
            "evaluation/metrics",
            "evaluation/scans",
            "cohort/split",
            "files",
            *LDAE_MODULES,
        ),
    message:
        "rebuild the test scans"
    script:
        "../workflow_scripts/reconstruct.py"


rule reconstruction:
    """Means and intervals of the reconstructions."""
    input:
        "results/evaluation/reconstruction_scans.csv",
    output:
        report("results/tables/reconstruction.csv", caption="captions/reconstruction.rst", category="Tables"),
    log:
        "results/logs/reconstruction.log",
    benchmark:
        "results/benchmarks/reconstruction.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        config=evaluation("bootstrap_draws", "confidence"),
        seed=CONFIG.seed,
        code=hash_modules(
            "evaluation/reconstruction_table",
            "evaluation/reconstruction",
            "evaluation/embeddings",
            "evaluation/metrics",
            "evaluation/scans",
            "cohort/split",
            "evaluation/bootstrap",
            "files",
        ),
    message:
        "tabulate the reconstructions"
    script:
        "../workflow_scripts/reconstruction.py"
