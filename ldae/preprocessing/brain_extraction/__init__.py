"""One module per engine, each with `extract` (volume to mask) and `record` (what made the mask)."""
