"""Draw what the linear probes give."""

import _rule  # first: puts this checkout on the path

from ldae.report.probes import draw_probes

if __name__ == "__main__":
    with _rule.job(snakemake):
        draw_probes(snakemake.input[0], snakemake.output[0], phantom=snakemake.params.phantom)
