"""What a run takes, before it starts: counted from the configuration by arithmetic, where Snakemake alone can do it."""
