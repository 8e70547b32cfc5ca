import types

import numpy as np

from ldae.evaluation.features import system_codes, y_sem
from ldae.evaluation.features.embeddings import read_embeddings
from ldae.files import hash_file

CONFIG = types.SimpleNamespace(evaluation=types.SimpleNamespace(batch_size=3))


def batches(scans):
    """Scans in each batch of three."""
    return [min(3, len(scans) - start) for start in range(0, len(scans), 3)]


def test_every_scan_of_the_table_is_encoded_with_the_model_of_the_folder(fake_ldae, scans, tmp_path, monkeypatch):
    asked = []

    def load(folder, config):
        asked.append((folder, config))
        return fake_ldae

    monkeypatch.setattr(y_sem, "LatentDiffusionAutoencoder", types.SimpleNamespace(load=load))
    scans.to_csv(tmp_path / "scans.csv", index=False)
    (tmp_path / "representation.safetensors").write_bytes(b"weights")
    y_sem.embed_with_ldae(tmp_path / "scans.csv", tmp_path, CONFIG, tmp_path / "ldae.npz")
    found = read_embeddings(tmp_path / "ldae.npz")
    assert found.table["subject"].tolist() == scans["subject"].tolist()
    assert found.features.shape == (len(scans), 2)
    assert asked == [(tmp_path, CONFIG)]
    assert found.weights_sha256 == hash_file(tmp_path / "representation.safetensors")
    assert fake_ldae.batches == batches(scans)


def test_the_file_of_the_weights_tells_the_system(scans, tmp_path, monkeypatch, fake_ldae):
    asked = []

    def load_supervised(folder, task, config):
        asked.append((str(folder), task))
        return lambda images: fake_ldae.encode_semantic(images) + 7

    dae = types.SimpleNamespace(load=lambda folder, config: asked.append((str(folder), "dae")) or fake_ldae)
    monkeypatch.setattr(system_codes, "VoxelDiffusionAutoencoder", dae)
    monkeypatch.setattr(system_codes, "load_supervised", load_supervised)
    scans.to_csv(tmp_path / "scans.csv", index=False)
    for name in ("dae", "supervised_ad_cn", "supervised_age"):
        weights, output = tmp_path / f"{name}.safetensors", tmp_path / f"{name}.npz"
        weights.write_text(name)
        system_codes.embed_with_system(tmp_path / "scans.csv", weights, CONFIG, output)
    assert asked == [(str(tmp_path), name) for name in ("dae", "ad_cn", "age")]
    assert fake_ldae.batches == 3 * batches(scans)
    dae_codes, supervised = (read_embeddings(tmp_path / f"{name}.npz").features for name in ("dae", "supervised_age"))
    np.testing.assert_allclose(supervised, dae_codes + 7, rtol=1e-5)
