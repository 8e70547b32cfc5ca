import numpy as np
import pytest
import torch
from torch import nn

from ldae.data.volumes import read_volumes
from ldae.errors import UserError
from ldae.evaluation.features.embeddings import read_embeddings
from ldae.evaluation.features.external import embed_with_external
from tests.unit.evaluation.conftest import SHAPE


class Means(nn.Module):
    """Means of the planes from right to left; a scan brighter than the limit gives NaN, or half a code."""

    def __init__(self, limit: float, shorter: bool) -> None:
        super().__init__()
        self.limit, self.shorter = limit, shorter

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        code = x.mean(dim=[1, 3, 4])
        if bool(x.mean() > self.limit):
            return code[:, ::2] if self.shorter else code / 0.0 * 0.0
        return code


@pytest.fixture
def embed(scans, tmp_path):
    scans.to_csv(tmp_path / "scans.csv", index=False)

    def run(batch_size, limit=2.0, shorter=False):
        torch.jit.script(Means(limit, shorter)).save(tmp_path / "theirs.ts")
        output = tmp_path / "external_theirs.npz"
        embed_with_external(tmp_path / "scans.csv", tmp_path / "theirs.ts", SHAPE, "flatten", batch_size, output)
        return read_embeddings(output)

    return run


def test_every_scan_has_the_code_that_the_encoder_gives_it_whatever_the_batch(embed, scans):
    wanted = read_volumes(list(scans["path"])).mean((1, 3, 4)).numpy()
    for batch_size in (1, 4):
        found = embed(batch_size)
        np.testing.assert_allclose(found.features, wanted, rtol=1e-5)
        assert found.table["subject"].tolist() == scans["subject"].tolist()
        assert not found.fitted_to and not found.nested


@pytest.mark.parametrize("shorter, expected", [(False, "a finite code"), (True, "a code of 12 numbers")])
def test_a_code_of_no_use_names_the_scan_and_the_setting(embed, scans, shorter, expected):
    means = read_volumes(list(scans["path"])).mean((1, 2, 3, 4))
    with pytest.raises(UserError, match=expected) as error:
        embed(1, limit=float(means.sort().values[-2]), shorter=shorter)
    assert error.value.where == scans["path"][int(means.argmax())]
    assert "theirs.ts" in error.value.cure and "evaluation.external_encoders" in error.value.cure
