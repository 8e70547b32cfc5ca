# What the plan is counted from.
PLANNED = ["preprocessing", "autoencoder", "ldm", "encoder", "representation", "dae", "supervised", "sampling", "plan"]
PLANNED_EVALUATION = ["batch_size", "figure_scans", "reconstruction", "comparison", "efficiency", "generation"]
PLANNED_EVALUATION += ["counterfactual"]
TRAINED_STAGES = ["autoencoder", "ldm", "representation", "dae", "supervised"]
# Tables made of one file alone: what that is, and the settings they take.
BOOTSTRAP = section("seed") | evaluation("bootstrap")
OF_ONE_FILE = {
    "cohort": ("results/dataset.csv", {}),
    "reconstruction": ("results/evaluation/reconstruction_scans.csv", BOOTSTRAP),
    "comparison": ("results/evaluation/comparison_scans.csv", BOOTSTRAP),
    "interpolation": ("results/evaluation/interpolation_scans.csv", BOOTSTRAP),
    "generation": ("results/evaluation/generation.npz", BOOTSTRAP),
    "efficiency": ("results/evaluation/efficiency_runs.csv", {}),
    "calibration": ("results/predictions.csv", BOOTSTRAP),
}

for table, (source, settings) in OF_ONE_FILE.items():

    rule:
        """Tabulate what was measured."""
        name:
            f"table_{table}"
        input:
            source,
        output:
            report(f"results/tables/{table}.csv", caption=f"captions/{table}.rst", category="Tables"),
        log:
            f"results/logs/table_{table}.log",
        benchmark:
            f"results/benchmarks/table_{table}.tsv"
        conda:
            ENV
        resources:
            **needs(4000, 480),
        params:
            **runs(f"table_{table}.py"),
            config=settings,
            cohort=CONFIG.cohort.source,
        message:
            f"tabulate: {table}"
        script:
            SCRIPT


rule table_plan:
    """What each stage takes, counted."""
    input:
        scans="results/scans.csv",
    output:
        report("results/tables/plan.csv", caption="captions/plan.rst", category="Tables"),
    log:
        "results/logs/table_plan.log",
    benchmark:
        "results/benchmarks/table_plan.tsv"
    conda:
        ENV
    resources:
        **needs(1000, 10),
    params:
        config=section(*PLANNED) | evaluation(*PLANNED_EVALUATION),
        computed={stage: how_computed(stage) for stage in TRAINED_STAGES},
        cohort=CONFIG.cohort.source,
        code=code_of("table_plan.py"),
    message:
        "plan the run"
    script:
        "../workflow_scripts/table_plan.py"


rule table_downstream:
    """Linear probes of every encoder: diagnoses, age and the scanner's field strength."""
    input:
        dataset="results/dataset.csv",
        embeddings=expand("results/embeddings/{name}.npz", name=ENCODERS),
        trained=[PROBES] if CONFIG.models_from else [],
    output:
        table=report("results/tables/downstream.csv", caption="captions/downstream.rst", category="Tables"),
        subjects=PROBE_SUBJECTS,
    log:
        "results/logs/table_downstream.log",
    benchmark:
        "results/benchmarks/table_downstream.tsv"
    conda:
        ENV
    resources:
        **needs(4000, 480),
    params:
        encoders=list(ENCODERS.values()),
        config=section("seed") | evaluation("probes", "bootstrap", "progression_months"),
        cohort=CONFIG.cohort.source,
        code=code_of("table_downstream.py"),
    message:
        "fit the linear probes"
    script:
        "../workflow_scripts/table_downstream.py"


use rule table_downstream as table_downstream_paper with:
    input:
        dataset="results/dataset.csv",
        embeddings=expand("results/embeddings/{name}.npz", name=ALL_ENCODERS),
        trained=[],
    output:
        table=report("results/tables/downstream_paper.csv", caption="captions/downstream_paper.rst", category="Tables"),
        subjects="results/models/probe_subjects_paper.json",
    log:
        "results/logs/table_downstream_paper.log",
    benchmark:
        "results/benchmarks/table_downstream_paper.tsv"
    params:
        encoders=list(ALL_ENCODERS.values()),
    message:
        "fit the linear probes, those of the slow systems as well"


rule table_counterfactual:
    """What editing a scan changes in it, beside what differs between people."""
    input:
        **({"truth": "results/phantom/truth.csv"} if IS_PHANTOM else {}),
        measured="results/evaluation/counterfactual_scans.csv",
        dataset="results/dataset.csv",
    output:
        report("results/tables/counterfactual.csv", caption="captions/counterfactual.rst", category="Tables"),
    log:
        "results/logs/table_counterfactual.log",
    benchmark:
        "results/benchmarks/table_counterfactual.tsv"
    conda:
        ENV
    resources:
        **needs(4000, 60),
    params:
        config=BOOTSTRAP,
        cohort=CONFIG.cohort.source,
        code=code_of("table_counterfactual.py"),
    message:
        "tabulate: counterfactual"
    script:
        "../workflow_scripts/table_counterfactual.py"


rule table_leakage:
    """Whom every fitted thing of the first target has seen."""
    input:
        scans="results/scans.csv",
        weights=LDAE_MODELS,
        embeddings=expand("results/embeddings/{name}.npz", name=names.ENCODERS),
        external=expand("results/embeddings/external_{name}.npz", name=EXTERNAL),
        probes=PROBE_SUBJECTS,
        trained=[TRAINED_PROBE_SUBJECTS] if CONFIG.models_from else [],
    output:
        report("results/tables/leakage.csv", caption="captions/leakage.rst", category="Tables"),
    log:
        "results/logs/table_leakage.log",
    benchmark:
        "results/benchmarks/table_leakage.tsv"
    conda:
        ENV
    resources:
        **needs(2000, 10),
    params:
        cohort=CONFIG.cohort.source,
        code=code_of("table_leakage.py"),
    message:
        "check that nothing has seen a test subject"
    script:
        "../workflow_scripts/table_leakage.py"


use rule table_leakage as table_leakage_paper with:
    input:
        scans="results/scans.csv",
        weights=LDAE_MODELS + expand("results/models/{name}.safetensors", name=SLOW_ENCODERS),
        embeddings=expand("results/embeddings/{name}.npz", name=names.ENCODERS | SLOW_ENCODERS),
        external=expand("results/embeddings/external_{name}.npz", name=EXTERNAL),
        probes="results/models/probe_subjects_paper.json",
        trained=[],
    output:
        report("results/tables/leakage_paper.csv", caption="captions/leakage.rst", category="Tables"),
    log:
        "results/logs/table_leakage_paper.log",
    benchmark:
        "results/benchmarks/table_leakage_paper.tsv"


rule table_phantom_truth:
    """Hold the results on the phantom against its truth file."""
    input:
        truth="results/phantom/truth.csv",
        dataset="results/dataset.csv",
        embeddings="results/embeddings/ldae.npz",
        reconstructions="results/evaluation/reconstruction_scans.csv",
        downstream="results/tables/downstream.csv",
        counterfactual="results/tables/counterfactual.csv",
    output:
        report("results/tables/phantom_truth.csv", caption="captions/phantom_truth.rst", category="Tables"),
    log:
        "results/logs/table_phantom_truth.log",
    benchmark:
        "results/benchmarks/table_phantom_truth.tsv"
    conda:
        ENV
    resources:
        **needs(4000, 60),
    params:
        config=section("seed", "sampling.steps") | evaluation("batch_size", "probes.alpha_grid", "bootstrap"),
        code=code_of("table_phantom_truth.py"),
    message:
        "hold the results against the phantom's truth"
    script:
        "../workflow_scripts/table_phantom_truth.py"
