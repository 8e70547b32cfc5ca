"""What the rules share: the checked configuration, names, and helpers; no other rule file defines a shared name."""

import hashlib
import os
import sys
from pathlib import Path

sys.path.insert(0, workflow.basedir)

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

try:
    from ldae.checksums import compare_edited
    from ldae.code_hash import hash_script
    from ldae.cohort.pilot import read_exclusions, read_names
    from ldae.config import names
    from ldae.config.duplicates import read_settings
    from ldae.config.load import parse_config
    from ldae.config.paths import check_braces, check_interpreter, check_temporary
    from ldae.config.places import initial_weights
    from ldae.config.told import describe_cohort, warn_of_size
    from ldae.config.published import (
        OF_LPIPS,
        PUBLISHED,
        check_content,
        expect_published,
        find_published,
    )
    from ldae.errors import UserError
    from ldae.files import hash_file
    from ldae.job_environment import JOB_ENVIRONMENT
    from ldae.planning.measurements import Sides
    from ldae.planning.plan import plan_stage
    from ldae.planning.resources import count_sides, jobs_of, memory_mb, runtime_min
except ModuleNotFoundError as error:
    raise WorkflowError(
        f"The environment Snakemake runs in lacks {error.name}. Take the one that `make demo` creates "
        "(source .venv/bin/activate), or add what the Snakefile needs beside Snakemake: pip install pydantic"
    )

for variable, value in JOB_ENVIRONMENT.items():
    os.environ.setdefault(variable, value)  # every job inherits it

os.environ.update(LDAE_LOCK=f"{workflow.basedir}/requirements.lock")  # what envs/ldae.post-deploy.sh installs
check_interpreter(sys.executable)
check_temporary()
if workflow.is_main_process:
    compare_edited()

for file in workflow.configfiles if workflow.is_main_process else ():
    read_settings(file)  # which Snakemake has read already, but not asked whether a key is there twice
CONFIG = parse_config(config, "the configuration (config.yaml, --configfile, --config)")
os.environ.update(LDAE_DEVICE=CONFIG.device)  # for ldae.device.pick_device in every job
SHARDS = list(range(CONFIG.cohort.shards))
ENV = f"{workflow.basedir}/envs/ldae.yaml"
IS_PHANTOM = CONFIG.cohort.is_phantom
PILOT = {key: read_names(f"cohort.{key}", getattr(CONFIG.cohort, key)) for key in ("subjects", "sessions")}
PILOT["exclude"] = read_exclusions(CONFIG.cohort.exclude)
# It counts where subjects are drawn; as a function of `input`, which Snakemake does not compare, it lists nothing anew.
PILOT["seed"] = CONFIG.seed if isinstance(PILOT["subjects"], int) else lambda wildcards, input: CONFIG.seed

# Likewise: another limit lists and judges nothing anew.
MAX_LOST = {"max_lost_fraction": lambda wildcards, input: CONFIG.cohort.max_lost_fraction}

LDAE_MODELS = [f"results/models/{name}.safetensors" for name in names.LDAE_MODELS]
PROBES, REFERENCE = "results/models/probes.json", "results/models/reference.safetensors"
MODEL = "results/models/model.json"  # what makes the folder a model to use
LATENTS = "results/latents/manifest.csv"
# With `models_from` that folder is a taken model, as it was trained; the probes of this cohort lie beside it.
FITTED_PROBES = "results/probes.json" if CONFIG.models_from else PROBES
PROBE_SUBJECTS = "results/models/probe_subjects.json"
TRAINED_PROBE_SUBJECTS = "results/models/trained_probe_subjects.json"
LDAE_SECTIONS = ["preprocessing", "autoencoder", "latents", "diffusion", "ldm", "encoder", "representation"]
LDAE_SECTIONS += ["sampling.precision"]
# Take long, and no table of the first target needs them.
SLOW_ENCODERS = names.slow_encoders(CONFIG.evaluation.supervised_tasks)
EXTERNAL = {encoder.name: encoder for encoder in CONFIG.evaluation.external_encoders}
ENCODERS = names.ENCODERS | {f"external_{name}": name for name in EXTERNAL}
ALL_ENCODERS = ENCODERS | SLOW_ENCODERS
SYSTEM_SECTIONS = ["preprocessing", "diffusion", "encoder", "dae", "supervised", "sampling.precision"]

INITIAL = ["autoencoder.init_from", "ldm.init_from", "representation.init_from"]
# The weights of others that trainings read, by the settings that name them.
PRETRAINED = {
    "autoencoder": "autoencoder.perceptual_weights",
    "representation": "encoder.backbone_weights",
    "dae": "encoder.backbone_weights",
    "supervised": "encoder.backbone_weights",
}
PUBLISHED_AS = {
    "autoencoder.perceptual_weights": "squeezenet",
    "encoder.backbone_weights": CONFIG.encoder.backbone,
}
LPIPS_FILES = {net: find_published(OF_LPIPS[net], CONFIG.weights_dir) for net in CONFIG.evaluation.lpips_nets}
MEDICALNET = CONFIG.evaluation.generation.medicalnet_weights or find_published("medicalnet", CONFIG.weights_dir)

# A target of its own: Snakemake passes over a deleted file as long as what is made of it is there.
SPLIT = "results/split.csv"
TABLES = [
    "exclusions",
    "cohort",
    "plan",
    "reconstruction",
    "downstream",
    "calibration",
    "counterfactual",
    "leakage",
] + ["phantom_truth"] * IS_PHANTOM
PAPER_TABLES = ["comparison", "downstream_paper", "interpolation", "generation", "efficiency", "leakage_paper"]
FIGURES = ["qc_montage", "training_curves", "reconstructions", "reconstruction_steps", "manipulation", "variation"]
FIGURES += ["interpolation", "slice_attention", "embedding_map", "probes", "diagnosis", "age"]
PAPER_FIGURES = ["generated", "interpolation_gap", "training_curves_paper", "probes_paper"]
if CONFIG.models_from:  # nothing is trained: no losses, no slow system to compare with
    PAPER_TABLES = ["interpolation", "generation"]
    FIGURES.remove("training_curves")
    PAPER_FIGURES = ["generated", "interpolation_gap"]


wildcard_constraints:
    shard=r"\d+",


def code_of(script):
    """Hash of a script and of all it imports, taken when a job needs it."""
    return lambda wildcards: hash_script(f"{workflow.basedir}/workflow_scripts/{script}", workflow.basedir)


def hash_text(file):
    """Hash of a file of the checkout; as an input it would count as another file in another checkout."""
    return hashlib.sha256(Path(workflow.basedir, file).read_bytes()).hexdigest()[:16]


SCRIPT = "../workflow_scripts/{params.script}"


def runs(script):
    """Params of rules that are made in a loop: the script and its hash."""
    return {"script": script, "code": code_of(script)}


def setting(place):
    """One setting by its place, such as "autoencoder.init_from"."""
    value = CONFIG
    for name in place.split("."):
        value = getattr(value, name)
    return value


def named_file(place):
    """The file of weights that a setting names, or None."""
    path, network = setting(place), place.split(".")[0]
    if path == PUBLISHED:
        return expect_published(place, PUBLISHED_AS[place], CONFIG.weights_dir)
    return path and (initial_weights(path, network) if place in INITIAL else Path(path))


def contents(*files):
    """Hashes of files that may be there: another file of the same name, or one more, is another input."""
    return lambda wildcards: [file and hash_file(file)[:16] for file in files]


def reads_weights(**files):
    """Params for measuring with weights of others: the files by name, and what they hold."""
    # A function of `input`, for Snakemake compares no such param: files that were moved are the same.
    return {"files": lambda wildcards, input: files, "contents": contents(*files.values())}


def starts_from(stage):
    """Params of a training: the weights of others that it reads, and what all that it starts from holds."""
    pretrained = named_file(PRETRAINED[stage]) if stage in PRETRAINED else None
    places = [place for place in INITIAL if place.split(".")[0] == stage]
    return {
        "pretrained": lambda wildcards, input: pretrained,
        "starts": contents(*map(named_file, places), pretrained),
    }


def how_computed(stage):
    """How a training is computed, which is no part of its section's plain dict."""
    training = getattr(CONFIG, stage).training
    return {"training": {name: getattr(training, name) for name in ("devices", "activation_checkpointing")}}


def computes(stage):
    """Params of a training that say how it is computed; for another way of it nothing is trained anew."""
    # Functions of `input`, for Snakemake compares no such param.
    training = getattr(CONFIG, stage).training
    return {
        "devices": lambda wildcards, input: training.devices,
        "compiled": lambda wildcards, input: training.compile,
        "save_every_minutes": lambda wildcards, input: training.save_every_minutes,
        "activation_checkpointing": lambda wildcards, input: training.activation_checkpointing,
    }


def needs(mem_mb, runtime):
    """Resources of a job: memory in MB, time in minutes; more of both after a failed attempt."""
    return {
        "mem_mb": lambda wildcards, attempt: mem_mb * attempt,
        "runtime": lambda wildcards, attempt: runtime * attempt,
    }


def planned(stage, **more):
    """Resources of a job of a stage as `ldae.planning` counts them; known once the split is, which its input holds."""

    def work(input):
        table = next(input[name] for name in ("scans", "dataset", "comparison") if name in input.keys())
        return plan_stage(CONFIG, stage, count_sides(table))

    return {
        "mem_mb": lambda wildcards, input, attempt: memory_mb(work(input).host_mb, attempt),
        "gpu_mem_mb": lambda wildcards, input, attempt: memory_mb(work(input).gpu_mb, attempt),
        "runtime": lambda wildcards, input, attempt: runtime_min(work(input), CONFIG, attempt),
        **more,
    }


def further_jobs(stage):
    """How often a training goes on where the time limit of a job stopped it; None leaves it to the profile."""
    return jobs_of(plan_stage(CONFIG, stage, Sides(0, 0, 0)), CONFIG) - 1 or None


def histories(*stages):
    """The losses of some trainings, by stage."""
    return {stage: f"results/training/{stage}.csv" for stage in stages}


def section(*keys, of=CONFIG):
    """Plain dicts of sections, or of one setting ("sampling.solver"), so that unpickling a param needs no `ldae`."""
    parts = {}
    for name, _, inner in (key.partition(".") for key in keys):
        part = getattr(of, name)
        if inner:
            parts[name] = parts.get(name, {}) | section(inner, of=part)
        else:
            parts[name] = part.model_dump() if hasattr(part, "model_dump") else part
    return parts


def evaluation(*keys):
    """Parts of the section `evaluation`: changing a probe's setting leaves reconstructions alone."""
    return {"evaluation": section(*keys, of=CONFIG.evaluation)}


def check_paths():
    """Fail before hours are spent where the configuration points to nothing."""
    paths = {f"cohort.{key}": getattr(CONFIG.cohort, key) for key in CONFIG.cohort.folders}
    if not CONFIG.models_from:  # a training starts from them
        paths |= {key: named_file(key) for key in PUBLISHED_AS}
    paths |= {
        "models_from": CONFIG.models_from,
        "evaluation.generation.medicalnet_weights": CONFIG.evaluation.generation.medicalnet_weights,
        "qc_overrides": CONFIG.qc_overrides,
        "split.file": CONFIG.split.file,
    }
    paths |= {f"evaluation.external_encoders: {name}": encoder.file for name, encoder in EXTERNAL.items()}
    initial = {} if CONFIG.models_from else {key: named_file(key) for key in INITIAL}
    paths |= initial
    for what, path in {"the checkout": workflow.basedir, "the working directory": os.getcwd(), **paths}.items():
        check_braces(what, path)
    for key, path in paths.items():
        if key in initial and path and Path(path).resolve().parent == Path("results/models").resolve():
            cure = "copy the folder elsewhere, or export it with `ldae export`, and give that one"
            raise UserError(f"{key}: {path}", "weights that this run does not write itself", "its own", cure)
        if path and not Path(path).exists():
            found = f"nothing there (seen from {Path.cwd()})"
            raise UserError(f"{key}: {path}", "an existing path", found, "correct the path")


def check_published():
    """Fail as early where a published file is damaged."""
    places = [] if CONFIG.models_from else [place for place in PUBLISHED_AS if setting(place) == PUBLISHED]
    for file in {*LPIPS_FILES.values(), *map(named_file, places)} - {None}:
        check_content(file, file)


def runs_elsewhere():
    """Whether jobs are sent to a cluster, which no Snakefile is told while it is read."""
    named = {argument.split("=")[0] for argument in sys.argv}
    return bool(named & {"--executor", "-e", "--profile"}) or "SNAKEMAKE_PROFILE" in os.environ


check_paths()
config["told"] = describe_cohort(CONFIG)  # for the captions
if workflow.is_main_process:  # and not in each job
    check_published()
    if not runs_elsewhere() and "mem_mb" not in workflow.global_resources:  # what jobs ask for in all fits in here
        workflow.register_resource("mem_mb", os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 10**6)
    if warning := warn_of_size(CONFIG):
        logger.warning(f"WARNING: {warning}")
