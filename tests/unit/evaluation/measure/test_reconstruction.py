import types
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from ldae.config.names import AUTOENCODER, LDAE
from ldae.config.partial import partial_config
from ldae.data.volumes import read_volumes
from ldae.errors import UserError
from ldae.evaluation.features.embeddings import extract_embeddings, write_embeddings
from ldae.evaluation.measure import reconstruction
from ldae.evaluation.measure.lpips import SMALLEST_SIDE, Lpips
from ldae.evaluation.measure.metrics import ssim
from ldae.evaluation.measure.reconstruction import (
    ENCODED,
    OTHER,
    SEMANTIC,
    ReconstructionPlan,
    choose_examples,
    measure_reconstruction,
    reconstruct,
    scan_noise,
    semantic_codes,
)
from ldae.evaluation.measure.selection import scans_of
from tests.unit.evaluation.kept import no_lpips, write_sidecars
from tests.unit.evaluation.systems import NO_LPIPS

PLAN = ReconstructionPlan(steps=[10, 20], compared_steps=20, solver="2m", seed=3)
SHOWN = [0, 3, 5]


@pytest.fixture
def test(scans):
    """The test scans: eight of six subjects, ADNI0test and ADNI2test twice."""
    return scans_of(scans, "test")


@pytest.fixture
def embeddings(fake_ldae, scans):
    made = extract_embeddings(fake_ldae.encode_semantic, scans, 4, "ldae")
    fake_ldae.image_encodings = 0
    return made


def run(ldae, test, embeddings, plan=PLAN, batch_size=3, lpips=NO_LPIPS, shown=SHOWN):
    return reconstruct(ldae, test, embeddings, plan, batch_size=batch_size, shown=shown, lpips=lpips)


def start(table, name, steps=20):
    """The rows of one way, by scan."""
    chosen = table[(table["start"] == name) & ((table["steps"] == steps) | (name == ""))]
    return chosen.set_index(["subject", "session"])


def test_a_perfect_model_rebuilds_perfectly_and_encodes_each_scan_once(fake_ldae, test, embeddings):
    table, _ = run(fake_ldae, test, embeddings)
    assert fake_ldae.image_encodings == len(test) == 8
    counts = table.groupby(["model", "start", "steps"], dropna=False).size()
    assert counts.to_dict() == pytest.approx(
        {
            (AUTOENCODER, "", pd.NA): 8,
            **{(LDAE, name, steps): 8 for name in (ENCODED, SEMANTIC) for steps in (10, 20)},
            (LDAE, OTHER, 20): 8,
        }
    )
    exact = table[table["start"].isin(["", ENCODED])]
    np.testing.assert_allclose(exact["mse"], 0, atol=1e-12)
    np.testing.assert_allclose(exact["ssim"], 1, atol=1e-4)
    assert (table.loc[table["start"] == SEMANTIC, "mse"] > 0.5).all()  # unit noise instead of the scan's own rest
    assert table["z_T_std"].notna().eq(table["start"] == ENCODED).all()
    assert "diagnosis" not in table


def test_each_row_holds_its_own_scans_values(fake_ldae, test, embeddings):
    """Errors that differ from scan to scan, on both sides of the decoder, come back beside the right scan."""
    fake_ldae.decode_image = lambda z_0: z_0 * 1.5
    table, _ = run(fake_ldae, test, embeddings)
    images = read_volumes(test["path"].tolist())
    wanted = pd.Series((0.5 * images).square().mean((1, 2, 3, 4)).numpy(), pd.MultiIndex.from_frame(test.iloc[:, :2]))
    for name in ("", ENCODED):
        np.testing.assert_allclose(start(table, name)["mse"].reindex(wanted.index), wanted, rtol=1e-4)
        for column, window in (("ssim", 11), ("ssim_win3", 3)):
            similarity = ssim(images * 1.5, images, window)
            np.testing.assert_allclose(start(table, name)[column].reindex(wanted.index), similarity, rtol=1e-4)
    own_mean = images.mean((1, 2, 3, 4), keepdim=True)
    spread = (images - own_mean).flatten(1).std(1)
    np.testing.assert_allclose(start(table, ENCODED)["z_T_std"].reindex(wanted.index), spread, rtol=1e-4)


def test_the_batch_size_changes_nothing_but_the_seed_does(fake_ldae, test, embeddings):
    first, second = (run(fake_ldae, test, embeddings, batch_size=size)[0] for size in (2, 7))
    pd.testing.assert_frame_equal(first, second)
    reseeded = run(fake_ldae, test, embeddings, ReconstructionPlan([10, 20], 20, "2m", seed=4))[0]
    changed = first["mse"] != reseeded["mse"]
    assert changed[first["start"].isin([SEMANTIC, OTHER])].all()
    assert not changed[first["start"].isin(["", ENCODED])].any()


def test_a_scans_noise_is_unit_noise_of_its_own(test):
    noise = scan_noise(test, torch.Size((8, 2, 12, 14, 12)), 3)
    assert noise.shape == (8, 2, 12, 14, 12)
    assert abs(float(noise.mean())) < 0.02
    assert float(noise.std()) == pytest.approx(1, abs=0.02)
    assert len(torch.unique(noise[:, 0, 0, 0, 0])) == 8  # of two visits of a subject as well
    torch.testing.assert_close(noise[5:6], scan_noise(test[5:6], torch.Size((1, 2, 12, 14, 12)), 3))


def test_own_and_other_code_start_from_the_same_noise_with_their_own_means(fake_ldae, test, embeddings):
    """What is rebuilt is noise + mean of a code, so each MSE is known."""
    table, _ = run(fake_ldae, test, embeddings)
    images = read_volumes(test["path"].tolist())
    noise = scan_noise(test, images.shape, PLAN.seed)
    means = images.mean((1, 2, 3, 4), keepdim=True)
    firsts = test.drop_duplicates("subject").index
    following = dict(zip(test["subject"][firsts], np.roll(firsts, -1), strict=True))
    others = means[[following[subject] for subject in test["subject"]]]
    index = pd.MultiIndex.from_frame(test[["subject", "session"]])
    for name, mean in ((SEMANTIC, means), (OTHER, others)):
        wanted = (noise + mean - images).square().mean((1, 2, 3, 4))
        np.testing.assert_allclose(start(table, name)["mse"].reindex(index), wanted, rtol=1e-4)


def test_the_other_code_is_that_of_the_next_subjects_first_scan(test, embeddings):
    shuffled = test.iloc[[4, 0, 7, 2, 1, 3, 6, 5]].reset_index(drop=True)
    own, other = semantic_codes(shuffled, embeddings)
    table = embeddings.table.assign(code=embeddings.features[:, 0]).set_index(["subject", "session"])["code"]
    for row, code in zip(shuffled.itertuples(), own[:, 0].tolist(), strict=True):
        assert code == pytest.approx(table[row.subject, row.session])
    firsts = shuffled.drop_duplicates("subject").set_index("subject")["session"]
    order = sorted(firsts.index)
    for row, code in zip(shuffled.itertuples(), other[:, 0].tolist(), strict=True):
        partner = order[(order.index(row.subject) + 1) % len(order)]
        assert code == pytest.approx(table[partner, firsts[partner]])
    alone = test[test["subject"] == "ADNI0test"].reset_index(drop=True)
    assert len(alone) == 2
    assert semantic_codes(alone, embeddings)[1] is None


def test_a_single_subject_has_no_rows_of_another(fake_ldae, test, embeddings):
    alone = test[test["subject"] == "ADNI0test"].reset_index(drop=True)
    table, _ = run(fake_ldae, alone, embeddings, shown=[0])
    assert OTHER not in set(table["start"])


def test_solver_and_steps_reach_both_ways(fake_ldae, test, embeddings, monkeypatch):
    seen = []

    def walk(z, y_sem, steps, solver):
        seen.append((steps, solver))
        return z

    monkeypatch.setattr(fake_ldae, "encode_stochastic", walk, raising=False)
    monkeypatch.setattr(fake_ldae, "decode_stochastic", walk, raising=False)
    table, _ = run(fake_ldae, test[:1], embeddings, ReconstructionPlan([5], 7, "ddim", 3), shown=[0])
    assert seen == [(5, "ddim")] * 3 + [(7, "ddim")] * 3
    assert set(table.loc[table["model"] == LDAE, "steps"]) == {5, 7}
    assert set(table.loc[table["model"] == LDAE, "solver"]) == {"ddim"}


def test_lpips_is_that_of_each_reconstruction(fake_ldae, test, embeddings, monkeypatch):
    monkeypatch.setitem(SMALLEST_SIDE, "vgg", 12)
    fake_ldae.autoencoder_error = 0.25
    lpips = Lpips({"vgg": lambda rebuilt, scan: (rebuilt - scan).flatten(1).mean(1)})
    table, _ = run(fake_ldae, test, embeddings, lpips=lpips)
    np.testing.assert_allclose(start(table, "")["lpips_vgg"], 0.25, rtol=1e-4)
    assert (table["note"] == "").all()


def test_embeddings_of_other_scans_are_refused(fake_ldae, test, embeddings):
    with pytest.raises(UserError, match="ADNI0testx"):
        run(fake_ldae, test.assign(subject=test["subject"] + "x"), embeddings)


def test_the_examples_are_of_different_subjects_and_diagnoses(dataset):
    test = scans_of(dataset, "test")
    assert test.loc[choose_examples(test, 3), "diagnosis"].tolist() == ["CN", "AD", "MCI"]
    four = test.loc[choose_examples(test, 4)]
    assert sorted(four["diagnosis"]) == ["AD", "AD", "CN", "MCI"]
    assert four["subject"].is_unique
    assert (four["session"] == "M000").all()
    assert len(choose_examples(test, 50)) == 6


def test_the_figures_volumes_are_those_of_the_rows_shown(fake_ldae, test, embeddings):
    fake_ldae.autoencoder_error = 0.1
    _, examples = run(fake_ldae, test, embeddings, batch_size=2)
    images = read_volumes(test["path"][SHOWN].tolist())[:, 0].numpy()
    assert set(examples) == {"scan", "autoencoder", "ldae", "y_sem_only", "subject", "session"}
    np.testing.assert_array_equal(examples["scan"], images)
    np.testing.assert_allclose(examples["autoencoder"], images + 0.1, atol=1e-6)
    np.testing.assert_allclose(examples["ldae"], images + 0.1, atol=1e-6)
    assert abs(examples["y_sem_only"] - examples["scan"]).max() > 1
    assert examples["subject"].tolist() == test["subject"][SHOWN].tolist()
    assert examples["session"].tolist() == test["session"][SHOWN].tolist()


def test_the_figures_volumes_come_in_the_order_asked_for(fake_ldae, test, embeddings):
    _, examples = run(fake_ldae, test, embeddings, batch_size=2, shown=[5, 0, 3])
    images = read_volumes(test["path"][[5, 0, 3]].tolist())[:, 0].numpy()
    for name in ("scan", "autoencoder", "ldae"):
        np.testing.assert_allclose(examples[name], images, atol=1e-6)
    assert examples["subject"].tolist() == test["subject"][[5, 0, 3]].tolist()


def test_the_examples_are_of_the_compared_number_of_steps(fake_ldae, test, embeddings, monkeypatch):
    monkeypatch.setattr(
        fake_ldae, "decode_stochastic", lambda z, y_sem, steps, solver: torch.full_like(z, steps), raising=False
    )
    plan = ReconstructionPlan([5, 30], 11, "2m", 3)
    _, examples = run(fake_ldae, test, embeddings, plan)
    assert (examples["ldae"] == 11).all()
    assert (examples["y_sem_only"] == 11).all()


def test_the_rule_reads_scans_and_chooses_examples_by_labels(
    fake_ldae, dataset, scans, embeddings, tmp_path, monkeypatch
):
    """Everything the configuration says arrives; a corrected diagnosis moves the figure, not the measurement."""
    monkeypatch.setattr(
        reconstruction, "LatentDiffusionAutoencoder", types.SimpleNamespace(load=lambda folder, config: fake_ldae)
    )
    monkeypatch.setattr(reconstruction, "load_lpips", no_lpips)
    settings = {"batch_size": 3, "figure_scans": 2, "reconstruction": {"steps": [6]}, "lpips_nets": ["vgg"]}
    grid = {"grid_shape": (12, 14, 12), "grid_spacing_mm": 3.0, "grid_center_mm": (1.0, 2.0, 3.0)}
    sampling = {"steps": 9, "solver": "ddim"}
    config = partial_config({"seed": 5, "sampling": sampling, "evaluation": settings, "preprocessing": grid})
    models, files = write_sidecars(tmp_path), {"vgg": None}
    scans.to_csv(tmp_path / "scans.csv", index=False)
    write_embeddings(tmp_path / "ldae.npz", replace(embeddings, weights_sha256="first representation"))
    outputs = []
    corrected = dataset.assign(diagnosis=dataset["diagnosis"].mask(dataset["subject"] == "ADNI1test", "CN"))
    for name, labels in (("first", dataset), ("second", corrected)):
        labels.to_csv(tmp_path / "dataset.csv", index=False)
        written = {"measured": tmp_path / f"{name}.csv", "examples": tmp_path / f"{name}.npz"}
        inputs = (tmp_path / part for part in ("scans.csv", "dataset.csv", "ldae.npz"))
        kept = {"parts_dir": tmp_path / "parts", "code": "c"}
        measure_reconstruction(*inputs, models, config, files, **written, **kept)
        with np.load(written["examples"]) as arrays:
            outputs.append((pd.read_csv(written["measured"]), dict(arrays)))
    (table, examples), (again, others) = outputs
    pd.testing.assert_frame_equal(table, again)
    assert examples["subject"].tolist() != others["subject"].tolist()
    assert len(examples["scan"]) == 2
    np.testing.assert_allclose(examples["affine"] @ [0, 0, 0, 1], [-15.5, -17.5, -13.5, 1])
    plan = ReconstructionPlan([6], 9, "ddim", 5)
    wanted, _ = run(fake_ldae, scans_of(scans, "test"), embeddings, plan)
    np.testing.assert_allclose(table["mse"], wanted["mse"])
    assert set(table["note"]) == {f"no vgg in {files} for cpu"}
    assert table["lpips_vgg"].isna().all()
