"""The workflow's shell: style, declarations, profiles, named targets and messages; nothing is trained here."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.rules import script_rules
from tests.workflow.conftest import ROOT, Workflow

RULES = script_rules()


def test_snakemake_lint_finds_nothing(fresh):
    assert "Congratulations" in fresh.run("--lint")


def test_snakefmt_finds_nothing():
    subprocess.run([Path(sys.executable).parent / "snakefmt", "--check", "Snakefile", "rules"], cwd=ROOT, check=True)


def test_the_snakefile_stays_short():
    assert len((ROOT / "Snakefile").read_text(encoding="utf-8").splitlines()) < 60


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_declares_what_a_cluster_needs(rule):
    declared = RULES[rule]
    assert declared.log and declared.benchmark and declared.message and declared.docstring
    assert declared.conda_env == str(ROOT / "envs" / "ldae.yaml")
    assert {"_cores", "mem_mb", "runtime"} <= set(declared.resources)


def test_the_default_run_is_the_phantom_from_dicom_to_tables(fresh):
    plan = fresh.plan()
    assert {"phantom", "check", "bids", "dataset", "autoencoder", "latents", "ldm", "representation"} <= set(plan)
    assert plan["preprocess"] == yaml.safe_load((ROOT / "config.yaml").read_text())["cohort"]["shards"]
    assert {"embeddings", "table_downstream", "table_reconstruction", "table_phantom_truth"} <= set(plan)


@pytest.mark.parametrize(
    "target, last, not_yet",
    [
        ("bids", "bids", "preprocess"),
        ("preprocess_all", "dataset", "autoencoder"),
        ("ldm", "ldm", "representation"),
        ("representation", "representation", "embeddings"),
        ("downstream", "table_downstream", "measure_reconstruction"),
    ],
)
def test_a_stage_is_a_target_by_name(fresh, target, last, not_yet):
    plan = fresh.plan(target)
    assert last in plan
    assert not_yet not in plan


@pytest.fixture
def paper(fresh, monkeypatch):
    """The paper's preset, with an empty cache of torch hub."""
    monkeypatch.setenv("TORCH_HOME", str(fresh.directory.parent / "torch"))
    return Workflow(ROOT, fresh.directory, (ROOT / "presets" / "paper.yaml",))


def test_the_paper_preset_plans_the_same_stages(paper, fresh, tmp_path):
    (tmp_path / "weights.pth").touch()
    named = "encoder: {{backbone_weights: {0}}}\nautoencoder: {{perceptual_weights: {0}}}\n".format("../weights.pth")
    assert set(paper.with_overlay(tmp_path / "named.yaml", named).plan()) == set(fresh.plan())


def test_the_paper_preset_is_refused_without_the_published_weights(paper):
    output = paper.run("--cores", "1", "--dry-run", check=False)
    assert "autoencoder.perceptual_weights: published" in output and "expected: SqueezeNet 1.1 on ImageNet" in output
    assert "ldae fetch-weights --into weights;" in output and "Traceback" not in output


@pytest.mark.parametrize("damaged", ["squeezenet1_1-b8a52dc0.pth", "convnext_small-0c510722.pth"])
def test_a_damaged_published_file_is_refused_at_the_dry_run(paper, damaged, tmp_path):
    (paper.directory / "weights").mkdir()
    (paper.directory / "weights" / damaged).write_bytes(b"half of it")
    (tmp_path / "weights.pth").touch()
    other = {"sq": "encoder: {backbone_weights: ../weights.pth}", "co": "autoencoder: {perceptual_weights: null}"}
    output = paper.with_overlay(tmp_path / "o.yaml", other[damaged[:2]]).run("--cores", "1", "--dry-run", check=False)
    assert f"weights/{damaged}" in output and "a file whose SHA-256 begins with" in output


def test_the_demos_grid_is_warned_of_where_scans_are_real(fresh, tmp_path):
    for folder in ("images", "clinical"):
        (tmp_path / folder).mkdir()
    own = f"cohort:\n  source: adni\n  dicom_dir: {tmp_path}/images\n  clinical_dir: {tmp_path}/clinical\n"
    warned = fresh.with_overlay(tmp_path / "own.yaml", own).run("--dry-run", "--cores", "1")
    assert warned.count("real scans on voxels of 5 mm") == 1
    assert "real scans" not in fresh.run("--dry-run", "--cores", "1")


def test_a_pilot_grows_and_leaves_the_download_alone(fresh, tmp_path):
    inventory, subjects = "results/cohort/inventory.csv", {}
    small = fresh.with_overlay(tmp_path / "small.yaml", "phantom: {subjects: 8}\n")
    for count in (2, 4):
        pilot = small.with_overlay(tmp_path / "pilot.yaml", f"cohort: {{subjects: {count}}}\n")
        output = pilot.run("--cores", "1", inventory)
        rows = pd.read_csv(fresh.directory / inventory)
        subjects[count] = set(rows["subject"])
    assert len(subjects[2]) == 2 and subjects[2] < subjects[4] and len(subjects[4]) == 4
    assert "fabricate" not in output
    wrong = small.with_overlay(tmp_path / "pilot.yaml", "cohort: {subjects: [nobody]}\n")
    assert "1 that are not: nobody" in wrong.run("--cores", "1", inventory, check=False)


def test_own_data_is_two_paths_and_no_phantom(fresh, tmp_path):
    for folder in ("images", "clinical"):
        (tmp_path / folder).mkdir()
    own = f"cohort:\n  source: adni\n  dicom_dir: {tmp_path}/images\n  clinical_dir: {tmp_path}/clinical\n"
    plan = fresh.with_overlay(tmp_path / "own.yaml", own).plan()
    assert "table_downstream" in plan
    assert not {"phantom", "table_phantom_truth"} & set(plan)


def test_the_slurm_profile_plans_and_sends_gpu_rules_to_a_gpu(fresh):
    profile = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text(encoding="utf-8"))
    assert set(profile["set-resources"]) == {name for name, rule in RULES.items() if "gpu" in rule.resources}
    for resources in profile["set-resources"].values():
        assert resources == {"slurm_partition": "gpu"}
    assert "table_downstream" in fresh.run("--dry-run", "--profile", str(ROOT / "profiles" / "slurm"))


@pytest.mark.parametrize(
    "overlay, said",
    [
        ("split:\n  sead: 1\n", "split.sead: Extra inputs are not permitted"),
        ("autoencoder:\n  learning_rate: fast\n", "autoencoder.learning_rate: Input should be a valid number"),
        ("cohort: {source: adni, dicom_dir: /no/such/folder, clinical_dir: /}\n", "cohort.dicom_dir: /no/such/folder"),
        ("encoder:\n  backbone_weights: none.pth\n", "encoder.backbone_weights: none.pth"),
        ("ldm:\n  init_from: none\n", "ldm.init_from: none"),
        ("ldm:\n  init_from: results/models/ldm.safetensors\n", "ldm.init_from: results/models"),
    ],
    ids=["unknown key", "wrong type", "wrong folder", "no weights", "no start", "its own start"],
)
def test_a_bad_configuration_stops_at_once_with_one_message(fresh, tmp_path, overlay, said):
    output = fresh.with_overlay(tmp_path / "bad.yaml", overlay).run("--cores", "1", check=False)
    assert output.count(said) == 1
    assert "expected:" in output
    assert "cure:" in output
    assert not (fresh.directory / "results").exists()


def test_a_job_unpickles_its_params_and_finds_its_checkout_without_ldae_installed(tmp_path):
    """As in an environment made by --use-conda: nothing but the script's own folder is added to the path."""
    shutil.copytree(ROOT / "ldae", tmp_path / "ldae", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "workflow_scripts", tmp_path / "workflow_scripts")
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text(encoding="utf-8"))
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    (tmp_path / "workflow_scripts" / "where.py").write_text(
        "import sys\n"
        "params = snakemake.params.config\n"
        "assert not any(name.startswith('ldae') for name in sys.modules), 'unpickling params imported ldae'\n"
        "import _rule\n"
        "import ldae\n"
        "from pathlib import Path\n"
        "Path(snakemake.output[0]).write_text(str(Path(ldae.__file__).resolve()) + str(params['seed']))\n"
    )
    (tmp_path / "Snakefile").write_text(
        'configfile: f"{workflow.basedir}/config.yaml"\n'
        'include: "rules/common.smk"\n'
        "rule where:\n"
        '    output: "where.txt"\n'
        '    params: config=section("seed", "ldm", "preprocessing"),\n'
        '    script: "workflow_scripts/where.py"\n'
    )
    directory = tmp_path / "elsewhere"
    directory.mkdir()
    Workflow(tmp_path, directory).run("--cores", "1")
    assert (directory / "where.txt").read_text() == f"{(tmp_path / 'ldae' / '__init__.py').resolve()}0"
