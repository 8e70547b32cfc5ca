"""The features that a learnt representation has to beat, of every scan."""

import _rule  # first: puts this checkout on the path

import torch
from _model import load_ldae

from ldae.config.models import EncoderConfig
from ldae.config.preprocessing import PreprocessingConfig
from ldae.data.labels import read_dataset
from ldae.evaluation.features.embeddings import write_embeddings
from ldae.evaluation.measure.extractors import baselines
from ldae.files import read_table

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        torch.set_num_threads(snakemake.threads)
        dataset = read_dataset(snakemake.input.dataset)
        qc = read_table(snakemake.input.qc, dtype={"subject": str, "session": str})
        sections, batch_size = snakemake.params.ldae, snakemake.params.batch_size
        mean_image = load_ldae(snakemake.input.models, sections).representation.semantic_encoder.mean_image
        people = baselines.demographics(dataset)
        for output, embeddings in (
            ("mean", baselines.constant(dataset)),
            ("age_sex", people),
            ("age_sex_volume", baselines.with_brain_volume(people, qc)),
            ("volumes", baselines.volumes(dataset, qc, PreprocessingConfig(**sections["preprocessing"]), batch_size)),
            ("pca", baselines.voxel_components(dataset, batch_size)),
            (
                "untrained",
                baselines.untrained(
                    dataset,
                    EncoderConfig(**sections["encoder"]),
                    mean_image,
                    snakemake.params.seed,
                    batch_size,
                ),
            ),
        ):
            write_embeddings(snakemake.output[output], embeddings)
