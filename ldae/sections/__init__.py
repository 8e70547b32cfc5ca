"""The sections of config.yaml, each a frozen model."""
