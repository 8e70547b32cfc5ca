"""What a run takes, before it starts: counted from the configuration by arithmetic alone, for Snakemake plans with it."""
