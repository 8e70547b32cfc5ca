"""The codes that an encoder from outside gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ldae.config.evaluation import OutputForm
from ldae.data.scans import read_scans
from ldae.evaluation.features.embeddings import extract_embeddings, write_embeddings
from ldae.systems.external import SETTINGS, load_external


def embed_with_external(
    scans: str | Path,
    encoder: str | Path,
    input_shape: Sequence[int],
    output_form: OutputForm,
    batch_size: int,
    output: str | Path,
) -> None:
    """Encode every scan of `scans.csv` with an encoder from outside.

    Parameters
    ----------
    scans, encoder, output : path
        The table of scans, the TorchScript file, the NPZ to write.
    input_shape, output_form : (D, H, W), "flatten" or "average"
        As in `ldae.systems.external.load_external`.
    batch_size : int
        Scans per batch.
    """
    encode, label = load_external(encoder, input_shape, output_form), Path(encoder).name
    cure = f"take another encoder, or leave this one, {encoder}, out of {SETTINGS}"
    write_embeddings(output, extract_embeddings(encode, read_scans(scans), batch_size, label, cure))
