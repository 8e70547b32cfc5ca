"""Draw the pictures of one shard of scans."""

import _rule  # first: puts this checkout on the path

from ldae.preprocessing.pictures import draw_pictures

if __name__ == "__main__":
    with _rule.job(snakemake, private=True):
        draw_pictures(
            snakemake.input.manifest,
            snakemake.output.table,
            snakemake.params.output_dir,
            code=snakemake.params.code,
            workers=snakemake.threads,
        )
