rule measure_reconstruction:
    """Rebuild every test scan in every way."""
    input:
        scans="results/scans.csv",
        dataset=ancient("results/dataset.csv"),  # a diagnosis only has a say in which scans the figure shows
        embeddings="results/embeddings/ldae.npz",
        models=LDAE_MODELS,
    output:
        measured="results/evaluation/reconstruction_scans.csv",
        examples="results/evaluation/examples.npz",
    log:
        "results/logs/measure_reconstruction.log",
    benchmark:
        "results/benchmarks/measure_reconstruction.tsv"
    conda:
        ENV
    threads: 8
    resources:
        mem_mb=8000,
        runtime=1440,
        gpu=1,
    params:
        config=section(*LDAE_SECTIONS, "sampling", "seed")
        | evaluation("batch_size", "figure_scans", "reconstruction", "lpips"),
        code=code_of("measure_reconstruction.py"),
    message:
        "rebuild the test scans"
    script:
        "../workflow_scripts/measure_reconstruction.py"


rule measure_comparison:
    """Rebuild the validation and test scans with LDAE, LDDIM, AutoencoderKL and the voxel DAE."""
    input:
        scans="results/scans.csv",
        models=[*LDAE_MODELS, "results/models/dae.safetensors"],
    output:
        "results/evaluation/comparison_scans.csv",
    log:
        "results/logs/measure_comparison.log",
    benchmark:
        "results/benchmarks/measure_comparison.tsv"
    conda:
        ENV
    threads: 8
    resources:
        mem_mb=8000,
        runtime=1440,
        gpu=1,
    params:
        config=section(*LDAE_SECTIONS, "dae", "sampling") | evaluation("batch_size", "comparison", "lpips"),
        code=code_of("measure_comparison.py"),
    message:
        "rebuild scans with every system"
    script:
        "../workflow_scripts/measure_comparison.py"


rule measure_interpolation:
    """Predict test scans from an earlier and a later one of the same subject; months and ages are labels."""
    input:
        dataset="results/dataset.csv",
        models=LDAE_MODELS,
    output:
        "results/evaluation/interpolation_scans.csv",
    log:
        "results/logs/measure_interpolation.log",
    benchmark:
        "results/benchmarks/measure_interpolation.tsv"
    conda:
        ENV
    threads: 8
    resources:
        mem_mb=8000,
        runtime=1440,
        gpu=1,
    params:
        config=section(*LDAE_SECTIONS, "sampling") | evaluation("batch_size"),
        code=code_of("measure_interpolation.py"),
    message:
        "predict test scans from two others of the same subject"
    script:
        "../workflow_scripts/measure_interpolation.py"


rule measure_generation:
    """Sample scans from noise, and measure them, the test scans and their reconstructions."""
    input:
        scans="results/scans.csv",
        models=LDAE_MODELS,
    output:
        measured="results/evaluation/generation.npz",
        examples="results/evaluation/generated.npz",
    log:
        "results/logs/measure_generation.log",
    benchmark:
        "results/benchmarks/measure_generation.tsv"
    conda:
        ENV
    threads: 8
    resources:
        mem_mb=8000 + 3 * GENERATED_MB,
        runtime=1440,
        gpu=1,
    params:
        config=section(*LDAE_SECTIONS, "sampling", "seed") | evaluation("batch_size", "figure_scans", "generation"),
        code=code_of("measure_generation.py"),
    message:
        "sample scans from noise"
    script:
        "../workflow_scripts/measure_generation.py"


rule measure_efficiency:
    """Time, memory and arithmetic of encoding and decoding; with up to eight cores nothing runs beside it."""
    input:
        comparison="results/evaluation/comparison_scans.csv",
        models=[*LDAE_MODELS, "results/models/dae.safetensors"],
    output:
        "results/evaluation/efficiency_runs.csv",
    log:
        "results/logs/measure_efficiency.log",
    benchmark:
        "results/benchmarks/measure_efficiency.tsv"
    conda:
        ENV
    threads: 8
    resources:
        mem_mb=8000,
        runtime=240,
        gpu=1,
    params:
        config=section(*LDAE_SECTIONS, "dae", "sampling") | evaluation("efficiency"),
        code=code_of("measure_efficiency.py"),
    message:
        "measure time and memory"
    script:
        "../workflow_scripts/measure_efficiency.py"
